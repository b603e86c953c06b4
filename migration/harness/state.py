"""The state of one run, as the harness knows it: exit code and verdict come from here, not from pytest's counts."""

from __future__ import annotations

import getpass
import platform
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from migration.audit.criteria import CAN_FAIL, STAGES, Mode, criteria_of
from migration.audit.evidence import Attempt, DatabaseRecord, Evidence, Record, StageRecord, Verdict
from migration.audit.limits import limits as stated_limits
from migration.audit.past_runs import workspace_id
from migration.engine.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from migration.audit.evidence import MoveRecord, Place, SchemaDifference, SmokeRecord, TableContent
    from migration.audit.told import Told
    from migration.plan.model import Plan
    from migration.plan.problem import Problem


@dataclass(frozen=True)
class Settings:
    """What the options and the configuration say, resolved to absolute paths.

    Attributes:
        workspace: Folder that holds target, sources and code.
        plan: The plan file.
        reports: Folder that gets one folder a run.
        discard_changes: Rollback may discard what was changed in the target since.
        originals: Folder with the original databases of a consolidation that somebody else made, or None.
        show_values: The report may hold values of rows, such as colliding keys.
        withhold_output: What applications print, and what logs say, stays in the terminal: it may hold values of rows.
        bundle: The bundle of an earlier run that is to be checked, or None; workspace and plan do not matter then.
        sample: True when no workspace was named and the bundled sample stands in.
    """

    workspace: Path
    plan: Path
    reports: Path
    discard_changes: bool = False
    sample: bool = False
    originals: Path | None = None
    bundle: Path | None = None
    show_values: bool = False
    withhold_output: bool = False


