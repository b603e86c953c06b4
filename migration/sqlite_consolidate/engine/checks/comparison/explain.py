"""Explain a failed comparison by the rows that differ.

The rows from before the run are read from the backup set and the archives, as far as these still exist.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.content.table_differences import (
    NOT_AVAILABLE,
    Side,
    compare_sides,
    differences_or_note,
    rows_unavailable,
    table_side,
)
from sqlite_consolidate.engine.merge.rows.key_shift import SHIFTED, ColumnShift, shift_from_json
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.merge.rows.row_filter import RowFilter
from sqlite_consolidate.engine.merge.table_mapping import match_columns
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.schema.row_conditions import row_condition
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.row_differences import RowDifferences

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.plan.model import Plan
else:
    pass


@dataclass(frozen=True)
class OriginalRows:
    """Read the rows that a consolidation began with from its backups and archives.

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

    def differences_in_table(self, con: sqlite3.Connection, name: str) -> RowDifferences:
        """Return the rows of a target table that differ from what the plan makes of the backups.

        Args:
            con: Connection to the target; only read from.
            name: The table.
        """
        return differences_or_note(partial(self._differences_in_table, con, name))

    def differences_in_file(self, target: Path, name: str) -> RowDifferences:
        """Return the differing rows of a table in a target file, read in one transaction."""
        return differences_or_note(partial(self._differences_in_file, target, name))

    def _differences_in_file(self, target: Path, name: str) -> RowDifferences:
        with open_for_inspection(target, self.limits) as con:
            con.execute("BEGIN")
            return self._differences_in_table(con, name)

    def _differences_in_table(self, con: sqlite3.Connection, name: str) -> RowDifferences:
        target_table = read_schema(con).table(name)
        if target_table is None:
            return RowDifferences(note=f"The target has no table {name}.")
        if any(table_map.match for source in self.plan.sources for table_map in source.tables):
            return RowDifferences(note="The plan lets rows match, and such rows are not compared one by one.")
        with ExitStack() as opened:
            before = self._table_before(name, opened)
            mappings = self._list_mappings(target_table, opened, is_new=before is None)
            counts = mappings[0][1].rowid_counts if mappings else target_table.counts_rowid
            expected = [table_side(*before, counts=counts)] if before else []
            expected += [
                Side(source, mapping.projection(), clash_policy_of(mapping.table_map), mapping.table_map.newer)
                for source, mapping in mappings
            ]
            return compare_sides(name, expected, table_side(con, target_table, counts=counts))

    def _table_before(self, name: str, opened: ExitStack) -> tuple[sqlite3.Connection, Table] | None:
        """Return the table before the run with a connection to its backup, or None without one."""
        if not self.sealed.target_existed:
            return None
        con = self._open(self.sealed.target, opened)
        table = read_schema(con).table(name)
        return (con, table) if table else None

    def _list_mappings(
        self, into: Table, opened: ExitStack, *, is_new: bool
    ) -> list[tuple[sqlite3.Connection, TableMapping]]:
        """Return the mappings into a table in plan order, each with a connection to its source."""
        mappings = []
        shifts, followed = self._shifts(), self._followed()
        for source in self.plan.in_order:
            maps = [table_map for table_map in source.tables if folded(table_map.into) == folded(into.name)]
            if not maps or (source.optional and self.sealed.database(source.file) is None):
                continue
            con = self._open(source.file, opened)
            schema = read_schema(con)
            for table_map in maps:
                table = schema.table(table_map.name)
                if table is None:
                    raise rows_unavailable(source.file, f"its backup has no table {table_map.name}.")
                mapping, problems = match_columns(self.plan, source, table_map, table, into, new=is_new)
                if problems:
                    raise rows_unavailable(mapping.subject, f"its rows do not fit {into.name} as it is now.")
                chosen = _chosen(con, mapping) if table_map.moves_some_rows else None
                mapping = replace(mapping, shifts=shifts.get(mapping.subject, {}), chosen=chosen)
                mappings.append((con, replace(mapping, followed=followed.get(mapping.subject, {}))))
        return mappings

    def _shifts(self) -> dict[str, dict[str, ColumnShift]]:
        """Return the shifted columns of each source table, which the ledger states."""
        return {
            subject: {column: shift_from_json(shift) for column, shift in columns.items()}
            for event in Ledger(self.folder).all(SHIFTED)
            for subject, columns in event["columns"].items()
        }

    def _followed(self) -> dict[str, dict[str, str]]:
        """Return the constants of each source table that follow a new key."""
        return {
            subject: constants
            for event in Ledger(self.folder).all(SHIFTED)
            for subject, constants in event.get("constants", {}).items()
        }

    def _open(self, file: str, opened: ExitStack) -> sqlite3.Connection:
        """Open the backup of a database, or its archive if there is no backup."""
        copy, archive = self.sealed.database(file), self.sealed.archive.get(file)
        places = [self.folder / copy.copy] if copy else []
        places += [self.root / archive] if archive else []
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise rows_unavailable(file, NOT_AVAILABLE)
        return opened.enter_context(open_for_inspection(path, self.limits))


def _chosen(con: sqlite3.Connection, mapping: TableMapping) -> RowFilter:
    """Return the filter that selects the rows of a backup that move.

    Raises:
        ProblemError: Rows of other tables decide which of them move.
    """
    if mapping.table_map.follows:
        raise rows_unavailable(mapping.subject, "which of its rows move depends on rows of other tables.")
    condition = row_condition(con, mapping.table, mapping.table_map.where)
    if isinstance(condition, str):
        raise rows_unavailable(mapping.subject, f"where cannot choose its rows: {condition}.")
    return RowFilter(condition)
