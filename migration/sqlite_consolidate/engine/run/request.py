"""Hold the request of a run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.plan.parts.masked_plan import hidden_values
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import Disclosure

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.plan.model import Plan

DEFAULT_PLAN = "consolidation.toml"
"""Name of the plan file in a workspace, unless the operator names another one."""

PYTEST = ("pytest", "-m")
CONSOLE = ("sqlite-consolidate",)
SQLITE_UTILS = ("sqlite-utils", "consolidate")
PROGRAMS = (PYTEST, CONSOLE, SQLITE_UTILS)
"""Words of a shell command before the verb. Each of them starts the same run."""


def call(program: tuple[str, ...], verb: str) -> str:
    """Return the command by which an operator of one of the programs starts a verb."""
    return shlex.join([*program, verb])


@dataclass(frozen=True)
class Settings:
    """Hold the options and the configuration, with absolute paths.

    Attributes:
        workspace: Folder with target, sources and code.
        plan: The plan file.
        reports: Folder that gets one folder per run.
        discard_changes: Whether a rollback may discard later changes of the target.
        target: Database that an inventory proposes as the target, relative to the workspace, or None for its choice.
        originals: Folder with the original databases of a consolidation that another tool made, or None.
        show_values: Whether the report may contain values of rows, such as colliding keys.
        withhold_output: Whether the output of applications and logs is shown on the terminal only, because it may
            contain values of rows.
        bundle: Bundle of an earlier run that is to be checked, or None. Workspace and plan are not used then.
        sample: Whether the operator named no workspace, so that the bundled sample is used.
        copy_of: Workspace from which this one was copied, in a trial of the self-test. No option sets it.
        keep: Number of newest runs of the workspace whose reports stay, or None for all.
        sign: SSH key that signs the manifest of the run's bundle, or None.
        allowed_signers: File of the signers of whom one must have signed a bundle that is checked, or the plan of a
            migration, or None.
        program: Words before the verb by which the operator started the run, one of :data:`PROGRAMS`.
        names_reports: Whether an option of the command line names ``reports``.
        only_checks: Whether a verify is refused where it would be a rehearsal.
    """

    workspace: Path
    plan: Path
    reports: Path
    discard_changes: bool = False
    sample: bool = False
    target: str | None = None
    originals: Path | None = None
    bundle: Path | None = None
    show_values: bool = False
    withhold_output: bool = False
    copy_of: Path | None = None
    keep: int | None = None
    sign: Path | None = None
    allowed_signers: Path | None = None
    program: tuple[str, ...] = PYTEST
    names_reports: bool = False
    only_checks: bool = False

    @property
    def evidence_workspace(self) -> Path:
        """Return the workspace that the evidence names.

        For a copy it is the workspace from which it was copied.
        """
        return self.copy_of or self.workspace


@dataclass(frozen=True)
class Approval:
    """Hold whether an allowed signer approved the plan.

    Attributes:
        observation: What the check of the signature observed.
        signature: The detached signature of the plan. It is empty if it is not accepted.
    """

    observation: Observation
    signature: bytes = b""


@dataclass(frozen=True)
class RunRequest:
    """Hold the request of one run, which does not change during the run.

    Attributes:
        mode: Meaning of the verb for this workspace. A ``verify`` is a rehearsal before a migration, and a check after
            it.
        settings: Options and configuration.
        plan: The loaded plan, or None if it has mistakes or is not needed.
        plan_problems: Why the plan could not be loaded.
        plan_sha256: Digest of the plan file. It is empty without a loaded plan.
        plan_text: Bytes of the plan file.
        approval: The approval of the plan, or None if none is demanded.
        started: UTC time from which the names of the run are derived.
        seconds_later: Seconds that the names are later than ``started``, because an earlier run has the same names.
    """

    mode: Mode
    settings: Settings
    plan: Plan | None = None
    plan_problems: tuple[Problem, ...] = ()
    plan_sha256: str = ""
    plan_text: bytes = b""
    approval: Approval | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds_later: int = 0

    @property
    def valid_plan(self) -> Plan:
        """Return the plan.

        Raises:
            ProblemError: The plan has mistakes, or none was loaded.
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
    def lacks_plan(self) -> bool:
        """Return whether the workspace has no plan file, which an inventory proposes."""
        return not self.plan_text and any(problem.id == "no-plan-file" for problem in self.plan_problems)

    @property
    def stamp(self) -> str:
        """Return the UTC time of the run as names contain it, ``YYYYMMDD_HHMMSS``."""
        return (self.started + timedelta(seconds=self.seconds_later)).strftime("%Y%m%d_%H%M%S")

    @property
    def run_id(self) -> str:
        """Return ``<UTC stamp>-<mode>``.

        It is also the name of the run's folder under reports.
        """
        return f"{self.stamp}-{self.mode}"

    @property
    def folder(self) -> Path:
        """Return the folder of this run's report and evidence."""
        return self.settings.reports / self.run_id

    def command(self, verb: str) -> str:
        """Return the shell command that runs ``verb`` as the operator started this run.

        A migration that demands an approval demands it again. A check by originals and an inventory name theirs again.
        """
        options = [f"--reports={self.settings.reports}"] if self.settings.names_reports else []
        if self.mode is Mode.ORIGINALS and verb == self.mode.verb:
            options.append(f"--originals={self.settings.originals}")
        if self.settings.target is not None and verb == Mode.INVENTORY.verb:
            options.append(f"--target={self.settings.target}")
        return shlex.join([*shlex.split(self.recorded_command(verb)), *options])

    def recorded_command(self, verb: str) -> str:
        """Return the shell command that runs ``verb`` with this program, workspace and plan.

        The instructions in a backup set name no other folder of the machine, because they outlive the reports.
        """
        words = [*self.settings.program, verb]
        if not self.settings.sample:
            words.append(f"--workspace={self.settings.workspace}")
        if self.settings.plan != self.settings.workspace / DEFAULT_PLAN:
            words.append(f"--plan={self.settings.plan}")
        if verb == Mode.MIGRATE.verb and self.settings.allowed_signers is not None:
            words.append(f"--allowed-signers={self.settings.allowed_signers}")
        return shlex.join(words)

    @property
    def disclosure(self) -> Disclosure:
        """Return what reports may show of rows and outputs."""
        return Disclosure(self.settings.show_values, self.settings.withhold_output, hidden_values(self.plan_text))

    @property
    def estimates(self) -> dict[str, float | None]:
        """Return the seconds that the plan expects of each stage, by stage id."""
        return estimates_of(self.plan) if self.plan else {}


def estimates_of(plan: Plan) -> dict[str, float | None]:
    """Return the seconds that a plan expects of each stage that can be estimated."""
    stated = plan.estimates
    return {
        stages.BACKUP.id: stated.backup or None,
        stages.SCHEMA.id: stated.schema_ or None,
        stages.TRANSFER.id: sum(source.estimate or 0.0 for source in plan.sources) or None,
        stages.REFERENCES.id: stated.references or None,
        stages.SMOKE.id: stated.smoke or None,
        stages.ARCHIVE.id: stated.archive or None,
    }
