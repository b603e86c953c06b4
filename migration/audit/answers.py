"""Where each criterion of a run stands, and what that answers to the questions of a change record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration.audit.criteria import CRITERIA, STAGES
from migration.audit.words import SMOKE, stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.audit.criteria import Mode
    from migration.audit.evidence import Record

Standing = Literal["shown", "failed", "not shown"]

_STAGE_ORDER = {stage.id: place for place, stage in enumerate(STAGES)}
_ORDER = {criterion.id: place for place, criterion in enumerate(CRITERIA)}

# The success criteria as they are asked, and the criteria that answer them; the later ids of a line are those of a
# check, which asks the same of a finished consolidation. The applications are asked for by the names of the plan.
_UNDONE = "Everything is as it was before"  # asked only where something was to be undone
_QUESTIONS = (
    ("All original databases backed up", ("backup-complete", "backup-digest", "dump-reloads")),
    ("All tables created in {target}", ("tables-created", "indexes-created", "schema-as-planned")),
    ("All record counts match 100 %", ("rows-as-stated", "rows-counted", "rows-expected")),
    (
        "Code updated to use {target}",
        ("references-found", "references-updated", "no-stale-references", "code-compiles", "still-no-stale-references"),
    ),
    (SMOKE, ()),
    ("No new errors in the logs", ("logs-clean",)),
    (
        "No data loss or corruption",
        (
            "nothing-left-behind", "values-fit", "rows-exact", "no-duplicates", "foreign-keys", "integrity",
            "neighbours-unchanged", "triggers-in-place", "committed", "no-side-effects", "final-digest", "target-right",
        ),
    ),
    (
        "Old databases archived",
        ("archived", "archive-restorable", "no-late-writes", "archives-unchanged", "no-old-database"),
    ),
    (_UNDONE, ("restored-exact",)),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One success criterion of the user, or one line of the checklist, answered.

    Attributes:
        question: As it is asked: ``"All tables created in workspace.db"``.
        standing: The worst of its criteria; ``None`` when this kind of run does not ask.
        criteria: Criterion id to where it stands, in the order of the stages.
        section: Id of the section of the page that shows it, where no criterion does.
    """

    question: str
    standing: Standing | None
    criteria: dict[str, Standing]
    section: str = ""


def in_order(criteria: Iterable[str], mode: Mode) -> list[str]:
    """Return criterion ids in the order in which the stages judge them; ids that nobody knows come last."""

    def place(criterion: str) -> tuple[int, int]:
        stage = _STAGE_ORDER.get(stage_of(criterion, mode), len(STAGES))
        return stage, _ORDER.get(criterion, -1)

    return sorted(criteria, key=place)


def standings(record: Record) -> dict[str, Standing]:
    """Return each criterion with evidence, or demanded without any, and where it stands; in the order of the stages.

    A criterion is shown only if it holds for every subject that was looked at.
    """
    failed = {one.criterion for one in record.criteria if not one.holds}
    missing = set(record.not_shown)
    known = dict.fromkeys([*(one.criterion for one in record.criteria), *record.not_shown])
    return {
        criterion: "failed" if criterion in failed else "not shown" if criterion in missing else "shown"
        for criterion in in_order(known, record.mode)
    }


def counts(record: Record) -> dict[Standing, int]:
    """Return how many criteria stand where; all three keys are there."""
    found = Counter(standings(record).values())
    return {"shown": found["shown"], "failed": found["failed"], "not shown": found["not shown"]}


def answers(record: Record) -> list[Answer]:
    """Return the answer to every success criterion, in the order in which they are asked."""
    known = standings(record)
    target = record.target.file if record.target else "the target"
    found: list[Answer] = []
    for question, ids in _QUESTIONS:
        if question == SMOKE:
            found += applications(record, known)
        else:
            found.append(answer(question.format(target=target), ids, known))
    found = [one for one in found if one.standing or one.question != _UNDONE]
    return [*found, tests_passing(record)]


def answer(question: str, ids: Iterable[str], known: dict[str, Standing]) -> Answer:
    """Return the answer that the criteria ``ids`` give, as far as this run knows them: the worst one counts."""
    criteria = {one: standing for one, standing in known.items() if one in ids}
    return Answer(question, _worst(criteria.values()), criteria)


def applications(record: Record, known: dict[str, Standing]) -> list[Answer]:
    """Return an answer for each application, under the name that the plan asks for it by."""
    asked = {**{one: one.removeprefix(SMOKE) for one in known if one.startswith(SMOKE)}, **record.asked}
    if not asked:
        return [Answer("Applications work", None, {})]  # clean logs are no proof that one works when none was run
    questions: dict[str, list[str]] = {}
    for criterion, question in asked.items():
        questions.setdefault(question, []).append(criterion)
    return [answer(question, ids, known) for question, ids in questions.items()]


def tests_passing(record: Record) -> Answer:
    """Return whether every stage of the run, each a file of tests, has passed."""
    by_outcome: dict[str, Standing] = {"failed": "failed", "passed": "shown"}
    found = [by_outcome.get(stage.outcome, "not shown") for stage in record.stages]
    nothing_to_do = record.already or not record.stages
    return Answer("Tests passing", None if nothing_to_do else _worst(found), {}, section="stages")


def _worst(found: Iterable[Standing]) -> Standing | None:
    known = set(found)
    worst: tuple[Standing, ...] = ("failed", "not shown", "shown")
    return next((one for one in worst if one in known), None)
