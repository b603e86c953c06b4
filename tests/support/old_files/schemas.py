"""Write databases whose schema is odd, large, or left over by a statement of another time."""

from __future__ import annotations

import unicodedata
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_E = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
NAMES = (
    "order", "SELECT", "table", "rowid", "rank", "main", "temp", "new", "old", "key", "index", "values",
    "with space", " leading", "trailing ", "   ", "1st", "-", "a-b", "a.b", "main.t", "a,b", "a;b", "x--y", "/* c */",
    "it's", 'say "so"', "`tick`", "[bracket]", "close]", "\\back", "100%", "a_%_b", "*", "?", "?1", ":name", "@a", "$b",
    "tab\there", "line\nbreak", "cr\rhere",
    _E, unicodedata.normalize("NFD", _E), _E.upper(),
    "\u0131", "\u0130", "stra\xdfe", "\u0434\u0430", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627",
    "\u202eevil", "zero\u200bwidth", "\ufeffbom", "\u4e2d\u6587", "\u0e44\u0e17\u0e22", "\u0928\u092e", "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "n" * 300, "\U0001f600" * 300,
)  # fmt: skip
"""Names in many scripts, with every character that has a meaning in SQL, TOML or a pattern."""


def quoted_name(name: str) -> str:
    """Return a name as SQL writes it, without the code under test."""
    return '"' + name.replace('"', '""') + '"'


