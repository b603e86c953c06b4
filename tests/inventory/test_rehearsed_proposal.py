"""Test that a proposal is rehearsed before it is offered, and that failures are stated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate import load_plan, rehearse
from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.refinement.refine import refine_proposal
from sqlite_consolidate.inventory.refinement.rehearsal import Rehearsal, RehearsalResult
from sqlite_consolidate.inventory.session import InventorySession
from tests.support.workspaces.inventory_folder import objections_to, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sqlite_consolidate.inventory.proposal import Proposal

PARENT = "CREATE TABLE customers(id INTEGER PRIMARY KEY, name); INSERT INTO customers VALUES ({}, '{}');"
CHILD = "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id));"


def unrelated(root: Path) -> Proposal:
    """Propose to merge the children of customers who are kept apart, as if nothing had told."""
    execute(root / "app.db", f"{PARENT.format(1, 'Alice')}{CHILD} INSERT INTO notes VALUES (1, 1)")
    second = "INSERT INTO customers VALUES (7, 'Yves'); INSERT INTO notes VALUES (11, 7)"
    execute(root / "shop.db", f"{PARENT.format(1, 'Xaver')}{CHILD}{second}")
    proposal = propose_plan(take_inventory(root, lambda _words: None))
    assert proposal is not None
    [source] = proposal.sources
    maps = [replace(table_map, related={}) for table_map in source.maps]
    customers, notes = sorted(maps, key=lambda table_map: table_map.name)
    apart = replace(customers, into="shop_customers", shared=(), apart="Other rows.")
    return replace(proposal, sources=(replace(source, maps=(apart, notes)),))


def test_rehearsal_finds_children_without_parents(tmp_path: Path) -> None:
    """The preflight or the verification before COMMIT refuses them."""
    assert len(objections_to(tmp_path, unrelated(tmp_path))) >= 1
    assert not (tmp_path / "backups").exists()


def test_children_without_parents_are_kept_apart(tmp_path: Path) -> None:
    """The proposal that is offered passes its rehearsal."""
    refined = refine_proposal(tmp_path, unrelated(tmp_path), lambda _words: None)

    assert [table_map.into for table_map in refined.proposal.sources[0].maps] == ["shop_customers", "shop_notes"]
    assert refined.objections == ()
    assert objections_to(tmp_path, refined.proposal) == ()


def test_rows_that_an_index_would_lack_are_kept_apart(tmp_path: Path) -> None:
    """The search index has a document of its own, which a rebuild would lose."""
    indexed = "CREATE TABLE message(id INTEGER PRIMARY KEY, body TEXT);"
    follows = "BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END"
    words = f"CREATE VIRTUAL TABLE words USING fts5(body); CREATE TRIGGER f AFTER INSERT ON message {follows};"
    rows = "INSERT INTO message VALUES ({}, 'text');"
    main = f"{indexed}{words}{rows.format(1)}INSERT INTO words(rowid, body) VALUES(99, 'help');"
    refined = proposal_of(tmp_path, main=main, phone=f"{indexed}{rows.format(1001)}")

    assert [table_map.into for table_map in refined.proposal.sources[0].maps] == ["phone_message"]
    assert (refined.objections, refined.proposal.decisions, refined.proposal.rebuilds) == ((), 1, ())
    assert objections_to(tmp_path, refined.proposal) == ()


def test_failure_that_no_correction_avoids_is_a_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan names it, and so does the inventory."""
    monkeypatch.setattr(Rehearsal, "perform", lambda _self: RehearsalResult(("integrity t: not ok",)))

    refined = proposal_of(tmp_path, **{name: f"CREATE TABLE {name}(a); INSERT INTO {name} VALUES (1)" for name in "ab"})

    assert refined.objections == ("integrity t: not ok",)
    assert refined.proposal.decisions == 1
    assert render_plan(refined.proposal, "2026-11-27").count("integrity t: not ok") == 1


def test_proposal_is_announced_before_it_is_made(tmp_path: Path) -> None:
    """It takes long where there are many files, and is not a part of the step before."""
    for number in (1, 2):
        execute(tmp_path / f"{number}.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    steps: list[str] = []
    session = InventorySession(tmp_path, tmp_path / "plan.toml", steps.append)
    session.inspect_workspace()
    inspected = len(steps)

    session.write_plan()

    assert steps[inspected] == "proposing a plan"


def test_statement_that_needs_another_file_is_in_no_test(tmp_path: Path) -> None:
    """The test executes a statement that the target alone can run, or only imports the module."""
    execute(tmp_path / "core.db", "CREATE TABLE people(id INTEGER PRIMARY KEY); INSERT INTO people VALUES (1)")
    execute(tmp_path / "votes.db", "CREATE TABLE votes(person INTEGER); INSERT INTO votes VALUES (1)")
    joined = "def top(c):\n    c.execute('ATTACH ? AS core', (X,))\n    c.execute('SELECT 1 FROM votes, core.people')\n"
    (tmp_path / "top.py").write_text(f"FILE = 'votes.db'\n{joined}")
    (tmp_path / "both.py").write_text(f"FILE = 'votes.db'\n{joined}    c.execute('SELECT 2 FROM votes')\n")
    session = InventorySession(tmp_path, tmp_path / "plan.toml", lambda _words: None)
    session.inspect_workspace()
    session.write_plan()
    assert session.refined is not None

    tests = {test.file: test.statements for test in session.refined.proposal.smoke}

    assert tests == {"both.py": ("SELECT 2 FROM votes",), "top.py": ()}
    assert rehearse(load_plan(tmp_path / "plan.toml"), tmp_path).accepted
