"""Build databases with objects that need what only their application defines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

PLAIN = """
CREATE TABLE plain(id INTEGER PRIMARY KEY, name TEXT, n INT);
CREATE INDEX plain_name ON plain(name);
"""
"""A table that needs nothing."""

SETUP = """
def register(db):
    db.create_collation("unicase", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold()))
    db.create_function("twice", 1, lambda n: None if n is None else n * 2, deterministic=True)
"""
"""What the application does with each connection, as ``[connection] setup`` calls it."""


@dataclass(frozen=True)
class Kind:
    """Hold one kind of object that needs what this SQLite lacks.

    Attributes:
        name: Name of the kind.
        sql: Statements that create it as ``odd`` with two rows, on a connection of the application.
        module: CREATE VIRTUAL TABLE statement that ``odd`` has afterwards, with what no SQLite has.
        vacuum: Whether VACUUM writes the virtual tables after all others at the end.
        left: Pattern and kind of what a plan leaves behind as a source. Empty if all is moved.
        is_untouchable: Whether rows of ``odd`` can be neither moved nor added.
    """

    name: str
    sql: str
    module: str = ""
    vacuum: bool = False
    left: tuple[str, str] = ("tables", "odd*")
    is_untouchable: bool = True

    def build(self, path: Path, first: int = 1) -> None:
        """Create a database with the object and with a plain table.

        Args:
            path: The database.
            first: Id of the first of the two rows of the plain table.
        """
        functions: dict[str, object] = {}
        exec(SETUP, functions)  # noqa: S102 -- the code of this test
        with closing(sqlite3.connect(path, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous=OFF")
            functions["register"](con)  # type: ignore[operator]
            con.executescript(PLAIN)
            con.execute("INSERT INTO plain VALUES(?, 'a', 1), (?, 'b', 2)", (first, first + 1))
            con.executescript(self.sql)
            if self.module:
                con.execute("PRAGMA writable_schema=ON")
                con.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'odd'", (self.module,))
                con.execute("PRAGMA writable_schema=RESET")
            if self.vacuum:
                _move_virtual_tables_to_the_end(con)


def _move_virtual_tables_to_the_end(con: sqlite3.Connection) -> None:
    """Give the virtual table the place that VACUUM gives it, which needs the module itself."""
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET rowid = (SELECT max(rowid) + 1 FROM sqlite_schema) WHERE name = 'odd'")
    con.execute("PRAGMA writable_schema=RESET")


_NAMED = "CREATE TABLE odd(id INTEGER PRIMARY KEY, name TEXT);"
_ROWS = "INSERT INTO odd VALUES(1, 'Ä'), (2, 'ö');"
_SEARCH = "CREATE VIRTUAL TABLE odd USING {0}; INSERT INTO odd(rowid, body) VALUES(1, 'first text'), (2, 'second');"

TABLES = (
    Kind("collation of a column", f"CREATE TABLE odd(id INTEGER PRIMARY KEY, name TEXT COLLATE unicase); {_ROWS}"),
    Kind(
        "collation of a key",
        f"CREATE TABLE odd(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE unicase UNIQUE); {_ROWS}",
    ),
    Kind(
        "collation of a key without rowid",
        "CREATE TABLE odd(name TEXT COLLATE unicase PRIMARY KEY, n INT) WITHOUT ROWID;"
        "INSERT INTO odd VALUES('Ä', 1), ('ö', 2);",
    ),
    Kind(
        "collation of a CHECK",
        f"CREATE TABLE odd(id INTEGER PRIMARY KEY, name TEXT CHECK(name COLLATE unicase > '')); {_ROWS}",
    ),
    Kind(
        "function of a CHECK",
        "CREATE TABLE odd(id INTEGER PRIMARY KEY, n INT CHECK(twice(n) > 0)); INSERT INTO odd VALUES(1, 1), (2, 2);",
    ),
    Kind(
        "function of a generated column",
        "CREATE TABLE odd(id INTEGER PRIMARY KEY, n INT, m AS (twice(n)));INSERT INTO odd(n) VALUES(1), (2);",
    ),
    Kind(
        "function of a stored column",
        "CREATE TABLE odd(id INTEGER PRIMARY KEY, n INT, m AS (twice(n)) STORED);INSERT INTO odd(n) VALUES(1), (2);",
    ),
)

INDEXES = (
    Kind(
        "collation of an index",
        f"{_NAMED} CREATE INDEX odd_i ON odd(name COLLATE unicase); {_ROWS}",
        left=("indexes", "odd_i"),
    ),
    Kind(
        "function of an index",
        f"{_NAMED} CREATE INDEX odd_i ON odd(twice(id)); {_ROWS}",
        left=("indexes", "odd_i"),
    ),
    Kind(
        "function of a partial index",
        f"{_NAMED} CREATE INDEX odd_i ON odd(id) WHERE twice(id) > 0; {_ROWS}",
        left=("indexes", "odd_i"),
    ),
)

VIRTUAL_TABLES = (
    Kind("module", _SEARCH.format("fts5(body)"), "CREATE VIRTUAL TABLE odd USING nosuchmodule(body)"),
    Kind(
        "module after VACUUM", _SEARCH.format("fts5(body)"), "CREATE VIRTUAL TABLE odd USING nosuchmodule", vacuum=True
    ),
    Kind(
        "vec0",
        "CREATE VIRTUAL TABLE odd USING fts5(body, content=''); DROP TABLE odd;"
        "CREATE TABLE odd_info(key TEXT PRIMARY KEY, value ANY);"
        "CREATE TABLE odd_rowids(rowid INTEGER PRIMARY KEY, id);"
        "CREATE TABLE odd_vector_chunks00(rowid PRIMARY KEY, vectors BLOB NOT NULL);"
        "INSERT INTO odd_info VALUES('CREATE_VERSION', 'v0.1.6'); INSERT INTO odd_rowids VALUES(1, NULL);"
        "PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES('table', 'odd', 'odd', 0, "
        "'CREATE VIRTUAL TABLE odd USING vec0(embedding float[4])'); PRAGMA writable_schema=RESET;",
    ),
    Kind(
        "module without inner tables",
        "PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES('table', 'odd', 'odd', 0, "
        "'CREATE VIRTUAL TABLE odd USING VirtualSpatialIndex()'); PRAGMA writable_schema=RESET;",
    ),
    Kind(
        "tokenizer of FTS5",
        _SEARCH.format("fts5(body)"),
        "CREATE VIRTUAL TABLE odd USING fts5(body, tokenize='nosuchtokenizer')",
    ),
    Kind(
        "tokenizer of FTS5 with external content",
        "CREATE VIRTUAL TABLE odd USING fts5(name, content=plain, content_rowid=id);"
        "INSERT INTO odd(odd) VALUES('rebuild');",
        "CREATE VIRTUAL TABLE odd USING fts5(name, content=plain, content_rowid=id, tokenize='nosuchtokenizer')",
    ),
    Kind(
        "tokenizer of FTS4",
        _SEARCH.format("fts4(body)"),
        "CREATE VIRTUAL TABLE odd USING fts4(body, tokenize=icu de_DE)",
    ),
    Kind(
        "function that compresses FTS4",
        _SEARCH.format("fts4(body)"),
        "CREATE VIRTUAL TABLE odd USING fts4(body, compress=nosuchzip, uncompress=nosuchunzip)",
    ),
)

READERS = (
    Kind("function of a view", "CREATE VIEW odd AS SELECT id, twice(n) AS m FROM plain;", left=("", "")),
    Kind(
        "collation of a view", "CREATE VIEW odd AS SELECT name FROM plain ORDER BY name COLLATE unicase;", left=("", "")
    ),
    Kind(
        "function of a trigger",
        "CREATE TABLE odd(m);"
        "CREATE TRIGGER odd_t AFTER INSERT ON plain BEGIN INSERT INTO odd VALUES(twice(new.n)); END;"
        "INSERT INTO odd VALUES(1), (2);",
    ),
    Kind(
        "function of a DEFAULT",
        "CREATE TABLE odd(id INTEGER PRIMARY KEY, n INT DEFAULT (twice(1))); INSERT INTO odd VALUES(1, 2), (2, 2);",
        left=("", ""),
    ),
)

KINDS = (*TABLES, *INDEXES, *VIRTUAL_TABLES, *READERS)
