"""What a target held before it is overwritten is kept, unless it is what was looked at; nobody can write in between."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.rollback import target_state as standing
from sqlite_consolidate.engine.backup.rollback.restore import DatabaseState, restore_in_place
from sqlite_consolidate.engine.backup.rollback.target_state import read_target_state
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A target that has changed since its backup was made, and the backup set."""

    target: Path
    backup: Path
    folder: Path

    def known(self) -> DatabaseState:
        """Look at the target."""
        now = read_target_state(self.target, "none")
        return DatabaseState(now.digest, now.file_digests)

    def kept(self, known: DatabaseState | None) -> list[str]:
        """Overwrite the target; return the names of what was kept."""
        restore_in_place(self.target, self.backup, self.folder, known=known)
        return sorted(one.name for one in (self.folder / "databases").iterdir())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A small target is treated as a large one."""
    monkeypatch.setattr(standing, "PARALLEL_MIN_BYTES", 0)
    (tmp_path / "set" / "databases").mkdir(parents=True)
    for name, rows in (("target.db", 2), ("backup.db", 1)):
        with closing(open_new(tmp_path / name)) as con:
            con.execute("CREATE TABLE t(v)")
            con.executemany("INSERT INTO t VALUES(?)", [(at,) for at in range(rows)])
    return Place(tmp_path / "target.db", tmp_path / "backup.db", tmp_path / "set")


def test_what_was_looked_at_is_not_kept(place: Place) -> None:
    """Its bytes are the same."""
    known = place.known()

    assert known.file_digests
    assert place.kept(known) == []


def test_other_bytes_with_the_same_content_are_not_kept(place: Place) -> None:
    """A vacuumed file has been written to, and has the rows that were seen."""
    known = place.known()
    with closing(open_existing(place.target)) as con:
        con.execute("PRAGMA user_version=0")
        con.execute("CREATE TABLE more(v)")
        con.execute("DROP TABLE more")

    assert place.known().file_digests != known.file_digests
    assert place.kept(known) == []


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_row_that_came_after_the_look_is_kept(place: Place, journal: str) -> None:
    """Whoever wrote between the look and the lock loses nothing."""
    known = place.known()
    with closing(open_existing(place.target)) as con:
        con.execute(f"PRAGMA journal_mode={journal}")
        con.execute("INSERT INTO t VALUES('late')")

    assert place.kept(known) == ["target-before-rollback.db"]


def test_what_nobody_looked_at_is_kept(place: Place) -> None:
    """There is nothing to liken it to."""
    assert place.kept(None) == ["target-before-rollback.db"]
