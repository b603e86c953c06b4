"""Answer the questions of a change record by what the criteria of a run came to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import SMOKE, Question
from sqlite_consolidate.engine.run.run_log import worst
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.formatting import known_criterion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlite_consolidate.report.evidence import Record


@dataclass(frozen=True)
class Answer:
    """One success criterion of the user, or one line of the checklist, answered.

    Attributes:
        question: As it is asked: ``"All tables created in workspace.db"``.
        outcome: The worst of its criteria; ``None`` when this kind of run does not ask.
        criteria: Criterion id to what it came to, in the order of the stages.
        section: Id of the section of the page that shows it, where no criterion does.
    """

    question: str
    outcome: Outcome | None
    criteria: dict[str, Outcome]
    section: str = ""


@dataclass(frozen=True)
class Unexamined:
    """Criteria that no check examined, all for the same reason."""

    outcome: Outcome
    reason: str
    criteria: tuple[str, ...]


def outcomes(record: Record) -> dict[str, Outcome]:
    """Return what each criterion of a record came to, in the order of the evidence: the worst of its subjects."""
    outcomes_of: defaultdict[str, list[Outcome]] = defaultdict(list)
    for entry in record.criteria:
        outcomes_of[entry.criterion].append(entry.outcome)
    return {criterion: worst(all_outcomes) for criterion, all_outcomes in outcomes_of.items()}


def counts(record: Record) -> dict[Outcome, int]:
    """Return the number of criteria of each outcome; all four keys are there."""
    number = Counter(outcomes(record).values())
    return {outcome: number[outcome] for outcome in Outcome}


def unexamined(record: Record) -> list[Unexamined]:
    """Return the criteria that no check examined, by outcome and reason, in the order of the evidence."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for entry in record.criteria:
        reasons[entry.criterion].append(entry.observed)
    groups: defaultdict[tuple[Outcome, str], list[str]] = defaultdict(list)
    for criterion, outcome in outcomes(record).items():
        if outcome in (Outcome.NOT_EXAMINED, Outcome.NOT_REQUIRED):
            groups[outcome, "; ".join(dict.fromkeys(reasons[criterion]))].append(criterion)
    return [Unexamined(outcome, reason, tuple(criteria)) for (outcome, reason), criteria in groups.items()]


def answers(record: Record) -> list[Answer]:
    """Return the answer to every success criterion, in the order in which they are asked."""
    known = outcomes(record)
    target = record.target.file if record.target else "the target"
    answered: list[Answer] = []
    for question in Question:
        if question is Question.APPLICATIONS:
            answered += applications(record, known)
        else:
            answered.append(answer(question.value.format(target=target), _criteria_of(question, known), known))
    undone = Question.UNDONE.value  # asked only where something was to be undone
    return [*(given for given in answered if given.outcome or given.question != undone), tests_passing(record)]


def answer(question: str, ids: Iterable[str], known: Mapping[str, Outcome]) -> Answer:
    """Return the answer that the criteria ``ids`` give, as far as this run knows them: the worst one counts."""
    criteria = {id: known[id] for id in ids if id in known}
    return Answer(question, worst(criteria.values()) if criteria else None, criteria)


def applications(record: Record, known: Mapping[str, Outcome]) -> list[Answer]:
    """Return an answer for each application, under the name that the plan asks for it by."""
    asked = {**{id: id.removeprefix(SMOKE) for id in known if id.startswith(SMOKE)}, **record.asked}
    if not asked:  # clean logs are no proof that one works when none was run
        return [Answer(Question.APPLICATIONS.value, None, {})]
    questions: defaultdict[str, list[str]] = defaultdict(list)
    for criterion, question in asked.items():
        questions[question].append(criterion)
    return [answer(question, ids, known) for question, ids in questions.items()]


def tests_passing(record: Record) -> Answer:
    """Return whether every stage of the run, each a file of tests, has passed."""
    by_stage = {"failed": Outcome.FAILED, "passed": Outcome.PASSED}
    outcomes_of_stages = [by_stage.get(stage.outcome, Outcome.NOT_EXAMINED) for stage in record.stages]
    nothing_to_do = record.already or not record.stages
    return Answer("Tests passing", None if nothing_to_do else worst(outcomes_of_stages), {}, section="stages")


def _criteria_of(question: Question, known: Iterable[str]) -> list[str]:
    by_id = {id: known_criterion(id) for id in known}
    return [id for id, criterion in by_id.items() if criterion is not None and criterion.question is question]
