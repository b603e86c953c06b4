"""Compare two tables and reduce the differences to tuples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.expected_rows import Rows, row_shape
from sqlite_consolidate.engine.content.row_comparison import Comparison, compare_rows
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of, read_schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.row_differences import (
        DifferenceKind,
        RowDifferences,
    )


BY_NUMBER = "id INTEGER PRIMARY KEY, a, b"
BY_TEXT = "id TEXT PRIMARY KEY, a, b"
NO_KEY = "id, a, b"


def compared(
    con: sqlite3.Connection,
    columns: str,
    was: str,
    now: str,
    *,
    policies: Sequence[str] = ("refuse",),
    kept: int = 1_000_000,
    options: str = "",
) -> Comparison:
    """Compare a table with the rows ``was`` with a table with the rows ``now``.

    In ``was`` the word ``then`` separates the rows of several sources.
    """
    sources = was.split(" then ")
    for name, values in [*((f"was{index}", rows) for index, rows in enumerate(sources)), ("now", now)]:
        con.execute(f"CREATE TABLE {name}({columns}) {options}")
        if values.strip():
            con.execute(f"INSERT INTO {name} VALUES {values}")
    table = read_schema(con).table("now")
    assert table is not None
    names = [column.name for column in table.stored]
    rows = [
        Rows(con, f"SELECT id, a, b FROM was{index}", policy)
        for index, policy in zip(range(len(sources)), [*policies, *["refuse"] * len(sources)], strict=False)
    ]
    rowid = f", {table.rowid}" if table.rowid else ""
    observed = Rows(con, f"SELECT id, a, b{rowid} FROM now")
    return compare_rows(row_shape("now", names, keys_of(table)), rows, observed, kept=kept)


def named(differences: RowDifferences) -> list[tuple[DifferenceKind, tuple[str, ...], tuple[str, ...]]]:
    """Return kind, key and columns of each difference that is named."""
    return [
        (row.kind, tuple(part.value for part in row.key), tuple(column.column for column in row.columns))
        for row in differences.first
    ]


def numbers(differences: RowDifferences) -> tuple[int, int, int]:
    """Return the numbers of missing, extra and changed rows."""
    return differences.missing, differences.extra, differences.changed
