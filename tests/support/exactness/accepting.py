"""Take one run through the engine's pipeline, and tell what it came to."""

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
    """What a run came to.

    Attributes:
        log: Of the run.
    """

    log: RunLog

    @property
    def accepted(self) -> bool:
        """Whether the run is finished and everything held."""
        return verdict(self.log) == "accepted"

    @property
    def untouched(self) -> bool:
        """Whether the run was refused before its first change."""
        return stages.BACKUP.id not in self.log.stages

    @property
    def wrong(self) -> list[Evidence]:
        """What does not hold, by the checks that looked."""
        return [entry for entry in self.log.evidence() if entry.outcome is Outcome.FAILED]

    @property
    def problems(self) -> list[Evidence]:
        """What the preflight has found to be wrong."""
        return [entry for entry in self.wrong if entry.criterion in self.log.criteria[stages.PREFLIGHT.id]]

    @property
    def words(self) -> str:
        """Every reason against acceptance."""
        unheld = [result.text for result in self.log.results.values() if not result.outcome.holds]
        return "\n".join([*unheld, *self.log.errors])


def consolidate(run: Run) -> Verdict:
    """Take a run through all stages, or as far as they hold; what is not accepted is rolled back.

    Raises:
        AssertionError: It could not be rolled back.
        Exception: Anything that the engine does not foresee: an operator would have got a traceback.
    """
    try:
        run_stages(run)
    finally:
        run.end()
    rolled_back = run.log.rolled_back
    assert rolled_back is None or rolled_back.complete, rolled_back
    return Verdict(run.log)
