"""Build a workspace of two sources, and run the engine over it in this process.

One of the sources is as a crash leaves it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.stages import FINAL, stages_of
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import die

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.results import Context
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.problem import Problem
else:
    from sqlite_utils.utils import sqlite3

STAMP = "20250131_120000"
SET_NAME = f"small-{STAMP}"
SET = f"backups/{SET_NAME}"
ARCHIVED = f"logs/tasks.db.archived_{STAMP}"

PLAN = """format = 1
name = "small"
target = "workspace.db"

[[source]]
name = "tasks"
file = "logs/tasks.db"
  [[source.table]]
  name = "tasks"

[[source]]
name = "notes"
file = "logs/notes.db"
  [[source.table]]
  name = "notes"

[[reference]]
file = "app/tasks.py"
find = '"tasks.db"'
replace = '"workspace.db"'

[[reference]]
file = "app/notes.py"
find = '"notes.db"'
replace = '"workspace.db"'
"""

CREATE_TASKS = "CREATE TABLE tasks(id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT)"
CREATE_NOTES = "CREATE TABLE notes(id TEXT PRIMARY KEY, body TEXT)"
TARGET_MODE, TASKS_MODE, CODE_MODE = 0o640, 0o600, 0o755


def build_two_sources(root: Path, *, target: bool = True) -> Path:
    """Create the workspace.

    Target and notes are in WAL mode, the newest notes are in the ``-wal`` only, and tasks is private.
    """
    (root / "logs").mkdir(parents=True)
    (root / "app").mkdir()
    if target:
        database(root / "workspace.db", "CREATE TABLE projects(id INTEGER PRIMARY KEY, name TEXT)", wal=True)
        execute(root / "workspace.db", "INSERT INTO projects VALUES(1, 'ours'), (2, NULL)")
        (root / "workspace.db").chmod(TARGET_MODE)
    database(root / "logs/tasks.db", CREATE_TASKS)
    execute(root / "logs/tasks.db", "INSERT INTO tasks(title) VALUES('one'), ('two'), ('three')")
    (root / "logs/tasks.db").chmod(TASKS_MODE)
    crashed(root / "logs/notes.db")
    for name in ("tasks", "notes"):
        (root / f"app/{name}.py").write_bytes(f'PATH = "{name}.db"\r\n'.encode())
        (root / f"app/{name}.py").chmod(CODE_MODE)
    (root / "consolidation.toml").write_text(PLAN)
    return root


def build_renumbered_tasks(root: Path, *, create: str, insert: str, sql: str) -> Path:
    """Create the workspace with equal tasks in the target and in their source.

    The plan gives the tasks new keys, and scans the code for the statement.
    """
    build_two_sources(root)
    for file in ("workspace.db", "logs/tasks.db"):
        for statement in ("DROP TABLE IF EXISTS tasks", create, insert):
            execute(root / file, statement)
    with (root / "app/tasks.py").open("a") as code:
        code.write(f'Q = "{sql}"\n')
    plan = root / "consolidation.toml"
    text = plan.read_text().replace('name = "tasks"\n\n', 'name = "tasks"\n  keys = "renumber"\n\n')
    plan.write_text(f'{text}\n[scan]\npaths = ["app"]\n')
    return root


def database(path: Path, create: str, *, wal: bool = False) -> None:
    """Create a database with one table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        if wal:
            con.execute("PRAGMA journal_mode=WAL")
        con.execute(create)


def crashed(path: Path) -> None:
    """Create the notes as a crash leaves them, two rows in the file and three in the ``-wal``."""
    live = path.with_name("live.db")
    database(live, CREATE_NOTES, wal=True)
    execute(live, "INSERT INTO notes VALUES('a', 'first'), ('b', 'second')")
    with closing(sqlite3.connect(live, isolation_level=None)) as con:
        con.execute("INSERT INTO notes VALUES('c', 'third'), ('d', 'nul' || char(0)), ('e', x'00ff')")
        for suffix in ("", "-wal"):
            live.with_name(live.name + suffix).rename(path.with_name(path.name + suffix))
    live.with_name(live.name + "-shm").unlink(missing_ok=True)


