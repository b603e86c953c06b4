"""Manifest: the list of what one backup set holds, with the digests that prove it; sealed once, never changed."""

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
"""In the backup set: the plan as it was carried out."""

INSTRUCTIONS = "ROLLBACK.md"
"""In the backup set: how to roll back, for a person."""

RECORD = "record.json"
"""In the backup set: the record of the run, the same as ``evidence.json`` of its report."""


@dataclass(frozen=True)
class DatabaseCopy:
    """One database of the backup set.

    Attributes:
        role: ``target`` or ``source``.
        name: Source name, or ``target``.
        file: Path of the live file, relative to the workspace.
        copy: Path of the copy, relative to the backup set.
        size: Bytes of the copy; ``sha256`` is the digest of its bytes.
        digest: Content digest, the same in live file and copy.
        tables: Table to ``[rows, sha256]``.
        mode: Permission bits of the live file.
        journal_mode: Of the live file.
        dump: Path of the SQL dump relative to the set, or empty; ``dump_sha256`` of its bytes.
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
    """One code file of the backup set: its path in the workspace, its copy, the digest of its bytes, its mode."""

    file: str
    copy: str
    size: int
    sha256: str
    mode: int


@dataclass(frozen=True)
class Manifest:
    """Everything that one run backed up.

    Attributes:
        run: Stamp of the run, ``YYYYMMDD_HHMMSS`` in UTC.
        target: The plan's target; ``target_existed`` is False when the run creates it.
        archive: Source file to the name it will be archived under, fixed before the first change.
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
        """The copy of the live file ``file``, or None."""
        return next((copy for copy in self.databases if copy.file == file), None)


def write(folder: Path, manifest: Manifest) -> None:
    """Seal the backup set: the manifest is on disk, whole or not at all, and a second one cannot be written.

    Raises:
        FileExistsError: The set is sealed already.
    """
    path = folder / NAME
    if path.exists():
        raise FileExistsError(f"{path} is there already: a set is sealed once.")
    replace(path, json.dumps({"format": 1, **asdict(manifest)}, indent=1).encode("ascii") + b"\n", 0o600)


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a backup set, or None when the set was never sealed.

    Raises:
        ProblemError: The file is there and is no manifest of format 1.
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
            "Bring the file back as it was, or move the whole set out of the backups folder.",
        )
    )
