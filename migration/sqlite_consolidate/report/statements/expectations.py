"""State what a rehearsal or an inventory lets a reader expect of the migration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.report.formatting import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_consolidate.report.evidence import Record

_MINUTES = 120  # seconds from which a time is given in minutes
_MEDIUM = 2  # most reasons of a medium risk
_SCALE = "(of low, medium and high)"
_NO_SMOKE_TEST = "no smoke test"


def migration_seconds(record: Record) -> float:
    """Return the time that the stages of a migration took in this run."""
    ids = {stage.id for stage in stages_of(Mode.MIGRATE)}
    return sum(stage.seconds for stage in record.stages if stage.id in ids)


def expected_time(seconds: float) -> str:
    """Return a time in whole seconds or minutes."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < _MINUTES else f"{round(whole / 60):,} min"


def grade_of_rehearsal(record: Record, *, references: int, unmoved: int, findings: int, smoke: int) -> str:
    """Return a grade of effort and risk of a rehearsed migration, with its reasons.

    Args:
        record: The record of the rehearsal.
        references: Places in the code that change.
        unmoved: Rows that are left behind or replaced.
        findings: Kinds of findings that ask for a judgement.
        smoke: Smoke tests.
    """
    key_tables = len({key_map.table for key_map in record.key_maps})
    reasons = {
        f"new keys in {count_of(key_tables, 'table')}": key_tables,
        f"{count_of(references, 'place')} in the code to change": references,
        f"{count_of(unmoved)} left behind or replaced": unmoved,
        f"{count_of(findings, 'kind')} of findings to judge": findings,
        _NO_SMOKE_TEST: not smoke,
    }
    return _grade(reasons, "No key and no code changes, every row moves, and no finding asks for a judgement")


def grade_of_inventory(inventory: Mapping[str, Any]) -> str:
    """Return a grade of effort and risk of a proposed plan, with its reasons."""
    effort = inventory["effort"]
    keys, names, references = (effort[key] for key in ("tables_with_new_keys", "tables_with_new_names", "references"))
    objections, decisions = len(inventory["objections"]), inventory["decisions"]
    kinds = len(inventory.get("to_review", []))
    reasons = {
        f"{count_of(objections, 'problem')} that would refuse it": objections,
        f"{count_of(decisions, 'decision')} to make": decisions,
        f"{count_of(kinds, 'kind')} of findings to judge": kinds,
        f"new keys in {count_of(keys, 'table')}": keys,
        f"new names for {count_of(names, 'table')}": names,
        f"{count_of(references, 'place')} in the code to change": references,
        _NO_SMOKE_TEST: not effort["smoke_tests"],
        "no rehearsal": effort["seconds"] is None and not objections,
    }
    return _grade(reasons, "No key, name or code changes, and there is nothing to decide")


def _grade(reasons: Mapping[str, int], otherwise: str) -> str:
    """Return a grade with its reasons, each in a sentence of its own.

    It is low without a reason, medium with one or two, and high with more.
    """
    known = [reason for reason, holds in reasons.items() if holds]
    if not known:
        return f"low {_SCALE}. {otherwise}"
    return f"{'medium' if len(known) <= _MEDIUM else 'high'} {_SCALE}. Reasons: {', '.join(known)}"
