"""Build a small workspace, and run pytest or the engine on it in separate processes."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import io
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sqlite_consolidate
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.pytest_plugin.output.summary import summary_lines
from sqlite_consolidate.pytest_plugin.state import SESSION, stage_of
from sqlite_consolidate.report.bundle_check.checks import failed_observations
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from sqlite_consolidate.report.file_names import zip_of
from sqlite_consolidate.session import open_session
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.stages import Stage
else:
    from sqlite_utils.utils import sqlite3

PLAN_OF_T = """
format = 1
name = "merge"
target = "main.db"
[[source]]
name = "old"
file = "old.db"
[[source.table]]
name = "t"
"""
"""A plan that moves table t of old.db into main.db; keys of the table map may follow."""

REPOSITORY = Path(sqlite_consolidate.__file__).parents[2]
# For every pytest that a test starts, because the plugin would load all of hypothesis at its end.
LIGHT = {"PYTEST_ADDOPTS": "-p no:hypothesispytest"}
DEADLINE = 900  # seconds after which a run that hangs is killed; fifty files under strace on a busy machine take 60
_EXIT_CODES = frozenset({0, 1, 2, 3, 4, 5, 129, 143})  # exit codes of a run that came to its end
_NO_REPORT = "the report could not be written"
_MAX_HASHED = 10_000_000  # bytes; a larger file is sparse, and is compared by size and time only


@dataclass(frozen=True)
class CompletedRun:
    """Hold the exit code, the output, the evidence and the report folder of one run.

    ``evidence`` is its ``evidence.json``, empty if there is none.
    """

    exit: int
    text: str
    evidence: dict[str, Any]
    folder: Path | None

    @property
    def files(self) -> dict[str, bytes]:
        """Return the files of the bundle by name."""
        assert self.folder is not None
        return read_bundle(bundle_path(self.folder)).files

    @property
    def failed(self) -> set[str]:
        """Return the ids of the criteria that failed."""
        return {criterion["id"] for criterion in self.evidence.get("criteria", ()) if criterion["outcome"] == "failed"}

    @property
    def shows_source(self) -> bool:
        """Return whether the output has a traceback of Python or pytest."""
        return "Traceback (most recent" in self.text or "\nE   " in self.text or "\n>   " in self.text

    @property
    def findings(self) -> list[Finding]:
        """Return the findings, except that of unexamined processes, which depends on the machine."""
        findings = [Finding(**finding) for finding in self.evidence.get("findings", ())]
        return [finding for finding in findings if not finding.id.startswith("processes-")]

    @property
    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each stage."""
        return {stage["id"]: stage["outcome"] for stage in self.evidence.get("stages", ())}


@dataclass(frozen=True)
class Workspace:
    """Hold a workspace, and the folder for the reports of its runs."""

    root: Path
    reports: Path

    @property
    def output(self) -> Path:
        """Return the file for the output of a forked run."""
        return self.reports.parent / "output.txt"

    @property
    def plan(self) -> Path:
        """Return the plan file."""
        return self.root / "consolidation.toml"

    def pytest(self, verb: str, *args: str) -> CompletedRun:
        """Run the command of a user in a separate interpreter."""
        before = self._folders()
        done = subprocess.run(
            self.command(verb, *args), cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=DEADLINE
        )
        return self._ran(done.returncode, done.stdout + done.stderr, before)

    def command(self, verb: str, *args: str) -> list[str]:
        """Return that command."""
        return [sys.executable, "-m", "pytest", *self._args(verb, *args)]

    def forked(self, verb: str, *args: str, plugin: object = None) -> CompletedRun:
        """Run the command in a fork of this process, which has imported the modules.

        ``plugin`` may change the run. pytest-html writes its file at the end alone: no test reads it before.
        """
        return self._forked(_pytest_code, [*self._args(verb, *args), "-o", "generate_report_on_test=false"], plugin)

    def run(self, verb: str, *, plugin: Before | None = None, **options: Any) -> CompletedRun:
        """Run the engine in a fork, which takes a quarter of the time of a pytest run.

        Args:
            verb: The verb to run.
            plugin: Acts before a stage or a criterion.
            options: Further settings, such as ``discard_changes=True``.
        """
        settings = Settings(workspace=self.root, plan=self.plan, reports=self.reports, **options)
        return self._forked(_engine_code, settings, verb, plugin)

    def _forked(self, code: Callable[..., int], *arguments: object) -> CompletedRun:
        importlib.import_module("sqlite_consolidate.pytest_plugin.preload")
        before = self._folders()
        child = multiprocessing.get_context("fork").Process(
            target=_run_as_process, args=(self.output, code, *arguments)
        )
        child.start()
        child.join(DEADLINE)
        if child.exitcode is None:
            child.kill()
            child.join()
        return self._ran(child.exitcode or 0, self.output.read_text("utf-8", "replace"), before)

    def ran(self, code: int, text: str) -> CompletedRun:
        """Return the result of a run that a test has started with ``command``.

        It must be the first run in this workspace.
        """
        return self._ran(code, text, set())

    def files(self) -> dict[str, tuple[object, ...]]:
        """Return every file and folder with its mode and a digest of its bytes."""
        return {path.relative_to(self.root).as_posix(): _bytes(path) for path in sorted(self.root.rglob("*"))}

    def contents(self) -> dict[str, str]:
        """Return the contents of the workspace without backups.

        Databases are given by rows and schema, other files by bytes.
        """
        contents = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root)
            if path.is_file() and name.parts[0] != "backups" and not path.name.endswith(("-wal", "-shm")):
                is_database = ".db" in path.suffixes[:1]
                contents[str(name)] = read_contents(path).digest if is_database else str(_bytes(path))
        return contents

    def execute(self, file: str, sql: str) -> None:
        """Change a database as another program would."""
        execute(self.root / file, sql)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that must be in a file."""
        text = (self.root / file).read_text("utf-8")
        assert old in text, f"{old!r} is not in {file}"
        (self.root / file).write_text(text.replace(old, new), "utf-8")

    def sets(self) -> list[Path]:
        """Return the backup sets, oldest first."""
        return sorted(path for path in (self.root / "backups").glob("*") if path.is_dir())

    def _args(self, verb: str, *args: str) -> list[str]:
        paths = [f"--workspace={self.root}", f"--reports={self.reports}"]
        return ["-m", verb, *paths, "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *args]

    def _folders(self) -> set[Path]:
        return {path for path in self.reports.glob("2*") if path.is_dir()}

    def _ran(self, code: int, text: str, before: set[Path]) -> CompletedRun:
        new = sorted(self._folders() - before)
        file = new[-1] / "evidence.json" if new else None
        evidence = json.loads(file.read_bytes()) if file and file.exists() else {}
        # A killed run may have left half a bundle, as may one whose disk failed under the report, which says so.
        if evidence and code in _EXIT_CODES and _NO_REPORT not in text:
            _assert_consistent(new[-1])
        return CompletedRun(code, text, evidence, new[-1] if new else None)


def execute(path: Path, sql: str) -> None:
    """Run a script on a database and close it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.executescript(sql)


