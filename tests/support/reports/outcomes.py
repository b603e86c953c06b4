"""Make records of every way in which a run can end, without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.report.evidence import KeyMapRecord, StageRecord
from tests.support.reports import records
from tests.support.reports.scripted_run import ended, record_of_run, scripts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.observation import Outcome
    from sqlite_consolidate.report.evidence import Record

_INVENTORY = {
    "databases": [], "overlaps": [], "duplicates": [], "passed_over": [], "plan": "consolidation.toml",
    "decisions": 2, "objections": ["other-count"], "target_because": [], "unrehearsed": "", "untried": [],
}  # fmt: skip

_OF_INVENTORY = ("databases-found", "plan-proposed", "only-looked")


def scripted(folder: Path, mode: Mode) -> dict[str, Record]:
    """Return the record of each script of a mode."""
    return {f"{mode}, {name}": record_of_run(ended(folder, mode, script)) for name, script in scripts(mode).items()}


def drawn() -> dict[str, Record]:
    """Return records by hand, of what scripts cannot make."""
    accepted, refused, unfinished = records.accepted(), records.refused(), records.unfinished()
    first, second = accepted.moves
    left = replace(first, arrived=80, left=3, skipped=2, identical=1)
    rehearsal = replace(accepted, mode=Mode.REHEARSAL)
    at_once = replace(refused, exit_code=ExitCode.REFUSED, put_back="", moves=(), planned=accepted.moves, backup_set="")
    note = Finding.of("table-changed-since", "workspace.db:tasks", "changed since the migration: 85 rows, 86 now.")
    changed = Finding.of("workspace-changed", "", "a program changed the workspace.")
    discarded = Finding.of("changes-discarded", "workspace.db", "changes were discarded.")
    right = tuple(records.passed(id, "workspace.db") for id in ("target-right", "archives-unchanged"))
    check = replace(accepted, mode=Mode.CHECK, criteria=right, moves=())
    lost = tuple(
        records.failed(id, "workspace.db: tasks", "there", "missing") for id in ("target-right", "smoke:WMS CLI")
    )
    rolled_back = (StageRecord("97-rollback", "passed", 0.1),)
    rollback = replace(
        accepted, mode=Mode.ROLLBACK, criteria=(records.passed("restored-exact", "workspace.db"),), stages=rolled_back
    )
    alone = replace(accepted, target=replace(accepted.target, size=None, rows={})) if accepted.target else accepted
    inventory = replace(
        accepted, mode=Mode.INVENTORY, extra={"inventory": _INVENTORY}, sources=(), target=None, moves=(),
        criteria=tuple(records.passed(id, "workspace") for id in _OF_INVENTORY),
        rollback={}, backup_set="", archive={}, change={}, stages=(StageRecord("05-inventory", "passed", 0.1),),
    )  # fmt: skip
    passing = _INVENTORY | {"decisions": 1, "objections": [], "untried": ["2 references"]}
    unrehearsed = passing | {"unrehearsed": "not rehearsed"}
    return {
        "accepted": accepted,
        "accepted, not rehearsed": replace(accepted, rollback={"command": accepted.rollback["command"]}),
        "accepted, one row": replace(accepted, moves=(replace(second, rows=1, arrived=1),)),
        "accepted, rows left": replace(accepted, moves=(left, second)),
        "accepted, new keys": replace(accepted, key_maps=(KeyMapRecord("task_queue", "tasks", 100),)),
        "accepted, new target": alone,
        "accepted, no code": replace(
            accepted, diff="", criteria=tuple(e for e in accepted.criteria if e.criterion != "references-updated")
        ),
        "accepted, no application": replace(
            accepted, criteria=tuple(e for e in accepted.criteria if not e.criterion.startswith("smoke:"))
        ),
        "rehearsed": replace(
            rehearsal, criteria=(*rehearsal.criteria, records.passed("restored-exact", "workspace.db"))
        ),
        "rehearsal, workspace changed": replace(rehearsal, findings=(changed,)),
        "refused": refused,
        "refused early": at_once,
        "rehearsal refused": replace(at_once, mode=Mode.REHEARSAL),
        "rehearsal failed": replace(refused, mode=Mode.REHEARSAL),
        "stranded": replace(refused, exit_code=ExitCode.INTERNAL, put_back="2 files of workspace.db differ."),
        "interrupted early": replace(
            refused, verdict="not shown", exit_code=ExitCode.INTERRUPTED, put_back="", criteria=refused.criteria[:3]
        ),
        "interrupted": replace(refused, verdict="not shown", exit_code=ExitCode.INTERRUPTED, criteria=()),
        "unfinished": unfinished,
        "unfinished, with command": replace(unfinished, rollback=accepted.rollback),
        "intact": check,
        "intact, changed since": replace(check, findings=(note,)),
        "intact, without backups": replace(check, rollback={}),
        "not intact": replace(check, verdict="refused", exit_code=ExitCode.FAILED, criteria=lost),
        "rolled back": rollback,
        "rolled back, changes discarded": replace(rollback, findings=(discarded,)),
        "rollback refused": replace(at_once, mode=Mode.ROLLBACK, planned=(), stages=rolled_back),
        "already": replace(accepted, already=True, criteria=(), moves=()),
        "inventory": inventory,
        "inventory, plan passes": replace(inventory, extra={"inventory": passing}),
        "inventory, not rehearsed": replace(inventory, extra={"inventory": unrehearsed}),
    }  # fmt: skip


def with_outcome(record: Record, criterion: str, outcome: Outcome) -> Record:
    """Return a record in which the entries of one criterion have another outcome."""
    entries = (replace(entry, outcome=outcome) if entry.criterion == criterion else entry for entry in record.criteria)
    return replace(record, criteria=tuple(entries))
