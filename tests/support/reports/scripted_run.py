"""Run pipelines of every mode with scripted observations, without a database."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import sqlite_consolidate
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.run_log import UndoResult
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.engine.run.verdict import exit_code, verdict
from sqlite_consolidate.observation import Observation, Relation, at_most, equal, not_examined, not_required
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.report.records import RecordContext, build_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.run.criteria import Criterion
    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.report.evidence import Record

APPLICATION = "WMS CLI"
PLAN = f"""format = 1
name = "small"
target = "workspace.db"

[[source]]
name = "tasks"
file = "tasks.db"
  [[source.table]]
  name = "tasks"

[[smoke]]
name = "{APPLICATION}"
python = "pass"
"""


@dataclass(frozen=True)
class Script:
    """Hold what happens in a run.

    Attributes:
        observations: Observations by criterion; all other checks observe one row as expected.
        broken: Id of a stage that cannot be performed.
        unchecked: A criterion whose check is not called.
        interrupted: Exit code of the signal that ended the run.
        already: True if there is nothing to do.
    """

    observations: Mapping[str, Sequence[Observation]] = field(default_factory=dict)
    broken: str = ""
    unchecked: str = ""
    interrupted: ExitCode | None = None
    already: bool = False


class ScriptedRun(Pipeline):
    """Run a script."""

    def __init__(self, request: RunRequest, script: Script) -> None:
        super().__init__(request)
        self.script = script
        self.log.already_consolidated = script.already

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return actions that do nothing. That of the broken stage raises."""
        return {stage: partial(self._perform, stage) for stage in stages_of(self.log.mode)}

    @property
    def has_acted(self) -> bool:
        """Return whether the second stage has begun."""
        return len(self.log.stages) > 1

    @property
    def checks(self) -> dict[str, Check]:
        """Return no check, because the script has the observations."""
        return {}

    def observations_of(self, criterion: Criterion) -> Sequence[Observation]:
        """Return the observations of the script."""
        return self.script.observations.get(criterion.id, [_as_expected(criterion)])

    def roll_back_unless_accepted(self) -> UndoResult | None:
        """Return the result of a rollback if the run had acted and was not accepted."""
        if not self.has_acted or verdict(self.log) == "accepted":
            return None
        return UndoResult("Everything was rolled back.")

    def go(self) -> None:
        """Perform stages and check criteria as far as they pass."""
        with suppress(ProblemError):
            for stage in stages_of(self.log.mode):
                self.perform(stage)
                for criterion in self.log.demanded(stage):
                    if criterion != self.script.unchecked:
                        self.check(criterion)

    def _perform(self, stage: Stage) -> None:
        if stage.id == self.script.broken:
            raise ProblemError(Problem("space", stage.id, "found no room.", "Free some."))


def _as_expected(criterion: Criterion) -> Observation:
    bounded = criterion.relations == (Relation.AT_MOST,)
    return at_most("tasks", 1, 1, "row") if bounded else equal("tasks", "1 row", "1 row")


def ended(folder: Path, mode: Mode, script: Script | None = None) -> ScriptedRun:
    """Run a script to its end, with a plan that has one application."""
    file = folder / "consolidation.toml"
    file.write_text(PLAN, "utf-8")
    settings = Settings(workspace=folder, plan=file, reports=folder / "reports")
    request = RunRequest(mode, settings, plan=load(file), plan_sha256=sha256(file), plan_text=file.read_bytes())
    run = ScriptedRun(request, script or Script())
    if not run.log.already_consolidated:
        run.go()
    run.log.interrupted = run.script.interrupted
    run.end()
    run.log.finish(datetime.now(UTC))
    return run


def record_of_run(run: ScriptedRun) -> Record:
    """Return the record of a run that has ended."""
    around = RecordContext({"sqlite-consolidate": sqlite_consolidate.__version__})
    return build_record(run, around, exit_code=exit_code(run.log, has_acted=run.has_acted))


def scripts(mode: Mode) -> dict[str, Script]:
    """Return a script for each way in which a run of a mode can end."""
    stages = stages_of(mode)
    criteria = [criterion for stage in stages for criterion in criteria_in(stage, [APPLICATION])]
    first, last = criteria[0], criteria[-1]
    in_part = [Observation("a", "1 row", "1 row", holds=True), Observation("b", "1 row", "2 rows", holds=False)]
    return {
        "accepted": Script(),
        "not required": Script({last: [not_required("plan", "the plan asks for none")]}),
        "failed": Script({last: [Observation("tasks", "2 rows", "1 row", holds=False, todo="Look at it.")]}),
        "failed in part": Script({first: in_part}),
        "not examined": Script({last: [not_examined("tasks", "SQLite reports: disk I/O error.")]}),
        "looked at nothing": Script({first: []}),
        "unchecked": Script(unchecked=last),
        "broken": Script(broken=stages[-1].id),
        "interrupted": Script(broken=stages[-1].id, interrupted=ExitCode.HUNG_UP),
        "interrupted at the end": Script(interrupted=ExitCode.INTERRUPTED),
        "already": Script(already=True),
    }
