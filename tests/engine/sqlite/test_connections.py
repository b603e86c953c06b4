"""Specify what each way of opening a database can and cannot do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.engine.sqlite.connections import (
    attach,
    attached,
    leave_wal_mode,
    open_existing,
    open_memory,
    open_new,
    open_readonly,
    pragma,
    read_text_losslessly,
)
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import make_database
from tests.support.processes import other_process

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

ODD_NAMES = [
    "plain.db",
    "with space.db",
    "a?mode=memory",
    "a#b.db",
    "100%25.db",
    "%00.db",
    ":memory:",
    "file:x.db",
    "it's.db",
    'say "so".db',
    "line\nbreak.db",
    "-readonly",
    "ünï\U0001f600.db",
    "back\\slash.db",
    "semi;colon&cache=shared",
    os.fsdecode(b"latin-\xe9.db"),
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_file_name_opens_that_file(tmp_path: Path, name: str) -> None:
    """No character of a name means anything, and no second file comes into being."""
    path = tmp_path / name

    make_database(path, "DELETE", "here")

    for opened in (open_readonly(path), open_existing(path)):
        assert opened.execute("SELECT v FROM t").fetchone() == ("here",)
        opened.close()
    assert [os.fsencode(entry.name) for entry in tmp_path.iterdir()] == [os.fsencode(name)]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_file_name_can_be_attached(tmp_path: Path, name: str) -> None:
    """The name is bound. The attached database cannot be written to."""
    path = make_database(tmp_path / name, "DELETE", "there")
    con = open_new(tmp_path / "main.db")

    with attached(con, path, 'al"ias; --') as alias:
        assert alias == 'al"ias; --'
        assert con.execute('SELECT v FROM "al""ias; --".t').fetchone() == ("there",)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            con.execute('DELETE FROM "al""ias; --".t')

    assert [row[1] for row in con.execute("PRAGMA database_list")] == ["main"]
    con.close()


def test_databases_whose_names_differ_in_case_are_attached(tmp_path: Path) -> None:
    """SQLite compares their names without case, and those that were read stay attached."""
    paths = {name: make_database(tmp_path / f"{number}.db", "DELETE", name) for number, name in enumerate("sS")}
    con = open_memory()

    con.execute("BEGIN")
    for name in ("s", "S", "s"):
        with attached(con, paths[name], name) as alias:
            assert con.execute(f'SELECT v FROM "{alias}".t').fetchone() == (name,)

    con.close()


def test_missing_file_is_error_and_is_not_made(tmp_path: Path) -> None:
    """Neither opening nor attaching makes an empty database of a mistyped name."""
    con = open_memory()

    for opening in (
        lambda: open_readonly(tmp_path / "no.db"),
        lambda: open_existing(tmp_path / "no.db"),
        lambda: attach(con, tmp_path / "no.db", "a"),
    ):
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            opening()

    assert list(tmp_path.iterdir()) == []


def test_new_database_is_private_and_replaces_no_file(tmp_path: Path) -> None:
    """Only the user can read it. An existing file or link is left unchanged."""
    before = os.umask(0)
    open_new(tmp_path / "new.db").close()
    os.umask(before)
    (tmp_path / "link.db").symlink_to("elsewhere.db")

    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600
    for name in ("new.db", "link.db"):
        with pytest.raises(FileExistsError):
            open_new(tmp_path / name)
    assert not (tmp_path / "elsewhere.db").exists()


def test_readonly_connection_cannot_write(tmp_path: Path) -> None:
    """Not even by its own will."""
    con = open_readonly(make_database(tmp_path / "a.db", "DELETE", "x"))
    con.execute("PRAGMA query_only=OFF")

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        con.execute("DELETE FROM t")

    con.close()


def test_connection_begins_and_commits_no_transaction(tmp_path: Path) -> None:
    """A transaction is where BEGIN and COMMIT are written, around DDL as well."""
    con = open_existing(make_database(tmp_path / "a.db", "DELETE", "x"))

    con.execute("BEGIN")
    con.execute("CREATE TABLE u(a)")
    inside = con.in_transaction
    con.execute("ROLLBACK")
    con.execute("INSERT INTO t VALUES('y')")

    assert (inside, con.in_transaction) == (True, False)
    assert [name for (name,) in con.execute("SELECT name FROM sqlite_schema")] == ["t"]
    con.close()


@pytest.mark.parametrize("open_it", ["readonly", "existing", "memory"])
def test_schema_is_not_trusted(tmp_path: Path, open_it: str) -> None:
    """A view of a hostile file cannot call what only an application's own SQL may."""
    path = make_database(tmp_path / "a.db", "DELETE", "x")
    con = {"readonly": open_readonly, "existing": open_existing}.get(open_it, lambda _: open_memory())(path)

    assert pragma(con, "trusted_schema") == 0
    assert pragma(con, "cell_size_check") == 1
    assert not pragma(con, "mmap_size")
    con.close()


