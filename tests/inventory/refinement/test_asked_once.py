"""Test that files of one kind get one decision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    from pathlib import Path


def source(name: str, *questions: str) -> ProposedSource:
    """Return a source of the file with its name."""
    return ProposedSource(name, f"{name}.db", (), (), questions=questions)


def proposal(*sources: ProposedSource) -> Proposal:
    """Return the proposal of some sources."""
    return Proposal("t", "t.db", ("x",), sources)


@pytest.mark.parametrize(
    ("sources", "asked"),
    [
        ([source("a", "x of a.db"), source("b", "x of b.db")], [(1, ()), (0, ("a",))]),
        ([source("a", "x of a.db"), source("b", "x of a.db")], [(1, ()), (0, ("a",))]),
        ([source("a", "x of a.db"), source("b", "y of b.db", "x of b.db")], [(1, ()), (1, ("a",))]),
        ([source("a", "x"), source("b", "y"), source("c", "y", "x")], [(1, ()), (1, ()), (0, ("b", "a"))]),
        ([source("a", "x of a.db"), source("b", "x of c.db")], [(1, ()), (1, ())]),
        ([source("a", "x of a.db"), source("b", "x of bb.db")], [(1, ()), (1, ())]),
        ([source("a", "x of 3 rows"), source("b", "x of 4 rows")], [(1, ()), (1, ())]),
    ],
)
def test_same_decision_is_asked_once(sources: list[ProposedSource], asked: list[tuple[int, tuple[str, ...]]]) -> None:
    """Texts that differ by more than the names of their sources are different decisions."""
    known = proposal(*sources)

    assert [(len(decide), same_as) for _, decide, same_as in known.asked_sources] == asked
    assert known.decisions == sum(count for count, _ in asked)


def test_decision_names_three_sources_and_counts_the_rest() -> None:
    """Its id stays at the end."""
    [[_, (decision,), _], *_] = proposal(*(source(name, "Read it. [some-id]") for name in "abcdef")).asked_sources

    assert [bool(re.search(rf" {name}\b", decision)) for name in "bcdef"] == [True, True, True, False, False]
    assert ("2 more" in decision, decision.endswith("[some-id]")) == (True, True)


def test_tables_kept_apart_are_one_decision(tmp_path: Path) -> None:
    """A view uses tables together, so that the files of a pattern are sources of their own."""
    sql = (
        "CREATE TABLE tree(id INTEGER PRIMARY KEY, size INT); CREATE TABLE note(id INTEGER PRIMARY KEY, spot INT);"
        "CREATE VIEW v AS SELECT spot FROM note JOIN tree ON tree.size > note.spot;"
        "INSERT INTO tree VALUES (1, {0}), (2, {0}); INSERT INTO note VALUES (1, {0}), (2, {0});"
    )
    refined = proposal_of(tmp_path, **{f"t{number}": sql.format(number + 70) for number in range(4)})

    assert [len(each.decide) for each in refined.proposal.sources] == [1, 1, 1]
    assert (refined.proposal.decisions, refined.objections) == (1, ())
    assert render_plan(refined.proposal, "2026-11-29").count("# decide:") == 1
