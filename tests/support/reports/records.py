"""Make records of runs by hand.

They are accepted, refused, unfinished, or have hostile texts everywhere.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from sqlite_consolidate.engine.criteria.preflight import NO_APPROVAL
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import Evidence, StageRecord
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.evidence import (
    Attempt,
    DatabaseRecord,
    Finding,
    MoveRecord,
    Record,
    SchemaDifference,
    SmokeRecord,
    TableContent,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"onmouseover="alert(2)',
    "'><img src=x onerror=alert(3)>",
    "{{7*7}}{% raw %}",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe",
    "\ud800\udcff",
    "https://evil.example/x.js",
)

_TASKS, _METADATA, _OWN = TableContent(85, "1a" * 32), TableContent(5, "2b" * 32), TableContent(62, "3c" * 32)
_SOURCE = {"tasks": _TASKS, "task_queue_metadata": _METADATA, "drafts": TableContent(0, "00" * 32)}
_STAGES = stages_of(Mode.MIGRATE)
APPLICATION = "WMS CLI"
IDS = tuple(id for stage in _STAGES for id in criteria_in(stage, [APPLICATION]))
NOT_REQUIRED = {"rehearsed": "the plan demands no rehearsal", "approved": NO_APPROVAL}
_ESTIMATES = {"20-backup": 300.0, "30-schema": 600.0, "40-transfer": 1200.0, "70-references": 1800.0}
_DIFF = """\
--- a/src/queue.py
+++ b/src/queue.py
@@ -1,3 +1,3 @@
 def path():
