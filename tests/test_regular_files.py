"""Specify that only regular files are read.

Nothing waits for the other end of a pipe.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.restore import write_version
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.files import has_hot_journal, uses_wal
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.regular_files import open_regular, read_regular

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Create a FIFO that no process writes to."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_regular_file_is_read(tmp_path: Path) -> None:
    """All of its bytes arrive."""
    (tmp_path / "a").write_bytes(b"\0bytes\n")

    assert read_regular(tmp_path / "a") == b"\0bytes\n"


@pytest.mark.parametrize("name", ["pipe", "folder"])
def test_other_kinds_of_files_are_refused(tmp_path: Path, pipe: Path, name: str) -> None:
    """A FIFO would wait for a writer."""
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError, match="not a regular file") as error:
        open_regular(pipe.parent / name)

    assert error.value.filename == str(tmp_path / name)


def test_pipe_in_place_of_a_database_has_no_header(pipe: Path) -> None:
    """It is neither in WAL mode nor beside a hot journal."""
    os.mkfifo(pipe.with_name("pipe-journal"))

    assert not uses_wal(pipe)
    assert not has_hot_journal(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        write_version(pipe)


def test_pipe_in_place_of_a_database_is_not_opened(pipe: Path) -> None:
    """SQLite would wait for a writer."""
    with pytest.raises(sqlite3.OperationalError, match="named pipe"), open_for_inspection(pipe):
        pass


def test_pipe_in_place_of_a_ledger_is_a_problem(tmp_path: Path) -> None:
    """The rollback says so and ends."""
    os.mkfifo(tmp_path / "ledger.jsonl")

    with pytest.raises(ProblemError) as refused:
        Ledger(tmp_path).events()

    assert [problem.id for problem in refused.value.problems] == ["bad-ledger"]
    assert "not a regular file" in refused.value.problems[0].what


def test_pipe_in_place_of_a_manifest_is_a_problem(tmp_path: Path) -> None:
    """The rollback says so and ends."""
    os.mkfifo(tmp_path / manifest.NAME)

    with pytest.raises(ProblemError) as refused:
        manifest.read(tmp_path)

    assert [problem.id for problem in refused.value.problems] == ["bad-manifest"]
