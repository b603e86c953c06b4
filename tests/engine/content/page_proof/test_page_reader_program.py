"""Specify when the page reader is used, and when SQLite reads instead."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.page_reader.availability import PURE, reason_without_program
from sqlite_consolidate.page_reader.compilation import PROGRAM, compile_program, first_line
from tests.support.pages.databases import build

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


_MALFORMED_DIGESTS = ("value 0 0 0", "digest\nvalue 1 0 0", "digest\nvalue 0 0", "digest\nvalue -2 0 0")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a database that the page reader knows."""
    return build(tmp_path_factory.mktemp("database") / "a.db")


def prove_by(program: Path, path: Path) -> PageProof:
    """Return what a program says of a database."""
    with closing(open_readonly(path)) as con:
        return prove_pages(path, con, read_schema(con), program=program)


def script(folder: Path, body: str) -> Path:
    """Write a program that answers without reading a database."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o700)
    return program


def test_pure_run_is_stated_with_its_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable leaves every database to SQLite and Python."""
    assert reason_without_program() == ""
    monkeypatch.setenv(PURE, "1")

    assert reason_without_program() == f"{PURE}=1"
    assert prove_by(PROGRAM, path) == PageProof(unreadable=(f"{PURE}=1",))


@pytest.mark.parametrize(
    "answer",
    [
        "page_reader 1 0000 elsewhere-9000\ntable 1\ndigest 00\nend",  # of older sources, or of another platform
        f"{first_line()}",
        f"{first_line()}\ntable 1\ndigest 00\nend",  # fewer tables than it was asked for
        f"{first_line()}\nunreadable memory ran out",
        "",
    ],
)
def test_answer_without_proof_leaves_all_to_sqlite(path: Path, tmp_path: Path, answer: str) -> None:
    """A program that ends early, or was compiled from other sources, has proved nothing."""
    proof = prove_by(script(tmp_path, f"cat <<'END'\n{answer}\nEND"), path)

    assert proof.unreadable
    assert not proof.has_digests
    assert proof.digests == {}


def test_program_of_another_processor_leaves_all_to_sqlite(path: Path, tmp_path: Path) -> None:
    """The kernel does not run it, as in a checkout that two computers share."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF" + bytes(64))
    program.chmod(0o700)

    assert prove_by(program, path).unreadable
    assert prove_by(tmp_path / "missing", path).unreadable


def test_late_program_leaves_all_to_sqlite(path: Path, tmp_path: Path) -> None:
    """A program that does not end is ended, and no process is left."""
    others = set(psutil.Process().children())
    with closing(open_readonly(path, Limits(reader_seconds=0.2))) as con:
        proof = prove_pages(path, con, read_schema(con), program=script(tmp_path, "exec sleep 60"))

    assert proof.unreadable
    assert set(psutil.Process().children()) == others


def test_interrupted_run_does_not_wait_for_the_program(path: Path, tmp_path: Path) -> None:
    """The error is that of an interrupted statement."""
    limits = Limits()
    with closing(open_readonly(path, limits)) as con:
        schema = read_schema(con)
        limits.interrupted.set()

        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            prove_pages(path, con, schema, program=script(tmp_path, "exec sleep 60"))


def test_another_file_of_the_name_is_not_read(path: Path) -> None:
    """SQLite has one file open, and the name may lead to another one by then."""
    request = f"file {path.stat().st_dev} {path.stat().st_ino + 1}\ntable 1 0 1 -1\ncolumn A - 0 1\nend\n"

    answer = subprocess.run([PROGRAM, path, "9"], input=request, capture_output=True, text=True, check=False)

    assert [line.split(" ")[0] for line in answer.stdout.splitlines()[1:]] == ["table", "unreadable", "end"]


@pytest.mark.parametrize(
    "request_text",
    [
        *("", "end\n", "table 1 0 2 -1\nend\n", "table 1 0 1 5\ncolumn A - 0 1\nend\n", "term 0 0 0\nend\n", "x" * 500),
        *("digest\nend\n", *(f"table 1 0 1 -1\ncolumn A - 0 1\n{lines}\nend\n" for lines in _MALFORMED_DIGESTS)),
    ],
)
def test_malformed_request_is_answered_without_reading(path: Path, request_text: str) -> None:
    """The reader checks what it is asked, as it checks the file."""
    answer = subprocess.run([PROGRAM, path, "9"], input=request_text, capture_output=True, text=True, check=False)

    assert answer.stdout.endswith("unreadable the request is malformed\nend\n")


def test_program_can_write_no_file(path: Path, tmp_path: Path) -> None:
    """Its limits are set before it reads."""
    with (tmp_path / "out").open("wb") as out:
        ended = subprocess.run([PROGRAM, path, "9"], input=b"", stdout=out, check=False)

    assert ended.returncode < 0
    assert (tmp_path / "out").stat().st_size == 0


def test_missing_compiler_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel is then a pure one, and no file is left."""
    monkeypatch.setenv("CC", str(tmp_path / "no compiler"))
    assert compile_program(tmp_path / "program")
    monkeypatch.setenv("CC", "false")
    assert compile_program(tmp_path / "program")

    assert list(tmp_path.iterdir()) == []
