"""Run a smoke test in its own process with a timeout, and observe its result."""

from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from sqlite_consolidate.engine.apps.live_access import AUDIT_HOOK_FOLDER, LiveAccessWatch
from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.apps.process_tree import ProcessTree
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, Relation, equal
from sqlite_consolidate.secret_masking import mask_secrets
from sqlite_consolidate.text import counted, list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.apps.live_watch import LiveChanges
    from sqlite_consolidate.plan.model import Smoke


_KEPT_VARIABLES = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ", "SYSTEMROOT"})  # and LC_*
_VENV_FOLDERS = (".venv", "venv")


def build_command(test: Smoke, live_root: Path) -> tuple[str, ...]:
    """Return the command to start.

    ``python`` and commands of a virtual environment are those of the live workspace.
    """
    interpreter = _interpreter(test, live_root.absolute())
    if test.python:
        return (interpreter, "-c", test.python)
    first = interpreter if test.run[0] in ("python", "python3") else test.run[0]
    if os.sep in first and _is_in_venv(live_root / first):  # a command that a virtual environment brings
        first = str(live_root.absolute() / first)
    return (first, *test.run[1:])


def _interpreter(test: Smoke, live_root: Path) -> str:
    """Return the plan's interpreter, else the workspace's, else this process's."""
    # Not resolved, because python in a virtual environment is a link that finds its environment by its own path.
    if test.interpreter:
        return str(live_root / test.interpreter)
    venv_pythons = (live_root / folder / "bin" / "python" for folder in _VENV_FOLDERS)
    # A dangling link counts, because a broken environment must be reported and not replaced by another.
    return next((str(python) for python in venv_pythons if os.path.lexists(python)), sys.executable)


def _is_in_venv(program: Path) -> bool:
    return program.parent.name == "bin" and (program.parents[1] / "pyvenv.cfg").exists()


def build_environment(test: Smoke, root: Path, access_watch: LiveAccessWatch | None) -> dict[str, str]:
    """Return the environment variables of a program.

    Variables that configure Python or name a workspace are left out.

    HOME stays: an application without its user's settings would be another application.

    Raises:
        ValueError: A folder of the plan cannot stand in PYTHONPATH.
    """
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES or name.startswith("LC_")}
    folders = [str(AUDIT_HOOK_FOLDER)] if access_watch else []
    folders += [str(root.absolute() / folder) for folder in test.path]
    if any(os.pathsep in folder for folder in folders):
        raise ValueError(f"PYTHONPATH cannot hold a folder with {os.pathsep!r} in its name")
    path = {"PYTHONPATH": os.pathsep.join(folders)} if folders else {}
    watched = access_watch.environment() if access_watch else {}
    return kept | path | watched | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


_POLL_SECONDS = 0.1  # seconds between two looks at a program that runs
_MAX_OUTPUT_BYTES = 100_000_000  # bytes of output; it waits on a disk, which may be a small one in memory
_HEAD, _TAIL = 10_000, 1_000_000  # bytes of each output that are kept, when it is longer than both
_SHOWN_HEAD, _SHOWN_TAIL = 80, 220  # characters of an output in an observation
_MAX_SUBJECT = 120
_MAX_FILES_NAMED = 5  # files
_GRACE = 1.0  # seconds that the kernel gets to hand over the status of a process that was ended


