"""Mutate a target by single changes, as a faulty copy or a person could make them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.exactness.oracle import quoted

if TYPE_CHECKING:
    import random
    import sqlite3
    from collections.abc import Callable
else:
    from sqlite_utils.utils import sqlite3

_WITHOUT_ROWID = {"codes": "code"}
_WITHOUT_KEY = ("log", "mine")
_ROWS = ("tasks", "log", "codes", "words", "own", "mine")
INDEXES = {
    "by_a": ("tasks", "CREATE INDEX by_a ON tasks(a)"),
    "by_b": ("tasks", "CREATE UNIQUE INDEX by_b ON tasks(b) WHERE r > 1"),
    "by_length": ("tasks", "CREATE INDEX by_length ON tasks(length(a), r DESC)"),
    "by_what": ("log", "CREATE INDEX by_what ON log(what COLLATE NOCASE)"),
    "by_name": ("codes", "CREATE UNIQUE INDEX by_name ON codes(name, x)"),
    "by_v": ("own", "CREATE INDEX by_v ON own(v)"),
}
LATE = {
    "up": "CREATE TRIGGER up AFTER DELETE ON tasks BEGIN INSERT INTO log VALUES('gone', old.a); END",
    "own_up": "CREATE TRIGGER own_up AFTER DELETE ON own BEGIN INSERT INTO mine VALUES(old.v, 'x'); END",
    "names": "CREATE VIEW names AS SELECT a FROM tasks",
    "values of": 'CREATE VIEW "values of" AS SELECT v FROM own',
}
TABLES = {
    "tasks": "CREATE TABLE tasks(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL COLLATE NOCASE, b,"
    " r REAL DEFAULT 0.5, CHECK (typeof(a) = 'text'))",
    "log": "CREATE TABLE log(what, n)",
    "codes": "CREATE TABLE codes(code TEXT PRIMARY KEY, name, x) WITHOUT ROWID",
    "words": "CREATE TABLE words(id INTEGER PRIMARY KEY, one TEXT, two TEXT, three INTEGER DEFAULT 1)",
    "own": "CREATE TABLE own(id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT, r REAL DEFAULT 2)",
    "mine": "CREATE TABLE mine(what, n)",
}
_DECLARED = [
    ("0.5", "0.25"),
    (" NOT NULL", ""),
    ("NOCASE", "BINARY"),
    ("= 'text'", "= 'blob'"),
    ("DEFAULT 2", ""),
    ("DEFAULT 1", "DEFAULT 0"),
    ("r REAL", "r DOUBLE"),
    ("AUTOINCREMENT", ""),
    ("three INTEGER", "three TEXT"),
]


@dataclass(frozen=True)
class Mutation:
    """Describe a change, and whether the criteria of ``schema`` or of ``rows`` must notice it."""

    words: str
    moment: str


def mutate(chance: random.Random, con: sqlite3.Connection) -> Mutation | None:
    """Change one thing in an open transaction. None is returned when SQLite refuses it."""
    act = chance.choice([_value, _value, _value, _value, _row, _row, _swap, _rowid, _index, _table, _late, _header])
    try:
        return act(chance, con)
    except (sqlite3.IntegrityError, sqlite3.OperationalError):
        return None


def _key(table: str) -> str:
    return _WITHOUT_ROWID.get(table, "rowid")


def _columns(con: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in con.execute(f"PRAGMA table_info({table})")]


def _some_key(chance: random.Random, con: sqlite3.Connection, table: str) -> Any:
    return chance.choice(con.execute(f"SELECT {_key(table)} FROM {table} ORDER BY 1").fetchall())[0]


def _value(chance: random.Random, con: sqlite3.Connection) -> Mutation | None:
    table = chance.choice(_ROWS)
    column, key = chance.choice(_columns(con, table)), _some_key(chance, con, table)
    where = f"FROM {table} WHERE {_key(table)} IS ?"
    kind = con.execute(f"SELECT typeof({column}) {where}", (key,)).fetchone()[0]
    read = column if kind != "text" else f"CAST({column} AS BLOB)"
    was = con.execute(f"SELECT {read} {where}", (key,)).fetchone()[0]
    change = chance.choice(_CHANGES[kind])
    new, text = change(chance, was)
    into = "CAST(? AS TEXT)" if text else "?"
    con.execute(f"UPDATE {table} SET {column} = {into} WHERE {_key(table)} IS ?", (new, key))
    return Mutation(f"{table}.{column} of {key!r}: {kind} {was!r} to {new!r} (text: {text})", "rows")


def _flipped(chance: random.Random, data: bytes) -> bytes:
    if not data:
        return b"\0"
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _bit_of_real(chance: random.Random, value: float) -> float:
    changed: float = struct.unpack("<d", _flipped(chance, struct.pack("<d", value)))[0]
    return changed if changed == changed else -value  # noqa: PLR0124 -- a NaN, which SQLite stores as NULL


def _bit_of_integer(chance: random.Random, value: int) -> int:
    changed: int = struct.unpack("<q", _flipped(chance, struct.pack("<q", value)))[0]
    return changed


Change = tuple["Callable[[random.Random, Any], tuple[Any, bool]]", ...]
_CHANGES: dict[str, Change] = {
    "null": (lambda _c, _v: (0, False), lambda _c, _v: (b"", True), lambda _c, _v: (b"", False)),
    "integer": (
        lambda c, v: (_bit_of_integer(c, v), False),
        lambda _c, v: (str(v).encode(), True),
        lambda _c, v: (float(v), False),
        lambda _c, _v: (None, False),
    ),
    "real": (
        lambda c, v: (_bit_of_real(c, v), False),
        lambda _c, v: (-v, False),
        lambda _c, v: (repr(v).encode(), True),
        lambda _c, _v: (None, False),
    ),
    "text": (
        lambda c, v: (_flipped(c, v), True),
        lambda _c, v: (v.swapcase(), True),
        lambda _c, v: (v + b"\0", True),
        lambda _c, v: (v + b" ", True),
        lambda _c, v: (v.partition(b"\0")[0], True),
        lambda _c, v: (v, False),
        lambda _c, _v: (None, False),
    ),
    "blob": (
        lambda c, v: (_flipped(c, v), False),
        lambda _c, v: (v + b"\0", False),
        lambda _c, v: (v, True),
        lambda _c, _v: (None, False),
    ),
}


def _row(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    table = chance.choice(_ROWS)
    key = _some_key(chance, con, table)
    if chance.random() < 0.5:
        con.execute(f"DELETE FROM {table} WHERE {_key(table)} IS ?", (key,))
        return Mutation(f"{table}: row {key!r} gone", "rows")
    names = ", ".join(column for column in _columns(con, table) if table in _WITHOUT_KEY or column != "id")
    con.execute(f"INSERT INTO {table}({names}) SELECT {names} FROM {table} WHERE {_key(table)} IS ?", (key,))
    return Mutation(f"{table}: row {key!r} doubled", "rows")


def _swap(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    table = chance.choice(_ROWS)
    first, second = chance.sample(_columns(con, table), 2)
    where = f" WHERE {_key(table)} IS ?" if chance.random() < 0.5 else " WHERE ? IS NOT NULL"
    key = _some_key(chance, con, table)
    con.execute(f"UPDATE {table} SET {first} = {second}, {second} = {first}{where}", (key,))
    return Mutation(f"{table}: {first} and {second} swapped{where} {key!r}", "rows")


def _rowid(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    table = chance.choice(_WITHOUT_KEY)
    key, new = _some_key(chance, con, table), chance.randrange(100, 2**40)
    con.execute(f"UPDATE {table} SET rowid = ? WHERE rowid = ?", (new, key))
    return Mutation(f"{table}: rowid {key} to {new}", "rows")


def _index(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    name = chance.choice(list(INDEXES))
    table, sql = INDEXES[name]
    con.execute(f"DROP INDEX {name}")
    others = [other for other in TABLES if other != table]
    replacement = chance.choice(
        [
            "",
            sql.replace("UNIQUE ", "") if "UNIQUE" in sql else sql.replace("INDEX", "UNIQUE INDEX"),
            sql.partition(" WHERE")[0] + " WHERE 1",
            sql.replace(")", " DESC)", 1),
            f"CREATE INDEX {name} ON {(other_table := chance.choice(others))}({_columns(con, other_table)[-1]})",
        ]
    )
    if replacement:
        con.execute(replacement)
    return Mutation(f"index {name}: {replacement or 'gone'}", "schema")


def _table(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    table = chance.choice(list(TABLES))
    last = _columns(con, table)[-1]
    change = chance.choice(["add", "rename", "new", "declare", "declare", "unique", "gone"])
    if change == "declare":
        return _declare(chance, con)
    statement = {
        "add": f"ALTER TABLE {table} ADD COLUMN more",
        "rename": f"ALTER TABLE {table} RENAME COLUMN {last} TO renamed",
        "new": f"CREATE TABLE more AS SELECT * FROM {table}",
        "unique": f"CREATE INDEX one_more ON {table}({last})",
        "gone": f"DROP TABLE {table}",
    }[change]
    con.execute(statement)
    return Mutation(statement, "schema")


def _declare(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    was, replacement = chance.choice(_DECLARED)
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table'", (was, replacement))
    con.execute("PRAGMA writable_schema=RESET")
    return Mutation(f"declared {was!r} is now {replacement!r}", "schema")


def _late(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    name = chance.choice(list(LATE))
    sql = LATE[name]
    kind = sql.split()[1]
    con.execute(f"DROP {kind} {quoted(name)}")
    other = sql.replace("AFTER", "BEFORE").replace("AS SELECT", "AS SELECT DISTINCT")
    spaced = sql.replace(" BEGIN", "  BEGIN").replace("AS SELECT", "AS  SELECT")
    replacement = chance.choice(["", other, spaced])
    if replacement:
        con.execute(replacement)
    return Mutation(f"{kind} {name}: {replacement or 'gone'}", "rows")


def _header(chance: random.Random, con: sqlite3.Connection) -> Mutation:
    kind = chance.choice(["user_version", "application_id", "mark", "no mark"])
    number = chance.randrange(8, 2**31)
    statement = {
        "mark": f"UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = '{chance.choice(['own', 'tasks'])}'",
        "no mark": f"DELETE FROM sqlite_sequence WHERE name = '{chance.choice(['own', 'tasks'])}'",
    }.get(kind, f"PRAGMA {kind}={number}")
    con.execute(statement)
    return Mutation(statement, "rows")
