"""Read a bundle from a zip or a folder into memory, and extract nothing.

A bundle may come from anywhere. Neither the sizes that a zip states nor its names are trusted.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.report.file_names import MANIFEST
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_FILES = 100
_MOST_BYTES = 64 * 1024 * 1024
"""Limit of all files together, unpacked; a run on a thousand tables writes about ten million bytes."""

_NAME_ONE = "Name the .zip of a run, or the folder it was unzipped to."
_ANOTHER_COPY = "Get another copy of it."
_END_OF_ZIP = 22  # bytes of the end of central directory record without a comment: 4.3.16
_ENCRYPTED = 0x1  # bit 0 of the general purpose flags: APPNOTE.TXT, 4.4.4
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Bundle:
    """Hold the files of one run.

    Attributes:
        name: Name of the zip or of the folder.
        files: Name, relative to the run's folder, to bytes; a manifest is among them.
        top: Name of the folder that a zip has the files in; empty if there is none.
    """

    name: str
    files: dict[str, bytes]
    top: str = ""

    def text(self, name: str) -> str:
        """Return a file as text, with replacement characters for what is no UTF-8.

        The text is empty if there is no such file.
        """
        return self.files.get(name, b"").decode("utf-8", "replace")


def read_bundle(path: Path) -> Bundle:
    """Return the bundle in a zip, or in the folder that one was unzipped to.

    Raises:
        ProblemError: There is no such file. It is no zip, damaged or encrypted. It holds a link, a name that leads
            out of it, one name twice, or bytes outside of its files. It exceeds 100 files or 64 MiB. Or it has no
            manifest.
        OSError: It cannot be read.
    """
    if not path.exists():
        raise ProblemError(
            Problem("no-bundle", one_line(str(path)), "there is no such file or folder.", _NAME_ONE),
        )
    files: dict[str, bytes] = {}
    bytes_left = _MOST_BYTES
    for name, data in _folder(path) if path.is_dir() else _zip(path):
        bytes_left -= len(data)
        if name in files:
            raise _unsafe(path, f"holds {one_line(name)} twice, which no run writes.")
        if len(files) == _MOST_FILES or bytes_left < 0:
            raise _too_large(path)
        files[name] = data
    top = _top(files)
    files = {name.removeprefix(f"{top}/") if top else name: data for name, data in files.items()}
    if MANIFEST not in files:
        text = f"has no {MANIFEST}: it is not the bundle of a run."
        raise ProblemError(Problem("no-bundle", one_line(path.name), text, _NAME_ONE))
    return Bundle(path.name, files, "" if path.is_dir() else top)


def _folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for file_path in sorted(path.rglob("*")):
        mode = file_path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise _unsafe(path, f"holds {one_line(file_path.name)}, which is no plain file. No run writes that.")
        with file_path.open("rb") as file:
            yield file_path.relative_to(path).as_posix(), _bounded(file, path)


def _zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        packed = _bounded(file, path)
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            _refuse_extra_bytes(path, archive, packed)
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > _MOST_FILES:
                raise _too_large(path)
            for member in members:
                _refuse_member(path, member)
                with archive.open(member) as unpacked:
                    yield member.filename, _bounded(unpacked, path)
    except _DAMAGED as error:
        reason = "it is no zip" if not zipfile.is_zipfile(io.BytesIO(packed)) else f"it is damaged ({error})"
        text = f"cannot be read: {one_line(reason)}."
        raise ProblemError(Problem("damaged-bundle", one_line(path.name), text, _ANOTHER_COPY)) from None


def _refuse_extra_bytes(path: Path, archive: zipfile.ZipFile, packed: bytes) -> None:
    """Refuse a zip with a comment, or with bytes before or behind its files."""
    members = archive.infolist()
    begins = min((member.header_offset for member in members), default=0)
    if begins < 0:
        raise zipfile.BadZipFile("its beginning is missing")
    comments = archive.comment or any(member.comment for member in members)
    if begins or comments or packed[-_END_OF_ZIP:][:4] != b"PK\x05\x06":
        raise _unsafe(path, "holds a comment, or bytes that belong to none of its files. No run writes that.")
    if any(member.is_dir() and member.file_size for member in members):
        raise _unsafe(path, "holds a folder with bytes of its own. No run writes that.")


def _refuse_member(path: Path, member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or any(char in name for char in ("\\", ":", "\0")):
        raise _unsafe(path, f"holds the name {one_line(name)}, which leads out of it. No run writes that.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _unsafe(path, f"holds {one_line(name)}, which is a link. No run writes that.")
    if member.flag_bits & _ENCRYPTED:
        hint = "Decrypt it first, and name the folder with its files."
        raise ProblemError(Problem("encrypted-bundle", one_line(path.name), "is encrypted.", hint))


def _bounded(file: IO[bytes], path: Path) -> bytes:
    """Read a file to its end, up to the limit of a bundle.

    The sizes that a zip states may be wrong.
    """
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise _too_large(path)
    return data


def _top(files: dict[str, bytes]) -> str:
    """Return the folder that all names begin with, or an empty text.

    A zip of this project has the folder of its run.
    """
    tops = {name.partition("/")[0] for name in files}
    nested = all("/" in name for name in files)
    return tops.pop() if nested and len(tops) == 1 else ""


def _too_large(path: Path) -> ProblemError:
    text = f"holds more than {_MOST_FILES} files or {_MOST_BYTES // 1024**2} MiB. No run writes that much."
    return _unsafe(path, text)


def _unsafe(path: Path, text: str) -> ProblemError:
    return ProblemError(Problem("unsafe-bundle", one_line(path.name), text, _ANOTHER_COPY))
