"""Specify what a rehearsal states about the workspace itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.verdict import CHANGED, UNTOUCHED, headline, verdict
from sqlite_consolidate.observation import Outcome
from tests.support.observations import numbers_in
from tests.support.processes import unrelated_process
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import a_run

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run


def add_smoke_test(root: Path, script: str, fields: str = "") -> None:
    """Add a smoke test of a shell to the plan."""
    file = root / "consolidation.toml"
    command = json.dumps(["sh", "-c", script])
    file.write_text(f'{file.read_text()}\n[[smoke]]\nname = "it"\nrun = {command}\n{fields}\n')


def perform_all(root: Path, mode: Mode = Mode.REHEARSAL) -> Run:
    """Perform a run until a criterion does not hold, and end it."""
    run = a_run(root, mode=mode)
    run_stages(run)
    run.end()
    run.log.finished = "2025-01-31T12:00:00+00:00"
    return run


def findings_of(run: Run) -> list[tuple[str, int]]:
    """Return the subject and the count of each finding about the workspace."""
    return [(finding.subject, finding.count) for finding in run.log.findings if finding.id == WORKSPACE_CHANGED]


@pytest.mark.parametrize("change", ["echo x >> ROOT/logs/tasks.db", *thorough("rm ROOT/app/old.txt", "mkdir ROOT/new")])
def test_program_that_changes_the_workspace_is_refused(root: Path, change: str) -> None:
    """A shell reports no opening of a file, and has ended before its open files are listed."""
    (root / "app/old.txt").touch()
    add_smoke_test(root, change.replace("ROOT", str(root)))

    run = perform_all(root)

    assert verdict(run.log) == "refused"
    assert run.log.outcome("smoke:it") is Outcome.FAILED
    assert findings_of(run) == [("it", 1)]
    assert headline(run.log, ExitCode.ACCEPTED).endswith(CHANGED)


def test_change_of_another_process_refuses_no_rehearsal(root: Path) -> None:
    """The file is open in another process, which may be the one that writes."""
    (root / "app/log.txt").touch()
    add_smoke_test(root, f"echo x >> {root}/app/log.txt")

    with unrelated_process("f = open(sys.argv[1])", root / "app/log.txt"):
        run = perform_all(root)

    assert verdict(run.log) == "accepted"
    assert findings_of(run) == [("it", 1)]
    assert headline(run.log, ExitCode.ACCEPTED).endswith(CHANGED)


def test_rehearsal_that_leaves_the_workspace_alone_says_so(root: Path) -> None:
    """Each file of the workspace has been looked at."""
    add_smoke_test(root, "echo x > new.txt; rm app/tasks.py.orig 2>/dev/null; true")

    run = perform_all(root)

    [entry] = [entry for entry in run.log.results["smoke:it"].evidence if "changes no file" in entry.expected]
    assert entry.outcome is Outcome.PASSED
    assert numbers_in(entry.observed) == [7]
    assert headline(run.log, ExitCode.ACCEPTED).endswith(UNTOUCHED)


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.REHEARSAL])
def test_library_that_a_writing_test_changes_is_named(root: Path, mode: Mode) -> None:
    """The copy uses installed packages from where they are."""
    library = root / "node_modules/zz/index.js"
    library.parent.mkdir(parents=True)
    library.write_text("x")
    add_smoke_test(root, "echo y > node_modules/zz/index.js", "writes = true")

    run = perform_all(root, mode)

    assert run.log.outcome("smoke:it") is Outcome.FAILED
    assert findings_of(run) == [("it", 1)]
