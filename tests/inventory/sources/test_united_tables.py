"""Test that tables to which each file has added other columns become one table."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan, rehearse
from sqlite_consolidate.inventory.plan_writer import render_plan
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

MAIN = (
    "CREATE TABLE other(a); INSERT INTO other VALUES (1), (2), (3); CREATE TABLE more(a); INSERT INTO more VALUES (1)"
)
GROWN = {
    "a": "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, phone TEXT); INSERT INTO users VALUES (1, 'Ada', '5');"
    "CREATE INDEX names ON users(name) -- a comment",
    "b": "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, mail TEXT NOT NULL DEFAULT '');"
    "INSERT INTO users VALUES (2, 'Bob', 'b@c'); CREATE INDEX mails ON users(mail) -- a comment",
}
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END"


def test_table_has_the_columns_of_all_files(tmp_path: Path) -> None:
    """No file has all of them. The indexes of all files are created as well."""
    third = (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, CHECK (id > 0)); CREATE INDEX ids ON users(name, id);"
    )
    third += "INSERT INTO users VALUES (3, 'Cy')"
    refined = proposal_of(tmp_path, main=MAIN, **GROWN, c=third)

    [table] = refined.proposal.tables
    assert [each.into for source in refined.proposal.sources for each in source.maps] == ["users"]
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(table.create)
        columns = [name for (name,) in con.execute("SELECT name FROM pragma_table_info('users')")]
        indexes = {name for (name,) in con.execute("SELECT name FROM pragma_index_list('users')")}
    assert (columns, indexes) == (["id", "name", "phone", "mail"], {"names", "mails", "ids"})
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize(
    "other",
    sampled(
        [
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name BLOB, mail TEXT)",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, mail TEXT UNIQUE)",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, mail TEXT CHECK (mail <> ''))",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, mail TEXT)",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, other INTEGER REFERENCES users(id))",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, mail TEXT)",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, mail TEXT); CREATE INDEX names ON users(mail)",
        ],
        0,
    ),
)
def test_tables_with_other_constraints_stay_apart(tmp_path: Path, other: str) -> None:
    """So do those with few common columns."""
    refined = proposal_of(tmp_path, main=MAIN, a=GROWN["a"], b=f"{other}; INSERT INTO users(id) VALUES (2)")

    assert [each.into for source in refined.proposal.sources for each in source.maps] == ["users", "b_users"]
    assert (refined.proposal.tables, refined.proposal.decisions) == ((), 1)


def test_united_table_keeps_its_views_and_triggers(tmp_path: Path) -> None:
    """The declaration of the table has them, because those of the files are not moved with it."""
    users = f"{TRIGGER}; CREATE VIEW v AS SELECT name FROM users"
    refined = proposal_of(tmp_path, main=MAIN, **{name: f"{sql}\n; {users}" for name, sql in GROWN.items()})
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-27"), "utf-8")

    assert (refined.objections, refined.proposal.decisions) == ((), 0)
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        names = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type IN ('view', 'trigger')")}
        rows = con.execute("SELECT name FROM v ORDER BY name").fetchall()
    assert (names, rows) == ({"v", "t"}, [("Ada",), ("Bob",)])


def test_tables_stay_apart_when_a_view_differs(tmp_path: Path) -> None:
    """One name cannot stand for both views."""
    views = {"a": "SELECT name FROM users", "b": "SELECT name FROM users WHERE id > 1"}
    databases = {name: f"{GROWN[name]}\n; CREATE VIEW v AS {sql}" for name, sql in views.items()}
    refined = proposal_of(tmp_path, main=MAIN, **databases)

    assert [each.into for source in refined.proposal.sources for each in source.maps] == ["users", "b_users"]
    assert (refined.proposal.tables, refined.proposal.decisions) == ((), 1)


@pytest.mark.thorough
def test_table_of_the_target_gets_no_columns(tmp_path: Path) -> None:
    """The operator decides about the columns that it lacks."""
    refined = proposal_of(tmp_path, main=f"{MAIN}; {GROWN['a']}", b=GROWN["b"])

    [table_map] = refined.proposal.sources[0].maps
    assert (refined.proposal.target, table_map.into, refined.proposal.tables) == ("main.db", "b_users", ())
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


@pytest.mark.thorough
def test_table_of_one_file_keeps_its_columns(tmp_path: Path) -> None:
    """The other one is kept apart, because rows with equal text keys differ."""
    table = (
        "CREATE TABLE users(name TEXT PRIMARY KEY, age INTEGER, {0} TEXT); INSERT INTO users VALUES ('Ada', 5, '{0}')"
    )
    refined = proposal_of(tmp_path, main=MAIN, a=table.format("phone"), b=table.format("mail"))

    assert [each.into for source in refined.proposal.sources for each in source.maps] == ["users", "b_users"]
    assert (refined.proposal.tables, refined.objections, refined.proposal.decisions) == ((), (), 1)


@pytest.mark.thorough
def test_plan_of_grown_files_passes_unedited(tmp_path: Path) -> None:
    """Each row has the defaults of the columns that its file lacks.

    Equal keys get new values.
    """
    databases = GROWN | {"b": GROWN["b"].replace("VALUES (2", "VALUES (1")}
    refined = proposal_of(tmp_path, main=MAIN, **databases)
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-27"), "utf-8")

    assert (refined.objections, refined.proposal.decisions) == ((), 0)
    assert rehearse(load_plan(file), tmp_path).accepted
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        rows = con.execute("SELECT id, name, phone, mail FROM users ORDER BY id").fetchall()
    assert rows == [(1, "Ada", "5", ""), (2, "Bob", None, "b@c")]
