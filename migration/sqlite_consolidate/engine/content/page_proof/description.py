"""Describe the schema of a database to the page reader, in numbers alone.

SQLite says what the schema is. The page reader knows no SQL and no name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.content.projection import Projection
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table

_COLLATIONS = {"binary": 0, "nocase": 1, "rtrim": 2}
_SCHEMA_ROOT = 1
_ROWID, _EXPRESSION = -1, -2  # columns of index_xinfo that are none of the table
_VIRTUAL, _STORED = 2, 3  # values of the column "hidden" of table_xinfo for generated columns
_STRICT_TYPES = {"int": "I", "integer": "I", "real": "R", "text": "T", "blob": "B", "any": "A"}
_LINE_DIGITS = 100
"""Number of hexadecimal digits in a line. The page reader reads one line at a time."""

_CHECK = re.compile(r"(?<![a-z0-9_])check(?![a-z0-9_])")
"""The keyword of a CHECK. In a comment or a name it declines more than it has to."""


class _Column(NamedTuple):
    """Hold one row of table_xinfo."""

    cid: int
    name: str
    type: str
    notnull: int
    default: str | None
    key: int
    hidden: int


class _Term(NamedTuple):
    """Hold one row of index_xinfo."""

    number: int
    cid: int
    name: str | None
    descending: int
    collation: str
    is_key: int


class _Index(NamedTuple):
    """Hold one row of index_list."""

    number: int
    name: str
    unique: int
    origin: str
    partial: int


class DigestedValue(NamedTuple):
    """Hold one value of a row that the page reader digests.

    Attributes:
        column: The column, or an empty text for the rowid.
        offset: Number that is added to integers.
        least: Smallest integer to which it is added.
    """

    column: str
    offset: int = 0
    least: int = 0


class DigestedRows(NamedTuple):
    """Hold which values of each row of a table make a digest, in their order."""

    table: str
    values: tuple[DigestedValue, ...]


@dataclass
class Description:
    """Hold a request to the page reader.

    Attributes:
        lines: The request.
        tables: The name of each table of the request, in its order.
        digested: What is digested of each of these tables. The digest of its rows is the first.
        declined: Why SQLite has to check the integrity.
        unreadable: Why SQLite has to read the rows.
        head: Number of lines before those of the tables, such as the lines of the schema.
    """

    lines: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    digested: list[tuple[DigestedRows, ...]] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    head: int = 0


def describe_database(
    con: sqlite3.Connection, schema: Schema, *, transaction_pages: int = 0, further: Sequence[DigestedRows] = ()
) -> Description:
    """Describe the database that a connection has open.

    Args:
        con: Open connection.
        schema: Schema of the database. Each of its tables is digested as it says.
        transaction_pages: Number of pages that the database has inside an open transaction, which has page 1 in memory.
            0 without one.
        further: What is digested besides.
    """
    head = [f"transaction {transaction_pages}"] if transaction_pages else []
    description = Description(head, head=len(head))
    entries = con.execute("SELECT type, name, tbl_name, rootpage, coalesce(sql, '') FROM main.sqlite_schema").fetchall()
    if any(kind == "table" and not root for kind, _, _, root, _ in entries):
        description.unreadable.append("a virtual table")
        return description
    if any(table.lacks_for_writing for table in schema.tables.values()):
        description.unreadable.append("an object of the application that this SQLite lacks")
        return description
    listed = {name: (wr, strict) for _, name, _, _, wr, strict in con.execute("PRAGMA main.table_list")}
    roots = {name: root for kind, name, _, root, _ in entries if kind == "index"}
    first = [] if transaction_pages else [("sqlite_schema", _SCHEMA_ROOT, "")]
    tables = [*first, *((name, root, sql) for kind, name, _, root, sql in entries if kind == "table")]
    for name, root, sql in tables:
        if name not in listed:
            description.unreadable.append("a table that SQLite does not list")
        elif _CHECK.search(sql.lower()):
            description.declined.append("a CHECK")
        if name in listed:
            without, strict = listed[name]
            table = _Table(con, schema, name, root, without_rowid=bool(without), is_strict=bool(strict))
            table.describe(description, roots, [rows for rows in further if rows.table == name])
        if root == _SCHEMA_ROOT:
            description.head = len(description.lines)
    if roots:
        description.unreadable.append("an index without a table")
    description.declined = list(dict.fromkeys(description.declined))
    return description


@dataclass(frozen=True)
class Statements:
    """State which INSERT statements the rows of a table are written in.

    Attributes:
        columns: The columns of a row, in the order of its values.
        head: What is before the first row of each statement.
        rows: Most rows of a statement.
        characters: A statement ends after the row that has this character of all rows.
        with_rowid: Whether the rowid is the first value.
    """

    columns: tuple[str, ...]
    head: str
    rows: int
    characters: int
    with_rowid: bool


def describe_rows(con: sqlite3.Connection, schema: Schema, name: str, statements: Statements) -> list[str]:
    """Describe one ordinary table and the statements of its rows.

    The description is empty where the page reader cannot read the rows.

    Args:
        con: Open connection.
        schema: Schema of its database.
        name: The table.
        statements: How the rows are written.
    """
    table = _listed_table(con, schema, name)
    return table.row_lines(statements) if table else []


def rows_of_digest(table: Table) -> DigestedRows:
    """Return the rows of a table as its digest has them."""
    rowid = [DigestedValue("")] if table.counts_rowid else []
    row = Projection.of_table(table, with_rowid=False).row
    return DigestedRows(table.name, (*rowid, *(DigestedValue(column.name) for column in row)))


def describe_digests(con: sqlite3.Connection, schema: Schema, digested: Sequence[DigestedRows]) -> Description:
    """Describe some ordinary tables, and what is digested of them.

    Args:
        con: Open connection.
        schema: Schema of its database.
        digested: What is digested.
    """
    description = Description(["part"])
    for name in dict.fromkeys(rows.table for rows in digested):
        if table := _listed_table(con, schema, name):
            table.describe_digests(description, [rows for rows in digested if rows.table == name])
        else:
            description.unreadable.append("a table that SQLite cannot read")
    return description


def _listed_table(con: sqlite3.Connection, schema: Schema, name: str) -> _Table | None:
    """Return a table of a schema, or None if it is no ordinary table."""
    row = con.execute("SELECT rootpage FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (name,)).fetchone()
    listed = schema.tables[name]
    if row is None or not row[0] or listed.lacks_for_writing:
        return None
    return _Table(con, schema, name, row[0], without_rowid=listed.without_rowid, is_strict=listed.strict)


class _Table:
    """Describe one table and its indexes."""

    def __init__(
        self, con: sqlite3.Connection, schema: Schema, name: str, root: int, *, without_rowid: bool, is_strict: bool
    ) -> None:
        self._con, self._name, self._root = con, name, root
        self._without_rowid, self._is_strict = without_rowid, is_strict
        self._columns = [_Column(*row) for row in con.execute(f"PRAGMA main.table_xinfo({quoted(name)})")]
        self._indexes = [_Index(*row) for row in con.execute(f"PRAGMA main.index_list({quoted(name)})")]
        self._digested = [table for table in schema.movable if table.name == name]
        self._key = self._terms(self._primary_key) if without_rowid else []
        stored = [column.cid for column in self._columns if column.hidden != _VIRTUAL]
        self._order = [term.cid for term in self._key] or stored
        """Columns in the order of the record."""

    def _terms(self, index: str) -> list[_Term]:
        return [_Term(*row) for row in self._con.execute(f"PRAGMA main.index_xinfo({quoted(index)})")]

    @property
    def _primary_key(self) -> str:
        return next(index.name for index in self._indexes if index.origin == "pk")

    def describe(self, description: Description, roots: dict[str, int], further: Sequence[DigestedRows]) -> None:
        """Add the lines of this table, and take its indexes out of the roots."""
        if any(column.hidden == _VIRTUAL for column in self._columns):
            description.declined.append("a virtual generated column")
        self.describe_digests(description, [*map(rows_of_digest, self._digested), *further])
        for index in self._indexes:
            if not (self._without_rowid and index.origin == "pk"):
                self._describe_index(index, roots.pop(index.name), description)

    def row_lines(self, statements: Statements) -> list[str]:
        """Return the lines of this table and of the statements of its rows, or none."""
        if self._without_rowid and not self._is_comparable(self._key):
            return []
        cids = {column.name: column.cid for column in self._columns}
        columns = [self._order.index(cids[name]) for name in statements.columns]
        head = statements.head.encode("utf-8", "surrogateescape").hex()
        lines = ["part", *self._head_lines()]
        lines += [f"insert {column}" for column in ([_ROWID] if statements.with_rowid else []) + columns]
        lines.append(f"most {statements.rows} {statements.characters}")
        lines += [f"head {head[at : at + _LINE_DIGITS]}" for at in range(0, len(head), _LINE_DIGITS)]
        return lines + (self._index_lines("key", self._root, unique=True, terms=self._key) if self._key else [])

    def describe_digests(self, description: Description, digested: Sequence[DigestedRows]) -> None:
        """Add the lines of this table and of what is digested of it, without its indexes."""
        description.tables.append(self._name)
        description.digested.append(tuple(digested))
        description.lines += self._head_lines()
        places = {self._columns[cid].name: place for place, cid in enumerate(self._order)}
        if not self._without_rowid:
            if "" in places:
                description.unreadable.append("a column without a name")
                return
            places[""] = _ROWID
        for rows in digested:
            if any(value.column not in places for value in rows.values):
                description.unreadable.append("a column that is not stored")
                return
            description.lines.append("digest")
            description.lines += [f"value {places[name]} {offset} {least}" for name, offset, least in rows.values]
        if self._without_rowid:
            if not self._is_comparable(self._key):
                description.unreadable.append("a primary key with a collation of the application")
            description.lines += self._index_lines("key", self._root, unique=True, terms=self._key)

    def _head_lines(self) -> list[str]:
        head = ("table", self._root, int(self._without_rowid), len(self._order), self._alias())
        return [" ".join(map(str, head)), *(self._column_line(self._columns[cid]) for cid in self._order)]

    def _describe_index(self, index: _Index, root: int, description: Description) -> None:
        terms = self._terms(index.name)
        if index.partial or not self._is_comparable(terms):
            description.declined.append("an index that is partial, on an expression, or with another collation")
            description.lines.append(f"opaque {root}")
            return
        description.lines += self._index_lines("index", root, unique=bool(index.unique), terms=terms)

    def _alias(self) -> int:
        """Return the place of the column that is the rowid, or -1."""
        keys = [column for column in self._columns if column.key]
        is_alias = (
            len(keys) == 1
            and folded(keys[0].type) == "integer"
            and not self._without_rowid
            and not any(index.origin == "pk" for index in self._indexes)
        )
        return self._order.index(keys[0].cid) if is_alias else -1

    def _column_line(self, column: _Column) -> str:
        affinity = "A" if self._is_strict and folded(column.type) == "any" else affinity_of(column.type)
        strict = _STRICT_TYPES[folded(column.type)] if self._is_strict else "-"
        not_null = bool(column.notnull or (self._without_rowid and column.key))
        default_is_null = column.default is None and column.hidden != _STORED
        return f"column {affinity} {strict} {int(not_null)} {int(default_is_null)}"

    def _is_comparable(self, terms: list[_Term]) -> bool:
        """Return whether the page reader knows each column and collation of an index."""
        return all(
            (term.cid == _ROWID or term.cid in self._order) and folded(term.collation) in _COLLATIONS for term in terms
        )

    def _index_lines(self, kind: str, root: int, *, unique: bool, terms: list[_Term]) -> list[str]:
        keys = sum(term.is_key for term in terms)
        lines = [f"{kind} {root} {int(unique)} {keys} {len(terms)}"]
        for term in terms:
            column = _ROWID if term.cid == _ROWID else self._order.index(term.cid)
            lines.append(f"term {column} {term.descending} {_COLLATIONS.get(folded(term.collation), 0)}")
        return lines


def affinity_of(declared: str) -> str:
    """Return the affinity of a declared type, as the letter of SQLite's sources.

    See https://www.sqlite.org/datatype3.html, section 3.1.
    """
    words = folded(declared)
    if "int" in words:
        return "D"
    if any(part in words for part in ("char", "clob", "text")):
        return "B"
    if "blob" in words or not words:
        return "A"
    return "E" if any(part in words for part in ("real", "floa", "doub")) else "C"
