"""Specify how a smoke test is started, ended and observed."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from sqlite_consolidate.engine.apps.runner import SmokeResult, run_smoke
from sqlite_consolidate.engine.apps.smoke_observations import only_imports, smoke_findings, smoke_observations
from sqlite_consolidate.plan.parts.programs import Expect, Smoke
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

# Locks the file ./lock until its process ends, and says so; the lock goes with the process, however that ends.
HOLD = "import fcntl, signal; f = open('lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('locked', flush=True)"


def is_free(lock: Path) -> bool:
    """Return whether no running process holds the lock."""
    with lock.open("w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def smoke(**fields: object) -> Smoke:
    """Return a smoke test as a plan has it."""
    return Smoke.model_validate({"name": "it works", **fields})


def test_source_text_imports_from_root_and_planned_path(tmp_path: Path) -> None:
    """A test finds modules of the folder it runs in, and of the folders that the plan names."""
    (tmp_path / "here.py").write_text("rows = 80")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "there.py").write_text("rows = 5")

    result = run_smoke(
        smoke(python="import here, there; print(here.rows + there.rows)", path=["src"]),
        root=tmp_path,
        live_root=tmp_path,
    )

    assert (result.stdout, result.stderr, result.exit) == ("85\n", "", 0)


def test_python_command_is_the_interpreter_of_pytest(tmp_path: Path) -> None:
    """``python3 -m module`` does not depend on what PATH calls python3."""
    (tmp_path / "tool.py").write_text("import sys; print(sys.executable, sys.argv[1:])")

    result = run_smoke(smoke(run=["python3", "-m", "tool", "--limit", "5"]), root=tmp_path, live_root=tmp_path)

    assert result.stdout == f"{sys.executable} ['--limit', '5']\n"


def test_the_plans_interpreter_is_taken_from_the_live_workspace(tmp_path: Path) -> None:
    """A rehearsal works on copies, with the virtual environment that was not copied."""
    live, copy = tmp_path / "live", tmp_path / "copy"
    for folder in (live, copy):
        folder.mkdir()
    interpreter = live / "python"
    interpreter.write_text('#!/bin/sh\necho "$0 in $PWD"\n')
    interpreter.chmod(0o700)

    stdout = run_smoke(smoke(python="pass", interpreter="python"), root=copy, live_root=live).stdout
    assert stdout == f"{interpreter} in {copy}\n"


@pytest.mark.parametrize("folder", [".venv", "venv"])
def test_the_workspaces_own_environment_is_used_without_being_named(tmp_path: Path, folder: str) -> None:
    """Applications run with the workspace's virtual environment by default.

    The observation names the interpreter.
    """
    python = tmp_path / folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho own\n")
    python.chmod(0o700)
    test = smoke(python="pass")

    result = run_smoke(test, root=tmp_path, live_root=tmp_path)

    assert result.stdout == "own\n"
    assert smoke_observations(test, result)[0].observed.endswith(f"started with {python}")


def test_a_broken_environment_of_the_workspace_is_noticed(tmp_path: Path) -> None:
    """It is not replaced by the interpreter that happens to run this."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("gone")

    assert run_smoke(smoke(python="pass"), root=tmp_path, live_root=tmp_path).problem.endswith(
        "No such file or directory"
    )


def test_command_of_environment_is_found_from_copy(tmp_path: Path) -> None:
    """``.venv/bin/app`` starts in a rehearsal, too, which has no copy of the environment."""
    live, copy = tmp_path / "live", tmp_path / "copy"
    (live / ".venv" / "bin").mkdir(parents=True)
    copy.mkdir()
    (live / ".venv" / "pyvenv.cfg").touch()
    (live / ".venv" / "bin" / "app").write_text("#!/bin/sh\necho 85\n")
    (live / ".venv" / "bin" / "app").chmod(0o700)

    assert run_smoke(smoke(run=[".venv/bin/app"]), root=copy, live_root=live).stdout == "85\n"


