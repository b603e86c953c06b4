"""Test that a rehearsal copies the workspace and shares no file with it."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.workspace_copy import (
    copy_workspace,
    require_complete,
)
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.engine.sqlite.files import file_problems
from sqlite_consolidate.plan.parts.programs import Scan
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import make_database
from tests.support.processes import unrelated_process
from tests.support.workspaces.copied import names, plan, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """Return each path below a folder with its mode, time, and bytes or link target."""
    states: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        inside = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        states[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, inside)
    return states


def test_copy_has_every_file_of_the_workspace(live: Path, scratch: Path) -> None:
    """A program may use files that the plan does not name."""
    make_database(live / "other/further.db")
    (live / "empty").mkdir()

    copy_workspace(plan(), live, scratch)

    assert names(scratch) == names(live)
    assert [rows(scratch / name) for name in ("target.db", "a.db", "logs/b.db", "other/further.db")] == [1, 1, 1, 1]
    assert (scratch / "other/unrelated.txt").read_text() == "private\n"


def test_links_out_of_the_workspace_are_named(live: Path, scratch: Path) -> None:
    """They lead to the same place from the copy, even if they are relative."""
    (live.parent / "shared").mkdir()
    (live.parent / "shared/film").write_text("FILM\n")
    (live / "other/media").symlink_to("../../shared")
    (live / "other/inside").symlink_to("../src")
    (live / "other/back").symlink_to(f"../../{live.name}/src")

    copy = copy_workspace(plan(), live, scratch)

    assert (scratch / "other/media/film").read_text() == "FILM\n"
    assert {name: (scratch / "other" / name).resolve() for name in ("inside", "back")} == {
        "inside": scratch / "src",
        "back": scratch / "src",
    }
    [finding] = copy.findings()
    assert (finding.id, finding.level, finding.count, copy.links_out) == (
        "link-out-of-copy",
        "attention",
        1,
        ("other/media",),
    )


def test_backup_set_of_rehearsal_stays_in_the_copy(live: Path, scratch: Path) -> None:
    """A link that leads out does not take the rehearsal's backups to those of the real run."""
    (live.parent / "shared").mkdir()
    (live / "var").symlink_to(live.parent / "shared")

    copy_workspace(plan().model_copy(update={"backups": "var/backups"}), live, scratch)

    assert not os.path.lexists(scratch / "var")


def test_database_in_use_is_copied_as_readers_see_it(live: Path, scratch: Path) -> None:
    """Committed rows are in its -wal, and a transaction is open."""
    make_database(live / "other/further.db", "WAL")
    con = open_existing(live / "other/further.db")
    con.execute("INSERT INTO t VALUES(2)")
    con.execute("BEGIN")
    con.execute("INSERT INTO t VALUES(3)")

    copy_workspace(plan(), live, scratch)
    con.close()

    assert rows(scratch / "other/further.db") == 2
    assert names(scratch / "other") == ["further.db", "unrelated.txt"]


def test_large_file_is_copied_with_its_holes_or_blocks(live: Path, scratch: Path) -> None:
    """Bytes, mode and time are those of the original, by whatever call the file system offers."""
    (live / "other/large.bin").write_bytes(os.urandom(64) + bytes(3_000_000) + b"end")
    (live / "other/large.bin").chmod(0o640)
    os.utime(live / "other/large.bin", ns=(10**18, 10**18))

    copy_workspace(plan(), live, scratch)

    assert (scratch / "other/large.bin").read_bytes() == (live / "other/large.bin").read_bytes()
    assert (scratch / "other/large.bin").stat().st_mode & 0o777 == 0o640
    assert (scratch / "other/large.bin").stat().st_mtime_ns == 10**18


def test_live_workspace_is_not_changed(live: Path, scratch: Path) -> None:
    """It has a closed WAL database and a -wal of a crash."""
    make_database(live / "wal.db", "WAL")
    make_database(live / "born.db", "WAL")
    con = open_existing(live / "born.db")
    con.execute("INSERT INTO t VALUES(2)")
    for suffix in ("", "-wal"):
        shutil.copyfile(live / f"born.db{suffix}", live / f"crashed.db{suffix}")
    con.close()
    before = state(live)

    copy_workspace(plan("a.db", "wal.db", "crashed.db"), live, scratch)

    assert state(live) == before
    assert rows(scratch / "crashed.db") == 2


