"""Hold the contents of all databases as they were before the first change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.rows.row_filter import NO_ROWS_LEFT
from sqlite_consolidate.engine.merge.rows.shifted_rows import ShiftedRows
from sqlite_consolidate.engine.merge.target_schema import TargetSchema
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.derived.refresh import Refresh
    from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
    from sqlite_consolidate.engine.merge.rows.row_filter import LeftRows
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.files import FileProblem
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import Plan, Source
    from sqlite_consolidate.problem import Problem


_Groups = dict[str, dict[str, list["TableMapping"]]]
_Firsts = dict[tuple[str, str], dict[str, "TableMapping"]]


@dataclass
class InspectedDatabases:
    """Hold all that the preflight has read and planned.

    Attributes:
        plan: The plan for which the databases were read.
        sources: Source name to its inspected database.
        target: The inspected target, or None if the run creates it.
        mappings: Each table mapping, in the plan's order.
        target_schema: The schema that the target will have.
        staged: Source name to the staging database that holds its rows. A source that is not in it is read directly.
        attachable: File of each database that SQLite cannot attach, to a copy of its tables that SQLite can attach.
        unread: File of each database of the plan that exists and could not be read, to a short reason.
        stale_indexes: Folded names of the search indexes that show rows of receiving tables, and whose staleness the
            plan accepts.
        moved_indexes: Source and number of each table mapping of a search index whose declaration is moved.
        rebuilt_indexes: The search indexes that the run rebuilds, in the plan's order.
        refreshes: The columns that the run sets again, in the plan's order.
        trial_copies: The copies into scratch tables that the preflight has made of each table from which something may
            be derived. They include the rows that the target has.
        left_rows: Source name and name of each table whose rows do not all move, to the rows that are left behind.
        expected_rows: The views of the staging database that show rows of the target as they must be at the end. The
            key is the folded name of a table in which matched rows update rows, and the number of the mapping that
            brings the rows, or -1 for the rows that the target has.
        shifted_rows: What the page reader has digested of rows with new keys.
        without_added_rows: Names of the tables from which something is derived, and which the rows of the sources do
            not change.
    """

    plan: Plan
    sources: dict[str, InspectedDatabase] = field(default_factory=dict)
    target: InspectedDatabase | None = None
    mappings: list[TableMapping] = field(default_factory=list)
    target_schema: TargetSchema = field(default_factory=TargetSchema)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    staged: dict[str, Path] = field(default_factory=dict)
    attachable: dict[str, Path] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    stale_indexes: set[str] = field(default_factory=set)
    moved_indexes: list[tuple[Source, int]] = field(default_factory=list)
    rebuilt_indexes: list[SearchIndex] = field(default_factory=list)
    refreshes: list[Refresh] = field(default_factory=list)
    trial_copies: list[CopiedTable] = field(default_factory=list)
    without_added_rows: list[str] = field(default_factory=list)
    left_rows: dict[tuple[str, str], LeftRows] = field(default_factory=dict)
    expected_rows: dict[tuple[str, int], str] = field(default_factory=dict)
    shifted_rows: ShiftedRows = field(default_factory=ShiftedRows, repr=False, compare=False)
    _grouped: tuple[list[TableMapping], int, _Groups, _Firsts] = field(
        default=([], 0, {}, {}), repr=False, compare=False
    )

    @property
    def mappings_by_source(self) -> dict[str, list[TableMapping]]:
        """Return the table mappings of each source, both in the plan's order."""
        return self._groups("source", lambda mapping: mapping.source.name)

    def mappings_of(self, source: str) -> list[TableMapping]:
        """Return the table mappings of a source, in the plan's order."""
        return self.mappings_by_source.get(source, [])

    def mapping_of(self, source: str, table: str) -> TableMapping | None:
        """Return the mapping of a table of a source."""
        return self._of_sources("table", lambda mapping: folded(mapping.table_map.name), folded(table)).get(source)

    def mappings_into(self, table: str) -> list[TableMapping]:
        """Return the mappings into a table of the target, in the plan's order."""
        return self._groups("target", lambda mapping: folded(mapping.into.name)).get(folded(table), [])

    def mapping_into(self, source: str, table: str) -> TableMapping | None:
        """Return the first mapping of a source into a table of the target."""
        return self._of_sources("target", lambda mapping: folded(mapping.into.name), folded(table)).get(source)

    def _groups(self, name: str, key: Callable[[TableMapping], str]) -> dict[str, list[TableMapping]]:
        """Return the mappings in groups by a key.

        The groups are computed again if mappings were added. Those of replaced mappings are not kept.
        """
        if self._grouped[0] is not self.mappings or self._grouped[1] != len(self.mappings):
            self._grouped = self.mappings, len(self.mappings), {}, {}
        groups = self._grouped[2]
        if name not in groups:
            groups[name] = {}
            for mapping in self.mappings:
                groups[name].setdefault(key(mapping), []).append(mapping)
        return groups[name]

    def _of_sources(self, name: str, key: Callable[[TableMapping], str], value: str) -> dict[str, TableMapping]:
        """Return the first mapping of each source among those of one group."""
        group = self._groups(name, key).get(value, [])
        firsts = self._grouped[3]
        if (name, value) not in firsts:
            firsts[name, value] = {mapping.source.name: mapping for mapping in reversed(group)}
        return firsts[name, value]

    def is_refused(self, source: Source, table: str) -> bool:
        """Return whether a problem stops the move of a table that the source has."""
        is_planned = any(folded(table_map.name) == folded(table) for table_map in source.tables)
        return (
            is_planned
            and not self.mapping_of(source.name, table)
            and bool(self.sources[source.name].schema.table(table))
        )

    @property
    def is_incomplete(self) -> bool:
        """Return whether a problem stops rows that the plan moves."""
        return bool(self.unread or self.refused_into())

    def refused_into(self) -> set[str]:
        """Return the folded names of the target tables for which ``is_refused`` stops rows."""
        return {
            folded(table_map.into)
            for source in self.plan.sources
            if source.name in self.sources
            for table_map in source.tables
            if self.is_refused(source, table_map.name)
        }

    @property
    def databases(self) -> list[InspectedDatabase]:
        """Return the inspected target, if it exists, and the inspected sources."""
        return [*([self.target] if self.target else []), *self.sources.values()]

    @property
    def uncompared_indexes(self) -> set[str]:
        """Return the folded names of the search indexes whose rows are those of other tables."""
        return self.stale_indexes | {folded(index.name) for index in self.rebuilt_indexes}

    def add_file_problem(self, file_problem: FileProblem) -> None:
        """Add the problem of a file, and note why its database was not read."""
        self.problems.append(file_problem.problem)
        if file_problem.reason:
            self.unread.setdefault(file_problem.file, file_problem.reason)

    def database_of(self, mapping: TableMapping) -> InspectedDatabase:
        """Return the database whose rows a mapping has, which may be the target itself."""
        if self.target and mapping.source.file == self.target.file:
            return self.target
        return self.sources[mapping.source.name]

    def path_of(self, mapping: TableMapping) -> Path:
        """Return the database from which the rows of a mapping are read."""
        if self.target and mapping.source.file == self.target.file:
            return self.attachable_path(self.target)
        return self.path_of_source(mapping.source.name)

    def path_of_source(self, name: str) -> Path:
        """Return the database from which the rows of a source are read."""
        return self.staged.get(name) or self.attachable_path(self.sources[name])

    def attachable_path(self, database: InspectedDatabase) -> Path:
        """Return the database that SQLite can attach to read all rows of another one."""
        return self.attachable.get(database.file, database.write_lock.path)

    def rows(self, mapping: TableMapping) -> int:
        """Return the number of rows in the source table of a mapping that move."""
        database = self.sources[mapping.source.name]
        table = database.schema.table(mapping.table_map.name)
        return database.digests[table.name].rows - self.left_of(mapping).rows if table else 0

    def left_of(self, mapping: TableMapping) -> LeftRows:
        """Return the rows in the source table of a mapping that are left behind."""
        return self.left_rows.get((mapping.source.name, mapping.table_map.name), NO_ROWS_LEFT)

    def unmatched_rows(self, mapping: TableMapping) -> int:
        """Return the number of rows of a mapping that the target does not have under other keys."""
        return self.rows(mapping) - (mapping.matched.rows if mapping.matched else 0)

    def expected_digest(self, mapping: TableMapping) -> TableDigest | None:
        """Return the digest of a mapping's rows in the target, or None if it is unknown.

        It is known if the preflight has read the same columns and rowids without any change, or if the page reader can
        add the offsets of new keys.
        """
        database = self.sources[mapping.source.name]
        table = database.schema.table(mapping.table_map.name)
        if table is None or mapping.source.name in self.staged:
            return None
        if not mapping.projection().is_unchanged:
            return self.shifted_rows.read(database, mapping)
        return database.digests[table.name] if mapping.rowid_counts == table.counts_rowid else None

    def digest_before(self, mapping: TableMapping) -> TableDigest | None:
        """Return the digest of the target table before the copy, or None if it is unknown.

        It is known if the preflight has read the same rowids.
        """
        table = self.target.schema.table(mapping.into.name) if self.target else None
        if self.target is None or table is None or mapping.rowid_counts != table.counts_rowid:
            return None
        return self.target.digests[table.name]

    def autoincrement_value(self, mapping: TableMapping) -> int:
        """Return the AUTOINCREMENT value that a mapping brings, or 0 without one."""
        marks = self.sources[mapping.source.name].marks
        name = folded(mapping.table_map.name)
        value = next((mark for table, mark in marks.items() if folded(table) == name), None)
        shift = mapping.shifts.get(folded(mapping.table.alias))
        return 0 if value is None else value + shift.offset if shift else value
