"""What is no bundle, or cannot be read safely, is refused, and the command says so."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.tampering import edited, with_a_failure_hidden, with_other_count, zipped
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.reports.forgery import Files


def _traversal(files: Files, path: Path) -> None:
    zipped(path, {**files, "../../outside.txt": b"x"})


def _backslash(files: Files, path: Path) -> None:
    zipped(path, {**files, "..\\outside.txt": b"x"})


def _absolute(files: Files, path: Path) -> None:
    zipped(path, {**files, "/tmp/outside.txt": b"x"})


def _twice(files: Files, path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in [*files.items(), ("sql.lox", b"other")]:
            archive.writestr(name, data)
    path.write_bytes(packed.getvalue().replace(b"sql.lox", b"sql.log"))


def _link(files: Files, path: Path) -> None:
    zipped(path, files)
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo("latest")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")


def _bomb(files: Files, path: Path) -> None:
    zipped(path, {**files, "zeros": bytes(65 * 1024 * 1024)})


def _lying_bomb(files: Files, path: Path) -> None:
    _bomb(files, path)
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 65 * 1024 * 1024), struct.pack("<L", 10)))


def _many(files: Files, path: Path) -> None:
    zipped(path, {**files, **{str(number): b"" for number in range(200)}})


def _encrypted(files: Files, path: Path) -> None:
    data = bytearray(zipped(path, files).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    path.write_bytes(data)


def _cut(files: Files, path: Path) -> None:
    data = zipped(path, files).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _half(files: Files, path: Path) -> None:
    data = zipped(path, files).read_bytes()
    path.write_bytes(data[len(data) // 2 :])


def _before(files: Files, path: Path) -> None:
    path.write_bytes(b"#!/bin/sh\nexit\n" + zipped(path, files).read_bytes())


def _behind(files: Files, path: Path) -> None:
    path.write_bytes(zipped(path, files).read_bytes() + b"approved")


def _commented(files: Files, path: Path) -> None:
    with zipfile.ZipFile(zipped(path, files), "a") as archive:
        archive.comment = b"Approved by the board"


def _folder_with_bytes(files: Files, path: Path) -> None:
    with zipfile.ZipFile(zipped(path, files), "a") as archive:
        archive.writestr("folder/", b"approved")


def _bit(files: Files, path: Path) -> None:
    data = bytearray(zipped(path, files).read_bytes())
    data[200] ^= 1
    path.write_bytes(data)


def _no_zip(_files: Files, path: Path) -> None:
    path.write_bytes(b"%PDF-1.7")


def _empty(_files: Files, path: Path) -> None:
    path.write_bytes(b"")


def _other(_files: Files, path: Path) -> None:
    zipped(path, {"readme.txt": b"hello"})


def _folder_with_link(files: Files, path: Path) -> None:
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    (path / "passwords").symlink_to("/etc/passwd")


def _folder_with_fifo(files: Files, path: Path) -> None:
    path.mkdir()
    (path / "manifest.json").write_bytes(files["manifest.json"])
    os.mkfifo(path / "sql.log")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_traversal, "leads out of it"),
        (_backslash, "leads out of it"),
        (_absolute, "leads out of it"),
        (_twice, "twice"),
        (_link, "a link"),
        *thorough((_bomb, "64 MiB")),
        (_lying_bomb, "damaged"),
        (_many, "100 files"),
        (_encrypted, "encrypted"),
        (_cut, "no zip"),
        (_bit, "damaged"),
        (_half, "damaged"),
        (_before, "none of its files"),
        (_behind, "none of its files"),
        (_commented, "none of its files"),
        (_folder_with_bytes, "bytes of its own"),
        (_no_zip, "no zip"),
        (_empty, "no zip"),
        (_other, "no manifest.json"),
        (_folder_with_link, "no plain file"),
        (_folder_with_fifo, "no plain file"),
    ],
)
def test_unsafe_or_missing_bundle_is_refused(
    files: Files, tmp_path: Path, make: Callable[[Files, Path], None], reason: str
) -> None:
    """The problem has an id, nothing is extracted, and nothing waits."""
    path = tmp_path / "some.zip"
    make(files, path)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ProblemError, match=reason):
        read_bundle(path)

    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.thorough
def test_command_accepts_zip_and_folder_without_a_workspace(made: Path, tmp_path: Path) -> None:
    """It exits with 0, writes only its own report, and does not build the sample."""
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path / "unzipped")
    nowhere = Workspace(tmp_path / "nowhere", tmp_path / "reports")
    [folder] = (tmp_path / "unzipped").iterdir()
    packed = made.read_bytes()

    for given in (made, folder, tmp_path / "unzipped"):
        ran = nowhere.forked("verify", f"--bundle={given}")

        assert ran.exit == 0, ran.text
        assert f"The bundle is complete and consistent. Its run {made.stem} states: Accepted" in ran.text
        assert ran.outcomes == {"96-bundle": "passed"}
    assert not nowhere.root.exists()
    assert made.read_bytes() == packed


def test_command_refuses_and_fails_without_a_traceback(files: Files, tmp_path: Path) -> None:
    """A contradiction exits with 1 and a refusal with 4."""
    nowhere = Workspace(tmp_path / "nowhere", tmp_path / "reports")
    edited(files, with_other_count)
    edited(files, with_a_failure_hidden)

    tampered = nowhere.forked("verify", f"--bundle={zipped(tmp_path / 'tampered.zip', files)}")
    missing = nowhere.forked("verify", f"--bundle={tmp_path / 'missing.zip'}")
    misused = nowhere.forked("migrate", f"--bundle={tmp_path / 'tampered.zip'}")

    assert tampered.exit == 1, tampered.text
    assert {"counts-add-up", "verdict-follows"} <= tampered.failed
    assert "target: tasks: rows after: 2 (expected: 3)" in tampered.text
    assert "do not rely on it" in tampered.text
    assert (missing.exit, misused.exit) == (4, 4), missing.text + misused.text
    assert "there is no " in missing.text
    assert "--bundle: can only be used with pytest -m verify" in misused.text
    assert not any(ran.shows_source for ran in (tampered, missing, misused)), tampered.text
