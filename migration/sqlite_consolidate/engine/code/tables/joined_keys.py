"""Find the columns that code relates to the key of a table, by SQL or by models."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.scan import is_documentation, text_of
from sqlite_consolidate.engine.code.scanning.scanned_files import list_scanned_files
from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in, may_compare
from sqlite_consolidate.engine.code.tables.relations.read_relations import relations_in
from sqlite_consolidate.engine.code.tables.sql_texts import statements_in
from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
    from sqlite_consolidate.engine.code.tables.compared_columns import (
        ColumnName,
        Comparison,
        NamedTable,
        QueryScope,
    )
    from sqlite_consolidate.engine.code.tables.opened_databases import OpenedDatabases
    from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelRelation
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table

_ATTACH = re.compile(r"""attach\s+(?:database\s+)?'(?P<file>[^']+)'\s+as\s+["`\[]?(?P<name>\w+)""", re.IGNORECASE)
_MOST_CHARACTERS = 1_000_000  # a longer text is a dump
_DATA = (".css", ".csv", ".json", ".lock", ".svg", ".tsv")
"""Endings of files that hold no statements, and are not read."""

JoinedColumns = tuple[tuple[str, str], tuple[str, str]]
"""Two columns that code compares, each with its table."""


class JoinedKey(NamedTuple):
    """Hold a column that code relates to the key of a table.

    Attributes:
        table: The table of the column.
        to: Table and key.
        place: File and line of the code.
        conditions: Folded columns of the table that each statement with the comparison compares with values as well.
        is_certain: Whether a statement compares them for all rows of the table.
    """

    table: str
    column: str
    to: tuple[str, str]
    place: str
    conditions: frozenset[str]
    is_certain: bool = True


class AttachedKey(NamedTuple):
    """Hold a column that code compares with one of another database of the connection.

    Attributes:
        table: The table of the column.
        database: The name of its database in the connection. Empty for ``main``.
        to: Folded names of the other database in the connection, of its table and of the column.
        place: File and line of the code.
    """

    table: str
    column: str
    database: str
    to: tuple[str, str, str]
    place: str


class MeantColumn(NamedTuple):
    """Hold a column of a database that a statement names.

    Attributes:
        named: The table as the statement names it.
    """

    table: Table
    column: str
    named: NamedTable

    def is_limited_by(self, others: Iterable[MeantColumn]) -> bool:
        """Return whether one of other columns is of the same row."""
        return any(each.named is self.named and each.column != self.column for each in others)


