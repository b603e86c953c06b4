"""Test that files of one kind are one pattern if the target has a table of them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.session import InventorySession
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import MAIN, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

OPTION = "CREATE TABLE option(key TEXT PRIMARY KEY, value TEXT); INSERT INTO option VALUES ('theme', 'of {0}');"
OTHER_USERS = "CREATE TABLE users(id INTEGER PRIMARY KEY, mail TEXT NOT NULL); INSERT INTO users VALUES (1, 'root');"
PHONE, LANGUAGE = "ALTER TABLE users ADD COLUMN phone TEXT;", "ALTER TABLE users ADD COLUMN language TEXT;"


def tenants(*additions: str) -> dict[str, str]:
    """Return a database for each addition to the schema."""
    tables = (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, login TEXT NOT NULL); CREATE INDEX logins ON users(login);"
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), body TEXT);"
        "CREATE VIEW authors AS SELECT login, body FROM notes JOIN users ON users.id = user_id;"
        "INSERT INTO users VALUES (1, 'ada{0}'), (2, 'bob{0}'); INSERT INTO notes VALUES (1, 2, 'note of bob{0}');"
    )
    return {f"tenant_{each}": (tables + addition).format(each) for each, addition in enumerate(additions, start=1)}


@pytest.mark.parametrize(
    ("main", "tables", "decisions"),
    sampled(
        [
            (OPTION, {"users", "notes", "tenant_option"}, 2),
            (OTHER_USERS, {"tenant_users", "tenant_notes", "option"}, 2),
            (OPTION + OTHER_USERS, {"tenant_users", "tenant_notes", "tenant_option"}, 2),
        ],
        0,
    ),
)
def test_table_of_the_target_divides_no_pattern(tmp_path: Path, main: str, tables: set[str], decisions: int) -> None:
    """One table apart has the rows of all files, and a column names the file."""
    refined = proposal_of(tmp_path, main=MAIN + main.format("main"), **tenants(*[OPTION] * 3))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.file, len(source.files)) == ("main.db", "tenant_*.db", 3)
    assert {each.into for each in source.maps} == tables
    assert (refined.objections, refined.proposal.decisions) == ((), decisions)
    assert consolidate(load_plan(file), tmp_path).accepted
    option = next(each.into for each in source.maps if each.name == "option")
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        rows = con.execute(f"SELECT file, value FROM {option} ORDER BY file").fetchall()
        view = "tenant_authors" if "tenant_users" in tables else "authors"
        authors = con.execute(f"SELECT login, body FROM {view} ORDER BY login").fetchall()
    assert rows == [(f"tenant_{number}", f"of {number}") for number in (1, 2, 3)]
    assert authors == [(f"bob{number}", f"note of bob{number}") for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("additions", "wider", "constants"),
    sampled(
        [
            (("", PHONE, PHONE, LANGUAGE), "tenant.db", ()),
            (("", PHONE, PHONE, PHONE), "tenant_2.db", ()),
            ((OPTION, OPTION + PHONE, OPTION + PHONE, OPTION + PHONE), "tenant_2.db", (("file", "{stem}"),)),
        ],
        0,
    ),
)
def test_named_target_without_columns_asks_for_another(
    tmp_path: Path, additions: tuple[str, ...], wider: str, constants: tuple[tuple[str, str], ...]
) -> None:
    """The other files are one pattern, and the plan passes as it stands."""
    for name, sql in tenants(*additions).items():
        execute(tmp_path / f"{name}.db", sql)
    session = InventorySession(tmp_path, tmp_path / "plan.toml", lambda _words: None, target="tenant_1.db")
    session.inspect_workspace()
    session.write_plan()

    assert session.refined is not None
    [source] = session.refined.proposal.sources
    assert (source.file, len(source.files), source.wider, source.constants) == ("tenant_*.db", 3, wider, constants)
    assert {each.into for each in source.maps if each.into == each.name} == set()
    assert wider in "".join(source.decide)
    assert session.refined.objections == ()
    assert consolidate(load_plan(tmp_path / "plan.toml"), tmp_path).accepted
