"""Specify which other processes have a database open or locked."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.engine.sqlite.processes import find_holders, is_in_container, lock_owner
from tests.support.processes import other_process, unrelated_process

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


CONNECT = "import sqlite3; c = sqlite3.connect(sys.argv[1], isolation_level=None)"
READ = f"{CONNECT}; c.execute('select count(*) from tasks').fetchall()"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Create a database that is not open."""
    path = tmp_path / "tasks.db"
    connection = sqlite3.connect(path)
    connection.execute("create table tasks (id)")
    connection.close()
    return path


def test_process_that_has_database_open_is_named(database: Path) -> None:
    """An operator finds the process by its id and its program."""
    with unrelated_process(READ, database) as pid:
        [holder] = find_holders([database]).entries

    assert (holder.pid, holder.file) == (pid, database)
    assert holder.program.startswith("python")


def test_file_that_is_not_open_has_no_holder(database: Path) -> None:
    """A file that does not exist has no holder either."""
    holders = find_holders([database, database.with_name("missing.db")])

    assert holders.entries == ()
    assert holders.unseen >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of descriptors is one of Linux")
@pytest.mark.parametrize(("error", "unseen"), [(PermissionError, 1), (ProcessLookupError, 0)])
def test_process_that_may_not_be_inspected_is_counted(
    database: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError], unseen: int
) -> None:
    """One that has ended meanwhile is not."""
    list_folder = os.listdir

    def refuse(folder: str) -> list[str]:
        if f"{folder}".endswith("/fd"):
            raise error
        return list_folder(folder)

    with unrelated_process(READ, database) as pid:
        monkeypatch.setattr(psutil, "process_iter", lambda: [psutil.Process(pid)])
        monkeypatch.setattr(os, "listdir", refuse)
        holders = find_holders([database])

    assert (holders.entries, holders.unseen) == ((), unseen)


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_sidecar_that_is_open_counts(database: Path, suffix: str) -> None:
    """A process with only the ``-wal`` open holds the database."""
    sidecar = database.with_name(database.name + suffix)
    sidecar.write_bytes(b"")

    with unrelated_process("f = open(sys.argv[1])", sidecar) as pid:
        holders = find_holders([database]).entries

    assert [(holder.pid, holder.file) for holder in holders] == [(pid, database)]


def test_another_name_of_file_does_not_hide_holder(database: Path) -> None:
    """Files are compared by device and inode."""
    other = database.with_name("other.db")
    os.link(database, other)

    with unrelated_process("f = open(sys.argv[1])", other) as pid:
        holders = find_holders([database]).entries

    assert [holder.pid for holder in holders] == [pid]


def test_this_process_and_its_children_do_not_count(database: Path) -> None:
    """The run itself, and what it started, is no other process."""
    with database.open("rb"), other_process(database, "SELECT * FROM tasks"):
        holders = find_holders([database]).entries

    assert holders == ()


def test_each_database_and_process_is_named_once(database: Path) -> None:
    """Two descriptors of one process are one holder. Two databases are two."""
    other = database.with_name("other.db")
    other.write_bytes(b"")

    with unrelated_process("f = [open(name) for name in sys.argv[1:] * 2]", database, other) as pid:
        holders = find_holders([database, other]).entries

    assert [(holder.pid, holder.file) for holder in holders] == [(pid, other), (pid, database)]


def test_arguments_of_a_process_are_not_shown(database: Path) -> None:
    """A program may have a password in them."""
    with unrelated_process("f = open(sys.argv[1])", database, "--password=canary"):
        [holder] = find_holders([database]).entries

    assert "canary" not in repr(holder)


def test_name_of_a_program_is_escaped(database: Path, tmp_path: Path) -> None:
    """Control characters of a name cannot control the terminal."""
    program = tmp_path / "\x1b[2J"
    program.symlink_to(sys.executable)
    with unrelated_process("f = open(sys.argv[1])", database, program=program) as pid:
        [holder] = [holder for holder in find_holders([database]).entries if holder.pid == pid]

    assert holder.program == "\\x1b[2J"


@pytest.mark.parametrize(
    "code",
    [
        f"{CONNECT}; c.execute('begin immediate')",
        f"{CONNECT}; c.execute('begin exclusive')",
        f"{CONNECT}; c.execute('begin'); c.execute('select * from tasks').fetchall()",
        f"{CONNECT}; c.execute('pragma journal_mode=wal'); c.execute('select * from tasks').fetchall()",
    ],
    ids=["writer", "exclusive", "reader", "idle in WAL mode"],
)
def test_owner_of_sqlite_lock_is_named(database: Path, code: str) -> None:
    """Whether it writes, reads, or just keeps a WAL database open."""
    with unrelated_process(code, database) as pid:
        assert lock_owner(database) == pid


def test_no_lock_has_no_owner(database: Path) -> None:
    """An open, a closed and a missing file have no lock."""
    with unrelated_process(READ, database):
        assert lock_owner(database) is None

    assert lock_owner(database) is None
    assert lock_owner(database.with_name("missing.db")) is None
    assert not database.with_name("missing.db").exists()


@pytest.mark.parametrize(("command", "expected"), [("systemd", False), ("init", False), ("sh", True), ("tini", True)])
def test_process_1_tells_a_container(tmp_path: Path, command: str, expected: bool) -> None:
    """In a container it is a program of its own."""
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/comm").write_text(f"{command}\n")

    assert is_in_container(tmp_path) is expected


def test_file_of_container_tells_it_with_an_init(tmp_path: Path) -> None:
    """A container may run the init of a whole machine."""
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/comm").write_text("systemd\n")
    assert not is_in_container(tmp_path)
    (tmp_path / ".dockerenv").touch()

    assert is_in_container(tmp_path)


def test_unknown_process_1_is_no_container(tmp_path: Path) -> None:
    """Other systems have no such file."""
    assert not is_in_container(tmp_path)
