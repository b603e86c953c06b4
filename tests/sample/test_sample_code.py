"""Test the code and the plan of the sample workspace with the sources and with the target."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.sample.build import build

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

LOGS = "meridian-core/logs"
OLD = ("task_queue", "proposals", "orchestration_decisions")
IMPORTS = """
from meridian_core.orchestration.task_queue_db import TaskQueueDB
from meridian_core.learning.proposal_manager import ProposalManager
from meridian_core.orchestration.orchestration_decision_db import OrchestrationDecisionDB
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Build a sample with all three sources."""
    return build(tmp_path / "workspace", decisions=True)


def python(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python in the workspace, with its library on PYTHONPATH."""
    environment = {key: value for key, value in os.environ.items() if key != "MERIDIAN_WORKSPACE"}
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=workspace,
        env=environment | {"PYTHONPATH": str(workspace / "meridian-core/src")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def sample_plan(workspace: Path) -> Plan:
    """Return the plan of the sample."""
    return Plan.model_validate(tomllib.loads((workspace / "consolidation.toml").read_text(encoding="utf-8")))


def count(database: Path, table: str) -> int:
    """Return the number of rows of one table."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def move_rows(workspace: Path, plan: Plan) -> None:
    """Copy the rows of the plan by hand, without any check."""
    with closing(sqlite3.connect(workspace / plan.target)) as db:
        db.executescript("DROP INDEX idx_tasks_status; DROP INDEX idx_tasks_priority;")
        for file, table in [(source.file, table) for source in plan.sources for table in source.tables]:
            db.executescript(table.create or plan.tables[0].create)
            db.execute("ATTACH ? AS old", (str(workspace / file),))
            names = ", ".join(name for _, name, *_ in db.execute(f"PRAGMA old.table_info({table.name})"))
            db.execute(f"INSERT INTO main.{table.name} ({names}) SELECT {names} FROM old.{table.name}")
            db.commit()
            db.execute("DETACH old")


def rewrite_code(workspace: Path, plan: Plan) -> None:
    """Rewrite the code of the plan as text."""
    last_import = "from meridian_core.storage import connect\n"
    for reference in plan.references:
        path = workspace / reference.file
        text = path.read_text(encoding="utf-8").replace(reference.find, reference.replace)
        path.write_text(text.replace(last_import, f"{last_import}{reference.import_}\n"), encoding="utf-8")
    with (workspace / plan.inserts[0].file).open("a", encoding="utf-8") as module:
        module.write(plan.inserts[0].code)


def test_code_reads_the_sources(workspace: Path) -> None:
    """All three classes read the database at their default paths."""
    completed = python(
        workspace,
        "-c",
        IMPORTS + "print(len(TaskQueueDB().load_tasks()), TaskQueueDB().metadata()['schema_version'],\n"
        "      len(ProposalManager().load_proposals()), OrchestrationDecisionDB().count_decisions())",
    )

    assert (completed.stderr, completed.stdout.split()) == ("", ["85", "7", "1", "72"])


def test_code_writes_into_the_sources(workspace: Path) -> None:
    """Each of the three tables gets a row, and a stale version of a task is refused."""
    completed = python(
        workspace,
        "-c",
        IMPORTS + "queue, proposals, decisions = TaskQueueDB(), ProposalManager(), OrchestrationDecisionDB()\n"
        "queue.add_task('new', 'gr\\xf6\\xdfer', tags=('x',))\n"
        "(task,) = [task for task in queue.load_tasks('pending') if task.id == 'new']\n"
        "print(queue.set_status(task, 'completed'), queue.set_status(task, 'failed'))\n"
        "proposals.review(proposals.propose('why', 'because'), approved=True)\n"
        "decisions.record_decision('new', 'coder', success=True)\n",
    )

    assert (completed.stderr, completed.stdout.split()) == ("", ["True", "False"])
    assert count(workspace / LOGS / "task_queue.db", "tasks") == 86
    assert count(workspace / LOGS / "proposals.db", "proposals") == 2
    assert count(workspace / LOGS / "orchestration_decisions.db", "orchestration_decisions") == 73


def test_missing_database_or_table_is_not_created(tmp_path: Path) -> None:
    """The error names what is missing, and no file and no table is created."""
    root = build(tmp_path / "sample")
    with closing(sqlite3.connect(tmp_path / "bare.db")) as db:
        db.execute("CREATE TABLE other (x)")
    code = (
        "from meridian_core.orchestration.orchestration_decision_db import OrchestrationDecisionDB as D; import sys\n"
        "D(*sys.argv[1:])"
    )

    absent = python(root, "-c", code)
    bare = python(root, "-c", code, str(tmp_path / "bare.db"))

    assert "There is no database" in absent.stderr
    assert "There is no table orchestration_decisions" in bare.stderr
    assert not list((root / LOGS).glob("orchestration*"))
    with closing(sqlite3.connect(tmp_path / "bare.db")) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("other",)]


def test_plan_has_the_values_of_the_issue(workspace: Path) -> None:
    """Names, order, risks, counts and estimates are those of the issue."""
    plan = sample_plan(workspace)

    assert (plan.name, plan.target, plan.change.id) == ("db-consolidation", "workspace.db", "CHG-1042")
    assert [(s.name, s.priority, s.risk, s.optional, s.estimate) for s in plan.in_order] == [
        ("task_queue", 2, "medium", False, 900),
        ("proposals", 3, "low", False, 300),
        ("orchestration_decisions", 4, "low", True, 300),
    ]
    assert {t.name: t.rows for s in plan.sources for t in s.tables if t.rows is not None} == {
        "tasks": 85,
        "task_queue_metadata": 5,
        "proposals": 1,
    }
    assert [table.name for table in plan.tables] == ["orchestration_decisions"]
    assert list(plan.estimates.model_dump().values()) == [300, 600, 1800, 1200, 300]


def test_planned_tables_have_every_source_column(workspace: Path) -> None:
    """The DDL of the plan runs, and the columns differ only as the comments of the plan say."""
    plan = sample_plan(workspace)
    wanted = [(s, t.name, t.create or plan.tables[0].create) for s in plan.sources for t in s.tables]

    differences = set()
    for source, table, create in wanted:
        with closing(sqlite3.connect(":memory:")) as new, closing(sqlite3.connect(workspace / source.file)) as old:
            new.executescript(create)
            columns, planned = (
                {name: rest for _, name, *rest in db.execute(f"PRAGMA table_info({table})")} for db in (old, new)
            )
        assert columns.keys() == planned.keys()
        assert {name: rest[0] for name, rest in columns.items()} == {name: rest[0] for name, rest in planned.items()}
        differences |= {f"{table}.{name}" for name in columns if columns[name] != planned[name]}

    assert differences == {
        "tasks.version",
        "task_queue_metadata.value",
        "task_queue_metadata.updated_at",
        "orchestration_decisions.dry_run",
    }


def test_each_reference_occurs_once_in_the_scanned_trees(workspace: Path) -> None:
    """After the replacements no scanned file names a source."""
    plan = sample_plan(workspace)
    scanned = [path for tree in plan.scan.paths for path in (workspace / tree).rglob("*.py")]

    text = "".join(path.read_text(encoding="utf-8") for path in scanned)
    for reference in plan.references:
        assert (workspace / reference.file).read_text(encoding="utf-8").count(reference.find) == 1
        text = text.replace(reference.find, reference.replace)

    assert not re.search("|".join(rf"{name}\.db" for name in OLD), text)


def test_inserted_function_finds_the_workspace_of_its_module(workspace: Path, tmp_path: Path) -> None:
    """The current directory does not matter. An environment variable names another workspace."""
    insert = sample_plan(workspace).inserts[0]
    module = workspace / insert.file
    lone = tmp_path / "lone.py"
    text = module.read_text(encoding="utf-8") + "\n" + insert.code
    for path in (module, lone):
        path.write_text(text, encoding="utf-8")
    code = (
        "import os, sys, runpy\nos.chdir(sys.argv[2])\nos.environ.update(a.split('=') for a in sys.argv[3:])\n"
        "print(runpy.run_path(sys.argv[1])['get_workspace_root']())"
    )
    other = build(tmp_path / "other")

    elsewhere = python(tmp_path, "-c", code, str(module), "/")
    named = python(tmp_path, "-c", code, str(module), "/", f"MERIDIAN_WORKSPACE={other}")
    wrong = python(tmp_path, "-c", code, str(module), "/", f"MERIDIAN_WORKSPACE={tmp_path}")
    homeless = python(tmp_path, "-c", code, str(lone), str(workspace))

    assert elsewhere.stdout.strip() == str(workspace)
    assert named.stdout.strip() == str(other)
    assert "MERIDIAN_WORKSPACE" in wrong.stderr.splitlines()[-1]
    assert "No workspace above" in homeless.stderr.splitlines()[-1]


def test_rewritten_code_works_in_any_current_directory(workspace: Path, tmp_path: Path) -> None:
    """The engine rewrites the code. It finds the target of its workspace, or of the named one."""
    plan = sample_plan(workspace)
    move_rows(workspace, plan)
    rewrites, problems = plan_rewrites(workspace, plan.references, plan.inserts)
    for rewrite in rewrites:
        (workspace / rewrite.file).write_bytes(rewrite.after)
    other = tmp_path / "other"
    shutil.copytree(workspace, other, ignore=shutil.ignore_patterns("logs"))
    code = (
        f"import os, sys; os.chdir(sys.argv[1]); os.environ.update(a.split('=') for a in sys.argv[2:]){IMPORTS}"
        "print(*[(queue.db_path, len(queue.load_tasks())) for queue in [TaskQueueDB()]][0], ProposalManager().db_path)"
    )

    elsewhere = python(workspace, "-c", code, "/")
    named = python(workspace, "-c", code, "/", f"MERIDIAN_WORKSPACE={other}")

    target, other_target = workspace / "workspace.db", other / "workspace.db"
    assert (len(rewrites), problems) == (4, ())
    assert (elsewhere.stderr, elsewhere.stdout.split()) == ("", [str(target), "85", str(target)])
    assert (named.stderr, named.stdout.split()) == ("", [str(other_target), "85", str(other_target)])


def test_command_of_the_plan_prints_five_lines(workspace: Path) -> None:
    """The plan states this command and this number."""
    smoke = sample_plan(workspace).smoke[0]

    completed = python(workspace, *smoke.run[1:])

    assert (completed.returncode, completed.stderr, len(completed.stdout.splitlines())) == (0, "", smoke.expect.lines)
    assert smoke.expect.lines == 5


def test_applications_work_after_the_plan_is_applied(workspace: Path) -> None:
    """Rows are copied, code is rewritten and the sources are gone."""
    plan = sample_plan(workspace)
    move_rows(workspace, plan)
    rewrite_code(workspace, plan)
    shutil.rmtree(workspace / LOGS)

    for smoke in plan.smoke:
        completed = python(workspace, *(smoke.run[1:] or ("-c", smoke.python)))

        assert (completed.returncode, completed.stderr) == (smoke.expect.exit, "")
        assert re.search(smoke.expect.stdout, completed.stdout), smoke.name


def test_pattern_matches_the_error_in_the_log(workspace: Path) -> None:
    """The log has exactly one line that the error pattern of the plan matches."""
    lines = (workspace / LOGS / "meridian.log").read_text(encoding="utf-8").splitlines()

    assert len([line for line in lines if re.search(sample_plan(workspace).logs.errors, line)]) == 1
