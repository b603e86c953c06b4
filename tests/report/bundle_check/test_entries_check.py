"""Find entries that contradict themselves or each other, and missing entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import sqlite_consolidate
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import Evidence
from sqlite_consolidate.observation import NO_PROBLEM, Outcome, Relation
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.bundle_check.entries import check_entries
from sqlite_consolidate.report.bundle_check.facts.database_facts import facts_of_databases
from sqlite_consolidate.report.bundle_check.facts.demanded import Demand
from sqlite_consolidate.report.bundle_check.facts.recomputed import NOT_COMPARED, Recomputed
from sqlite_consolidate.report.bundle_check.facts.record_lists import contradictions_of_record
from sqlite_consolidate.report.bundle_check.parse import BundleContents
from sqlite_consolidate.report.bundle_check.reader import Bundle
from sqlite_consolidate.report.evidence import DatabaseRecord, MoveRecord, Record, TableContent
from sqlite_consolidate.report.evidence_json import SCHEMA
from tests.support.reports.records import accepted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.observation import Observation

_OLD, _NEW, _NONE = "0a" * 32, "0b" * 32, "00" * 32
_SOURCE = DatabaseRecord("a", "a.db", 4096, digest=_OLD, contents={"live": {"t": TableContent(3, _NEW)}})
_TARGET = DatabaseRecord(
    "target", "main.db", 4096, contents={"after": {"t": TableContent(3, _NEW), "empty": TableContent(0, _NONE)}}
)


def entry(
    criterion: str, expected: str, observed: str, relation: Relation | None = Relation.EQUAL, **facts: Any
) -> Evidence:
    """Return a passed entry."""
    subject = facts.pop("subject", "main.db")
    return Evidence(criterion, subject, expected, observed, Outcome.PASSED, relation=relation, **facts)


def judged(*entries: Evidence, schema: int = SCHEMA, plan: Plan | None = None, **facts: Any) -> list[Observation]:
    """Return what is observed about a record of these entries that need not be complete."""
    given: dict[str, Any] = {"verdict": "refused", "sources": (_SOURCE,), "target": _TARGET, "moves": ()}
    given |= {"rollback": accepted().rollback | {"drilled": ""}, "smoke": (), "attempts": (), "findings": ()} | facts
    versions = accepted().versions | {"sqlite-consolidate": sqlite_consolidate.__version__}
    record = replace(accepted(), versions=versions, criteria=entries, **given)
    return check_entries(BundleContents(Bundle("some.zip", {}), {}, None, record, schema=schema, plan=plan))


def failing(observations: Iterable[Observation]) -> dict[str, tuple[str, str]]:
    """Return what was expected and observed of each subject that does not hold."""
    return {
        observation.subject: (observation.expected, observation.observed)
        for observation in observations
        if not observation.holds
    }


@pytest.mark.parametrize(
    ("passed", "contradiction"),
    [
        (entry("integrity", "ok", "ok"), {}),
        (entry("integrity", "ok", "bad"), {"integrity: main.db": ("ok", "bad")}),
        (entry("integrity", "ok", "bad", None), {"integrity: main.db": ("ok", "bad")}),
        (entry("integrity", "ok", "ok", Relation.STATED), {"integrity: main.db: relation": ("equal", "stated")}),
        (
            entry("foreign-keys", "0", "0", Relation.STATED),
            {"foreign-keys: main.db: relation": ("equal or at most", "stated")},
        ),
        (entry("size-reasonable", "at most 9 bytes", "8 bytes", Relation.AT_MOST, limit=9, number=8), {}),
        (
            entry("size-reasonable", "at most 9 bytes", "8 bytes", Relation.AT_MOST, limit=9, number=10),
            {"size-reasonable: main.db": ("at most 9 bytes (at most the limit)", "8 bytes (number 10, limit 9)")},
        ),
        (entry("unknown", "this", "that", Relation.STATED), {}),
        (entry("unknown", "this", "that", None), {}),
        (entry("unknown", "this", "that"), {"unknown: main.db": ("this", "that")}),
    ],
)
def test_passed_entry_that_contradicts_itself_is_named(
    passed: Evidence, contradiction: dict[str, tuple[str, str]]
) -> None:
    """By how it relates, which has to be a relation of its criterion, where that is known."""
    assert failing(judged(passed)) == contradiction
    assert failing(judged(replace(passed, outcome=Outcome.FAILED))) == {}


def test_judgement_by_originals_compares_in_its_own_way() -> None:
    """The relations of a criterion are those of a consolidation."""
    passed = entry("integrity", "ok", "bad", Relation.STATED)

    assert failing(judged(passed, mode=Mode.ORIGINALS)) == {}
    assert failing(judged(replace(passed, relation=None), mode=Mode.ORIGINALS)) == {}
    assert set(failing(judged(passed, mode=Mode.CHECK))) == {"integrity: main.db: relation"}


@pytest.mark.parametrize(
    ("expected", "contradicts"), [(_OLD, True), (f"3 rows, {_NEW}", True), (_NEW, False), ("ok", False)]
)
def test_entry_of_schema_1_compares_digests_of_the_record(expected: str, contradicts: bool) -> None:
    """It has no relation, and is a pass if there was nothing to examine."""
    passed = entry("integrity", expected, "other", None)

    assert bool(failing(judged(passed, schema=1))) is contradicts


def test_entries_that_were_decided_again_are_counted() -> None:
    """And those that only their own check could decide."""
    equal, stated = entry("integrity", "ok", "ok"), entry("unknown", "this", "that", Relation.STATED)

    [both], [words], [nothing] = judged(equal, stated), judged(stated), judged()

    assert (both.subject, both.expected, both.examined) == ("entries", "no contradiction", 1)
    assert both.observed == (
        "no contradiction in 1 passed entry; 1 more are words, which only their own check could decide"
    )
    [two] = judged(equal, equal)
    assert two.examined == 2
    assert "in 2 passed entries; 0 more" in two.observed
    for observation in (words, nothing):
        assert (observation.subject, observation.outcome) == ("entries", Outcome.NOT_REQUIRED)
        assert observation.observed == "no passed entry compares two values"


@pytest.mark.parametrize(
    ("criterion", "subject", "value", "listed"),
    [
        ("backup-digest", "a.db", _NEW, _OLD),
        ("no-late-writes", "a.db", _NEW, _OLD),
        ("restored-exact", "a.db", _NEW, _OLD),
        ("backup-digest", "a.db", _OLD, ""),
        ("backup-digest", "main.db", _NEW, ""),
        ("backup-digest", "nowhere.db", _NEW, ""),
        ("integrity-before", "a.db", _NEW, ""),
        ("final-digest", "target: t", f"2 rows, {_NEW}", f"3 rows, {_NEW}"),
        ("final-digest", "target: t", f"3 rows, {_NEW}", ""),
        ("final-digest", "target: empty", "0 rows", ""),
        ("final-digest", "target: empty", f"0 rows, {_NONE}", "0 rows"),
    ],
)
def test_digest_of_an_entry_is_that_of_its_database(criterion: str, subject: str, value: str, listed: str) -> None:
    """The record lists it, but for an empty table, which has no digest."""
    observed = failing(judged(entry(criterion, value, value, subject=subject)))

    assert observed == ({f"{criterion}: {subject}: as in the list of databases": (listed, value)} if listed else {})


def test_schema_1_has_a_digest_of_an_empty_table() -> None:
    """Without a target nothing is listed."""
    passed = entry("final-digest", "0 rows", "0 rows", subject="target: empty")
    listed = {"final-digest: target: empty: as in the list of databases": (f"0 rows, {_NONE}", "0 rows")}

    assert failing(judged(passed, schema=1)) == listed
    assert failing(judged(passed, schema=1, target=None)) == {}
    assert failing(judged(passed, schema=1, target=replace(_TARGET, contents={}))) == {}


def planned(**keys: Any) -> Plan:
    """Return a plan of one source with a change record."""
    document: dict[str, Any] = {
        "format": 1,
        "name": "small",
        "target": "main.db",
        "change": {"id": "CHG-1", "approved_by": "A. Prover"},
        "source": [{"name": "a", "file": "a.db", "table": [{"name": "t"}]}],
    }
    return Plan.model_validate(document | keys)


def test_change_is_that_of_the_plan() -> None:
    """A field that the evidence lacks is missing, and an inventory has no plan of its own."""
    change = {"id": "CHG-1", "reason": "", "approved_by": "Mallory Else"}
    contradictions = {
        "change: requested_by: as in plan.toml": ("", "missing"),
        "change: approved_by: as in plan.toml": ("A. Prover", "Mallory Else"),
    }

    assert failing(judged(plan=planned(), change=change)) == contradictions
    assert failing(judged(plan=planned(), change=change, mode=Mode.INVENTORY)) == {}
    assert failing(judged(change=change)) == {}


@pytest.mark.parametrize(("facts", "compared"), [({"verdict": "refused"}, False), ({"verdict": "accepted"}, True)])
def test_change_is_unknown_when_the_plan_was_not_loaded(facts: dict[str, Any], *, compared: bool) -> None:
    """The bundle of a refused run has the plan, and no run is accepted without one."""
    record = replace(accepted(), plan={"path": "plan.toml", "sha256": ""}, change={}, criteria=(), **facts)
    record = replace(record, versions={"sqlite-consolidate": "0.0.1"})

    observed = failing(check_entries(BundleContents(Bundle("some.zip", {}), {}, None, record, plan=planned())))

    changes = {f"change: {name}: as in plan.toml" for name in planned().change.model_dump()}
    assert observed.keys() == (changes if compared else set())


def test_lists_of_earlier_runs_and_applications_are_compared() -> None:
    """They are known for this release. Without the plan, applications are not known."""
    run = accepted().attempts[0]
    plan = planned(smoke=[{"name": "lists", "run": ["true"]}])
    twice = {"attempts": (f"each run once, by their beginning: {run.run}, {run.run}", f"{run.run}, {run.run}")}
    change = plan.change.model_dump()

    assert failing(judged(attempts=(run, run))) == twice
    assert failing(judged(attempts=(run,), smoke=accepted().smoke, change=change)) == {}
    unknown = {"smoke: WMS CLI": ("a smoke test of the plan", "no such test in it")}
    assert failing(judged(attempts=(run,), smoke=accepted().smoke, change=change, plan=plan)) == unknown


_COMPLETE: dict[str, Any] = {"verdict": "accepted", "change": planned().change.model_dump()}


def test_complete_record_has_what_its_plan_demands() -> None:
    """It has a source, a move and a passed entry. An entry that did not pass does not count."""
    failed = replace(entry("committed", "yes", "yes"), outcome=Outcome.FAILED)
    passed = entry("integrity-before", "ok", "ok")

    observed = failing(judged(passed, failed, plan=planned(), **_COMPLETE))
    forgotten = failing(judged(passed, plan=planned(), **_COMPLETE, sources=()))

    assert observed["moves: a.db:t"] == ("listed", "missing")
    assert observed["committed: main.db"] == ("a passed entry", "missing")
    assert "integrity-before: main.db" not in observed
    assert "sources: a.db" not in observed
    assert forgotten["sources: a.db"] == ("listed", "missing")


def test_complete_record_has_what_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its demands are added to those of the plan.

    Its contradictions are added to those of the lists.
    """
    monkeypatch.setattr(Recomputed, "demands", lambda _recomputed: [Demand("committed", "elsewhere")])
    monkeypatch.setattr(Recomputed, "contradictions", lambda _recomputed: iter([("digest", "a", "b")]))

    observed = failing(judged(plan=planned(), **_COMPLETE))

    assert observed["committed: elsewhere"] == ("a passed entry", "missing")
    assert observed["digest"] == ("a", "b")


