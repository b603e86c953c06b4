"""Dump: a database as SQL text that brings back every value exactly, and the way to load it again.

Python's ``iterdump`` and the shell's ``.dump`` lose text after a NUL, -0.0, rowids of tables without a key and more;
this writer does not. One line is one statement wherever the database's own DDL does not contain line breaks.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TextIO

from migration.engine.connections import exact_text
from migration.engine.schema import read
from migration.engine.sql import listed, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from migration.engine.schema import Schema, Table
else:
    from sqlite_utils.utils import sqlite3

_BATCH_ROWS = 200
_BATCH_CHARS = 200_000
_EXACT_MANTISSA = 1 << 53
_EXACT_EXPONENT = (
    22  # powers of ten up to this one are doubles themselves: one correctly rounded step reads such a literal
)
# Controls, which shells and line readers treat each in its own way, and what surrogateescape made of invalid bytes.
_UNSAFE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_STEP = 20  # 2.0**20 and its inverse have short exact decimal literals

HEADER = """-- An exact dump of one SQLite database. Load it into an empty database: sqlite3 new.db < this-file
-- Reals that old versions of SQLite would round differently are written as products of exact factors.
-- Text with control characters or invalid UTF-8 is written as CAST(x'...' AS TEXT).
"""


def write_dump(con: sqlite3.Connection, out: TextIO) -> None:
    r"""Write the whole database of ``con`` to ``out``, one consistent state of it.

    Args:
        con: Open connection without an open transaction of its own, or inside one; only read from.
        out: Text stream with ``errors="surrogateescape"``, newline ``"\n"``.
    """
    before = con.text_factory
    exact_text(con)
    try:
        schema = read(con)
        out.write(HEADER)
        out.write(f"PRAGMA encoding='{schema.header['encoding']}';\nPRAGMA foreign_keys=OFF;\nBEGIN;\n")
        for table in schema.movable:
            out.write(f"{table.sql};\n")
            _write_rows(con, table, schema.header["encoding"], out)
        _write_marks(con, out)
        _write_late_objects(schema, out)
        out.write("COMMIT;\n")
        out.write(f"PRAGMA user_version={schema.header['user_version']};\n")
        out.write(f"PRAGMA application_id={schema.header['application_id']};\n")
    finally:
        con.text_factory = before


def load_dump(con: sqlite3.Connection, lines: Iterator[str]) -> None:
    """Run a dump's statements on an empty database, a statement at a time.

    Args:
        con: Connection to an empty database.
        lines: The dump's lines with their line ends, decoded with ``errors="surrogateescape"``.

    Raises:
        sqlite3.Error: A statement cannot be run; the dump is not a faithful one.
    """
    statement = ""
    for line in lines:
        statement += line
        if line.endswith(";\n") and sqlite3.complete_statement(statement):
            con.execute(statement)
            statement = ""
    if any(line and not line.startswith("--") for line in statement.splitlines()):
        raise sqlite3.OperationalError("the dump ends in the middle of a statement")


def literal(value: Any, encoding: str = "UTF-8") -> str:
    """Return an SQL literal, or expression, that every SQLite since 3.35 reads as exactly this value and type.

    Args:
        value: None, int, float, str (undecodable bytes as lone surrogates) or bytes.
        encoding: The database's encoding, as PRAGMA encoding gives it: a blob cast to text is read in that encoding.
    """
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return _text(value, encoding)


def _text(value: str, encoding: str) -> str:
    if value.isprintable() or not _UNSAFE.search(value):
        return "'" + value.replace("'", "''") + "'"
    raw = value.encode("utf-8", "surrogateescape") if encoding == "UTF-8" else value.encode(encoding, "surrogatepass")
    return f"CAST(x'{raw.hex()}' AS TEXT)"


def _real(value: float) -> str:
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if value == 0:
        return "0.0" if math.copysign(1, value) > 0 else "(-1*0.0)"
    text = repr(value)
    digits, _, exponent = text.replace("-", "", 1).partition("e") if value < 0 else text.partition("e")
    fraction = len(digits.partition(".")[2])
    scale = int(exponent or 0) - fraction
    if int(digits.replace(".", "")) < _EXACT_MANTISSA and abs(scale) <= _EXACT_EXPONENT:
        return text if exponent or "." in text else f"{text}.0"
    return _product(value)


def _product(value: float) -> str:
    """Write a real as an odd integer times powers of two, each factor and each product exact."""
    mantissa, exponent = math.frexp(value)
    whole = int(mantissa * _EXACT_MANTISSA)
    exponent -= 53
    while whole % 2 == 0:
        whole //= 2
        exponent += 1
    factors = [f"{whole}.0"]
    while exponent:
        step = max(-_STEP, min(_STEP, exponent))
        factors.append(f"{2**step}.0" if step > 0 else f"{2.0**step:.20f}".rstrip("0"))
        exponent -= step
    return f"({'*'.join(factors)})"


def _write_rows(con: sqlite3.Connection, table: Table, encoding: str, out: TextIO) -> None:
    stored = [column.name for column in table.stored]
    with_rowid = bool(table.rowid) and not table.alias
    names = ([table.rowid] if with_rowid else []) + stored
    head = f"INSERT INTO {quoted(table.name)}({listed(names)}) VALUES"
    batch: list[str] = []
    size = 0
    for row in con.execute(f"SELECT {listed(names)} FROM {quoted(table.name)} NOT INDEXED"):
        batch.append(f"({','.join(literal(value, encoding) for value in row)})")
        size += len(batch[-1])
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_CHARS:
            out.write(f"{head}{','.join(batch)};\n")
            batch, size = [], 0
    if batch:
        out.write(f"{head}{','.join(batch)};\n")


def _write_marks(con: sqlite3.Connection, out: TextIO) -> None:
    for name, mark in sorted(marks(con).items()):
        out.write(f"DELETE FROM sqlite_sequence WHERE name={literal(name)};\n")
        out.write(f"INSERT INTO sqlite_sequence VALUES({literal(name)},{mark});\n")


def _write_late_objects(schema: Schema, out: TextIO) -> None:
    for table in schema.movable:
        for index in table.indexes:
            if index.sql:
                out.write(f"{index.sql};\n")
    out.writelines(f"{view.sql};\n" for view in schema.views)
    out.writelines(f"{trigger.sql};\n" for trigger in schema.triggers)


def marks(con: sqlite3.Connection, database: str = "main") -> dict[str, int]:
    """Return the AUTOINCREMENT marks: table name to the largest rowid it ever had (https://sqlite.org/autoinc.html)."""
    exists = con.execute(f"SELECT 1 FROM {quoted(database)}.sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
    if not exists:
        return {}
    rows = con.execute(f"SELECT name, seq FROM {quoted(database)}.sqlite_sequence").fetchall()
    return {name: seq for name, seq in rows if isinstance(seq, int)}
