"""Specify that the reader process gives the same results and ends with its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.engine.backup import copies as backup
from sqlite_consolidate.engine.backup.manifest import read
from sqlite_consolidate.engine.content import inspection as facts
from sqlite_consolidate.engine.content.contents import load_contents, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.worker import DumpLoads, ReadProcess, ReadWorker
from sqlite_consolidate.engine.run.stages import PREFLIGHT, TRANSFER, VERIFY
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from tests.support.old_files.schemas import write_many
from tests.support.workspaces.two_sources import a_run, build_two_sources, consolidate, execute, reach

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_PIPE_BYTES = 65_536  # that a pipe of Linux holds (https://man7.org/linux/man-pages/man7/pipe.7.html)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create the workspace of two sources and count every database as a large one."""
    monkeypatch.setattr(facts, "PARALLEL_MIN_BYTES", 0)
    monkeypatch.setattr(backup, "PARALLEL_MIN_BYTES", 0)
    return build_two_sources(tmp_path / "workspace")


def test_run_of_two_processes_proves_same(root: Path) -> None:
    """Copies and dumps have the digests of their originals, and no process is left."""
    before = {path.name: read_contents(path).digest for path in (root / "logs/tasks.db", root / "workspace.db")}
    others = set(psutil.Process().children())

    run = consolidate(a_run(root))

    sealed = read(run.folder)
    assert sealed is not None
    for copy in sealed.databases:
        assert copy.digest == read_contents(run.folder / copy.copy).digest
        assert copy.digest == load_contents(run.folder / copy.dump).digest
        assert copy.dump_sha256 == digest_file(run.folder / copy.dump)
        assert before.get(copy.file.rpartition("/")[2], copy.digest) == copy.digest
    assert verdict(run.log) == "accepted"
    assert set(psutil.Process().children()) == others


@pytest.mark.thorough
def test_long_result_does_not_fill_the_pipe(tmp_path: Path) -> None:
    """A pipe does not hold the digests of a thousand tables, so the reader waits."""
    write_many(tmp_path / "many.db", 1000)

    with ReadWorker("lower halves", tmp_path / "many.db") as worker:
        result = worker.result()

    assert len(result) == 1000
    assert len(json.dumps(result)) > _PIPE_BYTES


def test_damage_is_found_by_second_process(root: Path) -> None:
    """An index out of step, which reading rows does not notice, is a problem of the survey."""
    path = root / "logs/tasks.db"
    execute(path, "CREATE INDEX by_title ON tasks(title)")
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA writable_schema=ON")
        con.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE INDEX by_title ON tasks(title DESC)' WHERE name = 'by_title'"
        )
    con.close()

    run = a_run(root)
    run.perform(PREFLIGHT)
    result = run.check("integrity-before")
    run.end()

    assert result.outcome is Outcome.FAILED
    assert [entry.subject for entry in result.evidence if entry.outcome is Outcome.FAILED] == ["logs/tasks.db"]


def test_incomplete_dump_is_refused_before_commit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its criterion says why, in SQLite's way."""
    monkeypatch.setattr(backup, "write_dump", lambda _con, out, _: out.write("BEGIN;\nCREATE TABLE"))
    run = a_run(root)
    reach(run, TRANSFER)
    run.perform(VERIFY)

    result = run.check("dump-reloads")
    run.end()

    assert result.outcome is Outcome.NOT_EXAMINED
    assert "middle of a statement" in result.text
    assert not list(run.folder.rglob("*.reloaded"))


def test_many_dumps_are_loaded_by_one_process(tmp_path: Path) -> None:
    """A load that fails does not end those after it.

    One dump has a name with a line break.
    """
    dumps = [tmp_path / "broken.sql", tmp_path / "line\nbreak.sql", tmp_path / "last.sql"]
    loads, others = DumpLoads(Limits()), set(psutil.Process().children())
    for dump in dumps:
        dump.write_text("BEGIN;\n")
        loads.begin(dump)
        with dump.open("a") as out:
            out.write("nonsense;\n" if dump.stem == "broken" else "CREATE TABLE t(a);\nCOMMIT;\n")
        loads.mark_complete()
    assert len(set(psutil.Process().children()) - others) == 1

    digests = [loads.digest(dump) for dump in dumps]

    assert digests == ["", *(load_contents(dump).digest for dump in dumps[1:])]
    assert set(psutil.Process().children()) == others


def test_ctrl_c_does_not_end_second_process_alone(root: Path) -> None:
    """A terminal sends the signal to both.

    The first process ends the second one.
    """
    (root / "one.sql").write_text("BEGIN;\nCREATE TABLE t(a);\nCOMMIT;\n")
    loads, others = DumpLoads(Limits()), set(psutil.Process().children())
    loads.begin(root / "one.sql")
    (child,) = set(psutil.Process().children()) - others
    while not (root / "one.sql.reloaded").exists():
        assert child.is_running()
    child.send_signal(signal.SIGINT)
    loads.mark_complete()

    assert loads.digest(root / "one.sql") == load_contents(root / "one.sql").digest