@pytest.mark.parametrize(("number", "present"), [(1, "1 entry"), (2, "2 entries")])
def test_complete_record_states_the_number_of_demanded_entries(
    monkeypatch: pytest.MonkeyPatch, number: int, present: str
) -> None:
    """The number agrees with its noun."""
    demanded = [Demand("integrity", "")] * number
    module = "sqlite_consolidate.report.bundle_check.entries"
    monkeypatch.setattr(f"{module}.demanded_entries", lambda _plan, _record: iter(demanded))
    monkeypatch.setattr(f"{module}.absent_moves", lambda _plan, _record: [])
    monkeypatch.setattr(Recomputed, "demands", lambda _recomputed: [])

    *_, unrepeated, last = judged(entry("integrity", "ok", "ok"), plan=planned(), **_COMPLETE)

    assert unrepeated.subject.startswith("plan.toml: ")
    assert (unrepeated.expected, unrepeated.holds) == ("named", True)
    assert unrepeated.observed.endswith(": " + "; ".join(NOT_COMPARED))
    assert (last.subject, last.expected, last.holds) == ("plan.toml", "each entry that it demands", True)
    assert last.observed == f"{present}, none missing"


@pytest.mark.parametrize(
    "facts",
    [{"verdict": "refused"}, {"already": True}, {"mode": Mode.CHECK}, {"versions": {"sqlite-consolidate": "0.0.1"}}],
)
def test_record_that_need_not_be_complete_misses_nothing(facts: dict[str, Any]) -> None:
    """It is of another release, of a failed run, or of a run that had nothing to do."""
    record: Record = replace(accepted(), criteria=(), sources=(_SOURCE,), target=_TARGET, change=_COMPLETE["change"])
    record = replace(record, smoke=(), attempts=(), findings=(), rollback=record.rollback | {"drilled": ""})
    record = replace(record, versions=record.versions | {"sqlite-consolidate": sqlite_consolidate.__version__})
    contents = BundleContents(Bundle("some.zip", {}), {}, None, replace(record, **facts), plan=planned())

    assert failing(check_entries(contents)) == {}


