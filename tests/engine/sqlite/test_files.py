"""Specify which problems of files are found before a database is opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.engine.sqlite.files import existing_sources, file_problems, has_hot_journal, size_with_sidecars
from sqlite_consolidate.plan.model import Plan, Source
from tests.support.database_files import make_database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Create a workspace with a target and one source."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    make_database(folder / "target.db", "DELETE", bytes(50_000))
    make_database(folder / "a.db", "DELETE", bytes(50_000))
    return folder


def plan(*files: str, target: str = "target.db", optional: bool = False) -> Plan:
    """Return a plan with these sources."""
    sources = [Source(name=f"s{at}", file=file, optional=optional) for at, file in enumerate(files)]
    return Plan(format=1, name="p", target=target, sources=sources)


def said(root: Path, *files: str, target: str = "target.db", optional: bool = False) -> list[str]:
    """Return the problems as the user reads them."""
    return [str(wrong.problem) for wrong in file_problems(plan(*files, target=target, optional=optional), root)]


def _link(path: Path) -> None:
    path.rename(path.with_name("real.db"))
    path.symlink_to("real.db")


def _broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone.db")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _hard_link(path: Path) -> None:
    path.with_name("second.db").hardlink_to(path)


def _text(path: Path) -> None:
    path.write_text("no database at all\n" * 20)


def _header_only(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def _future(path: Path) -> None:
    _patch(path, 18, b"\3\3")


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


def _cut_in_a_page(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _page_size_of_nothing(path: Path) -> None:
    _patch(path, 16, b"\0\0")


def _patch(path: Path, at: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)


PROBLEMS = [
    (_link, "is a symbolic link to real.db. Renaming the link would leave the database in use."),
    (_broken_link, "is a symbolic link to gone.db. Renaming the link would leave the database in use."),
    (_directory, "is a directory, not a file."),
    (_fifo, "is not a regular file."),
    (_hard_link, "has 2 hard links. It would stay in use under another name."),
    (_text, "is not a database (or it is encrypted)."),
    (_header_only, "is not a database (or it is encrypted)."),
    (_future, "was written by a future version of SQLite."),
    (_cut, "is truncated or malformed. "),
    (_cut_in_a_page, "is truncated or malformed. "),
    (_page_size_of_nothing, "is truncated or malformed. "),
]


def test_sound_files_have_no_problem(root: Path) -> None:
    """A target that does not exist and an empty file are no problem."""
    (root / "empty.db").touch()
    make_database(root / "wal.db", "WAL", bytes(50_000))

    assert said(root, "a.db", "wal.db", "empty.db") == []
    assert said(root, "a.db", target="new.db") == []


@pytest.mark.parametrize(("spoil", "words"), PROBLEMS)
@pytest.mark.parametrize("role", ["source", "target"])
def test_file_problem_has_fact_and_hint(root: Path, spoil: Callable[[Path], None], words: str, role: str) -> None:
    """It has one sentence of fact and one hint, for a source as for the target."""
    file = "a.db" if role == "source" else "target.db"
    spoil(root / file)

    [wrong] = file_problems(plan("a.db"), root)

    assert (wrong.file, wrong.problem.subject) == (file, file)
    assert wrong.reason
    assert words in wrong.problem.what
    assert wrong.problem.hint.endswith(".")
    assert wrong.problem.criterion == "sources-readable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_cannot_be_read_is_named(root: Path) -> None:
    """The message has the reason of the system."""
    (root / "a.db").chmod(0)

    assert said(root, "a.db") == ["a.db: cannot be read (Permission denied). Give read permission and run again."]


def test_missing_source_is_named(root: Path) -> None:
    """The hint explains ``optional``. An optional source is no problem."""
    missing = "no.db: no such file. Correct file in the plan, or mark the source optional = true. [no-such-file]"

    assert said(root, "a.db", "no.db") == [missing]
    assert said(root, "no.db", optional=True) == []
    assert existing_sources(plan("no.db", optional=True), root) == []


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("optional", [False, True])
def test_sidecar_without_its_source_is_finding(root: Path, suffix: str, optional: bool) -> None:
    """The missing database left committed rows behind.

    It is a problem even for an optional source.
    """
    (root / f"no.db{suffix}").write_bytes(b"rows")

    what = f"no.db: is missing, but its {suffix} exists. Committed rows may be in it."
    assert said(root, "no.db", optional=optional) == [
        f"{what} Restore the database beside it, or move the sidecar file away. [sidecar-alone]"
    ]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_sidecar_without_its_target_is_finding(root: Path, suffix: str) -> None:
    """SQLite would delete it with the new target's first transaction, and the rows in it."""
    (root / f"new.db{suffix}").write_bytes(b"rows")

    problems = said(root, "a.db", target="new.db")

    assert len(problems) == 1
    assert f"new.db: is missing, but its {suffix} exists. Committed rows may be in it." in problems[0]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("role", ["source", "target"])
def test_sidecar_of_empty_database_is_refused(root: Path, suffix: str, role: str) -> None:
    """SQLite would delete it as soon as it opens the database."""
    file = "a.db" if role == "source" else "target.db"
    (root / file).write_bytes(b"")
    (root / f"{file}{suffix}").write_bytes(b"rows")

    [wrong] = file_problems(plan("a.db"), root)

    assert (wrong.file, wrong.problem.id, wrong.problem.criterion) == (file, "sidecar-alone", "sources-readable")
    assert f"its {suffix} is not" in wrong.problem.what


