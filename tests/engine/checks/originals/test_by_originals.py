"""Specify that each fault of a consolidation by another tool fails its criterion."""

from __future__ import annotations

import shutil
import tomllib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure, compare_triggers
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.sample.build import build
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.observation import Observation

PLANNED = ("tasks", "task_queue_metadata", "proposals", "orchestration_decisions")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Build the sample as the originals that an operator has kept."""
    return build(tmp_path / "kept")


@pytest.fixture
def plan(kept: Path) -> Plan:
    """The sample's plan."""
    return Plan.model_validate(tomllib.loads((kept / "consolidation.toml").read_text("utf-8")), by_alias=True)


@pytest.fixture
def by_hand(tmp_path: Path, kept: Path, plan: Plan) -> Iterator[sqlite3.Connection]:
    """Consolidate by hand and correctly, with ATTACH, CREATE and INSERT ... SELECT."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    shutil.copyfile(kept / "workspace.db", workspace / "workspace.db")
    con = open_existing(workspace / "workspace.db")
    creates = {m.into: m.create for s in plan.sources for m in s.tables} | {t.name: t.create for t in plan.tables}
    for name in PLANNED:
        for statement in creates[name].split(";"):
            # Made by a careful hand: the two names that workspace_tasks has already are other ones here.
            con.execute(
                statement.replace("idx_tasks_status", "own_status").replace("idx_tasks_priority", "own_priority")
            )
    for at, (file, tables) in enumerate((("task_queue", PLANNED[:2]), ("proposals", PLANNED[2:3]))):
        con.execute(f"ATTACH ? AS s{at}", (str(kept / f"meridian-core/logs/{file}.db"),))
        for name in tables:
            columns = ", ".join(row[1] for row in con.execute(f"PRAGMA main.table_info({name})"))
            con.execute(f"INSERT INTO main.{name}({columns}) SELECT {columns} FROM s{at}.{name}")
    yield con
    con.close()


def judged(plan: Plan, kept: Path, tmp_path: Path, stack: ExitStack) -> TargetComparison:
    """Compare with the originals as ``pytest -m verify --originals DIR`` does."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    target = originals.copy_originals(plan, kept, tmp_path / "workspace", scratch)
    return originals.compare_with_originals(plan, scratch, target, stack)


def wrong(observations: list[Observation]) -> list[str]:
    """Return the failed observations as text."""
    return [f"{observation.subject}: {observation.observed}" for observation in observations if not observation.holds]


def faults(comparison: TargetComparison, plan: Plan) -> dict[str, list[str]]:
    """Return the failed observations of each criterion."""
    return {
        "tables-created": wrong(compare_structure.tables_created(comparison, plan)),
        "indexes-created": wrong(compare_structure.indexes_created(comparison)),
        "schema-as-planned": wrong(compare_structure.schema_as_planned(comparison)),
        "rows-counted": wrong(compare.rows_counted(comparison)),
        "rows-exact": wrong([*compare.rows_exact(comparison), *compare.marks_carried(comparison)]),
        "no-duplicates": wrong(compare.no_duplicates(comparison)),
        "foreign-keys": wrong(compare.foreign_keys(comparison)),
        "neighbours-unchanged": wrong(compare_neighbours.neighbours(comparison)),
        "triggers-in-place": wrong(compare_triggers.triggers_in_place(comparison)),
    }


@pytest.mark.usefixtures("by_hand")
def test_correct_consolidation_by_hand_passes(plan: Plan, kept: Path, tmp_path: Path) -> None:
    """Indexes may have other names if rows, columns and other tables are correct."""
    with ExitStack() as stack:
        failures = faults(judged(plan, kept, tmp_path, stack), plan)

    assert not any(failures.values()), failures


