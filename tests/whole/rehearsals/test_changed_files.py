"""Specify what a migration says of files that a pattern matches since the rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate import consolidate, load_plan, rehearse
from tests.support.workspaces.pattern_plans import create_phones

if TYPE_CHECKING:
    from pathlib import Path


def test_files_that_changed_since_the_rehearsal_are_findings(tmp_path: Path) -> None:
    """Those that came are moved.

    The offsets of very many files have one finding for each table.
    """
    root, reports, phones = tmp_path / "workspace", tmp_path / "reports", tmp_path / "workspace/phones"
    create_phones(root, 6)
    plan = load_plan(root / "consolidation.toml")
    assert rehearse(plan, root, reports=reports).accepted
    (phones / "00000.db").rename(phones / "9.db")
    (phones / "00001.db").unlink()

    result = consolidate(plan, root, reports=reports)

    assert result.accepted, result.failures
    noted = ("file-appeared", "file-vanished", "offsets-changed")
    assert {(each.id, each.subject, each.count) for each in result.findings if each.id in noted} == {
        ("file-appeared", "phones/*.db", 1),
        ("file-vanished", "phones/*.db", 2),
        ("offsets-changed", "phones/*.db:call", 4),
        ("offsets-changed", "phones/*.db:person", 4),
    }
    assert result.counts["person"] == 10
