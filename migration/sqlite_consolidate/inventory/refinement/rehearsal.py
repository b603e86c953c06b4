"""Rehearse a proposal on copies, up to the verification before COMMIT."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import EXPECTED_ERRORS, failure_message
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.results import Context
from sqlite_consolidate.engine.sqlite.integrity import count_orphans
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.plan.parts.programs import Scan
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.inventory.proposal import Proposal

STAGES = (stages.PREFLIGHT, stages.BACKUP, stages.SCHEMA, stages.TRANSFER, stages.VERIFY)


@dataclass(frozen=True)
class RehearsalResult:
    """Hold what the rehearsal of a proposal has shown.

    Attributes:
        failures: A line for each subject of a criterion that does not hold.
        orphaned_tables: Tables of the target, folded, with rows whose parents are missing.
        seconds: Time that the stages took; None if one failed.
    """

    failures: tuple[str, ...] = ()
    orphaned_tables: frozenset[str] = frozenset()
    seconds: float | None = None


def rehearse(root: Path, proposal: Proposal, on_progress: Callable[[str], None]) -> RehearsalResult:
    """Perform the stages before COMMIT on a private copy, and check their criteria.

    Dumps are not made. Code, applications and logs are left to the rehearsal of the operator.
    """
    with tempfile.TemporaryDirectory(prefix="consolidate-inventory-") as folder:
        file = Path(folder) / "proposal.toml"
        file.write_text(render_plan(proposal, "rehearsal"), "utf-8")
        plan = expand_by_files(load(file), root).model_copy(
            update={"scan": Scan(), "smoke": [], "references": [], "dump": False}
        )
        settings = Settings(workspace=root, plan=file, reports=Path(folder) / "reports")
        request = RunRequest(Mode.REHEARSAL, settings, plan, plan_sha256=sha256(file), plan_text=file.read_bytes())
        run = Run(request, Context(on_progress))
        try:
            for stage in STAGES:
                if failures := _failures(run, stage):
                    return RehearsalResult(failures, _orphaned_tables(run))
        finally:
            run.close()
        return RehearsalResult(seconds=sum(stage.seconds for stage in run.log.stages.values()))


def _failures(run: Run, stage: Stage) -> tuple[str, ...]:
    """Perform a stage, and return a line for everything that does not hold."""
    try:
        run.perform(stage)
    except EXPECTED_ERRORS as error:
        return (f"{stage.id}: {one_line(failure_message(error))}",)
    results = [run.check(criterion) for criterion in run.log.demanded(stage)]
    return tuple(line for result in results for line in result.text.splitlines())


def _orphaned_tables(run: Run) -> frozenset[str]:
    if run.transaction is None:
        return frozenset()
    return frozenset(folded(child) for child, _ in count_orphans(run.transaction.connection))
