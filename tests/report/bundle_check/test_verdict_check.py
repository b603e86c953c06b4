"""Decide the verdict of a bundle again from its record, and add up its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import sqlite_consolidate
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.bundle_check.parse import BundleContents
from sqlite_consolidate.report.bundle_check.reader import Bundle
from sqlite_consolidate.report.bundle_check.verdict import check_row_counts, check_verdict
from sqlite_consolidate.report.evidence import DatabaseRecord, DerivedRecord, MoveRecord, Record, TableContent
from tests.support.reports.records import APPLICATION, accepted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.observation import Observation

_ACCEPTED = "Accepted: consolidated, every required criterion passed."


def contents_of(record: Record | None, **facts: Any) -> BundleContents:
    """Return the parsed bundle of a record."""
    bundle = Bundle("some.zip", {})
    return BundleContents(bundle, {}, None, record, applications=(APPLICATION,), **facts)


def of_this_release(**facts: Any) -> Record:
    """Return the record of an accepted migration by this release."""
    record = accepted()
    versions = record.versions | {"sqlite-consolidate": sqlite_consolidate.__version__}
    return replace(record, versions=versions, **facts)


def failing(observations: Iterable[Observation]) -> dict[str, tuple[str, str]]:
    """Return what was expected and observed of each subject that does not hold."""
    return {
        observation.subject: (observation.expected, observation.observed)
        for observation in observations
        if not observation.holds
    }


def counted(before: dict[str, int], after: dict[str, int], *moves: MoveRecord, rows: int = 9) -> Record:
    """Return a record of moves from one table, with the target's rows before and after."""
    return of_this_release(
        sources=(DatabaseRecord("a", "a.db", 4096, rows={"T": rows}),),
        target=DatabaseRecord("target", "main.db", 4096, rows=before, rows_after=after),
        moves=moves,
    )


def test_verdict_of_an_accepted_run_follows() -> None:
    """Each subject has the value that it must have."""
    observations = check_verdict(contents_of(of_this_release()))

    assert failing(observations) == {}
    assert [observation.subject for observation in observations] == [
        "verdict",
        "not_shown",
        "exit code",
        "headline",
        "stages",
        "criteria",
        "unanswerable",
    ]
    by_subject = {observation.subject: observation.observed for observation in observations}
    assert (by_subject["verdict"], by_subject["exit code"], by_subject["unanswerable"]) == ("accepted", "0", "none")
    assert by_subject["stages"].startswith("10-preflight, 20-backup, ")


@pytest.mark.parametrize(
    ("facts", "contradictions"),
    [
        ({"verdict": "refused"}, {"verdict": ("accepted", "refused"), "exit code": ("not 0", "0")}),
        ({"exit_code": 1}, {"exit code": ("0", "not 0")}),
        ({"exit_code": 3, "headline": "Another."}, {}),
        (
            {"exit_code": 2},
            {"verdict": ("not shown", "accepted"), "headline": ("Interrupted. Nothing was changed.", _ACCEPTED)},
        ),
        ({"unanswerable": {"nothing": "why"}}, {"unanswerable": ("none", "nothing")}),
        ({"mode": Mode.ORIGINALS, "unanswerable": {"nothing": "why"}}, None),
        (
            {"finished": ""},
            {
                "verdict": ("not shown", "accepted"),
                "headline": ("Unfinished: the run had not ended when this was written.", _ACCEPTED),
            },
        ),
    ],
)
def test_fact_that_contradicts_the_verdict_is_named(
    facts: dict[str, Any], contradictions: dict[str, tuple[str, str]] | None
) -> None:
    """An interrupted run may have any verdict, and a check by originals answers in part."""
    observed = failing(check_verdict(contents_of(of_this_release(**facts))))

    if contradictions is None:
        assert "unanswerable" not in observed
    else:
        assert observed == contradictions


def test_entry_that_failed_makes_another_verdict() -> None:
    """So does a missing stage, a missing criterion, or one that is listed as not shown."""
    record = of_this_release()
    failed = (replace(record.criteria[0], outcome=Outcome.FAILED), *record.criteria[1:])

    assert set(failing(check_verdict(contents_of(replace(record, criteria=failed))))) == {"verdict", "headline"}
    assert failing(check_verdict(contents_of(record, not_shown=("b", "a")))) == {"not_shown": ("none", "a, b")}
    assert set(failing(check_verdict(contents_of(replace(record, stages=record.stages[1:]))))) == {
        "verdict",
        "headline",
        "stages",
    }
    assert "criteria" in failing(check_verdict(contents_of(replace(record, criteria=record.criteria[1:]))))


def test_run_with_nothing_to_do_performed_no_stage() -> None:
    """Its criteria are those of the run before it."""
    performed = of_this_release(already=True)
    idle = replace(performed, stages=tuple(replace(stage, outcome="not run") for stage in performed.stages))

    observed = failing(check_verdict(contents_of(performed)))["stages performed"]

    assert observed[0] == "none"
    assert observed[1].startswith("10-preflight, ")
    assert "stages performed" not in failing(check_verdict(contents_of(idle)))


