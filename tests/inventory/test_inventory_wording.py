"""Hold the wording of the inventory's messages in one place.

The other tests of this folder compare kinds, files and decisions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import Database, inspect_file
from sqlite_consolidate.inventory.proposal import ProposedSource
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.proposed_parts import ProposedMap
from sqlite_consolidate.inventory.refinement.refine import refine_proposal
from sqlite_consolidate.inventory.selection.target import choose_target
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.inventory import Inventory
    from sqlite_consolidate.inventory.proposal import Proposal

LEFT_OUT = {
    "Thumbs.db": "it is named like a database, and has no SQLite header",
    "cache.db": "looks like a cache: its path has the word 'cache'",
    "empty.db": "it has 0 bytes",
    "north_again.db": "it has the same content as north.db",
    "vault.db": "it has no SQLite header, and its bytes look encrypted",
    "backups/shop-2024.db": (
        "looks like a backup: its path has the word 'backups', and it has the same content as shop.db"
    ),
    "templates/new_shop.db": "looks like a template: its path has the word 'templates'",
}
TARGET_REASONS = ("it has the most tables with rows (3), like notes.db, and more rows (7)",)
SEPARATE_USERS = (
    "users is declared differently in shop.db (only here: phone). users is kept apart as crm_users, so "
    "change the code that reads it. "
    "To make one table of them instead, add these columns to users of shop.db (ALTER TABLE ... ADD COLUMN), and take "
    "the inventory again."
)


@pytest.fixture(scope="module")
def proposal(root: Path, inventory: Inventory) -> Proposal:
    """Propose a plan for the folder with databases of every kind."""
    proposal = propose_plan(inventory)
    assert proposal is not None
    return refine_proposal(root, proposal, lambda _words: None).proposal


def test_reasons_of_files_left_out_are_worded(proposal: Proposal) -> None:
    """The plan has each reason as a comment."""
    assert {file.file: file.reason for file in proposal.left_out} == LEFT_OUT


def test_reason_for_the_target_is_worded(proposal: Proposal) -> None:
    """The plan has it above the target."""
    assert proposal.target_reasons == TARGET_REASONS


def test_name_is_a_worded_reason_for_the_target() -> None:
    """The name is the only point when all else is equal."""
    databases = [Database(f"{name}.db", "database", 1, "") for name in ("a", "main")]

    target, reason = choose_target(databases, {"a.db": 0, "main.db": 0}, "workspace")

    assert (target.file, reason) == ("main.db", "its name is main.db")


def test_decision_about_separate_tables_is_worded(proposal: Proposal) -> None:
    """It names the first table, the difference and both ways out."""
    source = next(source for source in proposal.sources if source.file == "crm/crm.sqlite3")

    assert source.decide == (SEPARATE_USERS,)


def test_decision_about_a_separate_copy_is_worded() -> None:
    """It names the way out that needs no change of the code."""
    apart = ProposedMap("t", "copy_t", "1", apart="it is named like a conflicted copy of a.db.")
    source = ProposedSource("copy", "a (1).db", (), (apart,), version="which rows are right?")

    [question] = source.decide

    assert question.endswith(" To leave the copy where it is, remove this [[source]].")


@pytest.mark.parametrize(("identical", "is_named"), [(1, True), (2, False)])
def test_new_keys_are_named_first_when_rows_differ(identical: int, is_named: bool) -> None:
    """A policy would drop rows that differ under an equal key."""
    counts = ProposedMap("t", "b_t", "2", apart="No reference.", common=2, identical=identical)
    apart = replace(counts, key=("id",), has_integer_key=True)

    [question] = ProposedSource("b", "b.db", (), (apart,)).decide

    words = [word for word in ("renumber", "on_conflict") if word in question]
    assert words == (["renumber", "on_conflict"] if is_named else ["on_conflict"])
    assert sorted(words, key=question.index) == words


def test_reason_for_a_hot_journal_is_worded(tmp_path: Path) -> None:
    """It names the process that owns the transaction."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a)")
    (tmp_path / "a.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(512))
    [candidate] = discover(tmp_path).candidates

    assert inspect_file(tmp_path, candidate).unread_reason == ("another process is in a transaction, or died in one")