def write(path: Path, statements: Iterable[str]) -> None:
    """Execute statements in a database in one transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous=OFF")
        con.execute("BEGIN")
        for statement in statements:
            con.execute(statement)
        con.execute("COMMIT")


def write_table_names(path: Path) -> None:
    """Give tables, indexes, triggers and views odd names."""
    write(path, [statement for number, name in enumerate(NAMES) for statement in _objects(number, name)])


def _objects(number: int, name: str) -> list[str]:
    table, index, view, trigger = (quoted_name(f"{name}{end}") for end in ("", "_i", "_v", "_t"))
    return [
        f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {table} TEXT, up INTEGER REFERENCES {table})",
        f"CREATE INDEX {index} ON {table} ({table})",
        f"CREATE VIEW {view} AS SELECT id, {table} FROM {table}",
        (
            f"CREATE TRIGGER {trigger} AFTER UPDATE OF {table} ON {table} BEGIN"
            f" UPDATE {table} SET up = new.id WHERE up = old.id; END"
        ),
        f"INSERT INTO {table} VALUES (1, 'x{number}', NULL), (2, NULL, 1)",
    ]


def write_column_names(path: Path) -> None:
    """Give the columns of one table odd names."""
    names = [name for name in NAMES if name != "rowid"]
    columns = ", ".join(f"{quoted_name(name)} DEFAULT {number}" for number, name in enumerate(names))
    write(path, [
        f"CREATE TABLE odd (id INTEGER PRIMARY KEY, {columns})",
        "INSERT INTO odd DEFAULT VALUES",
        *(f"INSERT INTO odd ({quoted_name(name)}) VALUES (x'00ff')" for name in names),
        *(f"CREATE INDEX by_{number} ON odd ({quoted_name(name)})" for number, name in enumerate(names)),
    ])  # fmt: skip


def write_wide(path: Path, number: int = 2000) -> None:
    """Create a table with as many columns as SQLite allows."""
    names = [f"c{index}" for index in range(number)]
    values = ", ".join(str(index) for index in range(number))
    write(path, [
        f"CREATE TABLE wide ({', '.join(names)})",
        f"CREATE TABLE wide_key ({', '.join(names)}, PRIMARY KEY (c0, c1999)) WITHOUT ROWID",
        f"CREATE INDEX by_last ON wide (c{number - 1}, c0)",
        f"INSERT INTO wide VALUES ({values})", f"INSERT INTO wide VALUES ({values})",
        f"INSERT INTO wide_key VALUES ({values})",
    ])  # fmt: skip


def write_many(path: Path, number: int = 10_000) -> None:
    """Create many tables, each with an index and a row."""
    write(path, (
        statement
        for index in range(number)
        for statement in (
            f"CREATE TABLE t{index} (id INTEGER PRIMARY KEY, a TEXT)",
            f"CREATE INDEX i{index} ON t{index} (a)",
            f"INSERT INTO t{index} VALUES (1, 'x{index}')",
        )
    ))  # fmt: skip


QUOTED = [
    'CREATE TABLE note (id INTEGER PRIMARY KEY, state TEXT DEFAULT "new", kind TEXT CHECK (kind <> "none"))',
    'CREATE INDEX by_open ON note (kind) WHERE state = "new"',
    'CREATE INDEX by_both ON note (state || "x")',
    'CREATE VIEW open_notes AS SELECT id, "open" AS mark FROM note WHERE state = "new"',
    (
        'CREATE TRIGGER marks AFTER UPDATE ON note WHEN new.state = "gone" BEGIN'
        ' UPDATE note SET kind = "late" WHERE id = new.id; END'
    ),
    "INSERT INTO note VALUES (1, 'new', 'a'), (2, 'gone', 'b')",
]
"""Texts in double quotes, which SQLite reads as texts because no column has the name."""

RENAMED = [
    "PRAGMA legacy_alter_table=ON",
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE bill (id INTEGER PRIMARY KEY, customer REFERENCES customer, total)",
    "CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM bill GROUP BY customer",
    "CREATE TRIGGER keeps AFTER INSERT ON bill BEGIN UPDATE bill SET total = 0 WHERE total IS NULL; END",
    "INSERT INTO customer VALUES (1, 'Ada')",
    "INSERT INTO bill VALUES (1, 1, 5)",
    "ALTER TABLE bill RENAME TO bill_old",
]
"""A table renamed as before SQLite 3.26, while a view and a trigger still use its old name."""

DANGLING = [
    "PRAGMA legacy_alter_table=ON",
    "PRAGMA foreign_keys=ON",
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE bill (id INTEGER PRIMARY KEY, customer REFERENCES customer)",
    "INSERT INTO customer VALUES (1, 'Ada')",
    "INSERT INTO bill VALUES (1, NULL)",
    "ALTER TABLE customer RENAME TO customer_old",
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name, mail)",
    "INSERT INTO customer SELECT id, name, NULL FROM customer_old",
    "DROP TABLE customer_old",
]
"""The well-known fault: a foreign key of another table followed the rename to a table that was dropped."""

TEXTS = [
    "CREATE TABLE 'single'('a' INTEGER, [b] TEXT, `c` VARCHAR(20) , d \"long type\" (1,2))",
    "create table if not exists lower(a integer not null on conflict replace default 5, b unique on conflict ignore)",
    "CREATE TABLE\n-- a comment\ncommented /* another */ (a /* of a */, -- of b\n b)",
    (
        'CREATE TABLE constrained (a CONSTRAINT "x y" NOT NULL CONSTRAINT u UNIQUE, b,'
        " CONSTRAINT u UNIQUE (b, a), CHECK (a <> b), CHECK (b IS NOT 7))"
    ),
    (
        "CREATE TABLE collated (a COLLATE NOCASE, b COLLATE rtrim DEFAULT (1 + 2), c DEFAULT CURRENT_TIMESTAMP,"
        " d DEFAULT -1e3, e DEFAULT x'00', f DEFAULT TRUE, g DEFAULT \"\")"
    ),
    "CREATE TABLE affinities (a FLOATING POINT, b CHARINT, c BLOB, d, e STRING, f DOUBLE PRECISION, g ANY)",
    "CREATE TABLE keyed (a TEXT PRIMARY KEY DESC, b)",
    "CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, b)",
    "CREATE TABLE as_selected AS SELECT 1 AS a, 'x' AS \"b c\", NULL AS d",
    "INSERT INTO single VALUES (1, 'x', 2, 3)",
    "INSERT INTO lower VALUES (1, NULL), (2, 'x')",
    "INSERT INTO commented VALUES (1, 2)",
    "INSERT INTO constrained VALUES (1, 2), (2, NULL)",
    "INSERT INTO collated (a) VALUES ('x')",
    "INSERT INTO affinities VALUES ('1', '2', '3', '4', '5', '6', '7')",
    "INSERT INTO keyed VALUES (NULL, 1), ('a', 2), (NULL, 3)",
    "INSERT INTO descending VALUES (5, 1), (-3, 2)",
]
"""Statements as people and old tools write them."""

LEFTOVERS = [
    "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a)",
    "CREATE TABLE gone (id INTEGER PRIMARY KEY AUTOINCREMENT, a)",
    "INSERT INTO counted VALUES (7, 'x')",
    "INSERT INTO gone VALUES (9, 'x')",
    "DELETE FROM counted",
    "INSERT INTO sqlite_sequence VALUES ('other', 4), ('counted', 3), ('gone', NULL)",
    "DROP TABLE gone",
]
"""Marks of AUTOINCREMENT for tables that never were, that are gone, and for one twice."""

SCHEMAS: dict[str, Callable[[Path], None]] = {
    "quoted-texts": lambda path: write(path, QUOTED),
    "renamed-table": lambda path: _plain(path, RENAMED),
    "dangling-foreign-key": lambda path: _plain(path, DANGLING),
    "texts-of-people": lambda path: write(path, TEXTS),
    "sequence-leftovers": lambda path: write(path, LEFTOVERS),
    "names-of-tables": write_table_names,
    "names-of-columns": write_column_names,
    "columns-2000": write_wide,
}
"""Name of each kind of schema, to the function that writes it."""


def _plain(path: Path, statements: Iterable[str]) -> None:
    """Execute statements outside of a transaction, where each PRAGMA takes effect."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for statement in statements:
            con.execute(statement)
