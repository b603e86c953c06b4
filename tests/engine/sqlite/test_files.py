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

    from sqlite_consolidate.problem import Problem


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


def problems_of(root: Path, *files: str, target: str = "target.db", optional: bool = False) -> list[Problem]:
    """Return the problems of the files of a plan."""
    return [entry.problem for entry in file_problems(plan(*files, target=target, optional=optional), root)]


def ids_of(root: Path, *files: str, target: str = "target.db", optional: bool = False) -> list[tuple[str, str]]:
    """Return subject and id of each problem."""
    problems = problems_of(root, *files, target=target, optional=optional)
    return [(problem.subject, problem.id) for problem in problems]


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
    (_link, "symbolic-link", "real.db"),
    (_broken_link, "symbolic-link", "gone.db"),
    (_directory, "not-a-file", "directory"),
    (_fifo, "not-a-file", "regular file"),
    (_hard_link, "hard-links", "2 hard links"),
    (_text, "not-a-database", "encrypted"),
    (_header_only, "not-a-database", "encrypted"),
    (_future, "newer-sqlite-needed", "future version"),
    (_cut, "damaged", "truncated"),
    (_cut_in_a_page, "damaged", "truncated"),
    (_page_size_of_nothing, "damaged", "malformed"),
]


def test_sound_files_have_no_problem(root: Path) -> None:
    """A target that does not exist and an empty file are no problem."""
    (root / "empty.db").touch()
    make_database(root / "wal.db", "WAL", bytes(50_000))

    assert problems_of(root, "a.db", "wal.db", "empty.db") == []
    assert problems_of(root, "a.db", target="new.db") == []


@pytest.mark.parametrize(("spoil", "id", "fact"), PROBLEMS)
@pytest.mark.parametrize("role", ["source", "target"])
def test_file_problem_has_fact_and_hint(
    root: Path, spoil: Callable[[Path], None], id: str, fact: str, role: str
) -> None:
    """It has one sentence of fact and one hint, for a source as for the target."""
    file = "a.db" if role == "source" else "target.db"
    spoil(root / file)

    [wrong] = file_problems(plan("a.db"), root)

    assert (wrong.file, wrong.problem.subject) == (file, file)
    assert wrong.reason
    assert wrong.problem.id == id
    assert fact in wrong.problem.what
    assert wrong.problem.hint.endswith(".")
    assert wrong.problem.criterion == "sources-readable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_cannot_be_read_is_named(root: Path) -> None:
    """The message has the reason of the system."""
    (root / "a.db").chmod(0)

    [problem] = problems_of(root, "a.db")
    assert (problem.subject, problem.id) == ("a.db", "unreadable")
    assert "Permission denied" in problem.what
    assert "read permission" in problem.hint


def test_missing_source_is_named(root: Path) -> None:
    """The hint explains ``optional``. An optional source is no problem."""
    [missing] = problems_of(root, "a.db", "no.db")

    assert (missing.subject, missing.id) == ("no.db", "no-such-file")
    assert "optional = true" in missing.hint
    assert problems_of(root, "no.db", optional=True) == []
    assert existing_sources(plan("no.db", optional=True), root) == []


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("optional", [False, True])
def test_sidecar_without_its_source_is_finding(root: Path, suffix: str, optional: bool) -> None:
    """The missing database left committed rows behind.

    It is a problem even for an optional source.
    """
    (root / f"no.db{suffix}").write_bytes(b"rows")

    [problem] = problems_of(root, "no.db", optional=optional)

    assert (problem.subject, problem.id) == ("no.db", "sidecar-alone")
    assert suffix in problem.what


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_sidecar_without_its_target_is_finding(root: Path, suffix: str) -> None:
    """SQLite would delete it with the new target's first transaction, and the rows in it."""
    (root / f"new.db{suffix}").write_bytes(b"rows")

    [problem] = problems_of(root, "a.db", target="new.db")

    assert (problem.subject, problem.id) == ("new.db", "sidecar-alone")
    assert suffix in problem.what


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_empty_sidecar_without_its_target_is_nothing(root: Path, suffix: str) -> None:
    """No row can be in it."""
    (root / f"new.db{suffix}").touch()

    assert problems_of(root, "a.db", target="new.db") == []


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
    [problem] = problems_of(root, "a.db", target="no/such/new.db")

    assert (problem.subject, problem.id) == ("no/such/new.db", "no-folder")
    assert "no/such " in problem.what


@pytest.mark.parametrize("second", ["a.db", "./a.db", "sub/../a.db"])
def test_one_file_under_two_names_is_refused(root: Path, second: str) -> None:
    """Every row would be copied twice."""
    (root / "sub").mkdir()
    twins = problems_of(root, "a.db", second)

    assert [problem.id for problem in twins] == ([] if second == "a.db" else ["file-twice"])
    assert all("a.db" in problem.what for problem in twins)


def test_hard_links_are_one_file(root: Path) -> None:
    """The file would stay in use under the other name."""
    (root / "b.db").hardlink_to(root / "a.db")

    problems = problems_of(root, "a.db", "b.db")

    assert [problem.subject for problem in problems] == ["a.db", "b.db", "b.db"]
    assert problems[2].id == "file-twice"
    assert "a.db" in problems[2].what


def test_target_is_no_source(root: Path) -> None:
    """It would be moved into itself."""
    [problem] = problems_of(root, "./target.db")

    assert problem.id == "file-twice"
    assert "the target target.db" in problem.what


@pytest.mark.parametrize("beside", ["elsewhere", "workspace-other"])
def test_folder_linked_outside_the_workspace_is_refused(root: Path, beside: str) -> None:
    """The name of the other folder may begin like the workspace."""
    (root.parent / beside).mkdir()
    make_database(root.parent / beside / "b.db", "DELETE", bytes(50_000))
    (root / "logs").symlink_to(f"../{beside}")

    assert ids_of(root, "logs/b.db") == [("logs/b.db", "outside")]


def test_workspace_behind_link_is_workspace(root: Path) -> None:
    """The operator may use a link above the workspace."""
    (root.parent / "current").symlink_to("workspace")

    assert problems_of(root.parent / "current", "a.db") == []


def test_problems_of_all_files_are_listed(root: Path) -> None:
    """They are in the order of the plan, target first."""
    _text(root / "target.db")
    _directory(root / "a.db")

    problems = file_problems(plan("a.db", "no.db"), root)

    assert [wrong.file for wrong in problems] == ["target.db", "a.db", "no.db"]
    assert [wrong.reason for wrong in problems] == ["not a database", "not a file", ""]


def test_file_name_is_escaped_in_messages(root: Path) -> None:
    """Control characters of a file name come out as escapes."""
    [problem] = problems_of(root, "no\x1b[2J.db")

    assert "\x1b" not in str(problem)
    assert "no\\x1b[2J.db" in str(problem)


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

    assert problems_of(root, "crashed.db") == []


def test_file_check_creates_no_sidecars(root: Path) -> None:
    """A WAL database has no new files beside it after the check."""
    make_database(root / "wal.db", "WAL", bytes(50_000))
    before = sorted(root.iterdir())

    problems_of(root, "wal.db", "a.db")

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
