"""Write databases whose file differs from what SQLite writes today.

The offsets are those of the header (https://sqlite.org/fileformat.html, section 1.3).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_PAGE = 4096
_RESERVED, _SIZE, _FORMAT, _ENCODING, _VALID_FOR = 20, 28, 44, 56, 92
_CELLS = 105  # of page 1, on which the content area of an empty b-tree begins at its end

SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, is_new INTEGER DEFAULT 1, size REAL);
CREATE TABLE bill (number TEXT PRIMARY KEY, customer INTEGER REFERENCES customer, paid BOOLEAN, note);
CREATE TABLE empty (a, b);
CREATE INDEX by_customer ON bill (customer DESC, paid);
CREATE VIEW unpaid AS SELECT name, number FROM bill JOIN customer ON customer.id = bill.customer WHERE NOT paid;
CREATE TRIGGER counts AFTER DELETE ON bill BEGIN INSERT INTO empty VALUES (old.number, 0); END;
"""


def write_shop(path: Path, *statements: str, rows: int = 60) -> None:
    """Create the tables of a shop in a database, fill them, and delete some rows again."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous=OFF")
        for statement in statements:
            con.execute(statement)
        con.executescript(SHOP)
        numbers = range(1, rows + 1)
        con.executemany("INSERT INTO customer VALUES (?, ?, ?, ?)", [(n, f"name {n}", n % 2, n / 3) for n in numbers])
        notes = (None, 0, 1, "x" * 5000, b"\0\xff" * 40)
        bills = [(f"B{n:04}", n % rows + 1, n % 2, notes[n % 5]) for n in numbers]
        con.executemany("INSERT INTO bill VALUES (?, ?, ?, ?)", bills)
        con.execute("DROP TRIGGER counts")
        con.execute("DELETE FROM bill WHERE number LIKE '%3'")
        con.executescript(SHOP.splitlines()[-1])


def write_file_format(path: Path, number: int) -> None:
    """Write the schema format of an old release.

    Below 4 an index ignores DESC, and 0 and 1 need a byte each.
    """
    _create(path)
    _patch(path, _FORMAT, number.to_bytes(4))
    write_shop(path)
    assert path.read_bytes()[_FORMAT : _FORMAT + 4] == number.to_bytes(4)


def write_reserved_bytes(path: Path, number: int) -> None:
    """Reserve bytes at the end of each page, as an extension for encryption or checksums does."""
    _create(path)
    _patch(path, _RESERVED, bytes([number]))
    _patch(path, _CELLS, (_PAGE - number).to_bytes(2))
    write_shop(path)
    assert path.read_bytes()[_RESERVED] == number


def write_old_size(path: Path) -> None:
    """Leave out the size of the file, which the header has since SQLite 3.7.0."""
    write_shop(path)
    _patch(path, _SIZE, bytes(4))
    _patch(path, _VALID_FOR, bytes(8))


def write_unset_encoding(path: Path) -> None:
    """Leave the encoding open, as a database has it before its first table."""
    _create(path)
    _patch(path, _ENCODING, bytes(4))
    write_shop(path)


def write_trailing(path: Path, size: int) -> None:
    """Append bytes that belong to no page, as a copy or a pre-allocation may."""
    write_shop(path)
    with path.open("ab") as file:
        file.write(b"\x5a" * size)


def write_statistics(path: Path) -> None:
    """Write sqlite_stat1 and sqlite_stat4, with rows for a table that is gone."""
    write_shop(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("ANALYZE")
        con.execute("INSERT INTO sqlite_stat1 VALUES ('gone', 'by_gone', '7 1')")
        con.execute("PRAGMA writable_schema=ON")
        con.execute(
            "INSERT INTO sqlite_schema SELECT 'table', 'sqlite_stat2', 'sqlite_stat2', rootpage,"
            " 'CREATE TABLE sqlite_stat2(tbl,idx,sampleno,sample)' FROM sqlite_schema WHERE 0"
        )


def _create(path: Path) -> None:
    """Create a database of one page, without a table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute(f"PRAGMA page_size={_PAGE}")
        con.execute("PRAGMA user_version=3")


def _patch(path: Path, offset: int, value: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value)


FORMATS: dict[str, Callable[[Path], None]] = {
    "format-1": lambda path: write_file_format(path, 1),
    "format-2": lambda path: write_file_format(path, 2),
    "format-3": lambda path: write_file_format(path, 3),
    "reserved-32": lambda path: write_reserved_bytes(path, 32),
    "reserved-255": lambda path: write_reserved_bytes(path, 255),
    "size-of-old-release": write_old_size,
    "unset-encoding": write_unset_encoding,
    "trailing-byte": lambda path: write_trailing(path, 1),
    "trailing-pages": lambda path: write_trailing(path, 3 * _PAGE + 17),
    "auto-vacuum-full": lambda path: write_shop(path, "PRAGMA auto_vacuum=FULL"),
    "auto-vacuum-incremental": lambda path: write_shop(path, "PRAGMA auto_vacuum=INCREMENTAL"),
    "secure-delete": lambda path: write_shop(path, "PRAGMA secure_delete=ON"),
    "pages-of-512": lambda path: write_shop(path, "PRAGMA page_size=512"),
    "pages-of-65536": lambda path: write_shop(path, "PRAGMA page_size=65536"),
    "utf-16": lambda path: write_shop(path, "PRAGMA encoding='UTF-16be'"),
    "wal": lambda path: write_shop(path, "PRAGMA journal_mode=WAL"),
    "statistics": write_statistics,
}
"""Name of each kind of file, to the function that writes it."""
