"""Test that files of one kind are one pattern, although their tables have grown."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.session import InventorySession, inventory_data
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

PHONE, LANGUAGE = "ALTER TABLE users ADD COLUMN phone TEXT;", "ALTER TABLE users ADD COLUMN language TEXT;"
MANAGER = "ALTER TABLE users ADD COLUMN manager INTEGER REFERENCES users(id);"
PINNED = "ALTER TABLE notes ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;"
MAIN = "CREATE TABLE plan(code TEXT); CREATE TABLE job(a); CREATE TABLE region(a); INSERT INTO plan VALUES ('basic');"
MAIN += "INSERT INTO job VALUES (1); INSERT INTO region VALUES (1)"


def tenants(*changes: str) -> dict[str, str]:
    """Return a database for each change of its schema.

    They have different rows under equal keys.
    """
    tables = (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, login TEXT NOT NULL);"
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), body TEXT);"
    )
    rows = "INSERT INTO users(id, login) VALUES (1, 'ada{0}'), (2, 'bob{0}');"
    rows += "INSERT INTO notes(id, user_id, body) VALUES (1, 2, 'note of bob{0}');"
    return {f"tenant_{number}": tables + change + rows.format(number) for number, change in enumerate(changes, start=1)}


@pytest.mark.parametrize(
    ("changes", "target", "files", "tables"),
    sampled(
        [
            (("", PHONE, PHONE, PHONE + LANGUAGE), "tenant_4.db", 3, []),
            (("", "", PHONE, PHONE, PINNED, PINNED), "tenant.db", 6, ["users", "notes"]),
            ((PHONE, LANGUAGE, PINNED, PHONE + PINNED), "tenant.db", 4, ["users", "notes"]),
        ],
        2,
    ),
)
def test_grown_files_are_one_pattern(
    tmp_path: Path, changes: tuple[str, ...], target: str, files: int, tables: list[str]
) -> None:
    """The target is the file with all columns, or a new one."""
    refined = proposal_of(tmp_path, **tenants(*changes))

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.file, len(source.files)) == (target, "tenant_*.db", files)
    assert [table.name for table in refined.proposal.tables] == tables
    assert [table_map.into for table_map in source.maps] == ["users", "notes"]
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_new_target_is_created_from_grown_files(tmp_path: Path) -> None:
    """Each note stays with its user, and no column is lost."""
    refined = proposal_of(tmp_path, **tenants(PHONE, LANGUAGE, PINNED))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "tenant.db")) as con:
        query = "SELECT login, phone, language, body, pinned FROM notes JOIN users ON users.id = user_id ORDER BY login"
        rows = con.execute(query).fetchall()
    assert rows == [(f"bob{number}", None, None, f"note of bob{number}", 0) for number in (1, 2, 3)]


def test_grown_files_are_one_pattern_beside_a_target(tmp_path: Path) -> None:
    """The target has none of their tables."""
    refined = proposal_of(tmp_path, main=MAIN, **tenants("", PHONE, PINNED))

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.file, len(source.files)) == ("main.db", "tenant_*.db", 3)
    assert [table.name for table in refined.proposal.tables] == ["users", "notes"]
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize(("changes", "united"), [(["", PHONE, PINNED], True), (["", MANAGER], False)])
def test_inventory_tells_which_tables_are_united(tmp_path: Path, changes: list[str], united: bool) -> None:
    """They are declared differently, and the plan makes one table of them."""
    for name, sql in {"main": MAIN, **tenants(*changes)}.items():
        execute(tmp_path / f"{name}.db", sql)
    session = InventorySession(tmp_path, tmp_path / "plan.toml", lambda _words: None)
    session.inspect_workspace()
    session.write_plan()

    overlaps = {each["table"]: each for each in inventory_data(session)["overlaps"]}
    assert (overlaps["users"]["same"], overlaps["users"]["united"]) == (False, united)


@pytest.mark.thorough
def test_file_with_another_declaration_leaves_its_pattern(tmp_path: Path) -> None:
    """It is a source of its own, with the one decision."""
    other = PINNED.replace("INTEGER NOT NULL DEFAULT 0", "TEXT")
    refined = proposal_of(tmp_path, main=MAIN, **tenants("", PINNED, PHONE, other))

    first, last = refined.proposal.sources
    assert [(each.file, len(each.all_files)) for each in (first, last)] == [("tenant_*.db", 3), ("tenant_4.db", 1)]
    assert [(leave.kind, leave.table) for leave in first.leaves] == [("files", "tenant_4.db")]
    assert (len(first.decide), len(last.decide), refined.objections) == (0, 1, ())


@pytest.mark.parametrize("changes", sampled([["", PHONE, LANGUAGE, PINNED], ["", PHONE, LANGUAGE]], 1))
def test_united_table_remains_when_a_file_drops_out(tmp_path: Path, changes: list[str]) -> None:
    """The declaration is that of all files, and not of the first one."""
    files = tenants(*changes)
    files["tenant_1"] = files["tenant_1"].replace("login TEXT NOT NULL", "login TEXT").replace("'ada1'", "NULL")
    files["tenant_1"] += "PRAGMA writable_schema=ON; UPDATE sqlite_schema"
    files["tenant_1"] += " SET sql = replace(sql, 'login TEXT', 'login TEXT NOT NULL')"
    refined = proposal_of(tmp_path, main=MAIN, **files)

    sources = refined.proposal.sources
    assert [file for source in sources for file in source.all_files] == [f"{name}.db" for name in list(files)[1:]]
    assert {each.into for source in sources for each in source.maps} == {"users", "notes"}
    assert "users" in [table.name for table in refined.proposal.tables]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