@dataclass(frozen=True)
class SmokeResult:
    """Hold the result of one smoke test.

    Attributes:
        name: Of the smoke test in the plan.
        command: As it was started, with the interpreter that was used.
        exit: Exit status; negative: ended by that signal; None: it was ended by us or was never started.
        stdout: Its output, undecodable bytes replaced; of more than 1,010,000 bytes the first 10,000 and the last
            million, with a remark between them. ``stderr`` likewise.
        lines: Lines of ``stdout`` that are not blank, whatever was kept of them; None where the plan expects no number.
        seconds: From start to end.
        ended: Why it was ended, with its children, before it was done, else empty.
        problem: Why it could not be started, else empty.
        used: Files of the live workspace that it opened while it ran on a copy; None when it did not run on one.
        remaining: Names of the processes that outlived it. They were ended.
        live: Files of the live workspace that changed while it ran on a copy; None when they were not watched.
    """

    name: str
    command: tuple[str, ...]
    exit: int | None = None
    stdout: str = ""
    stderr: str = ""
    lines: int | None = None
    seconds: float = 0.0
    ended: str = ""
    problem: str = ""
    used: tuple[str, ...] | None = None
    remaining: tuple[str, ...] = ()
    live: LiveChanges | None = None


def run_smoke(test: Smoke, *, root: Path, live_root: Path) -> SmokeResult:
    """Run a smoke test in the folder ``root`` and terminate every process it started.

    A test that cannot be started is a result with a ``problem``. An interruption while waiting ends the test and its
    children before it is passed on.

    Args:
        test: From the plan.
        root: The workspace, or a copy of it: then what the test opens of the workspace itself is noted.
        live_root: The workspace; a virtual environment is used from there, since it is not copied.
    """
    command = build_command(test, live_root)
    with ExitStack() as stack:
        on_copy = root.resolve() != live_root.resolve()
        access_watch = stack.enter_context(LiveAccessWatch(live_root, root)) if on_copy else None
        # Files instead of pipes, because a child that keeps a pipe open would block this process.
        outputs = stack.enter_context(TemporaryFile()), stack.enter_context(TemporaryFile())
        process_tree = ProcessTree()
        started = time.monotonic()
        process, remaining = None, list[str]()
        try:
            process = subprocess.Popen(
                command,
                cwd=root,
                env=build_environment(test, root, access_watch) | process_tree.environment(),
                stdin=subprocess.DEVNULL,
                stdout=outputs[0],
                stderr=outputs[1],
                start_new_session=True,
            )
            end_reason = _wait_for_end(process, test.timeout, outputs, process_tree, access_watch)
            remaining = [] if end_reason else process_tree.remaining_names(process.pid)
        except (OSError, ValueError) as error:
            if process is not None:
                raise
            return SmokeResult(test.name, command, problem=_start_error(error, command))
        finally:  # an interruption may arrive after the program has started and before Popen returns
            process_tree.terminate(process.pid if process is not None else None)
            if process is not None:
                with suppress(subprocess.TimeoutExpired):  # a process that the kernel cannot end must not block
                    process.wait(timeout=_GRACE)
            process_tree.close(process.pid if process is not None else None)
        seconds = time.monotonic() - started
        texts, lines = (_read(outputs[0]), _read(outputs[1])), None
        if not end_reason and test.expect.lines is not None:
            lines = _lines(outputs[0])
        status, used = None if end_reason else process.returncode, access_watch.opened_files() if access_watch else None
        return SmokeResult(
            test.name, command, status, *texts, lines, seconds, end_reason, used=used, remaining=tuple(remaining)
        )


def _wait_for_end(
    process: subprocess.Popen[bytes],
    timeout: float,
    outputs: tuple[IO[bytes], ...],
    process_tree: ProcessTree,
    access_watch: LiveAccessWatch | None,
) -> str:
    """Wait for the program and return why it must be terminated, empty if it has ended."""
    deadline = time.monotonic() + timeout
    while (remaining := deadline - time.monotonic()) > 0:
        try:
            process.wait(timeout=min(_POLL_SECONDS, remaining))
        except subprocess.TimeoutExpired:
            if access_watch:
                access_watch.record_open_files(process_tree.running_processes(process.pid))
        if any(os.fstat(output.fileno()).st_size > _MAX_OUTPUT_BYTES for output in outputs):
            return f"it has printed more than {_MAX_OUTPUT_BYTES // 1_000_000} MB"
        if process.returncode is not None:
            return ""
    return f"still running after {timeout:g} s"


