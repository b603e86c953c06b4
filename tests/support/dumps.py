"""Dump small databases, and load the dumps by this project or the ``sqlite3`` shell."""

from __future__ import annotations

import io
import shutil
import subprocess
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import digest_database, digest_tables
from sqlite_consolidate.engine.content.dump import load_dump, write_dump
from sqlite_consolidate.engine.sqlite.connections import open_memory, open_readonly
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.content.page_proof.rows import PageRows

SHELL = shutil.which("sqlite3")


def dumped(con: sqlite3.Connection, pages: PageRows | None = None) -> str:
    """Return the dump of a database as text.

    Args:
        con: The database.
        pages: The page reader, if it writes rows.
    """
    out = io.TextIOWrapper(buffer := io.BytesIO(), encoding="utf-8", errors="surrogateescape", newline="\n")
    write_dump(con, out, pages)
    out.flush()
    return buffer.getvalue().decode("utf-8", "surrogateescape")


def loaded(dump: str) -> sqlite3.Connection:
    """Load a dump into a database in memory."""
    con = open_memory()
    load_dump(con, iter(lines_of(dump)))
    return con


def lines_of(dump: str) -> list[str]:
    """Split a dump at newlines only, as a file is read."""
    return list(io.StringIO(dump, newline="\n"))


