"""Write a database as SQL text that restores every value exactly, and load such text.

``iterdump`` of Python and ``.dump`` of the SQLite shell lose text after a NUL, -0.0, rowids of tables without a key and
more. This writer keeps them. One line is one statement, unless a statement of the schema contains line breaks itself.
The last line is COMMIT, so a truncated dump restores nothing.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from sqlite_consolidate.engine.content.digest import digest_database
from sqlite_consolidate.engine.content.literals import literal, text_literal
from sqlite_consolidate.engine.content.page_proof.description import Statements
from sqlite_consolidate.engine.sqlite.connections import limits_of, read_text_losslessly
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.engine.sqlite.wide_rows import MAX_VALUES, fetch_rows, select_rows
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.content.page_proof.rows import PageRows
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_BATCH_ROWS = 200
_BATCH_CHARS = 200_000
# SQL that reads a value of a UTF-16 database. It reads a text as its stored bytes, because not all are valid in UTF-8.
_WIDE = "CASE typeof({0}) WHEN 'text' THEN CAST({0} AS BLOB) WHEN 'blob' THEN quote({0}) ELSE {0} END"
_QUOTE, _QUOTES = "'", "''"

HEADER = """-- An exact dump of one SQLite database. Load it into an empty database: sqlite3 new.db < this-file
-- Reals that old versions of SQLite would round differently are written as products of exact factors.
-- Text with control characters or invalid UTF-8 is written as CAST(x'...' AS TEXT).
"""


def write_dump(con: sqlite3.Connection, out: TextIO, pages: PageRows | None = None) -> None:
    r"""Write one consistent state of the whole database of ``con`` to ``out``.

    Args:
        con: Open connection, inside or outside of a transaction. It is only read from.
        out: Text stream with ``errors="surrogateescape"`` and newline ``"\n"``.
        pages: The page reader for the file that ``con`` has open. None lets SQLite read every row.
    """
    before, begins = con.text_factory, not con.in_transaction
    read_text_losslessly(con)
    if begins:
        con.execute("BEGIN")
    try:
        whole = read_schema(con)
        schema = dumped_schema(whole)
        encoding = schema.header["encoding"]
        out.write(HEADER)
        out.writelines(f"-- Left out: {printable(text)}.\n" for text in left_out(whole))
        # A row may be older than the CHECK that it violates. The dump restores such rows as well.
        out.write(f"PRAGMA encoding='{encoding}';\nPRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\n")
        out.write("BEGIN;\n")
        for table in schema.movable:
            out.write(_terminated(table.sql))
            for content_table in _content_tables(schema, table):
                if content_table is not table:
                    out.write(f"DELETE FROM {quoted(content_table.name)};\n")
                _write_rows(con, schema, content_table, out, pages)
        _write_marks(con, schema, encoding, out)
        _write_late_objects(schema, out)
        out.write(f"PRAGMA user_version={schema.header['user_version']};\n")
        out.write(f"PRAGMA application_id={schema.header['application_id']};\n")
        out.write("COMMIT;\n")
    finally:
        con.text_factory = before
        if begins:
            con.execute("ROLLBACK")


def load_dump(con: sqlite3.Connection, lines: Iterable[str]) -> None:
    """Run the statements of a dump on an empty database, one at a time.

    Args:
        con: Connection to an empty database.
        lines: Lines of the dump with their line ends, decoded with ``errors="surrogateescape"``.

    Raises:
        sqlite3.Error: SQLite cannot run a statement, or the dump is truncated.
    """
    statement = ""
    for line in lines:
        # To look for the end of each long statement takes as long as to read the dump. SQLite accepts no INSERT that
        # ends in the middle, which is in a name with a line break.
        is_insert = not statement and line.startswith("INSERT INTO ")
        statement += line
        if line.endswith(";\n") and (is_insert or _is_complete(statement)):
            try:
                con.execute(statement)
            except UnicodeEncodeError as error:
                message = "a statement of the schema is not UTF-8: only the sqlite3 shell can load this dump"
                raise sqlite3.OperationalError(message) from error
            except sqlite3.Error:
                if is_insert and not _is_complete(statement):
                    continue
                raise
            statement = ""
    if any(line and not line.startswith("--") for line in statement.splitlines()):
        raise sqlite3.OperationalError("the dump ends in the middle of a statement")
    if con.in_transaction:
        raise sqlite3.OperationalError("the dump ends before its COMMIT")


def _literals(row: tuple[Any, ...]) -> list[str]:
    """Return the literal of each value of a row.

    The most frequent kinds are written here, because a call for each value is slow.
    """
    return [
        f"'{value.replace(_QUOTE, _QUOTES)}'"
        if (kind := type(value)) is str and value.isprintable()
        else str(value)
        if kind is int
        else "NULL"
        if value is None
        else literal(value)
        for value in row
    ]


def _wide_literal(value: Any, encoding: str) -> str:
    """Return the literal of a value that was read through ``_WIDE``.

    Bytes are the stored bytes of a text. A text is the literal of a blob.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return literal(value)
    text = value.decode(encoding, "ignore")
    return text_literal(text, encoding) if text.encode(encoding) == value else f"CAST(x'{value.hex()}' AS TEXT)"


