"""Find the rows in which two tables or whole databases differ."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.expected_rows import Rows, place_of_newer, row_shape
from sqlite_consolidate.engine.content.projection import Projection
from sqlite_consolidate.engine.content.row_comparison import compare_rows
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.schema.objects import Table, keys_of, read_schema
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import RowDifferences

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3

NOT_AVAILABLE = "the differing rows are not known, because the original rows are not available."
_SAME_ROWS = "All rows are equal. Statements, AUTOINCREMENT marks or the header differ."
_OTHER_DIGEST = "No row differs from the backup set in the columns that both have."


@dataclass(frozen=True)
class Side:
    """Hold the rows of one side of a comparison, as they are or have to be in the target.

    Attributes:
        con: Connection to the database.
        projection: Projection of its rows.
        policy: ``on_conflict`` of the table mapping that copies them.
        newer: The column that ``prefer-newer`` compares, or empty.
    """

    con: sqlite3.Connection
    projection: Projection
    policy: str = "refuse"
    newer: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """Return each column of the target to the SQL that reads it.

        The rowid is a column of its own where it counts.
        """
        rowid = self.projection.rowid
        return {_ROWID if column is rowid else column.name: column.source for column in self.projection.row}

    def rows(self, names: Sequence[str]) -> Rows:
        """Return the rows with the named columns.

        The rowid follows the columns where it is not a column itself.
        """
        by_name = {folded(name): expression for name, expression in self.columns.items()}
        expressions = [by_name[folded(name)] for name in names]
        if self.projection.rowid and self.projection.table.kind == "table" and not self.projection.table.alias:
            expressions.append(self.projection.rowid.source)
        query = self.projection.select_values(expressions)
        return Rows(self.con, query, self.policy, place_of_newer(self.projection.into, names, self.newer))


def compare_databases(
    expected: Path | sqlite3.Connection, observed: Path | sqlite3.Connection, limits: Limits | None = None
) -> RowDifferences:
    """Return in which rows two databases differ, table by table.

    Args:
        expected: The original or its backup.
        observed: The database that was compared with it.
        limits: Limits of the connections.
    """
    return differences_or_note(partial(compare_databases_or_raise, expected, observed, limits))


def differences_or_note(explain: Callable[[], RowDifferences]) -> RowDifferences:
    """Return the differences that a function finds, or a note why it failed.

    The comparison that is being explained keeps its result in both cases.
    """
    try:
        return explain()
    except ProblemError as error:
        return RowDifferences(note=" ".join(f"{problem.subject}: {problem.what}" for problem in error.problems))
    except Exception as error:  # noqa: BLE001 -- an error here must not hide the difference that is explained
        return RowDifferences(
            note=f"The differing rows are not known, because the comparison failed ({_error_name(error)})."
        )


def rows_unavailable(subject: str, fact: str) -> ProblemError:
    """Return the error that explains why rows are not available for a comparison."""
    hint = "Restore the backup set as the run left it, and check again."
    return ProblemError(Problem("rows-unavailable", subject, fact, hint))


def compare_databases_or_raise(
    expected: Path | sqlite3.Connection, observed: Path | sqlite3.Connection, limits: Limits | None
) -> RowDifferences:
    """Compare two databases as ``compare_databases`` does, but raise errors.

    Raises:
        ProblemError: A file is missing.
        sqlite3.Error: SQLite cannot read a side.
    """
    with ExitStack() as opened:
        before, now = (_connection(side, opened, limits) for side in (expected, observed))
        return _compare_open_databases(before, now)


def _connection(side: Path | sqlite3.Connection, opened: ExitStack, limits: Limits | None) -> sqlite3.Connection:
    if not isinstance(side, Path):
        return side
    if not side.is_file():
        raise rows_unavailable(side.name, NOT_AVAILABLE)
    return opened.enter_context(open_for_inspection(side, limits))


def _compare_open_databases(expected: sqlite3.Connection, observed: sqlite3.Connection) -> RowDifferences:
    before, now = read_schema(expected), read_schema(observed)
    differences = RowDifferences()
    for table in before.movable:
        counterpart = now.table(table.name)
        differences += (
            _compare_tables((expected, table), (observed, counterpart)) if counterpart else _missing_table(table)
        )
    extra = [table.name for table in now.movable if before.table(table.name) is None]
    if extra:
        differences += RowDifferences(note=f"Additional tables: {', '.join(extra)}.")
    return differences if differences.number or differences.note else replace(differences, note=_SAME_ROWS)


def _missing_table(table: Table) -> RowDifferences:
    return RowDifferences(note=f"Table {table.name} is missing.")


def _compare_tables(before: tuple[sqlite3.Connection, Table], now: tuple[sqlite3.Connection, Table]) -> RowDifferences:
    counts = before[1].counts_rowid and now[1].counts_rowid
    return compare_sides(before[1].name, [table_side(*before, counts=counts)], table_side(*now, counts=counts), same="")


def table_side(con: sqlite3.Connection, table: Table, *, counts: bool) -> Side:
    """Return the side of a comparison that reads a table under its own names."""
    return Side(con, Projection.of_table(table, with_rowid=counts))


_ROWID = "implicit rowid"


def compare_sides(name: str, expected: Sequence[Side], observed: Side, *, same: str = _OTHER_DIGEST) -> RowDifferences:
    """Compare the columns that all sides have, and name the other columns in a note."""
    sides = [{folded(column) for column in side.columns} for side in (*expected, observed)]
    common = [column for column in observed.columns if all(folded(column) in side for side in sides)]
    others = {column for side in sides for column in side} - {folded(column) for column in common}
    keys = [((_ROWID, "BINARY"),)] if _ROWID in common else keys_of(observed.projection.table)
    shape = row_shape(name, common, keys)
    differences = compare_rows(shape, [side.rows(common) for side in expected], observed.rows(common)).differences()
    if others:
        differences = replace(
            differences, note=f"Not compared, because one side lacks it: {', '.join(sorted(others))} of {name}."
        )
    return differences if differences.number or differences.note else replace(differences, note=same)


def _error_name(error: Exception) -> str:
    """Return the name of an error without its text.

    The text may hold a value or a path.
    """
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") or type(error).__name__
    reason = error.strerror if isinstance(error, OSError) else ""
    return reason or type(error).__name__