def load_by_shell(dump: str, folder: Path) -> sqlite3.Connection:
    """Load a dump with the sqlite3 shell."""
    path = folder / "shell.db"
    path.unlink(missing_ok=True)
    assert SHELL
    done = subprocess.run(
        [SHELL, "-bail", path], input=dump.encode("utf-8", "surrogateescape"), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return open_readonly(path)


def content(con: sqlite3.Connection) -> str:
    """Digest the whole database, as the backup does."""
    schema = read_schema(con)
    return digest_database(schema, digest_tables(con, schema), read_autoincrement_marks(con))


def filled(*statements: str) -> sqlite3.Connection:
    """Return a database in memory after these statements."""
    con = open_memory()
    for statement in statements:
        con.execute(statement)
    return con


SHAPES = {
    "values": (
        "CREATE TABLE t(v)",
        "INSERT INTO t VALUES(NULL), (9223372036854775807), (-9223372036854775808), (''), (x''), (zeroblob(9))",
        "INSERT INTO t VALUES(9e999), (-9e999), (-1*0.0), (0.1), (4.9e-324)",
        "INSERT INTO t VALUES(CAST(x'ff00fe' AS TEXT)), (CAST(x'eda080' AS TEXT)), (char(0x2028, 0x85, 0xfeff))",
        "INSERT INTO t VALUES(''';--'), ('.quit'), (char(10) || '.quit' || char(10)), (char(0)), (char(13, 10))",
    ),
    "WITHOUT ROWID": ("CREATE TABLE t(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID", "INSERT INTO t VALUES(1, 2), ('1', 2)"),
    "STRICT": ("CREATE TABLE t(a ANY, b TEXT) STRICT", "INSERT INTO t VALUES(1, 'x'), ('1', NULL), (1.5, '')"),
    "generated columns": (
        "CREATE TABLE t(a, v AS (a * 2), s TEXT AS (a || 'x') STORED, b)",
        "INSERT INTO t(a, b) VALUES(1, 2), (NULL, 3)",
    ),
    "rowids": ("CREATE TABLE t(a)", "INSERT INTO t(rowid, a) VALUES(-5, 1), (7, 1), (9223372036854775807, 2)"),
    "INTEGER PRIMARY KEY DESC": ("CREATE TABLE t(a INTEGER PRIMARY KEY DESC)", "INSERT INTO t(rowid, a) VALUES(5, 1)"),
    "a column named rowid": ("CREATE TABLE t(rowid, oid)", "INSERT INTO t(_rowid_, rowid, oid) VALUES(9, 1, 2)"),
    "all names of the rowid taken": ("CREATE TABLE t(rowid, oid, _rowid_)", "INSERT INTO t VALUES(9, 1, 2), (1, 1, 1)"),
    "AUTOINCREMENT": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE empty(id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "INSERT INTO t VALUES(1), (99)",
        "INSERT INTO empty VALUES(7)",
        "DELETE FROM t WHERE id = 99",
        "DELETE FROM empty",
    ),
    "a mark without a table": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "DROP TABLE t",
        "INSERT INTO sqlite_sequence VALUES('ghost', 4)",
    ),
    "indexes": (
        "CREATE TABLE t(a, b, UNIQUE(a, b))",
        "CREATE INDEX partial ON t(a) WHERE b > 1",
        "CREATE INDEX expression ON t(a + 1, b COLLATE NOCASE DESC)",
        "INSERT INTO t VALUES(1, 'x'), (NULL, 'x'), (NULL, 'x')",
    ),
    "triggers and views": (
        "CREATE TABLE t(a)",
        "CREATE TABLE log(a)",
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.a); END",
        "CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES(new.a); END",
        "INSERT INTO v VALUES(1)",
    ),
    "a broken view": ("CREATE TABLE t(a)", "CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t"),
    "foreign keys that do not hold": ("CREATE TABLE t(a REFERENCES later(id))", "INSERT INTO t VALUES(5)"),
    "a CHECK that does not hold": (
        "CREATE TABLE t(a CHECK(a > 0))",
        "PRAGMA ignore_check_constraints=ON",
        "INSERT INTO t VALUES(-1)",
    ),
    "header": ("PRAGMA user_version=-7", "PRAGMA application_id=252006673", "CREATE TABLE t(a)"),
    "statistics": ("CREATE TABLE t(a)", "CREATE INDEX i ON t(a)", "INSERT INTO t VALUES(1)", "ANALYZE"),
    "FTS5": ("CREATE VIRTUAL TABLE f USING fts5(a, b UNINDEXED)", "INSERT INTO f(rowid, a, b) VALUES(7, 'x y', 1)"),
    "FTS4": ("CREATE VIRTUAL TABLE f USING fts4(a)", "INSERT INTO f(docid, a) VALUES(7, 'x y')"),
    "FTS3": ("CREATE VIRTUAL TABLE f USING fts3(a)", "INSERT INTO f(docid, a) VALUES(7, 'x y')"),
    "FTS4 without content": (
        "CREATE VIRTUAL TABLE f USING fts4(a, content='')",
        "INSERT INTO f(docid, a) VALUES(7, 'x')",
    ),
    "FTS5 without content and lengths": (
        "CREATE VIRTUAL TABLE f USING fts5(a, content='', columnsize=0)",
        "INSERT INTO f(rowid, a) VALUES(7, 'x')",
    ),
    "two external FTS5, one named as the other and more": (
        "CREATE TABLE p(id INTEGER PRIMARY KEY, t)",
        "CREATE VIRTUAL TABLE f USING fts5(t, content='p', content_rowid='id')",
        "CREATE VIRTUAL TABLE f_s USING fts5(t, content='p', content_rowid='id', tokenize='porter')",
        "INSERT INTO p VALUES(1, 'running'), (2, 'home')",
        "INSERT INTO f(f) VALUES('rebuild')",
        "INSERT INTO f_s(f_s) VALUES('rebuild')",
    ),
    "two external FTS5, the longer name first": (
        "CREATE TABLE p(id INTEGER PRIMARY KEY, t)",
        "CREATE VIRTUAL TABLE f_s USING fts5(t, content='p', content_rowid='id', tokenize='porter')",
        "CREATE VIRTUAL TABLE f USING fts5(t, content='p', content_rowid='id')",
        "INSERT INTO p VALUES(1, 'running'), (2, 'home')",
        "INSERT INTO f(f) VALUES('rebuild')",
        "INSERT INTO f_s(f_s) VALUES('rebuild')",
    ),
    "FTS5 of a table named like its own": (
        "CREATE TABLE f_content(id INTEGER PRIMARY KEY, a)",
        "CREATE VIRTUAL TABLE f USING fts5(a, content='f_content', content_rowid='id')",
        "INSERT INTO f_content VALUES(1, 'x')",
        "INSERT INTO f(f) VALUES('rebuild')",
    ),
    "R-tree": ("CREATE VIRTUAL TABLE r USING rtree(id, a, b, +note)", "INSERT INTO r VALUES(7, 2.1, 3.3, 'n')"),
    "UTF-16": (
        "PRAGMA encoding='UTF-16le'",
        'CREATE TABLE "\u00e9\n"(id INTEGER PRIMARY KEY AUTOINCREMENT, a)',
        "INSERT INTO \"\u00e9\n\"(a) VALUES(char(1, 0, 233, 128512)), ('x''y'), (x'00d8')",
    ),
    "hostile names": (
        'CREATE TABLE "a""b\';--\nselect;\n"("select" TEXT, "x;\n.quit\ny", "\U0001f600", "]", "`")',
        'INSERT INTO "a""b\';--\nselect;\n" VALUES(\'a\', 2, 3, 4, 5)',
        'CREATE INDEX "or""der" ON "a""b\';--\nselect;\n"("select")',
    ),
    "semicolons at line ends": (
        "CREATE TABLE t(a -- first;\n, b DEFAULT ';\n' /* and;\n */ )",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN\n SELECT 1;\n SELECT ';\nEND;\n';\n -- END;\n SELECT 2;\nEND",
        "CREATE VIEW v AS SELECT\n';\n' AS a, 1 AS \"b;\n\"",
        "INSERT INTO t VALUES(1, ';' || char(10))",
    ),
    "comments at the end": (
        "CREATE TABLE t(a)",
        "CREATE INDEX i ON t(a) -- the index",
        "CREATE VIEW v AS SELECT a FROM t -- the view",
        "CREATE VIEW w AS SELECT ' -- ' /* not closed",
    ),
    "many columns": (
        f"CREATE TABLE t(id INTEGER PRIMARY KEY, {', '.join(f'c{at}' for at in range(1999))})",
        *("INSERT INTO t(c0, c1998) VALUES(-1*0.0, 'x')",) * 3,
        f"INSERT INTO t VALUES({', '.join(['1.1e-300'] * 2000).replace('1.1e-300', '77', 1)})",
    ),
    "an empty database": (),
}
