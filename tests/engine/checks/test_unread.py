"""Specify that preflight reads every database that it can and names all problems."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import PREFLIGHT
from tests.support.processes import die_in_a_transaction, other_process
from tests.support.thorough import sampled, thorough
from tests.support.unprivileged import common_folder, run_unprivileged
from tests.support.workspaces.two_sources import PLAN, a_run, build_two_sources, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Spoil = Callable[[Path], AbstractContextManager[object]]

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="it needs fork and modes"),
    pytest.mark.usefixtures("impatient"),
]

MODES = [Mode.REHEARSAL, Mode.MIGRATE]
FORGOTTEN = ("nothing-left-behind", "left-behind", "logs/notes.db:forgotten")
NOT_FOUND = ("references-found", "not-found", "app/notes.py")


@dataclass(frozen=True)
class Examined:
    """The result of a preflight.

    Attributes:
        problems: Criterion, id and subject of each.
    """

    problems: set[tuple[str, str, str]]
    sources: set[str]
    target: bool
    mappings: int
    unread: dict[str, str]
    todos: list[str]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a folder for the workspace and its copy."""
    with common_folder() as folder:
        yield folder


@pytest.fixture
def root(folder: Path) -> Path:
    """Make a workspace with an unmapped table and a reference that its code does not have."""
    root = build_two_sources(folder / "workspace")
    execute(root / "logs/notes.db", "CREATE TABLE forgotten(v)")
    execute(root / "logs/notes.db", "INSERT INTO forgotten VALUES(1)")
    (root / "app/notes.py").write_text("PATH = 'elsewhere'\n")
    return root


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import the modules of a preflight, which an unprivileged user may not be able to read."""
    for mode in MODES:
        survey_of(build_two_sources(tmp_path_factory.mktemp(mode) / "workspace"), mode)


def examine(root: Path, mode: Mode) -> Examined:
    """Survey the workspace as a user without privileges."""
    return run_unprivileged(lambda: survey_of(root, mode), root.parent)


def survey_of(root: Path, mode: Mode) -> Examined:
    """Survey the workspace, or in a rehearsal its copy."""
    run = a_run(root, mode=mode)
    try:
        run.perform(PREFLIGHT)
        inspected = run.inspected
    finally:
        run.close()
    return Examined(
        {(problem.criterion, problem.id, problem.subject) for problem in inspected.problems},
        set(inspected.sources),
        inspected.target is not None,
        len(inspected.mappings),
        inspected.unread,
        [problem.hint for problem in inspected.problems],
    )


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return each name in the workspace with its mode and its bytes."""
    entries: dict[str, tuple[int, bytes]] = {}
    for path in sorted(root.rglob("*")):
        mode = path.stat().st_mode
        with opened(path, mode):
            entries[path.relative_to(root).as_posix()] = (mode, path.read_bytes() if path.is_file() else b"")
    return entries


@contextmanager
def opened(path: Path, mode: int) -> Iterator[None]:
    """Let the owner read a file, and close it again."""
    path.chmod(mode | 0o400)
    try:
        yield
    finally:
        path.chmod(mode)


def locked(path: Path) -> AbstractContextManager[object]:
    """Let another process hold an exclusive lock."""
    return other_process(path, "BEGIN EXCLUSIVE")


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Take every permission from a file or folder."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)


def damage(path: Path) -> AbstractContextManager[object]:
    """Overwrite the start of the first b-tree page."""
    data = bytearray(path.read_bytes())
    data[100:200] = b"\xff" * 100
    path.write_bytes(data)
    return nullcontext()


def interrupt(path: Path) -> AbstractContextManager[object]:
    """Let a process die in the middle of a transaction."""
    die_in_a_transaction(path)
    return nullcontext()


@dataclass(frozen=True)
class Case:
    """One file that is spoiled.

    Attributes:
        problems: Criterion and id of the problem of this file, by mode; none where a copy has none.
        reason: Why the database is not read; empty where it is.
    """

    name: str
    file: str
    spoil: Spoil
    problems: dict[str, tuple[str, str] | None]
    reason: str = ""


def case(
    name: str, file: str, spoil: Spoil, *problem: str, reason: str = "", **by_mode: tuple[str, str] | None
) -> Case:
    """Return a case with the same problem in both modes, or one for each."""
    same: dict[str, tuple[str, str] | None] = dict.fromkeys(MODES, (problem[0], problem[1])) if problem else {}
    return Case(name, file, spoil, {**same, **by_mode}, reason)


