"""Keep the results of the stages and criteria of one run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from sqlite_consolidate.engine.run.long_sequences import Appended, Spool, remade
from sqlite_consolidate.engine.run.measurement import Measurement
from sqlite_consolidate.engine.run.stages import Stage, stages_of
from sqlite_consolidate.findings import Finding, merge_findings
from sqlite_consolidate.observation import Observation, Outcome, Relation, not_examined, says_all
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlite_consolidate.engine.run.exit_codes import ExitCode
    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.row_differences import RowDifferences

StageOutcome = Literal["passed", "failed", "not run", "running"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold what one criterion observed of one subject.

    Attributes:
        criterion: Id of the criterion, such as ``"rows-exact"`` or ``"smoke:WMS CLI"``.
        subject: File, ``file:table``, or command. It is empty if the entry is about the criterion as a whole.
        expected: The expected state.
        observed: The observed state, or the reason why the subject was not examined.
        outcome: Passed, failed, not examined or not required.
        examined: Number of subjects that the entry covers.
        todo: If it does not hold, the next step for the operator.
        rows: Rows that differ, if rows were compared. It has no values unless the operator asked for them.
        relation: Relation of observed to expected if it holds. It is None in evidence that was written without it.
        limit: Limit of the number, if the relation is one of numbers.
        number: The observed number, if the relation is one of numbers.
        repeats: Whether another failed entry of the run states the same reason in full.
    """

    criterion: str
    subject: str
    expected: str
    observed: str
    outcome: Outcome
    examined: int = 1
    todo: str = ""
    rows: RowDifferences | None = None
    relation: Relation | None = None
    limit: int | None = None
    number: int | None = None
    repeats: bool = False

    def __reduce__(self) -> tuple[type[Evidence], tuple[Any, ...]]:
        """Return what pickle needs, in less time than it takes without this method."""
        return Evidence, tuple(getattr(self, name) for name in self.__slots__)

    @property
    def holds(self) -> bool:
        """Return whether the run may continue."""
        return self.outcome.holds

    @property
    def difference(self) -> str:
        """Return the expected and the observed state, or only the observed one if it says all."""
        return self.observed if says_all(self.expected) else f"expected {self.expected}, observed {self.observed}"

    @property
    def rows_text(self) -> str:
        """Return the rows that differ in one line of bounded length.

        The text is empty if no such rows are known.
        """
        return self.rows.text if self.rows else ""


NO_TABLE_MOVED = "No table is moved."
"""Second sentence of the headline if the plan of a consolidation moves no table."""
ENDED_EARLY = "the run ended before"  # reason why a stage was not performed


