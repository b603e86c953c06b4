"""Number the kinds of files, of which each has the versions of one schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import MIGRATION_STAMPS, is_of_framework
from sqlite_consolidate.engine.sqlite.schema.objects import Schema
from sqlite_consolidate.engine.sqlite.schema.statements import schema_statements, words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.sources.table_versions import unite_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.inspection import CountedTable, Database

_Statement = tuple[str, str, tuple[str, ...]]


@dataclass
class _Kind:
    """Hold the versions of one schema, the one with the most objects first.

    Attributes:
        versions: Folded names of the tables of each version that its own program declares.
        tables: Each table with the columns of all versions.
    """

    versions: list[frozenset[str]]
    tables: dict[str, Table]


class Kinds:
    """Number the schemas, so that the versions of one schema have one number.

    A program adds tables, columns, indexes, triggers and views over the years, drops some, and changes triggers and
    views. So each version and another one have more than half of all their tables in common. Tables that a framework
    declares in each of its programs do not count. One table can have the columns of all versions.
    """

    def __init__(self, databases: Iterable[Database]) -> None:
        """Number the schemas of all databases, from the largest to the smallest."""
        self._kinds: list[_Kind] = []
        self._numbers: dict[object, int] = {}
        schemas = {schema_of(database): database for database in databases}
        for schema, database in sorted(schemas.items(), key=lambda each: -_size(each[1])):
            self._numbers[schema] = self._add(database)

    def kind_of(self, database: Database) -> int:
        """Return the number of the kind of one of the databases."""
        return self._numbers[schema_of(database)]

    def _add(self, database: Database) -> int:
        tables = {folded(table.name): table.table for table in database.tables}
        names = _names(database)
        for number, kind in enumerate(self._kinds):
            if _is_version(names, kind.versions):
                united = {name: unite_all([kind.tables.get(name, table), table]) for name, table in tables.items()}
                complete = {name: table for name, table in united.items() if table}
                if complete.keys() == tables.keys():
                    kind.versions.append(names)
                    kind.tables |= complete
                    return number
        self._kinds.append(_Kind([names], tables))
        return len(self._kinds) - 1


def are_of_one_kind(first: Database, second: Database) -> bool:
    """Return whether two databases have versions of one schema."""
    kinds = Kinds((first, second))
    return kinds.kind_of(first) == kinds.kind_of(second)


def schema_of(database: Database) -> frozenset[_Statement]:
    """Return what two files of one schema have in common."""
    return frozenset((each.kind, folded(each.name), _words(each.sql)) for each in schema_statements(database.schema))


def unite_databases(databases: Sequence[Database], tables: Iterable[CountedTable]) -> Database:
    """Return a database with the tables, triggers and views of several files of one kind.

    Args:
        databases: The files.
        tables: Each table with the rows of all files.
    """
    views = {
        folded(view.name): (view, names)
        for database in reversed(databases)
        for view, names in zip(database.schema.views, database.joined, strict=True)
    }
    triggers = {folded(each.name): each for database in reversed(databases) for each in database.schema.triggers}
    statistics = {(each.table, each.column): each for database in reversed(databases) for each in database.statistics}
    known = {table.name: table for database in reversed(databases) for table in database.schema.tables.values()}
    header = databases[0].schema.header
    return replace(
        databases[0],
        schema=Schema(known, tuple(triggers.values()), tuple(view for view, _ in views.values()), header),
        tables=tuple(tables),
        joined=tuple(names for _, names in views.values()),
        text_parents=frozenset[tuple[str, str]]().union(*(database.text_parents for database in databases)),
        statistics=tuple(statistics.values()),
    )


def _size(database: Database) -> int:
    return len(_names(database)) + len(database.schema.triggers) + len(database.schema.views)


def _names(database: Database) -> frozenset[str]:
    """Return the folded names of the tables that only its program declares, or of all tables."""
    names = frozenset(folded(table.name) for table in database.tables)
    return frozenset(name for name in names - MIGRATION_STAMPS if not is_of_framework(name)) or names


def _is_version(names: frozenset[str], versions: Sequence[frozenset[str]]) -> bool:
    """Return whether a schema with these tables is of the same program as one of the versions."""
    return any(2 * len(names & version) > len(names | version) for version in versions)


@lru_cache(maxsize=10_000)
def _words(sql: str) -> tuple[str, ...]:
    return tuple(words_of(sql))
