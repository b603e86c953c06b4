"""Show on page one what a manager asks for, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.evidence import Finding
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.statements.checklist import checklist
from tests.support.reports import records
from tests.support.reports.outcomes import drawn, with_outcome

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record

_END_OF_PAGE_ONE = '<nav class="contents"'


def test_findings_that_ask_for_a_decision_come_first(accepted: Record) -> None:
    """Those of schema 1 that were found several times are told once, with the number."""
    note, error = (
        records.finding("a view was left", 3),
        Finding("stage-error", "attention", "", 1, "20-backup: no room"),
    )

    html = render_page(replace(accepted, findings=(note, error)))

    first_page, below = html.split(_END_OF_PAGE_ONE)
    assert "no room" in first_page
    assert "a view was left (3 times)" in below


def test_page_one_has_seven_kinds_of_findings(accepted: Record) -> None:
    """The others, and further ones of a kind, are in the section of findings."""
    kinds = [Finding(f"kind-{number}", "attention", "", 1, f"text {number}") for number in range(9)]
    record = replace(accepted, findings=(*kinds, replace(kinds[0], text="text again")))

    first_page, below = render_page(record).split(_END_OF_PAGE_ONE)

    assert first_page.count('<li class="attention">') == 7
    assert "1 more of this kind" in first_page
    assert "and 2 more kinds" in first_page
    assert below.count('<li class="attention">') == 10


def test_cause_comes_before_its_symptom() -> None:
    """A failed smoke test is stated in one line, after the criteria of the database."""
    page = render_page(drawn()["not intact"]).split(_END_OF_PAGE_ONE)[0]
    failures = page[page.index('<ul class="failures">') : page.index('<ul class="counts"')]

    assert failures.index("target-right</a>") < failures.index("smoke:WMS CLI</a>")
    assert failures.count("<li>") == 2
    assert "Missing: no table tasks" in failures
    assert "raise" not in failures
    assert "\\n" not in page


def test_reason_of_an_unfinished_run_is_a_clause() -> None:
    """Evidence has it in fewer words."""
    assert "not run, because the run ended before this stage" in render_page(drawn()["unfinished"])


def test_times_of_page_one_have_one_format(accepted: Record) -> None:
    """A reason has the time of a rehearsal as evidence has it."""
    idle = records.not_required("rehearsed", "20260101_100000-rehearsal passed at 2026-01-01T11:00:00+01:00")
    first_page = render_page(replace(accepted, criteria=(idle,))).split(_END_OF_PAGE_ONE)[0]

    assert "passed at 2026-01-01 10:00:00 UTC" in first_page
    assert "T11:00:00" not in first_page


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [("approved_by", "A. Prover", True), ("approved_by", "", False)],
)
def test_approval_is_never_shown_as_verified(accepted: Record, field: str, value: str, shown: bool) -> None:
    """The plan states it, and any operator can write a plan."""
    record = replace(accepted, change=accepted.change | {field: value})

    steps = {step.question: step.outcome for phase in checklist(record) for step in phase.steps}

    assert [outcome for question, outcome in steps.items() if "pproved" in question] == [Outcome.NOT_REQUIRED]
    assert ("(stated by the plan, not verified)" in render_page(record)) is shown


@pytest.mark.parametrize("criterion", ["rehearsed", "approved"])
@pytest.mark.parametrize("outcome", [Outcome.NOT_REQUIRED, Outcome.NOT_EXAMINED, Outcome.PASSED])
def test_checklist_has_the_outcome_of_its_criterion(accepted: Record, criterion: str, outcome: Outcome) -> None:
    """The counts at the top of the page are those of the criteria."""
    record = with_outcome(accepted, criterion, outcome)
    word = {"rehearsed": "rehears", "approved": "pproved"}[criterion]

    steps = {step.question: step.outcome for phase in checklist(record) for step in phase.steps}

    assert [each for question, each in steps.items() if word in question] == [outcome]


@pytest.mark.parametrize(
    ("name", "is_listed"),
    [("inventory, plan passes", True), ("inventory, simple", False), ("inventory, not rehearsed", False)],
)
def test_inventory_lists_what_its_rehearsal_left_out(name: str, is_listed: bool) -> None:
    """The reader finds it where every page has what was not checked."""
    page = render_page(drawn()[name])
    unchecked = page[page.index('id="unchecked"') : page.index('id="people"')]

    assert ("2 references" in unchecked) is is_listed


@pytest.mark.parametrize("mode", [Mode.INVENTORY, Mode.BUNDLE, Mode.SELFTEST])
def test_run_without_a_change_has_no_empty_fields(accepted: Record, mode: Mode) -> None:
    """Nothing is to be signed, and no dash stands for what such a run does not know."""
    record = replace(
        accepted, mode=mode, change={}, plan={"path": "", "sha256": ""}, workspace="", backup_set="", rollback={}
    )

    html = render_page(record)

    assert 'id="signatures"' not in html
    assert "Requested by" not in html
    assert "Backup set" not in html