def test_empty_sidecar_of_empty_database_is_no_problem(root: Path) -> None:
    """It holds no row."""
    (root / "a.db").write_bytes(b"")
    (root / "a.db-wal").write_bytes(b"")

    assert file_problems(plan("a.db"), root) == []


def test_target_needs_its_folder(root: Path) -> None:
    """The folder is not created, because a mistyped path would hide the result."""
    what, todo = "its folder no/such does not exist.", "Create the folder, or correct target in the plan."

    assert said(root, "a.db", target="no/such/new.db") == [f"no/such/new.db: {what} {todo} [no-folder]"]


@pytest.mark.parametrize("second", ["a.db", "./a.db", "sub/../a.db"])
def test_one_file_under_two_names_is_refused(root: Path, second: str) -> None:
    """Every row would be copied twice."""
    (root / "sub").mkdir()
    twins = said(root, "a.db", second)

    expected = "is the same file as a.db (a link or another spelling). Its rows would be copied twice."
    assert [expected in problem for problem in twins] == ([] if second == "a.db" else [True])


def test_hard_links_are_one_file(root: Path) -> None:
    """The file would stay in use under the other name."""
    (root / "b.db").hardlink_to(root / "a.db")

    problems = said(root, "a.db", "b.db")

    assert [problem.split(":")[0] for problem in problems] == ["a.db", "b.db", "b.db"]
    assert "is the same file as a.db" in problems[2]


def test_target_is_no_source(root: Path) -> None:
    """It would be moved into itself."""
    problems = said(root, "./target.db")

    assert len(problems) == 1
    assert "is the same file as the target target.db" in problems[0]


@pytest.mark.parametrize("beside", ["elsewhere", "workspace-other"])
def test_folder_linked_outside_the_workspace_is_refused(root: Path, beside: str) -> None:
    """The name of the other folder may begin like the workspace."""
    (root.parent / beside).mkdir()
    make_database(root.parent / beside / "b.db", "DELETE", bytes(50_000))
    (root / "logs").symlink_to(f"../{beside}")

    what = "logs/b.db: is outside the workspace. A folder in its path is a symbolic link."
    assert said(root, "logs/b.db") == [f"{what} Name the real path, inside the workspace. [outside]"]


def test_workspace_behind_link_is_workspace(root: Path) -> None:
    """The operator may use a link above the workspace."""
    (root.parent / "current").symlink_to("workspace")

    assert said(root.parent / "current", "a.db") == []


def test_problems_of_all_files_are_listed(root: Path) -> None:
    """They are in the order of the plan, target first."""
    _text(root / "target.db")
    _directory(root / "a.db")

    problems = file_problems(plan("a.db", "no.db"), root)

    assert [wrong.file for wrong in problems] == ["target.db", "a.db", "no.db"]
    assert [wrong.reason for wrong in problems] == ["not a database", "not a file", ""]


def test_file_name_is_escaped_in_messages(root: Path) -> None:
    """Control characters of a file name come out as escapes."""
    assert "\x1b" not in said(root, "no\x1b[2J.db")[0]
    assert "no\\x1b[2J.db" in said(root, "no\x1b[2J.db")[0]


def test_short_file_with_rows_in_wal_is_not_truncated(root: Path) -> None:
    """The pages that the header counts may be in the -wal."""
    path = make_database(root / "wal.db", "WAL", bytes(50_000))
    con = open_existing(path)
    con.execute("PRAGMA wal_autocheckpoint=0")
    con.execute("INSERT INTO t VALUES(zeroblob(90000))")
    crashed = path.with_name("crashed.db")
    crashed.write_bytes(path.read_bytes())
    path.with_name("crashed.db-wal").write_bytes(path.with_name("wal.db-wal").read_bytes())
    con.close()
    os.truncate(crashed, crashed.stat().st_size - 4096)

    assert said(root, "crashed.db") == []


def test_file_check_creates_no_sidecars(root: Path) -> None:
    """A WAL database has no new files beside it after the look."""
    make_database(root / "wal.db", "WAL", bytes(50_000))
    before = sorted(root.iterdir())

    said(root, "wal.db", "a.db")

    assert sorted(root.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "hot"),
    [(b"", False), (bytes(28), False), (bytes.fromhex("d9d505f920a163d7") + bytes(20), True), (None, False)],
)
def test_journal_is_hot_when_it_has_header(root: Path, content: bytes | None, hot: bool) -> None:
    """TRUNCATE and PERSIST leave an empty journal or a header of zeros after a commit."""
    if content is not None:
        (root / "a.db-journal").write_bytes(content)

    assert has_hot_journal(root / "a.db") is hot


def test_size_of_database_includes_its_wal(root: Path) -> None:
    """That is the room that its rows need."""
    (root / "a.db-wal").write_bytes(bytes(1000))

    assert size_with_sidecars(root / "a.db") == (root / "a.db").stat().st_size + 1000
    assert size_with_sidecars(root / "no.db") == 0