TASKS = "logs/tasks.db"
CASES = [
    case("locked", TASKS, locked, "no-other-process", "in-use", reason="locked by another process"),
    case("closed", TASKS, closed, "sources-readable", "unreadable", reason="no permission"),
    case("damaged", TASKS, damage, "integrity-before", "damaged", reason="damaged"),
    case(
        "closed code",
        "app/tasks.py",
        closed,
        rehearsal=("references-found", "unreadable"),
        migrate=("references-found", "code-unreadable"),
    ),
    case("hot journal", TASKS, interrupt, rehearsal=None, migrate=("sources-readable", "hot-journal-waits")),
]


@pytest.mark.parametrize("mode", sampled(MODES, 0))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_others_are_read_and_their_problems_named(root: Path, case: Case, mode: Mode) -> None:
    """The problem of the damaged file and those of the other files are reported together.

    No byte is changed.
    """
    with case.spoil(root / case.file):
        before = everything(root)
        examined = examine(root, mode)
        after = everything(root)

    case_problems = {(*problem, case.file)} if (problem := case.problems[mode]) else set()
    assert examined.problems == {FORGOTTEN, NOT_FOUND} | case_problems
    assert examined.unread == ({case.file: case.reason} if case.reason else {})
    assert examined.sources == ({"notes"} if case.reason else {"notes", "tasks"})
    assert examined.target
    assert examined.mappings == len(examined.sources)
    assert all(examined.todos)
    assert after == before


@pytest.mark.parametrize("mode", sampled(MODES, 0))
@pytest.mark.parametrize(
    ("spoil", "criterion", "id", "reason"),
    [
        (locked, "no-other-process", "in-use", "locked by another process"),
        *thorough(
            (closed, "sources-readable", "unreadable", "no permission"),
            (damage, "integrity-before", "damaged", "damaged"),
        ),
    ],
)
def test_a_target_that_is_not_read_hides_no_source(
    root: Path, spoil: Spoil, criterion: str, id: str, reason: str, mode: Mode
) -> None:
    """Rows, tables and code of the sources are examined.

    The target's schema is not known, so that no row is mapped.
    """
    execute(root / "workspace.db", "PRAGMA journal_mode=DELETE")
    text = PLAN.replace('  name = "tasks"\n', '  name = "tasks"\n  rows = 99\n')
    (root / "consolidation.toml").write_text(text)

    with spoil(root / "workspace.db"):
        before = everything(root)
        examined = examine(root, mode)
        after = everything(root)

    stated = ("rows-as-stated", "other-count", "logs/tasks.db:tasks")
    assert examined.problems == {FORGOTTEN, NOT_FOUND, stated, (criterion, id, "workspace.db")}
    assert examined.unread == {"workspace.db": reason}
    assert examined.sources == {"notes", "tasks"}
    assert (examined.target, examined.mappings) == (False, 0)
    assert after == before


@pytest.mark.parametrize("mode", sampled(MODES, 0))
def test_a_closed_wal_is_a_problem_of_its_database(root: Path, mode: Mode) -> None:
    """SQLite could not read the newest rows."""
    (root / "logs/tasks.db-wal").write_bytes(b"rows")

    with closed(root / "logs/tasks.db-wal"):
        examined = examine(root, mode)

    assert examined.problems == {FORGOTTEN, NOT_FOUND, ("sources-readable", "unreadable", TASKS)}
    assert examined.unread == {TASKS: "no permission"}
    assert examined.sources == {"notes"}


@pytest.mark.parametrize("mode", sampled(MODES, 1))
def test_a_closed_folder_is_not_taken_for_missing_files(root: Path, mode: Mode) -> None:
    """Each database in it is named, also an optional one, and the code is examined."""
    text = PLAN.replace('file = "logs/notes.db"\n', 'file = "logs/notes.db"\noptional = true\n')
    (root / "consolidation.toml").write_text(text)

    with closed(root / "logs"):
        examined = examine(root, mode)

    databases = {("sources-readable", "unreadable", file) for file in (TASKS, "logs/notes.db")}
    folder = {("space", "read-only", "logs")} if mode == Mode.MIGRATE else set()
    assert examined.problems == {NOT_FOUND} | databases | folder
    assert examined.unread == {TASKS: "no permission", "logs/notes.db": "no permission"}
    assert (examined.sources, examined.target) == (set(), True)


@pytest.mark.parametrize(("mode", "id"), [(Mode.REHEARSAL, "unreadable"), *thorough((Mode.MIGRATE, "log-unreadable"))])
def test_a_closed_log_is_a_problem_beside_the_others(root: Path, mode: Mode, id: str) -> None:
    """Whether it reports an error could not be told after the run."""
    (root / "app/app.log").write_text("line\n")
    (root / "consolidation.toml").write_text(PLAN + '[logs]\nfiles = ["app/*.log"]\n')

    with closed(root / "app/app.log"):
        examined = examine(root, mode)

    assert examined.problems == {FORGOTTEN, NOT_FOUND, ("references-found", id, "app/app.log")}
    assert (examined.sources, examined.unread) == ({"notes", "tasks"}, {})


