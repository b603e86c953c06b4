"""Write the bundle of a run, which is its report folder with a manifest and a zip."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import zipfile
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.atomic_files import make_private_folders, private_file, write_private
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.sqlite.sql import strip_trailing_comments
from sqlite_consolidate.report.evidence_json import evidence_pieces, printable_texts
from sqlite_consolidate.report.file_names import (
    APPROVAL,
    DIFF,
    EVIDENCE,
    MANIFEST,
    PLAN,
    SIGNATURE,
    SQL,
    SUMMARY,
    zip_of,
)
from sqlite_consolidate.report.past_runs import describe_run
from sqlite_consolidate.report.signing.ssh_signatures import sign
from sqlite_consolidate.report.summary import summary
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from sqlite_consolidate.report.evidence import Record
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def begin_bundle(folder: Path, record: Record) -> None:
    """Write the manifest of a run that has just begun.

    If the run is killed, its manifest has no end.

    Raises:
        OSError: The folder does not exist, or cannot be written.
    """
    _write_manifest(folder, record, {})


def write_bundle(folder: Path, record: Record, *, plan: bytes, approval: bytes = b"", key: Path | None = None) -> None:
    """Write the run's files into ``folder``, and a ``.zip`` of them beside it.

    A refused run gets no zip. Only the owner can read them. The manifest of all of them is written last. Files of
    pytest that are already in the folder (``audit.html``, ``junit.xml``) become private and are listed too, so call
    this after they are written.

    Args:
        folder: The run's folder; it is created if it does not exist.
        record: The record of the finished run.
        plan: The plan file's bytes, kept as ``plan.toml``.
        approval: The accepted signature of the plan, or empty.
        key: SSH key that signs the manifest, or None for no signature.

    Raises:
        OSError: A file cannot be written.
        ProblemError: The key cannot sign.
    """
    make_private_folders(folder)
    folder.chmod(0o700)  # independent of the umask, and of a folder that existed before

    evidence = hashlib.sha256()
    with private_file(folder / EVIDENCE) as file:
        for piece in evidence_pieces(record):
            evidence.update(piece)
            file.write(piece)
    files = {
        SUMMARY: _encode(summary(record, evidence.hexdigest())),
        PLAN: plan,
        DIFF: _encode_diff(record.diff),
    }
    if approval:
        files[APPROVAL] = approval
    for name, data in files.items():
        write_private(folder / name, data)
    with private_file(folder / SQL) as file:
        file.writelines(_encode(f"{text}\n") for text in ended_statements(record.sql))
    listed = _list_files(folder)
    _write_manifest(folder, record, listed)
    signed = []
    if key is not None:
        write_private(folder / SIGNATURE, sign((folder / MANIFEST).read_bytes(), key))
        signed = [SIGNATURE]
    if (path := bundle_of(record, folder)) is not None:
        with private_file(path) as packed:
            _zip_files(folder, [*listed, MANIFEST, *signed], packed)


def bundle_of(record: Record, folder: Path) -> Path | None:
    """Return the path of the zip that a finished run has, or None for a run that was refused.

    A refused run changed nothing, and is often the first of several tries. Its folder is its evidence.
    """
    return None if record.exit_code == ExitCode.REFUSED else zip_of(folder)


def update_latest(reports: Path, run: str) -> None:
    """Make ``latest`` in ``reports`` a relative link to the run's folder, atomically.

    A file or folder of that name that is no link is left alone, because this project did not make it.

    Raises:
        OSError: The link cannot be made.
    """
    latest = reports / "latest"
    if latest.exists() and not latest.is_symlink():
        return
    fresh = reports / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)  # left by a killed process that had the same id
    fresh.symlink_to(run, target_is_directory=True)
    fresh.replace(latest)


def _write_manifest(folder: Path, record: Record, files: dict[str, Any]) -> None:
    manifest = {"schema": 1, "run": record.run, "about": describe_run(record), "files": files}
    write_private(folder / MANIFEST, _encode(json.dumps(printable_texts(manifest), indent=2) + "\n"))


def _list_files(folder: Path) -> dict[str, Any]:
    """Make each plain file of the folder private, and list it with digest and size.

    Links are not listed, because they are no evidence.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.name in (MANIFEST, SIGNATURE) or not stat.S_ISREG(path.lstat().st_mode):
            continue
        path.chmod(0o600)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[path.relative_to(folder).as_posix()] = {"sha256": digest, "size": path.stat().st_size}
    return files


def _zip_files(folder: Path, names: list[str], packed: BinaryIO) -> None:
    """Write a zip of the files under the folder's name.

    The same files always give the same bytes.
    """
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names):
            member = zipfile.ZipInfo(f"{folder.name}/{name}")  # its date is 1980-01-01, the first that a zip can hold
            member.external_attr = (stat.S_IFREG | 0o600) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            member.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as file, archive.open(member, "w") as packed_file:
                shutil.copyfileobj(file, packed_file)


def _encode_diff(text: str) -> bytes:
    """Encode a diff with the bytes that its lone surrogates stand for.

    `git apply` needs these bytes where a file is not UTF-8.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate stands for no byte, so the diff is not from the engine
        return _encode(text)


def _encode(text: str) -> bytes:
    """Encode a text as UTF-8, and write a lone surrogate as its escape."""
    return text.encode("utf-8", "backslashreplace")


def ended_statements(statements: Iterable[str]) -> Iterator[str]:
    """Yield printable statements, each but a comment with a semicolon."""
    return (text if text.startswith("--") else _end_statement(text) for text in map(printable, statements))


def _end_statement(statement: str) -> str:
    """Return a statement with a semicolon that is not part of a comment behind it."""
    text = statement.rstrip().removesuffix(";").rstrip()
    return f"{text};" if strip_trailing_comments(text) == text else f"{text}\n;"


_MOST_SEARCHED = 500_000_000  # characters in which the ends of statements are searched for: seconds


def statements_of(text: str) -> Iterator[str]:
    """Yield the statements and comments of a text whose lines ``ended_statements`` made.

    A text that another program made, with an endless statement or a NUL character, may have its rest as one statement.
    """
    statement, readable = "", _MOST_SEARCHED if "\0" not in text else 0
    for line in text.splitlines(keepends=True):
        statement += line
        if statement.startswith("--") or (";" in line and readable > 0 and sqlite3.complete_statement(statement)):
            yield statement.rstrip("\n")
            statement = ""
        elif ";" in line:
            readable -= len(statement)
    if statement:
        yield statement
