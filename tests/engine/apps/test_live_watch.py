"""Specify which changes of the live workspace are noticed and attributed."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.live_watch import LiveWatch
from tests.support.processes import unrelated_process

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Make a workspace of a database in WAL mode, a module, an empty folder and a library."""
    root = tmp_path / "live"
    for folder in ("empty", "app", "node_modules/zz", "backups"):
        (root / folder).mkdir(parents=True)
    execute(root / "main.db", "PRAGMA journal_mode=WAL", "CREATE TABLE tasks(id)")
    for file in ("app/code.py", "node_modules/zz/index.js"):
        (root / file).write_text("x")
    return root


def execute(path: Path, *statements: str) -> None:
    """Run statements in autocommit mode on a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for statement in statements:
            con.execute(statement).fetchall()


def write_in_place(live: Path) -> None:
    """Write the same number of bytes, and set the times of the file as they were before."""
    file = live / "app/code.py"
    status = file.stat()
    file.write_text("y")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("act", "file"),
    [
        (lambda live: execute(live / "main.db", "INSERT INTO tasks VALUES (1)"), "main.db"),
        (write_in_place, "app/code.py"),
        (lambda live: (live / "app/code.py").unlink(), "app/code.py"),
        (lambda live: (live / "app/code.py").chmod(0o400), "app/code.py"),
        (lambda live: (live / "new.txt").touch(), "new.txt"),
        (lambda live: (live / "empty").rmdir(), "empty/"),
        (lambda live: (live / "node_modules/zz/index.js").write_text("y"), "node_modules/zz/index.js"),
        (lambda live: (live / "backups/new").touch(), "backups/new"),
    ],
)
def test_change_of_live_workspace_is_noticed(live: Path, act: Callable[[Path], object], file: str) -> None:
    """Neither the times of a file nor its size hide a change."""
    watch = LiveWatch(live)

    act(live)

    changes = watch.changes()
    assert (changes.unexplained, changes.of_others) == ((file,), ())
    assert watch.changes().unexplained == ()


def test_reading_is_no_change(live: Path) -> None:
    """SQLite creates and removes sidecar files of a database that is only read."""
    watch = LiveWatch(live)

    execute(live / "main.db", "SELECT * FROM tasks")
    (live / "app/code.py").read_text()
    (live / "app/__pycache__").mkdir()

    changes = watch.changes()
    assert changes.unexplained == changes.of_others == ()
    assert changes.files == 3


def test_file_open_elsewhere_is_not_attributed(live: Path) -> None:
    """The process that has the database open may have written to it."""
    with unrelated_process("f = open(sys.argv[1])", live / "main.db"):
        watch = LiveWatch(live)
        execute(live / "main.db", "INSERT INTO tasks VALUES (2)")
        (live / "app/code.py").write_text("y")

        changes = watch.changes()

    assert (changes.unexplained, changes.of_others) == (("app/code.py",), ("main.db",))


def test_file_that_changed_before_is_not_attributed(live: Path) -> None:
    """It changed while no program of the rehearsal ran, and so did its folder."""
    watch = LiveWatch(live)
    (live / "app/code.py").write_text("y")
    (live / "backups/1").touch()
    watch.note_others()

    (live / "app/code.py").write_text("z")
    (live / "backups/2").touch()
    (live / "app/2").touch()

    changes = watch.changes()
    assert (changes.unexplained, changes.of_others) == (("app/2",), ("app/code.py", "backups/2"))


def test_only_named_folders_are_watched(live: Path) -> None:
    """Reports are written there by this run, and libraries are watched alone in a migration."""
    everywhere, libraries = LiveWatch(live, skip=[live / "backups"]), LiveWatch(live, folders=["node_modules"])

    (live / "backups/new").touch()
    shutil.rmtree(live / "node_modules/zz")

    assert everywhere.changes().unexplained == ("node_modules/zz/", "node_modules/zz/index.js")
    assert libraries.changes().unexplained == ("node_modules/zz/", "node_modules/zz/index.js")
