"""Which plan is proposed, and that its own check has nothing against it, or says where to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory import refine
from sqlite_consolidate.inventory.inventory import Inventory, take_inventory
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.refine import RefinedProposal, find_problems, refine_proposal
from tests.support.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.proposal import ProposedMap, ProposedSource


@pytest.fixture(scope="module")
def refined(root: Path, inventory: Inventory) -> RefinedProposal:
    """The proposal for the folder of all kinds."""
    proposal = propose_plan(inventory)
    assert proposal is not None
    return refine_proposal(root, proposal, lambda _words: None)


def source(refined: RefinedProposal, file: str) -> ProposedSource:
    """One of its sources."""
    return next(source for source in refined.proposal.sources if source.file == file)


def table(refined: RefinedProposal, file: str, name: str) -> ProposedMap:
    """One of its table maps."""
    return next(table_map for table_map in source(refined, file).maps if table_map.name == name)


def small(tmp_path: Path, **databases: str) -> RefinedProposal:
    """Take the inventory of a folder with these databases, and revise its proposal."""
    for name, sql in databases.items():
        execute(tmp_path / f"{name}.db", sql)
    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))
    assert proposal is not None
    return refine_proposal(tmp_path, proposal, lambda _words: None)


def test_the_check_of_plans_has_nothing_against_a_proposal(root: Path, refined: RefinedProposal) -> None:
    """Plan check and preflight, on copies."""
    assert refined.problems == ()
    assert find_problems(root, refined.proposal) == []


def test_the_target_is_the_one_for_which_most_speaks(refined: RefinedProposal) -> None:
    """And the plan says what does."""
    assert refined.proposal.target == "shop.db"
    assert refined.proposal.target_reasons == ("tables with rows: 3, no other has more", "no other lies further out")


def test_a_name_that_says_main_speaks_for_a_target(tmp_path: Path) -> None:
    """With all else equal."""
    sql = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1)"

    refined = small(tmp_path, a=sql.format("a"), main=sql.format("m"), z=sql.format("z"))

    assert refined.proposal.target == "main.db"
    assert refined.proposal.target_reasons == ("it is called main.db",)


def test_every_live_database_is_a_source_and_all_others_are_left_out_with_a_reason(refined: RefinedProposal) -> None:
    """Nothing that was found goes unmentioned."""
    sources = {source.file for source in refined.proposal.sources}
    left_out = {file.file: (file.decide, file.reason) for file in refined.proposal.left_out}

    assert sources == {
        "billing.db",
        "live.db",
        "metrics",
        "north.db",
        "notes.db",
        "south.db",
        "west.db",
        "crm/crm.sqlite3",
    }
    assert left_out == {
        "Thumbs.db": (False, "it is named like a database, and has no SQLite header"),
        "cache.db": (False, "none of its tables has a row"),
        "empty.db": (False, "it has 0 bytes"),
        "north_again.db": (False, "it holds the same as north.db"),
        "vault.db": (True, "it has no SQLite header, and its bytes look encrypted"),
        "backups/shop-2024.db": (
            False,
            "looks like a backup: its path says 'backups', and it holds the same as shop.db",
        ),
        "templates/new_shop.db": (False, "looks like a template: its path says 'templates'"),
    }


def test_tables_declared_alike_become_one_where_no_key_is_in_two(refined: RefinedProposal) -> None:
    """The policy for later stands there as a comment."""
    assert table(refined, "south.db", "sales").into == "sales"
    assert table(refined, "south.db", "sales").shared == ("north.db",)
    assert table(refined, "south.db", "sales").decide == ()


def test_tables_that_claim_the_same_keys_are_kept_apart_and_are_a_decision(refined: RefinedProposal) -> None:
    """Which of two rows is right is no question for a tool."""
    west = table(refined, "west.db", "sales")

    assert west.into == "west_sales"
    assert west.decide[0].startswith(
        "1 key (id) of sales would stand in more than one row: in north.db:sales and west.db:sales."
    )


def test_tables_declared_differently_are_kept_apart_and_are_a_decision(refined: RefinedProposal) -> None:
    """The columns that only one of them has are named."""
    users = table(refined, "crm/crm.sqlite3", "users")

    assert users.into == "crm_users"
    assert users.decide[0].startswith("users is declared differently in shop.db (only here: phone). It is kept apart")


def test_an_empty_table_comes_along_only_where_another_needs_it(refined: RefinedProposal) -> None:
    """A foreign key must have its parent."""
    assert [table_map.name for table_map in source(refined, "crm/crm.sqlite3").maps] == ["users", "regions", "calls"]


def test_what_cannot_be_copied_is_left_with_a_reason_and_is_a_decision(refined: RefinedProposal) -> None:
    """An index over another table is built anew."""
    notes = source(refined, "notes.db")

    assert [table_map.name for table_map in notes.maps] == ["notes", "own"]
    assert [leave.table for leave in notes.leaves] == ["found"]
    assert "cannot be copied row by row" in notes.leaves[0].reason
    assert notes.leaves[0].decide


def test_three_that_claim_one_key_are_all_kept_apart(tmp_path: Path) -> None:
    """In one round: the problem names all of them."""
    sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, who); INSERT INTO t VALUES (1, '{0}')"

    refined = small(tmp_path, **{name: sql.format(name) for name in ("a", "b", "c")})

    assert [source.maps[0].into for source in refined.proposal.sources] == ["b_t", "c_t"]
    assert refined.problems == ()


def test_a_source_that_cannot_be_moved_becomes_a_decision(tmp_path: Path) -> None:
    """Damage further in, which only the full check sees."""
    good = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1), (2)"
    bad = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a NOT NULL)'"
    execute(tmp_path / "bad.db", f"CREATE TABLE t(a); INSERT INTO t VALUES (NULL); {bad}")

    refined = small(tmp_path, one=good.format("one"), two=good.format("two"))

    assert refined.problems == ()
    assert [source.file for source in refined.proposal.sources] == ["two.db"]
    [left] = refined.proposal.left_out
    assert (left.file, left.decide) == ("bad.db", True)
    assert "is corrupt" in left.reason


def test_a_large_workspace_is_not_tried_and_the_plan_says_so(
    root: Path, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inventory does not copy a hundred gigabytes; the rehearsal does."""
    monkeypatch.setattr(refine, "MAX_TRIED_BYTES", 1000)
    proposal = propose_plan(inventory)
    assert proposal is not None

    refined = refine_proposal(root, proposal, lambda _words: None)

    assert refined.untried_reason.startswith("not tried on copies:")
    assert refined.proposal.decide == (refined.untried_reason,)


def test_one_database_needs_no_plan(tmp_path: Path) -> None:
    """Nor does none."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")

    assert propose_plan(take_inventory(tmp_path, lambda _words: None)) is None