@dataclass
class RunState:
    """Everything that one run has shown so far.

    Attributes:
        verb: What was asked for: ``migrate``, ``verify``, ``rollback``, ``inventory`` or ``selftest``.
        mode: What that means here: a ``verify`` is a ``rehearsal`` before and a ``check`` after a migration.
        started: UTC; the stamp of the run's names derives from it, nothing reads the clock a second time for that.
        plan_text: The bytes of the plan file as they were when the run began.
        heard: What applications and logs said where something does not hold; for the terminal, if it is withheld.
        told: What a bundle that is checked tells of its run.
        moves: Each table that was copied.
        plan: The loaded plan, or None while (or because) it could not be loaded.
        plan_problems: Why the plan could not be loaded.
        errors: What kept a stage from being done or judged, where no evidence says it; the first among the findings.
        act_failed: The stage that failed could not even be performed; its criteria are not run.
        touched: True from the moment on from which there may be something to put back.
        committed: True once COMMIT returned and the history row was read through a new connection.
        failed: Id of the first stage that failed, or empty.
        ended: Exit code that an interruption asks for (2, 129, 143), or None.
        space: What the run will write, and what is free, in words.
        unanswerable: Criteria that cannot be answered in this mode, and why; they are not demanded, and said.
        attempts: Earlier runs on this workspace, oldest first, as they were found before this one did anything.
        extra: Further keys of ``evidence.json``: the inventory.
        limits: What ends a long statement of this run, and how far its reading has come.
        resources: What is given back when pytest ends: the run's lock, the scratch folder of a rehearsal.
    """

    verb: str
    mode: Mode
    settings: Settings
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    plan: Plan | None = None
    plan_problems: tuple[Problem, ...] = ()
    plan_sha256: str = ""
    plan_text: bytes = b""
    told: Told | None = None
    versions: dict[str, str] = field(default_factory=dict)
    stages: dict[str, StageRecord] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    sources: list[DatabaseRecord] = field(default_factory=list)
    target: DatabaseRecord | None = None
    committed: bool = False
    already: bool = False
    touched: bool = False
    act_failed: bool = False
    failed: str = ""
    ended: int | None = None
    finished: str = ""
    exit_code: int = 0
    put_back: str = ""
    put_back_failed: bool = False
    backup_set: str = ""
    archive: dict[str, str] = field(default_factory=dict)
    rollback: dict[str, str] = field(default_factory=dict)
    unanswerable: dict[str, str] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    diff: str = ""
    moves: list[MoveRecord] = field(default_factory=list)
    planned: list[MoveRecord] = field(default_factory=list)
    differences: list[SchemaDifference] = field(default_factory=list)
    smoke: list[SmokeRecord] = field(default_factory=list)
    space: str = ""
    sql: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    resources: ExitStack = field(default_factory=ExitStack)

    @property
    def stamp(self) -> str:
        """The run's UTC time as names carry it: ``YYYYMMDD_HHMMSS``."""
        return self.started.strftime("%Y%m%d_%H%M%S")

    @property
    def run_id(self) -> str:
        """``<UTC stamp>-<mode>``; also the name of the run's folder under reports."""
        return f"{self.stamp}-{self.mode}"

    @property
    def folder(self) -> Path:
        """Where this run's report and evidence go."""
        return self.settings.reports / self.run_id

    def demanded(self) -> list[str]:
        """Ids of the criteria that must be shown for acceptance in this mode, smoke tests of the plan included."""
        ids = [one for stage in STAGES if self.mode in stage.modes for one in criteria_of(stage.id)]
        smoke = [f"smoke:{test.name}" for test in self.plan.smoke] if self.plan else []
        if self.mode == "selftest":
            smoke = [CAN_FAIL + one for one in smoke]
        wanted = ids + ([] if self.mode == "rollback" else smoke)
        return [one for one in wanted if one not in self.unanswerable]

    def read_at(self, place: Place, file: str, tables: dict[str, TableContent]) -> None:
        """Keep what the tables of a database of the run were found to hold at one more place."""

        def known(one: DatabaseRecord) -> DatabaseRecord:
            return replace(one, contents={**one.contents, place: tables}) if one.file == file else one

        self.sources = [known(one) for one in self.sources]
        self.target = known(self.target) if self.target else None

    def not_shown(self) -> tuple[str, ...]:
        """Demanded criteria for which there is no evidence."""
        shown = {one.criterion for one in self.evidence}
        return tuple(criterion for criterion in self.demanded() if criterion not in shown)

    def verdict(self) -> Verdict:
        """``accepted`` only when every demanded criterion was shown, holds everywhere, and the data is committed."""
        if self.already and not self.failed:
            return "accepted"
        if self.failed or not all(one.holds for one in self.evidence):
            return "refused"
        needs_commit = self.mode in ("migrate", "rehearsal")
        if self.not_shown() or self.ended is not None or (needs_commit and not self.committed):
            return "not shown"
        return "accepted"

    def headline(self) -> str:
        """The verdict in one sentence for people."""
        if not self.finished:
            return "Unfinished: the run had not ended when this was written."
        if self.put_back_failed:
            return f"NOT PUT BACK: {self.put_back}"
        verdict = self.verdict()
        if verdict == "accepted":
            told = self.told.about if self.told else None
            return _ACCEPTED["already" if self.already else self.mode] + (
                f" It tells of run {told.run}: {told.headline}" if told else ""
            )
        if self.ended is not None:
            return f"Interrupted. {self._whether_put_back()}"
        what = "Refused" if verdict == "refused" else "Not shown"
        if self.mode == "bundle":
            return f"{what}. The bundle is not as a run leaves it: do not rely on it."
        return f"{what}. {self._whether_put_back()}"

    def _whether_put_back(self) -> str:
        """In a few words; what was restored is a sentence of its own."""
        whether, listed, _ = self.put_back.partition(": ")
        return f"{whether}." if listed else self.put_back or "Nothing was changed."

    def record(self) -> Record:
        """Freeze what is known now into the form every report is drawn from."""
        plan, said = self.plan, self.settings
        works = said.bundle is None  # on a workspace, by a plan
        return Record(
            run=self.run_id,
            mode=self.mode,
            verdict=self.verdict() if self.finished else "not shown",
            headline=self.headline(),
            exit_code=self.exit_code,
            started=self.started.isoformat(timespec="seconds"),
            finished=self.finished,
            host=platform.node(),
            user=getpass.getuser(),
            versions=dict(self.versions),
            plan={"path": said.plan.name if works else "", "sha256": self.plan_sha256},
            change=plan.change.model_dump() if plan else {},
            workspace=said.workspace.name if works else "",
            workspace_id=workspace_id(said.workspace) if works else "",
            sources=tuple(self.sources),
            target=self.target,
            stages=tuple(self.stages[stage.id] for stage in STAGES if stage.id in self.stages),
            criteria=tuple(self.evidence),
            not_shown=() if self.already else (*self.not_shown(), *self.unanswerable),
            findings=(*self.errors, *self.findings),
            backup_set=self.backup_set,
            archive=dict(self.archive),
            rollback=dict(self.rollback),
            put_back=self.put_back,
            already=self.already,
            unanswerable=dict(self.unanswerable),
            attempts=self.attempts,
            diff=self.diff,
            sql=tuple(self.sql),
            moves=tuple(self.moves),
            planned=tuple(self.planned),
            differences=tuple(self.differences),
            smoke=tuple(self.smoke),
            asked={f"smoke:{test.name}": test.answers or test.name for test in plan.smoke} if plan else {},
            limits=stated_limits(plan) if plan else (),
            extra=dict(self.extra),
        )


STATE = pytest.StashKey[RunState]()

_ACCEPTED = {
    "migrate": "Accepted: consolidated, every criterion shown.",
    "rehearsal": "Rehearsal passed: every criterion shown on copies, and put back; the workspace was not touched.",
    "check": "Still right: every criterion shown, nothing was written.",
    "originals": "Right by its originals: every criterion that can be answered is shown; nothing was written.",
    "bundle": "The bundle is whole and agrees with itself.",
    "inventory": "Inventory taken: nothing but the plan was written.",
    "rollback": "Put back: everything is as it was before the migration.",
    "selftest": "Every fault that was planted into a run on a copy was noticed; the workspace was not touched.",
    "already": "Already consolidated: nothing was to be done.",
}
