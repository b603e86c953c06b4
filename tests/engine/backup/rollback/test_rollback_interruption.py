"""Test that no file counts as damaged because its reading was interrupted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from sqlite_consolidate.engine.backup.rollback.steps import ArchiveChange
from sqlite_consolidate.engine.sqlite.errors import is_interrupted
from sqlite_consolidate.engine.sqlite.limits import Deadline, Limits
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_below
from tests.support.workspaces.two_sources import SET, build_two_sources, consolidated, state

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

else:
    from sqlite_utils.utils import sqlite3


def past() -> Limits:
    """Return limits that interrupt every reading, as a signal does."""
    return Limits(Deadline(until=-math.inf))


@pytest.mark.parametrize("change", [ArchiveChange.KEPT, ArchiveChange.DISCARDED], ids=["target", "archive"])
def test_interrupted_reading_changes_nothing(root: Path, change: ArchiveChange) -> None:
    """With ``KEPT`` the archives are not read. A missing target has no rows to read."""
    if change is ArchiveChange.DISCARDED:
        (root / "workspace.db").unlink()
    held = bytes_below(root)

    with pytest.raises(sqlite3.OperationalError) as caught:
        roll_back(root, root / SET, limits=past(), change=change)

    assert is_interrupted(caught.value)
    assert bytes_below(root) == held


def test_interrupted_comparison_lists_no_change(root: Path) -> None:
    """A target that was not read to its end is not one that cannot be read."""
    with pytest.raises(sqlite3.OperationalError) as caught:
        changed_since(root, root / SET, past())

    assert is_interrupted(caught.value)


@pytest.mark.parametrize("had_target", [True, False], ids=["restored", "removed"])
def test_target_stays_when_its_restore_is_interrupted(tmp_path: Path, *, had_target: bool) -> None:
    """A second rollback restores the workspace."""
    root = build_two_sources(tmp_path / "workspace", target=had_target)
    before = state(root)
    consolidated(root)
    digest, limits = state(root).databases["workspace.db"][0], Limits()

    def interrupt() -> None:
        limits.deadline.until = -math.inf

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET, limits=limits, before_acting=interrupt)

    assert caught.value.ids == ("not-restored",)
    assert state(root).databases["workspace.db"][0] == digest
    limits.deadline.until = math.inf
    assert roll_back(root, root / SET, limits=limits).holds
    assert state(root) == before


def test_interrupted_verification_confirms_nothing(root: Path) -> None:
    """A second rollback only verifies the result of the first."""
    assert roll_back(root, root / SET).holds

    again = roll_back(root, root / SET, limits=past())

    assert again.steps == []
    assert not again.holds
