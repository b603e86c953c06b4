"""Read the contents of a database with plain SQL and Python, without the engine."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    from sqlite_utils.utils import sqlite3

Row = tuple[Any, ...]
SIDECARS = ("", "-wal", "-journal")
_OURS = "_consolidation_history"


@dataclass(frozen=True)
class Table:
    """Hold one table.

    Attributes:
        rows: Number of each row. A row has the storage class and bytes of each value, in the order of the column names.
        rowids: The same with the rowid first; None where a unique key identifies the rows, or where there is no rowid.
        indexes: Whether unique, origin, whether partial, key terms, and the body of the statement.
    """

    columns: tuple[str, ...]
    rows: Counter[Row]
    rowids: Counter[Row] | None
    indexes: Counter[Row]


@dataclass(frozen=True)
class Database:
    """Hold the tables, triggers, views, AUTOINCREMENT marks and header of one database."""

    tables: dict[str, Table]
    statements: dict[tuple[str, str], str]
    marks: dict[str, int]
    header: tuple[int, int]


def read_copy(path: Path) -> Database:
    """Read a private copy of a database and its sidecar files.

    The original and its folder do not change.
    """
    with tempfile.TemporaryDirectory(dir=path.parent.parent) as folder:
        for suffix in SIDECARS:
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                shutil.copyfile(beside, Path(folder) / f"copy.db{suffix}")
        with closing(sqlite3.connect(Path(folder) / "copy.db", isolation_level=None)) as con:
            return read(con)


def read(con: sqlite3.Connection) -> Database:
    """Read everything from an open connection, except the table of the run."""
    before, con.text_factory = con.text_factory, str
    try:
        objects = con.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        inner = {row[1] for row in con.execute("PRAGMA main.table_list") if row[2] == "shadow"}
        tables = [name for kind, name, *_ in objects if kind == "table" and not _own(name) and name not in inner]
        marked = any(name == "sqlite_sequence" for _, name, *_ in objects)
        return Database(
            tables={name: _table(con, name) for name in tables},
            statements={
                (kind, name): sql
                for kind, name, _, sql in objects
                if kind != "index" and not _own(name) and name not in inner
            },
            marks=dict(con.execute("SELECT name, seq FROM sqlite_sequence").fetchall()) if marked else {},
            header=(
                con.execute("PRAGMA user_version").fetchone()[0],
                con.execute("PRAGMA application_id").fetchone()[0],
            ),
        )
    finally:
        con.text_factory = before


def _own(name: str) -> bool:
    return name == _OURS or name.startswith("sqlite_")


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _table(con: sqlite3.Connection, name: str) -> Table:
    declared = con.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    columns = sorted(column for _, column, *_, hidden in declared if hidden != 1)
    without_rowid = next(row[4] for row in con.execute("PRAGMA table_list") if row[0] == "main" and row[1] == name)
    listed = con.execute(f"PRAGMA index_list({quoted(name)})").fetchall()
    lower = {column.lower() for column in columns}
    rowid = next((alias for alias in ("oid", "_rowid_", "rowid") if alias not in lower), "")
    keyed = any(key for *_, key, _ in declared) or any(unique and not partial for _, _, unique, _, partial in listed)
    alone = rowid and not without_rowid and not keyed
    return Table(
        columns=tuple(columns),
        rows=Counter(_rows(con, name, columns)),
        rowids=Counter(_rows(con, name, columns, rowid)) if alone else None,
        indexes=Counter(_indexes(con, listed)),
    )


def _rows(con: sqlite3.Connection, name: str, columns: list[str], rowid: str = "") -> Iterator[Row]:
    encoding = con.execute("PRAGMA encoding").fetchone()[0]
    query = "SELECT " + ", ".join([rowid or "0", *map(quoted, columns)]) + f" FROM {quoted(name)} NOT INDEXED"
    kinds = "SELECT " + ", ".join(["1", *(f"typeof({quoted(column)})" for column in columns)])
    raw = "SELECT " + ", ".join(["1", *(f"CAST({quoted(column)} AS BLOB)" for column in columns)])
    source = f" FROM {quoted(name)} NOT INDEXED"
    before, con.text_factory = con.text_factory, bytes
    try:
        plain, typed, stored = (
            con.execute(statement).fetchall() for statement in (query, kinds + source, raw + source)
        )
    finally:
        con.text_factory = before
    for values, classes, blobs in zip(plain, typed, stored, strict=True):
        cells = zip(values[1:], classes[1:], blobs[1:], strict=True)
        yield (values[0], *(_cell(value, kind.decode(), blob, encoding) for value, kind, blob in cells))


def _cell(value: Any, kind: str, stored: bytes | None, encoding: str) -> Row:
    if kind == "text":
        assert stored is not None
        try:
            return kind, stored.decode(encoding).encode("utf-8")
        except UnicodeDecodeError:
            return kind, encoding, stored
    return kind, struct.pack("<d", value) if kind == "real" else value


def _indexes(con: sqlite3.Connection, listed: list[Row]) -> Iterator[Row]:
    for _, name, unique, origin, partial in listed:
        terms = con.execute(f"PRAGMA index_xinfo({quoted(name)})").fetchall()
        key = tuple((column, descending, collation) for _, _, column, descending, collation, is_key in terms if is_key)
        sql = con.execute("SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?", (name,)).fetchone()
        yield unique, origin, partial, key, ((sql and sql[0]) or "").partition(" ON ")[2]