def test_accepted_record_without_a_plan_is_incomplete() -> None:
    """So is a bundle without a record."""
    [unjudged] = check_entries(BundleContents(Bundle("some.zip", {}), {}, None, None))

    assert failing(judged(verdict="accepted")) == {
        "plan.toml": ("a plan of format 1", "none, or one with a mistake"),
    }
    assert not unjudged.holds


@pytest.mark.parametrize(
    ("suffix", "is_accepted"),
    [
        ("", True),
        ("; 0 rows are added to t", True),
        ("; 0 rows are added to t and kept", True),
        ("; 0 rows are added to t and u", False),
        ("; 0 rows are added to nothing", False),
    ],
)
def test_table_without_added_rows_follows_from_the_moves(suffix: str, *, is_accepted: bool) -> None:
    """All rows were skipped, or have replaced identical rows."""
    moves = (
        MoveRecord("a", "a.db:t", "t", "t", 3, arrived=0, skipped=3, identical=3),
        MoveRecord("a", "a.db:k", "k", "kept", 3, arrived=3, replaced=3, identical=3),
        MoveRecord("a", "a.db:u", "u", "u", 3, arrived=2, skipped=1),
    )
    observed = f"triggers and search indexes of 3 tables examined{suffix}"
    passed = entry("derived-declared", NO_PROBLEM, observed, None, subject=planned().name)

    facts = facts_of_databases(planned(), replace(accepted(), moves=moves))

    assert [fact.fits(passed) for fact in facts if fact.criterion == "derived-declared"] == [is_accepted]


