"""Test that derived data is refused, accepted as stale or derived again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison.compare_neighbours import STALE_INDEX
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.forgery import edit, failing_subjects
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import PLAN_OF_T, Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

STALE = '[[stale]]\nname = "words"\nreason = "the application rebuilds it"\n'
ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body)"
WRITES = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A target that searches its rows, and a source that brings three more."""
    root = tmp_path / "workspace"
    root.mkdir()
    execute(root / "main.db", ROWS)
    execute(root / "old.db", ROWS)
    execute(root / "old.db", "INSERT INTO t VALUES(1, 'one'), (2, 'two'), (3, 'three')")
    return Workspace(root, tmp_path / "reports")


def build(workspace: Workspace, content: str, plan: str) -> None:
    """Add the search index and the plan."""
    execute(workspace.root / "main.db", f"CREATE VIRTUAL TABLE words USING fts5(body, content={content})")
    execute(workspace.root / "main.db", WRITES)
    execute(workspace.root / "main.db", "INSERT INTO t VALUES(7, 'seven')")
    (workspace.root / "consolidation.toml").write_text(plan, "utf-8")


@pytest.mark.parametrize("content", ["t, content_rowid=id", *thorough("''")], ids=["external", "contentless"])
def test_stale_search_index_is_refused(workspace: Workspace, content: str) -> None:
    """Nothing is touched, and the criterion names it."""
    build(workspace, content, PLAN_OF_T)
    before = workspace.files()

    ran = workspace.run("migrate")

    assert (ran.exit, ran.failed) == (4, {"derived-declared"})
    assert workspace.files() == before


def _excuse_another_table(document: Any, reason: str = STALE_INDEX) -> None:
    [entry] = [entry for entry in document["criteria"] if entry["subject"] == "other"]
    entry.update(outcome="not required", examined=0, observed=reason)


@pytest.mark.thorough
@pytest.mark.parametrize("content", ["t, content_rowid=id", "''"], ids=["external", "contentless"])
def test_accepted_stale_index_is_reported(workspace: Workspace, content: str, tmp_path: Path) -> None:
    """Bundle, check and rollback agree with it. No other table can be excused in the same way."""
    execute(workspace.root / "main.db", "CREATE TABLE other(x)")
    build(workspace, content, PLAN_OF_T + STALE)

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    [finding] = [finding for finding in ran.findings if finding.id == "derived-stale"]
    assert (finding.level, finding.subject, finding.count) == ("attention", "main.db:words", 3)
    with open_for_inspection(workspace.root / "main.db") as con:
        assert con.execute("SELECT rowid FROM words WHERE words MATCH 'seven OR two'").fetchall() == [(7,)]
    assert ran.folder is not None
    files = dict(read_bundle(ran.folder.with_suffix(".zip")).files)
    edit(files, _excuse_another_table)
    assert "neighbours-unchanged: other: not required" in failing_subjects(tmp_path, files)["evidence-consistent"]
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback").exit == 0


REBUILT = """
[[rebuild]]
table = "WORDS"

[[rebuild]]
table = "terms"
from = "SELECT id, body FROM t -- without a trigger"
"""


def _forge_a_digest(document: Any) -> None:
    [entry] = [entry for entry in document["criteria"] if entry["subject"] == "terms" and entry["examined"]]
    entry["expected"] = entry["observed"] = "right"


@pytest.mark.thorough
def test_rebuilt_indexes_are_reported_and_rolled_back(workspace: Workspace, tmp_path: Path) -> None:
    """Bundle, check and rollback agree with them, as with an index that is stale."""
    execute(workspace.root / "main.db", "CREATE TABLE other(x)")
    execute(workspace.root / "main.db", "CREATE VIRTUAL TABLE terms USING fts5(body, content='')")
    build(workspace, "t, content_rowid=id", PLAN_OF_T + REBUILT)

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert [(each["table"], each["action"], each["rows"]) for each in ran.evidence["derived"]] == [
        ("words", "rebuild", 4),
        ("terms", "rebuild", 4),
    ]
    with open_for_inspection(workspace.root / "main.db") as con:
        for table in ("words", "terms"):
            search = f"SELECT rowid FROM {table} WHERE {table} MATCH 'seven OR two' ORDER BY rowid"
            assert con.execute(search).fetchall() == [(2,), (7,)]
    assert ran.folder is not None
    bundle = ran.folder.with_suffix(".zip")
    assert failing_subjects(tmp_path, dict(read_bundle(bundle).files)) == {}
    files = dict(read_bundle(bundle).files)
    edit(files, _forge_a_digest)
    assert "evidence-consistent" in failing_subjects(tmp_path, files)
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback").exit == 0


COUNTED = """
[[refresh]]
table = "total"
columns = ["n"]
set = "n = (SELECT count(*) FROM t)"
reason = "kept by a trigger"

[[refresh]]
table = "T"
columns = ["Body"]
set = "body = upper(body)"
reason = "searched in upper case"
"""


def _forget_the_refresh(document: Any) -> None:
    del document["derived"][0]


def test_refreshed_columns_are_reported_and_rolled_back(workspace: Workspace, tmp_path: Path) -> None:
    """A table that receives rows, and a neighbour, are set again."""
    execute(workspace.root / "main.db", "CREATE TABLE total(id INTEGER PRIMARY KEY, n, note)")
    execute(workspace.root / "main.db", "INSERT INTO total VALUES(1, 0, 'rows of t')")
    counts = "CREATE TRIGGER counts AFTER INSERT ON t BEGIN UPDATE total SET n = n + 1; END"
    execute(workspace.root / "main.db", counts)
    (workspace.root / "consolidation.toml").write_text(PLAN_OF_T + COUNTED, "utf-8")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert [(each["table"], each["columns"], each["rows"]) for each in ran.evidence["derived"]] == [
        ("total", ["n"], 1),
        ("t", ["body"], 3),
    ]
    with open_for_inspection(workspace.root / "main.db") as con:
        assert con.execute("SELECT n, note FROM total").fetchall() == [(3, "rows of t")]
        assert con.execute("SELECT body FROM t WHERE id = 2").fetchall() == [("TWO",)]
    assert ran.folder is not None
    bundle = ran.folder.with_suffix(".zip")
    assert failing_subjects(tmp_path, dict(read_bundle(bundle).files)) == {}
    files = dict(read_bundle(bundle).files)
    edit(files, _forget_the_refresh)
    assert "evidence-consistent" in failing_subjects(tmp_path, files)
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback").exit == 0


def test_search_index_of_a_source_comes_along(workspace: Workspace, tmp_path: Path) -> None:
    """No row of it is copied, and its trigger follows later rows."""
    execute(workspace.root / "old.db", "CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id)")
    execute(workspace.root / "old.db", WRITES)
    index = '[[source.table]]\nname = "words"\n[[rebuild]]\ntable = "words"\n'
    (workspace.root / "consolidation.toml").write_text(PLAN_OF_T + index, "utf-8")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert [(move["table"], move["arrived"]) for move in ran.evidence["moves"]] == [("t", 3)]
    assert ran.folder is not None
    assert failing_subjects(tmp_path, dict(read_bundle(ran.folder.with_suffix(".zip")).files)) == {}
    execute(workspace.root / "main.db", "INSERT INTO t VALUES(8, 'eight')")
    with open_for_inspection(workspace.root / "main.db") as con:
        assert con.execute("SELECT rowid FROM words WHERE words MATCH 'two OR eight'").fetchall() == [(2,), (8,)]
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback", discard_changes=True).exit == 0
