"""Tick the steps of a change by the evidence of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import Step
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.formatting import known_criterion
from sqlite_consolidate.report.questions import Answer, answer, applications, outcomes, tests_passing
from sqlite_consolidate.report.signing.plan_approval import APPROVED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_consolidate.report.evidence import Record


@dataclass(frozen=True)
class Phase:
    """Hold one part of the checklist, with the steps that this kind of run can tick."""

    name: str
    steps: tuple[Answer, ...]


def checklist(record: Record) -> list[Phase]:
    """Return the phases that this kind of run can tick, in order.

    Only evidence ticks a step.
    """
    known = outcomes(record)
    steps = {id: criterion.step for id in known if (criterion := known_criterion(id)) is not None}
    phases = []
    for name in dict.fromkeys(step.phase for step in Step):
        lines = [_answer_step(step, steps, known) for step in Step if step.phase == name]
        if name == Step.PLAN.phase and record.mode is Mode.MIGRATE:
            lines += [_approved(record), _rehearsed(record)]
        if name == Step.QUIET.phase:
            lines[:0] = applications(record, known)
        if name == Step.FINAL.phase:
            lines.append(tests_passing(record, known))
        asked = tuple(line for line in lines if line.outcome)
        if asked:
            phases.append(Phase(name, asked))
    return phases


def _answer_step(step: Step, steps: Mapping[str, Step | None], known: Mapping[str, Outcome]) -> Answer:
    return answer(step.text, [id for id, its_step in steps.items() if its_step is step], known)


def _approved(record: Record) -> Answer:
    approved, outcome = record.change.get("approved_by"), outcomes(record).get(APPROVED, Outcome.NOT_EXAMINED)
    if outcome in (Outcome.PASSED, Outcome.FAILED):
        by = f" by {approved}" if approved else ""
        return Answer(f"Approved{by}, and the plan is signed", outcome, {APPROVED: outcome})
    text = f"Approved by {approved}, as the plan states; nothing verifies it" if approved else "The change is approved"
    return Answer(text, outcome, {}, section="people")


def _rehearsed(record: Record) -> Answer:
    outcome = outcomes(record).get("rehearsed", Outcome.NOT_EXAMINED)
    text = "The plan was rehearsed, its rollback included"
    if outcome is Outcome.NOT_REQUIRED:
        but = ", but one passed, its rollback included" if record.rollback.get("drilled") else ""
        text = f"The plan demands no rehearsal{but}"
    return Answer(text, outcome, {}, section="questions")
