"""Build small databases with everything that the page reader knows."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

TABLES = (
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT NOT NULL, owner TEXT, cost REAL, state, n NUMERIC)",
    "CREATE TABLE keyless(v, w BLOB)",
    "CREATE TABLE keyed(k TEXT, n INT, v TEXT, more, PRIMARY KEY(k DESC, n)) WITHOUT ROWID",
    "CREATE TABLE typed(i INTEGER, r REAL, t TEXT, b BLOB, a ANY, whole INT UNIQUE) STRICT",
    "CREATE TABLE computed(a INT, s INT AS (a * 2) STORED, b TEXT)",
    "CREATE TABLE counter(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE)",
    "CREATE TABLE chains(id INTEGER PRIMARY KEY, v BLOB, t TEXT)",
    "CREATE TABLE empty(v)",
)
INDEXES = (
    "CREATE INDEX by_owner ON tasks(owner DESC, cost)",
    "CREATE UNIQUE INDEX by_title ON tasks(title)",
    "CREATE INDEX by_state ON tasks(state, n DESC, id)",
    "CREATE INDEX by_v ON keyed(v, more)",
    "CREATE INDEX by_computed ON computed(s, b)",
    "CREATE INDEX by_chain ON chains(t)",
)
INDEXES_OF_UTF8 = (
    "CREATE INDEX by_nocase ON tasks(owner COLLATE NOCASE)",
    "CREATE INDEX by_rtrim ON tasks(title COLLATE RTRIM DESC)",
)
VALUES = (
    *(None, 0, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 2**53 + 1),
    *(0.5, -0.0, 5e-324, 1e300, 3.0, 2.0**53, float("inf"), float("-inf")),
    *("", "abc", "ABC ", "a\0b", "ä€𝄞", "\ufffe", b"", b"\0\xff"),
)


def add_rows(con: sqlite3.Connection, rows: int = 60) -> None:
    """Insert rows with every kind of value, some of them longer than a page."""
    for i in range(rows):
        value, other = VALUES[i % len(VALUES)], VALUES[(i * 7) % len(VALUES)]
        text = f"title {i} {'x' * (i % 9)}"
        con.execute("INSERT INTO tasks VALUES(?, ?, ?, ?, ?, ?)", (i * 3, text, f"Owner{i % 5} ", i / 2, value, i / 4))
        con.execute("INSERT INTO keyless VALUES(?, ?)", (value, other))
        con.execute("INSERT INTO keyed VALUES(?, ?, ?, ?)", (f"k{i % 7}", i, f"v{i}", other))
        con.execute(
            "INSERT INTO typed VALUES(?, ?, ?, ?, ?, ?)", (i, float(i), text, bytes(i % 5), value, None if i % 3 else i)
        )
        con.execute("INSERT INTO computed(a, b) VALUES(?, ?)", (i, text))
        con.execute("INSERT INTO counter(v) VALUES(?)", (None if i % 4 == 0 else f"u{i}",))
        if i % 6 == 0:
            con.execute("INSERT INTO chains(v, t) VALUES(?, ?)", (bytes([i]) * (i * 90), text * (i * 2)))


def created(path: Path, *statements: str) -> Path:
    """Create a database by these statements."""
    with closing(open_new(path)) as con:
        con.execute("PRAGMA synchronous=OFF")
        for statement in statements:
            con.execute(statement)
    return path


def build(
    path: Path, *, page_size: int = 4096, encoding: str = "UTF-8", auto_vacuum: int = 0, reserved: int = 0
) -> Path:
    """Create a database of the page reader's features, with free pages and free blocks.

    Args:
        path: The file.
        page_size: Bytes of a page.
        encoding: The text encoding.
        auto_vacuum: 0 for none, 2 for an incremental one.
        reserved: Bytes at the end of each page that SQLite leaves to an extension.
    """
    with closing(open_new(path)) as con:
        con.execute(f"PRAGMA page_size={page_size}")
        con.execute(f"PRAGMA encoding='{encoding}'")
        con.execute(f"PRAGMA auto_vacuum={auto_vacuum}")
        con.execute("PRAGMA user_version=1")
    _reserve(path, page_size, reserved)
    with closing(open_existing(path)) as con:
        con.execute("PRAGMA synchronous=OFF")
        con.execute("BEGIN")
        for statement in (*TABLES, *INDEXES, *(INDEXES_OF_UTF8 if encoding == "UTF-8" else ())):
            con.execute(statement)
        add_rows(con)
        con.execute("DELETE FROM tasks WHERE id % 9 = 0")
        con.execute("DELETE FROM chains WHERE id % 3 = 0")
        con.execute("ALTER TABLE keyless ADD COLUMN added TEXT")
        con.execute("INSERT INTO keyless VALUES('after', 1, 'ALTER')")
        if encoding == "UTF-8":
            con.execute("INSERT INTO keyless(v) VALUES(CAST(x'61ff00c3eda08080' AS TEXT))")
        con.execute("COMMIT")
    return path


def _reserve(path: Path, page_size: int, count: int) -> None:
    """Reserve bytes at the end of each page of an empty database."""
    start = (page_size - count) % 65536
    with path.open("r+b") as file:
        file.seek(20)
        file.write(bytes([count]))
        file.seek(105)
        file.write(start.to_bytes(2, "big"))


@contextmanager
def changed_in_transaction(path: Path, *pragmas: str) -> Iterator[tuple[WriteLock, sqlite3.Connection]]:
    """Lend a transaction that has added and deleted rows, and created a table and an index."""
    lock = WriteLock(path)
    try:
        con = lock.acquire_exclusive()
        con.execute("ROLLBACK")
        for statement in ("PRAGMA main.cache_size=5", *pragmas, "BEGIN EXCLUSIVE"):
            con.execute(statement).fetchall()
        con.execute("CREATE TABLE arrived(id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
        con.executemany("INSERT INTO arrived(text) VALUES(?)", ((f"row {i} {'x' * 90}",) for i in range(200)))
        con.execute("CREATE INDEX by_id ON arrived(id, text DESC)")
        con.execute("DELETE FROM tasks WHERE id % 2")
        con.execute("UPDATE chains SET v = randomblob(2000) WHERE id % 2")
        con.execute("INSERT INTO keyed SELECT 'new', n, v, more FROM keyed")
        yield lock, con
    finally:
        lock.release()
