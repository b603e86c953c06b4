"""The rollback of a consolidation that stands brings everything back, and nothing is lost."""

from __future__ import annotations

import resource
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.run.stages import BACKUP, VERIFY
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_below
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    SET,
    SET_NAME,
    STAMP,
    a_run,
    build_two_sources,
    consolidate,
    consolidated,
    execute,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.run.stages import Stage
    from tests.support.workspaces.two_sources import State


def test_everything_is_as_it_was_before(root: Path, before: State) -> None:
    """Content, WAL mode, code bytes, names and permission bits; each step is said, and all was looked at."""
    done = roll_back(root, root / SET)

    assert state(root) == before
    assert done.holds
    assert done.steps == [
        f"renamed {ARCHIVED} back to logs/tasks.db",
        f"renamed logs/notes.db.archived_{STAMP} back to logs/notes.db",
        "restored app/tasks.py",
        "restored app/notes.py",
        "restored workspace.db from the backup set",
    ]
    assert {one.subject for one in done.observations} > {"workspace.db", "logs/tasks.db", "app/tasks.py", ARCHIVED}
    [noted] = Ledger(root / SET).all("put-back")
    assert (noted["steps"], noted["exact"]) == (done.steps, True)


def test_nothing_lies_about_afterwards(root: Path, before: State) -> None:
    """No part file, no sidecar of an archive, no copy beside the databases."""
    roll_back(root, root / SET)

    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and SET not in str(path)}
    assert files == before.databases.keys() | before.files.keys()


def test_the_set_keeps_everything(root: Path) -> None:
    """A rollback deletes and changes nothing in the backup set; the ledger only grows."""
    held = bytes_below(root / SET)

    roll_back(root, root / SET)

    after = bytes_below(root / SET)
    assert after.pop("ledger.jsonl").startswith(held.pop("ledger.jsonl"))
    assert after == held


def test_done_twice_it_does_nothing_more(root: Path, before: State) -> None:
    """The second time there is nothing to put back, and it is seen to be so."""
    roll_back(root, root / SET)

    again = roll_back(root, root / SET)

    assert again.steps == []
    assert again.holds
    assert state(root) == before
    assert len(Ledger(root / SET).all("put-back")) == 1


def test_a_run_that_was_undone_has_nothing_to_lose(tmp_path: Path) -> None:
    """The target that stands now is a later run's, made anew."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    consolidated(root)
    roll_back(root, root / SET)
    consolidated(root, "20250131_130000")

    assert changed_since(root, root / SET) == []


@pytest.mark.parametrize("until", [BACKUP, VERIFY], ids=lambda stage: stage.id)
def test_a_run_that_committed_nothing_has_nothing_to_lose(tmp_path: Path, until: Stage) -> None:
    """What others write into the target then was never the run's."""
    root = build_two_sources(tmp_path / "workspace")
    consolidate(a_run(root), until=until)
    assert changed_since(root, root / SET) == []

    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    assert changed_since(root, root / SET) == []


def test_a_created_target_goes(tmp_path: Path) -> None:
    """A target that the run made was not there before."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    before = state(root)
    consolidated(root)

    done = roll_back(root, root / SET)

    assert done.steps[-1] == "removed workspace.db, which the run had created"
    assert not (root / SET / "databases/workspace-before-rollback.db").exists()
    assert done.holds
    assert state(root) == before


def test_a_target_that_somebody_put_back_already_is_left_alone(root: Path, before: State) -> None:
    """There is nothing in it that would be lost, and nothing to be done but its mode."""
    for suffix in ("", "-wal", "-shm"):
        (root / f"workspace.db{suffix}").unlink(missing_ok=True)
    (root / "workspace.db").write_bytes((root / SET / "databases/target.db").read_bytes())

    changed = changed_since(root, root / SET)
    done = roll_back(root, root / SET)

    assert changed == []
    assert "restored workspace.db from the backup set" not in done.steps
    assert state(root) == before


def test_a_missing_target_comes_back(root: Path, before: State) -> None:
    """With its content, mode and journal mode; nothing had to be discarded."""
    (root / "workspace.db").unlink()

    assert changed_since(root, root / SET) == []
    roll_back(root, root / SET)

    assert state(root) == before


def test_a_missing_archive_comes_back_from_the_backup(root: Path, before: State) -> None:
    """Whoever removed the archives to save space has not removed the way back; a leftover journal is set aside."""
    (root / ARCHIVED).unlink()
    (root / "logs/tasks.db-journal").write_bytes(b"stale")
    (root / f"logs/notes.db.archived_{STAMP}").unlink()

    done = roll_back(root, root / SET)

    assert done.steps[:3] == [
        f"set tasks.db-journal aside in {SET_NAME}",
        "restored logs/tasks.db from the backup set",
        "restored logs/notes.db from the backup set",
    ]
    assert done.holds
    assert state(root) == before


@pytest.mark.parametrize("begun", [True, False])
def test_a_code_file_that_is_as_before_is_left_alone(root: Path, before: State, *, begun: bool) -> None:
    """Unless its rewriting had only begun: then what lies beside it goes. The next file is put back all the same."""
    (root / "app/tasks.py").write_bytes(before.files["app/tasks.py"][0])
    if begun:
        (root / "app/.tasks.py.part").write_text("half")

    done = roll_back(root, root / SET)

    assert ("restored app/tasks.py" in done.steps) is begun
    assert state(root) == before


def test_after_a_full_disk_it_is_done_again(root: Path, before: State) -> None:
    """It fails in the middle, and what is left is brought back by the next attempt."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises((ProblemError, OSError)):
            roll_back(root, root / SET)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert Ledger(root / SET).has("putting-back")
    assert state(root) != before

    done = roll_back(root, root / SET)

    assert done.holds
    assert state(root) == before


def test_permission_bits_come_back(root: Path, before: State) -> None:
    """Whatever was done to them since, files are as private as before."""
    for name in ("workspace.db", ARCHIVED, "app/tasks.py"):
        (root / name).chmod(0o666)

    roll_back(root, root / SET)

    assert state(root) == before


def test_a_set_that_was_not_sealed_has_nothing_to_put_back(tmp_path: Path) -> None:
    """Before it is sealed nothing is changed."""
    root = build_two_sources(tmp_path / "workspace")
    before = bytes_below(root)
    (root / SET).mkdir(parents=True)

    assert roll_back(root, root / SET).steps == []
    assert changed_since(root, root / SET) == []

    assert bytes_below(root) == before


def test_an_empty_file_under_an_old_name_is_no_hindrance(root: Path, before: State) -> None:
    """SQLite makes one for whoever opens a name that is free; nothing is in it, so it goes."""
    (root / "logs/tasks.db").touch()

    done = roll_back(root, root / SET)

    assert done.holds
    assert state(root) == before
    assert done.steps[0] == "removed the empty file that was created under the name logs/tasks.db since"


def test_a_target_that_is_not_like_its_backup_afterwards_is_an_error(root: Path) -> None:
    """The manifest has another content digest than the copy: nobody may take that for restored."""
    sealed = manifest.read(root / SET)
    assert sealed is not None
    (root / SET / manifest.NAME).unlink()
    databases = tuple(replace(one, digest="0" * 64) for one in sealed.databases)
    manifest.write(root / SET, replace(sealed, databases=databases))
    digest = read_contents(root / SET / "databases/target.db").digest

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET)

    (problem,) = caught.value.problems
    assert (problem.id, problem.subject) == ("copy-differs", "workspace.db")
    assert digest in problem.what
    assert str(root / SET / "databases/target.db") in problem.what
    assert not Ledger(root / SET).has("target-restored")
