"""Keep what the stages and criteria of one run came to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from sqlite_consolidate.engine.run.stages import Stage, stages_of
from sqlite_consolidate.findings import Finding, merge_findings
from sqlite_consolidate.observation import Observation, Outcome, Relation, not_examined
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlite_consolidate.engine.run.exit_codes import ExitCode
    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.row_differences import RowDifferences

StageOutcome = Literal["passed", "failed", "not run", "running"]


@dataclass(frozen=True)
class Evidence:
    """What one criterion saw on one subject.

    Attributes:
        criterion: Id of the criterion, such as ``"rows-exact"`` or ``"smoke:WMS CLI"``.
        subject: File, ``file:table``, or command; empty where it is about the criterion as a whole.
        expected: What had to be seen.
        observed: What was seen; where nobody looked, why.
        outcome: Passed, failed, not examined or not required.
        examined: Number of subjects that it stands for.
        todo: When it does not hold: what to do next.
        rows: Which rows differ, where rows were compared and did; without values unless they were asked for.
        relation: How expected and observed relate where it holds; None in evidence that was written without it.
        limit: What the number was compared with, where the relation is one of numbers.
        number: The number that was observed there.
        repeats: It was not examined for a reason that a failed entry of the same run states in full.
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

    @property
    def holds(self) -> bool:
        """Whether it lets the run go on."""
        return self.outcome.holds

    @property
    def rows_text(self) -> str:
        """Which rows differ, in one line of bounded length; empty where none are known."""
        return self.rows.text if self.rows else ""


NO_TABLE_MOVED = "No table is moved."
"""What the headline of a consolidation adds whose plan moves none."""


