"""Predict which rows tables of the target will have, before any row is copied."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.merge.copy_rows import copy_rows
from sqlite_consolidate.engine.merge.table_mapping import KeySource, mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.connections import attach, read_text_losslessly, scratch_database
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.checks.references.foreign_keys import ReferredKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def key_sources(databases: InspectedDatabases, into: Table) -> list[KeySource]:
    """Return the rows that one target table will have, the target's own first.

    Sources without rows are left out.
    """
    mappings = databases.mappings_into(into.name)
    sources = [KeySource(mapping, databases.path_of(mapping)) for mapping in mappings if databases.rows(mapping)]
    target = databases.target
    before = target.schema.table(into.name) if target else None
    if target and before and target.rows_in(before.name):
        keeps_rowids = bool(mappings) and mappings[0].rowid_counts
        mapping = mapping_of_target_rows(databases.plan, before, into, rowids=keeps_rowids)
        sources.insert(0, KeySource(mapping, databases.path_of(mapping), is_target=True))
    return sources


def has_contest(sources: list[KeySource]) -> bool:
    """Return whether a conflict policy may decide which of several rows stays."""
    return len(sources) > 1 and any(source.policy != "refuse" for source in sources)


class PredictedTarget:
    """Hold a scratch database with the rows of tables as the copy will leave them.

    Attributes:
        con: The connection to the scratch database, to which all databases of the plan are attached.
        brought: Referred columns to the queries of all keys that sources bring. None if they are unknown.
    """

    def __init__(self, con: sqlite3.Connection, databases: InspectedDatabases) -> None:
        self.con = con
        self.brought: dict[tuple[str, tuple[str, ...]], list[str] | None] = {}
        self._gathered = 0
        self._databases = databases
        self._aliases: dict[Path, str] = {}
        self._key_sources: dict[str, list[KeySource]] = {}
        self._copied: dict[str, bool] = {}
        self._contests: dict[str, bool] = {}
        self._unchanged: dict[tuple[str, tuple[str, ...]], bool] = {}

    def alias_of(self, path: Path) -> str:
        """Return the name under which a database is attached."""
        if path not in self._aliases:
            self._aliases[path] = f"p{len(self._aliases)}"
            attach(self.con, path, self._aliases[path])
        return self._aliases[path]

    def source_alias(self, mapping: TableMapping) -> str:
        """Return the name of the database with the rows of a mapping's source."""
        return self.alias_of(self._databases.path_of(mapping))

    def key_sources(self, into: Table) -> list[KeySource]:
        """Return the rows that one target table will have, the target's own first."""
        name = folded(into.name)
        if name not in self._key_sources:
            self._key_sources[name] = key_sources(self._databases, into)
        return self._key_sources[name]

    def has_contest(self, into: Table) -> bool:
        """Return whether a conflict policy may decide which of several rows of a table stays."""
        name = folded(into.name)
        if name not in self._contests:
            self._contests[name] = has_contest(self.key_sources(into))
        return self._contests[name]

    def stores_unchanged(self, key: ReferredKey) -> bool:
        """Return whether the columns of a key have the affinity of each column that feeds them."""
        name = folded(key.table.name), tuple(map(folded, key.columns))
        if name not in self._unchanged:
            sources = self.key_sources(key.table)
            self._unchanged[name] = all(_affinities(source, key) == key.affinities for source in sources)
        return self._unchanged[name]

    def expected_views(self, into: str) -> list[str]:
        """Return the views of the staging database with the rows of an updated table."""
        return [view for (name, _), view in self._databases.expected_rows.items() if name == into]

    def database_of(self, into: Table) -> str:
        """Return the name of a database that has the rows of a table after the copy.

        It is empty if they cannot be predicted, because the copy would fail.
        """
        sources = self.key_sources(into)
        if len(sources) == 1 and sources[0].is_target:
            return self.alias_of(sources[0].path)
        name = folded(into.name)
        if name not in self._copied:
            self._copied[name] = self._copy(into, sources)
        return "main" if self._copied[name] else ""

    def gathered(self, key: ReferredKey, queries: Sequence[str]) -> str:
        """Gather keys in an indexed table, and return the query of it.

        The columns of the table compare like those of the key.
        """
        self._gathered += 1
        name = f"temp.{quoted(f'keys {self._gathered}')}"
        types = [affinity.replace("BLOB", "") for affinity in key.affinities]
        columns = ", ".join(f"c{place} {affinity}" for place, affinity in enumerate(types))
        terms = ", ".join(f"c{place} COLLATE {quoted(collation)}" for place, collation in enumerate(key.collations))
        self.con.execute(f"CREATE TABLE {name}({columns})")
        for query in queries:
            self.con.execute(f"INSERT INTO {name} {query}")
        self.con.execute(
            f"CREATE INDEX temp.{quoted(f'key {self._gathered}')} ON {quoted(f'keys {self._gathered}')}({terms})"
        )
        return f"SELECT {', '.join(f'c{place}' for place, _ in enumerate(types))} FROM {name}"

    def _copy(self, into: Table, sources: list[KeySource]) -> bool:
        """Copy the rows of a table into the scratch database, and return whether that worked."""
        try:
            self.con.execute(into.sql)
            for index in into.indexes:
                if index.unique and index.sql:
                    self.con.execute(index.sql)
            for source in sources:
                alias = self.alias_of(source.path)
                self.con.execute("BEGIN")
                copy_rows(self.con, source.mapping, TableDigest(), alias)
                self.con.execute("COMMIT")
        except (sqlite3.Error, ProblemError):  # another criterion reports it
            if self.con.in_transaction:
                self.con.execute("ROLLBACK")
            return False
        return True


def _affinities(source: KeySource, key: ReferredKey) -> tuple[str, ...]:
    """Return the affinity that the values of each column have before they arrive.

    A constant is one that its column stores unchanged.
    """
    origins = {folded(column.name): column.origin for column in source.mapping.projection().columns}
    stated = set(map(folded, source.mapping.stated_constants))
    return tuple(
        column_affinity(key.table, name)
        if folded(name) in stated
        else column_affinity(source.mapping.table, origins.get(folded(name), ""))
        for name in key.columns
    )


@contextmanager
def predicted_target(databases: InspectedDatabases, limits: Limits | None = None) -> Iterator[PredictedTarget]:
    """Lend an empty prediction of the target."""
    target = databases.target
    like = target.write_lock.path if target else databases.path_of(databases.mappings[0])
    with scratch_database(like, limits) as con:
        con.execute("PRAGMA foreign_keys=OFF")
        read_text_losslessly(con)
        yield PredictedTarget(con, databases)