def test_the_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that configure Python, and secrets, do not reach the application."""
    for name in ("PYTHONSAFEPATH", "PYTHONSTARTUP", "WORKSPACE_ROOT", "API_TOKEN"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("LC_TIME", "C")

    result = run_smoke(smoke(run=["env"]), root=tmp_path, live_root=tmp_path)
    names = {line.partition("=")[0] for line in result.stdout.splitlines()}
    assert {"PATH", "LC_TIME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"} <= names
    assert not {"PYTHONSAFEPATH", "PYTHONSTARTUP", "WORKSPACE_ROOT", "API_TOKEN"} & names


def test_importing_writes_nothing_into_the_workspace(tmp_path: Path) -> None:
    """No ``__pycache__`` is left where an application was imported from."""
    (tmp_path / "app.py").write_text("rows = 85")

    run_smoke(smoke(python="import app"), root=tmp_path, live_root=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]


def test_the_deadline_ends_the_test_and_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hanging process and its child are ended even if they ignore SIGTERM."""
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    stubborn = f"{ignore}; {HOLD}; open('ready', 'w').close(); signal.pause()"
    parent = f"{ignore}; import subprocess, sys; subprocess.run([sys.executable, '-c', {stubborn!r}])"
    clock = time.monotonic
    # The deadline passes as soon as there is something to end, however long both take to start.
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 600 * (tmp_path / "ready").exists())

    result = run_smoke(smoke(python=parent, timeout=300), root=tmp_path, live_root=tmp_path)

    assert (numbers_in(result.ended), result.exit, result.stdout) == ([300], None, "locked\n")
    assert is_free(tmp_path / "lock")


def test_program_is_waited_for_without_a_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux before 5.3 has no descriptors of processes, nor has a Python for it."""
    monkeypatch.setattr(os, "pidfd_open", lambda pid: os.open(tmp_path / f"{pid}", os.O_RDONLY), raising=False)
    assert run_smoke(smoke(python="raise SystemExit(3)"), root=tmp_path, live_root=tmp_path).exit == 3
    monkeypatch.delattr(os, "pidfd_open")
    assert run_smoke(smoke(python="raise SystemExit(4)"), root=tmp_path, live_root=tmp_path).exit == 4


def test_a_child_left_behind_is_ended(tmp_path: Path) -> None:
    """A background process of an application that has ended cannot write later."""
    child = f"{HOLD}; import os; os.close(1); signal.pause()"
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "print(child.stdout.read().decode())"
    )

    result = run_smoke(smoke(python=parent), root=tmp_path, live_root=tmp_path)

    assert (result.exit, result.stdout.strip()) == (0, "locked")
    assert is_free(tmp_path / "lock")


def test_descendant_in_its_own_session_is_ended(tmp_path: Path) -> None:
    """A daemon in another session is ended with the test."""
    daemon = f"{HOLD}; import os; os.close(1); signal.pause()"
    between = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {daemon!r}], start_new_session=True)"
    parent = (
        "import subprocess, sys\n"
        f"between = subprocess.Popen([sys.executable, '-c', {between!r}], stdout=subprocess.PIPE)\n"
        "print(between.stdout.read().decode())"
    )

    result = run_smoke(smoke(python=parent), root=tmp_path, live_root=tmp_path)

    assert (result.exit, result.stdout.strip()) == (0, "locked")
    assert is_free(tmp_path / "lock")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt the orphans of another")
def test_daemon_that_hides_is_ended_and_named(tmp_path: Path) -> None:
    """It has its own session and an empty environment, and its parent has ended."""
    daemon = f"{HOLD}; import os; os.close(1); signal.pause()"
    between = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {daemon!r}], start_new_session=True, env={{}})"
    )
    parent = (
        "import subprocess, sys\n"
        f"between = subprocess.Popen([sys.executable, '-c', {between!r}], stdout=subprocess.PIPE)\n"
        "print(between.stdout.read().decode())"
    )

    result = run_smoke(smoke(python=parent), root=tmp_path, live_root=tmp_path)

    assert (result.exit, result.stdout.strip(), len(result.remaining)) == (0, "locked", 1)
    assert is_free(tmp_path / "lock")
    [finding] = smoke_findings(smoke(python="print(1 + 1)"), result)
    assert (finding.id, finding.level, finding.count) == ("smoke-left-process", "attention", 1)


def test_interruption_ends_the_test_first(tmp_path: Path) -> None:
    """Ctrl-C does not leave an application running."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_smoke(
                smoke(python=f"{HOLD}; import os; os.kill(os.getppid(), signal.SIGUSR1); signal.pause()"),
                root=tmp_path,
                live_root=tmp_path,
            )
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert (tmp_path / "lock").exists()
    assert is_free(tmp_path / "lock")


