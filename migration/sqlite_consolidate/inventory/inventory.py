"""Take the inventory of a workspace, with the code and processes that use each database."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.copied_files import is_archive
from sqlite_consolidate.engine.code.named_databases import mentions_of_each
from sqlite_consolidate.engine.code.scanning.name_patterns import fits_open_pattern
from sqlite_consolidate.engine.code.scanning.old_names import KINDS_IN_USE
from sqlite_consolidate.engine.code.scanning.scan import find_mentions
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.processes import Holder, find_holders
from sqlite_consolidate.engine.sqlite.sidecars import SHM, SIDECARS
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.inventory.classification import Overlap, find_duplicates, find_overlaps
from sqlite_consolidate.inventory.code.read_joins import read_joins, with_doubts
from sqlite_consolidate.inventory.discovery import Discovery, discover
from sqlite_consolidate.inventory.inspection import Database, inspect_file
from sqlite_consolidate.inventory.selection.roles import CODE_NAMES_IT, Role, classify, doubt_about

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins

_SUFFIXES = ("", *SIDECARS)
_FEWEST = 2  # databases with rows that need a consolidation


@dataclass(frozen=True)
class Entry:
    """Hold one database with what is known from outside of it.

    Attributes:
        role: What the database is for; ``role_reason`` says why.
        twin: File of the database whose content it has, or empty.
        mentions: Places in code and configuration that have its file name.
        open_in: Processes that have it open.
        computed: Places whose computed name can be that of any database, and so of this one.
        doubt: Why it may be a source, although a word in its path says otherwise; else empty.
        is_asked: Whether it is a source unless the operator decides otherwise.
    """

    database: Database
    role: Role
    role_reason: str
    twin: str
    mentions: tuple[Mention, ...]
    open_in: tuple[Holder, ...]
    computed: tuple[Mention, ...] = ()
    doubt: str = ""
    is_asked: bool = False

    @property
    def file(self) -> str:
        """Return the path relative to the workspace."""
        return self.database.file

    @property
    def is_live(self) -> bool:
        """Return whether its rows have to be moved, as those of a conflicted copy have."""
        return self.role in ("live", "conflict") or self.is_asked


@dataclass(frozen=True)
class Inventory:
    """Hold the databases of a workspace and how they are related.

    Attributes:
        entries: Every database and every file that is named like one, ordered by folder and name.
        duplicates: Groups of files with equal content. A group begins with the file that the others are copies of.
        overlaps: Tables that more than one database has. Backups, copies and unread files do not count.
        files_read: Number of text files that were read for mentions.
        mentions: Places in code and configuration that have the file name of a database, by file and line.
        has_code: Whether code or configuration names a database, or computes the name of one.
        unscanned: Text files that could not be read for mentions, each with the reason as its text.
        unexamined_processes: Number of processes whose open files could not be listed.
        state: State of every database and its sidecar files before the inventory, as by ``file_state``.
        joins: The columns that code compares. None if no code was read.
    """

    root: Path
    entries: tuple[Entry, ...]
    duplicates: tuple[tuple[str, ...], ...]
    overlaps: tuple[Overlap, ...]
    discovery: Discovery
    files_read: int
    mentions: tuple[Mention, ...]
    has_code: bool
    unscanned: tuple[Mention, ...]
    unexamined_processes: int
    state: dict[str, tuple[int, int]]
    joins: CodeJoins | None = None

    @property
    def live(self) -> tuple[Entry, ...]:
        """Return the databases with rows that have to be moved."""
        return tuple(entry for entry in self.entries if entry.is_live)

    @property
    def is_one_at_most(self) -> bool:
        """Return whether fewer than two databases have rows.

        There is nothing to consolidate then.
        """
        return len(self.live) < _FEWEST

    @property
    def findings(self) -> list[Finding]:
        """Return a finding for each file and folder that could not be read."""
        searched = self.discovery.unsearched.items()
        unread = [entry.database for entry in self.entries if entry.database.kind in ("unreadable", "link")]
        return [
            *(
                Finding.of("not-searched", folder, f"not searched for databases: {reason}.")
                for folder, reason in searched
            ),
            *(Finding.of("database-unread", each.file, f"not read: {each.unread_reason}.") for each in unread),
            *(Finding.of("not-scanned", each.file, f"not scanned: {each.text}.") for each in self.unscanned),
        ]


def take_inventory(
    root: Path, on_progress: Callable[[str], None], excluded: Sequence[str] = (), limits: Limits | None = None
) -> Inventory:
    """Inspect every database of a workspace without writing to it.

    Args:
        root: The workspace, resolved.
        on_progress: Called with the name of each step before it begins.
        excluded: Files and folders whose mentions do not count, such as plans, backup sets and reports. They are
            relative to the workspace.
        limits: Limits of time and size for reading.
    """
    progress = (limits or Limits()).progress
    on_progress("looking for databases")
    discovery = discover(root, progress)
    state = file_state(root, [candidate.file for candidate in discovery.candidates])
    database_identities = frozenset(candidate.identity for candidate in discovery.candidates)
    names = [candidate.file for candidate in discovery.candidates]
    scope = ScanScope(root, ["."], names, never_open=database_identities, excluded=frozenset(excluded))
    on_progress(f"reading {discovery.files} files for mentions")
    scanned = find_mentions(scope, progress=progress)
    in_use = mentions_of_each(scope, [mention for mention in scanned.mentions if mention.kind in KINDS_IN_USE])
    on_progress("reading the SQL of the code")
    joins = read_joins(scope, discovery, in_use, scanned.mentions, limits)
    on_progress(f"looking into {len(discovery.candidates)} files")
    databases: list[Database] = []
    progress.begin(len(discovery.candidates), "files", lambda: len(databases))
    for candidate in discovery.candidates:
        databases.append(inspect_file(root, candidate, limits, joins))  # noqa: PERF401 -- its length is the progress
    databases = with_doubts(databases, joins)
    on_progress("comparing databases")
    duplicates = find_duplicates(root, databases, limits)
    on_progress("listing the processes that have them open")
    held = find_holders([root / database.file for database in databases])
    entries = _entries(scope, databases, duplicates, in_use, scanned.mentions, held.entries)
    return Inventory(
        root=root,
        entries=entries,
        duplicates=tuple(map(tuple, duplicates)),
        overlaps=tuple(
            find_overlaps([entry.database for entry in entries if entry.is_live or entry.role == "no rows"])
        ),
        discovery=discovery,
        files_read=scanned.files_read,
        mentions=tuple(mention for mention in scanned.mentions if mention.kind in KINDS_IN_USE),
        has_code=any(mention.kind in (*KINDS_IN_USE, "open pattern") for mention in scanned.mentions),
        unscanned=tuple(mention for mention in scanned.not_scanned if mention.kind == "unreadable"),
        unexamined_processes=held.unseen,
        state=state,
        joins=joins,
    )


def file_state(root: Path, files: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return size and time of the last change of each existing file and sidecar file.

    Both are 0 for a ``-shm``, because it has no content of a database, and because the first connection after a crash
    rebuilds it, even one that only reads (https://sqlite.org/walformat.html).
    """
    states = {}
    for file, suffix in itertools.product(files, _SUFFIXES):
        name = f"{file}{suffix}"
        with contextlib.suppress(OSError):  # absent, or in a folder that this user may not search
            status = os.lstat(f"{root}/{name}")
            states[name] = (0, 0) if suffix == SHM else (status.st_size, status.st_mtime_ns)
    return states


