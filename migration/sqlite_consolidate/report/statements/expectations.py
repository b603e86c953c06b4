"""State what a rehearsal lets a reader expect of the migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.report.formatting import count_of
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record

_MINUTES = 120  # seconds from which a time is given in minutes
_MEDIUM = 2  # most reasons of a medium risk


def migration_seconds(record: Record) -> float:
    """Return the time that the stages of a migration took in this run."""
    ids = {stage.id for stage in stages_of(Mode.MIGRATE)}
    return sum(stage.seconds for stage in record.stages if stage.id in ids)


def migration_time(record: Record) -> str:
    """Return that time in whole seconds or minutes."""
    seconds = max(1, round(migration_seconds(record)))
    return f"{seconds} s" if seconds < _MINUTES else f"{round(seconds / 60):,} min"


def effort_and_risk(record: Record, *, references: int, unmoved: int, findings: int, smoke: int) -> str:
    """Return a grade of effort and risk with its reasons.

    It is low without a reason, medium with one or two, and high with more.

    Args:
        record: The record of the rehearsal.
        references: Places in the code that change.
        unmoved: Rows that are left behind or replaced.
        findings: Kinds of findings that ask for a judgement.
        smoke: Smoke tests.
    """
    key_tables = len({key_map.table for key_map in record.key_maps})
    reasons = [
        text
        for holds, text in (
            (key_tables, f"new keys in {count_of(key_tables, 'table')}"),
            (references, f"{count_of(references, 'place')} in the code to change"),
            (unmoved, f"{count_of(unmoved)} left behind or replaced"),
            (findings, f"{count_of(findings, 'kind')} of findings to judge"),
            (not smoke, "a plan without smoke tests"),
        )
        if holds
    ]
    if not reasons:
        return "low, because no key and no code changes, every row moves, and no finding asks for a judgement"
    return f"{'medium' if len(reasons) <= _MEDIUM else 'high'}, because of {join_names(reasons)}"