def test_triggers_into_full_text_tables_still_work() -> None:
    """Not trusting a schema does not forbid the most common kind of it."""
    con = open_memory()
    con.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    con.execute("CREATE VIRTUAL TABLE f USING fts5(v, content='t', content_rowid='id')")
    con.execute("CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO f(rowid, v) VALUES(new.id, new.v); END")

    con.execute("INSERT INTO t VALUES(7, 'word')")

    assert con.execute("SELECT rowid FROM f WHERE f MATCH 'word'").fetchall() == [(7,)]


def test_long_statement_ends_when_run_is_interrupted() -> None:
    """Another thread that sets the flag does not wait for the end of a query."""
    con = open_memory()
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT max(i) FROM n"
    con.limits.interrupted.set()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        con.execute(long).fetchall()

    con.limits.interrupted.clear()
    assert con.execute("SELECT 1").fetchone() == (1,)


@settings(max_examples=150, deadline=None)
@given(st.binary())
def test_lossless_text_keeps_every_byte(raw: bytes) -> None:
    """Two texts are equal exactly when their bytes are equal."""
    con = open_memory()
    read_text_losslessly(con)

    text = con.execute("SELECT CAST(? AS TEXT)", (raw,)).fetchone()[0]

    assert text.encode("utf-8", "surrogateescape") == raw


def test_pragma_of_attached_database_is_its_own(tmp_path: Path) -> None:
    """Each database has its own numbers."""
    con = open_new(tmp_path / "main.db")
    other = open_new(tmp_path / "other.db")
    other.execute("PRAGMA user_version=5")
    other.close()

    attach(con, tmp_path / "other.db", "other")

    assert (pragma(con, "user_version"), pragma(con, "user_version", "other")) == (0, 5)
    assert pragma(con, "no_such_pragma") is None
    con.close()


def test_source_that_transaction_has_read_stays_attached(tmp_path: Path) -> None:
    """SQLite cannot detach what the open transaction has read. Leaving the block is no error."""
    source = make_database(tmp_path / "source.db", "DELETE", "x")
    con = open_new(tmp_path / "main.db")
    con.execute("BEGIN IMMEDIATE")

    with attached(con, source, "src"):
        con.execute("SELECT * FROM src.t").fetchall()

    assert [row[1] for row in con.execute("PRAGMA database_list")] == ["main", "src"]
    assert con.in_transaction
    con.close()


def test_leaving_wal_leaves_one_file(tmp_path: Path) -> None:
    """What was in the -wal is in the database, and the mode that was is returned."""
    path = make_database(tmp_path / "a.db", "WAL", "x")
    con = open_existing(path)
    con.execute("INSERT INTO t VALUES('y')")
    assert (tmp_path / "a.db-wal").stat().st_size > 0

    before = leave_wal_mode(con, path)

    assert before == "wal"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]
    assert con.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert leave_wal_mode(con, path) == "delete"
    con.close()


def test_leaving_wal_fails_when_database_is_open_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection of another process would write to a renamed file."""
    path = make_database(tmp_path / "a.db", "WAL", "x")
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.1)
    con = open_existing(path)

    with other_process(path, "SELECT * FROM t"):
        with pytest.raises(ProblemError, match=r"^a\.db: .*\[in-use\]$"):
            leave_wal_mode(con, path)

    assert pragma(con, "journal_mode") == "wal"
    assert leave_wal_mode(con, path) == "wal"
    con.close()
