"""Build the SQL of source rows as they have to arrive in the target.

Each table mapping has one :class:`Projection`. The copy, the digests, the look-up of keys, the trial of values and the
comparison with originals take their SQL from it, so all of them use the same rows. ``s`` is a row of the source, ``t``
is a row of the target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.engine.sqlite.wide_rows import MAX_VALUES, select_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.engine.sqlite.schema.objects import Key, Table
    from sqlite_consolidate.engine.sqlite.wide_rows import RowQuery


class ProjectedColumn(NamedTuple):
    """Hold one column of the row that has to arrive.

    Attributes:
        name: As the target spells it.
        source: SQL expression over the source row ``s``.
        origin: The source column whose value it is, as the source spells it. Empty where several or none feed it.
    """

    name: str
    source: str
    origin: str = ""

    @property
    def target(self) -> str:
        """Return the SQL expression over the target row ``t``."""
        return f"t.{quoted(self.name)}"


class KeyColumn(NamedTuple):
    """Hold one column of a key of the target and the collation of the key."""

    column: ProjectedColumn
    collation: str


@dataclass(frozen=True)
class Projection:
    """Build the SQL of the rows of one table mapping, in the source and in the target.

    Attributes:
        table: Table that the source rows are read from.
        database: Name under which the connection has its database.
        into: Table in the target.
        columns: Every column of the row that has to arrive. Those that the source feeds come first, in its order.
        computed: Generated columns that both tables have. Nothing is inserted into them.
        rowid: The implicit rowid, where both tables have one.
        rowid_counts: Whether the rowid is part of the row that has to arrive.
        carries_rowid: Whether the copy may name the rowid.
        where: SQL condition over ``s`` of the rows that are copied. Empty copies all rows.
    """

    table: Table
    database: str
    into: Table
    columns: tuple[ProjectedColumn, ...]
    computed: tuple[ProjectedColumn, ...] = ()
    rowid: ProjectedColumn | None = None
    rowid_counts: bool = False
    carries_rowid: bool = False
    where: str = ""

    @classmethod
    def of_table(cls, table: Table, database: str = "main", *, with_rowid: bool) -> Projection:
        """Return the projection of a table onto itself.

        Args:
            table: The table that is read.
            database: Name under which the connection has its database.
            with_rowid: Whether the implicit rowid is part of a row, where the table has one.
        """
        columns = tuple(ProjectedColumn(column.name, column_of(column.name), column.name) for column in table.stored)
        rowid = ProjectedColumn(table.rowid, column_of(table.rowid)) if table.rowid else None
        return cls(table, database, table, columns, rowid=rowid, rowid_counts=with_rowid)

    def within(self, table: Table) -> Projection:
        """Return the projection of the columns that another table has.

        Args:
            table: The table that replaces the table of the target.
        """
        names = {folded(column.name) for column in table.columns}
        kept = tuple(column for column in self.columns if folded(column.name) in names)
        rowid = self.rowid._replace(name=table.rowid) if self.rowid and table.rowid else None
        return replace(self, columns=kept, rowid=rowid)

    @property
    def is_unchanged(self) -> bool:
        """Return whether all source rows arrive, each value under its own name."""
        stored = {column_of(self.table.rowid), *(column.source for column in self.columns[:1])}
        keeps_rowids = self.rowid is None or self.rowid.source in stored
        return (
            not self.where
            and keeps_rowids
            and all(
                column.source == column_of(column.origin) and folded(column.origin) == folded(column.name)
                for column in self.columns
            )
        )

    @property
    def row(self) -> list[ProjectedColumn]:
        """Return the columns in the order of digests, after the rowid where it counts."""
        ordered = sorted(self.columns, key=lambda column: _digest_order(column.name))
        return [self.rowid, *ordered] if self.rowid and self.rowid_counts else ordered

    def source_row(self) -> list[str]:
        """Return the SELECT list of a source row as it has to arrive."""
        return [column.source for column in self.row]

    def target_row(self) -> list[str]:
        """Return the SELECT list of a target row, in the same order."""
        return [column.target for column in self.row]

    @cached_property
    def keys(self) -> list[tuple[KeyColumn, ...]]:
        """Return every key of the target whose columns are all in the row."""
        names = {folded(column.name) for column in self.columns}
        return [self.key(key) for key in keys_of(self.into) if all(folded(name) in names for name, _ in key)]

    def key(self, key: Key) -> tuple[KeyColumn, ...]:
        """Return the columns and collations of one key of the target."""
        by_name = {folded(column.name): column for column in self.columns}
        return tuple(KeyColumn(by_name[folded(name)], collation) for name, collation in key)

    def key_places(self) -> list[tuple[int, ...]]:
        """Return the positions of the columns of each key in the row."""
        row = self.row
        return [tuple(row.index(column) for column, _ in key) for key in self.keys]

    def select(self, expressions: Iterable[str], where: str = "", *, by_index: bool = False) -> str:
        """Return a query of the source rows.

        Args:
            expressions: SQL over ``s``.
            where: Further condition over ``s``.
            by_index: Whether SQLite may read an index. Otherwise it reads the table itself.
        """
        return f"SELECT {', '.join(expressions)} {self._from_source(where, by_index=by_index)}"

    def select_target(self, expressions: Iterable[str], where: str = "", *, by_index: bool = False) -> str:
        """Return a query of the target rows.

        Args:
            expressions: SQL over ``t``.
            where: Condition over ``t``.
            by_index: Whether SQLite may read an index. Otherwise it reads the table itself.
        """
        return f"SELECT {', '.join(expressions)} {self._from_target(where, by_index=by_index)}"

    def select_row(self, where: str = "") -> RowQuery:
        """Return the query of the source rows as they have to arrive."""
        return self.select_values(self.source_row(), where)

    def select_target_row(self, where: str = "", *, by_index: bool = False) -> RowQuery:
        """Return the query of the target rows, in the same order of columns."""
        return self.select_target_values(self.target_row(), where, by_index=by_index)

    def select_values(self, expressions: Iterable[str], where: str = "") -> RowQuery:
        """Return the query of source rows with any number of values."""
        source = self._from_source(where, by_index=False)
        return select_rows(list(expressions), source, self.rowid.source if self.rowid else "")

    def select_target_values(self, expressions: Iterable[str], where: str = "", *, by_index: bool = False) -> RowQuery:
        """Return the query of target rows with any number of values."""
        source = self._from_target(where, by_index=by_index)
        return select_rows(list(expressions), source, self.rowid.target if self.rowid else "")

    def insert(self, where: str = "", *, is_empty: bool) -> str:
        """Return the statement that inserts the source rows, column by column.

        Args:
            where: Further condition over ``s``.
            is_empty: Whether the target table has no row, so that each rowid is free.
        """
        rowid = self.inserted_rowid(is_empty=is_empty)
        columns = [rowid, *self.columns] if rowid else self.columns
        query = self.select((column.source for column in columns), where)
        return f"INSERT INTO {self._target}({identifier_list([column.name for column in columns])}) {query}"

    def inserted_rowid(self, *, is_empty: bool) -> ProjectedColumn | None:
        """Return the implicit rowid if the copy names it, else None.

        Args:
            is_empty: Whether the target table has no row, so that each rowid is free.
        """
        if not self.carries_rowid or not (self.rowid_counts or is_empty):
            return None
        return self.rowid if self.rowid_counts or len(self.columns) < MAX_VALUES else None

    def without(self, column: ProjectedColumn) -> Projection:
        """Return the projection without one column."""
        return replace(self, columns=tuple(other for other in self.columns if other is not column))

    @property
    def insert_records(self) -> str:
        """Return the statement by which SQLite copies whole stored records.

        It is empty where ``*`` is not the row.
        """
        sides = self.table.columns, self.into.columns
        names = [[folded(column.name) for column in side] for side in sides]
        is_plain = self.table.kind == "table" and not any(column.generated for side in sides for column in side)
        if not (is_plain and self.is_unchanged and names[0] == names[1]):
            return ""
        return f"INSERT INTO {self._target} {self.select(['*'])}"

    @property
    def delete_claimed(self) -> str:
        """Return the statement that deletes the target rows whose key a source row has."""
        return f"DELETE FROM {self._target} AS t{_where(self.claimed)}"

    @property
    def clashing(self) -> str:
        """Return the SQL condition over ``s`` that a target row has one of its keys.

        SQLite finds that row by the index of the target.
        """
        return f"EXISTS ({self.select_target(['1'], self.same_keys, by_index=True)})"

    @property
    def same_keys(self) -> str:
        """Return the SQL condition that a source row and a target row have an equal key."""
        each = [
            " AND ".join(f"{column.target} = {column.source} COLLATE {quoted(coll)}" for column, coll in key)
            for key in self.keys
        ]
        return " OR ".join(f"({pairs})" for pairs in each) or "0"

    @property
    def claimed(self) -> str:
        """Return the SQL condition over ``t`` that a source row has one of its keys.

        The source does not need an index for it.
        """
        return self.claimed_by(self.keys)

    def claimed_by(self, keys: Iterable[tuple[KeyColumn, ...]], where: str = "") -> str:
        """Return the SQL condition over ``t`` that a source row has one of some keys.

        Args:
            keys: Keys of the target.
            where: Further condition over ``s`` of the source rows.
        """
        each = []
        for key in keys:
            target = ", ".join(f"{column.target} COLLATE {quoted(collation)}" for column, collation in key)
            each.append(f"({target}) IN ({self.select((column.source for column, _ in key), where)})")
        return " OR ".join(each) or "0"

    def source_from(self, where: str) -> str:
        """Return FROM and WHERE of a statement that reads source rows beside rows of the target."""
        return self._from_source(where, by_index=True)

    def _from_source(self, where: str, *, by_index: bool) -> str:
        by_itself = "" if by_index else f" {self.table.by_itself}"
        return f"FROM {quoted(self.database)}.{quoted(self.table.name)} AS s{by_itself}{_where(self.where, where)}"

    def _from_target(self, where: str, *, by_index: bool) -> str:
        by_itself = "" if by_index else f" {self.into.by_itself}"
        return f"FROM {self._target} AS t{by_itself}{_where(where)}"

    @property
    def _target(self) -> str:
        return f"main.{quoted(self.into.name)}"


@dataclass(frozen=True)
class Staging:
    """Build the SQL that copies the rows of a source table unchanged into a scratch table.

    Columns of the scratch table have no type, so SQLite stores every value unchanged. Implicit rowids are kept. An
    INTEGER PRIMARY KEY has only integers and is declared again, because SQLite then needs no index to find a row by it.

    Attributes:
        table: Table of the source.
        name: Name of the scratch table.
        marker: A further column and the SQL of its value over the source row ``s``, or empty.
    """

    table: Table
    name: str
    marker: tuple[str, str] | tuple[()] = ()

    @property
    def create(self) -> str:
        """Return the statement that creates the scratch table."""
        types = {self.table.alias: " INTEGER PRIMARY KEY"}
        columns = [f"{quoted(name)}{types.get(name, '')}" for name in [*self._columns, *self.marker[:1]]]
        return f"CREATE TABLE main.{quoted(self.name)}({', '.join(columns)})"

    def copy(self, database: str) -> list[str]:
        """Return the statements that copy all rows from the database attached as ``database``.

        The last value of a row that one SELECT cannot return is set by a second statement.
        """
        source = f"{quoted(database)}.{quoted(self.table.name)}"
        names, values = self._targets[:MAX_VALUES], [*self.marker[1:], *(f"s.{quoted(name)}" for name in self._row)]
        insert = f"{self._insert(names)} SELECT {', '.join(values[:MAX_VALUES])} FROM {source} AS s"
        rowid = quoted(self.table.rowid)
        return [insert] + [
            f"UPDATE main.{quoted(self.name)} AS t SET {quoted(late)} ="
            f" (SELECT s.{quoted(late)} FROM {source} AS s WHERE s.{rowid} = t.{rowid})"
            for late in self._targets[MAX_VALUES:]
        ]

    @property
    def insert_values(self) -> str:
        """Return the statement that inserts one row of bound values."""
        return f"{self._insert(self._targets)} VALUES({', '.join('?' for _ in self._targets)})"

    @property
    def select_stored(self) -> RowQuery:
        """Return the query of all values of each row, followed by the stored bytes of each text."""
        row = [f"s.{quoted(name)}" for name in self._row]
        raw = ["NULL" for _ in self.marker[1:]]
        raw += [f"iif(typeof({value}) = 'text', CAST({value} AS BLOB), NULL)" for value in row]
        return select_rows([*self.marker[1:], *row, *raw], f"FROM {quoted(self.table.name)} AS s", self._order)

    @property
    def _order(self) -> str:
        return f"s.{quoted(self.table.rowid)}" if self.table.rowid else identifier_list(self.table.primary_key)

    @property
    def _targets(self) -> list[str]:
        """Return the columns that rows are inserted into."""
        return [*self.marker[:1], *self._row]

    def _insert(self, names: list[str]) -> str:
        return f"INSERT INTO main.{quoted(self.name)}({identifier_list(names)})"

    @property
    def _columns(self) -> list[str]:
        # Generated columns are staged as well, because their values are compared with those of the target.
        return [column.name for column in self.table.columns if not column.hidden]

    @property
    def _row(self) -> list[str]:
        rowid = [self.table.rowid] if self.table.rowid and not self.table.alias else []
        return rowid + self._columns


def _digest_order(name: str) -> tuple[str, str]:
    """Return the key that sorts the columns of a row by name for digests."""
    return folded(name), name


def column_of(name: str) -> str:
    """Return the SQL expression of a column of the source row."""
    return f"s.{quoted(name)}"


def _where(*conditions: str) -> str:
    stated = [condition for condition in conditions if condition]
    return f" WHERE {' AND '.join(f'({condition})' for condition in stated)}" if stated else ""
