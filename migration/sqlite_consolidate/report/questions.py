"""Answer the questions of a change record by the outcomes of a run's criteria."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import SMOKE, Question
from sqlite_consolidate.engine.run.run_log import worst
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.formatting import known_criterion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlite_consolidate.report.evidence import Record

TESTS_PASSING = "Tests passing"
"""Success criterion that the test command of the workspace answers."""


@dataclass(frozen=True)
class Answer:
    """Hold the answer to one success criterion of the user, or to one line of the checklist.

    Attributes:
        question: The question as the user asked it: ``"All tables created in workspace.db"``.
        outcome: The worst outcome of its criteria; ``None`` if this kind of run does not ask.
        criteria: Criterion id to its outcome, in the order of the stages.
        section: Id of the section of the page that shows it, if no criterion does.
        reason: Why nothing was required.
    """

    question: str
    outcome: Outcome | None
    criteria: dict[str, Outcome]
    section: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Unexamined:
    """Hold the criteria that no check examined for one reason."""

    outcome: Outcome
    reason: str
    criteria: tuple[str, ...]


def outcomes(record: Record) -> dict[str, Outcome]:
    """Return the outcome of each criterion, in the order of the evidence.

    The outcome of a criterion is the worst of its subjects.
    """
    outcomes_of: defaultdict[str, list[Outcome]] = defaultdict(list)
    for entry in record.criteria:
        outcomes_of[entry.criterion].append(entry.outcome)
    return {criterion: worst(all_outcomes) for criterion, all_outcomes in outcomes_of.items()}


def counts(record: Record) -> dict[Outcome, int]:
    """Return the number of criteria of each outcome, zeros included."""
    number = Counter(outcomes(record).values())
    return {outcome: number[outcome] for outcome in Outcome}


def unexamined(record: Record) -> list[Unexamined]:
    """Return the criteria that no check examined, grouped by outcome and reason.

    The reasons are those of the entries with this outcome. Other entries of the criterion may have passed.
    """
    reasons: defaultdict[tuple[str, Outcome], list[str]] = defaultdict(list)
    for entry in record.criteria:
        reasons[entry.criterion, entry.outcome].append(entry.observed)
    groups: defaultdict[tuple[Outcome, str], list[str]] = defaultdict(list)
    for criterion, outcome in outcomes(record).items():
        if outcome in (Outcome.NOT_EXAMINED, Outcome.NOT_REQUIRED):
            groups[outcome, "; ".join(dict.fromkeys(reasons[criterion, outcome]))].append(criterion)
    return [Unexamined(outcome, reason, tuple(criteria)) for (outcome, reason), criteria in groups.items()]


def answers(record: Record) -> list[Answer]:
    """Return the answer to every success criterion, in the order of the questions."""
    known = outcomes(record)
    target = record.target.file if record.target else "the target"
    answered: list[Answer] = []
    for question in Question:
        if question is Question.APPLICATIONS:
            answered += applications(record, known)
        else:
            answered.append(answer(question.value.format(target=target), _criteria_of(question, known), known))
    undone = Question.UNDONE.value  # asked only where something was to be undone
    return [*(given for given in answered if given.outcome or given.question != undone), tests_passing(record, known)]


def answer(question: str, ids: Iterable[str], known: Mapping[str, Outcome]) -> Answer:
    """Return the worst outcome of the criteria ``ids``, as far as this run has them."""
    criteria = {id: known[id] for id in ids if id in known}
    return Answer(question, worst(criteria.values()) if criteria else None, criteria)


def applications(record: Record, known: Mapping[str, Outcome]) -> list[Answer]:
    """Return an answer for each application, under the question that the plan gives it.

    The test command of the workspace has a question of its own.
    """
    asked = {id: question for id, question in _asked(record, known).items() if question != TESTS_PASSING}
    if not asked:  # clean logs are no proof that one works when none was run
        return [Answer(Question.APPLICATIONS.value, None, {})]
    questions: defaultdict[str, list[str]] = defaultdict(list)
    for criterion, question in asked.items():
        questions[question].append(criterion)
    return [answer(question, ids, known) for question, ids in questions.items()]


def tests_passing(record: Record, known: Mapping[str, Outcome]) -> Answer:
    """Return whether the test command of the workspace passed, if the plan names one.

    The stages of this tool are no tests of the workspace.
    """
    ids = [criterion for criterion, question in _asked(record, known).items() if question == TESTS_PASSING]
    if ids:
        return answer(TESTS_PASSING, ids, known)
    if record.already or not any(stage.runs_applications for stage in stages_of(record.mode)):
        return Answer(TESTS_PASSING, None, {})
    return Answer(TESTS_PASSING, Outcome.NOT_REQUIRED, {}, reason="the plan names no test command")


def _asked(record: Record, known: Mapping[str, Outcome]) -> dict[str, str]:
    """Return the question that each smoke test answers, by the id of its criterion."""
    return {**{id: id.removeprefix(SMOKE) for id in known if id.startswith(SMOKE)}, **record.asked}


def _criteria_of(question: Question, known: Iterable[str]) -> list[str]:
    by_id = {id: known_criterion(id) for id in known}
    return [id for id, criterion in by_id.items() if criterion is not None and criterion.question is question]
