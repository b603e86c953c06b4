"""Find the tables and indexes that need what this SQLite lacks.

A collation, a function, a module or a tokenizer may be defined by the application alone. SQLite still reads the schema
of such a database, and all tables that need none of them. Each statement that may need one is executed on an empty
database in memory, where SQLite reports what it lacks.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.errors import can_compile, missing_object, missing_object_kind
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, strip_literals, virtual_table_module

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_MAY_NEED = re.compile(r"\b(?:collate|check|as)\b")  # in a CREATE TABLE statement without its literals
_INDEX_MAY_NEED = re.compile(r"\bcollate\b|\(.*\(|\bwhere\b", re.DOTALL)

_COMPRESSING = re.compile(r"\b(?:un)?compress\s*=\s*[\"'`\[]?(\w+)", re.IGNORECASE)

_INNER_NAMES = {
    "fts3": ("content", "segments", "segdir"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "geopoly": ("node", "parent", "rowid"),
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "spellfix1": ("vocab",),
    "vec0": ("chunks", "rowids", "info", "auxiliary", "vector_chunks*", "metadatachunks*", "metadatatext*"),
    "vss0": ("index", "data"),
    "virtual*": (),  # the modules of SpatiaLite have no tables of their own
}
"""Module to what follows the name of a virtual table, and ``_``, in the names of the tables that it creates."""


class Entry(NamedTuple):
    """Hold one row of sqlite_schema."""

    kind: str
    name: str
    table: str
    sql: str


@dataclass
class MissingObjects:
    """Hold what this SQLite lacks for the objects of a schema.

    Attributes:
        tables: Folded name of a table to what it needs, such as ``the collation unicase``.
        indexes: Folded name of an index to what it needs.
        inner: Folded name of a table that a virtual table has created, to the folded name of that virtual table. Only
            those of virtual tables that this SQLite cannot create.
        created: Folded names of the tables that the other virtual tables create.
    """

    tables: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    inner: dict[str, str] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)


def find_missing_objects(rows: Sequence[tuple[str, str, str, str]], limits: Limits | None = None) -> MissingObjects:
    """Return what this SQLite lacks for each table and index of a schema.

    Args:
        rows: Type, name, table name and statement of each row of sqlite_schema, in their order.
        limits: Limits of what SQLite executes in memory.
    """
    entries, missing = [Entry(*row) for row in rows], MissingObjects()
    _try_virtual_tables([entry for entry in entries if is_virtual(entry)], missing, limits)
    for name in [folded(entry.name) for entry in entries if is_virtual(entry)]:
        if name in missing.tables:
            missing.inner |= dict.fromkeys(_inner_tables(entries, name), name)
    _try_tables([entry for entry in entries if entry.sql and not is_virtual(entry)], missing, limits)
    return missing


def is_virtual(entry: Entry) -> bool:
    """Return whether a row of sqlite_schema is a virtual table."""
    return entry.kind == "table" and bool(virtual_table_module(entry.sql))


def can_read(con: sqlite3.Connection, database: str, table: str) -> bool:
    """Return whether SQLite can read the rows of a table of an open or attached database."""
    return can_compile(con, f"SELECT * FROM {quoted(database)}.{quoted(table)} NOT INDEXED")


def call_compressing_functions(con: sqlite3.Connection, sql: str) -> None:
    """Compile a call of each function by which an FTS4 table compresses its rows.

    SQLite needs them at the first row only.

    Args:
        con: A connection.
        sql: Statement of a virtual table.

    Raises:
        sqlite3.Error: SQLite lacks such a function.
    """
    for name in _COMPRESSING.findall(sql) if virtual_table_module(sql) == "fts4" else ():
        con.execute(f"EXPLAIN SELECT {quoted(name)}(NULL)")


def _try_virtual_tables(virtual: Sequence[Entry], missing: MissingObjects, limits: Limits | None) -> None:
    if not virtual:
        return
    with contextlib.closing(open_memory(limits)) as con:
        for entry in virtual:
            try:
                con.execute(entry.sql)
                call_compressing_functions(con, entry.sql)
            except sqlite3.Error as error:
                missing.tables[folded(entry.name)] = missing_object(error) or f"what SQLite misses ({error})"
        names = con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        missing.created = {folded(name) for (name,) in names}


def _try_tables(entries: Sequence[Entry], missing: MissingObjects, limits: Limits | None) -> None:
    tables = [entry for entry in entries if entry.kind == "table"]
    indexes: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind == "index" and _INDEX_MAY_NEED.search(strip_literals(entry.sql)):
            indexes.setdefault(folded(entry.table), []).append(entry)
    suspects = [e for e in tables if folded(e.name) in indexes or _MAY_NEED.search(strip_literals(e.sql))]
    if not suspects:
        return
    with contextlib.closing(open_memory(limits)) as con:
        for table in suspects:
            con.execute("SAVEPOINT trial")
            if lacks := _try(con, table.sql) or _try_insert(con, table):
                missing.tables[folded(table.name)] = lacks
            for index in () if lacks else indexes.get(folded(table.name), ()):
                if lacks := _try(con, index.sql):
                    missing.indexes[folded(index.name)] = lacks
            con.execute("ROLLBACK TO trial")
            con.execute("RELEASE trial")


def _try(con: sqlite3.Connection, sql: str) -> str:
    """Execute a statement, and return what this SQLite lacks for it."""
    try:
        con.execute(sql)
    except sqlite3.Error as error:
        return missing_object(error)
    return ""


def _try_insert(con: sqlite3.Connection, table: Entry) -> str:
    """Return the collation that SQLite lacks for a CHECK.

    SQLite needs it at an insert only.
    """
    if not re.search(r"\bcollate\b", strip_literals(table.sql)):
        return ""
    try:
        con.execute(f"EXPLAIN INSERT INTO {quoted(table.name)} DEFAULT VALUES")
    except sqlite3.Error as error:
        return missing_object(error) if missing_object_kind(error) == "collation" else ""
    return ""


def _inner_tables(entries: Sequence[Entry], virtual: str) -> list[str]:
    """Return the folded names of the tables that a virtual table has created.

    SQLite does not list them without the module. Names decide if the module is known here. Otherwise SQLite has created
    these tables right after the virtual table. VACUUM writes virtual tables after all others, and then names decide:
    no trigger and no foreign key uses such a table.
    """
    position = next(i for i, entry in enumerate(entries) if entry.kind == "table" and folded(entry.name) == virtual)
    longer = [f"{folded(e.name)}_" for e in entries if is_virtual(e) and folded(e.name).startswith(f"{virtual}_")]
    named = [e for e in entries if _may_be_inner(e, virtual) and not folded(e.name).startswith(tuple(longer))]
    module = folded(virtual_table_module(entries[position].sql))
    known = next((names for key, names in _INNER_NAMES.items() if _matches(module, key)), None)
    if known is not None:
        return [
            name for e in named if any(_matches((name := folded(e.name))[len(virtual) + 1 :], key) for key in known)
        ]
    following = [entry for entry in entries[position + 1 :] if entry.kind == "table" and not is_virtual(entry)]
    directly = list(_leading(following, named))
    if directly or following:
        return directly
    used = {word for entry in entries for word in _used_tables(entry)}
    refers = [folded(entry.name) for entry in named if re.search(r"\breferences\b", strip_literals(entry.sql))]
    return [name for entry in named if (name := folded(entry.name)) not in {*used, *refers}]


def _may_be_inner(entry: Entry, virtual: str) -> bool:
    is_table = entry.kind == "table" and bool(entry.sql) and not is_virtual(entry)
    return is_table and folded(entry.name).startswith(f"{virtual}_")


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _leading(entries: Iterable[Entry], named: Sequence[Entry]) -> Iterable[str]:
    """Yield the folded names of the first entries, as long as they are among those named."""
    for entry in entries:
        if entry not in named:
            return
        yield folded(entry.name)


def _used_tables(entry: Entry) -> list[str]:
    """Return the folded names of the tables that a trigger or a foreign key names."""
    if entry.kind == "trigger":
        return [folded(entry.table)]
    return [folded(name) for name in re.findall(r"references\s+[\"`\[]?(\w+)", entry.sql, re.IGNORECASE)]
