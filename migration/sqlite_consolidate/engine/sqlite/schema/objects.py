"""Read the tables, columns, indexes, triggers and views of one database."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.application.missing_objects import MissingObjects, can_read, find_missing_objects
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, strip_literals, virtual_table_module

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_consolidate.sqlite_library import sqlite3


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
        lacks: What this SQLite lacks for it, such as ``the function twice``. Empty if it lacks nothing.
    """

    name: str
    table: str
    unique: bool
    origin: str
    partial: bool
    sql: str
    terms: tuple[tuple[str | None, bool, str], ...]
    lacks: str = ""


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

    def referred(self, parent: Table | None) -> tuple[str, ...]:
        """Return the columns of the parent, or none if it lacks one for each referring column."""
        to = self.to or (parent.primary_key if parent else ())
        has_columns = len(to) == len(self.columns) and (parent is None or all(map(parent.column, to)))
        return to if has_columns else ()


@dataclass(frozen=True)
class TriggerOrView:
    """Hold a trigger or a view.

    Attributes:
        table: The table or view of a trigger, or the name of the view itself.
    """

    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class Table:
    """Hold one table.

    Attributes:
        kind: ``table``, ``virtual`` or ``shadow``. A shadow table holds the inner state of a virtual table.
        rowid: A name under which the implicit rowid can be read and written. Empty without one.
        alias: The INTEGER PRIMARY KEY column, which is the rowid. Empty without one.
        module: Module of a virtual table, such as ``fts5`` or ``rtree``. Empty for any other table.
        foreign_keys: In the order in which they are declared.
        lacks: What this SQLite lacks for it, such as ``the module vec0``. Empty if it lacks nothing. A shadow table
            lacks what its virtual table lacks.
        owner: Virtual table that a shadow table belongs to, if SQLite cannot create that.
        is_readable: False if SQLite cannot read the rows, because it lacks something.
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
    lacks: str = ""
    is_readable: bool = True
    owner: str = ""

    @property
    def lacks_for_writing(self) -> str:
        """Return what this SQLite lacks to change a row, for the table itself or for an index."""
        return self.lacks or next((index.lacks for index in self.indexes if index.lacks), "")

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
        """Return whether only the implicit rowid distinguishes two equal rows."""
        keyed = self.without_rowid or self.alias or any(index.unique and not index.partial for index in self.indexes)
        return bool(self.rowid) and not keyed and self.kind == "table"

    @property
    def by_itself(self) -> str:
        """Return the clause by which a query reads the rows from the table, and from no index.

        SQLite ignores ``NOT INDEXED`` where the rows are in the b-tree of the primary key. It refuses a statement
        without the index of ``INDEXED BY`` (https://sqlite.org/lang_indexedby.html). A copy of another name has none.
        """
        keys = [index.name for index in self.indexes if index.origin == "pk" and index.table == self.name]
        return f"INDEXED BY {quoted(keys[0])}" if keys and self.without_rowid else "NOT INDEXED"

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

    def triggers_on(self, table: str) -> list[TriggerOrView]:
        """Return the triggers of a table or a view."""
        return self._triggers_by_table.get(folded(table), [])

    @cached_property
    def _triggers_by_table(self) -> dict[str, list[TriggerOrView]]:
        by_table: dict[str, list[TriggerOrView]] = {}
        for trigger in self.triggers:
            by_table.setdefault(folded(trigger.table), []).append(trigger)
        return by_table

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

        They are ordinary and virtual tables, without those for which this SQLite lacks something.
        """
        return tuple(t for t in self.tables.values() if t.kind in ("table", "virtual") and not t.lacks)

    @property
    def lacking(self) -> tuple[Table, ...]:
        """Return the ordinary and virtual tables for which this SQLite lacks something."""
        return tuple(t for t in self.tables.values() if t.kind in ("table", "virtual") and t.lacks)

    @property
    def unexamined(self) -> tuple[Table, ...]:
        """Return the tables of which integrity_check may not examine all."""
        return tuple(t for t in self.tables.values() if t.kind != "shadow" and t.lacks_for_writing)

    @property
    def digested(self) -> tuple[Table, ...]:
        """Return the tables whose rows a content digest covers.

        They are the movable ones, and those that lack something and are readable, shadow tables included.
        """
        return self.movable + tuple(t for t in self.tables.values() if t.lacks and t.is_readable)


HEADER = ("user_version", "application_id", "encoding", "journal_mode", "page_size")


def read_schema(con: sqlite3.Connection, database: str = "main") -> Schema:
    """Read the schema of an open or attached database.

    Raises:
        sqlite3.DatabaseError: The file is not a database, or its schema is malformed.
    """
    entries = con.execute(
        f"SELECT type, name, tbl_name, coalesce(sql, '') FROM {quoted(database)}.sqlite_schema ORDER BY rowid"
    ).fetchall()
    limits = limits_of(con)
    reader = _TableReader(con, database, entries, find_missing_objects(entries, limits))
    tables = {}
    for _, name, listed_as, _, without_rowid, strict in con.execute(f"PRAGMA {quoted(database)}.table_list").fetchall():
        if listed_as in ("table", "virtual", "shadow") and not folded(name).startswith("sqlite_"):
            limits.deadline.start_step(f"table {name}")
            tables[name] = reader.read(name, listed_as, without=bool(without_rowid), strict=bool(strict))
    order = {name: index for index, (kind, name, _, _) in enumerate(entries) if kind == "table"}
    return Schema(
        tables=dict(sorted(tables.items(), key=lambda item: order.get(item[0], len(order)))),
        triggers=tuple(TriggerOrView(name, of, sql) for kind, name, of, sql in entries if kind == "trigger"),
        views=tuple(TriggerOrView(name, name, sql) for kind, name, _, sql in entries if kind == "view"),
        header={name: str(con.execute(f"PRAGMA {quoted(database)}.{name}").fetchone()[0]) for name in HEADER},
    )


@dataclass(frozen=True)
class _TableReader:
    """Read the tables of one schema."""

    con: sqlite3.Connection
    database: str
    entries: list[tuple[str, str, str, str]]
    missing: MissingObjects

    @cached_property
    def _sqls(self) -> dict[tuple[str, str], str]:
        return {(kind, name): sql for kind, name, _, sql in self.entries}

    def read(self, name: str, listed_as: str, *, without: bool, strict: bool) -> Table:
        """Return a table that SQLite lists."""
        kind = self._kind(name, listed_as)
        virtual = self.missing.inner.get(folded(name), name)
        lacks = self.missing.tables.get(folded(virtual), "")
        sql = self._sqls.get(("table", name), "")
        try:
            columns = _columns(self.con, self.database, name)
            indexes = _indexes(self.con, self.database, name, self._sqls, self.missing)
        except sqlite3.Error:
            if not lacks:
                raise
            columns, indexes = (), ()
        taken = {folded(column.name) for column in columns}
        rowid = "" if without else next((n for n in ("rowid", "_rowid_", "oid") if n not in taken), "")
        keys = [column for column in columns if column.key]
        is_alias = [key.type for key in keys] == ["INTEGER"] and not (without or any(i.origin == "pk" for i in indexes))
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
            foreign_keys=_foreign_keys(self.con, self.database, name) if columns else (),
            lacks=lacks,
            owner=virtual if kind == "shadow" and lacks else "",
            is_readable=not lacks or (kind != "virtual" and can_read(self.con, self.database, name)),
        )

    def _kind(self, name: str, listed_as: str) -> str:
        """Return the kind of a table.

        SQLite lists every table with the name of a shadow table as one, such as a user's ``notes_content`` beside an
        FTS table ``notes`` that indexes it, and misses those of some modules. Each virtual table was created in memory
        to see which tables it creates.
        """
        is_inner = folded(name) in self.missing.inner or folded(name) in self.missing.created
        return listed_as if listed_as == "virtual" else "shadow" if is_inner else "table"


