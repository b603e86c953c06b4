"""One answer: what an application shows when it is run, in a process of its own, within a deadline."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from migration.engine.observation import Observation
from migration.plan.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migration.plan.model import Smoke

_KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ", "SYSTEMROOT"})  # and LC_*
_GRACE = 1.0  # seconds between the polite signal and the other one
_MOST_READ = 1_000_000  # bytes of each output, from its end
_LONGEST_OUTPUT = 300  # characters in an observation
_LONGEST_SUBJECT = 120


@dataclass(frozen=True)
class SmokeResult:
    """What one smoke test did.

    Attributes:
        name: Of the smoke test in the plan.
        command: As it was started, with the interpreter that was used.
        exit: Exit status; negative: ended by that signal; None: it timed out or was never started.
        stdout: Its output, at most the last million bytes, undecodable ones replaced; ``stderr`` likewise.
        seconds: From start to end.
        timed_out: True when it was ended at its deadline, with its children.
        problem: Why it could not be started, else empty.
    """

    name: str
    command: tuple[str, ...]
    exit: int | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    timed_out: bool = False
    problem: str = ""


def run_smoke(test: Smoke, *, root: Path, live_root: Path) -> SmokeResult:
    """The smoke test has run with ``root`` as its current folder, and no process of its group is left.

    A test that cannot be started is a result with a ``problem``. An interruption while waiting ends the test and its
    children before it is passed on.

    Args:
        test: From the plan.
        root: The workspace, or the copy of it that a rehearsal works on.
        live_root: The workspace; a virtual environment is used from there, since it is not copied.
    """
    command = _command(test, live_root)
    started = time.monotonic()
    with TemporaryFile() as out, TemporaryFile() as err:  # not pipes: a child that keeps one open would keep us, too
        try:
            process = subprocess.Popen(
                command,
                cwd=root,
                env=_environment(test, root),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return SmokeResult(test.name, command, problem=_why_not_started(error, command))
        status = _status_within(process, test.timeout)
        seconds = time.monotonic() - started
        return SmokeResult(test.name, command, status, _read(out), _read(err), seconds, timed_out=status is None)


def observe(test: Smoke, result: SmokeResult) -> list[Observation]:
    """State whether the test ran, ended in time, with the exit status and the output that the plan expects."""
    return list(_observations(test, result))


def _observations(test: Smoke, result: SmokeResult) -> Iterator[Observation]:
    subject = _subject(test)
    if result.problem:
        yield Observation(subject, "can be started", result.problem, holds=False, todo=f"Run it by hand. {_PLAN}")
        return
    in_time = f"ends within {test.timeout:g} s"
    if result.timed_out:
        observed = f"still running, ended with its children; its last output: {_heard(result)}"
        todo = f'Find out what it waits for, or give it a longer "timeout". {_PLAN}'
        yield Observation(subject, in_time, observed, holds=False, todo=todo)
        return
    yield Observation(subject, in_time, f"ended after {result.seconds:.2f} s", holds=True)
    yield _exit_observation(subject, test, result)
    if test.expect.stdout:
        found = re.search(test.expect.stdout, result.stdout, re.MULTILINE) is not None
        shown = _shortened(result.stdout) or "(no output)"
        todo = "" if found else f"Compare what the application reads with what was moved. {_PLAN}"
        yield Observation(subject, f"output matches {one_line(test.expect.stdout)}", shown, found, todo)


_PLAN = "If the plan is wrong, correct its [[smoke]]."


def _exit_observation(subject: str, test: Smoke, result: SmokeResult) -> Observation:
    holds = result.exit == test.expect.exit
    observed = f"exit status {result.exit}"
    if result.exit is not None and result.exit < 0:
        observed = f"ended by signal {_signal_name(-result.exit)}"
    if not holds:
        observed += f": {_heard(result)}"
    todo = "" if holds else f"Run it by hand and read its error. {_PLAN}"
    return Observation(subject, f"exit status {test.expect.exit}", observed, holds, todo)


def _command(test: Smoke, live_root: Path) -> tuple[str, ...]:
    # Not resolved: a virtual environment's python is a link, and what it is called is what makes it that environment's.
    interpreter = str(live_root.absolute() / test.interpreter) if test.interpreter else sys.executable
    if test.python:
        return (interpreter, "-c", test.python)
    first = interpreter if test.run[0] in ("python", "python3") else test.run[0]
    return (first, *test.run[1:])


def _environment(test: Smoke, root: Path) -> dict[str, str]:
    """Keep what a program needs to run at all; what steers Python or names a workspace does not come along."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    folders = [str(root.absolute() / folder) for folder in test.path]
    if any(os.pathsep in folder for folder in folders):
        raise ValueError(f"PYTHONPATH cannot hold a folder with {os.pathsep!r} in its name")
    path = {"PYTHONPATH": os.pathsep.join(folders)} if folders else {}
    return kept | path | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def _status_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Wait for the exit status, None at the deadline; either way, and on an interruption, the group is ended."""
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # nobody left; the second: macOS, when only zombies are
            break
        until = time.monotonic() + _GRACE
        while _has_members(process.pid) and time.monotonic() < until:
            time.sleep(0.01)
    with suppress(subprocess.TimeoutExpired):  # a process that the kernel cannot end must not hold us
        process.wait(timeout=_GRACE)


def _has_members(group: int) -> bool:
    """Tell whether a living process is in the group; zombies are not: some containers never collect theirs."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _read(output: IO[bytes]) -> str:
    """Return the end of the output; the line at the cut says so, lest half of it be taken for a line."""
    size = output.seek(0, os.SEEK_END)
    left_out = max(0, size - _MOST_READ)
    output.seek(left_out)
    text = output.read(_MOST_READ).decode("utf-8", "replace").replace("\r\n", "\n")
    return f"(the start is left out) {text}" if left_out else text


def _why_not_started(error: OSError | ValueError, command: tuple[str, ...]) -> str:
    if isinstance(error, OSError):
        return one_line(f"{error.filename or command[0]}: {error.strerror}")
    return one_line(str(error))


def _heard(result: SmokeResult) -> str:
    return _shortened(result.stderr) or _shortened(result.stdout) or "(no output)"


def _shortened(text: str) -> str:
    """Return the end of the text in one printable line: results and error messages stand last."""
    line = one_line(text.strip())
    return line if len(line) <= _LONGEST_OUTPUT else "…" + line[1 - _LONGEST_OUTPUT :]


def _subject(test: Smoke) -> str:
    line = one_line(shlex.join(["python", "-c", test.python] if test.python else test.run))
    return line if len(line) <= _LONGEST_SUBJECT else line[: _LONGEST_SUBJECT - 1] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
