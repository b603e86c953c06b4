"""Test that a proposed plan names the code that reads tables which it keeps apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import load_plan, rehearse
from sqlite_consolidate.inventory.session import InventorySession
from tests.support.scanned_trees import write
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.proposal import Proposal

MAIN = (
    "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT, colour TEXT NOT NULL); INSERT INTO tag VALUES (1, 'a', 'b');"
)
MAIN += "CREATE VIEW labels AS SELECT name FROM tag; CREATE TABLE more(a); INSERT INTO more VALUES (1)"
MAIN += "; CREATE TABLE alembic_version(a TEXT PRIMARY KEY); INSERT INTO alembic_version VALUES ('1')"
NOTES = "CREATE TABLE alembic_version(a TEXT PRIMARY KEY); INSERT INTO alembic_version VALUES ('2');"
NOTES += "CREATE TABLE tag(id TEXT PRIMARY KEY, label TEXT); INSERT INTO tag VALUES ('x', 'y');"
NOTES += "CREATE VIEW labels AS SELECT label FROM tag"
STORE = """import sqlite3

DB = "notes/notes.db"


def labels():
    return sqlite3.connect(DB).execute("SELECT label FROM tag").fetchall()
"""
SHOW = "import sqlite3\nfrom store import DB\nprint(sqlite3.connect(DB).execute('SELECT label FROM tag').fetchall())\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two programs that each have a table ``tag``."""
    root = tmp_path_factory.mktemp("workspace")
    (root / "notes").mkdir()
    execute(root / "main.db", MAIN)
    execute(root / "notes" / "notes.db", NOTES)
    write(root, "notes/store.py", STORE)
    write(root, "notes/show.py", SHOW)
    write(root, "notes/all.py", SHOW.replace("FROM tag", "FROM labels"))
    write(root, "alembic.ini", "[alembic]\nsqlalchemy.url = sqlite:///notes/notes.db\n")
    write(root, "other.py", 'DB = "main.db"\nQ = "SELECT name FROM tag"\n')
    return root


@pytest.fixture(scope="module")
def session(workspace: Path) -> InventorySession:
    """Take the inventory, and write its plan."""
    session = InventorySession(workspace, workspace / "consolidation.toml", lambda _words: None)
    session.inspect_workspace()
    session.write_plan()
    return session


def proposal_of(session: InventorySession) -> Proposal:
    """Return the plan of an inventory."""
    assert session.refined is not None
    return session.refined.proposal


def test_decision_names_the_code_of_a_separate_table(session: InventorySession) -> None:
    """A module that names no database counts with the others of its folder."""
    [source] = proposal_of(session).sources

    assert [each.into for each in source.maps] == ["notes_alembic_version", "notes_tag"]
    assert dict(source.views) == {"labels": "notes_labels"}
    assert source.old_names == (
        ("labels", "notes/all.py:3"),
        ("tag", "notes/show.py:3"),
        ("tag", "notes/store.py:7"),
    )
    decision, _ = source.decide
    assert "notes/all.py:3, notes/show.py:3 and notes/store.py:7" in decision


def test_decision_names_the_settings_of_a_migration_tool(session: InventorySession) -> None:
    """The tool reads the versions of the target, because its settings lead there."""
    [source] = proposal_of(session).sources

    assert source.led_by == ("alembic.ini:2",)
    _, decision = source.decide
    assert "alembic.ini:2" in decision
    assert "notes_alembic_version" in decision


def test_smoke_test_calls_the_code_with_the_old_name(session: InventorySession) -> None:
    """The statement itself would read another table of the target."""
    tests = {test.file: test.python for test in proposal_of(session).smoke}

    assert "rows = labels()" in tests["notes/store.py"]
    assert proposal_of(session).untried == ("notes/all.py", "notes/show.py")


def test_rehearsal_names_the_code_with_the_old_name(session: InventorySession, workspace: Path) -> None:
    """The proposed smoke test finds that as well."""
    assert session.written is not None

    result = rehearse(load_plan(session.written), workspace)

    assert sum(each.count for each in result.findings if each.id == "old-table-name") == 3
    assert not result.accepted
