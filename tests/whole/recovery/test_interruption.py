"""Interrupt a run at any moment, and roll everything back in it or in the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.rollback import rollback
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import REPOSITORY, Before, Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run

PREFLIGHT = "sources-readable"
COPY = "rows-counted"
COMMITTED = "70-references"
ARCHIVED = "archived"
LAST = "record-written"


def _at(test: str, number: int) -> Before:
    """Return a plugin that sends a signal to its own process before a test."""
    return Before(test, lambda _run: os.kill(os.getpid(), number))


class _Twice(Before):
    """Send a signal before a test, and again while pytest ends because of it."""

    def __init__(self, test: str, number: int) -> None:
        super().__init__(test, lambda _run: os.kill(os.getpid(), number))
        self._number = number

    def pytest_keyboard_interrupt(self) -> None:
        """Send the signal again."""
        os.kill(os.getpid(), self._number)


def _after(test: str, number: int) -> Before:
    """Return a plugin that sends it right after the test."""
    return Before(test, lambda _run: lambda: os.kill(os.getpid(), number))


def _in_a_long_statement(run: Run) -> None:
    """Run a statement on the target that never ends, and send SIGINT while it runs."""
    began = threading.Event()
    run.target.connection.create_function("began", 0, began.set)

    def _ring() -> None:
        began.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=_ring, daemon=True).start()
    run.target.connection.execute(
        "WITH n(i) AS (SELECT began() UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
    ).fetchone()


def _die_during_rollback(_run: object) -> None:
    """Kill the process after the archives have their old names, before code and target."""
    vars(rollback)["replace"] = lambda *_args: os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("plugin", "code"),
    [
        (_Twice(COPY, signal.SIGTERM), 143),
        *thorough(
            (_at(COPY, signal.SIGTERM), 143),
            (_at(COMMITTED, signal.SIGHUP), 129),
            (_after(LAST, signal.SIGINT), 2),
            (_at(PREFLIGHT, signal.SIGINT), 2),
            (_at(PREFLIGHT, signal.SIGTERM), 143),
            (_at(COMMITTED, signal.SIGINT), 2),
            (_at(ARCHIVED, signal.SIGTERM), 143),
        ),
    ],
    ids=[
        "copy, SIGTERM twice",
        "copy, SIGTERM",
        "after COMMIT, SIGHUP",
        "at the very end",
        "preflight",
        "preflight, SIGTERM",
        "after COMMIT",
        "archive, SIGTERM",
    ],
)
def test_signal_ends_the_run_and_rolls_it_back(workspace: Workspace, plugin: Before, code: int) -> None:
    """It exits with 2, 143 or 129, reports it, and leaves no lock."""
    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=plugin)

    assert ran.exit == code, ran.text
    assert ran.evidence["headline"].startswith("Interrupted. ")
    assert ran.evidence["verdict"] == "not shown"
    assert "failed" not in ran.outcomes.values()
    assert "Interrupted. " in ran.text
    assert "pytest -m migrate" in ran.text
    assert not ran.shows_source, ran.text
    assert "!!!" not in ran.text
    assert workspace.contents() == before
    assert not (workspace.root / "backups" / "run.lock").exists()


@pytest.mark.thorough
def test_endless_statement_is_interrupted(workspace: Workspace) -> None:
    """SQLite does not delay the signal, and the next migration runs normally."""
    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=Before(COPY, _in_a_long_statement))

    assert ran.exit == 2, ran.text
    assert ran.outcomes["40-transfer"] == "running"
    assert "1 stage interrupted" in ran.text.splitlines()[-1]
    assert workspace.contents() == before
    assert workspace.run("migrate").exit == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("first_line", "headline"),
    [
        ("mode:", "Interrupted. Nothing was changed."),
        *thorough(
            ("collected ", "Interrupted. Nothing was changed."),
            ("60 commit", "Interrupted. Everything was rolled back."),
        ),
    ],
)
def test_repeated_signals_end_the_run_as_one_does(workspace: Workspace, first_line: str, headline: str) -> None:
    """A further signal answers each further line, also during the collection.

    A process that is started in the background may ignore SIGINT, and then does so for its children.
    """
    before, lines = workspace.contents(), list[str]()
    with subprocess.Popen(
        workspace.command("migrate"),
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if any(first_line in earlier for earlier in lines):
                process.send_signal(signal.SIGTERM)

    ran = workspace.ran(process.returncode, "".join(lines))
    assert ran.exit == 143, ran.text
    assert ran.evidence["headline"] == headline
    assert not ran.shows_source, ran.text
    assert workspace.contents() == before


@pytest.mark.thorough
def test_an_application_is_ended_with_the_run(workspace: Workspace) -> None:
    """A smoke test that hangs does not outlive an interrupted run."""
    note = workspace.root.parent / "pid"
    workspace.edit(
        "consolidation.toml",
        "from app.store import titles; print(len(titles()))",
        f"import os, signal; open({str(note)!r}, 'w').write(str(os.getpid())); os.kill(os.getppid(), signal.SIGINT);"
        "signal.pause()",
    )
    before = workspace.contents()

    ran = workspace.forked("migrate")

    assert ran.exit == 2, ran.text
    assert workspace.contents() == before
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_next_migrate_recovers_from_a_kill(workspace: Workspace) -> None:
    """It reports what it rolled back, and then consolidates."""
    killed = workspace.run("migrate", plugin=_at(ARCHIVED, signal.SIGKILL))
    assert killed.exit == -signal.SIGKILL
    assert not (workspace.root / "old.db").exists()

    looked = workspace.run("verify")
    ran = workspace.run("migrate")

    assert looked.exit == 4, looked.text
    assert "a run was cut short in this workspace" in looked.text
    assert ran.exit == 0, ran.text
    assert "an earlier run was interrupted and has been rolled back:" in ran.text
    assert workspace.run("verify").exit == 0


@pytest.mark.parametrize("test", ["committed", *thorough("20-backup", LAST)])
def test_rollback_recovers_from_a_kill(workspace: Workspace, scratch: Path, test: str) -> None:
    """It is reported and exits with 0, also if nothing had been changed.

    SQLite cannot attach the source because of its view, so that the killed run leaves a copy of it.
    """
    execute(workspace.root / "old.db", "CREATE VIEW titles AS SELECT title FROM main.tasks")
    before = workspace.contents()
    killed = workspace.run("migrate", plugin=_at(test, signal.SIGKILL))
    assert killed.exit == -signal.SIGKILL
    assert list(scratch.iterdir()) != []

    ran = workspace.run("rollback")

    if test == "20-backup":
        assert ran.exit == 4, ran.text
        assert "nothing to roll back" in ran.text
    else:
        assert ran.exit == 0, ran.text
        assert ran.evidence["headline"] == "Rolled back: everything is as it was before the migration."
    assert workspace.contents() == before
    assert list(scratch.iterdir()) == []


@pytest.mark.thorough
def test_killed_rollback_is_finished_by_the_next(workspace: Workspace) -> None:
    """The next rollback finishes from any of its steps."""
    before = workspace.contents()
    assert workspace.run("migrate").exit == 0

    killed = workspace.forked("rollback", plugin=Before("97-rollback", _die_during_rollback))
    ran = workspace.forked("rollback")

    assert killed.exit == -signal.SIGKILL
    assert ran.exit == 0, ran.text
    assert workspace.contents() == before


@pytest.mark.thorough
def test_second_run_is_refused_and_names_the_first(workspace: Workspace) -> None:
    """The first run holds a kernel lock, and ends as if it were alone."""
    fifo = workspace.root.parent / "fifo"
    os.mkfifo(fifo)
    workspace.edit("consolidation.toml", "from app.store", f"open({str(fifo)!r}).read(); from app.store")

    with subprocess.Popen(
        workspace.command("migrate"), cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        with fifo.open("w"):  # opens as soon as the first run has come to its smoke test
            second = {verb: workspace.forked(verb) for verb in ("migrate", "verify", "rollback")}
        first.wait()

    for ran in second.values():
        assert ran.exit == 4, ran.text
        assert f"process {first.pid}" in ran.text
        assert not ran.shows_source
    assert first.returncode == 0