@dataclass(frozen=True)
class CheckResult:
    """Hold the result of one check.

    Attributes:
        criterion: Id of the criterion.
        evidence: One entry for each subject, at least one.
    """

    criterion: str
    evidence: Sequence[Evidence]

    @cached_property
    def outcome(self) -> Outcome:
        """Return the worst outcome of the evidence.

        The check passed if at least one subject was examined and all of its evidence holds.
        """
        return worst(entry.outcome for entry in self.evidence)

    @property
    def examined(self) -> int:
        """Return the number of subjects that the check examined."""
        return sum(entry.examined for entry in self.evidence)

    @property
    def text(self) -> str:
        """Return one line for each subject that does not hold, or an empty text."""
        return printable(
            "\n".join(
                f"{self.criterion} {entry.subject}: {entry.difference.removesuffix('.')}. "
                f"{entry.rows_text} {entry.todo}".rstrip()
                for entry in self.evidence
                if not entry.holds
            )
        )


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the first of failed, not examined and passed that occurs in ``outcomes``.

    Return not required if none of them occurs.
    """
    known = set(outcomes)
    order = (Outcome.FAILED, Outcome.NOT_EXAMINED, Outcome.PASSED)
    return next((outcome for outcome in order if outcome in known), Outcome.NOT_REQUIRED)


@dataclass(frozen=True)
class StageRecord:
    """Hold the outcome of one stage, with its measured and its estimated seconds.

    Attributes:
        id: Such as ``"40-transfer"``.
        outcome: ``passed``, ``failed``, ``not run`` or ``running``. A stage of a finished run that is ``running`` was
            interrupted.
        reason: Why it was not run, or empty.
        seconds: Measured seconds, 0 if it was not run.
        estimate: Seconds from the plan, or None.
        read: Bytes that system calls have read in this stage, or None if unknown; ``written`` likewise.
    """

    id: str
    outcome: StageOutcome
    seconds: float = 0.0
    estimate: float | None = None
    reason: str = ""
    read: int | None = None
    written: int | None = None


@dataclass(frozen=True)
class UndoResult:
    """Hold the result of rolling back a run that was not accepted.

    Attributes:
        text: The result in one or two sentences. The single steps are findings.
        complete: Whether everything is as it was before.
    """

    text: str
    complete: bool = True


@dataclass
class RunLog:
    """Hold the results of one run so far.

    Results are added and never changed.

    Attributes:
        mode: Mode of the run.
        criteria: Ids of the criteria of each stage, by stage id. They include the ids in ``unanswerable``.
        disclosure: Which values and outputs may be kept.
        estimates: Seconds that the plan expects of each stage, by stage id.
        unanswerable: Reason why a criterion cannot be checked in this run, by criterion id. It is not demanded.
        results: Result of each check, by criterion id.
        stages: Record of each stage, by stage id, in the order in which they were performed.
        errors: Reasons why a stage could not be performed or judged that no evidence states.
        program_output: Output of applications and lines of logs that failed observations have, for the terminal.
        performed: Ids of the stages that were performed, so that their criteria can be checked.
        extra: Further keys of ``evidence.json``, such as the inventory.
        headline_suffix: Second sentence of the headline of an accepted run, such as that no table is moved.
        already_consolidated: Whether the workspace was consolidated before, so that the run does nothing.
        interrupted: Exit code of the signal that ended the run, or None.
        rolled_back: Result of the rollback, once it is known.
        finished: Time of the end in UTC, ISO 8601. It is empty during the run.
        noted: Each finding as it was noted, before those of the same text are merged.
        statements: The SQL statements of the transaction, with a comment before those of each table.
    """

    mode: Mode
    criteria: dict[str, tuple[str, ...]] = field(default_factory=dict)
    disclosure: Disclosure = field(default_factory=Disclosure)
    unanswerable: dict[str, str] = field(default_factory=dict)
    estimates: dict[str, float | None] = field(default_factory=dict)
    results: dict[str, CheckResult] = field(default_factory=dict)
    stages: dict[str, StageRecord] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    program_output: list[str] = field(default_factory=list)
    performed: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    headline_suffix: str = ""
    already_consolidated: bool = False
    interrupted: ExitCode | None = None
    rolled_back: UndoResult | None = None
    finished: str = ""
    noted: list[Finding] = field(default_factory=list)
    statements: Appended[str] = field(default_factory=Appended)
    _began: dict[str, Measurement] = field(default_factory=dict)
    _spool: Spool = field(default_factory=Spool)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the findings, one for each text, and those that ask for attention first."""
        return merge_findings(self.noted)

    def note(self, *findings: Finding) -> None:
        """Keep findings."""
        self.noted += map(self.disclosure.of_texts, findings)

    def require_ready(self, stage: Stage) -> None:
        """Raise unless every earlier stage was performed and all of its criteria hold.

        Raises:
            ProblemError: The stage is not the next one (``out-of-order``), or a criterion does not hold or was not
                checked (``not-verified``).
        """
        stages = stages_of(self.mode)
        due = next((stage.id for stage in stages if stage.id not in self.stages), "none: the run is at its end")
        text = f"cannot be performed now: the next stage is {due}."
        out_of_order = Problem("out-of-order", stage.id, text, "Perform the stages in order, each once.")
        if stage not in stages or stage.id in self.stages:
            raise ProblemError(out_of_order)
        for earlier in stages[: stages.index(stage)]:
            if earlier.id not in self.stages:
                raise ProblemError(out_of_order)
            unmet_criteria = self.unverified(earlier)
            if unmet_criteria or self.stages[earlier.id].outcome == "failed" or earlier.id not in self.performed:
                unmet = ", ".join(unmet_criteria) or earlier.id
                raise ProblemError(
                    Problem(
                        "not-verified",
                        stage.id,
                        f"cannot be performed: {unmet} of {earlier.id} did not pass, or was not checked. "
                        "Nothing more was done.",
                        "Check every criterion of a stage before the next one is performed.",
                    )
                )

    def begin(self, stage: Stage) -> None:
        """Note that a stage begins."""
        self._began[stage.id] = Measurement.now()
        self.stages[stage.id] = StageRecord(stage.id, "running", estimate=self.estimates.get(stage.id))

    def end_performing(self, stage: Stage) -> None:
        """Note that a stage was performed.

        The stage passes when all of its criteria hold.
        """
        self.performed.append(stage.id)
        self._update(stage.id)

    def fail(self, stage: Stage, error: str) -> None:
        """Note that a stage failed for a reason that its evidence does not state.

        Each line of the reason is a problem for itself.
        """
        self.errors += [printable(f"{stage.id}: {line}") for line in self.disclosure.of_text(error).split("\n") if line]
        if stage.id not in self.stages:
            self.begin(stage)
        self.stages[stage.id] = replace(self._timed(stage.id), outcome="failed")

    def add(self, stage: Stage, criterion: str, observations: Iterable[Observation]) -> CheckResult:
        """Keep the observations of a check as the evidence of its criterion, and return it.

        A check without observations has examined nothing. One that raises an error has no evidence. The observations
        are read once, because there may be one of each of very many files.
        """
        outputs: list[str] = []

        def entries() -> Iterator[Evidence]:
            for observation in map(self.disclosure.of_texts, observations):
                if observation.program_output and not observation.holds:
                    outputs.append(f"{criterion}: {observation.subject}: {observation.program_output}")
                yield self._evidence(criterion, observation)

        nothing = _as_evidence(criterion, not_examined("", "the check examined nothing"))
        self.results[criterion] = result = CheckResult(criterion, self._spool.keep(entries()) or (nothing,))
        self.program_output += outputs
        self._update(stage.id)
        return result

    def outcome(self, criterion: str) -> Outcome:
        """Return the outcome of a criterion.

        Before its check it is not examined.
        """
        result = self.results.get(criterion)
        return result.outcome if result else Outcome.NOT_EXAMINED

    def demanded(self, stage: Stage) -> list[str]:
        """Return the ids of the criteria of a stage that must hold for acceptance."""
        return [id for id in self.criteria.get(stage.id, ()) if id not in self.unanswerable]

    def unverified(self, stage: Stage) -> list[str]:
        """Return the demanded criteria of a stage that do not hold or were not checked."""
        return [id for id in self.demanded(stage) if not self.outcome(id).holds]

    def failed_stage(self) -> str:
        """Return the id of the first stage that failed, or an empty text."""
        return next((record.id for record in self.stages.values() if record.outcome == "failed"), "")

    def all_stages(self) -> tuple[StageRecord, ...]:
        """Return a record for each stage of the mode.

        The record of a stage that was not performed states the reason.
        """
        return tuple(
            self.stages.get(stage.id)
            or StageRecord(stage.id, "not run", reason=self.not_run_reason(), estimate=self.estimates.get(stage.id))
            for stage in stages_of(self.mode)
        )

    def not_run_reason(self) -> str:
        """Return why the remaining stages were not performed."""
        if self.already_consolidated:
            return "already consolidated"
        failed = self.failed_stage()
        return f"{failed} failed" if failed else ENDED_EARLY

    def evidence(self) -> Sequence[Evidence]:
        """Return all evidence in the order of the stages.

        A criterion that was not checked has an entry with the reason.
        """
        parts: list[Sequence[Evidence]] = []
        for stage in stages_of(self.mode):
            for criterion in self.criteria.get(stage.id, ()):
                if criterion in self.results:
                    parts.append(self.results[criterion].evidence)
                elif not self.already_consolidated:
                    reason = self.unanswerable.get(criterion) or f"not run: {self.not_run_reason()}"
                    parts.append((_as_evidence(criterion, not_examined("", reason, repeats=True)),))
        return remade(lambda: chain.from_iterable(parts), sum(map(len, parts)))

    def finish(self, moment: datetime) -> None:
        """Note that the run has ended."""
        self.finished = self.finished or moment.isoformat(timespec="seconds")

    def _evidence(self, criterion: str, observation: Observation) -> Evidence:
        observed = observation.observed
        if observation.values and self.disclosure.show_values:
            observed = f"{observed} {observation.values}".rstrip()
        if observation.program_output:
            observed += " (withheld)" if self.disclosure.withhold_output else f": {observation.program_output}"
        rows = self.disclosure.of_rows(observation.rows)
        return _as_evidence(criterion, replace(observation, observed=observed, rows=rows))

    def _timed(self, stage: str) -> StageRecord:
        return replace(self.stages[stage], **vars(Measurement.now().since(self._began[stage])))

    def _update(self, stage: str) -> None:
        """Update the record of a stage from the outcomes of its criteria so far."""
        record = self._timed(stage)
        outcomes = [self.outcome(id) for id in self.criteria.get(stage, ()) if id not in self.unanswerable]
        checked = [self.results[id].outcome for id in self.criteria.get(stage, ()) if id in self.results]
        if record.outcome == "failed" or not all(outcome.holds for outcome in checked):
            record = replace(record, outcome="failed")
        elif all(outcome.holds for outcome in outcomes):
            record = replace(record, outcome="passed")
        self.stages[stage] = record


def _as_evidence(criterion: str, observation: Observation) -> Evidence:
    return Evidence(
        criterion=criterion,
        subject=observation.subject,
        expected=observation.expected,
        observed=observation.observed,
        outcome=observation.outcome,
        examined=observation.examined,
        todo=observation.todo,
        rows=observation.rows,
        relation=observation.relation,
        limit=observation.limit,
        number=observation.number,
        repeats=observation.repeats,
    )
