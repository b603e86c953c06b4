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
# check, which asks the same of a finished consolidation.
_QUESTIONS = (
    ("All original databases backed up", ("backup-complete", "backup-digest", "dump-reloads")),
    ("All tables created", ("tables-created", "indexes-created", "schema-as-planned")),
    ("All record counts match 100 %", ("rows-as-stated", "rows-counted", "rows-expected")),
    (
        "Code updated",
        ("references-found", "references-updated", "no-stale-references", "code-compiles", "still-no-stale-references"),
    ),
    ("Applications work", (SMOKE, "logs-clean", "no-side-effects")),
    (
        "No data loss or corruption",
        (
            "nothing-left-behind", "values-fit", "rows-exact", "no-duplicates", "foreign-keys", "integrity",
            "neighbours-unchanged", "triggers-in-place", "committed", "final-digest", "target-right",
        ),
    ),
    (
        "Old databases archived",
        ("archived", "archive-restorable", "no-late-writes", "archives-unchanged", "no-old-database"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One success criterion of the user, answered.

    Attributes:
        question: As it is asked: ``"All tables created"``.
        standing: The worst of its criteria; ``None`` when this kind of run does not ask.
        criteria: Criterion id to where it stands, in the order of the stages.
    """

    question: str
    standing: Standing | None
    criteria: dict[str, Standing]


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
    return [_answer(question, ids, known) for question, ids in _QUESTIONS]


def _answer(question: str, ids: tuple[str, ...], known: dict[str, Standing]) -> Answer:
    criteria = {one: standing for one, standing in known.items() if one in ids or _asked_smoke(one, ids)}
    if SMOKE in ids and not any(_asked_smoke(one, ids) for one in criteria):
        criteria = {}  # clean logs are no proof that an application works when none was run
    worst: tuple[Standing, ...] = ("failed", "not shown", "shown")
    return Answer(question, next((one for one in worst if one in criteria.values()), None), criteria)


def _asked_smoke(criterion: str, ids: tuple[str, ...]) -> bool:
    return criterion.startswith(SMOKE) and SMOKE in ids
