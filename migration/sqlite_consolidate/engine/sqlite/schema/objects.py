"""Read the tables, columns, indexes, triggers and views of one database."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.connections import limits_of, open_memory
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, strip_literals, virtual_table_module

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_utils.utils import sqlite3


_STORED = 3
_GENERATED = (2, _STORED)  # values of the column "hidden" of table_xinfo for virtual and for stored generated columns


@dataclass(frozen=True)
class Column:
    """Hold one column as declared.

    Attributes:
        type: Declared type in upper case. Empty without a type.
        default: SQL text of the default, or None.
        key: Position in the primary key from 1, or 0 outside of it.
        generated: True for a generated column, virtual or stored. Nothing is inserted into it.
        hidden: True for a hidden column of a virtual table.
        is_stored: True for a generated column whose values are stored.
    """

    name: str
    type: str
    notnull: bool
    default: str | None
    key: int
    generated: bool
    hidden: bool
    is_stored: bool = False


@dataclass(frozen=True)
class Index:
    """Hold one index.

    Attributes:
        origin: ``c`` for CREATE INDEX, ``u`` for a UNIQUE constraint, ``pk`` for a PRIMARY KEY.
        sql: The CREATE INDEX statement. Empty for an automatic index.
        terms: Column (None for an expression), descending and collation of each term of the key.
    """

    name: str
    table: str
    unique: bool
    origin: str
    partial: bool
    sql: str
    terms: tuple[tuple[str | None, bool, str], ...]


@dataclass(frozen=True)
class ForeignKey:
    """Hold one foreign key of a table.

    Attributes:
        to: Columns of the parent. Empty where the statement names none and means the primary key.
    """

    parent: str
    columns: tuple[str, ...]
    to: tuple[str, ...]
    on_update: str
    on_delete: str


@dataclass(frozen=True)
class TriggerOrView:
    """Hold a trigger or a view.

    Attributes:
        table: The table or view of a trigger, or the name of the view itself.
    """

    name: str
    table: str
    sql: str


@dataclass(frozen=True)
class Table:
    """Hold one table.

    Attributes:
        kind: ``table``, ``virtual`` or ``shadow``. A shadow table holds the inner state of a virtual table.
        rowid: A name under which the implicit rowid can be read and written. Empty without one.
        alias: The INTEGER PRIMARY KEY column, which is the rowid. Empty without one.
        module: Module of a virtual table, such as ``fts5`` or ``rtree``. Empty for any other table.
        foreign_keys: In the order in which they are declared.
    """

    name: str
    kind: str
    sql: str
    without_rowid: bool
    strict: bool
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    rowid: str
    alias: str
    module: str
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def stored(self) -> tuple[Column, ...]:
        """Return the columns that rows are inserted into, in declared order."""
        return tuple(column for column in self.columns if not column.generated and not column.hidden)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Return the columns of the primary key in key order, or none."""
        return tuple(column.name for column in sorted(self.columns, key=lambda c: c.key) if column.key)

    @property
    def autoincrement(self) -> bool:
        """Return whether SQLite keeps a mark for the table in sqlite_sequence."""
        # SQLite has no pragma for it. The word can have no other meaning, because it is a keyword unless it is quoted.
        return bool(self.alias) and "autoincrement" in strip_literals(self.sql)

    @property
    def rowid_is_identity(self) -> bool:
        """Return whether only the implicit rowid distinguishes two equal rows.

        The table then declares no key and no unique index.
        """
        keyed = self.without_rowid or self.alias or any(index.unique and not index.partial for index in self.indexes)
        return bool(self.rowid) and not keyed and self.kind == "table"

    @property
    def counts_rowid(self) -> bool:
        """Return whether the implicit rowid is part of a row when the table is digested alone."""
        return self.rowid_is_identity or self.kind == "virtual"

    def column(self, name: str) -> Column | None:
        """Return the column of a name as SQLite compares names, or None."""
        return next((column for column in self.columns if folded(column.name) == folded(name)), None)


