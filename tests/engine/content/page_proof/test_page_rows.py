"""Specify that the page reader writes rows as SQLite and Python do, to the byte."""

from __future__ import annotations

import errno
import io
import random
import struct
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.engine.backup import copies
from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
from sqlite_consolidate.engine.content.contents import load_contents, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.dump import write_dump
from sqlite_consolidate.engine.content.page_proof import rows as page_rows
from sqlite_consolidate.engine.content.page_proof.rows import PageRows, statements_of
from sqlite_consolidate.engine.content.worker import DumpLoads
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_readonly
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.page_reader.availability import PURE
from sqlite_consolidate.page_reader.compilation import first_line
from tests.support.dumps import SHAPES, dumped
from tests.support.pages.databases import build, created
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from _typeshed import ReadableBuffer

    from sqlite_consolidate.engine.content.page_proof.description import Statements
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table


class Noted(PageRows):
    """Note the tables whose rows the page reader writes."""

    def __init__(self, path: Path, con: sqlite3.Connection) -> None:
        super().__init__(path, dict.fromkeys(read_schema(con).tables, 1))
        self.tables: list[str] = []

    def statements(
        self, con: sqlite3.Connection, schema: Schema, table: Table, statements: Statements
    ) -> Generator[tuple[int, bytes], None, None] | None:
        """Note a table that has a first statement."""
        written = super().statements(con, schema, table, statements)
        self.tables += [table.name] if written else []
        return written


@pytest.fixture(autouse=True)
def _every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page reader write the rows of small tables."""
    monkeypatch.setattr(page_rows, "FEWEST_ROWS", 0)


def dumps(path: Path) -> tuple[str, str, list[str]]:
    """Dump a database by the page reader and without it.

    The third value are the tables of the page reader.
    """
    with closing(open_readonly(path)) as con:
        pages = Noted(path, con)
        return dumped(con, pages), dumped(con), pages.tables


@pytest.mark.parametrize(
    ("page_size", "encoding", "auto_vacuum", "reserved"),
    [
        (512, "UTF-8", 0, 0),
        (1024, "UTF-16le", 2, 32),
        *thorough((65536, "UTF-16be", 1, 0), (4096, "UTF-8", 2, 8)),
    ],
)
def test_rows_of_pages_have_the_bytes_of_the_dump(
    tmp_path: Path, page_size: int, encoding: str, auto_vacuum: int, reserved: int
) -> None:
    """Each statement has as many rows, and each value is the same literal."""
    path = build(tmp_path / "a.db", page_size=page_size, encoding=encoding, auto_vacuum=auto_vacuum, reserved=reserved)

    by_pages, by_rows, tables = dumps(path)

    assert by_pages == by_rows
    assert tables == ["tasks", "keyless", "keyed", "typed", "computed", "counter", "chains"]


@pytest.mark.parametrize("shape", SHAPES)
def test_dump_is_the_same_whoever_reads_the_rows(tmp_path: Path, shape: str) -> None:
    """SQLite reads what the page reader declines."""
    by_pages, by_rows, _ = dumps(created(tmp_path / "a.db", *SHAPES[shape]))

    assert by_pages == by_rows


def test_pure_run_reads_each_row_by_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has left every database to SQLite and Python."""
    path = created(tmp_path / "a.db", "CREATE TABLE t(v)", "INSERT INTO t VALUES(1)")
    of_both = [dumps(path)]
    monkeypatch.setenv(PURE, "1")
    of_both.append(dumps(path))

    assert [tables for _, _, tables in of_both] == [["t"], []]
    assert len({by_pages for by_pages, _, _ in of_both}) == 1


def test_statements_end_after_same_rows_and_characters(tmp_path: Path) -> None:
    """A character counts once, however many bytes it has."""
    numbers = "WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT i, "
    values = {"short": "''''", "long": "replace(hex(zeroblob(600)), '00', 'é€𝄞')", "blobs": "zeroblob(3000)"}
    path = created(
        tmp_path / "a.db",
        *(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, v)" for name in values),
        *(f"INSERT INTO {name} {numbers} {value} FROM n" for name, value in values.items()),
    )

    by_pages, by_rows, tables = dumps(path)

    assert by_pages == by_rows
    assert tables == list(values)


def reals() -> Iterable[float]:
    """Return reals whose decimal is read exactly, and others, with each power of two."""
    chance = random.Random(26)  # noqa: S311 -- not for secrets
    yield from (sign * 2.0**power for power in range(-1074, 1024) for sign in (1, -1))
    yield from (
        2.0**53 - 1,
        1e22,
        1e23,
        9007199254740993e22,
        1e-22,
        9e-23,
        1e15,
        1e16,
        1e-4,
        1e-5,
        123456789012345680.0,
    )
    for _ in range(4000):
        yield round(chance.uniform(0, 1e6), chance.randrange(12))
        yield chance.random() * 10.0 ** chance.randrange(-25, 40)
        (real,) = struct.unpack("<d", chance.randbytes(8))
        yield 0.5 if real != real else real  # noqa: PLR0124 -- NaN is not equal to itself