def _entries(
    scope: ScanScope,
    databases: Sequence[Database],
    duplicates: Sequence[Sequence[str]],
    in_use: Mapping[str, tuple[Mention, ...]],
    scanned: Sequence[Mention],
    held: Sequence[Holder],
) -> tuple[Entry, ...]:
    twins = {file: group[0] for group in duplicates for file in group[1:]}
    files = frozenset(database.file for database in databases if database.kind == "database")
    by_holder: dict[str, list[Holder]] = defaultdict(list)
    for holder in held:
        by_holder[holder.file.relative_to(scope.root).as_posix()].append(holder)
    open_patterns = [mention for mention in scanned if mention.kind == "open pattern"]
    entries = [
        Entry(
            database,
            *classify(database, twins.get(database.file, ""), files),
            twins.get(database.file, ""),
            in_use[database.file],
            tuple(by_holder[database.file]),
            tuple(mention for mention in open_patterns if fits_open_pattern(mention.pattern, database.file)),
        )
        for database in databases
    ]
    places = _places(entries)
    live = [entry.database for entry in entries if entry.is_live]
    doubtful = tuple(_with_doubt(entry, live, places.get(entry.file, ())) for entry in entries)
    if len(live) >= _FEWEST:
        return doubtful
    return tuple(replace(entry, is_asked=entry.doubt.startswith(CODE_NAMES_IT)) for entry in doubtful)


def _places(entries: Sequence[Entry]) -> dict[str, list[Mention]]:
    """Return the places that name each file and no other one."""
    known = Counter(mention for entry in entries for mention in set(entry.mentions))
    return {entry.file: [mention for mention in entry.mentions if known[mention] == 1] for entry in entries}


def _with_doubt(entry: Entry, live: Sequence[Database], places: Sequence[Mention]) -> Entry:
    """Return a file with the reason why it may be a source in spite of its path.

    Args:
        entry: The file.
        live: The databases that are sources.
        places: Places in the code that name it.
    """
    is_copy = entry.twin or is_archive(entry.file)
    doubt = "" if is_copy else doubt_about(entry.role, entry.database, places, live)
    return replace(entry, role_reason=f"{entry.role_reason}, but {doubt}", doubt=doubt) if doubt else entry
