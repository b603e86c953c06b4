"""Specify which differences change a digest, and its documented format."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.content.digest import (
    TableDigest,
    digest_database,
    digest_file,
    digest_query,
    digest_table,
    digest_tables,
)
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_memory, open_new, open_readonly
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from random import Random

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=8)


def filled(*statements: str) -> sqlite3.Connection:
    """Return a database in memory after these statements."""
    con = open_memory()
    for statement in statements:
        con.execute(statement)
    return con


def digest(con: sqlite3.Connection, name: str = "t") -> TableDigest:
    """Digest one table."""
    return digest_table(con, read_schema(con).tables[name])


def content(con: sqlite3.Connection) -> str:
    """Digest the whole database."""
    schema = read_schema(con)
    return digest_database(schema, digest_tables(con, schema), read_autoincrement_marks(con))


def of_rows(rows: Iterable[tuple[object, ...]]) -> TableDigest:
    """Digest these pairs, stored in a table without a key whose rowids do not count."""
    con = filled("CREATE TABLE t(a, b)")
    con.executemany("INSERT INTO t VALUES(?, ?)", rows)
    return digest_table(con, read_schema(con).tables["t"], with_rowid=False)


def by_hand(*rows: tuple[object, ...]) -> str:
    """Compute the digest of rows from its documented format alone.

    Bytes in a list represent a text.
    """
    total = sum(int.from_bytes(hashlib.sha256(_row(row)).digest(), "little") for row in rows)
    return f"{total % 2**256:064x}"


def _row(row: tuple[object, ...]) -> bytes:
    return b"(" + struct.pack("<I", len(row)) + b"".join(_value(value) for value in row)


def _value(value: object) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return b"g" + struct.pack("<d", value)
    if isinstance(value, bytes):
        return b"s" + struct.pack("<I", len(value)) + value
    assert isinstance(value, list)
    text = b"".join(value)
    return b"u" + struct.pack("<I", len(text)) + text


def _integer(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b"i" + struct.pack("<i", value)
    digits, rest = [], abs(value)
    while rest:
        digits.append(rest % 2**15)
        rest //= 2**15
    signed = len(digits) if value > 0 else -len(digits)
    return b"l" + struct.pack("<i", signed) + b"".join(struct.pack("<H", digit) for digit in digits)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("NULL", None),
        ("0", 0),
        ("-1", -1),
        ("2147483647", 2**31 - 1),
        ("2147483648", 2**31),
        ("-2147483648", -(2**31)),
        ("-2147483649", -(2**31) - 1),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.0", 1.0),
        ("-1*0.0", -0.0),
        ("9e999", float("inf")),
        ("4.9e-324", 5e-324),
        ("''", [b""]),
        ("'é😀'", [b"\xc3\xa9\xf0\x9f\x98\x80"]),
        ("'x' || char(0) || 'y'", [b"x\0y"]),
        ("CAST(x'61ff62' AS TEXT)", [b"a", chr(0xDCFF).encode("utf-8", "surrogatepass"), b"b"]),
        ("CAST(x'eda080' AS TEXT)", [chr(0xDC00 + c).encode("utf-8", "surrogatepass") for c in b"\xed\xa0\x80"]),
        ("x''", b""),
        ("x'00ff27'", b"\0\xff'"),
    ],
)
def test_row_digest_follows_the_documented_format(sql: str, value: object) -> None:
    """Another program can compute the digest without this project and without Python."""
    con = filled("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", f"INSERT INTO t VALUES(7, {sql})")

    table_digest = digest(con)

    assert (table_digest.rows, table_digest.sha256) == (1, by_hand((7, value)))


def test_digest_of_table_is_sum_over_its_rows() -> None:
    """Columns count in the order of their names.

    The implicit rowid is first where it is the only identity of a row.
    """
    con = filled("CREATE TABLE t(b, A, g AS (b + 1))", "INSERT INTO t(rowid, b, A) VALUES(5, 1, x'00'), (9, 2, NULL)")

    table_digest = digest(con)

    assert (table_digest.rows, table_digest.sha256) == (2, by_hand((5, b"\0", 1), (9, None, 2)))


def test_content_digest_of_database_is_known() -> None:
    """The digest is the same in every version of Python.

    One version may write a manifest that another version reads.
    """
    con = filled("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)", "INSERT INTO t VALUES(3, 'é')")
    con.execute("CREATE VIEW \U0001fae8 AS SELECT 1")  # a character that old versions of Python do not know

    table = by_hand((3, ["é".encode()]))
    statements = "'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)', 'CREATE VIEW \\U0001fae8 AS SELECT 1'"
    written = f"(({statements}), (('t', 1, '{table}'),), (('t', 3),), ('0', '0', 'UTF-8'))"
    assert content(con) == hashlib.sha256(written.encode("ascii")).hexdigest()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(1, NULL)", "(1.0, NULL)"),
        ("('1', NULL)", "(1, NULL)"),
        ("('1', NULL)", "(x'31', NULL)"),
        ("(NULL, NULL)", "('', NULL)"),
        ("('', NULL)", "(x'', NULL)"),
        ("(0, NULL)", "(NULL, 0)"),
        ("(0.0, NULL)", "(-1*0.0, NULL)"),
        ("('a', NULL)", "('A', NULL)"),
        ("('a', NULL)", "('a ', NULL)"),
        ("('a' || char(0) || 'b', NULL)", "('a' || char(0) || 'c', NULL)"),
        ("('a', NULL)", "('a' || char(0), NULL)"),
        ("(char(233), NULL)", "('e' || char(769), NULL)"),
        ("(CAST(x'ff' AS TEXT), NULL)", "(CAST(x'fe' AS TEXT), NULL)"),
        ("(CAST(x'ff' AS TEXT), NULL)", "(char(65533), NULL)"),
        ("(CAST(x'ff' AS TEXT), NULL)", "(CAST(x'edb3bf' AS TEXT), NULL)"),
        ("(9007199254740993, NULL)", "(9007199254740992, NULL)"),
        ("(0.1, NULL)", "(0.1 + 1.4e-17, NULL)"),
        ("('ann', 'bob')", "('bob', 'ann')"),
        ("('ab', 'c')", "('a', 'bc')"),
        ("(1, 1), (1, 1)", "(1, 1)"),
        ("(1, 1), (1, 1), (2, 2)", "(1, 1), (2, 2), (2, 2)"),
        ("(1, 2), (3, 4)", "(1, 4), (3, 2)"),
    ],
)
def test_different_rows_have_different_digests(left: str, right: str) -> None:
    """Storage class, bytes, column, row and number of equal rows change the digest.

    SQL equality ignores some of them.
    """
    first, second = (
        filled("CREATE TABLE t(a, b)", "CREATE UNIQUE INDEX u ON t(a, b) WHERE 0", f"INSERT INTO t VALUES {rows}")
        for rows in (left, right)
    )

    totals = [digest_table(con, read_schema(con).tables["t"], with_rowid=False).total for con in (first, second)]

    assert totals[0] != totals[1]


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_digests_add_up(left: list[tuple[object, ...]], right: list[tuple[object, ...]]) -> None:
    """The digest of two tables together is the sum of their digests."""
    both = of_rows(left + right)

    assert of_rows(left) + of_rows(right) == both
    assert both - of_rows(right) == of_rows(left)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms())
def test_order_of_rows_does_not_count(rows: list[tuple[object, ...]], random: Random) -> None:
    """Rows in another order have the same digest."""
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert of_rows(shuffled) == of_rows(rows)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_equal_digests_mean_equal_rows(left: list[tuple[object, ...]], right: list[tuple[object, ...]]) -> None:
    """Two collections have equal digests exactly when they have equal rows."""
    same = sorted(map(_typed, left)) == sorted(map(_typed, right))

    assert (of_rows(left) == of_rows(right)) is same


def _typed(row: tuple[object, ...]) -> str:
    return repr([(type(value).__name__, value) for value in row])


def _vacuumed(path: Path) -> None:
    con = open_existing(path)
    con.execute("DELETE FROM other")
    con.execute("VACUUM")
    con.close()


def _other_pages(path: Path) -> None:
    con = open_existing(path)
    con.execute("PRAGMA page_size=512")
    con.execute("VACUUM")
    con.close()


def _in_wal_mode(path: Path) -> None:
    con = open_existing(path)
    con.execute("PRAGMA journal_mode=WAL")
    con.close()


def _analyzed(path: Path) -> None:
    con = open_existing(path)
    con.execute("ANALYZE")
    con.close()


@pytest.mark.parametrize("change", [_vacuumed, _other_pages, _in_wal_mode, _analyzed])
def test_what_is_not_content_does_not_count(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """The bytes of the file change, and the digest stays."""
    path = tmp_path / "a.db"
    con = open_new(path)
    con.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    con.execute("CREATE INDEX i ON t(v)")
    con.execute("CREATE TABLE other(x)")
    con.execute("BEGIN")
    con.executemany("INSERT INTO t VALUES(?, ?)", ((at, str(at)) for at in range(500)))
    con.execute("COMMIT")
    before = content(con)
    con.close()
    bytes_before = digest_file(path)

    change(path)

    assert digest_file(path) != bytes_before
    con = open_readonly(path)
    assert content(con) == before
    con.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t SET v = v || ' '",
        "DELETE FROM t",
        "CREATE INDEX i ON t(v)",
        "CREATE VIEW w AS SELECT 1",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TABLE u(x)",
        "ALTER TABLE t RENAME TO tt",
        "UPDATE sqlite_sequence SET seq = 9",
        "PRAGMA user_version=1",
        "PRAGMA application_id=1",
    ],
)
def test_all_content_of_database_counts(change: str) -> None:
    """Rows, objects, AUTOINCREMENT marks and header versions count."""
    con = filled("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)", "INSERT INTO t VALUES(1, 'a')")
    before = content(con)

    con.execute(change)

    assert content(con) != before


def test_rowids_count_where_they_are_all_identity_there_is() -> None:
    """They do not count in a table that has a key."""
    keyless = [filled("CREATE TABLE t(v)", f"INSERT INTO t(rowid, v) VALUES({at}, 1)") for at in (1, 2)]
    keyed = [filled("CREATE TABLE t(v UNIQUE)", f"INSERT INTO t(rowid, v) VALUES({at}, 1)") for at in (1, 2)]

    assert digest(keyless[0]) != digest(keyless[1])
    assert digest(keyed[0]) == digest(keyed[1])


@pytest.mark.parametrize("kind", ["", "WITHOUT ROWID"])
def test_digest_reads_the_table_and_not_an_index(tmp_path: Path, kind: str) -> None:
    """SQLite would otherwise read an index that covers all columns, even a wrong one."""
    path = tmp_path / "a.db"
    con = open_new(path)
    con.execute(f"CREATE TABLE t(id INTEGER PRIMARY KEY, v, g TEXT AS (v || v)) {kind}")
    con.execute("CREATE INDEX i ON t(v)")
    con.execute("INSERT INTO t VALUES(1, 'true')")
    root = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'i'").fetchone()[0]
    size = con.execute("PRAGMA page_size").fetchone()[0]
    con.close()
    data = bytearray(path.read_bytes())
    at = data.index(b"true", (root - 1) * size)
    data[at : at + 4] = b"lies"
    path.write_bytes(data)

    con = open_readonly(path)
    by_itself = digest_query(con, "SELECT id, v FROM t")
    table_digest = digest(con)
    con.close()

    assert by_itself.sha256 == by_hand((1, [b"lies"]))
    assert table_digest.sha256 == by_hand((1, [b"true"]))


def test_invalid_text_in_later_row_is_counted_once() -> None:
    """The rows before the invalid text are not added twice.

    The connection reads text afterwards as it did before.
    """
    con = filled("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES(1, 'a'), (2, CAST(x'ff' AS TEXT))")
    before = con.text_factory

    table_digest = digest(con)

    assert table_digest.rows == 2
    assert table_digest.sha256 == by_hand((1, [b"a"]), (2, [chr(0xDCFF).encode("utf-8", "surrogatepass")]))
    assert con.text_factory is before


def test_file_digest_is_sha256_of_its_bytes(tmp_path: Path) -> None:
    """``sha256sum`` can check a backup against its manifest."""
    (tmp_path / "f").write_bytes(b"abc" * 100_000)

    assert digest_file(tmp_path / "f") == hashlib.sha256(b"abc" * 100_000).hexdigest()