def smoke_findings(test: Smoke, result: SmokeResult) -> list[Finding]:
    """Return what a reader should know about a smoke test beside its observations."""
    findings = []
    if only_imports(test):
        text = "only imports code. It does not show that the application reads the target."
        findings.append(Finding.of("smoke-only-imports", test.name, text))
    if result.remaining:
        number = counted(len(result.remaining), "process", "processes")
        verb = "was" if len(result.remaining) == 1 else "were"
        names = list_names([*map(one_line, result.remaining)])
        text = f"{number} outlived the smoke test and {verb} ended: {names}."
        findings.append(Finding.of("smoke-left-process", test.name, text, count=len(result.remaining)))
    return [*findings, *_live_findings(test, result.live)]


def _live_findings(test: Smoke, live: LiveChanges | None) -> Iterator[Finding]:
    """Yield a finding for each group of files of the live workspace that changed."""
    groups = (
        (
            (live.unexplained, "no other process is known to write to"),
            (live.of_others, "another process has open or has changed at another time as well"),
        )
        if live
        else ()
    )
    for files, origin in groups:
        if files:
            verb = "has" if len(files) == 1 else "have"
            names = list_names([*map(one_line, files)])
            text = f"{counted(len(files), 'file')} of the workspace itself, which {origin}, {verb} changed: {names}."
            yield Finding.of(WORKSPACE_CHANGED, test.name, text, count=len(files))


def only_imports(test: Smoke) -> bool:
    """Return whether a smoke test does nothing but import code and print constants."""
    source = test.python
    if not source and len(test.run) == len(("python", "-c", "")) and test.run[1] == "-c":
        source = test.run[2]
    try:
        return bool(source) and all(map(_does_nothing, ast.parse(source).body))
    except (SyntaxError, ValueError):
        return False


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if not isinstance(node, ast.Expr):
        return False
    call = node.value
    prints = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
    constants = call.args if isinstance(call, ast.Call) and prints else [call]
    return all(isinstance(constant, ast.Constant) for constant in constants)


def smoke_observations(test: Smoke, result: SmokeResult) -> list[Observation]:
    """Observe that the test ran, ended in time, and gave the expected status and output."""
    return list(_observations(test, result))


def _observations(test: Smoke, result: SmokeResult) -> Iterator[Observation]:
    subject = _subject(test)
    if result.problem:
        yield Observation(subject, "can be started", result.problem, holds=False, todo=f"Run it by hand. {_PLAN_HINT}")
        return
    if result.used is not None:
        yield _use_observation(subject, result.used)
    if result.live is not None:
        yield _live_observation(subject, result.live)
    in_time = f"ends within {test.timeout:g} s"
    if result.ended:
        observed = f"{result.ended}, ended with its children"
        hint = f'Find out what it waits for or repeats, or give it a longer "timeout". {_PLAN_HINT}'
        yield Observation(subject, in_time, observed, holds=False, todo=hint, program_output=_output_excerpt(result))
        return
    observed = f"ended after {result.seconds:.2f} s, started with {one_line(result.command[0])}"
    yield Observation(subject, in_time, observed, holds=True)
    yield _exit_observation(subject, test, result)
    compare = f"Compare what the application reads with what was moved. {_PLAN_HINT}"
    shown = _shortened(result.stdout) or "(no output)"
    if test.expect.stdout:
        is_match = re.search(test.expect.stdout, result.stdout, re.MULTILINE) is not None
        expected = f"output matches {one_line(test.expect.stdout)}"
        observed = f"output {'matches' if is_match else 'does not match'} ({counted(len(result.stdout), 'character')})"
        yield Observation(subject, expected, observed, is_match, "" if is_match else compare, shown)
    if test.expect.lines is not None:
        is_expected = result.lines == test.expect.lines
        hint, program_output = ("", "") if is_expected else (compare, shown)
        yield replace(
            equal(subject, f"{test.expect.lines} lines of output", f"{result.lines} lines of output", hint),
            program_output=program_output,
        )


