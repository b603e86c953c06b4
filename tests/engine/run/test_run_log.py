"""Specify what the log of a run keeps and discloses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sqlite_consolidate.engine.run.criteria import CAN_FAIL, CRITERIA, FAULTLESS, criteria_in, criterion_named
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import RunLog, worst
from sqlite_consolidate.engine.run.stages import BACKUP, CHECK, ORIGINALS, PREFLIGHT, SELFTEST, SMOKE, STAGES, stages_of
from sqlite_consolidate.observation import Observation, Outcome, not_examined, not_required
from sqlite_consolidate.row_differences import Disclosure

PASSED, FAILED, NOT_EXAMINED, NOT_REQUIRED = Outcome
SEEN = {
    PASSED: Observation("a.db", "3 rows", "3 rows", holds=True),
    FAILED: Observation("b.db", "3 rows", "2 rows", holds=False, todo="Look."),
    NOT_EXAMINED: not_examined("c.db", "it is locked"),
    NOT_REQUIRED: not_required("d.db", "the plan asks for none"),
}


def a_log(mode: Mode = Mode.MIGRATE, **facts: object) -> RunLog:
    """Return the log of a run that has not begun."""
    log = RunLog(mode, criteria={stage.id: criteria_in(stage) for stage in stages_of(mode)})
    for name, fact in facts.items():
        setattr(log, name, fact)
    return log


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([PASSED], PASSED),
        ([NOT_REQUIRED], NOT_REQUIRED),
        ([NOT_REQUIRED, PASSED], PASSED),
        ([PASSED, NOT_EXAMINED, NOT_REQUIRED], NOT_EXAMINED),
        ([NOT_EXAMINED, FAILED, PASSED], FAILED),
        ([NOT_REQUIRED, NOT_EXAMINED], NOT_EXAMINED),
    ],
)
def test_check_has_the_worst_outcome_of_its_evidence(outcomes: list[Outcome], expected: Outcome) -> None:
    """One subject that does not hold is enough, in any order.

    An examined subject outweighs one that is not required.
    """
    log = a_log()
    log.begin(PREFLIGHT)
    log.end_performing(PREFLIGHT)

    result = log.add(PREFLIGHT, "space", [SEEN[outcome] for outcome in outcomes])

    assert result.outcome is expected
    assert worst(reversed(outcomes)) is expected
    assert log.outcome("space") is expected
    assert result.examined == sum(outcome in (PASSED, FAILED) for outcome in outcomes)


def test_check_without_an_observation_has_examined_nothing() -> None:
    """It still has one line of evidence with the reason."""
    log = a_log()
    log.begin(PREFLIGHT)
    log.end_performing(PREFLIGHT)

    result = log.add(PREFLIGHT, "space", [])

    assert (result.outcome, result.examined, len(result.evidence)) == (NOT_EXAMINED, 0, 1)
    assert result.evidence[0].observed


def test_result_text_names_subjects_that_do_not_hold() -> None:
    """There is one line for each such subject.

    If all subjects hold, there is no line.
    """
    log = a_log()
    log.begin(PREFLIGHT)
    log.end_performing(PREFLIGHT)

    lines = log.add(PREFLIGHT, "space", list(SEEN.values())).text.splitlines()

    assert [line.split(":")[0] for line in lines] == ["space b.db", "space c.db"]
    assert log.add(PREFLIGHT, "plan-valid", [SEEN[PASSED], SEEN[NOT_REQUIRED]]).text == ""


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(PASSED, "passed"), (NOT_REQUIRED, "passed"), (FAILED, "failed"), (NOT_EXAMINED, "failed")],
)
def test_stage_passes_when_its_last_criterion_holds(outcome: Outcome, expected: str) -> None:
    """The stage is running before.

    A criterion that does not hold fails the stage permanently.
    """
    log = a_log()
    log.begin(BACKUP)
    assert log.stages[BACKUP.id].outcome == "running"
    log.end_performing(BACKUP)
    first, *others = log.demanded(BACKUP)

    for criterion in others:
        log.add(BACKUP, criterion, [SEEN[PASSED]])
        assert log.stages[BACKUP.id].outcome == "running"
    log.add(BACKUP, first, [SEEN[outcome]])

    assert log.stages[BACKUP.id].outcome == expected
    log.add(BACKUP, first, [SEEN[PASSED]])
    assert log.stages[BACKUP.id].outcome == expected


def test_stage_that_could_not_be_performed_says_why() -> None:
    """The stage has failed, and its reason is an error of the log.

    The later stages were not run for that reason.
    """
    log = a_log()
    log.begin(PREFLIGHT)

    log.fail(PREFLIGHT, "It is locked.")

    assert log.failed_stage() == PREFLIGHT.id
    assert log.errors == [f"{PREFLIGHT.id}: It is locked."]
    records = log.all_stages()
    assert [record.id for record in records] == [stage.id for stage in stages_of(Mode.MIGRATE)]
    assert {record.outcome for record in records[1:]} == {"not run"}
    assert {record.reason for record in records[1:]} == {f"{PREFLIGHT.id} failed"}


def test_every_demanded_criterion_has_evidence() -> None:
    """An unchecked criterion has a line with the reason.

    The lines are in the order of the stages.
    """
    log = a_log(unanswerable={"committed": "there is no target"})
    log.begin(PREFLIGHT)
    log.end_performing(PREFLIGHT)
    log.add(PREFLIGHT, "plan-valid", [SEEN[PASSED], SEEN[NOT_REQUIRED]])

    evidence = log.evidence()

    ids = [id for stage in stages_of(Mode.MIGRATE) for id in criteria_in(stage)]
    assert list(dict.fromkeys(entry.criterion for entry in evidence)) == ids
    assert [entry.outcome for entry in evidence if entry.criterion == "plan-valid"] == [PASSED, NOT_REQUIRED]
    unchecked = [entry for entry in evidence if entry.criterion != "plan-valid"]
    assert {(entry.outcome, entry.examined) for entry in unchecked} == {(NOT_EXAMINED, 0)}
    assert [entry.observed for entry in unchecked if entry.criterion == "committed"] == ["there is no target"]
    assert all(entry.observed for entry in unchecked)


def test_workspace_that_was_consolidated_before_has_no_evidence() -> None:
    """There was nothing to examine."""
    assert a_log(already_consolidated=True).evidence() == ()


def test_what_cannot_be_answered_is_not_demanded() -> None:
    """A stage passes without it."""
    log = a_log(unanswerable={"dump-reloads": "no dump is there"})

    assert log.demanded(BACKUP) == ["backup-complete", "backup-digest"]
    assert log.unverified(BACKUP) == log.demanded(BACKUP)
    log.begin(BACKUP)
    log.end_performing(BACKUP)
    for criterion in log.demanded(BACKUP):
        log.add(BACKUP, criterion, [SEEN[PASSED]])
    assert log.stages[BACKUP.id].outcome == "passed"


@pytest.mark.parametrize(
    ("disclosure", "kept", "left_out"),
    [
        (Disclosure(), ["printed"], ["secret"]),
        (Disclosure(show_values=True), ["printed", "secret"], []),
        (Disclosure(withhold_output=True), ["(withheld)"], ["printed", "secret"]),
        (Disclosure(show_values=True, withhold_output=True), ["(withheld)", "secret"], ["printed"]),
    ],
)
def test_values_and_outputs_are_kept_as_the_operator_says(
    disclosure: Disclosure, kept: list[str], left_out: list[str]
) -> None:
    """The output of a failed program is shown on the terminal in any case."""
    log = a_log(disclosure=disclosure)
    log.begin(SMOKE)
    log.end_performing(SMOKE)
    observation = Observation("app", "exit 0", "exit 1", holds=False, program_output="printed", values="secret")

    [entry] = log.add(SMOKE, "logs-clean", [observation]).evidence

    assert [word for word in kept if word not in entry.observed] == []
    assert [word for word in left_out if word in entry.observed] == []
    assert len(log.program_output) == 1
    assert "printed" in log.program_output[0]


def test_end_of_a_run_is_noted_once() -> None:
    """A later moment does not replace it."""
    log = a_log()

    log.finish(datetime(2025, 1, 31, 12, tzinfo=UTC))
    log.finish(datetime(2025, 2, 1, tzinfo=UTC))

    assert log.finished == "2025-01-31T12:00:00+00:00"


def test_each_criterion_is_judged_by_its_stage() -> None:
    """The criteria and the stages refer to each other.

    A required criterion is of the same stage, and precedes the other.
    """
    by_stage = [id for stage in STAGES if stage != ORIGINALS for id in criteria_in(stage) if id in CRITERIA]
    assert sorted(by_stage) == sorted(CRITERIA)
    for id, criterion in CRITERIA.items():
        assert criterion_named(id) is criterion
        for required in criterion.requires:
            assert CRITERIA[required].stage == criterion.stage
            assert by_stage.index(required) < by_stage.index(id)


def test_smoke_tests_are_criteria_of_stages_that_run_applications() -> None:
    """They precede the others, because those judge the effects of the applications."""
    for stage in STAGES:
        ids = criteria_in(stage, ["one", "two"])
        assert (ids[:2] == ("smoke:one", "smoke:two")) is (stage in (SMOKE, CHECK, ORIGINALS))
    assert criterion_named("smoke:one").stage == SMOKE
    with pytest.raises(KeyError):
        criterion_named("no such criterion")


def test_selftest_demands_a_fault_for_each_criterion() -> None:
    """It also demands that runs without a fault are accepted."""
    ids = criteria_in(SELFTEST, ["one"])

    judged = {id for id, criterion in CRITERIA.items() if criterion.stage != SELFTEST}
    assert ids[0] == FAULTLESS
    assert set(ids[1:]) == {f"{CAN_FAIL}{id}" for id in judged | {"smoke:one"}}
    assert all(criterion_named(id).stage == SELFTEST for id in ids)
