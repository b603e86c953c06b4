"""Count and compare what a copy of small databases did."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.checks.comparison import compare
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from tests.support.databases import Bench, Copied, content, failed_subjects

if TYPE_CHECKING:
    from collections import Counter


def read(bench: Bench, file: str, columns: list[str], rowid: str = "") -> Counter[tuple[Any, ...]]:
    """Read table t of a source."""
    with closing(open_readonly(bench.root / file)) as con:
        return content(con, "t", columns, rowid)


def last_counts(copied: Copied) -> tuple[int, int, int, int]:
    """Return the rows, inserted, skipped and replaced of the last mapping."""
    copied_table = copied.copied_tables[-1]
    return copied_table.rows, copied_table.inserted, copied_table.skipped, copied_table.replaced


def rows_are_exact(copied: Copied) -> bool:
    """Return whether the engine's comparison finds every row."""
    return failed_subjects(compare.rows_exact(copied.compared)) == []