class CodeJoins:
    """Know the columns that code relates to each other, whatever the databases are."""

    def __init__(
        self,
        comparisons: Sequence[tuple[str, Comparison]],
        relations: Sequence[tuple[str, ModelRelation]] = (),
        opened: OpenedDatabases | None = None,
        uncertain: Collection[str] = (),
        attached: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """Take what code relates.

        Args:
            comparisons: Each comparison of SQL with its place.
            relations: Each relation of models with its place.
            opened: The databases that code opens. None if it counts for any database.
            uncertain: Files of code of which it is not certain that a program of the databases uses them.
            attached: Each file of code and the name that it gives to a database, to the file name of the database.
        """
        self._comparisons = comparisons
        self._relations = relations
        self._opened = opened
        self._uncertain = uncertain
        self._attached = attached or {}
        self._across = [each for each in comparisons if len({database for database, _ in each[1].tables}) > 1]
        files = {_file_of(place) for place, _ in (*comparisons, *relations)}
        self._databases = {file: databases for file in files if opened and (databases := opened.of(file))}
        self._known: dict[tuple[frozenset[str], tuple[str, ...]], tuple[JoinedKey, ...]] = {}

    def keys_in(self, schema: Schema, database: str = "") -> tuple[JoinedKey, ...]:
        """Return the columns of a database that are related to a key.

        A column that a FOREIGN KEY declares is none. A statement counts only if the database has all of its tables.
        Thousands of files have the same schema, which is looked up once.

        Args:
            schema: Its schema.
            database: Its path. Empty if all code counts.
        """
        others = frozenset(file for file, opened in self._databases.items() if database and database not in opened)
        known = others, (*(table.sql for table in schema.tables.values()), *(view.name for view in schema.views))
        if known not in self._known:
            self._known[known] = tuple(self._find(schema, others)) if self._comparisons or self._relations else ()
        return self._known[known]

    def can_open(self, place: str, database: str) -> bool:
        """Return whether code opens a database, or names none, so that it can open any."""
        databases = self._databases.get(_file_of(place))
        return databases is None or database in databases

    def can_mean(self, place: str, name: str, database: str) -> bool:
        """Return whether a name of a database in a connection of code can mean a database.

        Args:
            place: File and line of the code.
            name: The name, folded. Empty for ``main``.
            database: Path of the database.
        """
        if not name:
            return self.can_open(place, database)
        file = self._attached.get((_file_of(place), name))
        return posixpath.basename(database) == file if file else folded(PurePosixPath(database).stem) == name

    def attached_in(self, schema: Schema) -> Iterator[AttachedKey]:
        """Yield the columns of a database that SQL compares with one of another file."""
        tables = {folded(table.name): table for table in schema.tables.values()} if self._across else {}
        for place, comparison in self._across:
            for child, parent in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
                column, other = _column(child, tables), _named_table(parent)
                if column and other and other.database not in (column.named.database, "temp"):
                    to = other.database, other.name, parent.column
                    yield AttachedKey(column.table.name, column.column, column.named.database, to, place)

    def columns_in(self, schema: Schema) -> set[JoinedColumns]:
        """Return the columns of two tables of a database that SQL compares with each other."""
        return {
            ((left.table.name, left.column), (right.table.name, right.column))
            for _, _, left, right in self._compared(schema)
            if left.table.name != right.table.name
        }

    def _compared(self, schema: Schema) -> Iterator[tuple[str, Comparison, MeantColumn, MeantColumn]]:
        """Yield each comparison of two columns of a database, with its place and the columns.

        A table that the statement has from another database of the connection is none of these.
        """
        tables = {folded(table.name): table for table in schema.tables.values()}
        names = tables.keys() | {folded(view.name) for view in schema.views}
        for place, comparison in self._comparisons:
            left, right = (_column(name, tables) for name in (comparison.left, comparison.right))
            if left and right and left.named.database == right.named.database != "temp":
                database = left.named.database
                if {name for where, name in comparison.tables if where == database} <= names:
                    yield place, comparison, left, right

    def _find(self, schema: Schema, others: Collection[str]) -> Iterator[JoinedKey]:
        """Yield the columns that are related to a key, each once.

        Args:
            schema: The schema of a database.
            others: The files of code that open other databases.
        """
        known: dict[tuple[str, str, tuple[str, str]], JoinedKey] = {}
        tables = {folded(table.name): table for table in schema.tables.values()}
        for each in (*self._joined(schema, tables), *self._related(tables)):
            file, related = _file_of(each.place), [tables[folded(name)] for name in (each.table, each.to[0])]
            if file not in others or (self._opened and self._opened.can_mean(file, related)):
                is_other = file in others and self._opened and not self._opened.is_of_program(file, schema, related)
                is_certain = each.is_certain and file not in self._uncertain and not is_other
                _add(known, each._replace(is_certain=is_certain))
        yield from known.values()

    def _joined(self, schema: Schema, tables: Mapping[str, Table]) -> Iterator[JoinedKey]:
        """Yield the columns that SQL compares with a key."""
        for place, comparison, left, right in self._compared(schema):
            for child, parent in ((left, right), (right, left)):
                table, column = child.table, child.column
                is_joined = parent.table.primary_key == (parent.column,) and (table, column) != parent[:2]
                if is_joined and not _is_declared(table, column):
                    conditions = comparison.conditions & {folded(each.name) for each in table.columns}
                    limits = (_column(name, tables) for name in comparison.limits)
                    is_certain = comparison.is_match and not child.is_limited_by(filter(None, limits))
                    to = parent.table.name, parent.column
                    yield JoinedKey(table.name, column, to, place, conditions, is_certain)

    def _related(self, tables: Mapping[str, Table]) -> Iterator[JoinedKey]:
        """Yield the columns that models relate to a key."""
        for place, (child, column, parent, key, _) in self._relations:
            table, other = child.table_in(tables), parent.table_in(tables)
            if table and other and len(other.primary_key) == 1 and (name := _stored_name(table, column)):
                [end] = other.primary_key
                is_joined = folded(key) in ("", folded(end)) and (table, name) != (other, end)
                if is_joined and not _is_declared(table, name):
                    yield JoinedKey(table.name, name, (other.name, end), place, frozenset())


def read_code_joins(
    scope: ScanScope, opened: OpenedDatabases | None = None, is_uncertain: Callable[[str], bool] = lambda _: False
) -> CodeJoins:
    """Return the columns that scanned files relate to each other.

    Documentation and data do not count.

    Args:
        scope: The files.
        opened: The databases that they open. None if each can mean any database.
        is_uncertain: Returns for a file whether it may be no code of a program, by its path.
    """
    uncertain: set[str] = set()
    comparisons: list[tuple[str, Comparison]] = []
    relations: list[tuple[str, ModelRelation]] = []
    attached: dict[tuple[str, str], str] = {}
    for file in list_scanned_files(scope).files:
        is_read = not is_documentation(file) and not file.lower().endswith(_DATA)
        text = text_of(os.fspath(scope.root), file, {}) if is_read else None
        if not text or len(text) > _MOST_CHARACTERS:
            continue
        stated = [(f"{file}:{each.line}", each) for each in relations_in(file, text)]
        statements = [*statements_in(file, text)] if may_compare(text) else []
        compared = [
            (f"{file}:{min(first + each.line, last)}", each)
            for statement, first, last in statements
            for each in comparisons_in(statement)
        ]
        for attach in (match for statement, *_ in statements for match in _ATTACH.finditer(statement)):
            attached[file, folded(attach["name"])] = posixpath.basename(attach["file"].partition("?")[0])
        if (stated or compared) and (is_uncertain(file) or (opened and opened.is_of_another(file, text))):
            uncertain.add(file)
        comparisons += compared
        relations += stated
    return CodeJoins(comparisons, relations, opened, uncertain, attached)


def _file_of(place: str) -> str:
    return place.rpartition(":")[0]


def _add(known: dict[tuple[str, str, tuple[str, str]], JoinedKey], other: JoinedKey) -> None:
    """Add what code says of a column to what other code says."""
    first = known.get(other[:3], other)
    conditions, is_certain = first.conditions & other.conditions, first.is_certain or other.is_certain
    known[other[:3]] = (first if first.is_certain else other)._replace(conditions=conditions, is_certain=is_certain)


def _column(name: ColumnName, tables: Mapping[str, Table]) -> MeantColumn | None:
    """Return the column that a name means, or None if it is not certain."""
    scope: QueryScope | None = name.scope
    while scope is not None:
        possible = [(each, tables.get(each.name)) for each in scope.tables if name.alias in ("", each.alias)]
        meant = [
            MeantColumn(table, column, each)
            for each, table in possible
            if table and (column := _stored_name(table, name.column))
        ]
        if name.alias and possible:
            return meant[0] if len(possible) == len(meant) == 1 else None
        is_known = all(table for _, table in possible)
        if meant or not is_known:
            return meant[0] if len(meant) == 1 and is_known else None
        scope = scope.outer
    return None


def _named_table(name: ColumnName) -> NamedTable | None:
    """Return the table that a statement names before a column, or None if it is not certain."""
    scope: QueryScope | None = name.scope
    while scope is not None and name.alias:
        named = [table for table in scope.tables if table.alias == name.alias]
        if named:
            return named[0] if len(named) == 1 and named[0].name else None
        scope = scope.outer
    return None


def _stored_name(table: Table, name: str) -> str:
    """Return a column as its table declares it, or an empty text."""
    column = table.column(name)
    return column.name if column else table.alias if name in ROWIDS else ""


def _is_declared(table: Table, column: str) -> bool:
    return any(folded(column) in map(folded, key.columns) for key in table.foreign_keys)
