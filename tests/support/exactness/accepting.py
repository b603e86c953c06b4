"""Take one run through the engine's pipeline, and return its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.observation import Outcome

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.run_log import Evidence, RunLog
    from sqlite_consolidate.engine.verbs.consolidate import Run


@dataclass(frozen=True)
class Verdict:
    """Hold the result of a run.

    Attributes:
        log: The log of the run.
    """

    log: RunLog

    @property
    def accepted(self) -> bool:
        """Return whether the run is finished and every criterion passed."""
        return verdict(self.log) == "accepted"

    @property
    def untouched(self) -> bool:
        """Return whether the run was refused before its first change."""
        return stages.BACKUP.id not in self.log.stages

    @property
    def wrong(self) -> list[Evidence]:
        """Return the evidence of the criteria that failed."""
        return [entry for entry in self.log.evidence() if entry.outcome is Outcome.FAILED]

    @property
    def problems(self) -> list[Evidence]:
        """Return the evidence of the preflight that failed."""
        return [entry for entry in self.wrong if entry.criterion in self.log.criteria[stages.PREFLIGHT.id]]

    @property
    def words(self) -> str:
        """Return every reason against acceptance."""
        unheld = [result.text for result in self.log.results.values() if not result.outcome.holds]
        return "\n".join([*unheld, *self.log.errors])


def consolidate(run: Run) -> Verdict:
    """Run all stages, and roll back what is not accepted.

    Raises:
        AssertionError: The run could not be rolled back.
        Exception: An error that the engine does not expect. An operator would have got a traceback.
    """
    try:
        run_stages(run)
    finally:
        run.end()
    rolled_back = run.log.rolled_back
    assert rolled_back is None or rolled_back.complete, rolled_back
    return Verdict(run.log)