@pytest.mark.parametrize(
    ("criterion", "statement", "says"),
    [
        ("rows-counted", "DELETE FROM tasks WHERE rowid = 7", "84 rows"),
        ("rows-exact", "UPDATE tasks SET created_by = file, file = created_by", "file and created_by"),
        *thorough(
            ("indexes-created", "DROP INDEX own_status", "idx_tasks_status"),
            ("schema-as-planned", "CREATE TABLE stray(x)", "stray: "),
            ("tables-created", "DROP TABLE orchestration_decisions", "orchestration_decisions: "),
            ("neighbours-unchanged", "DROP TABLE bastard_reports", "bastard_reports: "),
        ),
    ],
)
def test_each_fault_is_found_by_its_criterion(
    criterion: str, statement: str, says: str, by_hand: sqlite3.Connection, plan: Plan, kept: Path, tmp_path: Path
) -> None:
    """What a hand-made consolidation loses quietly is named, where it was lost."""
    by_hand.execute("PRAGMA foreign_keys=OFF")
    by_hand.execute(statement)

    with ExitStack() as stack:
        failures = faults(judged(plan, kept, tmp_path, stack), plan)

    assert any(says in text for text in failures[criterion]), failures


def test_doubled_row_without_key_is_found(by_hand: sqlite3.Connection, plan: Plan, kept: Path, tmp_path: Path) -> None:
    """A copy that ran twice into a table whose key was forgotten doubles its rows."""
    columns = ", ".join(row[1] for row in by_hand.execute("PRAGMA table_info(task_queue_metadata)"))
    by_hand.execute(f"CREATE TABLE again AS SELECT {columns} FROM task_queue_metadata")
    by_hand.execute("DROP TABLE task_queue_metadata")
    by_hand.execute("ALTER TABLE again RENAME TO task_queue_metadata")
    by_hand.execute("INSERT INTO task_queue_metadata SELECT * FROM task_queue_metadata LIMIT 2")

    with ExitStack() as stack:
        failures = faults(judged(plan, kept, tmp_path, stack), plan)

    assert any("2 rows doubled" in text for text in failures["no-duplicates"])
    assert any("2 repeated keys" in text for text in failures["no-duplicates"])


def test_rows_changed_since_are_counted_and_no_fault(
    by_hand: sqlite3.Connection, plan: Plan, kept: Path, tmp_path: Path
) -> None:
    """Three rows that an application has changed are counted, and nothing fails."""
    by_hand.execute("UPDATE tasks SET status = 'done since' WHERE rowid <= 3")
    by_hand.execute("UPDATE workspace_tasks SET title = 'edited' WHERE rowid = 1")

    with ExitStack() as stack:
        state = judged(plan, kept, tmp_path, stack)
        failures, findings = faults(state, plan), originals.changed_row_findings(state.row_matches)
        beside = {observation.subject: observation.observed for observation in compare_neighbours.neighbours(state)}

    assert not any(failures.values()), failures
    assert [(finding.id, finding.count) for finding in findings] == [("rows-changed-since", 3)]
    assert "(status)" in findings[0].text
    assert "changed since" in beside["workspace_tasks"]


def test_values_of_another_type_are_a_fault(
    by_hand: sqlite3.Connection, plan: Plan, kept: Path, tmp_path: Path
) -> None:
    """No later edit explains a column declared with another type."""
    columns = [row[1] for row in by_hand.execute("PRAGMA table_info(proposals)")]
    declared = ", ".join(f"{name} TEXT" + (" PRIMARY KEY" if name == "id" else "") for name in columns)
    by_hand.execute(f"CREATE TABLE again({declared})")
    by_hand.execute(f"INSERT INTO again SELECT {', '.join(columns)} FROM proposals")
    by_hand.execute("DROP TABLE proposals")
    by_hand.execute("ALTER TABLE again RENAME TO proposals")

    with ExitStack() as stack:
        failures = faults(judged(plan, kept, tmp_path, stack), plan)

    assert any("created_at" in text for text in failures["rows-exact"])


def test_missing_originals_are_named(plan: Plan, kept: Path, tmp_path: Path) -> None:
    """Without a required original there is nothing to judge by."""
    (kept / "meridian-core/logs/proposals.db").unlink()
    (kept / "meridian-core/logs/proposals.db-wal").unlink()
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with pytest.raises(ProblemError) as refused:
        originals.copy_originals(plan, kept, tmp_path, scratch)

    [problem] = refused.value.problems
    assert (problem.id, problem.subject) == ("no-original", "meridian-core/logs/proposals.db")
    assert " kept" in problem.what
