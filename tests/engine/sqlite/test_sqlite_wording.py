"""Hold the sentences of the messages about files, locks and limits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.errors import in_use_problem
from sqlite_consolidate.engine.sqlite.files import file_problems
from sqlite_consolidate.engine.sqlite.limits import Deadline
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.plan.model import Plan, Source
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import make_database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _link(root: Path) -> None:
    (root / "a.db").rename(root / "real.db")
    (root / "a.db").symlink_to("real.db")


def _directory(root: Path) -> None:
    (root / "a.db").unlink()
    (root / "a.db").mkdir()


def _pipe(root: Path) -> None:
    (root / "a.db").unlink()
    os.mkfifo(root / "a.db")


def _hard_link(root: Path) -> None:
    (root / "second.db").hardlink_to(root / "a.db")


def _text(root: Path) -> None:
    (root / "a.db").write_text("no database")


def _missing(root: Path) -> None:
    (root / "a.db").unlink()


def _wal_alone(root: Path) -> None:
    (root / "a.db").rename(root / "a.db-wal")


def _wal_of_empty_file(root: Path) -> None:
    _wal_alone(root)
    (root / "a.db").touch()


def _outside(root: Path) -> None:
    (root.parent / "other").mkdir()
    (root / "a.db").rename(root.parent / "other/a.db")
    (root / "logs").symlink_to("../other")


SENTENCES: list[tuple[Callable[[Path], None], str, str]] = [
    (
        _link,
        "a.db",
        (
            "a.db: is a symbolic link to real.db. Renaming the link would leave the database in use."
            " Name the real file in the plan (inside the workspace). [symbolic-link]"
        ),
    ),
    (_directory, "a.db", "a.db: is a directory, not a file. Name the database file. [not-a-file]"),
    (_pipe, "a.db", "a.db: is not a regular file. Name the database file. [not-a-file]"),
    (
        _hard_link,
        "a.db",
        (
            "a.db: has 2 hard links. It would stay in use under another name."
            " Keep one name of the file and run again. [hard-links]"
        ),
    ),
    (_text, "a.db", "a.db: is not a database (or it is encrypted). Correct file in the plan. [not-a-database]"),
    (
        _missing,
        "a.db",
        "a.db: no such file. Correct file in the plan, or mark the source optional = true. [no-such-file]",
    ),
    (
        _wal_alone,
        "a.db",
        (
            "a.db: is missing, but its -wal exists. Committed rows may be in it."
            " Restore the database beside it, or move the sidecar file away. [sidecar-alone]"
        ),
    ),
    (
        _wal_of_empty_file,
        "a.db",
        (
            "a.db: is empty, but its -wal is not. Committed rows may be in it."
            " Restore the database beside it, or move the sidecar file away. [sidecar-alone]"
        ),
    ),
    (
        _outside,
        "logs/a.db",
        (
            "logs/a.db: is outside the workspace. A folder in its path is a symbolic link."
            " Name the real path, inside the workspace. [outside]"
        ),
    ),
]


def _plan(*files: str, target: str = "target.db") -> Plan:
    sources = [Source(name=f"s{index}", file=file) for index, file in enumerate(files)]
    return Plan(format=1, name="p", target=target, sources=sources)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Create a workspace with a target and one source."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    make_database(folder / "target.db", "DELETE")
    make_database(folder / "a.db", "DELETE")
    return folder


@pytest.mark.parametrize(("spoil", "file", "sentence"), SENTENCES)
def test_file_problem_has_these_sentences(root: Path, spoil: Callable[[Path], None], file: str, sentence: str) -> None:
    """A better sentence changes one line here."""
    spoil(root)

    assert [str(entry.problem) for entry in file_problems(_plan(file), root)] == [sentence]


def test_twice_listed_file_has_these_sentences(root: Path) -> None:
    """The message names the other entry of the plan."""
    (root / "logs").mkdir()

    [entry] = file_problems(_plan("a.db", "logs/../a.db"), root)

    assert str(entry.problem) == (
        "logs/../a.db: is the same file as a.db (a link or another spelling). Its rows would be copied twice."
        " Name each database once, and never the target as a source. [file-twice]"
    )


def test_missing_folder_has_these_sentences(root: Path) -> None:
    """The message names the folder of the target."""
    [entry] = file_problems(_plan("a.db", target="no/such/new.db"), root)

    assert str(entry.problem) == (
        "no/such/new.db: its folder no/such does not exist. Create the folder, or correct target in the plan."
        " [no-folder]"
    )


def test_deadline_problem_has_these_sentences() -> None:
    """The message names the current step."""
    deadline = Deadline()
    with pytest.raises(ProblemError) as raised, deadline.within(-1, "a.db"):
        deadline.start_step("table t")

    assert str(raised.value.problems[0]) == (
        "a.db: was not read within its deadline of -1 s. Reading stopped at its schema."
        " Check what its schema computes in views, triggers, CHECKs, generated columns and indexes."
        ' If it is correct but slow, set a longer deadline in the plan: deadline = "10m".'
        " [out-of-proportion]"
    )


def test_database_in_use_has_these_sentences() -> None:
    """The hint is the same for each database."""
    assert str(in_use_problem("a.db")) == (
        "a.db: is locked by another process. Stop the process that uses it and run again. [in-use]"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_unwritable_database_has_these_sentences(root: Path) -> None:
    """The message names the missing permission."""
    (root / "a.db").chmod(0o400)

    with pytest.raises(ProblemError) as raised:
        WriteLock(root / "a.db")

    assert str(raised.value.problems[0]) == (
        "a.db: cannot be written (no write permission)."
        " Give the user who runs this write permission on the file and its folder. [read-only]"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_has_these_sentences(root: Path) -> None:
    """The message has the reason of the system."""
    (root / "a.db").chmod(0)

    [entry] = file_problems(_plan("a.db"), root)

    assert str(entry.problem) == (
        "a.db: cannot be read (Permission denied). Give read permission and run again. [unreadable]"
    )