@pytest.mark.parametrize("use_stdlib_sqlite", [True, False])
def test_modules_of_the_current_folder_are_not_imported(
    root: Path, monkeypatch: pytest.MonkeyPatch, use_stdlib_sqlite: bool
) -> None:
    """The current folder is often the workspace, whose modules are programs of the user."""
    (root / "queue.py").write_text("raise SystemExit(3)\n")
    write_many(root / "few.db", 2)
    monkeypatch.chdir(root)

    with ReadWorker("lower halves", root / "few.db", use_stdlib_sqlite=use_stdlib_sqlite) as worker:
        assert len(worker.result()) == 2


def test_interruption_ends_both(root: Path) -> None:
    """An interrupted run does not wait for the second process."""
    (root / "endless.sql").write_text("BEGIN;\n")
    others = set(psutil.Process().children())
    limits = Limits()
    limits.interrupted.set()

    with ReadWorker("reload", root / "endless.sql", limits=limits) as worker:
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            worker.result()

    assert set(psutil.Process().children()) == others


def test_stopped_reader_process_is_ended_at_its_deadline(root: Path) -> None:
    """A frozen process does not hold the databases of a run for ever."""
    (root / "endless.sql").write_text("BEGIN;\n")
    others = set(psutil.Process().children())
    with ReadWorker("reload", root / "endless.sql", limits=Limits(reader_seconds=0.2)) as worker:
        (child,) = set(psutil.Process().children()) - others
        child.suspend()

        with pytest.raises(ProblemError) as raised:
            worker.result()

    assert [(problem.id, problem.subject) for problem in raised.value.problems] == [("reader-late", "endless.sql")]
    assert not child.is_running()


def test_program_that_reads_nothing_holds_no_caller() -> None:
    """More was written than a pipe holds."""
    never_reads = [sys.executable, "-c", "import signal; signal.pause()"]
    with ReadProcess(never_reads, [], "pages", Limits(reader_seconds=0.2)) as process:
        process.write(bytes(20 * _PIPE_BYTES))

        with pytest.raises(ProblemError) as raised:
            process.output()

    assert [(problem.id, problem.subject) for problem in raised.value.problems] == [("reader-late", "pages")]


def test_long_request_reaches_the_program_whole() -> None:
    """The program answers while it still reads."""
    echo = "import sys; [sys.stdout.buffer.write(sys.stdin.buffer.read(4096)) for _ in range(320)]"
    request = os.urandom(320 * 4096)
    with ReadProcess([sys.executable, "-c", echo], [], "pages", Limits()) as process:
        process.write(request)

        assert process.output() == request


def test_killed_reader_process_is_reported(root: Path) -> None:
    """A process that exits without an answer is a problem."""
    (root / "endless.sql").write_text("BEGIN;\n")
    others = set(psutil.Process().children())
    with ReadWorker("reload", root / "endless.sql") as worker:
        (child,) = set(psutil.Process().children()) - others
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        with pytest.raises(ProblemError) as raised:
            worker.result()

    [problem] = raised.value.problems
    assert (problem.id, problem.subject) == ("reader-ended", "endless.sql")
    assert "(-9)" in problem.what


def test_killed_load_names_the_dump_that_it_was_loading(root: Path) -> None:
    """The dumps before it are loaded."""
    loads, others = DumpLoads(Limits()), set(psutil.Process().children())
    for name in ("first.sql", "second.sql", "third.sql"):
        (root / name).write_text("BEGIN;\n")
        loads.begin(root / name)
        if name == "first.sql":
            with (root / name).open("a") as out:
                out.write("CREATE TABLE t(a);\nCOMMIT;\n")
            loads.mark_complete()
    (child,) = set(psutil.Process().children()) - others
    while not (root / "second.sql.reloaded").exists():
        assert child.is_running()
    child.kill()

    with pytest.raises(ProblemError) as raised:
        loads.digest(root / "first.sql")

    assert [(problem.id, problem.subject) for problem in raised.value.problems] == [("reader-ended", "second.sql")]


@pytest.mark.thorough
def test_second_process_ends_with_first(root: Path) -> None:
    """A killed run leaves no process that still reads or holds a lock."""
    (root / "endless.sql").write_text("BEGIN;\n")
    code = (
        "import sys; from pathlib import Path; import psutil;"
        "from sqlite_consolidate.engine.content.worker import ReadWorker;"
        "worker = ReadWorker('reload', Path(sys.argv[1])); print(psutil.Process().children()[0].pid, flush=True);"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(root / "endless.sql")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        second = psutil.Process(int(first.stdout.readline()))

        os.kill(first.pid, signal.SIGKILL)

        psutil.wait_procs([second], timeout=20)
        assert not second.is_running()


def test_time_between_two_chunks_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller may write to a slow disk meanwhile."""
    passed, length, read = [0.0], 300_000, 0
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    with ReadProcess(["head", "-c", str(length), "/dev/zero"], [], "zeros", Limits(reader_seconds=0.5)) as process:
        for chunk in process.chunks():
            passed[0] += 10
            read += len(chunk)

    assert read == length