def test_closed_scanned_folder_is_a_problem_in_rehearsal(root: Path) -> None:
    """A rehearsal cannot copy what is in it.

    A migration reads it in its place after COMMIT.
    """
    (root / "pieces").mkdir()
    (root / "pieces/code.py").write_text("PATH = 'tasks.db'\n")
    (root / "consolidation.toml").write_text(PLAN + '[scan]\npaths = ["app", "pieces"]\n')

    with closed(root / "pieces"):
        examined = examine(root, Mode.REHEARSAL)

    assert examined.problems == {FORGOTTEN, NOT_FOUND, ("references-found", "unreadable", "pieces")}
    assert (examined.sources, examined.unread) == ({"notes", "tasks"}, {})


def test_every_closed_file_is_named_in_one_survey(root: Path) -> None:
    """Two databases and a code file, each with its own problem."""
    with closed(root / TASKS), closed(root / "logs/notes.db"), closed(root / "app/tasks.py"):
        examined = examine(root, Mode.REHEARSAL)

    databases = {("sources-readable", "unreadable", file) for file in (TASKS, "logs/notes.db")}
    assert examined.problems == databases | {NOT_FOUND, ("references-found", "unreadable", "app/tasks.py")}


def test_a_hot_journal_without_write_permission_is_left_alone(root: Path) -> None:
    """SQLite does not begin to roll the journal back.

    The private copies could be written to, but the database cannot.
    """
    execute(root / "logs/notes.db", "DROP TABLE forgotten")
    (root / "app/notes.py").write_text('PATH = "notes.db"\n')
    interrupt(root / TASKS)
    (root / TASKS).chmod(0o400)
    before = everything(root)

    examined = examine(root, Mode.MIGRATE)

    assert examined.problems == {("sources-readable", "read-only", TASKS)}
    assert everything(root) == before
    assert not (root / "backups").exists()


def test_hot_journal_without_copy_is_a_problem(root: Path) -> None:
    """SQLite rolls nothing back unless the files were copied before.

    The other sources are read.
    """
    execute(root / "logs/notes.db", "DROP TABLE forgotten")
    (root / "app/notes.py").write_text('PATH = "notes.db"\n')
    interrupt(root / TASKS)
    (root / "backups").mkdir(mode=0o500)
    before = everything(root)

    examined = examine(root, Mode.MIGRATE)

    assert examined.problems == {("sources-readable", "hot-journal", TASKS)}
    assert examined.unread == {TASKS: "no permission"}
    assert examined.sources == {"notes"}
    assert everything(root) == before


def test_damaged_database_with_hot_journal_is_a_problem(root: Path) -> None:
    """SQLite cannot roll a journal back into a damaged header.

    The file is named, and the rehearsal continues.
    """
    interrupt(root / TASKS)
    data = bytearray((root / TASKS).read_bytes())
    data[18:20] = b"\3\3"
    (root / TASKS).write_bytes(data)
    journal = bytearray((root / f"{TASKS}-journal").read_bytes())
    journal[20:28] = bytes(8)  # sector and page size: the journal has no page that can be read
    (root / f"{TASKS}-journal").write_bytes(journal)

    examined = examine(root, Mode.REHEARSAL)

    assert examined.problems >= {FORGOTTEN, NOT_FOUND}
    assert TASKS in examined.unread
    assert examined.sources == {"notes"}


@pytest.mark.parametrize("mode", sampled(MODES, 0))
def test_table_of_unread_source_is_not_missing(root: Path, mode: Mode) -> None:
    """A foreign key of the plan's own table refers to what that source would have brought."""
    required = '\n[[table]]\nname = "steps"\ncreate = "CREATE TABLE steps(task INTEGER REFERENCES tasks(id))"\n'
    (root / "consolidation.toml").write_text(PLAN + required)

    with closed(root / TASKS):
        examined = examine(root, mode)

    assert examined.problems == {FORGOTTEN, NOT_FOUND, ("sources-readable", "unreadable", TASKS)}


@pytest.mark.parametrize("mode", sampled(MODES, 0))
def test_an_unread_database_counts_for_the_space(root: Path, mode: Mode) -> None:
    """Its size is known without being read, and a rehearsal has no copy of it."""
    os.truncate(root / TASKS, shutil.disk_usage(root).free // 2 + 1)  # a hole in a file takes no space on the disk

    with closed(root / TASKS):
        examined = examine(root, mode)

    assert ("space", "no-space", "backups") in examined.problems
    assert ("sources-readable", "unreadable", TASKS) in examined.problems
