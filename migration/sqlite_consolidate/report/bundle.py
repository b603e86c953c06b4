"""The bundle: everything that one run leaves in its folder under reports, and the list of it with digests."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.atomic_files import write_private
from sqlite_consolidate.engine.sqlite.sql import without_end
from sqlite_consolidate.report.evidence_json import printable_texts, to_json
from sqlite_consolidate.report.file_names import DIFF, EVIDENCE, MANIFEST, PLAN, SQL, SUMMARY
from sqlite_consolidate.report.past_runs import describe_run
from sqlite_consolidate.report.summary import summary
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record
else:
    from sqlite_utils.utils import sqlite3


def begin_bundle(folder: Path, record: Record) -> None:
    """Leave a manifest of a run that has just begun: should it be killed, it is known by having no end.

    Raises:
        OSError: The folder is not there, or cannot be written.
    """
    _write_manifest(folder, record, {})


def write_bundle(folder: Path, record: Record, *, plan: bytes) -> None:
    """Leave the run's files in ``folder``, readable by their owner only, and a ``.zip`` of them beside it.

    Last of the files comes a manifest of all of them.

    Files of others that are already there (``audit.html``, ``junit.xml``) become private and are listed too, so this
    is called after they are written.

    Args:
        folder: The run's folder; created if it is not there.
        record: The finished run.
        plan: The plan file's bytes, kept as ``plan.toml``.

    Raises:
        OSError: Something cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # also where it was there before, or the umask had another opinion

    evidence = _encode(to_json(record))
    files = {
        EVIDENCE: evidence,
        SUMMARY: _encode(summary(record, hashlib.sha256(evidence).hexdigest())),
        PLAN: plan,
        DIFF: _encode_diff(record.diff),
        SQL: _encode(sql_text(record.sql) + "\n" if record.sql else ""),
    }
    for name, data in files.items():
        write_private(folder / name, data)
    listed = _list_files(folder)
    _write_manifest(folder, record, listed)
    write_private(zip_of(folder), _zip_files(folder, [*listed, MANIFEST]))


def zip_of(folder: Path) -> Path:
    """Return where the ``.zip`` of a run's folder is: beside it, under the same name, so that it can be attached."""
    return folder.with_name(f"{folder.name}.zip")


def update_latest(reports: Path, run: str) -> None:
    """Make ``latest`` in ``reports`` a relative link to the run's folder, in one step.

    Something else of that name, which is no link, belongs to somebody: it stays.

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
    """Close every plain file of the folder to others, and list it; links are nobody's evidence."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.name == MANIFEST or not stat.S_ISREG(path.lstat().st_mode):
            continue
        path.chmod(0o600)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[path.relative_to(folder).as_posix()] = {"sha256": digest, "size": path.stat().st_size}
    return files


def _zip_files(folder: Path, names: list[str]) -> bytes:
    """Pack files under the folder's name; the same files make the same bytes, whenever they are packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names):
            member = zipfile.ZipInfo(f"{folder.name}/{name}")  # of 1980, the first moment that a zip knows
            member.external_attr = (stat.S_IFREG | 0o600) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, (folder / name).read_bytes())
    return packed.getvalue()


def _encode_diff(text: str) -> bytes:
    """Encode a diff, whose lone surrogates stand for bytes that are not UTF-8: `git apply` needs these very bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: the diff is none of the engine's
        return _encode(text)


def _encode(text: str) -> bytes:
    """Encode as UTF-8; a lone surrogate, which has no encoding, becomes its escape."""
    return text.encode("utf-8", "backslashreplace")


def sql_text(statements: Iterable[str]) -> str:
    """Return printable statements, one after the other; each but a comment is ended by a semicolon."""
    return "\n".join(text if text.startswith("--") else _end_statement(text) for text in map(printable, statements))


def _end_statement(statement: str) -> str:
    """End a statement by a semicolon, which must not be part of a comment behind its last word."""
    text = statement.rstrip().removesuffix(";").rstrip()
    return f"{text};" if without_end(text) == text else f"{text}\n;"


def statements_of(text: str) -> Iterator[str]:
    """Yield the statements and comments that :func:`sql_text` has put one after the other."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if statement.startswith("--") or sqlite3.complete_statement(statement):
            yield statement.rstrip("\n")
            statement = ""
    if statement:
        yield statement
