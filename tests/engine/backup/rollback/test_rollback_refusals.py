"""Test that a refused rollback changes nothing."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from sqlite_consolidate.engine.backup.rollback.steps import ArchiveChange
from sqlite_consolidate.engine.content.digest import digest_file
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
    execute,
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
    """Return the error of a rollback that is refused with these ids and subjects.

    No file is changed.
    """
    held = bytes_below(root)

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == list(problems)
    assert bytes_below(root) == held
    return str(caught.value)


def test_rolled_back_set_is_not_restored_over_newer_run(root: Path) -> None:
    """It was rolled back once, before the later consolidation."""
    roll_back(root, root / SET)
    consolidated(root, "20250131_130000")
    later = state(root)

    assert roll_back(root, root / SET).steps == []

    assert state(root) == later


def test_archive_written_by_another_process_is_refused(root: Path) -> None:
    """Its newest rows are in the -wal."""
    archive = (root / ARCHIVED).name
    with other_process(root / ARCHIVED, "PRAGMA journal_mode=WAL", "DELETE FROM tasks"):
        text = refused(root, ("archive-opened", archive))

    assert f"{archive}-wal and {archive}-shm" in text


def test_processes_with_an_open_archive_are_named(root: Path) -> None:
    """The rows of the archive are unchanged, but its journal is in use."""
    archive = root / ARCHIVED
    beside = archive.with_name(f"{archive.name}-journal")
    beside.write_bytes(b"")
    read = "file = open(sys.argv[1])"
    with unrelated_process(read, archive) as first, unrelated_process(read, beside) as second:
        holders = find_holders([archive]).entries
        assert {holder.pid for holder in holders} == {first, second}
        text = refused(root, ("archive-opened", archive.name))

    assert all(f"process {holder.pid} ({holder.program})" in text for holder in holders)
    assert beside.name in text


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
def test_target_in_use_is_refused(root: Path, statements: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rollback ends in time, and names and code are unchanged."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    with other_process(root / "workspace.db", *statements):
        names = sorted(path.name for path in root.rglob("*"))
        code = (root / "app/tasks.py").read_bytes()

        with pytest.raises(ProblemError) as caught:
            roll_back(root, root / SET)
        assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("in-use", "workspace.db")]

        assert sorted(path.name for path in root.rglob("*")) == names
        assert (root / "app/tasks.py").read_bytes() == code
        assert not Ledger(root / SET).has("putting-back")


def test_edited_code_file_is_refused(root: Path) -> None:
    """The edit stays, and no other file is restored."""
    (root / "app/notes.py").write_text("edited since")

    refused(root, EDITED)


def test_deleted_code_file_is_refused(root: Path) -> None:
    """The operator may have deleted it on purpose."""
    (root / "app/notes.py").unlink()

    refused(root, EDITED)


def test_source_created_again_is_refused(root: Path) -> None:
    """Both files are unchanged."""
    database(root / "logs/notes.db", CREATE_NOTES)

    refused(root, CREATED_AGAIN)


def test_all_problems_are_reported_together(root: Path) -> None:
    """One attempt is enough to see them."""
    database(root / "logs/tasks.db", CREATE_TASKS)
    database(root / "logs/notes.db", CREATE_NOTES)
    (root / "app/notes.py").write_text("edited since")
    (root / SET / "databases/target.db").write_bytes(b"other bytes")

    refused(root, ("created-again", "logs/tasks.db"), CREATED_AGAIN, EDITED, DAMAGED)


@pytest.mark.parametrize("copy", ["databases/target.db", "code/000-tasks.py"])
@pytest.mark.parametrize("gone", [True, False], ids=["missing", "changed"])
def test_changed_or_missing_copy_is_not_restored(root: Path, copy: str, gone: bool) -> None:
    """A backup with another byte is not the state before the run."""
    path = root / SET / copy
    data = path.read_bytes()
    path.unlink()
    if not gone:
        path.write_bytes(data[:-1] + b"\0\0")

    text = refused(root, ("copy-damaged", f"{SET_NAME}/{copy}"))

    assert ("missing" in text) == gone


def test_run_before_a_later_run_is_refused(root: Path) -> None:
    """The rows of the later consolidation would be lost."""
    with closing(sqlite3.connect(root / "workspace.db", isolation_level=None)) as con:
        con.execute(f"INSERT INTO {TABLE} SELECT '20250131_130000', plan, '', '', '', '', '{{}}', '{{}}' FROM {TABLE}")

    text = refused(root, ("consolidated-since", "workspace.db"))

    assert "20250131_130000" in text


@pytest.mark.parametrize("run", ["'zz'", "x'ff'", "'20250131_130000x'"])
def test_row_that_no_run_wrote_blocks_no_rollback(root: Path, run: str) -> None:
    """It is a change of the target, which the rollback keeps."""
    with closing(sqlite3.connect(root / "workspace.db", isolation_level=None)) as con:
        con.execute(f"INSERT INTO {TABLE} SELECT {run}, plan, '', '', '', '', '[[', '' FROM {TABLE}")

    [change] = changed_since(root, root / SET)
    done = roll_back(root, root / SET)

    assert change.partition(":")[0] == TABLE
    assert done.holds
    assert (root / SET / "databases/workspace-before-rollback.db").exists()


def test_locked_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not archived, and another process has written a part of its transaction to disk."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    root = build_two_sources(tmp_path / "workspace")
    consolidate(a_run(root), until=REFERENCES)
    fill = "CREATE TABLE half AS SELECT randomblob(100000)"
    with other_process(root / "logs/tasks.db", "PRAGMA cache_size=1", "BEGIN EXCLUSIVE", fill):
        with pytest.raises(ProblemError) as caught:
            roll_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("in-use", "tasks.db")]


@pytest.mark.parametrize("entry", ["code", "databases", "archive"])
def test_manifest_with_path_outside_is_refused(root: Path, entry: str) -> None:
    """A file beside the workspace keeps its bytes, its mode and its name."""
    victim = root.parent / "victim.db"
    victim.write_bytes(b"theirs")
    path = root / SET / "manifest.json"
    document = json.loads(path.read_bytes())
    if entry == "archive":
        document["archive"] = dict.fromkeys(document["archive"], "../victim.db")
    else:
        document[entry][0] |= {"file": "../victim.db", "mode": 0o777}
    path.write_text(json.dumps(document))
    before = victim.stat()

    refused(
        root,
        *[("manifest-outside", f"{SET_NAME}/manifest.json")] * (len(document["archive"]) if entry == "archive" else 1),
    )

    assert victim.stat() == before  # first: a read of this test changes the time of access
    assert victim.read_bytes() == b"theirs"


def test_folder_that_leads_outside_is_refused(root: Path) -> None:
    """A link has replaced the folder of the sources since the run."""
    (root / "logs").rename(root.parent / "logs")
    (root / "logs").symlink_to(root.parent / "logs")

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET)

    assert set(caught.value.ids) == {"manifest-outside"}
    assert not Ledger(root / SET).has("putting-back")


def test_ledger_may_name_no_file_of_archiving(root: Path) -> None:
    """Such a line says that the run has begun to archive."""
    Ledger(root / SET).note("archiving")

    assert roll_back(root, root / SET).holds


@pytest.mark.parametrize(
    ("event", "files"),
    [
        ("committed", "app/tasks.py and app/notes.py differ from"),
        ("rewriting", "app/notes.py differs from"),
        ("archiving", ""),
    ],
)
def test_ledger_without_its_end_is_refused(root: Path, event: str, files: str) -> None:
    """It does not tell which of the changed code files the run has written."""
    ledger = Ledger(root / SET)
    lines = ledger.path.read_text().splitlines(keepends=True)
    kept = next(number for number, line in enumerate(lines) if json.loads(line)["event"] == event)
    ledger.path.write_text("".join(lines[: kept + (event != "archiving")]))

    if event == "archiving":
        assert roll_back(root, root / SET).holds
    else:
        assert files in refused(root, ("bad-ledger", f"{SET_NAME}/ledger.jsonl"))


def test_pipe_in_place_of_an_archive_is_refused(root: Path) -> None:
    """The source is restored from the backup set once the pipe is gone."""
    (root / ARCHIVED).unlink()
    os.mkfifo(root / ARCHIVED)

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("not-a-file", ARCHIVED)]
    (root / ARCHIVED).unlink()
    assert roll_back(root, root / SET).holds


@pytest.mark.parametrize("key", ["digest", "sha256", "mode", "journal_mode"])
def test_edited_manifest_is_refused(root: Path, key: str) -> None:
    """It is a manifest, but not the one that the run has sealed."""
    path = root / SET / manifest.NAME
    document = json.loads(path.read_bytes())
    document["databases"][0][key] = {"mode": 0o666, "journal_mode": "wal"}.get(key, "0" * 64)
    path.write_text(json.dumps(document))

    problems = [("bad-manifest", f"{SET_NAME}/manifest.json")]
    text = refused(root, *problems, *[DAMAGED] * (key == "sha256"))
    assert "sealed" in text


def test_ledger_without_one_of_its_lines_is_refused(root: Path) -> None:
    """A rollback would leave a code file as the run has written it."""
    ledger = Ledger(root / SET)
    lines = ledger.path.read_text().splitlines(keepends=True)
    ledger.path.write_text("".join(line for line in lines if "app/notes.py" not in line))

    refused(root, ("bad-ledger", f"{SET_NAME}/ledger.jsonl"))
    shutil.copy(root / SET / "code/001-notes.py", root / "app/notes.py")
    assert roll_back(root, root / SET).holds


@pytest.mark.parametrize("key", ["code", "archive"])
def test_manifest_without_a_file_of_the_ledger_is_refused(root: Path, key: str) -> None:
    """The run has changed a file that the manifest would not restore.

    The digest in the ledger is that of the edited manifest.
    """
    path, ledger = root / SET / manifest.NAME, Ledger(root / SET)
    document = json.loads(path.read_bytes())
    document[key] = document[key][1:] if key == "code" else {}
    sealed = digest_file(path)
    path.write_text(json.dumps(document))
    ledger.path.write_text(ledger.path.read_text().replace(sealed, digest_file(path)))

    text = refused(root, ("bad-ledger", f"{SET_NAME}/ledger.jsonl"))
    assert f"names {'app/tasks.py' if key == 'code' else 'logs/'}" in text


def test_folder_that_is_missing_is_refused(root: Path) -> None:
    """The files that were in it cannot be restored."""
    shutil.rmtree(root / "logs")

    refused(root, ("no-folder", "logs"))


@pytest.mark.parametrize("file", ["logs/tasks.db", "workspace.db", "app/tasks.py"])
def test_disk_with_too_little_space_is_refused(root: Path, file: str) -> None:
    """The backup of an archive, of the target or of a code file is larger than what is free."""
    (root / ARCHIVED).unlink()
    free = shutil.disk_usage(root).free
    forge(root, file, {"size": free * 2})

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET, change=ArchiveChange.REFUSED)

    assert [problem.id for problem in caught.value.problems] == ["no-space"]
    assert not Ledger(root / SET).has("putting-back")


def test_changed_target_needs_space_and_a_writable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows were added to the target that the run has created, so a copy is kept."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    consolidated(root)
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('later')")
    usage, size = shutil.disk_usage(root), (root / "workspace.db").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=size - 1))
    monkeypatch.setattr(os, "access", lambda folder, _mode: folder != root)

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET, change=ArchiveChange.REFUSED)

    assert caught.value.ids == ("read-only", "no-space")
    assert (root / "workspace.db").is_file()


def test_run_rolls_itself_back_whatever_space_is_free(root: Path) -> None:
    """It has reserved the space, and tries in any case."""
    forge(root, "workspace.db", {"size": shutil.disk_usage(root).free * 2})

    assert roll_back(root, root / SET, change=ArchiveChange.KEPT).holds


def test_manifest_that_contradicts_itself_is_refused(root: Path) -> None:
    """A digest of it that is wrong would be noticed only after the target was restored."""
    forge(root, "workspace.db", {"digest": "0" * 64})

    refused(root, ("bad-manifest", f"{SET_NAME}/manifest.json"))


def forge(root: Path, file: str, facts: dict[str, object]) -> None:
    """State other facts of a file in the manifest, whose new digest the ledger gets."""
    path, ledger = root / SET / manifest.NAME, Ledger(root / SET)
    document = json.loads(path.read_bytes())
    next(entry for entry in (*document["databases"], *document["code"]) if entry["file"] == file).update(facts)
    sealed = digest_file(path)
    path.write_text(json.dumps(document))
    ledger.path.write_text(ledger.path.read_text().replace(sealed, digest_file(path)))
