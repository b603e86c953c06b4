"""Test the databases of the sample workspace and how it is built."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.sample.build import build, is_sample

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

REPOSITORY = Path(__file__).parents[2]
LOGS = "meridian-core/logs"
OLD = ("task_queue", "proposals", "orchestration_decisions")
TARGET_ROWS = {
    "workspace_tasks": 62, "architecture_components": 53, "code_component_mappings": 183, "unregistered_files": 289,
    "bastard_reports": 8, "cross_repo_issues": 4, "work_contexts": 4, "session_activities": 4, "workspace_sessions": 3,
    "architecture_decisions": 4,
} | dict.fromkeys((
    "architecture_states", "drift_scans", "context_switches", "configuration_snapshots", "session_decisions",
    "component_placements", "drift_detections", "session_issues", "architecture_tasks", "configuration_changes",
    "workflows", "violations", "import_rules", "scale_tiers", "workflow_stages", "architecture_states_old",
    "code_changes",
), 0)  # fmt: skip
APPLICATION_TABLES = {
    "orchestration_tasks", "agent_allocations", "agent_performance", "agent_workload", "agent_history",
    "task_type_history", "preflight_checks", "task_history", "orchestration_decisions", "proposals",
    "learning_proposals", "task_completions", "voting_sessions", "model_detections", "model_configurations",
    "vote_records", "tasks", "task_queue_metadata", "review_sessions", "task_executions", "decision_edges",
    "configuration_performance", "review_issues", "ai_reviews",
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Build a sample with all three sources."""
    return build(tmp_path / "workspace", decisions=True)


def tables(db: sqlite3.Connection) -> list[str]:
    """Return the names of the tables that are not SQLite's own."""
    named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    return [name for (name,) in db.execute(named).fetchall()]


