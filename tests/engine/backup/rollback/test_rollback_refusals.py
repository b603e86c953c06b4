"""A rollback that something stands in the way of is refused, and changes nothing."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.rollback import roll_back
from sqlite_consolidate.engine.run.stages import REFERENCES
from sqlite_consolidate.engine.sqlite.processes import find_holders
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_below
from tests.support.processes import other_process, unrelated_process
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    CREATE_NOTES,
    CREATE_TASKS,
    SET,
    SET_NAME,
    a_run,
    build_two_sources,
    consolidate,
    consolidated,
    database,
    state,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

EDITED = ("code-changed", "app/notes.py")
CREATED_AGAIN = ("created-again", "logs/notes.db")
DAMAGED = ("copy-damaged", f"{SET_NAME}/databases/target.db")


def refused(root: Path, *problems: tuple[str, str]) -> str:
    """Roll back, be refused for these ids and subjects, see that nothing at all was changed, and return the text."""
    held = bytes_below(root)

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == list(problems)
    assert bytes_below(root) == held
    return str(caught.value)


def test_an_old_set_is_not_put_back_over_a_newer_run(root: Path) -> None:
    """What was undone once is not undone again when a later consolidation stands."""
    roll_back(root, root / SET)
    consolidated(root, "20250131_130000")
    standing = state(root)

    assert roll_back(root, root / SET).steps == []

    assert state(root) == standing


def test_an_archive_that_somebody_works_in_is_refused(root: Path) -> None:
    """Its newest rows are in the sidecar: it is closed first, by whoever opened it."""
    archive = (root / ARCHIVED).name
    with other_process(root / ARCHIVED, "PRAGMA journal_mode=WAL", "DELETE FROM tasks"):
        text = refused(root, ("archive-opened", archive))

    assert f"{archive}-wal and {archive}-shm lie beside it" in text


def test_whoever_has_an_archive_open_is_named(root: Path) -> None:
    """Also where its rows are as they were: what lies beside it is in use."""
    archive = root / ARCHIVED
    beside = archive.with_name(f"{archive.name}-journal")
    beside.write_bytes(b"")
    read = "file = open(sys.argv[1])"
    with unrelated_process(read, archive) as first, unrelated_process(read, beside) as second:
        found = find_holders([archive]).found
        assert {one.pid for one in found} == {first, second}
        by = ", ".join(f"process {one.pid} ({one.command})" for one in found)
        text = refused(root, ("archive-opened", archive.name))

    assert f"by {by}; {beside.name} lies beside it" in text


@pytest.mark.parametrize(
    "statements",
    [
        ("SELECT count(*) FROM tasks",),
        ("BEGIN IMMEDIATE",),
        ("PRAGMA journal_mode=DELETE", "BEGIN EXCLUSIVE"),
        ("PRAGMA journal_mode=DELETE", "BEGIN", "SELECT count(*) FROM tasks"),
    ],
    ids=["idle in WAL mode", "writing", "exclusive", "reading"],
)
def test_a_target_that_is_in_use_is_refused_in_words(
    root: Path, statements: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither hangs nor puts half of it back: names and code stay as the migration left them."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    with other_process(root / "workspace.db", *statements):
        names = sorted(path.name for path in root.rglob("*"))
        code = (root / "app/tasks.py").read_bytes()

        with pytest.raises(ProblemError, match=r"^workspace\.db: .*\[in-use\]$"):
            roll_back(root, root / SET)

        assert sorted(path.name for path in root.rglob("*")) == names
        assert (root / "app/tasks.py").read_bytes() == code
        assert not Ledger(root / SET).has("putting-back")


def test_an_edited_code_file_is_refused_by_name(root: Path) -> None:
    """The edit stays, and nothing else is put back either."""
    (root / "app/notes.py").write_text("edited since")

    refused(root, EDITED)


def test_a_code_file_that_is_gone_is_refused_by_name(root: Path) -> None:
    """Whoever removed it may have had a reason."""
    (root / "app/notes.py").unlink()

    refused(root, EDITED)


def test_an_old_name_created_again_is_refused(root: Path) -> None:
    """Both files stay as they were found."""
    database(root / "logs/notes.db", CREATE_NOTES)

    refused(root, CREATED_AGAIN)


def test_everything_that_stands_in_the_way_is_said_at_once(root: Path) -> None:
    """Nobody has to mend one thing to hear of the next."""
    database(root / "logs/tasks.db", CREATE_TASKS)
    database(root / "logs/notes.db", CREATE_NOTES)
    (root / "app/notes.py").write_text("edited since")
    (root / SET / "databases/target.db").write_bytes(b"other bytes")

    refused(root, ("created-again", "logs/tasks.db"), CREATED_AGAIN, EDITED, DAMAGED)


@pytest.mark.parametrize("copy", ["databases/target.db", "code/000-tasks.py"])
@pytest.mark.parametrize("gone", [True, False], ids=["missing", "changed"])
def test_a_copy_is_restored_only_as_it_was_sealed(root: Path, copy: str, gone: bool) -> None:
    """A backup that lost a byte since is never taken for the state before."""
    path = root / SET / copy
    data = path.read_bytes()
    path.unlink()
    if not gone:
        path.write_bytes(data[:-1] + b"\0\0")

    text = refused(root, ("copy-damaged", f"{SET_NAME}/{copy}"))

    assert ("missing" if gone else "not as it was sealed") in text


def test_a_run_is_not_rolled_back_under_a_later_one(root: Path) -> None:
    """The later consolidation's rows would be lost: it goes first."""
    with closing(sqlite3.connect(root / "workspace.db", isolation_level=None)) as con:
        con.execute(f"INSERT INTO {TABLE} SELECT '20250131_130000', plan, '', '', '', '', '{{}}', '{{}}' FROM {TABLE}")

    text = refused(root, ("consolidated-since", "workspace.db"))

    assert "20250131_130000" in text


def test_a_source_that_is_locked_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not archived yet, and somebody is in the middle of a transaction that is on the disk in part."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    root = build_two_sources(tmp_path / "workspace")
    consolidate(a_run(root), until=REFERENCES)
    fill = "CREATE TABLE half AS SELECT randomblob(100000)"
    with other_process(root / "logs/tasks.db", "PRAGMA cache_size=1", "BEGIN EXCLUSIVE", fill):
        with pytest.raises(ProblemError) as caught:
            roll_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("in-use", "tasks.db")]