class Before:
    """Act before a stage is performed or a criterion is checked, and undo it afterwards.

    Args:
        place: Id of the stage or of the criterion.
        act: Called with the run. If it returns a function, that is called when the stage or the check is over.
    """

    def __init__(self, place: str, act: Any) -> None:
        self._place, self._act = place, act

    @pytest.hookimpl(wrapper=True, trylast=True)  # right before the test, after all hooks of the plugin
    def pytest_runtest_call(self, item: pytest.Function) -> Iterator[None]:
        """Act before the test of the stage or criterion."""
        criteria = [id for mark in item.iter_markers("criterion") for id in mark.args]
        stage = stage_of(item)
        applies = self._place in criteria or (not criteria and stage is not None and stage.id == self._place)
        with self._acting(item.config.stash[SESSION].run, applies=applies):
            return (yield)

    def watch(self, run: Pipeline) -> None:
        """Act in a run without pytest."""
        perform, check = run.perform, run.check

        def perform_watched(stage: Stage) -> None:
            with self._acting(run, applies=stage.id == self._place):
                perform(stage)

        def check_watched(criterion: str) -> object:
            with self._acting(run, applies=criterion == self._place):
                return check(criterion)

        vars(run).update(perform=perform_watched, check=check_watched)

    @contextlib.contextmanager
    def _acting(self, run: Pipeline, *, applies: bool) -> Iterator[None]:
        undo = self._act(run) if applies else None
        try:
            yield
        finally:
            if undo:
                undo()


def bundle_path(folder: Path) -> Path:
    """Return the zip of a run, or its folder if it was refused, which gives it no zip."""
    return zip_of(folder) if zip_of(folder).exists() else folder


def _assert_consistent(folder: Path) -> None:
    """Assert that the evidence follows its schema and the bundle agrees with itself."""
    contents = parse_bundle(read_bundle(bundle_path(folder)))
    wrong = failed_observations(contents)
    assert not wrong, wrong


def _run_as_process(output: Path, run: Callable[..., int], *arguments: object) -> None:
    """Run code as a separate process in the repository, and exit with its exit code."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), "utf-8", line_buffering=True)
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), "utf-8", line_buffering=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the parent of these tests may ignore one (nohup)
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(REPOSITORY)
    gc.disable()  # a run is short
    connections.BUSY_SECONDS = 0.1  # no test releases a lock during the wait
    try:
        code = run(*arguments)
    except BaseException:  # noqa: BLE001 -- here a user would get a traceback
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _pytest_code(args: list[str], plugin: object) -> int:
    """Return the exit code of ``python -m pytest``."""
    args = [*args, "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # they are imported and rewritten already
    return int(pytest.main(args, plugins=[plugin] if plugin else []))


def _engine_code(settings: Settings, verb: str, plugin: Before | None) -> int:
    """Return the exit code of a run, and print the last lines of pytest."""
    try:
        session = open_session(settings, verb)
    except ProblemError as error:
        print(printable(str(error)))  # noqa: T201 -- the fork has a file for it
        return ExitCode.REFUSED
    try:
        session.prepare()
        if plugin:
            plugin.watch(session.run)
        run_stages(session.run)
    finally:
        session.end()
        session.write()
    for line, _markup in summary_lines(session):
        print(line)  # noqa: T201 -- as above
    return session.code


def _bytes(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return (stat.filemode(status.st_mode),)
    if status.st_size > _MAX_HASHED:
        return (stat.filemode(status.st_mode), status.st_size, status.st_mtime_ns)
    return (stat.filemode(status.st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
