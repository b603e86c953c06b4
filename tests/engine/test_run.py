"""A whole run, without pytest's stages: the steps in their order, and the way back from after each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import history
from migration.engine.errors import EngineError
from migration.engine.ledger import Ledger
from migration.engine.run import STEPS
from tests.engine.small_workspace import (
    STAMP,
    a_run,
    build,
    consolidate,
    consolidated,
    execute,
    plan_of,
    state,
    steps,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The small workspace."""
    return build(tmp_path / "workspace")


def test_a_run_brings_everything_together(root: Path) -> None:
    """Rows of all sources are beside the target's own; code is rewritten, sources are archived, the row is there."""
    consolidated(root)

    target = root / "workspace.db"
    assert execute(target, "SELECT * FROM projects") == [(1, "ours"), (2, None)]
    assert execute(target, "SELECT id, title FROM tasks") == [(1, "one"), (2, "two"), (3, "three")]
    assert execute(target, "SELECT id FROM notes ORDER BY id") == [("a",), ("b",), ("c",), ("d",), ("e",)]
    assert (root / "app/tasks.py").read_bytes() == b'PATH = "workspace.db"\r\n'
    assert sorted(path.name for path in (root / "logs").iterdir()) == [
        f"notes.db.archived_{STAMP}",
        f"tasks.db.archived_{STAMP}",
    ]
    [row] = history.read_file(target)
    assert (row.run, row.backup_set) == (STAMP, f"backups/small-{STAMP}")
    assert row.sources.keys() == {"logs/tasks.db", "logs/notes.db"}


def test_a_run_keeps_modes_and_journal_mode(root: Path) -> None:
    """The target is in WAL mode again and as private as it was; so are rewritten code and archives."""
    before = state(root)

    consolidated(root)

    after = state(root)
    assert after.databases["workspace.db"][1:] == before.databases["workspace.db"][1:] == (0o640, "wal")
    assert after.files["app/tasks.py"][1] == before.files["app/tasks.py"][1] == 0o755
    assert after.databases[f"logs/tasks.db.archived_{STAMP}"][1] == 0o600


def test_a_target_that_is_not_there_is_created(tmp_path: Path) -> None:
    """It is readable by nobody who could not read all of its sources."""
    root = build(tmp_path / "workspace", target=False)

    consolidated(root)

    assert execute(root / "workspace.db", "SELECT count(*) FROM tasks") == [(3,)]
    assert (root / "workspace.db").stat().st_mode & 0o777 == 0o600


def test_the_ledger_tells_the_run(root: Path) -> None:
    """Each step that changes the workspace is noted before it is taken."""
    folder = consolidated(root)

    assert [event["event"] for event in Ledger(folder).events()] == [
        *("started", "sealed", "committing", "committed", "rewriting", "rewriting"),
        *("archiving", "archived", "archiving", "archived", "finished"),
    ]


@pytest.mark.parametrize("at", range(len(STEPS)))
def test_a_step_out_of_order_is_refused(root: Path, at: int) -> None:
    """After any number of steps only the next one can be taken, and the refusal names it."""
    run = a_run(root)
    in_order = steps(run)
    for name in STEPS[:at]:
        in_order[name]()
    before = sorted(root.rglob("*"))

    for name in STEPS[:at] + STEPS[at + 1 :]:
        if name != "transfer":  # it is many calls; the last of them is the step
            with pytest.raises(EngineError, match=f"the next step is '{STEPS[at]}'"):
                in_order[name]()

    assert sorted(root.rglob("*")) == before
    run.put_back()
    run.close()


@pytest.mark.parametrize("until", STEPS)
@pytest.mark.parametrize("target", [True, False], ids=["target", "no target"])
def test_after_each_step_everything_can_be_put_back(tmp_path: Path, until: str, target: bool) -> None:
    """Contents, code, names, permission bits and journal modes are those of before; the backup set stays."""
    root = build(tmp_path / "workspace", target=target)
    before = state(root)
    run = a_run(root)
    for name, step in steps(run).items():
        step()
        if name == until:
            break

    done = run.put_back()
    run.close()

    assert done.holds, done.seen
    assert state(root) == before
    assert run.folder.exists() == (until != "survey")


def test_a_source_in_whose_place_another_file_is_put_is_not_called_restored(root: Path) -> None:
    """What the run still holds is not what is there under the name."""
    run = a_run(root)
    for name, step in steps(run).items():
        step()
        if name == "rewrite":
            break
    (root / "logs/tasks.db").unlink()
    execute(root / "logs/tasks.db", "CREATE TABLE tasks(id)")

    done = run.put_back()

    run.close()
    assert not done.holds
    assert [one.subject for one in done.seen if not one.holds] == ["logs/tasks.db"]


def test_a_second_run_after_a_rollback_makes_another_set(root: Path) -> None:
    """It succeeds as the first did, and the first set is as it was."""
    first = a_run(root)
    for step in steps(first).values():
        step()
    first.put_back()
    first.close()
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}

    second = consolidate(a_run(root, "20250131_130000"))

    assert second.finished
    assert second.folder != first.folder
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before


def test_a_second_run_beside_a_standing_one_finds_no_sources(root: Path) -> None:
    """Nothing is doubled: the sources are gone, and that is a problem in words."""
    consolidated(root)

    run = a_run(root, "20250131_130000")
    found = run.survey()
    run.close()

    assert sorted(problem.subject for problem in found.problems if problem.criterion == "sources-readable") == [
        "logs/notes.db",
        "logs/tasks.db",
    ]


def test_an_error_before_the_set_is_sealed_leaves_no_set(root: Path) -> None:
    """A backup that could not be made is no backup: its folder is cleared away."""
    run = a_run(root)
    run.survey()
    (root / "app/tasks.py").unlink()

    with pytest.raises(FileNotFoundError):
        run.back_up()
    run.put_back()
    run.close()

    assert not run.folder.exists()


def test_code_that_changed_during_the_run_is_not_rewritten(root: Path) -> None:
    """An edit made after the survey stops the run, is named, and survives the putting back."""
    run = a_run(root)
    for name, step in steps(run).items():
        if name == "rewrite":
            break
        step()
    (root / "app/notes.py").write_text("edited")

    with pytest.raises(EngineError, match=r"app/notes.py has changed"):
        run.rewrite_code()
    run.put_back()
    run.close()

    assert (root / "app/notes.py").read_text() == "edited"
    assert (root / "app/tasks.py").read_bytes() == b'PATH = "tasks.db"\r\n'
    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema WHERE type = 'table'") == [("projects",)]


def test_a_smaller_source_than_planned_is_not_committed(root: Path) -> None:
    """A plan that states a count which the source does not have is a problem of the survey."""
    file = root / "consolidation.toml"
    file.write_text(file.read_text().replace('name = "notes"\n\n', 'name = "notes"\n  rows = 6\n\n'))
    assert plan_of(root).sources[1].tables[0].rows == 6

    run = a_run(root)
    problems = run.survey().problems
    run.close()

    assert [problem.criterion for problem in problems] == ["rows-as-stated"]