@pytest.mark.parametrize(("rowids", "is_accepted"), [("", False), ("kept", True)])
def test_digest_with_kept_rowids_is_not_recomputed(rowids: str, *, is_accepted: bool) -> None:
    """The content of the table is listed without the rowids of rows that have a key."""
    moves = (MoveRecord("a", "a.db:t", "t", "t", 3, arrived=3, rowids=rowids),)
    passed = entry("rows-exact", f"3 rows, {_OLD}", f"3 rows, {_OLD}", subject="t <- a.db:t")

    facts = facts_of_databases(planned(), replace(accepted(), moves=moves, target=_TARGET))

    assert [fact.fits(passed) for fact in facts if fact.criterion == "rows-exact"] == [is_accepted]


def test_followed_constant_is_among_the_constants() -> None:
    """Its key is not the value of the plan."""
    plan = planned()
    plan = plan.model_copy(update={"sources": [plan.sources[0].model_copy(update={"constants": {"origin": 1}})]})
    followed = {"origin": "2", "other": "3"}
    moves = (MoveRecord("a", "a.db:t", "t", "t", 3, arrived=3, constants={"origin": "1"}, followed=followed),)

    observed = contradictions_of_record(plan, replace(accepted(), moves=moves))

    assert [subject for subject, *_ in observed if "origin" in subject or "other" in subject] == [
        "moves: a.db:t: followed: other"
    ]


@pytest.mark.parametrize(
    ("stated", "constants", "contradictions"),
    [
        ({"Origin": "{stem}"}, {"origin": "'a'"}, {}),
        ({"origin": True}, {"origin": "1"}, {}),
        ({}, {}, {}),
        ({"origin": "{stem}"}, {"origin": "'b'"}, {"moves: a.db:t: constants: origin": ("'a'", "'b'")}),
        ({"origin": 7}, {"origin": "'7'"}, {"moves: a.db:t: constants: origin": ("7", "'7'")}),
        ({"origin": 7}, {}, {"moves: a.db: constants: origin": ("7", "missing")}),
        ({}, {"origin": "7"}, {"moves: a.db:t: constants: origin": ("none", "7")}),
    ],
)
def test_constants_of_moves_follow_from_the_plan(
    stated: dict[str, Any], constants: dict[str, str], contradictions: dict[str, tuple[str, str]]
) -> None:
    """Each has its value for the file, and each constant of the plan is in a move."""
    plan = planned()
    plan = plan.model_copy(update={"sources": [plan.sources[0].model_copy(update={"constants": stated})]})
    moves = (MoveRecord("a", "a.db:t", "t", "t", 3, arrived=3, constants=constants),)

    observed = contradictions_of_record(plan, replace(accepted(), moves=moves))

    assert {subject: pair for subject, *pair in observed if "constants" in subject} == {
        subject: list(pair) for subject, pair in contradictions.items()
    }
