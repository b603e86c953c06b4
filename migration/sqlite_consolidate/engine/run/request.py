"""State what a run was asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import Disclosure

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.plan.model import Plan

DEFAULT_PLAN = "consolidation.toml"
"""Name of the plan file in a workspace, where the operator names no other."""


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
        copy_of: The workspace that this one is a copy of, in a trial of the self-test; no option sets it.
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
    copy_of: Path | None = None

    @property
    def evidence_workspace(self) -> Path:
        """The workspace that evidence is about; that of a copy counts for the workspace it is a copy of."""
        return self.copy_of or self.workspace


@dataclass(frozen=True)
class RunRequest:
    """What one run was asked for; nothing of it changes while the run goes on.

    Attributes:
        mode: What the verb means for this workspace: a ``verify`` is a rehearsal before, and a check after a migration.
        settings: Where everything is.
        plan: The loaded plan, or None where it has mistakes or is not needed.
        plan_problems: Why the plan could not be loaded.
        plan_sha256: Digest of the plan file; empty without a loaded plan.
        plan_text: Bytes of the plan file.
        started: UTC; the names of the run derive from it.
        seconds_later: By how much the time in the names is later, because an earlier run has those of the same second.
    """

    mode: Mode
    settings: Settings
    plan: Plan | None = None
    plan_problems: tuple[Problem, ...] = ()
    plan_sha256: str = ""
    plan_text: bytes = b""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds_later: int = 0

    @property
    def valid_plan(self) -> Plan:
        """The plan.

        Raises:
            ProblemError: It has mistakes, or none was loaded.
        """
        if self.plan is None:
            raise ProblemError(
                Problem(
                    "no-plan-loaded",
                    self.settings.plan.name,
                    "the plan could not be loaded.",
                    "Correct it.",
                )
            )
        return self.plan

    @property
    def stamp(self) -> str:
        """The run's UTC time as names carry it: ``YYYYMMDD_HHMMSS``."""
        return (self.started + timedelta(seconds=self.seconds_later)).strftime("%Y%m%d_%H%M%S")

    @property
    def run_id(self) -> str:
        """``<UTC stamp>-<mode>``; also the name of the run's folder under reports."""
        return f"{self.stamp}-{self.mode}"

    @property
    def folder(self) -> Path:
        """Where this run's report and evidence go."""
        return self.settings.reports / self.run_id

    def command(self, verb: str) -> str:
        """Return the command that does ``verb`` with this run's workspace and plan, ready to be copied into a shell."""
        words = ["pytest", "-m", verb]
        if not self.settings.sample:
            words.append(f"--workspace={self.settings.workspace}")
        if self.settings.plan != self.settings.workspace / DEFAULT_PLAN:
            words.append(f"--plan={self.settings.plan}")
        return shlex.join(words)

    @property
    def disclosure(self) -> Disclosure:
        """What reports may hold of rows and outputs."""
        return Disclosure(self.settings.show_values, self.settings.withhold_output)

    @property
    def estimates(self) -> dict[str, float | None]:
        """Stage id to the seconds that the plan expects of it, None where it expects none."""
        return estimates_of(self.plan) if self.plan else {}


def estimates_of(plan: Plan) -> dict[str, float | None]:
    """Return the id of each stage that can be estimated to the seconds that a plan expects of it, None without any."""
    stated = plan.estimates
    return {
        stages.BACKUP.id: stated.backup or None,
        stages.SCHEMA.id: stated.schema_ or None,
        stages.TRANSFER.id: sum(source.estimate or 0.0 for source in plan.sources) or None,
        stages.REFERENCES.id: stated.references or None,
        stages.SMOKE.id: stated.smoke or None,
        stages.ARCHIVE.id: stated.archive or None,
    }