def test_an_interruption_during_the_start_ends_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the program may run before this process has learned its id."""
    os.mkfifo(tmp_path / "pipe")
    started = []

    class LatePopen(subprocess.Popen[bytes]):
        """Return from the start only after the program has sent its signal."""

        def __init__(self, *args: Any, **options: Any) -> None:
            started.append(self)
            super().__init__(*args, **options)
            os.close(os.open(tmp_path / "pipe", os.O_RDONLY))

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", LatePopen)
    python = f"{HOLD}; import os; os.kill(os.getppid(), signal.SIGUSR1); open('pipe', 'w').close(); signal.pause()"
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_smoke(smoke(python=python), root=tmp_path, live_root=tmp_path)
    finally:
        signal.signal(signal.SIGUSR1, before)
    left = psutil.pid_exists(started[0].pid)
    started[0].kill()
    started[0].wait()

    assert not left
    assert is_free(tmp_path / "lock")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"python": "pass", "interpreter": ".venv/bin/python"}, f".venv/bin/python: {os.strerror(errno.ENOENT)}"),
        ({"run": ["./no-such-program"]}, f"./no-such-program: {os.strerror(errno.ENOENT)}"),
        ({"run": ["./data.txt"]}, f"./data.txt: {os.strerror(errno.EACCES)}"),
        ({"python": "print('\0')"}, "null byte"),
        ({"python": "pass", "path": ["a:b"]}, "PYTHONPATH"),
    ],
)
def test_program_that_cannot_start_is_a_problem(tmp_path: Path, fields: dict[str, object], named: str) -> None:
    """A missing interpreter or program fails that smoke test and no other."""
    (tmp_path / "data.txt").write_text("no program")
    test = smoke(**fields)

    result = run_smoke(test, root=tmp_path, live_root=tmp_path)

    [observation] = smoke_observations(test, result)
    assert result.exit is None
    assert named in result.problem
    assert not observation.holds


def test_of_long_output_both_ends_are_kept(tmp_path: Path) -> None:
    """A megabyte is kept and all lines are counted.

    The line at the cut cannot look like a whole line.
    """
    source = (
        "import sys; print('first'); sys.stdout.write('line\\n' * 500_000); print('1' * 2_000_000, end='');"
        "print(85); sys.stderr.buffer.write(b'caf\\xe9')"
    )
    test = smoke(python=source, expect={"stdout": "^1+85$", "lines": 500_004})

    result = run_smoke(test, root=tmp_path, live_root=tmp_path)

    assert len(result.stdout) < 1_010_100
    assert result.stdout.startswith("first\nline\n")
    assert result.stdout.endswith("185\n")
    assert result.stderr == "caf\N{REPLACEMENT CHARACTER}"
    assert [observation.holds for observation in smoke_observations(test, result)] == [True, True, False, True]


def test_a_program_that_never_stops_printing_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended before its timeout, because its output fills a disk."""
    monkeypatch.setattr("sqlite_consolidate.engine.apps.runner._MAX_OUTPUT_BYTES", 3_000_000)
    test = smoke(run=["yes"], timeout=600)

    result = run_smoke(test, root=tmp_path, live_root=tmp_path)

    [observation] = smoke_observations(test, result)
    assert (result.exit, observation.holds) == (None, False)
    assert numbers_in(observation.observed) == [3]