def _write_rows(con: sqlite3.Connection, schema: Schema, table: Table, out: TextIO, pages: PageRows | None) -> None:
    columns, with_rowid = tuple(column.name for column in table.stored), bool(table.rowid) and not table.alias
    names = [*([table.rowid] if with_rowid else []), *columns]
    head = f"INSERT INTO {quoted(table.name)}({identifier_list(names)}) VALUES"
    rows_of_statement = _BATCH_ROWS if len(names) <= MAX_VALUES else 1  # SQLite reads further rows as SELECTs
    statements = Statements(columns, head, rows_of_statement, _BATCH_CHARS, with_rowid)
    progress = limits_of(con).progress
    if pages and (written := pages.statements(con, schema, table, statements)):
        out.flush()
        with closing(written):  # the page reader ends even if the disk is full
            for rows, statement in written:
                out.buffer.write(statement)
                progress.counted += rows
        return
    for rows, text in _statements(con, table, names, statements, schema.header["encoding"]):
        out.write(text)
        progress.counted += rows


def _statements(
    con: sqlite3.Connection, table: Table, names: list[str], statements: Statements, encoding: str
) -> Iterator[tuple[int, str]]:
    """Yield the statements of the rows of a table, with the number of their rows."""
    batch: list[str] = []
    size, wide = 0, encoding != "UTF-8"
    read_as = [_WIDE.format(quoted(name)) if wide else quoted(name) for name in names]
    source = f"FROM {quoted(table.name)} {table.by_itself}"
    for row in fetch_rows(con, select_rows(read_as, source, quoted(table.rowid))):
        batch.append(f"({','.join([_wide_literal(value, encoding) for value in row] if wide else _literals(row))})")
        size += len(batch[-1])
        if len(batch) >= statements.rows or size >= statements.characters:
            yield len(batch), f"{statements.head}{','.join(batch)};\n"
            batch, size = [], 0
    if batch:
        yield len(batch), f"{statements.head}{','.join(batch)};\n"


def _content_tables(schema: Schema, table: Table) -> list[Table]:
    """Return the tables through which the rows of ``table`` are read and written.

    This is the table itself, except for a full-text table that does not store its text. Such a table cannot return the
    text that it has indexed, so its shadow tables are dumped. So are those of a module of an application, which may
    accept no rows.
    """
    prefix = f"{folded(table.name)}_"
    # ``f_s_data`` belongs to ``f_s`` where both ``f`` and ``f_s`` are virtual tables.
    virtual = (f"{folded(other.name)}_" for other in schema.tables.values() if other.kind == "virtual")
    longer = tuple(other for other in virtual if other != prefix and other.startswith(prefix))
    inner = [
        shadow
        for shadow in schema.tables.values()
        if shadow.kind == "shadow" and (name := folded(shadow.name)).startswith(prefix) and not name.startswith(longer)
    ]
    return [table] if table.kind == "table" or content_kind(table) == "own" else inner


