"""Propose which tables of a source are moved, and which stay behind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.movable_tables import find_movable_table
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind
from sqlite_consolidate.engine.sqlite.schema.objects import Index, Table
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.proposal import ProposedSource
from sqlite_consolidate.inventory.proposed_parts import ProposedLeave, ProposedMap
from sqlite_consolidate.inventory.refinement.new_keys import loose_columns, with_keys
from sqlite_consolidate.inventory.refinement.rebuilds import left_index, moved_index
from sqlite_consolidate.inventory.refinement.relations import find_obstacle, related_tables
from sqlite_consolidate.plan.model import Leave, Source, TableMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.inventory.inspection import CountedTable, Database
    from sqlite_consolidate.inventory.proposed_parts import ProposedRebuild
    from sqlite_consolidate.inventory.references.shared_keys import PlacedColumns
    from sqlite_consolidate.inventory.sources.families import Family
    from sqlite_consolidate.inventory.sources.table_naming import TableNaming

_DEFINE = "Define what it needs by setup of [connection], or confirm the reason."


@dataclass
class SourceProposal:
    """Collect the tables of one source, first those with rows, then the others.

    Attributes:
        rebuilds: How each search index could be rebuilt.
        shared_keys: Columns with the keys of a table in another database, each to that table.
    """

    name: str
    family: Family
    naming: TableNaming
    rebuilds: Sequence[ProposedRebuild]
    shared_keys: Mapping[PlacedColumns, str]
    maps: list[ProposedMap] = field(default_factory=list)
    leaves: list[ProposedLeave] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read what the files have in common."""
        self.database = self.family.database
        self._related = related_tables(self.database)
        self._needed = _needed_tables(self.database)

    def add_tables_with_rows(self) -> None:
        """Add the tables that have to be moved."""
        for table in self._needed:
            indexes = [] if table.table.lacks else [_left_index(index) for index in table.table.indexes if index.lacks]
            self.leaves += indexes
            leave = [Leave(indexes=(each.table,), reason=each.reason) for each in indexes]
            source = Source(name="source", file="source", leave=leave)
            problem = find_movable_table(source, TableMap(name=table.name), self.database.schema)
            if isinstance(problem, Table):
                self._add(table, self.naming.name_table(self.name, self.family, table))
            elif table.rows != 0 or content_kind(table.table):
                self._add_unmovable(table, problem.what)

    def add_tables_without_rows(self) -> None:
        """Add the other tables, if the target can have them under their names."""
        needed = {folded(table.name) for table in self._needed}
        for table in self.database.tables:
            if folded(table.name) in needed:
                continue
            source = Source(name="source", file="source")
            problem = find_movable_table(source, TableMap(name=table.name), self.database.schema)
            if isinstance(problem, Table):
                self._add(table, self.naming.name_empty_table(self.family, table))
            else:
                self.leaves.append(ProposedLeave(table.name, f"{table.name} {problem.what}"))

    def source(self, notes: tuple[str, ...], questions: tuple[str, ...]) -> ProposedSource:
        """Return the source with its tables, in the order of the schema."""
        order = {table.name: number for number, table in enumerate(self.database.tables)}
        maps = sorted(self.maps, key=lambda table_map: order[table_map.name])
        return ProposedSource(
            self.name,
            self.family.file,
            notes,
            tuple(maps),
            tuple(self.leaves),
            questions,
            files=self.family.files if len(self.family.files) > 1 else (),
            lacks=self.family.lacks,
            obstacle=find_obstacle(self.database),
            joined=tuple(
                (f"{each.table}.{each.column}", each.joined) for each in self.database.unstated if each.joined
            ),
            loose=loose_columns(self.database, self.family.files[0], self.shared_keys),
        )

    def _add(self, table: CountedTable, named: ProposedMap | ProposedLeave) -> None:
        if isinstance(named, ProposedLeave):
            self.leaves.append(named)
        else:
            related = self._related.get(folded(table.name), {})
            key_of = self.shared_keys.get((self.family.files[0], table.name, table.table.primary_key), "")
            parents = (parent for child, parent in self.database.text_parents if child == folded(table.name))
            placed = replace(named, related=related, texts_of=frozenset(parents))
            self.maps.append(with_keys(placed, table.table, self.database, key_of))

    def _add_unmovable(self, table: CountedTable, fact: str) -> None:
        """Leave a table behind with a decision, or move it as a search index that is rebuilt."""
        if table.table.lacks:
            question = f"{table.name} {fact} It is left out. {_DEFINE}"
            self.leaves.append(ProposedLeave(table.name, f"{table.name} {fact}", (question,)))
            return
        can_rebuild = any(folded(each.table) == folded(table.name) for each in self.rebuilds)
        index = moved_index(table, self.naming.name_table(self.name, self.family, table)) if can_rebuild else None
        if index:
            related = self._related.get(folded(table.name), {})
            self.maps.append(replace(index, related=related))
        else:
            self.leaves.append(left_index(table.name, f"{table.name} {fact}"))


def _left_index(index: Index) -> ProposedLeave:
    reason = f"{index.name} needs {index.lacks}, which only its application defines"
    question = f"{reason}. It is left out. {_DEFINE}"
    return ProposedLeave(index.name, reason, (question,), "indexes")


def _needed_tables(database: Database) -> list[CountedTable]:
    """Return the tables that have to be copied, in the order of the schema.

    These are the tables with rows, and the empty tables that they refer to.
    """
    wanted: set[str] = set()
    pending = [folded(table.name) for table in database.tables_with_rows]
    while pending:
        name = pending.pop()
        table = database.table(name)
        if table and name not in wanted:
            wanted.add(name)
            pending += table.needs
    return [table for table in database.tables if folded(table.name) in wanted]
