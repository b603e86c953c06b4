"""The worker's side: one workspace's run as a process of its own, and what is brought back of it.

These functions are called by the engine in the process that holds the files; they know nothing of the engine.
"""

from __future__ import annotations

import errno
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

import sqlite_consolidate
from sqlite_consolidate.fleet.bundle_summary import BundleSummary, read_new_bundle

_MOST_READ = 20_000  # bytes of the output, from its end
_MOST_LINES = 20


@dataclass(frozen=True)
class Job:
    """One workspace's run.

    Attributes:
        fleet: Id of the fleet run it belongs to.
        project: Folder whose conftest.py names the harness; where this host has none, the one this package lies in.
        verb: ``migrate``, ``verify`` or ``rollback``.
        workspace: Absolute, on this host; so are ``plan``, unless it is empty, and ``reports``.
        reports: The folder of this workspace's reports alone.
        extra: Further options of the run.
    """

    fleet: str
    project: str
    verb: str
    workspace: str
    plan: str
    reports: str
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkspaceRun:
    """What a run came to.

    Attributes:
        host: Where it ran.
        exit_code: Its exit code; negative: ended by that signal; None: it was not started.
        seconds: From start to end of the process.
        bundle: What it left under reports, or None.
        output: Its last words, where there is no bundle to say more.
        start_error: Why it could not be started; empty when the fleet was stopped before its turn.
    """

    host: str
    exit_code: int | None = None
    seconds: float = 0.0
    bundle: BundleSummary | None = None
    output: str = ""
    start_error: str = ""


class _RunningJobs:
    """The processes of each fleet run in this process, and the fleet runs that start no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped: set[str] = set()
        self._running: defaultdict[str, set[subprocess.Popen[bytes]]] = defaultdict(set)

    def start(self, job: Job, output: IO[bytes]) -> subprocess.Popen[bytes] | None:
        """Start the job's process, unless its fleet has been stopped; nothing comes between the two."""
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
                start_new_session=True,  # a Ctrl-C in the terminal is passed on by us, once
            )
            self._running[job.fleet].add(process)
            return process

    def end(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        """The process has ended."""
        with self._lock:
            self._running[job.fleet].discard(process)

    def stop(self, fleet: str, *, interrupt: bool) -> None:
        """No job of the fleet run starts any more; those that run are asked to put back, if so wished."""
        with self._lock:
            self._stopped.add(fleet)
            for process in self._running[fleet] if interrupt else ():
                process.send_signal(signal.SIGTERM)


_JOBS = _RunningJobs()


def run_workspace(job: Job) -> WorkspaceRun:
    """The workspace's run has ended, and its bundle lies in the job's reports.

    Whatever happens is an answer, never an exception: what cannot be started says why.
    """
    host, reports = platform.node(), Path(job.reports)
    try:
        reports.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = set(reports.iterdir())
        with TemporaryFile() as output:
            start = time.monotonic()
            process = _JOBS.start(job, output)
            if process is None:
                return WorkspaceRun(host)
            try:
                status = process.wait()
            finally:
                _JOBS.end(job, process)
            seconds = time.monotonic() - start
            bundle = read_new_bundle(reports, before)
            return WorkspaceRun(host, status, seconds, bundle, "" if bundle else _last_output(output))
    except OSError as error:
        return WorkspaceRun(host, start_error=f"{error.strerror or error}: {error.filename or job.reports}")


def stop(fleet: str, *, interrupt: bool) -> None:
    """Nothing of a fleet run starts here any more; with ``interrupt`` what runs is asked to put back and to end."""
    _JOBS.stop(fleet, interrupt=interrupt)


def _command(job: Job) -> list[str]:
    plan = [f"--plan={job.plan}"] if job.plan else []
    options = [f"--workspace={job.workspace}", f"--reports={job.reports}", *plan]
    return [sys.executable, "-m", "pytest", "-m", job.verb, *options, "-p", "no:cacheprovider", *job.extra]


def _project(job: Job) -> Path:
    """Return the folder in which pytest finds the harness.

    Raises:
        FileNotFoundError: There is none on this host.
    """
    for folder in (Path(job.project), Path(sqlite_consolidate.__file__).parents[2]):
        if (folder / "conftest.py").is_file():
            return folder
    raise FileNotFoundError(errno.ENOENT, "no conftest.py names the harness on this host", job.project)


def _last_output(output: IO[bytes]) -> str:
    """Return the refusal that pytest printed, or else its last lines."""
    end = output.seek(0, os.SEEK_END)
    output.seek(max(0, end - _MOST_READ))
    text = output.read().decode("utf-8", "replace").strip()
    refusal = text.rfind("ERROR: ")
    return text[refusal + len("ERROR: ") :] if refusal >= 0 else "\n".join(text.splitlines()[-_MOST_LINES:])
