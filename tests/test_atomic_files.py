"""Specify that files are written, replaced and renamed completely or not at all.

No file of another program is ever overwritten.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.atomic_files import (
    let_owner_use_new_files,
    make_private_folder,
    move,
    move_all,
    replace,
    sync_folder,
    write_new,
    write_private,
)
from sqlite_consolidate.engine.backup.ledger import NAME as LEDGER
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.restore import restore_file
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Lend a disk on which no file can grow beyond 100 bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def mode(path: Path) -> int:
    """Return the permission bits."""
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    """Return the names of everything in the folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("wanted", [0o600, 0o644])
def test_new_file_has_its_bytes_and_its_mode(tmp_path: Path, wanted: int) -> None:
    """The mode does not depend on the umask."""
    before = os.umask(0o077)

    write_new(tmp_path / "new", b"bytes", wanted)

    os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"bytes"
    assert mode(tmp_path / "new") == wanted


def test_new_file_is_private_unless_asked_otherwise(tmp_path: Path) -> None:
    """A backup of a private database cannot be read by others."""
    write_new(tmp_path / "new", b"")

    assert mode(tmp_path / "new") == 0o600


def test_new_file_never_replaces_an_existing_file(tmp_path: Path) -> None:
    """An existing file is unchanged, and a link under the name is not followed."""
    (tmp_path / "there").write_bytes(b"mine")
    (tmp_path / "trap").symlink_to("victim")

    for name in ("there", "trap"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, b"other")

    assert (tmp_path / "there").read_bytes() == b"mine"
    assert names(tmp_path) == ["there", "trap"]


@pytest.mark.usefixtures("small_disk")
def test_new_file_is_removed_when_the_disk_is_full(tmp_path: Path) -> None:
    """On a full disk no incomplete file has the final name."""
    with pytest.raises(OSError, match="File too large"):
        write_new(tmp_path / "new", b"x" * 200)

    assert names(tmp_path) == []


WRITERS: dict[str, Callable[[Path], object]] = {
    "new": lambda path: write_new(path, b"bytes"),
    "replaced": lambda path: replace(path, b"bytes", 0o600),
    "private": lambda path: write_private(path, b"bytes"),
    "ledger": lambda path: Ledger(path.parent).note("event"),
    "restored": lambda path: restore_file(path, Path(__file__), 0o600),
}


@pytest.mark.parametrize("way", WRITERS)
def test_file_that_fills_the_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """The system names no file of a descriptor."""
    path = tmp_path / LEDGER

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "platform", "linux")  # which calls fsync
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        WRITERS[way](path)

    assert caught.value.filename == str(path)


