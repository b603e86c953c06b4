"""Write the files of a run as a private bundle with their digests."""

from __future__ import annotations

import hashlib
import json
import stat
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.atomic_files import write_private
from sqlite_consolidate.report.bundle import statements_of, update_latest, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record


def test_manifest_lists_every_file_with_digest_and_size(tmp_path: Path, accepted: Record) -> None:
    """The files that pytest has written before are among them."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "audit.html").write_text("<html>")
    (folder / "junit.xml").write_text("<testsuites/>")

    write_bundle(folder, accepted, plan=b"format = 1\n")

    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["run"] == accepted.run
    assert set(manifest["files"]) == {
        "audit.html", "junit.xml", "evidence.json", "summary.txt", "plan.toml", "code.diff", "sql.log",
    }  # fmt: skip
    for name, listed in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert listed == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def test_files_hold_plan_diff_and_sql(tmp_path: Path, accepted: Record) -> None:
    """Plan and diff are unchanged, and the SQL has one statement after the other."""
    write_bundle(tmp_path, accepted, plan="name = 'plän'\r\n".encode())

    assert (tmp_path / "plan.toml").read_bytes() == "name = 'plän'\r\n".encode()
    assert (tmp_path / "code.diff").read_text() == accepted.diff
    assert (tmp_path / "sql.log").read_text().splitlines() == [
        "BEGIN IMMEDIATE;",
        "CREATE TABLE tasks (id TEXT PRIMARY KEY);",
        "COMMIT;",
    ]


def test_bundle_is_readable_by_its_owner_only(tmp_path: Path, accepted: Record) -> None:
    """The folder is 0700 and every file 0600, even if both were open before."""
    folder = tmp_path / "reports" / "run"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "audit.html").write_text("<html>")
    (folder / "audit.html").chmod(0o644)

    write_bundle(folder, accepted, plan=b"")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_writing_again_replaces_the_files(tmp_path: Path, accepted: Record, refused: Record) -> None:
    """The files are replaced atomically, and no temporary file stays."""
    write_bundle(tmp_path, accepted, plan=b"a")
    before = {path.name for path in tmp_path.iterdir()}

    write_bundle(tmp_path, refused, plan=b"b")

    assert {path.name for path in tmp_path.iterdir()} == before
    assert json.loads((tmp_path / "evidence.json").read_text())["verdict"] == "refused"
    assert "manifest.json" not in json.loads((tmp_path / "manifest.json").read_text())["files"]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """No part of the new file stays."""
    (tmp_path / "audit.html").mkdir()

    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "audit.html", b"<html>")

    assert [path.name for path in tmp_path.rglob("*")] == ["audit.html"]


def test_link_in_place_of_a_file_is_replaced(tmp_path: Path, accepted: Record) -> None:
    """The bundle is not written through a link of another process."""
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "summary.txt").symlink_to(outside)

    write_bundle(folder, accepted, plan=b"")

    assert outside.read_text() == "untouched"
    assert not (folder / "summary.txt").is_symlink()


def test_hostile_texts_can_be_written(tmp_path: Path, hostile: Record) -> None:
    """A lone surrogate is escaped, the log is printable, and the plan keeps its bytes."""
    write_bundle(tmp_path, hostile, plan=b"\xff")

    assert (tmp_path / "plan.toml").read_bytes() == b"\xff"
    assert "\x1b" not in (tmp_path / "sql.log").read_text()


def test_latest_points_at_the_newest_run(tmp_path: Path) -> None:
    """It is a relative link, so that the folder of reports can be moved."""
    for run in ("one", "two"):
        (tmp_path / run).mkdir()

        update_latest(tmp_path, run)

        assert (tmp_path / "latest").readlink().as_posix() == run
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "latest"}


def test_folder_called_latest_stays(tmp_path: Path) -> None:
    """A folder of that name is not from this project."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "file").write_text("mine")

    update_latest(tmp_path, "run")

    assert (tmp_path / "latest" / "file").read_text() == "mine"


@pytest.mark.parametrize("text", ["SELECT 1;\0", "CREATE TRIGGER a BEGIN\n" + ";\n" * 20_000], ids=["nul", "endless"])
def test_statements_of_a_strange_text_are_its_lines(text: str) -> None:
    """Another program made it, and SQLite may not find the end of a statement."""
    assert "\n".join(statements_of(text)).rstrip("\n") == text.rstrip("\n")
