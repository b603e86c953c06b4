"""Test that the run of a workspace ends, and that what it leaves is read or named."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import load_plan, rehearse
from sqlite_consolidate.fleet import worker
from sqlite_consolidate.fleet.bundle_summary import read_new_bundle
from sqlite_consolidate.fleet.members import Member
from sqlite_consolidate.fleet.rollup import row_from_run
from sqlite_consolidate.fleet.worker import Job, WorkspaceRun, run_workspace
from sqlite_consolidate.report.bundle import write_bundle
from tests.support.reports import records
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBER = Member("shops/bonn", "bonn-1", "/srv/shops/bonn")
STOPPED = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
WAITING = "import signal; signal.pause()"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a job with a time limit of a moment."""
    return Job("fleet", str(tmp_path), "verify", str(tmp_path), "", str(tmp_path / "reports"), seconds=0.1)


@pytest.fixture
def deaf() -> Iterator[None]:
    """Let the processes that are started ignore SIGTERM from their first moment."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


def run_program(job: Job, program: str, monkeypatch: pytest.MonkeyPatch) -> WorkspaceRun:
    """Run a program in place of pytest."""
    monkeypatch.setattr(worker, "_command", lambda _job: [sys.executable, "-c", program])
    return run_workspace(job)


@pytest.mark.parametrize("program", [STOPPED, WAITING])
def test_late_run_is_told_to_roll_back(job: Job, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is continued if it was stopped."""
    run = run_program(job, program, monkeypatch)

    row = row_from_run(MEMBER, "verify", run)
    assert (run.exit_code, run.is_late, row.standing) == (-signal.SIGTERM, True, "interrupted")
    assert "[member-late]" in row.headline


@pytest.mark.usefixtures("deaf")
def test_late_run_that_does_not_end_is_killed(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run in the workspace recovers it."""
    run = run_program(job, WAITING, monkeypatch)

    assert (run.exit_code, run.is_late) == (-signal.SIGKILL, True)
    assert row_from_run(MEMBER, "verify", run).standing == "unsettled"


def test_process_that_the_kernel_keeps_is_unsettled() -> None:
    """It waits for a disk, or its control group is frozen."""
    row = row_from_run(MEMBER, "verify", WorkspaceRun("host", None, 90.0, is_late=True))

    assert row.standing == "unsettled"
    assert "[member-late]" in row.headline


def test_run_within_its_time_is_not_late(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is that of its process."""
    run = run_program(replace(job, seconds=60), "raise SystemExit(4)", monkeypatch)

    assert (run.exit_code, run.is_late) == (4, False)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"schema": 2}', "\x00", "[" * 100_000, '"\\ud800"'])
@pytest.mark.parametrize("exit_code", [0, 1])
def test_evidence_that_no_run_writes_is_named(tmp_path: Path, text: str, exit_code: int) -> None:
    """The run is not accepted, whatever its exit code says."""
    folder = tmp_path / "20261122_120000-migrate"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "evidence.json").write_text(text)

    row = row_from_run(MEMBER, "migrate", WorkspaceRun("host", exit_code, 1.0, read_new_bundle(tmp_path, set())))

    assert "[bad-evidence]" in row.headline
    assert row.standing == ("failed" if exit_code else "unsettled")


@pytest.mark.parametrize("name", ["evidence.json", "manifest.json"])
def test_file_that_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    """A folder in place of a file is not read."""
    folder = tmp_path / "20261122_120000-migrate"
    (folder / name).mkdir(parents=True)
    other = {"evidence.json": "manifest.json", "manifest.json": "evidence.json"}[name]
    (folder / other).write_text("{}")

    summary = read_new_bundle(tmp_path, set())

    assert summary is not None
    assert "[bad-evidence]" in summary.headline


def test_reason_of_a_failure_has_what_to_do(tmp_path: Path) -> None:
    """A reader of the roll-up need not open the report first."""
    failed = replace(records.failed("plan-valid", "shop.db", "no problem", "no such file."), todo="Name it. [no-file]")
    write_bundle(tmp_path / "20261122_120000-migrate", replace(records.refused(), criteria=(failed,)), plan=b"")

    summary = read_new_bundle(tmp_path, set())

    assert summary is not None
    (reason,) = summary.reasons
    assert reason.startswith("plan-valid: shop.db: no such file. ")
    assert reason.endswith("Name it. [no-file]")


def test_bundle_of_a_run_is_read(tmp_path: Path) -> None:
    """Its verdict and the rows that the target has gained are in the summary."""
    workspace = build_one_source(tmp_path)
    plan = load_plan(workspace.root / "consolidation.toml")
    assert rehearse(plan, workspace=workspace.root, reports=tmp_path / "reports").accepted

    summary = read_new_bundle(tmp_path / "reports", set())

    assert summary is not None
    assert (summary.verdict, summary.mode) == ("accepted", "rehearsal")
