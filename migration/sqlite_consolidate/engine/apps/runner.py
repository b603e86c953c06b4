"""Run a smoke test in its own process with a timeout."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from sqlite_consolidate.engine.apps.live_access import AUDIT_HOOK_FOLDER, LiveAccessWatch
from sqlite_consolidate.engine.apps.process_tree import ProcessTree
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.apps.live_watch import LiveChanges
    from sqlite_consolidate.plan.parts.programs import Smoke


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


def absent_programs(tests: Sequence[Smoke], root: Path, live_root: Path) -> list[Problem]:
    """Return a problem for each smoke test whose program, script or module does not exist.

    Args:
        tests: From the plan.
        root: The workspace, or a copy of it.
        live_root: The workspace. What only its copy lacks may be left out there, and is no problem yet.
    """
    problems = []
    for test in tests:
        if absent := _absent_program(test, root, live_root):
            fact, hint = f"{one_line(absent)} does not exist.", "Correct its `run`, or install what it starts."
            problems.append(Problem("no-program", one_line(test.name), fact, hint, criterion="references-found"))
    return problems


def _absent_program(test: Smoke, root: Path, live_root: Path) -> str:
    program, *arguments = build_command(test, live_root)
    is_there = _exists_in(root, live_root, program) if os.sep in program else bool(shutil.which(program))
    if not is_there:
        return test.interpreter or (test.run or [program])[0]
    if not _PYTHON.fullmatch(os.path.basename(program)):  # noqa: PTH119 -- a text
        return ""
    option, argument = _started_by_python(arguments)
    if option == "-m":
        return "" if _has_module(test, program, argument, root, live_root) else f"module {argument}"
    return "" if option or _exists_in(root, live_root, argument) else argument


def _exists_in(root: Path, live_root: Path, file: str) -> bool:
    return any(os.path.lexists(folder / file) for folder in (root, live_root))


def _started_by_python(arguments: Sequence[str]) -> tuple[str, str]:
    """Return the option by which Python starts a program, and its script or module."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        if arguments[place] in _STARTING or arguments[place].startswith("--"):
            return arguments[place], "".join(arguments[place + 1 : place + 2])
        place += 2 if arguments[place] in _WITH_VALUE else 1
    return ("", arguments[place]) if place < len(arguments) else ("-", "")


def _has_module(test: Smoke, interpreter: str, module: str, root: Path, live_root: Path) -> bool:
    """Return whether Python finds a module.

    Of a package that is not in the workspace only the name is looked for, because that runs no code of it.
    """
    path = module.replace(".", "/")
    folders = ["", *(f"{folder}/" for folder in test.path)]
    if any(_exists_in(root, live_root, f"{folder}{path}{end}") for folder in folders for end in ("", ".py")):
        return True
    command = (interpreter, "-c", _LOOK_FOR, module.partition(".")[0])
    try:
        looked = subprocess.run(
            command,
            cwd=live_root,
            env=build_environment(test, live_root, None),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_LOOK,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return True
    return looked.returncode != _IS_ABSENT


_PYTHON = re.compile(r"python[\d.]*")
_STARTING = frozenset({"-", "-c", "-m"})
_WITH_VALUE = frozenset({"-W", "-X"})
_IS_ABSENT = 3
_LOOK_FOR = f"import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None and {_IS_ABSENT})"
_LONGEST_LOOK = 10.0  # seconds

POLL_SECONDS = 0.1  # seconds between two looks at a program that runs
_MAX_OUTPUT_BYTES = 100_000_000  # bytes of output; it waits on a disk, which may be a small one in memory
_HEAD, _TAIL = 10_000, 1_000_000  # bytes of each output that are kept, when it is longer than both
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
        remarks: Facts about its surroundings that can explain why it failed, a sentence each.
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
    remarks: tuple[str, ...] = ()


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
        if not _has_ended(process, min(POLL_SECONDS, remaining)) and access_watch:
            access_watch.record_open_files(process_tree.running_processes(process.pid))
        if any(os.fstat(output.fileno()).st_size > _MAX_OUTPUT_BYTES for output in outputs):
            return f"it has printed more than {_MAX_OUTPUT_BYTES // 1_000_000} MB"
        if process.returncode is not None:
            return ""
    return f"still running after {timeout:g} s"


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Return whether a process ends within some seconds.

    On Linux the kernel wakes this process at that moment. ``Popen.wait`` looks every 50 ms at most.
    """
    if sys.platform == "linux":
        # Python was built with the headers of an old kernel, or an old kernel runs, or no descriptor is free.
        with suppress(AttributeError, OSError):
            descriptor = os.pidfd_open(process.pid)
            try:
                ends = select.poll()
                ends.register(descriptor, select.POLLIN)
                ends.poll(seconds * 1000)
            finally:
                os.close(descriptor)
            return process.poll() is not None
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


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
