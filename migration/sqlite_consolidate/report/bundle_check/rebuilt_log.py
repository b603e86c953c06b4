"""Rebuild the log of a run from its record, to decide its verdict again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.engine.run.run_log import NO_TABLE_MOVED, CheckResult, RunLog, UndoResult
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.findings import STAGE_ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.run.run_log import Evidence, StageRecord
    from sqlite_consolidate.report.evidence import Record


class _OtherReleaseLog(RunLog):
    """Take the stages of a run of another release from its record."""

    def all_stages(self) -> tuple[StageRecord, ...]:
        """Return a record for each stage that the run had."""
        return tuple(self.stages.values())


def rebuild_log(record: Record, applications: Sequence[str], *, of_this_release: bool = True) -> RunLog:
    """Return the log of a run, as far as its verdict depends on it.

    Args:
        record: The record of the run.
        applications: Names of the smoke tests of its plan.
        of_this_release: Whether stages and demanded criteria are those of this release. If False, they are those that
            the record names.
    """
    evidence: defaultdict[str, list[Evidence]] = defaultdict(list)
    for entry in record.criteria:
        evidence[entry.criterion].append(entry)
    stages = stages_of(record.mode)
    # If the plan has a mistake, its record has no digest. Its run was refused and demanded no application.
    names = applications if record.plan["sha256"] or record.verdict == "accepted" else ()
    known = {stage.id: criteria_in(stage, names) for stage in stages}
    log = (RunLog if of_this_release else _OtherReleaseLog)(
        record.mode,
        criteria=known if of_this_release else {stages[0].id: tuple(evidence)},
        unanswerable=dict(record.unanswerable),
        results={criterion: CheckResult(criterion, tuple(entries)) for criterion, entries in evidence.items()},
        stages={stage.id: stage for stage in record.stages},
        extra=dict(record.extra),
        errors=[finding.text for finding in record.findings if finding.id == STAGE_ERROR],
        headline_suffix=NO_TABLE_MOVED if record.mode.is_consolidation and record.target and not record.moves else "",
        already_consolidated=record.already,
        interrupted=ExitCode(record.exit_code) if record.exit_code in INTERRUPTIONS else None,
        rolled_back=UndoResult(record.put_back, record.exit_code != ExitCode.INTERNAL) if record.put_back else None,
        finished=record.finished,
    )
    log.note(*(finding for finding in record.findings if finding.id == WORKSPACE_CHANGED))
    return log