def _columns(con: sqlite3.Connection, database: str, name: str) -> tuple[Column, ...]:
    rows = con.execute(f"PRAGMA {quoted(database)}.table_xinfo({quoted(name)})").fetchall()
    return tuple(
        Column(column, kind.upper(), bool(notnull), default, key, hidden in _GENERATED, hidden == 1, hidden == _STORED)
        for _, column, kind, notnull, default, key, hidden in rows
    )


def _foreign_keys(con: sqlite3.Connection, database: str, table: str) -> tuple[ForeignKey, ...]:
    rows = con.execute(f"PRAGMA {quoted(database)}.foreign_key_list({quoted(table)})").fetchall()
    parts: dict[int, list[Any]] = {}
    for number, *part in sorted(rows, key=lambda row: (-row[0], row[1])):  # SQLite lists the last foreign key first
        parts.setdefault(number, []).append(part)
    return tuple(
        ForeignKey(key[0][1], tuple(p[2] for p in key), tuple(p[3] for p in key if p[3] is not None), *key[0][4:6])
        for key in parts.values()
    )


def _indexes(
    con: sqlite3.Connection, database: str, table: str, sqls: dict[tuple[str, str], str], missing: MissingObjects
) -> tuple[Index, ...]:
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
        lacks = missing.indexes.get(folded(name), "")
        sql = sqls.get(("index", name), "")
        indexes.append(Index(name, table, bool(unique), origin, bool(partial), sql, terms, lacks))
    return tuple(indexes)


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
    """Return the unique indexes that ``keys_of`` leaves out."""
    return [index for index in table.indexes if index.unique and is_computed(table, index)]


def is_computed(table: Table, index: Index) -> bool:
    """Return whether an index is partial, on expressions or on generated columns."""
    generated = {folded(column.name) for column in table.columns if column.generated}
    return index.partial or any(column is None or folded(column) in generated for column, _, _ in index.terms)