def _terminated(sql: str) -> str:
    """Return a statement of the schema with its semicolon.

    SQLite keeps a comment at the end of a statement, even an open one, and it would hide the semicolon.
    """
    tries = (f"{sql};\n", f"{sql}\n;\n", f"{sql}*/;\n")
    return next((text for text in tries if _is_complete(text)), tries[0])


def _is_complete(statement: str) -> bool:
    try:
        return sqlite3.complete_statement(statement)
    except UnicodeEncodeError:  # no keyword contains a lone surrogate, so any character may replace it
        return sqlite3.complete_statement(statement.encode("utf-8", "replace").decode())


def dumped_schema(schema: Schema) -> Schema:
    """Return a schema without the objects that a dump leaves out."""
    lacking = {folded(table.name) for table in schema.tables.values() if table.lacks}
    tables = {
        name: replace(table, indexes=tuple(index for index in table.indexes if not index.lacks))
        for name, table in schema.tables.items()
        if not table.lacks
    }
    triggers = tuple(trigger for trigger in schema.triggers if folded(trigger.table) not in lacking)
    return replace(schema, tables=tables, triggers=triggers)


def left_out(schema: Schema) -> list[str]:
    """Return each object that a dump leaves out, with what this SQLite lacks for it."""
    lacking = {folded(table.name): table.lacks for table in schema.tables.values() if table.lacks}
    objects = [("table", table.name, table.lacks) for table in schema.tables.values() if table.lacks]
    objects += [("index", i.name, i.lacks) for table in schema.movable for i in table.indexes if i.lacks]
    objects += [("trigger", t.name, lacking[folded(t.table)]) for t in schema.triggers if folded(t.table) in lacking]
    return [f"{kind} {name} needs {lacks}, which this SQLite lacks" for kind, name, lacks in objects]


def _write_marks(con: sqlite3.Connection, schema: Schema, encoding: str, out: TextIO) -> None:
    """Write the marks, which replace those that SQLite makes while it loads the rows."""
    if any(table.autoincrement for table in schema.movable):
        out.write("DELETE FROM sqlite_sequence;\n")
    out.writelines(
        f"INSERT INTO sqlite_sequence VALUES({literal(name, encoding)},{mark});\n"
        for name, mark in sorted(_dumped_marks(con, schema).items())
    )


def _dumped_marks(con: sqlite3.Connection, schema: Schema) -> dict[str, int]:
    """Return the marks of the tables of a dump.

    Without an AUTOINCREMENT table, the dump has no table for them.
    """
    has_marks = any(table.autoincrement for table in schema.movable)
    marks = read_autoincrement_marks(con) if has_marks else {}
    return {name: mark for name, mark in marks.items() if schema.table(name)}


def _write_late_objects(schema: Schema, out: TextIO) -> None:
    for table in schema.movable:
        for index in table.indexes:
            if index.sql:
                out.write(_terminated(index.sql))
    out.writelines(_terminated(named.sql) for named in (*schema.views, *schema.triggers))


def dumped_digest(con: sqlite3.Connection, contents: Mapping[str, TableDigest]) -> str:
    """Return the digest of what an SQL dump of a database has.

    It is that of the database, unless this SQLite lacks something for an object, which the dump leaves out.

    Args:
        con: The database.
        contents: Digests of its tables.
    """
    schema = dumped_schema(read_schema(con))
    tables = {name: digest for name, digest in contents.items() if schema.table(name)}
    return digest_database(schema, tables, _dumped_marks(con, schema))
