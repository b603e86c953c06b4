"""Specify that two processes read a large file with the result of one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content import contents as content
from sqlite_consolidate.engine.content.contents import digest_lower_halves, prove_tables, read_contents
from sqlite_consolidate.engine.content.digest import TableDigest, digest_tables
from sqlite_consolidate.engine.content.worker import ReadWorker
from sqlite_consolidate.engine.sqlite.connections import open_new, open_readonly
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.page_reader.availability import PURE

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

TABLES = (
    "CREATE TABLE plain(v)",
    "CREATE TABLE ends(id INTEGER PRIMARY KEY, v)",
    "CREATE TABLE keyed(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
    "CREATE TABLE hidden(rowid, _rowid_, oid, v)",
    "CREATE TABLE none(v)",
    "CREATE TABLE one(v)",
)
ROWS = (
    "INSERT INTO plain WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT i FROM n",
    "INSERT INTO ends VALUES(-9223372036854775808, 'a'), (0, 'b'), (7, 'c'), (9223372036854775807, 'd')",
    "INSERT INTO keyed VALUES('a', 1), ('b', 2)",
    "INSERT INTO hidden VALUES(1, 2, 3, 4), (5, 6, 7, 8)",
    "INSERT INTO one VALUES(CAST(x'ff00fe' AS TEXT))",
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a small file that counts as a large one."""
    monkeypatch.setattr(content, "PARALLEL_MIN_BYTES", 0)
    monkeypatch.setenv(PURE, "1")
    with closing(open_new(tmp_path / "a.db")) as con:
        for statement in (*TABLES, *ROWS):
            con.execute(statement)
    return tmp_path / "a.db"


def by_one(con: sqlite3.Connection) -> dict[str, TableDigest]:
    """Digest all tables in this process."""
    return digest_tables(con, read_schema(con))


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_two_processes_see_each_row_once(path: Path, journal: str) -> None:
    """Rows have any rowids, or none."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute(f"PRAGMA journal_mode={journal}").fetchone()

        assert prove_tables(path, con, read_schema(con))[0] == by_one(con)
        assert not con.in_transaction


def test_both_processes_have_work(path: Path) -> None:
    """The second process reads some rows of every divided table, but not all."""
    with closing(open_readonly(path)) as con:
        lower, all_rows = digest_lower_halves(con), by_one(con)

    assert {name: rows for name, (rows, _) in lower.items()} == {"plain": 50, "ends": 1, "one": 1}
    assert all_rows["plain"].rows == 99
    assert all_rows["ends"].rows == 4


def test_other_process_cannot_commit_while_halves_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that moves between the halves would be counted twice or not at all."""
    tried: list[str] = []

    def digest_meanwhile(*_: object, **__: object) -> TableDigest:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
            try:
                other.execute("INSERT INTO plain VALUES(1)")
            except sqlite3.OperationalError as error:
                tried.append(str(error))
        return TableDigest()

    monkeypatch.setattr(content, "digest_table", digest_meanwhile)
    with closing(open_readonly(path)) as con:
        prove_tables(path, con, read_schema(con))[0]

    assert tried == ["database is locked"] * len(TABLES)


@pytest.mark.parametrize(("journal", "processes"), [("delete", 1), ("wal", 0)])
def test_second_process_reads_within_limits(
    path: Path, monkeypatch: pytest.MonkeyPatch, journal: str, processes: int
) -> None:
    """A file with a -wal is read by one process, because two could read two states."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute(f"PRAGMA journal_mode={journal}").fetchone()
    started: list[tuple[str, Path, Limits]] = []

    class Noted(ReadWorker):
        def __init__(self, task: str, path: Path, limits: Limits) -> None:
            started.append((task, path, limits))
            super().__init__(task, path, limits=limits)

    monkeypatch.setattr(content, "ReadWorker", Noted)
    limits = Limits()

    assert read_contents(path, limits).tables["plain"].rows == 99

    assert [(task, path, noted is limits) for task, path, noted in started] == [
        ("lower halves", path, True)
    ] * processes
