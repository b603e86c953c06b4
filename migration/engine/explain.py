"""Explain a failed comparison by the rows that differ, as far as the rows from before are still there."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.connections import looking, open_new
from migration.engine.dump import load_dump
from migration.engine.move import fit
from migration.engine.projection import Projection
from migration.engine.row_comparison import Rows, compare_rows, shape_of
from migration.engine.row_differences import RowDifferences
from migration.engine.schema import keys_of, read
from migration.engine.sql import folded
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from migration.engine.limits import Limits
    from migration.engine.manifest import DatabaseCopy, Manifest
    from migration.engine.move import Move
    from migration.engine.schema import Table
    from migration.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

_NOT_AVAILABLE = "which rows differ is not known: the rows before are not available."
_SAME_ROWS = "Every row is as it was: statements, AUTOINCREMENT marks or the header differ."
_OTHER_DIGEST = "No row differs from the backup set in the columns that both have."


@dataclass(frozen=True)
class _Side:
    """Rows of one side of a comparison, as they are in the target or have to arrive there.

    Attributes:
        con: Connection to the database.
        projection: Of its rows.
        policy: ``on_conflict`` of the table map that brings them.
    """

    con: sqlite3.Connection
    projection: Projection
    policy: str = "refuse"

    @property
    def columns(self) -> dict[str, str]:
        """Column in the target to the SQL that reads it; the rowid is a column of its own where it counts."""
        rowid = self.projection.rowid
        return {_ROWID if column is rowid else column.name: column.source for column in self.projection.row}

    def rows(self, names: Sequence[str]) -> Rows:
        """Return its rows with the columns of those names, and with the rowid behind them where that is no column."""
        by_name = {folded(name): expression for name, expression in self.columns.items()}
        expressions = [by_name[folded(name)] for name in names]
        if self.projection.rowid and self.projection.table.kind == "table" and not self.projection.table.alias:
            expressions.append(self.projection.rowid.source)
        return Rows(self.con, self.projection.select(expressions), self.policy)


@dataclass(frozen=True)
class RowsBefore:
    """The rows that a consolidation began with, as its backup set and its archives hold them.

    Attributes:
        plan: What was to be done with them.
        sealed: The manifest of the backup set.
        folder: The backup set.
        root: The workspace, in which the archives are.
        limits: Of what is read.
    """

    plan: Plan
    sealed: Manifest
    folder: Path
    root: Path
    limits: Limits | None = None

    def table_in(self, con: sqlite3.Connection, name: str) -> RowDifferences:
        """Return in which rows a table of the target differs from what backups, archives and plan make of it.

        Args:
            con: Connection to the target; only read from.
            name: The table.
        """
        return unless_broken(partial(self._table_in, con, name))

    def table_of(self, target: Path, name: str) -> RowDifferences:
        """Return the same of a target that is opened for this, in one state of it."""
        return unless_broken(partial(self._table_of, target, name))

    def _table_of(self, target: Path, name: str) -> RowDifferences:
        with looking(target, self.limits) as con:
            con.execute("BEGIN")
            return self._table_in(con, name)

    def _table_in(self, con: sqlite3.Connection, name: str) -> RowDifferences:
        now = read(con).table(name)
        if now is None:
            return RowDifferences(note=f"The target has no table {name}.")
        with ExitStack() as opened:
            before = self._before(name, opened)
            moves = self._moves(now, opened, is_new=before is None)
            counts = moves[0][1].rowid_counts if moves else now.counts_rowid
            expected = [_side(*before, counts=counts)] if before else []
            expected += [_Side(source, Projection.of(move), move.map.on_conflict) for source, move in moves]
            return _differences(name, expected, _side(con, now, counts=counts))

    def _before(self, name: str, opened: ExitStack) -> tuple[sqlite3.Connection, Table] | None:
        """Return the table that the target had before the run, and a connection to its backup; None if it had none."""
        if not self.sealed.target_existed:
            return None
        con = self._open(self.sealed.target, opened)
        table = read(con).table(name)
        return (con, table) if table else None

    def _moves(self, into: Table, opened: ExitStack, *, is_new: bool) -> list[tuple[sqlite3.Connection, Move]]:
        """Return the table maps into a table in the order of the plan, each with a connection to its source."""
        moves = []
        for source in self.plan.in_order:
            maps = [table_map for table_map in source.tables if folded(table_map.into) == folded(into.name)]
            if not maps or (source.optional and self.sealed.database(source.file) is None):
                continue
            con = self._open(source.file, opened)
            schema = read(con)
            for table_map in maps:
                table = schema.table(table_map.name)
                if table is None:
                    raise _unavailable(source.file, f"its backup has no table {table_map.name}.")
                move, problems = fit(source, table_map, table, into, new=is_new)
                if problems:
                    raise _unavailable(move.subject, f"its rows do not fit {into.name} as it is now.")
                moves.append((con, move))
        return moves

    def _open(self, file: str, opened: ExitStack) -> sqlite3.Connection:
        """Open the backup of a database, or else its archive."""
        copy, archive = self.sealed.database(file), self.sealed.archive.get(file)
        places = [self.folder / copy.copy] if copy else []
        places += [self.root / archive] if archive else []
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise _unavailable(file, _NOT_AVAILABLE)
        return opened.enter_context(looking(path, self.limits))


def databases(
    expected: Path | sqlite3.Connection, observed: Path | sqlite3.Connection, limits: Limits | None = None
) -> RowDifferences:
    """Return in which rows two databases differ that were to be the same, table by table.

    Args:
        expected: The original, or its backup.
        observed: What was held against it.
        limits: Of what is read.
    """
    return unless_broken(partial(_databases, expected, observed, limits))


def reloaded(copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> RowDifferences:
    """Return in which rows the SQL dump of a backup set differs from the copy that it was made of."""
    return unless_broken(partial(_reloaded, copy, folder, limits))


def unless_broken(explain: Callable[[], RowDifferences]) -> RowDifferences:
    """Return what an explanation says; where it fails itself, why: the comparison that failed stands all the same."""
    try:
        return explain()
    except ProblemError as error:
        return RowDifferences(note=" ".join(f"{problem.subject}: {problem.what}" for problem in error.problems))
    except Exception as error:  # noqa: BLE001 -- whatever it is, it must not take the place of what is explained
        return RowDifferences(note=f"Which rows differ is not known: they could not be compared ({_named(error)}).")


def _unavailable(subject: str, what: str) -> ProblemError:
    hint = "Bring the backup set back as the run left it, and check again."
    return ProblemError(Problem("rows-unavailable", subject, what, hint))


def _databases(
    expected: Path | sqlite3.Connection, observed: Path | sqlite3.Connection, limits: Limits | None
) -> RowDifferences:
    with ExitStack() as opened:
        before, now = (_connection(side, opened, limits) for side in (expected, observed))
        return _between(before, now)


def _connection(side: Path | sqlite3.Connection, opened: ExitStack, limits: Limits | None) -> sqlite3.Connection:
    if not isinstance(side, Path):
        return side
    if not side.is_file():
        raise _unavailable(side.name, _NOT_AVAILABLE)
    return opened.enter_context(looking(side, limits))


def _reloaded(copy: DatabaseCopy, folder: Path, limits: Limits | None) -> RowDifferences:
    with tempfile.TemporaryDirectory(prefix="consolidate-rows-") as scratch:
        dump = folder / copy.dump
        con = open_new(Path(scratch) / "reloaded.db", limits)
        try:
            con.execute("PRAGMA synchronous=OFF")
            with dump.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                load_dump(con, lines)
            return _databases(folder / copy.copy, con, limits)
        finally:
            con.close()


def _between(expected: sqlite3.Connection, observed: sqlite3.Connection) -> RowDifferences:
    before, now = read(expected), read(observed)
    found = RowDifferences()
    for was in before.movable:
        table = now.table(was.name)
        found += _table_between((expected, was), (observed, table)) if table else _no_table(was)
    extra = [table.name for table in now.movable if before.table(table.name) is None]
    if extra:
        found += RowDifferences(note=f"There are further tables: {', '.join(extra)}.")
    return found if found.number or found.note else replace(found, note=_SAME_ROWS)


def _no_table(table: Table) -> RowDifferences:
    return RowDifferences(note=f"Table {table.name} is missing.")


def _table_between(before: tuple[sqlite3.Connection, Table], now: tuple[sqlite3.Connection, Table]) -> RowDifferences:
    counts = before[1].counts_rowid and now[1].counts_rowid
    return _differences(before[1].name, [_side(*before, counts=counts)], _side(*now, counts=counts), same="")


def _side(con: sqlite3.Connection, table: Table, *, counts: bool) -> _Side:
    """Read a table under its own names."""
    return _Side(con, Projection.of_table(table, with_rowid=counts))


_ROWID = "implicit rowid"


def _differences(name: str, expected: Sequence[_Side], observed: _Side, *, same: str = _OTHER_DIGEST) -> RowDifferences:
    """Compare the columns that both sides have; any further ones are named."""
    sides = [{folded(column) for column in side.columns} for side in (*expected, observed)]
    common = [column for column in observed.columns if all(folded(column) in side for side in sides)]
    others = {column for side in sides for column in side} - {folded(column) for column in common}
    keys = [((_ROWID, "BINARY"),)] if _ROWID in common else keys_of(observed.projection.table)
    shape = shape_of(name, common, keys)
    found = compare_rows(shape, [side.rows(common) for side in expected], observed.rows(common)).differences()
    if others:
        found = replace(found, note=f"Not compared, for not every side has it: {', '.join(sorted(others))} of {name}.")
    return found if found.number or found.note else replace(found, note=same)


def _named(error: Exception) -> str:
    """Name an error without its text, which may hold a value or a path."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") or type(error).__name__
    reason = error.strerror if isinstance(error, OSError) else ""
    return reason or type(error).__name__