@dataclass(frozen=True)
class CheckResult:
    """What one check came to.

    Attributes:
        criterion: Id of the criterion.
        evidence: One entry for each subject; at least one.
    """

    criterion: str
    evidence: tuple[Evidence, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of its evidence; passed if anything was looked at and all of it holds."""
        return worst(entry.outcome for entry in self.evidence)

    @property
    def examined(self) -> int:
        """Number of subjects that the check looked at."""
        return sum(entry.examined for entry in self.evidence)

    @property
    def text(self) -> str:
        """One line for each subject that does not hold; empty when all do."""
        return printable(
            "\n".join(
                f"{self.criterion} {entry.subject}: expected {entry.expected}, observed {entry.observed}. "
                f"{entry.rows_text} {entry.todo}".rstrip()
                for entry in self.evidence
                if not entry.holds
            )
        )


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return failed, not examined, passed or not required: the first of these that occurs."""
    known = set(outcomes)
    order = (Outcome.FAILED, Outcome.NOT_EXAMINED, Outcome.PASSED)
    return next((outcome for outcome in order if outcome in known), Outcome.NOT_REQUIRED)


@dataclass(frozen=True)
class StageRecord:
    """One stage of a run: its outcome, and measured against estimated seconds.

    Attributes:
        id: Such as ``"40-transfer"``.
        outcome: ``passed``, ``failed``, ``not run`` or ``running`` (interrupted there).
        reason: Why it was not run, else empty.
        seconds: Measured, 0 when not run.
        estimate: Seconds from the plan, or None.
    """

    id: str
    outcome: StageOutcome
    seconds: float = 0.0
    estimate: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class UndoResult:
    """What became of the changes of a run that was not accepted.

    Attributes:
        text: It in a sentence or two; what was done for it are findings.
        complete: Everything is as it was before.
    """

    text: str
    complete: bool = True


@dataclass
class RunLog:
    """What one run has shown so far; entries are added, and none is changed.

    Attributes:
        mode: The kind of the run.
        criteria: Stage id to the ids of the criteria that it demands; those of ``unanswerable`` are among them.
        disclosure: What may be kept of values and outputs.
        estimates: Stage id to the seconds that the plan expects of it.
        unanswerable: Criteria that cannot be answered here, and why; they are not demanded.
        results: Criterion id to what its check came to.
        stages: Stage id to its record, in the order in which they were performed.
        errors: Why a stage could not be performed or judged, where no evidence says it.
        program_output: What applications and logs printed where something does not hold; for the terminal.
        performed: Ids of the stages that were performed, so that their criteria can be checked.
        extra: Further keys of ``evidence.json``: the inventory.
        headline_suffix: Second sentence of an accepted run, such as that no table is moved.
        already_consolidated: The workspace was consolidated before, and there is nothing to do.
        interrupted: Exit code of the signal that ended the run, or None.
        rolled_back: What became of the changes of the run, once that is known.
        finished: UTC, ISO 8601; empty while the run goes on.
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
    _began: dict[str, float] = field(default_factory=dict)
    _noted: list[Finding] = field(default_factory=list)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know that is no failure; those that say the same are joined, attention first."""
        return merge_findings(self._noted)

    def note(self, *findings: Finding) -> None:
        """Keep what a reader should know that is no failure."""
        self._noted += findings

    def require_ready(self, stage: Stage) -> None:
        """Refuse a stage unless every stage before it was performed and every criterion of theirs holds.

        Raises:
            ProblemError: It is not due (``out-of-order``), or a criterion does not hold or was not checked
                (``not-verified``).
        """
        stages = stages_of(self.mode)
        if stage not in stages or stage.id in self.stages:
            due = next((one.id for one in stages if one.id not in self.stages), "none: the run is at its end")
            raise ProblemError(
                Problem(
                    "out-of-order",
                    stage.id,
                    f"cannot be performed now: the next stage is {due}.",
                    "Perform the stages in order, each once.",
                )
            )
        for earlier in stages[: stages.index(stage)]:
            if earlier.id not in self.stages:
                raise ProblemError(
                    Problem(
                        "out-of-order",
                        stage.id,
                        f"cannot be performed now: the next stage is {earlier.id}.",
                        "Perform the stages in order, each once.",
                    )
                )
            open_criteria = self.unverified(earlier)
            if open_criteria or self.stages[earlier.id].outcome == "failed" or earlier.id not in self.performed:
                what = ", ".join(open_criteria) or earlier.id
                raise ProblemError(
                    Problem(
                        "not-verified",
                        stage.id,
                        f"cannot be performed: {what} of {earlier.id} did not pass, or was not checked. "
                        "Nothing more was done.",
                        "Check every criterion of a stage before the next one is performed.",
                    )
                )

    def begin(self, stage: Stage) -> None:
        """Note that a stage is being performed from now on."""
        self._began[stage.id] = time.monotonic()
        self.stages[stage.id] = StageRecord(stage.id, "running", estimate=self.estimates.get(stage.id))

    def end_performing(self, stage: Stage) -> None:
        """Note that a stage was performed; it has passed when all its criteria hold."""
        self.performed.append(stage.id)
        self._update(stage.id)

    def fail(self, stage: Stage, error: str) -> None:
        """Note that a stage failed for a reason that no evidence of it states."""
        self.errors.append(printable(f"{stage.id}: {error}"))
        if stage.id not in self.stages:
            self.begin(stage)
        self.stages[stage.id] = replace(self._timed(stage.id), outcome="failed")

    def add(self, stage: Stage, criterion: str, observations: Sequence[Observation]) -> CheckResult:
        """Keep what a check saw as the evidence of its criterion, and return it.

        A check that saw nothing has examined nothing.
        """
        kept = tuple(observations) or (not_examined("", "the check looked at nothing"),)
        self.program_output += [
            f"{criterion}: {one.subject}: {one.program_output}" for one in kept if one.program_output and not one.holds
        ]
        result = CheckResult(criterion, tuple(self._evidence(criterion, one) for one in kept))
        self.results[criterion] = result
        self._update(stage.id)
        return result

    def outcome(self, criterion: str) -> Outcome:
        """Return what a criterion came to; not examined before its check."""
        result = self.results.get(criterion)
        return result.outcome if result else Outcome.NOT_EXAMINED

    def demanded(self, stage: Stage) -> list[str]:
        """Return the ids of the criteria of a stage that must hold for acceptance."""
        return [id for id in self.criteria.get(stage.id, ()) if id not in self.unanswerable]

    def unverified(self, stage: Stage) -> list[str]:
        """Return the demanded criteria of a stage that do not hold, or were not checked yet."""
        return [id for id in self.demanded(stage) if not self.outcome(id).holds]

    def failed_stage(self) -> str:
        """Return the id of the first stage that failed, or empty."""
        return next((record.id for record in self.stages.values() if record.outcome == "failed"), "")

    def all_stages(self) -> tuple[StageRecord, ...]:
        """Return a record for each stage of the mode; one that was not performed says why."""
        return tuple(
            self.stages.get(stage.id)
            or StageRecord(stage.id, "not run", reason=self.not_run_reason(), estimate=self.estimates.get(stage.id))
            for stage in stages_of(self.mode)
        )

    def not_run_reason(self) -> str:
        """Return why stages that were not performed were not."""
        if self.already_consolidated:
            return "already consolidated"
        failed = self.failed_stage()
        return f"{failed} failed" if failed else "the run ended before"

    def evidence(self) -> tuple[Evidence, ...]:
        """Return all evidence in the order of the stages; a criterion without a check says why it has none."""
        found: list[Evidence] = []
        for stage in stages_of(self.mode):
            for criterion in self.criteria.get(stage.id, ()):
                if criterion in self.results:
                    found += self.results[criterion].evidence
                elif not self.already_consolidated:
                    reason = self.unanswerable.get(criterion) or f"not run: {self.not_run_reason()}"
                    found.append(_as_evidence(criterion, not_examined("", reason)))
        return tuple(found)

    def finish(self, moment: datetime) -> None:
        """Note that the run has ended."""
        self.finished = self.finished or moment.isoformat(timespec="seconds")

    def _evidence(self, criterion: str, seen: Observation) -> Evidence:
        observed = seen.observed
        if seen.values and self.disclosure.show_values:
            observed = f"{observed} {seen.values}".rstrip()
        if seen.program_output:
            observed += " (withheld)" if self.disclosure.withhold_output else f": {seen.program_output}"
        rows = self.disclosure.of_rows(seen.rows)
        return _as_evidence(criterion, replace(seen, observed=observed, rows=rows))

    def _timed(self, stage: str) -> StageRecord:
        return replace(self.stages[stage], seconds=time.monotonic() - self._began[stage])

    def _update(self, stage: str) -> None:
        """Bring the record of a stage to what its criteria came to so far."""
        record = self._timed(stage)
        outcomes = [self.outcome(id) for id in self.criteria.get(stage, ()) if id not in self.unanswerable]
        checked = [self.results[id].outcome for id in self.criteria.get(stage, ()) if id in self.results]
        if record.outcome == "failed" or not all(outcome.holds for outcome in checked):
            record = replace(record, outcome="failed")
        elif all(outcome.holds for outcome in outcomes):
            record = replace(record, outcome="passed")
        self.stages[stage] = record


def _as_evidence(criterion: str, seen: Observation) -> Evidence:
    return Evidence(
        criterion=criterion,
        subject=seen.subject,
        expected=seen.expected,
        observed=seen.observed,
        outcome=seen.outcome,
        examined=seen.examined,
        todo=seen.todo,
        rows=seen.rows,
        relation=seen.relation,
        limit=seen.limit,
        number=seen.number,
        repeats=seen.repeats,
    )
