"""Specify that originals do not miss the rows that a conflict policy drops."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison.compare import rows_counted, rows_exact
from sqlite_consolidate.plan.model import Plan

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

TABLE = "CREATE TABLE m(id INTEGER PRIMARY KEY, u UNIQUE, b);"
OURS, THEIRS = "(5, 'x', 'source'), (6, NULL, 'source')", "(1, 'x', 'target')"


def database(path: Path, rows: str) -> None:
    """Create a database with rows of the table m."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as con:
        con.executescript(f"{TABLE} INSERT INTO m VALUES {rows}")


@pytest.mark.parametrize(
    ("policy", "present", "expected"),
    [
        ("prefer-target", "(1, 'x', 'target'), (6, NULL, 'source')", True),
        ("prefer-source", "(5, 'x', 'source'), (6, NULL, 'source')", True),
        ("prefer-target", "(1, 'x', 'target')", False),
    ],
    ids=["dropped", "replaced", "lost"],
)
def test_row_dropped_for_another_key_is_not_missed(tmp_path: Path, policy: str, present: str, expected: bool) -> None:
    """The row 5 of the source has the unique value of the row 1 of the target."""
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    scratch.mkdir()
    database(kept / "a.db", OURS)
    database(kept / "target.db", THEIRS)
    database(tmp_path / "workspace" / "target.db", present)
    table = {"name": "m", "on_conflict": policy}
    source = {"name": "a", "file": "a.db", "table": [table]}
    plan = Plan.model_validate({"format": 1, "name": "hand", "target": "target.db", "source": [source]})

    with ExitStack() as stack:
        target = originals.copy_originals(plan, kept, tmp_path / "workspace", scratch)
        compared = originals.compare_with_originals(plan, scratch, target, stack)
        results = [*rows_counted(compared), *rows_exact(compared)]

    assert {result.holds for result in results if result.subject == "a.db:m -> m"} == {expected}