def test_reals_are_the_same_literals(tmp_path: Path) -> None:
    """Python finds the shortest digits in another way."""
    path = created(tmp_path / "a.db", "CREATE TABLE t(v)")
    with closing(open_existing(path)) as con:
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES(?)", ((real,) for real in reals()))
        con.execute("COMMIT")

    by_pages, by_rows, tables = dumps(path)

    assert by_pages == by_rows
    assert tables == ["t"]


def test_table_with_old_records_is_written_by_sqlite(tmp_path: Path) -> None:
    """The first record lacks a default. The page reader writes the other tables."""
    path = created(
        tmp_path / "a.db",
        "CREATE TABLE older(a)",
        "INSERT INTO older VALUES(1)",
        "ALTER TABLE older ADD COLUMN b DEFAULT 7",
        "CREATE TABLE t(a)",
        "INSERT INTO t VALUES(1)",
    )

    by_pages, by_rows, tables = dumps(path)

    assert by_pages == by_rows
    assert tables == ["t"]


@pytest.mark.parametrize("smallest", [0, 10**9])
def test_dump_is_whole_if_pages_are_declined_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smallest: int
) -> None:
    """A second process may have loaded the rows that the page reader has written."""
    monkeypatch.setattr(copies, "PARALLEL_MIN_BYTES", smallest)
    copies.create_backup_set(tmp_path / "backups" / "set")
    path = created(
        tmp_path / "backups/set/databases/a.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES(1000)",
        "ALTER TABLE t ADD COLUMN b DEFAULT 7",
        "INSERT INTO t WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i, i FROM n",
    )

    size, digest = path.stat().st_size, read_contents(path).digest
    copy = DatabaseCopy("source", "a", "a.db", "databases/a.db", size, "", digest, {}, 0o600, "delete")

    loads = DumpLoads(Limits())
    dump = copies.dump_database(copy, tmp_path / "backups" / "set", loads=loads)

    assert loads.digest(path.with_suffix(".sql")) == ("" if smallest else digest)
    assert load_contents(path.with_suffix(".sql")).digest == digest
    assert digest_file(path.with_suffix(".sql")) == dump.dump_sha256
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.db", "a.sql"]


class Full(io.BytesIO):
    """Behave as a file on a disk that is full when the rows come."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Refuse rows."""
        if b"INSERT" in bytes(data):
            raise OSError(errno.ENOSPC, "no space")
        return super().write(data)


def test_page_reader_ends_with_a_dump_that_fails(tmp_path: Path) -> None:
    """It had more rows to write."""
    numbers = "WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
    path = created(tmp_path / "a.db", "CREATE TABLE t(v)", f"INSERT INTO t {numbers} SELECT zeroblob(999) FROM n")
    with closing(open_readonly(path)) as con:
        out = io.TextIOWrapper(Full(), encoding="utf-8", newline="\n")

        with pytest.raises(OSError, match="no space") as caught:
            write_dump(con, out, Noted(path, con))

        readers = [child.name() for child in psutil.Process().children() if child.name().startswith("page_reader")]
    assert (caught.value.errno, readers) == (errno.ENOSPC, [])


ANSWER = f"{first_line()}\nrows 2 6\n(1);\n\nrows 1 2\n;\ntable 3 00\ndeclined a rule\nend\n".encode()


def read(parts: Iterator[bytes]) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the statements of an answer, and whether they are all."""
    statements, written = [], statements_of(parts)
    while True:
        try:
            statements.append(next(written))
        except StopIteration as end:
            return statements, end.value


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_statements_are_read_from_parts_of_an_answer(size: int) -> None:
    """A statement has line ends itself."""
    parts = (ANSWER[at : at + size] for at in range(0, len(ANSWER), size))

    assert read(parts) == ([(2, b"(1);\n\n"), (1, b";\n")], True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"page_reader 1 other\nend\n",
        ANSWER[:-4],
        ANSWER[: ANSWER.index(b";") + 1],
        ANSWER.replace(b"declined", b"unreadable"),
        ANSWER.replace(b"declined", b"error"),
    ],
    ids=["nothing", "other sources", "no end", "half a statement", "unreadable", "error"],
)
def test_answer_that_is_not_yes_is_declined(answer: bytes) -> None:
    """What was written of the table does not count."""
    assert read(iter([answer]))[1] is False
