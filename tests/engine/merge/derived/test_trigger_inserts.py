"""Specify how the INSERTs of a trigger get a value for a further column."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.merge.derived.trigger_inserts import fill_column
from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

TABLES = "CREATE TABLE notes(id INTEGER PRIMARY KEY, body, file); CREATE TABLE log(what, note, file TEXT);"
TABLES += "CREATE TABLE tags(note, tag, file); INSERT INTO tags VALUES (1, 'a', 'x'), (1, 'b', 'x')"

FILLED = {
    "INSERT INTO log(what, note) VALUES (new.body, new.id)": 1,
    "INSERT INTO log(what, note) SELECT new.body, new.id": 1,
    "INSERT INTO log(what, note) SELECT new.body, new.id WHERE new.body IS NOT DISTINCT FROM 'b'": 1,
    "INSERT INTO log(what, note) SELECT new.body IS NOT DISTINCT FROM 'b', new.id": 1,
    "INSERT INTO log(what, note) SELECT tag, note * 2 FROM tags WHERE note = new.id": 2,
    "INSERT INTO log(what, note) SELECT DISTINCT count(*), max(note) FROM tags GROUP BY tag ORDER BY 1 LIMIT 1": 1,
    "INSERT INTO log(what, note) SELECT tag, note FROM tags UNION ALL SELECT new.body, (SELECT 1 LIMIT 1)": 3,
    "INSERT INTO log(what, note) WITH t(a) AS (SELECT tag FROM tags) SELECT a, new.id FROM t": 2,
}
LEFT = [
    "INSERT INTO log SELECT new.body, new.id, new.file",
    "INSERT INTO log(what, note) SELECT * FROM (SELECT 1, 2)",
    "INSERT INTO log(what, note) SELECT DISTINCT * FROM (SELECT 1, 2)",
    "INSERT INTO log(what, note) SELECT t.* FROM (SELECT 1, 2) AS t",
    "INSERT INTO log(what, note) SELECT 1, 2 UNION ALL VALUES (1, 2)",
    "UPDATE log SET note = new.id",
]


def trigger(statement: str) -> TriggerOrView:
    """Return a trigger with one statement."""
    return TriggerOrView("noted", "notes", f"CREATE TRIGGER noted AFTER INSERT ON notes BEGIN {statement}; END")


@pytest.mark.parametrize(("statement", "rows"), FILLED.items())
def test_insert_fills_the_further_column(statement: str, rows: int) -> None:
    """Each row that it writes has the value of the row that fires the trigger."""
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(TABLES)
        con.execute(fill_column(trigger(statement), {"log", "notes"}, "file").sql)
        con.execute("INSERT INTO notes VALUES (1, 'b', 'acme')")
        files = con.execute("SELECT file FROM log").fetchall()

    assert files == [("acme",)] * rows


@pytest.mark.parametrize("statement", LEFT)
def test_other_statement_stays_as_it_is(statement: str) -> None:
    """The columns of ``*`` are not known, and neither is the place of a value without a list."""
    assert fill_column(trigger(statement), {"log", "notes"}, "file") == trigger(statement)
