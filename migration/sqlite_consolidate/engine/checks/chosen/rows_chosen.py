"""Prove before COMMIT that exactly the rows moved that the plan chooses.

Nothing here takes SQL or markers from the copy. The sources are read through the connections of their write locks, and
this process follows the references from row to row.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.content.digest import TableDigest, digest_query, digest_rows
from sqlite_consolidate.engine.sqlite.connections import open_existing, read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows
from sqlite_consolidate.observation import Observation, equal, not_required
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

ALL_ROWS_MOVE = "no table of the plan has where or follows"
"""What an entry observes if the plan leaves no row behind by ``where`` or ``follows``."""

_KEPT = "rows that have to move of"
_Identity = tuple[Any, ...]
_Row = tuple[str, _Identity]
_Way = tuple[int, _Row]


def rows_chosen(compared: TargetComparison) -> list[Observation]:
    """Observe that the rows that were copied are those that ``where`` and ``follows`` choose.

    Both are decided a second time, for each row of the sources.
    """
    chosen = [copied for copied in compared.copied if copied.mapping.chosen]
    if not chosen:
        return [not_required("plan", ALL_ROWS_MOVE)]
    references = _followed_references(compared.inspected)
    names = dict.fromkeys(copied.mapping.source.name for copied in chosen)
    sources = {name: _Source(compared.inspected, name, references.get(name, [])) for name in names}
    return [_observation(sources[copied.mapping.source.name], copied) for copied in chosen]


def chosen_condition(inspected: InspectedDatabases, mapping: TableMapping, con: sqlite3.Connection) -> str:
    """Return the SQL condition over ``s`` that a row of a source has to move.

    Args:
        inspected: All databases.
        mapping: The table of the source.
        con: Connection that reads the rows. It keeps the identities of those that move in a temporary table.
    """
    name = mapping.source.name
    source = _Source(inspected, name, _followed_references(inspected).get(name, []))
    table = folded(mapping.table_map.name)
    kept, identity = quoted(f"{_KEPT} {name} {table}"), _identity(source.table_of(mapping))
    columns = ", ".join(f"c{place}" for place, _ in enumerate(identity))
    con.execute(f"DROP TABLE IF EXISTS temp.{kept}")
    con.execute(f"CREATE TEMP TABLE {kept}({columns}, UNIQUE({columns}))")
    marks = ", ".join("?" for _ in identity)
    con.executemany(f"INSERT INTO temp.{kept} VALUES({marks})", source.chosen(table))
    return f"({', '.join(f's.{column}' for column in identity)}) IN (SELECT {columns} FROM temp.{kept})"


def chosen_by_function(inspected: InspectedDatabases, mapping: TableMapping, con: sqlite3.Connection) -> str:
    """Return the SQL condition over ``s`` that a row has to move, without writing a table.

    This process tells it by the rowid. Rows of a table without rowids have the marker that the copy uses, which
    ``rows-chosen`` compares.

    Args:
        inspected: All databases.
        mapping: The table of the source.
        con: Connection that reads the rows and must not write.
    """
    name = mapping.source.name
    source = _Source(inspected, name, _followed_references(inspected).get(name, []))
    if not source.table_of(mapping).rowid:
        return mapping.chosen.over() if mapping.chosen else "1"
    rowids = {rowid for (rowid,) in source.chosen(folded(mapping.table_map.name))}
    number = [(each.source.name, each.table_map.name) for each in inspected.mappings].index(
        (name, mapping.table_map.name)
    )
    function = f"consolidation_moves_{number}"
    con.create_function(function, 1, lambda rowid: rowid in rowids, deterministic=True)
    return f"{function}(s.{_identity(source.table_of(mapping))[0]})"


def _followed_references(inspected: InspectedDatabases) -> dict[str, list[Reference]]:
    """Return the references that rows have to follow, by source."""
    followed: dict[str, list[Reference]] = {}
    if any(mapping.table_map.follows for mapping in inspected.mappings):
        for reference in find_references(inspected):
            if folded(reference.parent_name) in map(folded, reference.child.table_map.follows):
                followed.setdefault(reference.child.source.name, []).append(reference)
    return followed


def _observation(source: _Source, copied: CopiedTable) -> Observation:
    mapping = copied.mapping
    if mapping.matched or mapping.lookups:
        expected = _digest_staged(source.inspected, mapping)
    else:
        expected = source.digest(mapping) if mapping.table_map.follows else source.digest_by_where(mapping)
    subject = f"{mapping.subject} -> {mapping.into.name}"
    text, observed = (f"{digest.full} of {counted(copied.rows, 'row')}" for digest in (expected, copied.moved))
    return replace(equal(subject, text, observed), examined=max(1, copied.rows))


def _digest_staged(inspected: InspectedDatabases, mapping: TableMapping) -> TableDigest:
    """Digest the staged rows that have to move and do not match, as they have to arrive.

    Only the staging database has the keys of matched rows. The rows are chosen in the source itself.
    """
    limits = inspected.sources[mapping.source.name].write_lock.limits
    with closing(open_existing(inspected.path_of(mapping), limits)) as con:
        rows = replace(mapping, chosen=None).projection()
        return digest_query(con, rows.select_row(chosen_condition(inspected, mapping, con)))


@dataclass
class _Source:
    """Decide for the rows of one source which of them move.

    Attributes:
        inspected: All databases.
        name: Name of the source.
        references: The references that its rows have to follow.
    """

    inspected: InspectedDatabases
    name: str
    references: list[Reference]
    _remaining: dict[str, set[_Identity]] = field(default_factory=dict)

    @property
    def con(self) -> sqlite3.Connection:
        """Return the connection to the source itself."""
        return self.inspected.sources[self.name].write_lock.reader

    def chosen(self, table: str) -> set[_Identity]:
        """Return the identities of the rows of a table that have to move."""
        before = self.con.text_factory
        read_text_losslessly(self.con)
        try:
            if not self._remaining:
                self._choose()
        finally:
            self.con.text_factory = before
        return self._remaining[table]

    def digest_by_where(self, mapping: TableMapping) -> TableDigest:
        """Digest the rows of a table for which ``where`` holds, as they have to arrive.

        SQLite chooses them, so this process keeps no list of rows.
        """
        table = self.table_of(mapping)
        projection, identity = (
            replace(mapping, source_table=table, staged_prefix="", chosen=None).projection(),
            _identity(table),
        )
        rows = f"SELECT {', '.join(identity)} FROM {quoted(table.name)} WHERE ({mapping.table_map.where}\n)"
        condition = f"({', '.join(f's.{name}' for name in identity)}) IN ({rows})"
        return digest_query(self.con, projection.select_row(condition))

    def digest(self, mapping: TableMapping) -> TableDigest:
        """Digest the rows of a table that have to move, as they have to arrive."""
        rows, table = self.chosen(folded(mapping.table_map.name)), self.table_of(mapping)
        projection = replace(mapping, source_table=table, staged_prefix="", chosen=None).projection()
        identity = [f"s.{name}" for name in _identity(table)]
        query = projection.select_values([*projection.source_row(), *identity])
        width, before = len(identity), self.con.text_factory
        read_text_losslessly(self.con)
        try:
            return digest_rows(row[:-width] for row in fetch_rows(self.con, query) if row[-width:] in rows)
        finally:
            self.con.text_factory = before

    def _choose(self) -> None:
        """Choose the rows by ``where``, without those that follow no chosen row."""
        mappings = self.inspected.mappings_of(self.name)
        self._remaining = {folded(mapping.table_map.name): self._by_where(mapping) for mapping in mappings}
        referred: defaultdict[_Way, set[_Row]] = defaultdict(set)
        for number, reference in enumerate(self.references):
            child, parent = folded(reference.child.table_map.name), folded(reference.parent_name)
            for row, reached in self._ways(reference):
                referred[number, (child, row)] |= {(parent, reached)} if reached else set()
        self._leave_unfollowed(referred)

    def _leave_unfollowed(self, referred: dict[_Way, set[_Row]]) -> None:
        """Take away each row of which a reference reaches no remaining row.

        Args:
            referred: Number of a reference and a row that refers by it, to the rows that it reaches.
        """
        referring: defaultdict[_Row, list[_Way]] = defaultdict(list)
        for way, rows in referred.items():
            for row in rows:
                referring[row].append(way)
        waiting = list(referred)
        while waiting:
            way = waiting.pop()
            table, identity = way[1]
            if identity in self._remaining[table] and not any(r in self._remaining[t] for t, r in referred[way]):
                self._remaining[table].remove(identity)
                waiting += referring[way[1]]

    def _by_where(self, mapping: TableMapping) -> set[_Identity]:
        return self._rows_where(self.table_of(mapping), mapping.table_map.where)

    def _rows_where(self, table: Table, condition: str) -> set[_Identity]:
        where = f"WHERE ({condition}\n)" if condition else ""
        query = f"SELECT {', '.join(_identity(table))} FROM {quoted(table.name)} {table.by_itself} {where}"
        return set(self.con.execute(query))

    def _ways(self, reference: Reference) -> Iterator[tuple[_Identity, _Identity | None]]:
        """Yield each row that refers, with each row that it refers to, or None for no row."""
        schema = self.inspected.sources[self.name].schema
        child, parent = self.table_of(reference.child), schema.table(reference.parent_name)
        columns = reference.columns[: len(reference.parent.columns)] if reference.parent else reference.columns
        referring = ", ".join(f"c.{quoted(name)}" for name in columns)
        identity = ", ".join(f"c.{name}" for name in _identity(child))
        width = len(_identity(child))
        on, referred = "0", ["NULL"]
        if parent is not None and reference.parent is not None:
            keys = zip(reference.parent.columns, columns, strict=True)
            on = " AND ".join(f"p.{quoted(key)} = c.{quoted(name)}" for key, name in keys)
            referred = [f"p.{name}" for name in _identity(parent)]
        parents = f"LEFT JOIN {quoted(parent.name if parent else child.name)} AS p ON {on}"
        query = f"SELECT {identity}, {', '.join(referred)}, {referring} FROM {quoted(child.name)} AS c {parents}"
        end = width + len(referred)
        refers = self._rows_where(child, reference.when.text) if reference.when else None
        none = set(reference.child.table_map.none)
        for row in self.con.execute(query):
            if refers is not None and row[:width] not in refers:
                continue
            reached, values = row[width:end], row[end:]
            is_dangling = None in reached
            if None not in values and not (is_dangling and _stands_for_none(values, none)):
                yield row[:width], None if is_dangling else reached

    def table_of(self, mapping: TableMapping) -> Table:
        """Return the table of the source itself, which may be staged."""
        table = self.inspected.sources[self.name].schema.table(mapping.table_map.name)
        return table or mapping.table


def _stands_for_none(values: tuple[Any, ...], none: set[int]) -> bool:
    """Return whether a reference to no row is a number that stands for no row."""
    return len(values) == 1 and isinstance(values[0], int) and (values[0] <= 0 or values[0] in none)


def _identity(table: Table) -> list[str]:
    """Return the SQL of the columns that tell each row of a table from the others."""
    rowid = table.alias or table.rowid  # a copy of the rows has the alias, and rowids of its own
    return [quoted(rowid)] if rowid else [quoted(name) for name in table.primary_key]
