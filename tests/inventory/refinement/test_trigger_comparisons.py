"""Test that a trigger which compares a column with a key says to what the column refers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
from sqlite_consolidate.inventory.code.read_joins import with_doubts
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.refinement.relations import find_obstacle
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.inspection import Database

TABLES = (
    "CREATE TABLE album(id INTEGER PRIMARY KEY, title TEXT, size INT);"
    "CREATE TABLE photo(id INTEGER PRIMARY KEY, place INT, kind TEXT);"
    "CREATE TABLE sheet(nr INTEGER PRIMARY KEY, title TEXT);"
    "INSERT INTO album VALUES (1, 'a', 5), (2, 'b', 5), (4, 'c', 5);"
    "INSERT INTO sheet VALUES (4, 'c'), (1, 'a');"
)
PHOTOS = "INSERT INTO photo VALUES (7, 1, 'x'), (8, 4, 'y');"
GONE = "CREATE TRIGGER gone AFTER DELETE ON album BEGIN {0}; END;"
NEW = "CREATE TRIGGER more AFTER INSERT ON photo BEGIN {0}; END;"
PLACE = ("photo.place", ("album", "id"))


def inspected(root: Path, sql: str, joins: CodeJoins | None = None) -> Database:
    """Return what is known of a database."""
    execute(root / "a.db", TABLES + sql)
    [candidate] = discover(root).candidates
    return inspect_file(root, candidate, joins=joins)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (PHOTOS, []),
        (PHOTOS + GONE.format("DELETE FROM photo WHERE place = OLD.id"), [PLACE]),
        (PHOTOS + GONE.format("DELETE FROM photo WHERE old.rowid = photo.place"), [PLACE]),
        (PHOTOS + GONE.format("UPDATE photo SET place = NULL WHERE place IS OLD.id"), [PLACE]),
        (PHOTOS + NEW.format("UPDATE album SET size = size + 1 WHERE id = NEW.place"), [PLACE]),
        (PHOTOS + GONE.format("DELETE FROM photo WHERE place = OLD.size"), []),
        (PHOTOS + GONE.format("DELETE FROM photo WHERE kind = 'y' AND place = OLD.id"), [("photo.place", None)]),
        (
            "INSERT INTO photo VALUES (7, 3, 'x');" + GONE.format("DELETE FROM photo WHERE place = OLD.id"),
            [("photo.place", None)],
        ),
        (GONE.format("DELETE FROM sheet WHERE nr = OLD.id"), [("sheet.nr", ("album", "id"))]),
    ],
)
def test_comparison_of_a_trigger_tells_the_reference(
    tmp_path: Path, sql: str, expected: list[tuple[str, tuple[str, str] | None]]
) -> None:
    """The values are the evidence.

    Rows that the trigger leaves out may mean something else.
    """
    unstated = [each for each in inspected(tmp_path, sql).unstated if not each.is_empty]

    assert [(f"{each.table}.{each.column}", each.to) for each in unstated] == expected
    assert {each.joined for each in unstated} <= {"the trigger gone", "the trigger more"}


def test_code_and_trigger_that_agree_state_one_reference(tmp_path: Path) -> None:
    """Code may mean another database with such tables, and a trigger means its own."""
    sql = "SELECT 1 FROM photo p JOIN album a ON a.id = p.place WHERE p.kind = 'x'"
    joins = CodeJoins([("a.py:1", each) for each in comparisons_in(sql)])
    trigger = GONE.format("DELETE FROM photo WHERE place = OLD.id")
    database = inspected(tmp_path, PHOTOS + trigger, joins)
    (tmp_path / "b").mkdir()
    other = inspected(tmp_path / "b", "DROP TABLE photo; CREATE TABLE photo(nr INTEGER PRIMARY KEY, what)")

    [known, _] = with_doubts([database, other], joins)

    assert [(each.to, each.joined) for each in known.unstated] == [(("album", "id"), "the trigger gone")]


@pytest.mark.parametrize(
    ("sql", "is_obstacle"),
    [
        (
            GONE.format("DELETE FROM photo WHERE place = OLD.id")
            + GONE.replace("gone", "too").format("DELETE FROM sheet WHERE nr = OLD.id"),
            False,
        ),
        (GONE.format("DELETE FROM photo WHERE place = OLD.id; DELETE FROM sheet WHERE nr = OLD.id"), False),
        (GONE.format("DELETE FROM photo WHERE place = OLD.size"), True),
        (GONE.format("DELETE FROM photo WHERE place > OLD.id"), True),
        (GONE.format("INSERT INTO photo(place) VALUES (OLD.id + 1)"), True),
        (GONE.format("INSERT INTO photo(place) VALUES (OLD.size)"), False),
        (GONE.format("INSERT INTO photo(kind) VALUES ('gone')"), False),
        (GONE.format("UPDATE photo SET place = 1 WHERE kind = 'album'"), False),
        (GONE.format("UPDATE photo SET place = 1 WHERE lower(kind) = lower(OLD.title)"), False),
        (GONE.format("UPDATE photo SET place = 1 WHERE kind IN (SELECT title FROM sheet)"), True),
        (GONE.format("UPDATE photo SET place = (SELECT max(id) FROM album)"), True),
        (GONE.replace("BEGIN", "WHEN (SELECT max(id) FROM photo) > OLD.id BEGIN").format("SELECT 1"), True),
        (
            "CREATE VIEW v AS SELECT place FROM photo;"
            + GONE.format("SELECT raise(ABORT, 'x') FROM v WHERE place > OLD.id"),
            True,
        ),
    ],
)
def test_each_statement_of_a_trigger_counts_alone(tmp_path: Path, sql: str, *, is_obstacle: bool) -> None:
    """Texts do not change with new keys, and a number may be a key."""
    assert bool(find_obstacle(inspected(tmp_path, PHOTOS + sql))) is is_obstacle