-    return get_logs_dir() / "task_queue.db"
+    return get_workspace_root() / "workspace.db"
"""


def passed(criterion: str, subject: str, text: str = "85", examined: int = 1) -> Evidence:
    """Return evidence of a criterion that passed."""
    return Evidence(criterion, subject, text, text, Outcome.PASSED, examined)


def failed(criterion: str, subject: str, expected: str, observed: str, todo: str = "") -> Evidence:
    """Return evidence of a criterion that failed."""
    return Evidence(criterion, subject, expected, observed, Outcome.FAILED, todo=todo)


def not_examined(criterion: str, reason: str) -> Evidence:
    """Return evidence of a criterion that was not examined."""
    return Evidence(criterion, "", "examined", reason, Outcome.NOT_EXAMINED, examined=0)


def not_required(criterion: str, reason: str) -> Evidence:
    """Return evidence of a criterion that the plan does not require."""
    return Evidence(criterion, "plan", "nothing demanded", reason, Outcome.NOT_REQUIRED, examined=0)


def finding(text: str, count: int = 1) -> Finding:
    """Return a finding of level note."""
    return Finding("finding", "note", "", count, text)


_SOURCES = (
    DatabaseRecord(
        "task_queue", "logs/task_queue.db", 94208, None, "cd" * 32, "", {"tasks": 85, "task_queue_metadata": 5},
        contents={"live": _SOURCE, "backup": _SOURCE, "dump": _SOURCE, "archive": _SOURCE},
        about={"risk": "medium", "reason": "the active task queue"},
    ),
)  # fmt: skip
_TARGET = DatabaseRecord(
    "target", "workspace.db", 409600, 462848, "ef" * 32, "01" * 32,
    {"workspace_tasks": 62}, {"workspace_tasks": 62, "tasks": 85, "task_queue_metadata": 5},
    {"journal_mode": "wal"},
    {
        "live": {"workspace_tasks": _OWN},
        "backup": {"workspace_tasks": _OWN},
        "after": {"workspace_tasks": _OWN, "tasks": _TASKS, "task_queue_metadata": _METADATA},
    },
)  # fmt: skip
_MOVES = (
    MoveRecord("task_queue", "logs/task_queue.db:tasks", "tasks", "tasks", 85, 85),
    MoveRecord(
        "task_queue", "logs/task_queue.db:task_queue_metadata", "task_queue_metadata", "task_queue_metadata",
        5, 5,
    ),
)  # fmt: skip


def accepted() -> Record:
    """Return an accepted migration with every field of a record."""
    return Record(
        run="20261122_120603-migrate",
        mode=Mode.MIGRATE,
        verdict="accepted",
        headline="Accepted: consolidated, every required criterion passed.",
        exit_code=0,
        started="2026-11-22T12:06:03+00:00",
        finished="2026-11-22T12:06:09+00:00",
        host="db-host",
        user="operator",
        versions={"python": "3.11.7", "sqlite": "3.53.0", "sqlite-consolidate": "0.1.0"},
        plan={"path": "consolidation.toml", "sha256": "ab" * 32},
        change={"id": "CHG-1042", "reason": "one instead of four", "requested_by": "R. Asker", "approved_by": ""},
        workspace="workspace",
        workspace_id="0123456789abcdef",
        attempts=(
            Attempt(
                "20261121_090000-rehearsal", Mode.REHEARSAL, "refused", "Refused. The workspace was not touched.", 1,
                "2026-11-21T09:00:00+00:00", "2026-11-21T09:00:04+00:00", report="20261121_090000-rehearsal",
            ),
        ),
        sources=deepcopy(_SOURCES),
        target=deepcopy(_TARGET),
        stages=tuple(StageRecord(stage.id, "passed", 0.5, _ESTIMATES.get(stage.id)) for stage in _STAGES),
        criteria=tuple(
            not_required(id, NOT_REQUIRED[id]) if id in NOT_REQUIRED else passed(id, f"subject of {id}")
            for id in IDS
        ),
        findings=(
            finding("Index idx_tasks_status of the target keeps its name; the new one is tasks_idx_tasks_status."),
        ),
        backup_set="backups/db-consolidation-20261122_120603",
        archive={"logs/task_queue.db": "logs/task_queue.db.archived_20261122_120603"},
        rollback={"command": "pytest -m rollback --workspace /srv/workspace", "drilled": "2026-11-21T09:00:00+00:00"},
        diff=_DIFF,
        sql=("BEGIN IMMEDIATE", "CREATE TABLE tasks (id TEXT PRIMARY KEY);", "COMMIT"),
        moves=_MOVES,
        differences=(SchemaDifference("logs/task_queue.db:tasks", "version", "default", "none", "0"),),
        smoke=(SmokeRecord("WMS CLI", "python -m wms task list", "exit status 0", 0.25, 2, 0, "t-1 open\nt-2 done\n"),),
        asked={f"smoke:{APPLICATION}": "WMS CLI works"},
        limits=("No log was watched for new errors: the plan names no [logs] files.",),
        next_command="pytest -m verify --workspace=/srv/workspace",
    )  # fmt: skip


def refused() -> Record:
    """Return a migration that failed in verify and was rolled back."""
    record = accepted()
    missing = failed("rows-exact", "task_queue:tasks", "85 rows", "84 rows, 1 missing", "Look at row t-17.")
    at = IDS.index("rows-exact")
    ran = [stage.id for stage in _STAGES].index("50-verify")
    stages = [
        replace(stage, outcome="failed") if place == ran
        else StageRecord(stage.id, "not run", reason="50-verify failed", estimate=stage.estimate) if place > ran
        else stage
        for place, stage in enumerate(record.stages)
    ]  # fmt: skip
    return replace(
        record,
        verdict="refused",
        headline="Failed and rolled back. The transaction was rolled back: the target is as it was.",
        exit_code=1,
        put_back="The transaction was rolled back: the target is as it was.",
        stages=tuple(stages),
        criteria=(
            *record.criteria[:at],
            missing,
            *(not_examined(id, "not run: 50-verify failed") for id in IDS[at + 1 :]),
        ),
        archive={},
        diff="",
        next_command="pytest -m migrate --workspace=/srv/workspace",
    )


def unfinished() -> Record:
    """Return the record of a killed run, with a running stage and no end."""
    record = accepted()
    return replace(
        record,
        verdict="not shown",
        headline="Unfinished: the run had not ended when this was written.",
        finished="",
        stages=(*record.stages[:3], StageRecord("40-transfer", "running", 1.5, 1200.0)),
        criteria=(
            *record.criteria[:16],
            *(not_examined(id, "not run: the run ended before") for id in IDS[16:]),
        ),
        archive={},
        rollback={},
        diff="",
        next_command="pytest -m migrate --workspace=/srv/workspace",
    )


def hostile() -> Record:
    """Return a record with a hostile text in every text field."""
    record = accepted()
    bad = " ".join(HOSTILE)
    contents = {bad: TableContent(1, bad)}
    databases = DatabaseRecord(
        bad, bad, 1, 2, bad, bad, {bad: 1}, {bad: 2}, {bad: bad}, {"live": contents, "after": contents}, {bad: bad}
    )
    return replace(
        record,
        run=bad,
        headline=bad,
        started=bad,
        finished=bad,
        host=bad,
        user=bad,
        versions={bad: bad},
        plan={"path": bad, "sha256": bad},
        change={"id": bad, "reason": bad, "requested_by": bad, "approved_by": bad},
        workspace=bad,
        attempts=(
            Attempt(bad, Mode.MIGRATE, "not shown", bad, None, bad, bad, backup_set=bad, report=bad, cut_short=bad),
        ),
        sources=(databases,),
        target=replace(databases, name=f"{bad} target"),
        stages=(StageRecord("40-transfer", "not run", reason=bad), StageRecord(bad, "failed", 1.0, 2.0)),
        criteria=(
            failed(f"smoke:{bad}", bad, bad, f"{bad}.", bad),
            passed(bad, bad, bad),
            not_examined(f"smoke:{bad}2", bad),
            not_required(bad * 2, bad),
        ),
        findings=(Finding(bad, "attention", bad, 2, bad),),
        backup_set=bad,
        archive={bad: bad},
        rollback={"command": bad, "drilled": bad},
        next_command=bad,
        put_back=bad,
        diff=f"+++ {bad}.py\n+{bad}\n-{bad}\n",
        sql=(bad,),
        moves=(MoveRecord(bad, bad, bad, bad, 1, 1, constants={bad: bad}), MoveRecord(bad * 2, bad, bad, bad * 2, 0)),
        differences=(SchemaDifference(bad, bad, bad, bad, bad),),
        smoke=(SmokeRecord(bad, bad, bad, 1.0, 1, 1, bad, bad),),
        asked={f"smoke:{bad}": bad},
        limits=(bad,),
    )


def large() -> Record:
    """Return an accepted migration of a thousand tables.

    Its application printed five thousand lines.
    """
    record = accepted()
    names = [f"measurements_of_station_{number:04}" for number in range(1000)]
    contents = {name: TableContent(1000 - at, f"{at:064x}") for at, name in enumerate(names)}
    rows = {name: content.rows for name, content in contents.items()}
    source = replace(
        record.sources[0], rows=rows, contents=dict.fromkeys(("live", "backup", "dump", "archive"), contents)
    )
    assert record.target is not None
    target = replace(record.target, rows_after=rows, contents={"live": {}, "after": contents})
    per_table = (
        "tables-created", "schema-as-planned", "rows-counted", "rows-expected", "rows-exact", "no-duplicates",
        "final-digest",
    )  # fmt: skip
    evidence = [
        passed(criterion, f"target: {name}", f"{rows[name]} rows, {at:064x}")
        for criterion in per_table
        for at, name in enumerate(names)
    ]
    output = "".join(f"line {number}: a task with a title that is as long as titles are\n" for number in range(5000))
    return replace(
        record,
        sources=(source,),
        target=target,
        moves=tuple(
            MoveRecord(source.name, f"{source.file}:{name}", name, name, rows[name], rows[name]) for name in names
        ),
        criteria=(*record.criteria, *evidence),
        findings=tuple(finding(f"{name} column value: NOT NULL was yes, is no in the target.") for name in names),
        differences=tuple(SchemaDifference(name, "value", "NOT NULL", "yes", "no") for name in names),
        sql=tuple(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, value REAL NOT NULL)" for name in names),
        smoke=(SmokeRecord("lists everything", "app list", "exit status 0", 2.5, 5000, 0, output),),
    )
