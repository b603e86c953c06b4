"""Specify that no smoke test of a run can read a source under its old name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.stages import ARCHIVE, SMOKE
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.observation import Outcome
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import ARCHIVED, a_run, execute, reach, state

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run

OPEN_OLD = "import sqlite3; sqlite3.connect('logs/' + 'tasks' + '.db')"
READ_OLD = f"{OPEN_OLD}.execute('SELECT * FROM tasks').fetchall()"
CREATE_OLD = f"{OPEN_OLD}.execute('CREATE TABLE IF NOT EXISTS tasks(id)')"
WRITE_TEXT = "open('logs/' + 'tasks' + '.db', 'w').write('no database')"
OLD = "import glob, os; old = 'logs/' + 'tasks' + '.db'; archive, = glob.glob(old + '.archived_*')"
LINKS = (f"{OLD}; os.symlink(os.path.basename(archive), old)", f"{OLD}; os.link(archive, old)")
SPOIL = f"{OLD}; open(archive, 'r+b').write(bytes(5000))"
MAKE_FOLDER = f"{OLD}; os.mkdir(old)"
OPENING = {
    "reads": (READ_OLD, "smoke:it"),
    "creates": (CREATE_OLD, "no-side-effects"),
    "writes a text": (WRITE_TEXT, "no-side-effects"),
    "links": (LINKS[0], "no-side-effects"),
    "links hard": (LINKS[1], "no-side-effects"),
    "makes a folder": (MAKE_FOLDER, "no-side-effects"),
    "spoils": (SPOIL, "no-side-effects"),
}
LIST = "import os; print(*sorted(os.listdir('logs')))"


def add_smoke_test(root: Path, python: str) -> None:
    """Add a smoke test to the plan."""
    file = root / "consolidation.toml"
    file.write_text(f'{file.read_text()}\n[[smoke]]\nname = "it"\npython = """{python}"""\n')


def perform_all(root: Path, mode: Mode = Mode.MIGRATE) -> Run:
    """Perform a run until a criterion does not hold, and end it."""
    run = a_run(root, mode=mode)
    run_stages(run)
    run.end()
    return run


@pytest.mark.parametrize("mode", [Mode.MIGRATE, *thorough(Mode.REHEARSAL)])
@pytest.mark.parametrize("does", ["reads", "creates", *thorough(*list(OPENING)[2:])])
def test_application_that_opens_an_old_database_is_refused(root: Path, mode: Mode, does: str) -> None:
    """A name that no scan finds is found by the test, and everything is as before."""
    python, failed = OPENING[does]
    add_smoke_test(root, python)
    before = state(root)

    run = perform_all(root, mode)

    assert verdict(run.log) == "refused"
    assert run.log.failed_stage() == SMOKE.id
    assert run.log.outcome(failed) is Outcome.FAILED
    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert state(root) == before


def test_smoke_test_finds_archives_under_their_last_names(root: Path) -> None:
    """The application is tried with the files that it will find after the run."""
    add_smoke_test(root, LIST)

    run = perform_all(root)

    assert verdict(run.log) == "accepted"
    [(_, result)] = run.application_results
    assert result.stdout.split() == sorted(path.name for path in (root / "logs").iterdir())
    assert "notes.db" not in result.stdout.split()


def test_archive_is_locked_while_a_smoke_test_runs(root: Path) -> None:
    """The run keeps the lock of a source, so that no smoke test can change it."""
    add_smoke_test(root, f"import sqlite3; sqlite3.connect('{ARCHIVED}', timeout=0).execute('DELETE FROM tasks')")

    run = perform_all(root)

    [(_, result)] = run.application_results
    assert "database is locked" in result.stderr
    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(3,)]


def test_taken_archive_name_is_refused_before_an_application_runs(root: Path) -> None:
    """A source that cannot be hidden is noticed in time."""
    add_smoke_test(root, "print(open('ran', 'w'))")
    (root / ARCHIVED).write_text("of another program")

    run = perform_all(root)

    assert "archive-name-taken" in "".join(run.log.errors)
    assert run.log.failed_stage() == SMOKE.id
    assert not (root / "ran").exists()


def test_sources_keep_their_names_without_a_smoke_test(root: Path) -> None:
    """Without an application there is nothing from which they would have to be hidden."""
    run = a_run(root)
    reach(run, SMOKE)

    assert (root / "logs/tasks.db").exists()

    run.perform(ARCHIVE)
    assert (root / ARCHIVED).exists()
    run.end()


def test_old_database_that_another_test_removes_is_noticed(root: Path) -> None:
    """The first test has opened it nevertheless."""
    add_smoke_test(root, CREATE_OLD)
    file = root / "consolidation.toml"
    file.write_text(f'{file.read_text()}\n[[smoke]]\nname = "cleaner"\nrun = ["rm", "logs/tasks.db"]\n')

    run = perform_all(root)

    assert run.log.outcome("no-side-effects") is Outcome.FAILED
    assert [entry.subject for entry in run.log.results["no-side-effects"].evidence] == ["logs/tasks.db"]