@pytest.mark.parametrize(
    ("expect", "result", "failing"),
    [
        (Expect(), {"exit": 0}, []),
        (Expect(exit=3), {"exit": 3}, []),
        (Expect(stdout="^85$"), {"exit": 0, "stdout": "ready\n85\n"}, []),
        (Expect(), {"exit": 2, "stderr": "no option: --limit"}, [("status", ["2"], "no option: --limit")]),
        (Expect(), {"exit": -signal.SIGSEGV}, [("status", ["SIGSEGV"], "(no output)")]),
        (Expect(stdout="^85$"), {"exit": 0, "stdout": "6\n"}, [("matches", ["2"], "6")]),
        (Expect(stdout="^85$"), {"exit": 0, "stdout": "185\n"}, [("matches", ["4"], "185")]),
        (Expect(stdout="."), {"exit": 0}, [("matches", ["0"], "(no output)")]),
        (Expect(lines=2), {"exit": 0, "stdout": "a\nb\n", "lines": 2}, []),
        (Expect(lines=85), {"exit": 0, "stdout": "a\nb\n", "lines": 2}, [("lines", ["2"], "a\\nb")]),
        (Expect(lines=0), {"exit": 0, "lines": 0}, []),
        (Expect(stdout="^85$"), {"ended": "after 30 s", "stdout": "85"}, [("within", ["30"], "85")]),
    ],
)
def test_each_expectation_that_fails_is_stated(
    expect: Expect, result: dict[str, object], failing: list[tuple[str, list[str], str]]
) -> None:
    """Exit status, output and timeout are separate observations.

    The program's output, which may hold values, is kept separately.
    """
    test = Smoke(name="it works", python="pass", expect=expect)
    fields = {"name": test.name, "command": ("python",), **result}

    observations = smoke_observations(test, SmokeResult(**fields))  # type: ignore[arg-type]  # values of several types in one table

    failures = [observation for observation in observations if not observation.holds]
    assert [
        (re.findall(r"\d+|SIG\w+", observation.observed), observation.program_output) for observation in failures
    ] == [(facts, output) for _, facts, output in failing]
    assert all(word in observation.expected for observation, (word, _, _) in zip(failures, failing, strict=True))
    assert all(observation.todo for observation in failures)


def test_command_and_output_are_short_and_printable() -> None:
    """An application cannot control the terminal or fill the report."""
    test = smoke(python="print('\x1b[2J')\n" * 50)
    result = SmokeResult(test.name, ("python",), exit=1, stderr="\x1b[2J\n" + "x" * 1000)

    failing = smoke_observations(test, result)[-1]

    assert failing.subject.startswith("python -c ")
    assert len(failing.subject) == 120
    assert len(failing.program_output) < 330
    assert "\x1b" not in failing.subject + failing.program_output
    assert "\n" not in failing.subject + failing.program_output


def test_every_test_has_a_group_of_its_own(tmp_path: Path) -> None:
    """A signal to the group of a smoke test does not reach this process."""
    result = run_smoke(smoke(python="import os; print(os.getpgrp())"), root=tmp_path, live_root=tmp_path)

    assert int(result.stdout) != os.getpgrp()


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (smoke(python="import wms.cli"), True),
        (smoke(python="from wms import cli\nprint('ok', 1)"), True),
        (smoke(run=["python3", "-c", "import wms"]), True),
        (smoke(python="import wms; print(wms.count())"), False),
        (smoke(python="from wms import cli; cli.main()"), False),
        (smoke(python="import"), False),
        (smoke(run=["python", "-m", "wms.cli"]), False),
    ],
)
def test_smoke_test_that_only_imports_is_recognized(test: Smoke, expected: bool) -> None:
    """It would pass even if the application read no row."""
    assert only_imports(test) is expected