@dataclass(frozen=True)
class Schema:
    """Hold all objects of one database and the values of its header.

    Attributes:
        tables: Tables by name, as the database spells it.
    """

    tables: dict[str, Table]
    triggers: tuple[TriggerOrView, ...]
    views: tuple[TriggerOrView, ...]
    header: dict[str, str] = field(default_factory=dict)

    def table(self, name: str) -> Table | None:
        """Return the table of a name as SQLite compares names, or None."""
        return self._tables_by_name.get(folded(name))

    def index(self, name: str) -> tuple[Table, Index] | None:
        """Return the index of a name with its table, or None."""
        return self._indexes_by_name.get(folded(name))

    @cached_property
    def _tables_by_name(self) -> dict[str, Table]:
        return {folded(table.name): table for table in reversed(self.tables.values())}

    @cached_property
    def _indexes_by_name(self) -> dict[str, tuple[Table, Index]]:
        return {folded(index.name): (table, index) for table in self.movable for index in table.indexes}

    @cached_property
    def modules(self) -> frozenset[str]:
        """Return the modules of the virtual tables."""
        return frozenset(table.module for table in self.tables.values() if table.module)

    @cached_property
    def movable(self) -> tuple[Table, ...]:
        """Return the tables that hold rows of the user.

        They are ordinary and virtual tables. Shadow tables and tables of SQLite are left out.
        """
        return tuple(table for table in self.tables.values() if table.kind in ("table", "virtual"))


_Statements = dict[tuple[str, str], str]  # kind and name of each object to its statement

HEADER = ("user_version", "application_id", "encoding", "journal_mode", "page_size")


def read_schema(con: sqlite3.Connection, database: str = "main") -> Schema:
    """Read the schema of an open or attached database.

    Raises:
        sqlite3.DatabaseError: The file is not a database, or its schema is malformed.
    """
    con.execute(f"SELECT count(*) FROM {quoted(database)}.sqlite_schema").fetchone()
    entries = con.execute(
        f"SELECT type, name, tbl_name, coalesce(sql, '') FROM {quoted(database)}.sqlite_schema ORDER BY rowid"
    ).fetchall()
    sqls = {(kind, name): sql for kind, name, _, sql in entries}
    tables = {}
    listed = con.execute(f"PRAGMA {quoted(database)}.table_list").fetchall()
    limits = limits_of(con)
    inner = _shadow_tables(
        {name: sqls.get(("table", name), "") for _, name, kind, *_ in listed if kind == "virtual"}, listed, limits
    )
    for _, name, listed_as, _, without_rowid, strict in listed:
        if listed_as in ("table", "virtual", "shadow") and not folded(name).startswith("sqlite_"):
            limits.deadline.start_step(f"table {name}")
            kind = "table" if listed_as == "shadow" and folded(name) not in inner else listed_as
            table = _table(con, database, name, kind, sqls, without=bool(without_rowid), strict=bool(strict))
            tables[name] = table
    order = {name: index for index, (kind, name, _, _) in enumerate(entries) if kind == "table"}
    return Schema(
        tables=dict(sorted(tables.items(), key=lambda item: order.get(item[0], len(order)))),
        triggers=tuple(TriggerOrView(name, of, sql) for kind, name, of, sql in entries if kind == "trigger"),
        views=tuple(TriggerOrView(name, name, sql) for kind, name, _, sql in entries if kind == "view"),
        header={name: str(con.execute(f"PRAGMA {quoted(database)}.{name}").fetchone()[0]) for name in HEADER},
    )