def test_replaced_file_has_the_new_bytes_and_mode(tmp_path: Path) -> None:
    """No other file is left.

    The part file of a replacement that was killed is removed as well.
    """
    path = tmp_path / "code.py"
    path.write_bytes(b"old")
    (tmp_path / ".code.py.part").write_bytes(b"half")

    replace(path, b"new", 0o755)

    assert path.read_bytes() == b"new"
    assert mode(path) == 0o755
    assert names(tmp_path) == ["code.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    """If root runs the tool, files of other users keep their owner."""
    path = tmp_path / "code.py"
    path.write_bytes(b"old")
    os.chown(path, 1234, 5678)

    replace(path, b"new", 0o640)

    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (1234, 5678, 0o640)


@pytest.mark.usefixtures("small_disk")
def test_replacement_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    """The file has its old bytes until the new ones are complete."""
    path = tmp_path / "code.py"
    path.write_bytes(b"old")

    with pytest.raises(OSError, match="File too large"):
        replace(path, b"x" * 200, 0o600)

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["code.py"]


def test_replacement_that_is_killed_leaves_old_or_new_bytes(tmp_path: Path) -> None:
    """A process that is killed repeatedly while it replaces a file never leaves a mixture."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 50_000)
    code = (
        "import pathlib, sys; from sqlite_consolidate.atomic_files import replace\n"
        "print('ready', flush=True)\n"
        "while True:\n    for c in (b'a', b'b'): replace(pathlib.Path(sys.argv[1]), c * 50_000, 0o600)\n"
    )

    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()

        assert path.read_bytes() in (b"a" * 50_000, b"b" * 50_000)


def test_moved_file_has_only_its_new_name(tmp_path: Path) -> None:
    """The file itself is the same."""
    old, new = tmp_path / "old.db", tmp_path / "old.db.archived"
    old.write_bytes(b"rows")
    inode = old.stat().st_ino

    move(old, new)

    assert names(tmp_path) == ["old.db.archived"]
    assert (new.read_bytes(), new.stat().st_ino) == (b"rows", inode)


def test_move_never_overwrites(tmp_path: Path) -> None:
    """An existing file keeps its bytes, and the moved one its old name."""
    old, new = tmp_path / "old.db", tmp_path / "old.db.archived"
    old.write_bytes(b"rows")
    new.write_bytes(b"an earlier archive")

    with pytest.raises(FileExistsError):
        move(old, new)

    assert (old.read_bytes(), new.read_bytes()) == (b"rows", b"an earlier archive")


def test_move_cut_short_can_be_repeated(tmp_path: Path) -> None:
    """A move that was killed while the file had both names is completed by the same call."""
    old, new = tmp_path / "old.db", tmp_path / "old.db.archived"
    old.write_bytes(b"rows")
    os.link(old, new)

    move(old, new)

    assert names(tmp_path) == ["old.db.archived"]


@pytest.mark.parametrize("links", [1, 2])
def test_move_onto_itself_loses_nothing(tmp_path: Path, links: int) -> None:
    """Another spelling of the same name is refused.

    It is not taken for a move that was cut short.
    """
    (tmp_path / "old.db").write_bytes(b"rows")
    if links == 2:
        os.link(tmp_path / "old.db", tmp_path / "another.db")
    (tmp_path / "here").symlink_to(".")

    with pytest.raises(FileExistsError):
        move(tmp_path / "old.db", tmp_path / "here" / "old.db")

    assert (tmp_path / "old.db").read_bytes() == b"rows"


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs a second file system")
def test_move_to_another_file_system_is_refused(tmp_path: Path) -> None:
    """A move that could overwrite a file is refused with a hint."""
    old = tmp_path / "old.db"
    old.write_bytes(b"rows")
    device = old.stat().st_dev
    elsewhere = [folder for folder in ("/dev/shm", "/var/tmp") if os.stat(folder).st_dev != device]  # noqa: PTH116
    if not elsewhere:
        pytest.skip("all temporary folders are on one file system")
    with TemporaryDirectory(dir=elsewhere[0]) as folder:
        other = type(tmp_path)(folder)

        with pytest.raises(ProblemError, match="hard links"):
            move(old, other / "old.db")

        assert (names(tmp_path), names(other)) == (["old.db"], [])


def test_private_folder_is_new_and_private(tmp_path: Path) -> None:
    """Other users cannot enter the folder, and an existing folder is not used."""
    make_private_folder(tmp_path / "set")

    assert mode(tmp_path / "set") == 0o700
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "set")


def test_only_a_folder_is_synced_as_one(tmp_path: Path) -> None:
    """A wrong path raises an error."""
    (tmp_path / "file").write_bytes(b"")

    sync_folder(tmp_path)
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")


def test_files_get_new_names_together(tmp_path: Path) -> None:
    """If one of the new names is taken, all files have their old names."""
    for name in ("a", "b", "taken"):
        (tmp_path / name).write_text(name)

    with pytest.raises(FileExistsError):
        move_all([(tmp_path / "a", tmp_path / "new"), (tmp_path / "b", tmp_path / "taken")])
    assert [(tmp_path / name).read_text() for name in ("a", "b", "taken")] == ["a", "b", "taken"]
    (tmp_path / "taken").unlink()
    move_all([(tmp_path / "a", tmp_path / "new"), (tmp_path / "b", tmp_path / "taken")])

    assert sorted((path.name, path.read_text()) for path in tmp_path.iterdir()) == [("new", "a"), ("taken", "b")]


@pytest.mark.parametrize(("umask", "expected"), [(0, 0), (0o022, 0o022), (0o777, 0o077), (0o320, 0o020)], ids=oct)
def test_umask_takes_nothing_from_the_owner(umask: int, expected: int) -> None:
    """Other bits of it stay."""
    before = os.umask(umask)
    try:
        let_owner_use_new_files()
    finally:
        changed = os.umask(before)

    assert changed == expected
