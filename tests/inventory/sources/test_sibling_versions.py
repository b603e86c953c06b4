"""Test that versions of one program are one pattern if no file has all of their objects."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.sources.families import find_families
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import COMMENT, LABEL, MAIN, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

AREA = "CREATE TABLE area(a); CREATE TABLE site(a); INSERT INTO area VALUES ({0}); INSERT INTO site VALUES ({0});"
CORE = "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE notes(id INTEGER PRIMARY KEY);"
CORE += "CREATE TABLE audit(id INTEGER PRIMARY KEY, what TEXT); INSERT INTO person VALUES (1, 'of {0}');"
DEAL = "CREATE TABLE deal(id INTEGER PRIMARY KEY); CREATE TABLE call(id INTEGER PRIMARY KEY);"
VIEW = "CREATE VIEW logins AS SELECT login FROM users;"
OTHER_VIEW = "CREATE VIEW logins AS SELECT login FROM users WHERE login > '';"
TRIGGER = "CREATE TRIGGER noted AFTER UPDATE ON notes BEGIN UPDATE users SET login = '{1}' WHERE id = new.user_id; END;"
DJANGO = (
    "CREATE TABLE auth_user(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE auth_group(id INTEGER PRIMARY KEY);"
    "CREATE TABLE django_session(key TEXT PRIMARY KEY); INSERT INTO auth_user VALUES (1, 'of {0}');"
)
LARAVEL = (
    "CREATE TABLE failed_jobs(id INTEGER PRIMARY KEY); CREATE TABLE password_resets(email TEXT, token TEXT);"
    "CREATE TABLE migrations(id INTEGER PRIMARY KEY, migration TEXT); INSERT INTO migrations VALUES (1, 'of {0}');"
)


def tenants(*additions: str) -> dict[str, str]:
    """Return a database for each addition to the schema."""
    tables = (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, login TEXT NOT NULL);"
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), body TEXT);"
        "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO tag VALUES (1, 'of {0}');"
        "INSERT INTO users VALUES (1, 'ada{0}'), (2, 'bob{0}'); INSERT INTO notes VALUES (1, 2, 'note of bob{0}');"
    )
    return {f"tenant_{each}": (tables + addition).format(each, "") for each, addition in enumerate(additions, start=1)}


@pytest.mark.parametrize(
    ("additions", "beside"),
    sampled([((COMMENT, LABEL, ""), True), ((COMMENT, LABEL, LABEL, ""), False), ((COMMENT, COMMENT, LABEL), True)], 1),
)
def test_sibling_versions_are_one_pattern(tmp_path: Path, additions: tuple[str, ...], *, beside: bool) -> None:
    """No file has all tables, so that the target is a new file or another program."""
    refined = proposal_of(tmp_path, **tenants(*additions), **({"main": MAIN} if beside else {}))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert refined.proposal.target == ("main.db" if beside else "tenant.db")
    assert (source.file, len(source.files)) == ("tenant_*.db", len(additions))
    assert {each.into for each in source.maps} == {"users", "notes", "tag", "comment", "label"}
    assert (refined.objections, refined.proposal.decisions) == ((), 0)
    assert consolidate(load_plan(file), tmp_path).accepted


@pytest.mark.parametrize(
    "schemas",
    [
        [COMMENT, LABEL + AREA, COMMENT],
        [CORE + COMMENT + LABEL, CORE + AREA, CORE + DEAL],
        [DJANGO + COMMENT, DJANGO + LABEL, DJANGO + AREA],
        [DJANGO, DJANGO + LABEL, DJANGO + AREA],
        [LARAVEL + COMMENT, LARAVEL + LABEL, LARAVEL + AREA],
    ],
    ids=["few common tables", "common core", "tables of a framework", "framework alone", "another framework"],
)
def test_other_programs_are_no_kind(tmp_path: Path, schemas: list[str]) -> None:
    """What a framework declares in each program is no sign of one program."""
    for number, sql in enumerate(schemas):
        execute(tmp_path / f"x{number}.db", sql.format(number))
    entries = take_inventory(tmp_path, lambda _words: None).entries

    assert [family.file for family in find_families(tmp_path, entries, "")] == [f"x{number}.db" for number in range(3)]


@pytest.mark.parametrize(("first", "second"), sampled([(VIEW, OTHER_VIEW), (TRIGGER, TRIGGER.replace("{1}", "x"))], 1))
def test_changed_text_is_one_decision(tmp_path: Path, first: str, second: str) -> None:
    """The plan has the text of the file with the most columns."""
    later = "ALTER TABLE users ADD COLUMN phone TEXT;"
    refined = proposal_of(tmp_path, main=MAIN, **tenants(first, first, second + later))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert (source.file, len(source.files), len(source.changed)) == ("tenant_*.db", 3, 1)
    assert "tenant_3.db" in source.changed[0]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        [text] = con.execute("SELECT sql FROM sqlite_schema WHERE name IN ('logins', 'noted')").fetchone()
    assert text == second.format(3, "").rstrip(";")


@pytest.mark.thorough
def test_changed_trigger_of_a_view_stays_behind(tmp_path: Path) -> None:
    """The files remain one pattern, and the decision names the trigger."""
    trigger = "CREATE TRIGGER added INSTEAD OF INSERT ON logins BEGIN INSERT INTO users(login) VALUES ({0}); END;"
    first, second = (VIEW + trigger.format(value) for value in ("new.login", "lower(new.login)"))
    refined = proposal_of(tmp_path, main=MAIN, **tenants(first, first, second))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert (source.file, len(source.files)) == ("tenant_*.db", 3)
    assert [(leave.kind, leave.table, len(leave.decide)) for leave in source.leaves] == [("triggers", "added", 1)]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    assert consolidate(load_plan(file), tmp_path).accepted


@pytest.mark.thorough
@pytest.mark.parametrize(("first", "second"), sampled([(VIEW, OTHER_VIEW), (TRIGGER, TRIGGER.replace("{1}", "x"))], 1))
def test_target_of_the_kind_keeps_its_text(tmp_path: Path, first: str, second: str) -> None:
    """That of the other files stays behind, which is a decision."""
    refined = proposal_of(tmp_path, **tenants(first, first, first, second + "CREATE TABLE more(a);"))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.file, len(source.files)) == ("tenant_4.db", "tenant_*.db", 3)
    assert [leave.table for leave in source.leaves] in (["logins"], ["noted"])
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    assert consolidate(load_plan(file), tmp_path).accepted
