"""Test that the crash tests fail when a sync is left out or a step is out of order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.crash import faulty_builds
from tests.support.crash.crash_trial import CommandCase, Trial, facts, fresh
from tests.support.crash.durability import not_durable
from tests.support.crash.injector import Call, calls_of, why_no_injection
from tests.support.crash.syncs import Sync, note, skip, syncs
from tests.support.processes import die_in_a_transaction
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import CREATE_TASKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from tests.support.workspaces.whole_run import Workspace

pytestmark = pytest.mark.skipif(bool(why_no_injection()), reason=f"no fault can be injected: {why_no_injection()}")

RUBBISH = bytes(512)


def consolidated(workspace: Workspace) -> None:
    """Migrate the workspace."""
    ran = workspace.forked("migrate")
    assert ran.exit == 0, ran.text


def target_lost(workspace: Workspace) -> None:
    """Migrate, then delete the target and leave sidecar files beside it and a source."""
    workspace.execute("workspace.db", "PRAGMA journal_mode=DELETE")
    consolidated(workspace)
    (workspace.root / "workspace.db").unlink()
    (workspace.root / "workspace.db-journal").write_bytes(RUBBISH)
    (workspace.root / "logs/tasks.db-wal").write_bytes(RUBBISH)


def target_changed(workspace: Workspace) -> None:
    """Migrate, then change the target."""
    consolidated(workspace)
    workspace.execute("workspace.db", "CREATE TABLE later(x)")


def chosen_rows(workspace: Workspace) -> None:
    """Let a row match a row of the target, and another one stay behind.

    The run then writes a key map, and a log of each decision.
    """
    workspace.execute("workspace.db", CREATE_TASKS)
    workspace.execute("workspace.db", "INSERT INTO tasks VALUES(7, 'two')")
    plan = workspace.root / "consolidation.toml"
    text = plan.read_text("utf-8")
    for table, keys in {
        "tasks": 'keys = "renumber"\n  match = ["title"]',
        "notes": 'where = "id <> \'a\'"\n  reason = "old"',
    }.items():
        text = text.replace(f'  name = "{table}"\n', f'  name = "{table}"\n  {keys}\n')
    plan.write_text(text, "utf-8")


def target_new(workspace: Workspace) -> None:
    """Migrate into a target that did not exist."""
    (workspace.root / "workspace.db").unlink()
    consolidated(workspace)


def hot_journal(workspace: Workspace) -> None:
    """Leave a hot journal of a dead process beside a source."""
    die_in_a_transaction(workspace.root / "logs" / "tasks.db")


JOURNEYS = {
    "migrate": CommandCase(),
    "migrate, hot journal": CommandCase("migrate", hot_journal),
    "migrate, chosen rows": CommandCase("migrate", chosen_rows),
    "rollback": CommandCase("rollback", consolidated),
    "rollback, target lost": CommandCase("rollback", target_lost),
    "rollback, target new": CommandCase("rollback", target_new),
    "rollback, target changed": CommandCase("rollback --discard-changes", target_changed),
}


@pytest.mark.parametrize(
    "journey",
    [
        "migrate",
        *thorough(
            "rollback",
            "migrate, hot journal",
            "migrate, chosen rows",
            "rollback, target lost",
            "rollback, target new",
            "rollback, target changed",
        ),
    ],
)
def test_everything_is_on_the_disk_in_time(tmp_path: Path, journey: str) -> None:
    """No name precedes its bytes, and no archive precedes the rest."""
    assert unsynced(tmp_path, JOURNEYS[journey]) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("spoil", "journey", "way", "at", "caught"),
    [
        (
            faulty_builds.overwrite_in_place,
            "migrate",
            "rollback",
            ("write", "app/tasks.py", 0),
            "app/tasks.py: not as it",
        ),
        *thorough(
            (
                faulty_builds.say_put_back_before,
                "rollback",
                "rollback",
                ("rename", "app/tasks.py", 0),
                "app/tasks.py: not as it should be",
            ),
            (
                faulty_builds.rewrite_before_the_ledger_says_so,
                "migrate",
                "rollback",
                ("fsync", "app", 0),
                "app/tasks.py: not as it should be",
            ),
            (
                faulty_builds.seal_before_the_code_is_copied,
                "migrate",
                "rollback",
                ("write", "code/000-tasks.py", 1),
                "code/001-notes.py is not the copy that was sealed",
            ),
            (
                faulty_builds.say_finished_after_commit,
                "migrate",
                "migrate",
                ("rename", "app/tasks.py", 0),
                "app/tasks.py: not as it should be",
            ),
        ),
    ],
)
def test_step_out_of_order_fails_after_a_kill(
    tmp_path: Path,
    pool: Executor,
    spoil: Callable[[], None],
    journey: str,
    way: str,
    at: tuple[str, str, int],
    caught: str,
) -> None:
    """After a kill and one command the workspace is neither as before nor as after."""
    build = replace(JOURNEYS[journey], spoil=spoil)
    call = _found(pool.submit(build.calls, tmp_path / "spoiled").result(), *at)

    trial = Trial("kill", call, way, journey=build)
    wrong = pool.submit(trial.wrong, tmp_path / "trial", _good(tmp_path / "good", way)).result()

    assert caught in wrong


@pytest.mark.parametrize(
    ("spoil", "journey", "caught"),
    [
        (faulty_builds.sync_nothing, "migrate", "before its bytes were on the disk"),
        *thorough(
            (faulty_builds.archive_before_commit, "migrate", "in the middle of a transaction: workspace.db-journal"),
            (
                faulty_builds.restore_before_the_sidecars_are_gone,
                "rollback, target lost",
                "before these were off the disk",
            ),
        ),
    ],
)
def test_step_out_of_order_shows_in_the_calls(
    tmp_path: Path, spoil: Callable[[], None], journey: str, caught: str
) -> None:
    """A kill may not show it, but the order of the system calls does."""
    problems = unsynced(tmp_path, replace(JOURNEYS[journey], spoil=spoil))

    assert any(caught in text for text in problems), problems


@pytest.mark.crash
def test_no_sync_can_be_left_out(tmp_path: Path, pool: Executor) -> None:
    """Each place in the engine that waits for the disk is reached, and missed when skipped."""
    for name, journey in JOURNEYS.items():
        assert unsynced(tmp_path / name, replace(journey, spoil=partial(note, tmp_path / f"{name}.txt"))) == []
    reached = {name: (tmp_path / f"{name}.txt").read_text().splitlines() for name in JOURNEYS}

    tried = {
        sync: pool.submit(
            notice, tmp_path / str(index), sync, [name for name in JOURNEYS if str(sync) in reached[name]]
        )
        for index, sync in enumerate(syncs())
    }

    assert len(tried) > 20
    assert [str(sync) for sync, future in tried.items() if not future.result()] == []


def notice(folder: Path, sync: Sync, journeys: list[str]) -> bool:
    """Return whether the calls of one of these commands show that a sync was left out."""
    return any(unsynced(folder / name, replace(JOURNEYS[name], spoil=partial(skip, sync))) for name in journeys)


def unsynced(folder: Path, journey: CommandCase) -> list[str]:
    """Return what was not on the disk in time, in a command without a fault."""
    workspace = journey.begin(folder)
    were = [path.relative_to(workspace.root).as_posix() for path in workspace.root.rglob("*")]
    return not_durable(calls_of(workspace, journey.verb, journey.spoil), were)


def _found(calls: list[Call], name: str, path: str, which: int) -> Call:
    return [call for call in calls if call.name == name and call.paths[-1].endswith(path)][which]


def _good(folder: Path, way: str) -> dict[str, object]:
    workspace = fresh(folder)
    if way == "migrate":
        consolidated(workspace)
    return facts(workspace.root)