def test_bundle_of_another_release_has_its_own_criteria() -> None:
    """The observation names that release."""
    versions = accepted().versions | {"sqlite-consolidate": "0.0.1"}
    record = replace(accepted(), versions=versions, criteria=accepted().criteria[1:])

    [*_, last] = observations = check_verdict(contents_of(record))

    assert failing(observations) == {}
    assert [observation.subject for observation in observations] == [
        "verdict",
        "not_shown",
        "exit code",
        "unanswerable",
        "criteria",
    ]
    assert last.expected == f"those that release {sqlite_consolidate.__version__} demands"
    assert last.observed == "made by release 0.0.1 (schema 2): its criteria are taken as it names them"


def test_bundle_without_a_record_shows_nothing() -> None:
    """Neither a verdict nor a sum is read from it."""
    for check in (check_verdict, check_row_counts):
        [observation] = check(contents_of(None))

        assert not observation.holds


@pytest.mark.parametrize("facts", [{"verdict": "refused"}, {"mode": Mode.CHECK}, {"already": True}])
def test_run_that_moved_no_row_has_no_sum(facts: dict[str, Any]) -> None:
    """Its sum is not required."""
    [observation] = check_row_counts(contents_of(of_this_release(**facts)))

    assert (observation.subject, observation.outcome) == ("tables", Outcome.NOT_REQUIRED)
    assert observation.observed == "no row was moved to stay"


def test_rows_of_both_ends_are_added_up() -> None:
    """Skipped and left rows count for the source, and replaced rows for the target.

    Names have no case.
    """
    move = MoveRecord("a", "a.db:t", "t", "U", 10, 7, skipped=2, replaced=3, left=1)

    observations = check_row_counts(
        contents_of(counted({"u": 5, "own": 1}, {"u": 9, "own": 1, "_consolidation_history": 1}, move, rows=10))
    )

    assert [
        (observation.subject, observation.expected, observation.observed, observation.holds)
        for observation in observations
    ] == [
        ("a: t: rows moved, skipped or left", "10", "10", True),
        ("a: t: rows in the source", "10", "10", True),
        ("target: u: rows after", "9", "9", True),
        ("target: own: rows after", "1", "1", True),
        ("target: _consolidation_history: rows after", "1", "1", True),
    ]


@pytest.mark.parametrize(
    ("after", "contradictions"),
    [
        ({"u": 8, "own": 1}, {"u": ("9", "8")}),
        ({"u": 9, "own": 2}, {"own": ("1", "2")}),
        ({"u": 9}, {"own": ("1", "None")}),
        ({"u": 9, "own": 1, "more": 1}, {"more": ("0", "1")}),
    ],
)
def test_table_with_other_rows_than_the_sum_is_named(
    after: dict[str, int], contradictions: dict[str, tuple[str, str]]
) -> None:
    """This holds for each table, unless a smoke test may write to it."""
    moves = (MoveRecord("a", "a.db:t", "t", "u", 9, 4), MoveRecord("a", "a.db:t", "T", "u", 9, None, skipped=9))
    record = counted({"u": 5, "own": 1}, after | {"_consolidation_history": 1}, *moves)
    tables = {f"target: {table}: rows after": pair for table, pair in contradictions.items()}

    assert failing(check_row_counts(contents_of(record))) == tables | {"a: t: rows moved, skipped or left": ("9", "4")}
    assert failing(check_row_counts(contents_of(record, writes=True))) == {
        "a: t: rows moved, skipped or left": ("9", "4")
    }


def test_rebuilt_index_has_any_number_of_rows() -> None:
    """The tables beside it are still counted."""
    record = counted({"words": 1, "own": 1}, {"words": 7, "own": 2, "_consolidation_history": 1})
    rebuilt = replace(record, derived=(DerivedRecord("Words", "rebuild", 7),))

    assert failing(check_row_counts(contents_of(rebuilt))) == {"target: own: rows after": ("1", "2")}


def test_table_that_a_target_does_not_list_is_named() -> None:
    """Without a target that is each table that got rows, and the history."""
    move = MoveRecord("a", "a.db:t", "t", "u", 9, 9)

    assert failing(check_row_counts(contents_of(replace(counted({}, {}, move, rows=8), target=None)))) == {
        "a: t: rows in the source": ("9", "8"),
        "target: u: rows after": ("9", "no such table"),
        "target: _consolidation_history: rows after": ("1", "no such table"),
    }


def test_rows_that_were_read_are_those_that_are_stated() -> None:
    """They are compared for each database before and after the run. Backups are not examined."""
    other = {"T": TableContent(3, "ab" * 32), "x": TableContent(1, "ab" * 32)}
    record = counted({"u": 1}, {"u": 1, "_consolidation_history": 1})
    source = replace(record.sources[0], contents={"live": other, "backup": other})
    assert record.target is not None
    target = replace(record.target, contents={"after": {"u": TableContent(2, "ab" * 32)}})

    assert failing(check_row_counts(contents_of(replace(record, sources=(source,), target=target)))) == {
        "a: T: rows, live": ("3", "9"),
        "a: x: rows, live": ("1", "None"),
        "target: u: rows, after": ("2", "1"),
    }
