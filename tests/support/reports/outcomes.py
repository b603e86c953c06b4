"""Make records of every way in which a run can end, without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.checks.aftercare import MISSING_TABLE
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import DEFAULT_PLAN
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import NO_PROBLEM, Outcome
from sqlite_consolidate.report.evidence import Change, Comparison, Evidence, KeyMapRecord, StageRecord
from tests.support.reports import records
from tests.support.reports.scripted_run import ended, record_of_run, scripts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

_INVENTORY: dict[str, Any] = {
    "databases": [], "overlaps": [], "duplicates": [], "passed_over": [], "plan": "consolidation.toml",
    "decisions": 2, "objections": ["other-count"], "target_because": [], "unrehearsed": "", "untried": [],
    "effort": {
        "tables": 3, "tables_with_new_keys": 1, "tables_with_new_names": 2, "references": 4, "smoke_tests": 0,
        "seconds": 7.4,
    },
}  # fmt: skip

_OTHER_THAN_BEFORE = Comparison(
    "20261121_120603-migrate", "",
    (Change("criterion", "rows-exact", "failed", "passed"), Change("finding", "view-left", "a view was left.", "")),
    {"criterion": 1, "finding": 1}, {"10-preflight": 0.5},
)  # fmt: skip

DRAWN_IN_BROWSER = (
    "rehearsed", "refused early", "interrupted", "rolled back", "intact", "not intact", "inventory",
)  # fmt: skip
"""Names of records whose pages a browser opens beside those of an accepted, a refused and a hostile run."""

_OF_INVENTORY = ("databases-found", "plan-proposed", "only-looked")


def scripted(folder: Path, mode: Mode) -> dict[str, Record]:
    """Return the record of each script of a mode."""
    return {f"{mode}, {name}": record_of_run(ended(folder, mode, script)) for name, script in scripts(mode).items()}


def drawn() -> dict[str, Record]:
    """Return records by hand, of what scripts cannot make."""
    made = {**_migrations(), **_rehearsals(), **_stopped_runs(), **_checks(), **_rollbacks(), **_inventories()}
    return {name: _with_next_command(record) for name, record in made.items()}


def _with_next_command(record: Record) -> Record:
    """Return a record with the command that follows a run with this end."""
    accepted, stranded = record.verdict == "accepted", record.exit_code == ExitCode.INTERNAL
    verb = record.mode.next_verb if accepted else Mode.ROLLBACK.verb if stranded else record.mode.verb
    plan = str(record.extra.get("inventory", {}).get("plan", DEFAULT_PLAN))
    named = f" --plan=/srv/workspace/{plan}" if plan != DEFAULT_PLAN else ""
    return replace(record, next_command=f"pytest -m {verb} --workspace=/srv/workspace{named}" if verb else "")


def _migrations() -> dict[str, Record]:
    """Return migrations that were accepted or refused."""
    accepted, refused = records.accepted(), records.refused()
    first, second = accepted.moves
    left = replace(first, arrived=80, left=3, skipped=2, identical=1)
    alone = replace(accepted, target=replace(accepted.target, size=None, rows={})) if accepted.target else accepted
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
        "accepted, other than before": replace(accepted, last_run=_OTHER_THAN_BEFORE),
        "accepted, source absent": replace(accepted, findings=(Finding.of("source-absent", "old.db", "absent."),)),
        "accepted, as before": replace(accepted, last_run=Comparison("20261121_120603-migrate")),
        "refused": refused,
        "refused early": _refused_at_once(),
        "already": replace(accepted, already=True, criteria=(), moves=()),
    }


def _refused_at_once() -> Record:
    """Return a migration that was refused before it changed anything."""
    planned = records.accepted().moves
    return replace(records.refused(), exit_code=ExitCode.REFUSED, put_back="", moves=(), planned=planned, backup_set="")


def _rehearsals() -> dict[str, Record]:
    """Return rehearsals."""
    rehearsal = replace(records.accepted(), mode=Mode.REHEARSAL)
    restored = records.passed("restored-exact", "workspace.db")
    changed = Finding.of("workspace-changed", "", "a program changed the workspace.")
    return {
        "rehearsed": replace(rehearsal, criteria=(*rehearsal.criteria, restored)),
        "rehearsal, workspace changed": replace(rehearsal, findings=(changed,)),
        "rehearsal refused": replace(_refused_at_once(), mode=Mode.REHEARSAL),
        "rehearsal failed": replace(records.refused(), mode=Mode.REHEARSAL),
    }


def _stopped_runs() -> dict[str, Record]:
    """Return migrations that were interrupted, or did not end as they should."""
    refused, unfinished = records.refused(), records.unfinished()
    stopped = replace(refused, verdict="not shown", exit_code=ExitCode.INTERRUPTED)
    return {
        "stranded": replace(refused, exit_code=ExitCode.INTERNAL, put_back="2 files of workspace.db differ."),
        "stranded, not tried": replace(refused, exit_code=ExitCode.INTERNAL, put_back=""),
        "interrupted early": replace(stopped, put_back="", criteria=refused.criteria[:3]),
        "interrupted": replace(stopped, criteria=()),
        "interrupted in smoke tests": replace(stopped, criteria=_some_smoke_tests(), stages=_stopped_at_smoke(stopped)),
        "failed after smoke tests": replace(refused, criteria=records.accepted().criteria),
        "terminated": replace(stopped, exit_code=ExitCode.TERMINATED, stages=unfinished.stages),
        "unfinished": unfinished,
        "unfinished, with command": replace(unfinished, rollback=records.accepted().rollback),
    }


def _some_smoke_tests() -> tuple[Evidence, ...]:
    """Return the entries of two smoke tests, of which only the first came to an end."""
    return records.passed("smoke:first", "first"), records.not_examined("smoke:second", "not run: the run ended before")


def _stopped_at_smoke(record: Record) -> tuple[StageRecord, ...]:
    """Return the stages of a run that was stopped while its applications ran."""
    stages = (replace(each, outcome="passed") for each in record.stages if each.id < "80-smoke")
    return (*stages, StageRecord("80-smoke", "failed", 0.5))


def _checks() -> dict[str, Record]:
    """Return checks of a finished consolidation."""
    note = Finding.of("table-changed-since", "workspace.db:tasks", "changed since the migration: 85 rows, 86 now.")
    right = tuple(records.passed(id, "workspace.db") for id in ("target-right", "archives-unchanged"))
    check = replace(records.accepted(), mode=Mode.CHECK, criteria=right, moves=())
    command, output = "python -m wms list", "exit status 1: raise Missing()\\nMissing: no table tasks"
    lost = (
        records.failed("smoke:WMS CLI", command, "exit status 0", output, "Run it by hand."),
        records.failed("smoke:WMS CLI", command, "output matches ^85$", "output does not match: (no output)"),
        records.failed("target-right", "workspace.db: tasks", NO_PROBLEM, MISSING_TABLE),
    )
    damaged = (records.failed("target-right", "workspace.db: integrity_check", NO_PROBLEM, "row 3 missing from index"),)
    overwritten = records.failed("archives-unchanged", "logs/task_queue.db", "the same digest", "another digest")
    dropped = Finding.of("object-changed-since", "workspace.db", "index by_state was dropped since the migration.")
    return {
        "intact": check,
        "intact, changed since": replace(check, findings=(note,)),
        "intact, index dropped": replace(check, findings=(dropped,)),
        "intact, without backups": replace(check, rollback={}),
        "not intact": replace(check, verdict="refused", exit_code=ExitCode.FAILED, criteria=lost),
        "not intact, damaged": replace(check, verdict="refused", exit_code=ExitCode.FAILED, criteria=damaged),
        "not intact, archive changed": replace(
            check, verdict="refused", exit_code=ExitCode.FAILED, criteria=(right[0], overwritten)
        ),
    }


def _rollbacks() -> dict[str, Record]:
    """Return rollbacks."""
    stages = (StageRecord("97-rollback", "passed", 0.1),)
    restored = (records.passed("restored-exact", "workspace.db"),)
    rollback = replace(records.accepted(), mode=Mode.ROLLBACK, criteria=restored, stages=stages)
    discarded = Finding.of("changes-discarded", "workspace.db", "changes were discarded.")
    return {
        "rolled back": rollback,
        "rolled back, changes discarded": replace(rollback, findings=(discarded,)),
        "rollback refused": replace(
            _refused_at_once(),
            mode=Mode.ROLLBACK,
            planned=(),
            stages=(StageRecord("97-rollback", "failed", 0.1),),
            criteria=(records.failed("restored-exact", "workspace.db", "as it was", "changed since", "Look at it."),),
        ),
        "rollback stranded": replace(
            rollback,
            verdict="refused",
            exit_code=ExitCode.INTERNAL,
            put_back="2 files of workspace.db differ.",
            criteria=(),
            rollback={},
        ),
        "rollback unfinished": replace(rollback, verdict="not shown", finished="", criteria=(), rollback={}),
    }


def _inventories() -> dict[str, Record]:
    """Return inventories, one of them beside a plan that was there before."""
    inventory = replace(
        records.accepted(), mode=Mode.INVENTORY, extra={"inventory": _INVENTORY}, sources=(), target=None, moves=(),
        criteria=tuple(records.passed(id, "workspace") for id in _OF_INVENTORY),
        rollback={}, backup_set="", archive={}, change={}, stages=(StageRecord("05-inventory", "passed", 0.1),),
    )  # fmt: skip
    refused = records.refused()
    proposed = _INVENTORY | {"plan": "consolidation.proposed.toml"}
    passing = _INVENTORY | {"decisions": 1, "objections": [], "untried": ["2 references"]}
    smooth = dict.fromkeys(("tables_with_new_keys", "tables_with_new_names", "references"), 0) | {"smoke_tests": 1}
    unrehearsed = passing | {"unrehearsed": "not rehearsed", "effort": _INVENTORY["effort"] | {"seconds": None}}
    simple = passing | {"decisions": 0, "untried": [], "effort": _INVENTORY["effort"] | smooth}
    return {
        "inventory": inventory,
        "inventory beside a plan": replace(inventory, extra={"inventory": proposed}),
        "inventory, plan passes": replace(inventory, extra={"inventory": passing}),
        "inventory, simple": replace(inventory, extra={"inventory": simple}),
        "inventory, not rehearsed": replace(inventory, extra={"inventory": unrehearsed}),
        "inventory, changed meanwhile": replace(
            with_outcome(inventory, "only-looked", Outcome.FAILED),
            verdict=refused.verdict,
            exit_code=1,
            headline=refused.headline,
        ),
    }


def with_outcome(record: Record, criterion: str, outcome: Outcome) -> Record:
    """Return a record in which the entries of one criterion have another outcome."""
    entries = (replace(entry, outcome=outcome) if entry.criterion == criterion else entry for entry in record.criteria)
    return replace(record, criteria=tuple(entries))
