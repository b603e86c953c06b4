"""Seal and read the manifest, the list of a backup set's files with their digests."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, Strict, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from sqlite_consolidate.atomic_files import replace
from sqlite_consolidate.engine.content.digest import TableDigest, digest_file
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.plan.patterns import expand_by_names
from sqlite_consolidate.plan.values import inside
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.regular_files import read_regular
from sqlite_consolidate.text import counted, indented_json, json_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan

# A constraint on the length would refuse names that are not UTF-8.
_Path = Annotated[str, AfterValidator(inside)]
_Count = Annotated[int, Strict(), Field(ge=0)]
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
_DigestOrEmpty = Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")]
_Mode = Annotated[int, Strict(), Field(ge=0, le=0o777)]

NAME = "manifest.json"
PLAN = "plan.toml"
"""File in the backup set with the plan as the run has executed it."""

DIFF = "code.diff"
"""File in the backup set with the whole diff of the code, which no report has where it would show a secret."""

INSTRUCTIONS = "ROLLBACK.md"
"""File in the backup set with the rollback instructions for the operator."""

RECORD = "record.json"
"""File in the backup set with the record of the run, equal to ``evidence.json`` of its report."""


_EXACTLY = ConfigDict(extra="forbid")
_ROWS_AND_DIGEST = TypeAdapter(tuple[_Count, _Digest])


def _table_digest(value: object) -> TableDigest:
    """Return the digest of a table that a manifest states."""
    try:
        rows, sha256 = _ROWS_AND_DIGEST.validate_python(value)
    except ValidationError as error:
        raise PydanticCustomError("table_digest", "no number of rows with a digest") from error
    return TableDigest(rows, int(sha256, 16))


@dataclass(frozen=True, slots=True)
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
        tables: Table to its digest, which the file has as ``[rows, sha256]``.
        mode: Permission bits of the live file.
        journal_mode: Journal mode of the live file.
        dump: Path of the SQL dump relative to the backup set, or empty.
        dump_sha256: Digest of the bytes of the dump.
        dump_digest: Content digest of the reloaded dump in a set of an earlier release. Empty, because a dump is loaded
            while the run goes on.
    """

    __pydantic_config__ = _EXACTLY

    role: Literal["target", "source"]
    name: str
    file: _Path
    copy: _Path
    size: _Count
    sha256: _Digest
    digest: _Digest
    tables: dict[str, Annotated[TableDigest, PlainValidator(_table_digest)]]
    mode: _Mode
    journal_mode: str
    dump: _Path = ""
    dump_sha256: _DigestOrEmpty = ""
    dump_digest: _DigestOrEmpty = ""


@dataclass(frozen=True)
class CodeCopy:
    """Hold one code file of the backup set, with the digest and the permission bits."""

    __pydantic_config__ = _EXACTLY

    file: _Path
    copy: _Path
    size: _Count
    sha256: _Digest
    mode: _Mode


@dataclass(frozen=True)
class Manifest:
    """Hold all that one run has backed up.

    Attributes:
        run: Stamp of the run, ``YYYYMMDD_HHMMSS`` in UTC.
        target: The plan's target.
        target_existed: Whether the target existed before the run.
        archive: Source file to its archived name, which is fixed before the first change.
    """

    __pydantic_config__ = _EXACTLY

    run: str
    plan: str
    plan_sha256: str
    target: _Path
    target_existed: Annotated[bool, Strict()]
    databases: tuple[DatabaseCopy, ...]
    code: tuple[CodeCopy, ...]
    archive: dict[_Path, _Path]

    @property
    def file_digests(self) -> dict[str, str]:
        """Return the digest of each file by its path in the backup set, the target first."""
        copies = sorted(self.databases, key=lambda copy: copy.role != "target")
        digests = {copy.copy: copy.sha256 for copy in copies} | {copy.copy: copy.sha256 for copy in self.code}
        return digests | {copy.dump: copy.dump_sha256 for copy in copies if copy.dump}

    def database(self, file: str) -> DatabaseCopy | None:
        """Return the entry of a live file, or None."""
        return self._by_file.get(file)

    @cached_property
    def _by_file(self) -> dict[str, DatabaseCopy]:
        return {copy.file: copy for copy in reversed(self.databases)}


def expand_by_manifest(plan: Plan, sealed: Manifest | None) -> Plan:
    """Return a plan with a source for each file of its patterns that a run has backed up."""
    copies = [copy for copy in sealed.databases if copy.role == "source"] if sealed else []
    tables = {copy.name: list(copy.tables) for copy in copies}
    return expand_by_names(plan, {copy.name: copy.file for copy in copies}, tables)


def plan_of_run(folder: Path, sealed: Manifest) -> Plan:
    """Return the plan as a run has executed it, which its backup set keeps.

    Raises:
        ProblemError: The file has changed since (``copy-damaged``).
    """
    path = folder / PLAN
    if not path.is_file() or digest_file(path) != sealed.plan_sha256:
        fact = "is not the plan of the run, so nothing tells what the run has moved."
        hint = "Restore this file of the backup set from another copy."
        raise ProblemError(Problem("copy-damaged", f"{folder.name}/{PLAN}", fact, hint))
    return expand_by_manifest(load(path), sealed)