def test_copies_share_nothing_with_live_files(live: Path, scratch: Path) -> None:
    """A write of the rehearsal does not reach the live file."""
    copy_workspace(plan(), live, scratch)

    con = open_existing(scratch / "a.db")
    con.execute("DELETE FROM t")
    con.close()
    (scratch / "src/package/code.py").write_text("CHANGED\n")

    assert rows(live / "a.db") == 1
    assert (live / "src/package/code.py").read_text() == "CODE\n"


def test_modes_and_times_of_files_are_kept(live: Path, scratch: Path) -> None:
    """A script stays executable, and a private database stays private."""
    (live / "a.db").chmod(0o640)
    os.utime(live / "logs/app.log", ns=(10**18, 10**18))

    copy_workspace(plan(), live, scratch)

    assert (scratch / "src/run.sh").stat().st_mode & 0o777 == 0o750
    assert (scratch / "a.db").stat().st_mode & 0o777 == 0o640
    assert (scratch / "logs/app.log").stat().st_mtime_ns == 10**18


def test_links_stay_links(live: Path, scratch: Path) -> None:
    """The preflight of the rehearsal refuses the same links. Their targets are copied."""
    (live / "a.db").rename(live / "real.db")
    (live / "a.db").symlink_to("real.db")
    (live / "src/broken").symlink_to("nowhere")

    copy_workspace(plan(), live, scratch)

    assert (scratch / "a.db").readlink().name == "real.db"
    assert rows(scratch / "real.db") == 1
    assert os.path.lexists(scratch / "src/broken")
    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []


def test_absolute_link_leads_to_the_copy(live: Path, scratch: Path) -> None:
    """Otherwise the rehearsal would rewrite live code."""
    (live / "src/again.py").symlink_to(live / "module.py")

    copy_workspace(plan(), live, scratch)

    assert (scratch / "src/again.py").resolve() == (scratch / "module.py").resolve()
    (scratch / "src/again.py").write_text("CHANGED\n")
    assert (live / "module.py").read_text() == "MODULE\n"


def test_loop_of_links_is_copied_once(live: Path, scratch: Path) -> None:
    """A folder contains a link to itself."""
    (live / "src/loop").symlink_to("../src")

    copy_workspace(plan(), live, scratch)

    assert (scratch / "src/loop/package/code.py").read_text() == "CODE\n"
    assert (scratch / "src/loop").is_symlink()


def test_hard_links_stay_hard_links(live: Path, scratch: Path) -> None:
    """Two names of one database are two names of one copy, which the preflight refuses."""
    (live / "b.db").hardlink_to(live / "a.db")

    copy_workspace(plan("a.db", "b.db"), live, scratch)

    assert (scratch / "a.db").samefile(scratch / "b.db")
    assert file_problems(plan("a.db", "b.db"), scratch) == file_problems(plan("a.db", "b.db"), live) != []


@pytest.mark.parametrize("role", ["source", "target"])
@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_orphaned_sidecars_are_copied(live: Path, scratch: Path, role: str, suffix: str) -> None:
    """The preflight refuses them, because they may hold rows."""
    name = "a.db" if role == "source" else "target.db"
    (live / name).rename(live / "gone.db")
    (live / f"{name}{suffix}").write_bytes(b"rows")

    copy_workspace(plan(), live, scratch)

    assert (scratch / f"{name}{suffix}").read_bytes() == b"rows"
    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []


@pytest.mark.parametrize("role", ["source", "target"])
@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_sidecars_of_empty_databases_are_copied(live: Path, scratch: Path, role: str, suffix: str) -> None:
    """The rehearsal refuses the same file as the run, and neither opens the database."""
    name = "a.db" if role == "source" else "target.db"
    (live / name).write_bytes(b"")
    (live / f"{name}{suffix}").write_bytes(b"rows")

    copy_workspace(plan(), live, scratch)

    assert (live / f"{name}{suffix}").read_bytes() == b"rows"
    assert (scratch / f"{name}{suffix}").read_bytes() == b"rows"
    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []


def test_sidecars_in_a_tree_follow_their_database(live: Path, scratch: Path) -> None:
    """A file or folder that only has such a name is copied as it is."""
    make_database(live / "src/c.db", "WAL")
    con = open_existing(live / "src/c.db")
    con.execute("INSERT INTO t VALUES(2)")
    (live / "src/trip").mkdir()
    (live / "src/trip-journal").mkdir()
    (live / "src/trip-journal/day.py").write_text("DAY\n")
    (live / "src/notes").write_text("notes\n")
    (live / "src/notes-wal").write_text("no sidecar\n")

    copy_workspace(plan(), live, scratch)
    con.close()

    assert rows(scratch / "src/c.db") == 2
    assert not (scratch / "src/c.db-shm").exists()
    assert (scratch / "src/trip-journal/day.py").read_text() == "DAY\n"
    assert (scratch / "src/notes-wal").read_text() == "no sidecar\n"


