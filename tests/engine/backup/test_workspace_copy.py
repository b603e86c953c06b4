"""A rehearsal's workspace is like the live one in all that matters to a run, and shares nothing with it."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.workspace_copy import copy_workspace, require_complete
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.engine.sqlite.files import file_problems
from sqlite_consolidate.plan.model import Insert, Logs, Plan, Reference, Scan, Smoke, Source
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import make_database
from tests.support.processes import unrelated_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A workspace with a target, two sources, code and logs."""
    root = tmp_path / "live"
    for folder in ("src/package", "tests", "logs", "other"):
        (root / folder).mkdir(parents=True)
    for name in ("target.db", "a.db", "logs/b.db"):
        make_database(root / name)
    (root / "src/package/code.py").write_text("CODE\n")
    (root / "src/run.sh").write_text("#!/bin/sh\n")
    (root / "src/run.sh").chmod(0o750)
    (root / "settings.ini").write_text("[x]\n")
    (root / "module.py").write_text("MODULE\n")
    (root / "logs/app.log").write_text("line\n")
    (root / "consolidation.toml").write_text("format = 1\n")
    (root / "other/unrelated.txt").write_text("private\n")
    return root


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty private folder."""
    folder = tmp_path / "scratch"
    folder.mkdir(mode=0o700)
    return folder


def plan(*files: str, target: str = "target.db") -> Plan:
    """Return a plan that names every kind of thing a plan can name."""
    return Plan(
        format=1,
        name="p",
        target=target,
        sources=[Source(name=f"s{at}", file=file) for at, file in enumerate(files or ("a.db", "logs/b.db"))],
        references=[Reference(file="settings.ini", find="x", replace="y")],
        inserts=[Insert(file="module.py", code="def f(): ...")],
        scan=Scan(paths=["src"]),
        smoke=[Smoke(name="s", python="1", path=["tests"])],
        logs=Logs(files=["logs/*.log"]),
    )


def names(root: Path) -> list[str]:
    """Name everything below a folder."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """Return every name below a folder with its mode, its time of change, and its bytes or where it points."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        inside = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, inside)
    return found


def rows(path: Path) -> int:
    """Count the rows of a copied database."""
    con = open_existing(path)
    count = con.execute("SELECT count(*) FROM t").fetchone()[0]
    con.close()
    return int(count)


def test_all_that_the_plan_names_is_copied_and_nothing_else(live: Path, scratch: Path) -> None:
    """Databases, code, trees, logs and the plan; the rest of the workspace stays where it is."""
    copy_workspace(plan(), live, scratch, extra_files=(live / "consolidation.toml", live.parent / "outside.toml"))

    assert names(scratch) == [
        "a.db",
        "consolidation.toml",
        "logs",
        "logs/app.log",
        "logs/b.db",
        "module.py",
        "settings.ini",
        "src",
        "src/package",
        "src/package/code.py",
        "src/run.sh",
        "target.db",
        "tests",
    ]
    assert [rows(scratch / name) for name in ("target.db", "a.db", "logs/b.db")] == [1, 1, 1]
    assert (scratch / "src/package/code.py").read_text() == "CODE\n"


def test_the_live_workspace_is_not_changed(live: Path, scratch: Path) -> None:
    """Names, bytes, modes and times are what they were, with a closed WAL database and a crash's -wal as well."""
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


def test_copies_share_nothing_with_the_live_files(live: Path, scratch: Path) -> None:
    """What a rehearsal writes stays in the rehearsal."""
    copy_workspace(plan(), live, scratch)

    con = open_existing(scratch / "a.db")
    con.execute("DELETE FROM t")
    con.close()
    (scratch / "src/package/code.py").write_text("CHANGED\n")

    assert rows(live / "a.db") == 1
    assert (live / "src/package/code.py").read_text() == "CODE\n"


def test_modes_and_times_of_files_are_kept(live: Path, scratch: Path) -> None:
    """A script can still be run; a private database is private still."""
    (live / "a.db").chmod(0o640)
    os.utime(live / "logs/app.log", ns=(10**18, 10**18))

    copy_workspace(plan(), live, scratch)

    assert (scratch / "src/run.sh").stat().st_mode & 0o777 == 0o750
    assert (scratch / "a.db").stat().st_mode & 0o777 == 0o640
    assert (scratch / "logs/app.log").stat().st_mtime_ns == 10**18


def test_links_stay_links(live: Path, scratch: Path) -> None:
    """So that the preflight of the rehearsal refuses what the real one would; what they point at is there too."""
    (live / "a.db").rename(live / "real.db")
    (live / "a.db").symlink_to("real.db")
    (live / "src/broken").symlink_to("nowhere")

    copy_workspace(plan(), live, scratch)

    assert (scratch / "a.db").readlink().name == "real.db"
    assert rows(scratch / "real.db") == 1
    assert os.path.lexists(scratch / "src/broken")
    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []


def test_an_absolute_link_into_the_workspace_leads_to_the_copy(live: Path, scratch: Path) -> None:
    """Otherwise the rehearsal would rewrite the live code through it."""
    (live / "src/again.py").symlink_to(live / "module.py")

    copy_workspace(plan(), live, scratch)

    assert (scratch / "src/again.py").resolve() == (scratch / "module.py").resolve()
    (scratch / "src/again.py").write_text("CHANGED\n")
    assert (live / "module.py").read_text() == "MODULE\n"


