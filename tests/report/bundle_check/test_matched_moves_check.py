"""Find what a bundle states about rows that match beside filters and newer rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.conflict_log import ConflictCounts, conflict_text
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.bundle_check.facts.database_facts import facts_of_databases
from sqlite_consolidate.report.bundle_check.facts.findings import contradictions_of_findings
from sqlite_consolidate.report.evidence import KeyMapRecord, MoveRecord
from tests.support.reports.records import accepted

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record

TABLE = {"name": "t", "match": ["k"], "on_conflict": "prefer-newer", "newer": "at", "where": "k", "reason": "r"}
PLAN = Plan.model_validate(
    {
        "format": 1,
        "name": "small",
        "target": "main.db",
        "source": [{"name": "a", "file": "a.db", "keys": "renumber", "table": [TABLE]}],
    }
)
MOVE = MoveRecord("a", "a.db:t", "t", "t", 6, skipped=3, identical=1, arrived=2, left=1)


def record_of(offset: int, updated: int = 1) -> Record:
    """Return the record of one move of which three rows matched."""
    text = conflict_text("prefer-newer", ConflictCounts(1, 2, updated), ["k"])
    finding = Finding.of("rows-newer", "a.db:t", f"{text}; the keys are in x/settled-conflicts.jsonl.", count=3)
    maps = (KeyMapRecord("a", "t", offset, 3),)
    return replace(accepted(), moves=(MOVE,), key_maps=maps, findings=(finding,))


def subjects(record: Record) -> dict[tuple[str, str], str]:
    """Return criterion and subject of each fact to its expected text."""
    return {(fact.criterion, fact.subject): fact.expected for fact in facts_of_databases(PLAN, record)}


def test_matched_rows_are_none_of_those_that_are_added() -> None:
    """Two of six rows have a digest of their own, and one stays behind."""
    assert subjects(record_of(7))["rows-chosen", "a.db:t -> t"] == "2 rows, [0-9a-f]{64} of 6 rows"


def test_arrived_rows_state_which_are_left_behind() -> None:
    """Matched rows are counted apart from those that the plan does not move."""
    expected = "6 rows (1 matched and identical, 2 matched and different, 1 left behind)"

    assert subjects(record_of(7))["rows-counted", "a.db:t -> t"] == expected


def test_default_of_a_source_may_have_renumbered_nothing() -> None:
    """A table whose key has several columns has no offset."""
    facts = [subjects(record_of(offset)) for offset in (7, 0)]

    assert [("keys-mapped", "a.db:t -> t") in each for each in facts] == [True, False]


def test_finding_states_which_rows_were_updated() -> None:
    """There cannot be more of them than different rows."""
    of_move = [
        [text for subject, _, text in contradictions_of_findings(PLAN, record_of(7, updated)) if "a.db:t" in subject]
        for updated in (1, 3)
    ]

    assert [bool(texts) for texts in of_move] == [False, True]