def _use_observation(subject: str, used: tuple[str, ...]) -> Observation:
    expected = "opens no file of the workspace itself"
    if not used:
        observed = f"opened none (Python programs report each opening; others are examined every {_POLL_SECONDS:g} s)"
        return Observation(subject, expected, observed, holds=True)
    names = ", ".join(one_line(name) for name in used[:_MAX_FILES_NAMED])
    more = f" and {len(used) - _MAX_FILES_NAMED} more" if len(used) > _MAX_FILES_NAMED else ""
    hint = (
        "Let it find its files relative to its own file or to the current folder, and not by an absolute path, "
        "the home folder or an installed package. If its code was installed from the workspace, "
        'add the folder of the code to "path".'
    )
    return Observation(subject, expected, f"opened {names}{more} of the workspace itself", holds=False, todo=hint)


def _live_observation(subject: str, live: LiveChanges) -> Observation:
    expected = "changes no file of the workspace itself"
    if not live.unexplained:
        return Observation(subject, expected, f"none of {counted(live.files, 'file')} changed", holds=True)
    hint = (
        "Nothing restores these files. Let the application find its files relative to its own file or to the current "
        "folder, and write to no installed package. If another process wrote to them, run again."
    )
    observed = f"changed {list_names([*map(one_line, live.unexplained)])} of the workspace itself"
    return Observation(subject, expected, observed, holds=False, todo=hint)


_PLAN_HINT = "If the plan is wrong, correct its [[smoke]]."


def _exit_observation(subject: str, test: Smoke, result: SmokeResult) -> Observation:
    holds = result.exit == test.expect.exit
    observed = f"exit status {result.exit}"
    if result.exit is not None and result.exit < 0:
        observed = f"ended by signal {_signal_name(-result.exit)}"
    hint = "" if holds else f"Run it by hand and read its error. {_PLAN_HINT}"
    program_output = "" if holds else _output_excerpt(result)
    expected = f"exit status {test.expect.exit}"
    relation = Relation.EQUAL if expected == observed else Relation.STATED
    return Observation(subject, expected, observed, holds, hint, program_output, relation=relation)


def _read(output: IO[bytes]) -> str:
    """Return the output, or its two ends if it is long.

    Half a line at the cut must not look like a whole line, so a remark separates the ends.
    """
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    if size <= _HEAD + _TAIL:
        return _text(output.read(_HEAD + _TAIL))
    head = _text(output.read(_HEAD))
    output.seek(size - _TAIL)
    return f"{head} … (the middle is left out) … {_text(output.read(_TAIL))}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _lines(output: IO[bytes]) -> int:
    """Count the lines that are not blank.

    Each megabyte of a longer line counts as one line.
    """
    output.seek(0)
    return sum(1 for line in iter(lambda: output.readline(_TAIL), b"") if line.strip())


def _start_error(error: OSError | ValueError, command: tuple[str, ...]) -> str:
    if isinstance(error, OSError):
        return one_line(f"{error.filename or command[0]}: {error.strerror}")
    return one_line(str(error))


def _output_excerpt(result: SmokeResult) -> str:
    return _shortened(result.stderr) or _shortened(result.stdout) or "(no output)"


def _shortened(text: str) -> str:
    """Return the text without secrets in one printable line, or its two ends if it is long.

    Results and error messages are at the end.
    """
    text = mask_secrets(text.strip())
    line = one_line(text)
    return line if len(line) <= _SHOWN_HEAD + _SHOWN_TAIL else f"{line[:_SHOWN_HEAD]} … {line[-_SHOWN_TAIL:]}"


def _subject(test: Smoke) -> str:
    line = one_line(shlex.join(["python", "-c", test.python] if test.python else test.run))
    return line if len(line) <= _MAX_SUBJECT else line[: _MAX_SUBJECT - 1] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
