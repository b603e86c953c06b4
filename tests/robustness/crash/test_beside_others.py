"""Test that a run beside another process is refused, or loses no row of it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Self

import pytest

from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.engine.sqlite.locks import write_lock
from tests.support.processes import other_process
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import DEADLINE, Before, CompletedRun, Workspace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

ARCHIVING = "80-smoke"  # before the first smoke test
INTO_SOURCE = "INSERT INTO tags VALUES ('a', 'w' || ?)"
INTO_TARGET = "INSERT INTO people(name) VALUES ('w' || ?)"

_WRITER = """
import select, sqlite3, sys, time
path, sql, stays = sys.argv[1], sys.argv[2], sys.argv[3] == "stays"
con, written, due = None, 0, time.monotonic()
while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
    due = max(due + 0.005, time.monotonic() - 1)
    try:
        con = con or sqlite3.connect(path, isolation_level=None, timeout=0)
        con.execute(sql, (written,))
        written += 1
        if written == 1:
            print("writing", flush=True)
    except sqlite3.OperationalError:
        pass
    if con and not stays:
        con.close()
        con = None
print(written)
"""


class Writer:
    """Write a row about 200 times a second in another process.

    Attributes:
        written: Rows that SQLite has accepted, once the writer has ended.
    """

    def __init__(self, path: Path, sql: str, how: str) -> None:
        self._command = [sys.executable, "-c", _WRITER, str(path), sql, how]
        self.written = 0
        self.pid = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "writing\n"
        return self

    def __exit__(self, *_: object) -> None:
        output, _error = self._process.communicate("\n", DEADLINE)
        self.written = int(output)


class _StartTogether:
    """Let a run begin together with another one, and record its process id."""

    def __init__(self, note: Path) -> None:
        self._note = note

    @pytest.hookimpl(wrapper=True)  # wrappers go before the gate, which begins the run
    def pytest_cmdline_main(self) -> Iterator[None]:
        self._note.write_text(str(os.getpid()))
        _barriers[0].wait(DEADLINE)
        return (yield)


_barriers: list[Barrier] = []


def _set_barrier(barrier: Barrier) -> None:
    """Store the barrier at which this worker meets the other."""
    _barriers.append(barrier)


def _run_with_the_other(root: Path, reports: Path) -> tuple[CompletedRun, int]:
    """Migrate together with the other worker, and return the result and the process id."""
    note = reports.with_name("pid")
    ran = Workspace(root, reports).forked("migrate", plugin=_StartTogether(note))
    return ran, int(note.read_text())


def _start_together(folder: Path, times: int) -> Iterator[tuple[Workspace, list[tuple[CompletedRun, int]]]]:
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, fork, initializer=_set_barrier, initargs=(fork.Barrier(2),)) as pool:
        for number in range(times):
            (scratch := folder / str(number)).mkdir()
            workspace = build_one_source(scratch)
            for name in ("one", "two"):
                (scratch / name).mkdir()
            runs = [
                pool.submit(_run_with_the_other, workspace.root, scratch / name / "reports") for name in ("one", "two")
            ]
            yield workspace, [run.result() for run in runs]


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.long)])
def test_double_start_runs_exactly_once(tmp_path: Path, times: int) -> None:
    """The other run exits with 4 and names the process of the first."""
    ended = 0

    for workspace, runs in _start_together(tmp_path, times):
        (winner, pid), (loser, _) = sorted(runs, key=lambda run: run[0].exit)
        assert (winner.exit, loser.exit) == (0, 4), winner.text + loser.text
        assert f"process {pid}" in loser.text
        assert "[under-way]" in loser.text
        assert len(workspace.sets()) == 1
        ended += 1

    assert ended == times


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize(("file", "sql"), [("old.db", INTO_SOURCE), *thorough(("main.db", INTO_TARGET))])
def test_run_beside_a_busy_writer_is_refused(workspace: Workspace, file: str, sql: str, times: int) -> None:
    """The refusal names the writer, and every row stays where it was written."""
    rows = _rows(workspace.root / file, sql)

    with Writer(workspace.root / file, sql, "stays") as writer:
        runs = [workspace.run("migrate") for _ in range(times)]

    assert [ran.exit for ran in runs] == [4] * times
    assert all(f"process {writer.pid}" in ran.text for ran in runs)
    assert _rows(workspace.root / file, sql) == rows + writer.written
    assert not workspace.sets()


@pytest.mark.thorough
@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize(("file", "sql"), [("old.db", INTO_SOURCE), *thorough(("main.db", INTO_TARGET))])
def test_intermittent_writer_loses_no_row(tmp_path: Path, file: str, sql: str, times: int) -> None:
    """The run locks the writer out or is ended by it.

    Its rows are where it wrote them, or kept.
    """
    for number in range(times):
        (scratch := tmp_path / str(number)).mkdir()
        workspace = build_one_source(scratch)
        rows = _rows(workspace.root / file, sql)

        with Writer(workspace.root / file, sql, "comes and goes") as writer:
            ran = workspace.run("migrate")

        written_file = "main.db" if ran.exit == 0 else file
        if ran.exit == 3:  # the writer kept the run from rolling back
            assert re.search(rf"NOT ROLLED BACK: (main\.db is locked|{re.escape(file)}: \d+ rows? extra)", ran.text), (
                ran.text
            )
            is_restored = "extra" in ran.text  # and the writer came back before the last check
            ran = workspace.run("rollback", discard_changes=True)
            assert ran.exit == 0 or (is_restored and "[nothing-to-undo]" in ran.text), ran.text
        assert ran.exit in (0, 1, 4), ran.text
        rows_now = _rows(workspace.root / written_file, sql)
        assert rows_now + _kept_rows(workspace, sql) == rows + writer.written, ran.text
        assert "before-rollback" not in str(list(workspace.root.rglob("*"))) or "kept main.db" in _evidence_of(
            workspace
        )


@pytest.mark.parametrize("mode", ["DELETE", *thorough("WAL")])
def test_write_between_commit_and_archive_is_kept(workspace: Workspace, mode: str) -> None:
    """Another process writes between two locks of the run. Everything is rolled back."""
    workspace.execute("old.db", f"PRAGMA journal_mode={mode}")
    before = workspace.contents()

    ran = workspace.run("migrate", plugin=Before(ARCHIVING, _write_in_the_gap))

    assert ran.exit in (1, 3), ran.text
    assert re.search(r"old\.db: .*\[late-write\]", ran.text), ran.text
    assert _rows(workspace.root / "old.db", INTO_SOURCE) == 4
    assert {name for name, was in before.items() if workspace.contents()[name] != was} == {"old.db"}


def _write_in_the_gap(_run: object) -> None:
    """Let another process write to the source when its write lock has released the write lock."""
    leave = connections.leave_wal_mode

    def _leave(con: sqlite3.Connection, path: Path) -> str:
        with other_process(path, "INSERT INTO tags VALUES ('a', 'late')"):
            pass
        return leave(con, path)

    vars(write_lock)["leave_wal_mode"] = _leave


@pytest.mark.parametrize(
    ("mode", "sql"),
    [
        ("WAL", "SELECT * FROM tags"),
        *thorough(("DELETE", "BEGIN; SELECT * FROM tags"), ("WAL", "BEGIN; SELECT * FROM tags")),
    ],
    ids=["idle in WAL mode", "reading", "reading in WAL mode"],
)
def test_reader_that_opens_a_source_ends_the_run(workspace: Workspace, mode: str, sql: str) -> None:
    """The reader would go on with a renamed file. Everything is rolled back."""
    workspace.execute("old.db", f"PRAGMA journal_mode={mode}")
    before = workspace.contents()

    ran = workspace.run(
        "migrate", plugin=Before(ARCHIVING, lambda _run: _open_elsewhere(workspace.root / "old.db", sql))
    )

    assert ran.exit == 1, ran.text
    assert "old.db: is " in ran.text
    assert workspace.contents() == before
    assert workspace.run("migrate").exit == 0


def _open_elsewhere(path: Path, sql: str) -> Callable[[], object]:
    """Let another process open a database until the returned function is called."""
    resources = contextlib.ExitStack()
    resources.enter_context(other_process(path, *sql.split("; ")))
    return resources.close


@pytest.mark.parametrize("file", ["old.db", "main.db"])
@pytest.mark.parametrize("sql", ["PRAGMA journal_mode=WAL", *thorough("BEGIN EXCLUSIVE")])
def test_process_with_a_database_open_is_named(workspace: Workspace, file: str, sql: str) -> None:
    """The other process is idle in WAL mode, or has the exclusive lock. Nothing is touched."""
    with other_process(workspace.root / file, sql) as pid:
        before = workspace.files()
        ran = workspace.run("migrate")
        after = workspace.files()

    assert ran.exit == 4, ran.text
    assert f"process {pid} (" in ran.text
    assert after == before


def test_lock_file_of_a_dead_process_is_ignored(workspace: Workspace) -> None:
    """Only the kernel's lock counts, which is released with its process."""
    lock = workspace.root / "backups" / "run.lock"
    lock.parent.mkdir(mode=0o700)
    lock.write_text("1\npytest -m migrate\n")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert not lock.exists()


def _rows(path: Path, sql: str) -> int:
    """Count the rows of the table that a statement writes to."""
    table = re.findall(r"INTO (\w+)", sql)[0]
    with contextlib.closing(sqlite3.connect(path)) as con:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _evidence_of(workspace: Workspace) -> str:
    """Return the evidence of all reports of the workspace."""
    return "".join(path.read_text() for path in workspace.reports.glob("2*/evidence.json"))


def _kept_rows(workspace: Workspace, sql: str) -> int:
    """Count the rows that a rollback has kept and that the backup does not have."""
    kept = list(workspace.root.glob("backups/*/databases/main-before-rollback.db"))
    return sum(_rows(path, sql) - _rows(path.with_name("target.db"), sql) for path in kept)