def write(folder: Path, manifest: Manifest) -> None:
    """Seal the backup set by writing its manifest to disk.

    The file is written completely or not at all.

    Raises:
        FileExistsError: The backup set is sealed already.
    """
    path = folder / NAME
    if path.exists():
        raise FileExistsError(f"{path} is there already: a set is sealed once.")
    document = {"format": 1, **{field.name: getattr(manifest, field.name) for field in fields(manifest)}}
    replace(path, json_pieces(document, _json_of_copy), 0o600)


def _json_of_copy(_name: str, copy: DatabaseCopy | CodeCopy) -> str:
    values = asdict(copy)
    if isinstance(copy, DatabaseCopy):
        values["tables"] = {name: [table.rows, table.sha256] for name, table in copy.tables.items()}
    return indented_json(values)


def read(folder: Path, root: Path | None = None) -> Manifest | None:
    """Return the manifest of a backup set, or None if the set was never sealed.

    Args:
        folder: The backup set.
        root: The workspace, if the live files that the manifest names are going to be used.

    Raises:
        ProblemError: The file is not a manifest of format 1 (``bad-manifest``), or one of its paths leads outside the
            backup set or the workspace (``manifest-outside``).
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        document = json.loads(read_regular(path), object_hook=_as_copy)
        if not isinstance(document, dict) or document.pop("format", None) != 1:
            raise _unreadable(folder, "it has another format")
        sealed = _MANIFEST.validate_python(document)
    except ValidationError as error:
        raise ProblemError(*_mistakes(folder, error)) from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(folder, "it is not JSON") from error
    except OSError as error:
        raise _unreadable(folder, f"{error.strerror}") from error
    if problems := list(_paths_outside(folder, root, sealed)):
        raise ProblemError(*problems)
    if clash := _name_of_two_files(sealed):
        raise _unreadable(folder, f"{clash} is the name of an archive and of another file")
    return sealed


def _as_copy(entry: dict[str, object]) -> object:
    """Return an entry of a database as it is held, because there may be very many.

    Another entry, and one with mistakes, stays as it is.
    """
    try:
        return _DATABASE_COPY.validate_python(entry) if "role" in entry else entry
    except ValidationError:
        return entry


def _name_of_two_files(sealed: Manifest) -> str:
    """Return a name that an archive shares with another file, or an empty text."""
    known = {sealed.target, *(copy.file for copy in sealed.databases), *(code.file for code in sealed.code)}
    archives = Counter(sealed.archive.values())
    return next((name for name, number in archives.items() if name in known or number > 1), "")


_MANIFEST, _DATABASE_COPY = TypeAdapter(Manifest), TypeAdapter(DatabaseCopy)


def _mistakes(folder: Path, error: ValidationError) -> Iterator[Problem]:
    """Yield a problem for each path that leads outside, and one for all other mistakes."""
    mistakes = error.errors()
    outside = [mistake for mistake in mistakes if mistake["type"] == "value_error"]
    yield from (_outside(folder, str(mistake["input"])) for mistake in outside)
    if others := len(mistakes) - len(outside):
        place = next(".".join(map(str, mistake["loc"])) for mistake in mistakes if mistake not in outside)
        yield from _unreadable(folder, f"{counted(others, 'value')} cannot be read, the first at {place}").problems


def _paths_outside(folder: Path, root: Path | None, sealed: Manifest) -> Iterator[Problem]:
    """Yield a problem for each path that a symbolic link leads outside."""
    copies: list[DatabaseCopy | CodeCopy] = [*sealed.databases, *sealed.code]
    places = [(folder, path) for copy in copies for path in (copy.copy, getattr(copy, "dump", "")) if path]
    if root is not None:
        live = [copy.file for copy in copies]
        places += [(root, path) for path in (sealed.target, *live, *sealed.archive, *sealed.archive.values())]
    for top, path in dict.fromkeys(places):
        if not (top / path).resolve().is_relative_to(top.resolve()) or (top / path) == top:
            yield _outside(folder, path)


def _outside(folder: Path, path: str) -> Problem:
    return Problem(
        "manifest-outside",
        f"{folder.name}/{NAME}",
        f"names {path}, which is outside the backup set or the workspace.",
        "Restore the manifest from another copy, or move the whole set out of the backups folder.",
    )


def _unreadable(folder: Path, reason: str) -> ProblemError:
    return ProblemError(problem(folder, f"is not a manifest of format 1, because {reason}."))


def problem(folder: Path, fact: str) -> Problem:
    """Return the problem that a fact about the manifest of a backup set is."""
    hint = "Restore the file, or move the whole set out of the backups folder."
    return Problem("bad-manifest", f"{folder.name}/{NAME}", fact, hint)
