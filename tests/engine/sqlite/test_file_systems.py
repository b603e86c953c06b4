"""Specify how file systems are treated on which locks do not reach other machines.

A database in WAL mode is refused there, and any other is reported.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlite_consolidate.engine.checks import open_files as in_use
from sqlite_consolidate.engine.sqlite import files
from sqlite_consolidate.engine.sqlite.files import (
    NETWORK_FILE_SYSTEMS,
    file_system_type,
    network_file_system,
    synchronized_folder,
)
from sqlite_consolidate.engine.sqlite.processes import is_in_container
from sqlite_consolidate.plan.model import Plan
from tests.support.workspaces.whole_run import execute

MOUNTED = {"/": "ext4", "/mnt/share": "nfs4", "/mnt/share/local": "xfs", "/mnt/share2": "btrfs"}
PLAN = {"format": 1, "name": "p", "target": "t.db", "source": [{"name": "a", "file": "a.db"}]}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/a.db", "ext4"),
        ("/mnt/share/a.db", "nfs4"),
        ("/mnt/share/deep/er/a.db", "nfs4"),
        ("/mnt/share/local/a.db", "xfs"),
        ("/mnt/share2/a.db", "btrfs"),
    ],
)
def test_longest_mount_point_decides(path: str, kind: str) -> None:
    """A folder whose name only begins like a mount point is not below it."""
    assert file_system_type(Path(path), MOUNTED) == kind


def test_file_system_is_unknown_without_mount_table() -> None:
    """An unknown file system is neither local nor network."""
    assert file_system_type(Path("/home/a.db"), {}) == ""


def test_file_system_of_this_machine_is_found(tmp_path: Path) -> None:
    """The mount table is the real one, and some entry of it is above every path."""
    import psutil

    kind = file_system_type(
        tmp_path.resolve(), {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    )

    assert kind
    assert network_file_system(tmp_path) == (kind if kind in NETWORK_FILE_SYSTEMS else "")


@pytest.mark.parametrize("folder", ["Dropbox", "OneDrive - Contoso", "Google Drive", "Mobile Documents"])
def test_folder_that_service_synchronizes_is_known_by_its_name(tmp_path: Path, folder: str) -> None:
    """The service copies the file while it is written to."""
    assert synchronized_folder(tmp_path / folder / "work" / "a.db") == folder
    assert synchronized_folder(tmp_path / f"not{folder}" / "a.db") == ""


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_wal_database_on_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Any other database is only reported.

    The type is faked, because no test can mount a network file system everywhere.
    """
    for name in ("a.db", "t.db"):
        execute(tmp_path / name, f"PRAGMA journal_mode={mode}; CREATE TABLE x(y)")
    monkeypatch.setattr(files, "file_system_type", lambda _path, _mounted: "nfs4")

    open_databases = in_use.find_open_databases(Plan.model_validate(PLAN), tmp_path, rehearsal=False)

    pointed_out = [finding for finding in open_databases.findings if finding.id == "network-file-system"]
    assert [problem.id for problem in open_databases.problems] == (["wal-on-network"] * 2 if mode == "wal" else [])
    assert len(pointed_out) == (0 if mode == "wal" else 2)


def test_processes_that_cannot_be_seen_are_findings() -> None:
    """Processes of other users are counted. Those of other containers cannot be."""
    findings = {finding.id: finding for finding in in_use.unseen_findings(14)}

    assert findings["processes-unexamined"].count == 14
    assert ("processes-elsewhere" in findings) == is_in_container()
    assert "processes-unexamined" not in {finding.id for finding in in_use.unseen_findings(0)}