def test_missing_file_is_missing_in_the_rehearsal(live: Path, scratch: Path) -> None:
    """Its folder is created, so that the preflight reports the same."""
    (live / "logs/b.db").unlink()
    (live / "target.db").unlink()

    copy_workspace(plan(), live, scratch)

    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []
    assert not (scratch / "target.db").exists()


def test_path_in_two_spellings_is_copied_once(live: Path, scratch: Path) -> None:
    """A file that is also in a tree is not copied twice."""
    copy_workspace(plan("a.db", "./a.db", "logs/../a.db"), live, scratch)

    assert rows(scratch / "a.db") == 1


def test_workspace_behind_a_link_is_copied(live: Path, scratch: Path) -> None:
    """Links inside the workspace are followed."""
    (live.parent / "current").symlink_to("live")
    (live / "src/again.py").symlink_to("../other/unrelated.txt")

    copy_workspace(plan(), live.parent / "current", scratch)

    assert (scratch / "src/again.py").read_text() == "private\n"


@pytest.fixture
def lock(live: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provide another process with an exclusive lock on ``a.db`` and ``src/c.db``."""
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.1)
    make_database(live / "src/c.db")
    code = (
        "import sqlite3; held = [sqlite3.connect(file, isolation_level=None) for file in sys.argv[1:]]\n"
        "for con in held: con.execute('BEGIN EXCLUSIVE')"
    )
    with unrelated_process(code, live / "a.db", live / "src/c.db"):
        yield


@pytest.mark.usefixtures("lock")
def test_locked_database_does_not_prevent_other_copies(live: Path, scratch: Path) -> None:
    """Each problem names its path, and no part of its copy is left."""
    problems = copy_workspace(plan("./a.db", "logs/b.db"), live, scratch).problems

    assert [(problem.file, problem.reason) for problem in problems] == [
        ("a.db", "locked by another process"),
        ("src/c.db", "locked by another process"),
    ]
    assert {(problem.problem.criterion, problem.problem.id) for problem in problems} == {("no-other-process", "in-use")}
    assert [problem.problem.subject for problem in problems] == ["a.db", "src/c.db"]
    assert not {"a.db", "src/c.db"} & set(names(scratch))
    assert {"target.db", "logs/b.db", "module.py", "src/package/code.py"} <= set(names(scratch))


@pytest.mark.usefixtures("lock")
def test_incomplete_copy_is_refused(live: Path, scratch: Path) -> None:
    """The error has the first problem. A complete copy is accepted."""
    problems = copy_workspace(plan(), live, scratch).problems

    with pytest.raises(ProblemError) as refused:
        require_complete(problems)

    assert (refused.value.ids[0], refused.value.problems[0].what) == ("in-use", problems[0].problem.what)
    require_complete([])


@pytest.mark.usefixtures("lock")
def test_unread_path_keeps_the_spelling_of_plan(live: Path, scratch: Path) -> None:
    """The preflight does not report it as missing."""
    named = plan("./a.db", "logs/b.db")
    problems = copy_workspace(named, live, scratch).problems

    with ExitStack() as write_locks:
        inspected = inspect_databases(named, scratch, write_locks, unread=problems, live=live)

    assert inspected.unread == {"./a.db": "locked by another process"}
    assert [problem.id for problem in inspected.problems if problem.criterion == "sources-readable"] == []
    assert set(inspected.sources) == {"s1"}


@pytest.mark.usefixtures("lock")
def test_locked_database_of_no_plan_is_a_finding(live: Path, scratch: Path) -> None:
    """The real run would not read it, so that the rehearsal goes on."""
    elsewhere = plan("logs/b.db").model_copy(update={"scan": Scan(paths=["tests"])})

    copy = copy_workspace(elsewhere, live, scratch)

    assert copy.problems == ()
    assert {(finding.id, finding.subject, finding.level) for finding in copy.findings()} == {
        ("not-copied", "a.db", "attention"),
        ("not-copied", "src/c.db", "attention"),
    }
