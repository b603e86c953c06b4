"""Take: the whole inventory of a workspace, from the walk to who has what open."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scan import mentions
from sqlite_consolidate.engine.code.scanned_files import Scope
from sqlite_consolidate.engine.sqlite.processes import Holder, holders
from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS
from sqlite_consolidate.inventory.classification import Overlap, Role, alike, overlaps, role
from sqlite_consolidate.inventory.discovery import Finding, find
from sqlite_consolidate.inventory.inspection import Database, look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.old_names import Mention
    from sqlite_consolidate.engine.sqlite.limits import Limits

_BESIDE = ("", *SIDECARS)


@dataclass(frozen=True)
class Entry:
    """One database with what is known from around it.

    Attributes:
        role: What it is for, as far as it can be told; ``why`` says what tells it.
        twin: File of the database whose content it has, or empty.
        mentions: Places in code and configuration that have its file name.
        open_in: Processes that have it open.
    """

    database: Database
    role: Role
    why: str
    twin: str
    mentions: tuple[Mention, ...]
    open_in: tuple[Holder, ...]

    @property
    def file(self) -> str:
        """Path relative to the workspace."""
        return self.database.file


@dataclass(frozen=True)
class Inventory:
    """What lies in a workspace.

    Attributes:
        entries: Every database, and what is named like one, in the order of folders and names.
        duplicates: Groups of files with the same content, each with the one that the others copy first.
        overlaps: Tables that more than one database has; backups, copies and what could not be read do not count.
        files_read: Number of text files that were read for mentions.
        unseen: Number of processes that could not be looked into.
        state: Size and time of last change of every database and its sidecars, as they were before.
    """

    root: Path
    entries: tuple[Entry, ...]
    duplicates: tuple[tuple[str, ...], ...]
    overlaps: tuple[Overlap, ...]
    finding: Finding
    files_read: int
    unseen: int
    state: dict[str, tuple[int, int]]

    @property
    def live(self) -> tuple[Entry, ...]:
        """The databases that have rows and are no copies, backups, templates or tests."""
        return tuple(entry for entry in self.entries if entry.role == "live")


def take(root: Path, say: Callable[[str], None], own: Sequence[str] = (), limits: Limits | None = None) -> Inventory:
    """Look at everything in a workspace; nothing is written.

    Args:
        root: The workspace, resolved.
        say: Called with a few words before each part.
        own: Files and folders whose mentions do not count, for they are about consolidations: plans, backup sets,
            reports; relative to the workspace.
        limits: Of what is read.
    """
    say("looking for databases")
    finding = find(root)
    state = file_state(root, [one.file for one in finding.candidates])
    say(f"looking into {len(finding.candidates)} files")
    databases = [look(root, one, limits) for one in finding.candidates]
    say("comparing databases")
    duplicates = alike(root, databases, limits)
    say(f"reading {finding.files} files for mentions")
    never_open = frozenset(one.identity for one in finding.candidates)
    names = [one.file for one in databases]
    scanned = mentions(Scope(root, ["."], names, never_open=never_open, own=frozenset(own)))
    say("looking who has them open")
    held = holders([root / one.file for one in databases])
    entries = _entries(root, databases, duplicates, scanned.mentions, held.found)
    return Inventory(
        root=root,
        entries=entries,
        duplicates=tuple(map(tuple, duplicates)),
        overlaps=tuple(overlaps([entry.database for entry in entries if entry.role in ("live", "no rows")])),
        finding=finding,
        files_read=scanned.files_read,
        unseen=held.unseen,
        state=state,
    )


def file_state(root: Path, files: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return size and time of last change of each file and of each sidecar beside it, where there is one."""
    paths = [root / f"{file}{suffix}" for file in files for suffix in _BESIDE]
    facts = {path: path.lstat() for path in paths if path.exists()}
    return {path.relative_to(root).as_posix(): (one.st_size, one.st_mtime_ns) for path, one in facts.items()}


def _entries(
    root: Path,
    databases: Sequence[Database],
    duplicates: Sequence[Sequence[str]],
    scanned: Sequence[Mention],
    held: Sequence[Holder],
) -> tuple[Entry, ...]:
    twins = {file: group[0] for group in duplicates for file in group[1:]}
    by_name: dict[str, list[Mention]] = defaultdict(list)
    for mention in scanned:
        if mention.kind in ("code", "config"):
            by_name[mention.database].append(mention)
    return tuple(
        Entry(
            one,
            *role(one, twins.get(one.file, "")),
            twins.get(one.file, ""),
            tuple(by_name[one.file.rpartition("/")[2]]),
            tuple(holder for holder in held if holder.file == root / one.file),
        )
        for one in databases
    )
