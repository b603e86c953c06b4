"""Read the manifests of earlier runs, and remove old reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.report.bundle import begin_bundle, write_bundle
from sqlite_consolidate.report.past_runs import past_runs, remove_old_runs

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record


def _names(reports: Path) -> list[str]:
    return [folder.name[-9:] for folder, _ in past_runs(reports)]


def test_old_runs_are_removed_with_their_zips(tmp_path: Path, accepted: Record) -> None:
    """The newest two of the workspace stay, and so do those of other workspaces."""
    for hour, workspace in enumerate(("a", "b", "a", "a", "a")):
        record = replace(accepted, mode=Mode.CHECK, workspace_id=workspace, run=f"20261122_0{hour}0000-check")
        write_bundle(tmp_path / record.run, record, plan=b"")

    remove_old_runs(tmp_path, "a", 2)

    assert _names(tmp_path) == ["000-check"] * 3
    assert sorted(path.name[9:11] for path in tmp_path.glob("*.zip")) == ["01", "03", "04"]


def test_evidence_of_changes_is_not_removed(tmp_path: Path, accepted: Record, unfinished: Record) -> None:
    """A refused migrate changed nothing. A run without an end may have changed the workspace."""
    migrate, refused = "20261122_010000-migrate", "20261122_020000-migrate"
    write_bundle(tmp_path / migrate, replace(accepted, run=migrate), plan=b"")
    write_bundle(tmp_path / refused, replace(accepted, run=refused, exit_code=ExitCode.REFUSED), plan=b"")
    (tmp_path / "20261122_030000-migrate").mkdir()
    begin_bundle(tmp_path / "20261122_030000-migrate", replace(unfinished, workspace_id=accepted.workspace_id))
    newest = replace(accepted, mode=Mode.CHECK, run="20261122_040000-check")
    write_bundle(tmp_path / newest.run, newest, plan=b"")

    remove_old_runs(tmp_path, accepted.workspace_id, 1)

    assert [folder.name[9:11] for folder, _ in past_runs(tmp_path)] == ["01", "03", "04"]