def execute(path: Path, statement: str) -> list[Any]:
    """Run a statement in autocommit mode on a database, and return the rows."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as con:
        return con.execute(statement).fetchall()


@dataclass(frozen=True)
class State:
    """Hold all that must be the same before a run and after its rollback.

    Backup sets and sidecar files do not count.
    """

    databases: dict[str, tuple[str, int, str]]
    files: dict[str, tuple[bytes, int]]


def state(root: Path) -> State:
    """Read the state of all databases and files.

    That is content, permission bits and journal mode of databases, and bytes and bits of other files. This process must
    have no connection to the databases.
    """
    databases, files = {}, {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        whole = next((name.removesuffix(s) for s in ("-wal", "-shm") if name.endswith(s)), "")
        if path.is_dir() or name.startswith("backups/") or (root / whole).is_file():
            continue
        mode = path.stat().st_mode & 0o777
        data = path.read_bytes()
        if data.startswith(b"SQLite format 3"):
            databases[name] = (read_contents(path).digest, mode, {1: "delete", 2: "wal"}[data[18]])
        else:
            files[name] = (data, mode)
    return State(databases, files)


def plan_of(root: Path) -> Plan:
    """Load the plan of the workspace."""
    return load(root / "consolidation.toml")


def plan_with(root: Path, **keys: object) -> Plan:
    """Load the plan of the workspace with other keys of the table ``tasks``."""
    plan = plan_of(root)
    source = plan.sources[0]
    changed = source.model_copy(update={"tables": [source.tables[0].model_copy(update=keys)]})
    return plan.model_copy(update={"sources": [changed, *plan.sources[1:]]})


def a_request(root: Path, stamp: str = STAMP, mode: Mode = Mode.MIGRATE) -> RunRequest:
    """Return the request of a run over the workspace, with reports beside it."""
    file = root / "consolidation.toml"
    return RunRequest(
        mode,
        Settings(root, file, root.with_name(f"{root.name}-reports")),
        load(file),
        plan_sha256=sha256(file),
        plan_text=file.read_bytes(),
        started=datetime.strptime(stamp, "%Y%m%d_%H%M%S").replace(tzinfo=UTC),
    )


def a_run(root: Path, stamp: str = STAMP, mode: Mode = Mode.MIGRATE, context: Context | None = None) -> Run:
    """Return a run that has not begun."""
    return Run(a_request(root, stamp, mode), context)


def accept(run: Pipeline, stage: Stage) -> None:
    """Perform a stage and check its criteria. All of them must pass."""
    run.perform(stage)
    results = [run.check(criterion) for criterion in run.log.demanded(stage)]
    assert not run.log.unverified(stage), "\n".join(result.text for result in results)


def reach(run: Pipeline, last: Stage) -> None:
    """Perform and check the stages of a run up to one. The run stays open."""
    stages = stages_of(run.log.mode)
    for stage in stages[: stages.index(last) + 1]:
        accept(run, stage)


def refusal(run: Pipeline, stage: Stage) -> Problem:
    """Return the problem of a stage that cannot be performed. No stage must have begun."""
    begun = dict(run.log.stages)
    with pytest.raises(ProblemError) as caught:
        run.perform(stage)
    assert run.log.stages == begun
    return caught.value.problems[0]


def consolidate(run: Run, until: Stage = FINAL) -> Run:
    """Run all stages, or stop after one as a crash does.

    The locks are released in both cases.
    """
    try:
        reach(run, until)
        if until == FINAL:
            run.end()
    finally:
        run.close()
    return run


def consolidated(root: Path, stamp: str = STAMP) -> Path:
    """Consolidate the workspace, and return the backup set."""
    return consolidate(a_run(root, stamp)).folder


class CrashingLedger(Ledger):
    """Kill this process right before an event is recorded for the n-th time."""

    def __init__(self, folder: Path, event: str, times: int = 1) -> None:
        super().__init__(folder)
        self._dies_at = (event, times)

    def note(self, event: str, **facts: object) -> None:
        """Record the event, or kill this process."""
        wanted, times = self._dies_at
        if event == wanted and len(self.all(event)) == times - 1:
            die()
        super().note(event, **facts)
