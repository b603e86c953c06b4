"""Seal and read the manifest, the list of a backup set's files with their digests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.atomic_files import replace
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "manifest.json"
PLAN = "plan.toml"
"""File in the backup set with the plan as the run has executed it."""

INSTRUCTIONS = "ROLLBACK.md"
"""File in the backup set with the rollback instructions for the operator."""

RECORD = "record.json"
"""File in the backup set with the record of the run, equal to ``evidence.json`` of its report."""


@dataclass(frozen=True)
class DatabaseCopy:
    """Hold one database of the backup set.

    Attributes:
        role: ``target`` or ``source``.
        name: Source name, or ``target``.
        file: Path of the live file, relative to the workspace.
        copy: Path of the copy, relative to the backup set.
        size: Size of the copy in bytes.
        sha256: Digest of the bytes of the copy.
        digest: Content digest of the live file and of the copy.
        tables: Table to ``[rows, sha256]``.
        mode: Permission bits of the live file.
        journal_mode: Journal mode of the live file.
        dump: Path of the SQL dump relative to the backup set, or empty.
        dump_sha256: Digest of the bytes of the dump.
        dump_digest: Content digest of the reloaded dump.
    """

    role: str
    name: str
    file: str
    copy: str
    size: int
    sha256: str
    digest: str
    tables: dict[str, list[Any]]
    mode: int
    journal_mode: str
    dump: str = ""
    dump_sha256: str = ""
    dump_digest: str = ""


@dataclass(frozen=True)
class CodeCopy:
    """Hold one code file of the backup set, with the digest and the permission bits."""

    file: str
    copy: str
    size: int
    sha256: str
    mode: int


@dataclass(frozen=True)
class Manifest:
    """Hold all that one run has backed up.

    Attributes:
        run: Stamp of the run, ``YYYYMMDD_HHMMSS`` in UTC.
        target: The plan's target.
        target_existed: Whether the target existed before the run.
        archive: Source file to its archived name, which is fixed before the first change.
    """

    run: str
    plan: str
    plan_sha256: str
    target: str
    target_existed: bool
    databases: tuple[DatabaseCopy, ...]
    code: tuple[CodeCopy, ...]
    archive: dict[str, str]

    def database(self, file: str) -> DatabaseCopy | None:
        """Return the entry of a live file, or None."""
        return next((copy for copy in self.databases if copy.file == file), None)


def write(folder: Path, manifest: Manifest) -> None:
    """Seal the backup set by writing its manifest to disk.

    The file is written completely or not at all.

    Raises:
        FileExistsError: The backup set is sealed already.
    """
    path = folder / NAME
    if path.exists():
        raise FileExistsError(f"{path} is there already: a set is sealed once.")
    replace(path, json.dumps({"format": 1, **asdict(manifest)}, indent=1).encode("ascii") + b"\n", 0o600)


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a backup set, or None if the set was never sealed.

    Raises:
        ProblemError: The file is not a manifest of format 1.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_bytes())
        known = data.pop("format") == 1
        databases = tuple(DatabaseCopy(**entry) for entry in data.pop("databases"))
        code = tuple(CodeCopy(**entry) for entry in data.pop("code"))
        sealed = Manifest(databases=databases, code=code, **data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(folder, repr(error)) from error
    if not known:
        raise _unreadable(folder, "it has another format")
    return sealed


def _unreadable(folder: Path, reason: str) -> ProblemError:
    return ProblemError(
        Problem(
            "bad-manifest",
            f"{folder.name}/{NAME}",
            f"is not a manifest of format 1 ({reason}).",
            "Restore the file, or move the whole set out of the backups folder.",
        )
    )