def test_a_loop_of_links_ends(live: Path, scratch: Path) -> None:
    """A folder that contains a link to itself is copied once."""
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
def test_sidecars_without_their_database_are_copied(live: Path, scratch: Path, role: str, suffix: str) -> None:
    """They are a finding: rows that somebody left behind."""
    name = "a.db" if role == "source" else "target.db"
    (live / name).rename(live / "gone.db")
    (live / f"{name}{suffix}").write_bytes(b"rows")

    copy_workspace(plan(), live, scratch)

    assert (scratch / f"{name}{suffix}").read_bytes() == b"rows"
    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []


@pytest.mark.parametrize("role", ["source", "target"])
@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_sidecars_of_empty_databases_are_copied(live: Path, scratch: Path, role: str, suffix: str) -> None:
    """The rehearsal refuses what the migration refuses, and neither opens the database."""
    name = "a.db" if role == "source" else "target.db"
    (live / name).write_bytes(b"")
    (live / f"{name}{suffix}").write_bytes(b"rows")

    copy_workspace(plan(), live, scratch)

    assert (live / f"{name}{suffix}").read_bytes() == b"rows"
    assert (scratch / f"{name}{suffix}").read_bytes() == b"rows"
    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []


def test_sidecars_in_a_tree_come_with_their_database_or_not_at_all(live: Path, scratch: Path) -> None:
    """A name that only looks like a sidecar's is an ordinary file, or folder, and is copied."""
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


@pytest.mark.parametrize("folder", [".git", "__pycache__", "node_modules", ".venv", ".tox", "environment"])
def test_what_is_no_code_of_the_users_is_passed_over(live: Path, scratch: Path, folder: str) -> None:
    """History, caches and installed packages: a virtual environment under any name."""
    (live / "src" / folder).mkdir()
    (live / "src" / folder / "file.py").touch()
    if folder == "environment":
        (live / "src" / folder / "pyvenv.cfg").touch()

    copy_workspace(plan(), live, scratch)

    assert not (scratch / "src" / folder).exists()
    assert (scratch / "src/package/code.py").exists()


def test_what_is_missing_is_missing_in_the_rehearsal(live: Path, scratch: Path) -> None:
    """With the folder it should be in, so that the preflight says the same."""
    (live / "logs/b.db").unlink()
    (live / "target.db").unlink()

    copy_workspace(plan(), live, scratch)

    assert file_problems(plan(), scratch) == file_problems(plan(), live) != []
    assert not (scratch / "target.db").exists()


def test_one_path_in_two_spellings_is_copied_once(live: Path, scratch: Path) -> None:
    """And what lies in a tree as well is not copied over."""
    copy_workspace(plan("a.db", "./a.db", "logs/../a.db"), live, scratch)

    assert rows(scratch / "a.db") == 1


def test_special_files_are_not_waited_for(live: Path, scratch: Path) -> None:
    """A pipe in a tree would never end."""
    os.mkfifo(live / "src/pipe")

    copy_workspace(plan(), live, scratch)

    assert not (scratch / "src/pipe").exists()


def test_a_workspace_behind_a_link_is_rehearsed(live: Path, scratch: Path) -> None:
    """Links inside it are followed all the same."""
    (live.parent / "current").symlink_to("live")
    (live / "src/again.py").symlink_to("../other/unrelated.txt")

    copy_workspace(plan(), live.parent / "current", scratch)

    assert (scratch / "src/again.py").read_text() == "private\n"


@pytest.fixture
def lock(live: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let another process hold an exclusive lock on ``a.db`` and ``src/c.db``."""
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.1)
    make_database(live / "src/c.db")
    code = (
        "import sqlite3; held = [sqlite3.connect(file, isolation_level=None) for file in sys.argv[1:]]\n"
        "for con in held: con.execute('BEGIN EXCLUSIVE')"
    )
    with unrelated_process(code, live / "a.db", live / "src/c.db"):
        yield


@pytest.mark.usefixtures("lock")
def test_a_locked_database_keeps_nothing_else_from_being_copied(live: Path, scratch: Path) -> None:
    """Each is named as a path of the workspace, and nothing is left of its copy."""
    problems = copy_workspace(plan("./a.db", "logs/b.db"), live, scratch)

    assert [(wrong.file, wrong.reason) for wrong in problems] == [
        ("a.db", "locked by another process"),
        ("src/c.db", "locked by another process"),
    ]
    assert {(wrong.problem.criterion, wrong.problem.id) for wrong in problems} == {("no-other-process", "in-use")}
    assert [wrong.problem.subject for wrong in problems] == ["a.db", "src/c.db"]
    assert not {"a.db", "src/c.db"} & set(names(scratch))
    assert {"target.db", "logs/b.db", "module.py", "src/package/code.py"} <= set(names(scratch))


@pytest.mark.usefixtures("lock")
def test_an_incomplete_copy_can_be_refused(live: Path, scratch: Path) -> None:
    """By its first problem; a complete one is accepted."""
    problems = copy_workspace(plan(), live, scratch)

    with pytest.raises(ProblemError) as refused:
        require_complete(problems)

    assert (refused.value.ids[0], refused.value.problems[0].what) == ("in-use", problems[0].problem.what)
    require_complete([])


@pytest.mark.usefixtures("lock")
def test_a_path_that_is_spelled_otherwise_is_known_as_unread(live: Path, scratch: Path) -> None:
    """The survey names it as the plan does, and does not call it missing."""
    named = plan("./a.db", "logs/b.db")
    problems = copy_workspace(named, live, scratch)

    with ExitStack() as write_locks:
        found = inspect_databases(named, scratch, write_locks, unread=problems, live=live)

    assert found.unread == {"./a.db": "locked by another process"}
    assert [problem.id for problem in found.problems if problem.criterion == "sources-readable"] == []
    assert set(found.sources) == {"s1"}
