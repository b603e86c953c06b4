"""Prove the pages of a database file without SQLite, and digest its tables.

The answer is believed only where it is yes. Where the page reader finds an error, or declines, SQLite and Python read
the database.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest
from sqlite_consolidate.engine.content.page_proof.description import describe_database, describe_digests, rows_of_digest
from sqlite_consolidate.engine.content.worker import ReadProcess
from sqlite_consolidate.engine.sqlite.application.connection_setup import current_setup
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.files import has_hot_journal
from sqlite_consolidate.engine.sqlite.limits import reading_seconds
from sqlite_consolidate.engine.sqlite.sidecars import WAL, sidecar_path
from sqlite_consolidate.page_reader.availability import PURE
from sqlite_consolidate.page_reader.compilation import PROGRAM, first_line
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.content.page_proof.description import Description, DigestedRows
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema


@dataclass(frozen=True)
class ProvedPages:
    """Hold by what the pages are known again that were proved.

    Attributes:
        line: Their number and keyed sum, as the page reader has printed them.
        description: What was asked.
    """

    line: str
    description: Description


@dataclass(frozen=True)
class PageProof:
    """Hold the answer of the page reader.

    Attributes:
        digests: Every table that holds rows of the user to its digest. It is empty where the answer is not yes.
        rows: What was asked to be digested, to its digest. It is empty where the answer is not yes.
        errors: What is wrong with the file.
        declined: Why SQLite has to check the integrity. The digests are right.
        unreadable: Why SQLite has to read the rows.
        pages: By what the pages are known again.
    """

    digests: dict[str, TableDigest] = field(default_factory=dict)
    rows: dict[DigestedRows, TableDigest] = field(default_factory=dict, compare=False, kw_only=True)
    errors: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    pages: ProvedPages | None = field(default=None, compare=False)

    @property
    def has_digests(self) -> bool:
        """Return whether the digests are those of the file."""
        return not self.errors and not self.unreadable

    @property
    def is_intact(self) -> bool:
        """Return whether the pages, and each index against its rows, are proved."""
        return self.has_digests and not self.declined


def prove_pages(
    path: Path,
    con: sqlite3.Connection,
    schema: Schema,
    *,
    program: Path = PROGRAM,
    transaction_pages: int = 0,
    further: Sequence[DigestedRows] = (),
    meanwhile: Callable[[], None] = lambda: None,
) -> PageProof:
    """Prove a database file, and digest its tables.

    A lock of this process excludes every change of the file. What this process has changed is committed, or SQLite has
    written all pages of its open transaction but page 1.

    Args:
        path: The database file.
        con: Connection that has the file open. The page reader takes the schema from it.
        schema: Schema of the database.
        program: The page reader.
        transaction_pages: Number of pages that the database has inside an open transaction. 0 without one.
        further: What is digested besides.
        meanwhile: Called while the page reader reads. It must not write.

    Raises:
        sqlite3.Error: The run is interrupted, or its deadline has passed.
    """
    if reason := reason_to_decline(path, program, has_own_journal=transaction_pages > 0):
        return PageProof(unreadable=(reason,))
    description = describe_database(con, schema, transaction_pages=transaction_pages, further=further)
    if description.unreadable:
        return PageProof(unreadable=tuple(description.unreadable))
    answer = ask(path, description.lines, limits_of(con), program=program, meanwhile=meanwhile)
    return read_answer(answer, description, [table.name for table in schema.movable])


def digest_pages(path: Path, con: sqlite3.Connection, schema: Schema) -> PageProof:
    """Digest the tables of a database file, and prove no index of it.

    Args:
        path: The database file. Nothing changes it meanwhile.
        con: Connection that has the file open.
        schema: Schema of the database.

    Raises:
        sqlite3.Error: The run is interrupted, or its deadline has passed.
    """
    if reason := reason_to_decline(path):
        return PageProof(unreadable=(reason,))
    description = describe_digests(con, schema, [rows_of_digest(table) for table in schema.movable])
    if description.unreadable:
        return PageProof(unreadable=tuple(description.unreadable))
    return read_answer(ask(path, description.lines, limits_of(con)), description, description.tables)


def reason_to_decline(path: Path, program: Path = PROGRAM, *, has_own_journal: bool = False) -> str:
    """Return why the page reader reads no page of a file, or an empty text.

    Args:
        path: The database file.
        program: The page reader.
        has_own_journal: Whether a journal is that of a transaction whose changed pages are read.
    """
    if os.environ.get(PURE) == "1":
        return f"{PURE}=1"
    if not program.exists():
        return "the page reader was not compiled"
    if current_setup() is not None:
        return "the application has its own functions and collations"
    wal = sidecar_path(path, WAL)
    if (wal.exists() and wal.stat().st_size) or (not has_own_journal and has_hot_journal(path)):
        return "a -wal or -journal holds a part of the database"
    return ""


def start_reader(path: Path, lines: Sequence[str], limits: Limits, program: Path = PROGRAM) -> ReadProcess:
    """Start the page reader on a file, with a request.

    Args:
        path: The file.
        lines: What is asked about it.
        limits: They end the wait for the answer.
        program: The page reader.

    Raises:
        OSError: The page reader cannot be started, or has ended.
    """
    status = path.stat()
    seconds = int(reading_seconds(status.st_size, limits.reader_seconds)) + 1
    command: list[str | Path] = [program, os.path.abspath(path), str(seconds)]  # noqa: PTH100 -- no link is resolved
    process = ReadProcess(command, [path], path.name, limits, {})
    with suppress(BrokenPipeError):  # it has ended, and its answer has no end
        process.write("\n".join((f"file {status.st_dev} {status.st_ino}", *lines, "end", "")).encode("ascii"))
    return process


def ask(
    path: Path,
    lines: Sequence[str],
    limits: Limits,
    *,
    program: Path = PROGRAM,
    meanwhile: Callable[[], None] = lambda: None,
) -> str:
    """Return the answer of the page reader about a file, which says no if there is none.

    Raises:
        sqlite3.Error: The run is interrupted, or its deadline has passed.
    """
    try:
        with start_reader(path, lines, limits, program) as process:
            meanwhile()
            return process.output().decode("ascii", "replace")
    except (OSError, ProblemError) as error:
        return f"{first_line()}\nunreadable {type(error).__name__}\nend\n"


def read_answer(answer: str, description: Description, names: Iterable[str]) -> PageProof:
    """Return the proof that an answer of the page reader states.

    An answer of other sources, or without an end, proves nothing.

    Args:
        answer: The answer.
        description: What was asked.
        names: The tables of the request that hold rows of the user.
    """
    first, *lines = answer.splitlines() or [""]
    if first != first_line():
        return PageProof(unreadable=("the page reader was compiled from other sources",))
    reasons: dict[str, list[str]] = {"error": [], "declined": [*description.declined], "unreadable": []}
    digests: list[list[TableDigest]] = []
    number, pages = 0, None
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "table":
            number = int(rest)
            digests.append([])
        elif kind == "digest":
            digests[-1].append(TableDigest(number, int(rest, 16)))
        elif kind == "pages":
            pages = ProvedPages(line, description)
        elif kind in reasons:
            reasons[kind].append(rest)
    if not lines or lines[-1] != "end" or list(map(len, digests)) != list(map(len, description.digested)):
        reasons["unreadable"].append("the page reader has ended without an answer")
    named = {name: each[0] for name, each in zip(description.tables, digests, strict=False) if each}
    rows = zip(chain.from_iterable(description.digested), chain.from_iterable(digests), strict=False)
    is_readable = not reasons["error"] and not reasons["unreadable"]
    return PageProof(
        {name: named[name] for name in names} if is_readable else {},
        rows=dict(rows) if is_readable else {},
        errors=tuple(reasons["error"]),
        declined=tuple(reasons["declined"]),
        unreadable=tuple(reasons["unreadable"]),
        pages=pages if is_readable else None,
    )
