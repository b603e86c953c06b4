"""Test that files of one kind are one pattern, although later ones have further tables."""

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

    from sqlite_consolidate.inventory.proposal import ProposedSource
else:
    from sqlite_utils.utils import sqlite3

MORE = "CREATE TABLE area(a); CREATE TABLE site(a); INSERT INTO area VALUES ({0}); INSERT INTO site VALUES ({0});"
TRIGGER = "CREATE TRIGGER noted AFTER UPDATE ON notes BEGIN INSERT INTO comment(note_id) VALUES (new.id); END;"
VIEW = "CREATE VIEW logins AS SELECT login FROM users;"
VERSION = "CREATE TABLE schema_version(version INTEGER); INSERT INTO schema_version VALUES (3);"
SETTING = "CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT); INSERT INTO setting VALUES ('theme', '{0}');"


def tenants(*additions: str) -> dict[str, str]:
    """Return a database for each addition to the schema.

    They have different rows under equal keys.
    """
    tables = (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, login TEXT NOT NULL);"
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), body TEXT);"
        "INSERT INTO users VALUES (1, 'ada{0}'), (2, 'bob{0}'); INSERT INTO notes VALUES (1, 2, 'note of bob{0}');"
    )
    return {f"tenant_{each}": (tables + addition).format(each) for each, addition in enumerate(additions, start=1)}


def names(source: ProposedSource) -> list[str]:
    """Return the tables of a source, all of which keep their names."""
    assert [each.into for each in source.maps] == [each.name for each in source.maps]
    return [each.name for each in source.maps]


@pytest.mark.parametrize(
    ("additions", "target", "files", "declared"),
    sampled(
        [
            (("", "", COMMENT + TRIGGER, COMMENT + TRIGGER), "main.db", 4, ["notes"]),
            (("", "", COMMENT + TRIGGER, COMMENT + TRIGGER), "tenant_3.db", 3, []),
            ((COMMENT + TRIGGER, "", ""), "main.db", 3, ["notes"]),
            ((COMMENT, COMMENT, COMMENT + TRIGGER), "main.db", 3, ["notes"]),
            (("", COMMENT, LABEL, COMMENT + LABEL), "main.db", 4, []),
            (("", COMMENT, COMMENT + LABEL, COMMENT + LABEL + MORE), "main.db", 4, []),
        ],
        4,
    ),
)
def test_files_with_further_tables_are_one_pattern(
    tmp_path: Path, additions: tuple[str, ...], target: str, files: int, declared: list[str]
) -> None:
    """A table is declared with a trigger that only later files have."""
    databases = tenants(*additions) | ({"main": MAIN} if target == "main.db" else {})
    refined = proposal_of(tmp_path, **databases)

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.file, len(source.files)) == (target, "tenant_*.db", files)
    assert {"users", "notes", "comment"} <= {*names(source)}
    assert [table.name for table in refined.proposal.tables] == declared
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.thorough
def test_further_tables_follow_new_keys_and_keep_triggers(tmp_path: Path) -> None:
    """Each comment stays with its note, and the trigger writes further ones."""
    refined = proposal_of(tmp_path, main=MAIN, **tenants("", VIEW, VIEW + COMMENT + TRIGGER))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    assert [source.file for source in refined.proposal.sources] == ["tenant_*.db"]
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        query = "SELECT notes.body, comment.body FROM comment JOIN notes ON notes.id = note_id"
        assert con.execute(query).fetchall() == [("note of bob3", "of 3")]
        con.execute("UPDATE notes SET body = 'changed'")
        assert con.execute("SELECT count(*) FROM comment").fetchone() == (4,)
        assert con.execute("SELECT count(*) FROM logins").fetchone() == (6,)


def test_files_with_further_tables_are_one_question(tmp_path: Path) -> None:
    """Rows of two tenants have equal keys, so that a column names the file."""
    refined = proposal_of(tmp_path, main=MAIN, **tenants(SETTING, SETTING, SETTING, SETTING + COMMENT + TRIGGER))

    [source] = refined.proposal.sources
    assert (source.file, source.constants) == ("tenant_*.db", (("file", "{stem}"),))
    assert names(source) == ["users", "notes", "setting", "comment"]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


@pytest.mark.parametrize(
    ("others", "patterns"), [({}, ["*.db"]), ({"c": MAIN}, ["a*.db", "b*.db", "c.db"])], ids=["alone", "beside another"]
)
def test_versions_share_a_pattern_where_it_fits(tmp_path: Path, others: dict[str, str], patterns: list[str]) -> None:
    """Each version has its own where the pattern of all matches another program."""
    versions = zip(
        ("a1", "a2", "a3", "b1", "b2", "b3"), tenants("", "", "", COMMENT, COMMENT, COMMENT).values(), strict=True
    )
    for name, sql in (*versions, *others.items()):
        execute(tmp_path / f"{name}.db", sql)
    entries = take_inventory(tmp_path, lambda _words: None).entries

    assert [family.file for family in find_families(tmp_path, entries, "")] == patterns


def test_files_that_share_few_tables_are_no_kind(tmp_path: Path) -> None:
    """The later ones have more than twice as many tables, and can be another program."""
    later = COMMENT + LABEL + MORE
    for name, sql in tenants("", "", "", later, later, later).items():
        execute(tmp_path / f"{name}.db", sql)
    entries = take_inventory(tmp_path, lambda _words: None).entries

    assert [family.file for family in find_families(tmp_path, entries, "")] == [entry.file for entry in entries]


@pytest.mark.parametrize("first", sampled(["", VERSION], 0))
def test_bookkeeping_of_some_files_does_not_divide_a_pattern(tmp_path: Path, first: str) -> None:
    """Its rows are equal and have no key, and the target gets them once."""
    refined = proposal_of(tmp_path, main=MAIN, **tenants(first, VERSION, VERSION, VERSION + COMMENT))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert [each.match for each in source.maps if each.name == "schema_version"] == [("*",)]
    assert (len(source.files), refined.objections, refined.proposal.decisions) == (4, (), 0)
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        assert con.execute("SELECT version FROM schema_version").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("versions", "facts"),
    sampled(
        [
            ((3, 3, 3, 4), ["3 files have the same rows", "1 file has others (tenant_4.db)"]),
            ((4, 3, 3, 4), ["2 files have the same rows", "2 files have others (tenant_2.db, tenant_3.db)"]),
            ((1, 2, 3, 4), ["each file has other rows"]),
        ],
        1,
        2,
    ),
)
def test_reason_states_which_files_have_other_bookkeeping(
    tmp_path: Path, versions: tuple[int, ...], facts: list[str]
) -> None:
    """A person decides by it whether the rows may be left out."""
    stamps = [VERSION.replace("3", str(version)) for version in versions]

    refined = proposal_of(tmp_path, main=MAIN, **tenants(*stamps))

    [leave] = [each for source in refined.proposal.sources for each in source.leaves if each.table == "schema_version"]
    assert [fact for fact in facts if fact not in leave.reason] == []


def test_empty_bookkeeping_that_rows_refer_to_is_moved(tmp_path: Path) -> None:
    """No file has rows that could differ."""
    settings = "CREATE TABLE settings(id INTEGER PRIMARY KEY); CREATE TABLE tag(id INTEGER REFERENCES settings(id));"
    rows = "INSERT INTO tag VALUES (NULL);"

    refined = proposal_of(tmp_path, main=MAIN, **tenants(*[settings + rows] * 3))

    [source] = refined.proposal.sources
    assert ("settings" in names(source), source.leaves, refined.objections) == (True, (), ())
