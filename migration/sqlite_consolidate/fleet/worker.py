"""Run one workspace in a separate process, on the host of a worker, and return its result.

Dask calls these functions in the process of the worker. They do not import Dask.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from sqlite_consolidate.atomic_files import let_owner_use_new_files, make_private_folders
from sqlite_consolidate.fleet.bundle_summary import BundleSummary, read_new_bundle
from sqlite_consolidate.fleet.model import DEFAULT_SECONDS

_MAX_READ_BYTES = 20_000  # bytes that are read from the end of the output
_MAX_LINES = 20
_LONGEST_ROLLBACK = 3600.0  # seconds that a run has to roll back once its time is over
_END_SECONDS = 5.0  # for the kernel to end a process


@dataclass(frozen=True)
class Job:
    """Hold the run of one workspace.

    Attributes:
        fleet: Id of the fleet run it belongs to.
        project: Folder from which the fleet was started. On a host without it, the folder of the reports is used.
        verb: ``migrate``, ``verify`` or ``rollback``.
        workspace: Absolute, on this host; so are ``plan``, unless it is empty, and ``reports``.
        reports: Folder for the reports of this workspace alone.
        extra: Further options of the run.
        seconds: Time limit of the run.
    """

    fleet: str
    project: str
    verb: str
    workspace: str
    plan: str
    reports: str
    extra: tuple[str, ...] = ()
    seconds: float = DEFAULT_SECONDS


@dataclass(frozen=True)
class WorkspaceRun:
    """Hold the result of a run.

    Attributes:
        host: Host of the run.
        exit_code: Exit code of the process; negative for the signal that ended it; None if it was not started, or if
            the kernel did not end it.
        seconds: Elapsed time of the process.
        bundle: Summary of its bundle, or None.
        output: The last output where there is no bundle.
        start_error: Why it could not be started; empty when the fleet run was stopped before.
        is_late: True if it took longer than its time limit.
    """

    host: str
    exit_code: int | None = None
    seconds: float = 0.0
    bundle: BundleSummary | None = None
    output: str = ""
    start_error: str = ""
    is_late: bool = False


class _RunningJobs:
    """Hold the processes of each fleet run, and the fleet runs that start no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped: set[str] = set()
        self._running: defaultdict[str, set[subprocess.Popen[bytes]]] = defaultdict(set)

    def start(self, job: Job, output: IO[bytes]) -> subprocess.Popen[bytes] | None:
        """Start the process of a job, or return None if its fleet run was stopped."""
        with self._lock:
            if job.fleet in self._stopped:
                return None
            process = subprocess.Popen(
                _command(job),
                cwd=_project(job),
                env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # this process passes Ctrl-C on, once
            )
            self._running[job.fleet].add(process)
            return process

    def end(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._running[job.fleet].discard(process)

    def stop(self, fleet: str, *, interrupt: bool) -> None:
        """Start no more jobs of the fleet run, and send SIGTERM to its processes if asked to."""
        with self._lock:
            self._stopped.add(fleet)
            for process in self._running[fleet] if interrupt else ():
                _interrupt(process)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Tell a run to roll back and to end.

    A stopped process handles SIGTERM only once it is continued.
    """
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)


_JOBS = _RunningJobs()


def run_workspace(job: Job) -> WorkspaceRun:
    """Run a workspace to its end and return the result.

    No exception is raised. A run that cannot be started has the reason in its result.
    """
    host, reports = platform.node(), Path(job.reports)
    let_owner_use_new_files()
    try:
        make_private_folders(reports)
        before = set(reports.iterdir())
        with TemporaryFile() as output:
            start = time.monotonic()
            process = _JOBS.start(job, output)
            if process is None:
                return WorkspaceRun(host)
            try:
                status, is_late = _wait(process, job.seconds)
            finally:
                _JOBS.end(job, process)
            seconds = time.monotonic() - start
            bundle = read_new_bundle(reports, before)
            text = "" if bundle else _last_output(output)
            return WorkspaceRun(host, status, seconds, bundle, text, is_late=is_late)
    except OSError as error:
        return WorkspaceRun(host, start_error=f"{error.strerror or error}: {error.filename or job.reports}")


def _wait(process: subprocess.Popen[bytes], seconds: float) -> tuple[int | None, bool]:
    """Wait for a run, and end it once its time is over.

    It gets a signal to roll back first. If it does not end, the kernel ends it. The next run there recovers it.

    Returns:
        Its exit code, None if the kernel did not end it, and whether its time was over.
    """
    try:
        return process.wait(seconds), False
    except subprocess.TimeoutExpired:
        _interrupt(process)
    try:
        return process.wait(min(seconds, _LONGEST_ROLLBACK)), True
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        return process.wait(_END_SECONDS), True
    except subprocess.TimeoutExpired:  # it waits for a disk, or is frozen
        return None, True


def stop(fleet: str, *, interrupt: bool) -> None:
    """Start no more runs of a fleet run here.

    With ``interrupt`` the running ones are told to roll back and to end.
    """
    _JOBS.stop(fleet, interrupt=interrupt)


def _command(job: Job) -> list[str]:
    plan = [f"--plan={job.plan}"] if job.plan else []
    options = [f"--workspace={job.workspace}", f"--reports={job.reports}", *plan]
    plugins = ["-p", "sqlite_consolidate.pytest_plugin.plugin", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", "-m", job.verb, *options, *plugins, *job.extra]


def _project(job: Job) -> Path:
    """Return the folder in which pytest is started, where its configuration may be."""
    project = Path(job.project)
    return project if project.is_dir() else Path(job.reports)


def _last_output(output: IO[bytes]) -> str:
    """Return the refusal that pytest printed, or else the last lines of the output."""
    end = output.seek(0, os.SEEK_END)
    output.seek(max(0, end - _MAX_READ_BYTES))
    text = output.read().decode("utf-8", "replace").strip()
    refusal = text.rfind("ERROR: ")
    return text[refusal + len("ERROR: ") :] if refusal >= 0 else "\n".join(text.splitlines()[-_MAX_LINES:])