def _shadow_tables(
    virtual: dict[str, str], listed: list[tuple[str, str, str, int, int, int]], limits: Limits
) -> set[str]:
    """Return the folded names of the tables that virtual tables have created.

    SQLite lists every table with the name of a shadow table as one, such as a user's ``notes_content`` beside an FTS
    table ``notes`` that indexes it. So each virtual table is created again in memory to see which tables it creates.
    """
    candidates = {folded(name) for _, name, kind, *_ in listed if kind == "shadow"}
    if not candidates:
        return candidates
    con = open_memory(limits)
    try:
        created = set()
        for name, sql in virtual.items():
            try:
                con.execute(sql)
            except sqlite3.Error:  # it needs something that is missing here, so names decide
                created |= {shadow for shadow in candidates if shadow.startswith(f"{folded(name)}_")}
        created |= {folded(name) for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        return candidates & created
    finally:
        con.close()


def _table(
    con: sqlite3.Connection, database: str, name: str, kind: str, sqls: _Statements, *, without: bool, strict: bool
) -> Table:
    sql = sqls.get(("table", name), "")
    columns = tuple(
        Column(
            column,
            kind_.upper(),
            bool(notnull),
            default,
            key,
            generated=hidden in _GENERATED,
            hidden=hidden == 1,
            is_stored=hidden == _STORED,
        )
        for _, column, kind_, notnull, default, key, hidden in con.execute(
            f"PRAGMA {quoted(database)}.table_xinfo({quoted(name)})"
        ).fetchall()
    )
    indexes = _indexes(con, database, name, sqls)
    taken = {folded(column.name) for column in columns}
    rowid = "" if without else next((n for n in ("rowid", "_rowid_", "oid") if n not in taken), "")
    keys = [column for column in columns if column.key]
    is_alias = (
        len(keys) == 1 and keys[0].type == "INTEGER" and not without and not any(i.origin == "pk" for i in indexes)
    )
    return Table(
        name=name,
        kind=kind,
        sql=sql,
        without_rowid=without,
        strict=strict,
        columns=columns,
        indexes=indexes,
        rowid=rowid,
        alias=keys[0].name if is_alias and kind == "table" else "",
        module=virtual_table_module(sql) if kind == "virtual" else "",
        foreign_keys=_foreign_keys(con, database, name),
    )


def _foreign_keys(con: sqlite3.Connection, database: str, table: str) -> tuple[ForeignKey, ...]:
    rows = con.execute(f"PRAGMA {quoted(database)}.foreign_key_list({quoted(table)})").fetchall()
    parts: dict[int, list[Any]] = {}
    for number, *part in sorted(rows, key=lambda row: (-row[0], row[1])):  # SQLite lists the last foreign key first
        parts.setdefault(number, []).append(part)
    return tuple(
        ForeignKey(
            parent=of_key[0][1],
            columns=tuple(part[2] for part in of_key),
            to=tuple(part[3] for part in of_key if part[3] is not None),
            on_update=of_key[0][4],
            on_delete=of_key[0][5],
        )
        for of_key in parts.values()
    )


def _indexes(con: sqlite3.Connection, database: str, table: str, sqls: _Statements) -> tuple[Index, ...]:
    indexes = []
    listed = con.execute(f"PRAGMA {quoted(database)}.index_list({quoted(table)})").fetchall()
    for _, name, unique, origin, partial in sorted(listed):
        terms = tuple(
            (column, bool(descending), collation)
            for _, _, column, descending, collation, is_key in con.execute(
                f"PRAGMA {quoted(database)}.index_xinfo({quoted(name)})"
            ).fetchall()
            if is_key
        )
        indexes.append(Index(name, table, bool(unique), origin, bool(partial), sqls.get(("index", name), ""), terms))
    return tuple(indexes)


def read_autoincrement_marks(con: sqlite3.Connection, database: str = "main") -> dict[str, int]:
    """Return the AUTOINCREMENT marks, the largest rowid that each table ever had.

    See https://sqlite.org/autoinc.html.
    """
    exists = con.execute(f"SELECT 1 FROM {quoted(database)}.sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
    if not exists:
        return {}
    rows = con.execute(
        f"SELECT name, seq FROM {quoted(database)}.sqlite_sequence"
        f" WHERE name IN (SELECT name FROM {quoted(database)}.sqlite_schema WHERE type = 'table')"
    )
    return {name: seq for name, seq in rows if isinstance(seq, int)}


Key = tuple[tuple[str, str], ...]
"""Columns of a key with their collations, as the table spells them."""


def keys_of(table: Table) -> list[Key]:
    """Return the columns of every key of a table.

    A key is the INTEGER PRIMARY KEY, or a unique index over all rows on stored columns.
    """
    keys: list[Key] = [((table.alias, "BINARY"),)] if table.alias else []
    return keys + [
        tuple((column or "", collation) for column, _, collation in index.terms)
        for index in table.indexes
        if index.unique and not is_computed(table, index)
    ]


def computed_keys(table: Table) -> list[Index]:
    """Return the unique indexes that are partial, on expressions or on generated columns.

    ``keys_of`` leaves them out.
    """
    return [index for index in table.indexes if index.unique and is_computed(table, index)]


def is_computed(table: Table, index: Index) -> bool:
    """Return whether an index is partial, on expressions or on generated columns."""
    generated = {folded(column.name) for column in table.columns if column.generated}
    return index.partial or any(column is None or folded(column) in generated for column, _, _ in index.terms)