def counts(database: Path) -> dict[str, int]:
    """Return the number of rows of every table."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as db:
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables(db)}


def content(database: Path) -> list[str]:
    """Return schema, version and rows, a line each."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as db:
        lines = [str(line) for line in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")]
        lines += [str(db.execute("PRAGMA user_version").fetchone())]
        for table in tables(db):
            lines += [f"{table}: {row}" for row in db.execute(f"SELECT * FROM {table}")]
        return lines


def test_target_has_the_rows_of_the_issue(workspace: Path) -> None:
    """Each table has the number of rows in the issue, and every foreign key has a parent."""
    rows_by_table = counts(workspace / "workspace.db")

    assert rows_by_table == TARGET_ROWS
    assert (len(rows_by_table), sum(rows_by_table.values())) == (27, 614)
    with closing(sqlite3.connect(workspace / "workspace.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_target_has_a_trigger_view_and_autoincrement_mark(workspace: Path) -> None:
    """It has partial indexes and a table without rowid as well."""
    with closing(sqlite3.connect(workspace / "workspace.db")) as db:
        kinds = dict(db.execute("SELECT type, count(*) FROM sqlite_schema GROUP BY type").fetchall())
        marks = db.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
        written = " ".join(sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))

    assert (kinds["trigger"], kinds["view"]) == (1, 1)
    assert marks == [("session_activities", 8)]
    assert "WITHOUT ROWID" in written
    assert "WHERE is_active = 1" in written


def test_index_names_of_the_plan_are_in_use(workspace: Path) -> None:
    """The plan creates ``idx_tasks_status`` and ``idx_tasks_priority``, which the target has."""
    with closing(sqlite3.connect(workspace / "workspace.db")) as db:
        owners = dict(db.execute("SELECT name, tbl_name FROM sqlite_schema WHERE name LIKE 'idx~_tasks~_%' ESCAPE '~'"))

    assert owners == {"idx_tasks_status": "workspace_tasks", "idx_tasks_priority": "workspace_tasks"}
    assert "CREATE INDEX idx_tasks_status ON tasks" in (workspace / "consolidation.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("task_queue", {"tasks": 85, "task_queue_metadata": 5}),
        ("proposals", {"proposals": 1}),
        ("orchestration_decisions", {"orchestration_decisions": 72}),
    ],
)
def test_source_has_24_tables_and_uses_its_own(workspace: Path, name: str, rows: dict[str, int]) -> None:
    """All other tables of the application schema are empty."""
    rows_by_table = counts(workspace / LOGS / f"{name}.db")

    assert set(rows_by_table) == APPLICATION_TABLES
    assert {table: count for table, count in rows_by_table.items() if count} == rows


@pytest.mark.parametrize(
    ("name", "table", "main_and_all"),
    [("task_queue", "tasks", (76, 85)), ("proposals", "proposals", (0, 1))],
)
def test_newest_rows_are_only_in_the_wal(
    workspace: Path, tmp_path: Path, name: str, table: str, main_and_all: tuple[int, int]
) -> None:
    """A copy of the ``.db`` alone lacks rows. There is no ``-shm``, as after a crash."""
    database = workspace / LOGS / f"{name}.db"
    sidecars = sorted(path.name for path in database.parent.glob(f"{name}.db?*"))

    alone = Path(shutil.copy(database, tmp_path / "alone.db"))

    assert sidecars == [f"{name}.db-wal"]
    assert (counts(alone)[table], counts(database)[table]) == main_and_all


def test_decisions_are_absent_by_default(tmp_path: Path) -> None:
    """By default there are two sources, and no other file beside the workspace."""
    root = build(tmp_path / "new" / "sample")

    assert sorted(path.stem for path in (root / LOGS).glob("*.db")) == ["proposals", "task_queue"]
    assert [path.name for path in root.parent.iterdir()] == ["sample"]


def test_two_builds_have_equal_content(workspace: Path, tmp_path: Path) -> None:
    """Databases have the same schema and rows, and all other files the same bytes."""
    again = tmp_path / "again"
    code = (
        "import sys, pathlib, sqlite_consolidate.sample.build as b; b.build(pathlib.Path(sys.argv[1]), decisions=True)"
    )
    subprocess.run([sys.executable, "-c", code, str(again)], cwd=REPOSITORY, check=True, timeout=30)

    def names(root: Path) -> list[str]:
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    assert names(workspace) == names(again)
    for name in names(workspace):
        if ".db" not in name:
            assert (workspace / name).read_bytes() == (again / name).read_bytes()
    for database in ("workspace.db", *(f"{LOGS}/{name}.db" for name in OLD)):
        assert content(workspace / database) == content(again / database)


def test_folder_with_a_file_is_refused(tmp_path: Path) -> None:
    """The file in the folder stays, and no other is added."""
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(FileExistsError, match="not an empty folder"):
        build(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_empty_folder_is_used_for_the_sample(tmp_path: Path) -> None:
    """The folder need not be removed first."""
    root = tmp_path / "empty"
    root.mkdir()

    assert is_sample(build(root))


def test_command_builds_the_sample_in_a_new_folder(tmp_path: Path) -> None:
    """It prints the folder of the sample. A folder with files is refused and not changed."""
    command = [sys.executable, "-m", "sqlite_consolidate.sample", "--decisions", str(tmp_path / "sample")]

    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    again = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (built.returncode, built.stdout) == (0, f"{tmp_path / 'sample'}\n"), built.stderr
    assert (tmp_path / "sample" / LOGS / "orchestration_decisions.db").is_file()
    assert again.returncode == 2
    assert "is not an empty folder" in again.stderr
    assert "Traceback" not in again.stderr


def test_other_folders_are_no_sample(workspace: Path, tmp_path: Path) -> None:
    """A missing folder or another workspace with the same plan is no sample."""
    shutil.copy(workspace / "consolidation.toml", tmp_path)

    assert is_sample(workspace)
    assert not is_sample(tmp_path)
    assert not is_sample(tmp_path / "absent")
