"""Specify that SQLite can attach the rows of each database that it can open."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.attachable import attachable
from sqlite_consolidate.engine.sqlite.connections import attached, open_memory, pragma

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

NAMES = ("main.t", '"MAIN".t', "[main] . t", "`Main`/* of */.\n[t]", "'main'.'t'")
TRIGGER = "CREATE TRIGGER r AFTER DELETE ON t BEGIN SELECT {}; END"


def create(path: Path, *statements: str) -> Path:
    """Create a database with a table without a key, whose rowids have gaps."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for statement in (*statements[:1], "CREATE TABLE t(v)", "INSERT INTO t(rowid, v) VALUES (3, 'a'), (7, 'ä')"):
            con.execute(statement)
        for statement in statements[1:]:
            con.execute(statement)
    return path


def rows(path: Path, encoding: str = "UTF-8") -> list[tuple[int, str]]:
    """Return rowids and values of an attached database."""
    with closing(open_memory()) as con:
        con.execute(f"PRAGMA encoding='{encoding}'")
        with attached(con, path, "src") as alias:
            return con.execute(f'SELECT rowid, v FROM "{alias}".t').fetchall()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW r AS SELECT v FROM {}",
        "CREATE VIEW r AS WITH c AS (SELECT v FROM {}) SELECT v FROM c",
        TRIGGER.format("count(*) FROM {}"),
        TRIGGER.format("1 WHERE EXISTS (SELECT 1 FROM {})"),
        "CREATE TRIGGER r AFTER DELETE ON t WHEN (SELECT count(*) FROM {}) BEGIN SELECT 1; END",
    ],
    ids=["view", "cte", "trigger", "subquery", "when"],
)
def test_copy_of_database_that_names_main_is_attached(tmp_path: Path, statement: str, name: str) -> None:
    """The copy has the rows with their rowids, and the file stays as it was."""
    path = create(tmp_path / "a.db", "PRAGMA page_size=1024", statement.format(name))
    before = path.read_bytes()

    with pytest.raises(sqlite3.DatabaseError):
        rows(path)
    with attachable(path) as copy:
        assert copy != path
        assert rows(copy) == [(3, "a"), (7, "ä")]

    assert not copy.exists()
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW r AS SELECT 'main.t' FROM t",
        "CREATE VIEW main.r AS SELECT v AS main FROM t",
        "CREATE TABLE main(t)",
    ],
)
def test_database_that_can_be_attached_is_not_copied(tmp_path: Path, statement: str) -> None:
    """SQLite decides, not the text."""
    path = create(tmp_path / "a.db", "PRAGMA page_size=1024", statement)

    with attachable(path) as used:
        assert used == path


@pytest.mark.parametrize("setting", ["encoding='UTF-16le'", "journal_mode=WAL", "auto_vacuum=FULL"])
def test_copy_keeps_encoding_and_needs_no_sidecar(tmp_path: Path, setting: str) -> None:
    """SQLite attaches only databases of one encoding."""
    path = create(tmp_path / "a.db", f"PRAGMA {setting}", "CREATE VIEW r AS SELECT v FROM main.t")

    with attachable(path) as copy:
        with closing(sqlite3.connect(copy)) as con:
            encoding = str(pragma(con, "encoding"))
            assert pragma(con, "journal_mode") == "delete"
        assert rows(copy, encoding) == [(3, "a"), (7, "ä")]

    assert encoding == ("UTF-16le" if "16" in setting else "UTF-8")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]
