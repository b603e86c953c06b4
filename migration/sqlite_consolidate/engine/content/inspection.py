"""Inspect one live database under its write lock before a run changes anything."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.cost import has_linear_cost
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES, ReadWorker
from sqlite_consolidate.engine.sqlite.errors import is_damaged, missing_object_kind
from sqlite_consolidate.engine.sqlite.files import FileProblem, has_hot_journal, size_with_sidecars, trailing_bytes
from sqlite_consolidate.engine.sqlite.integrity import check_integrity, count_orphans
from sqlite_consolidate.engine.sqlite.limits import Limits, out_of_proportion_problem, reading_seconds
from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DatabaseLock, RecentReaders, lock_one_of_many
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from contextlib import ExitStack
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
else:
    from sqlite_consolidate.sqlite_library import sqlite3


BY_SQLITE, BY_PAGES = "integrity_check: ok", "page reader: ok"
"""What a database that is intact is observed to be, by SQLite or by the page reader."""

PAGES_MIN_BYTES = 64_000_000
"""Smallest database, in bytes, of which the page reader may prove the integrity.

Below it SQLite's integrity_check costs little.
"""


@dataclass(frozen=True, slots=True)
class InspectedDatabase:
    """Hold one live database as it was inspected. Its write lock keeps it unchanged.

    Attributes:
        name: Name of the source in the plan, or ``target``.
        file: Path relative to the workspace.
        size: Bytes, including the ``-wal``.
        digests: Every table that holds rows of the user to its digest.
        marks: AUTOINCREMENT marks by table.
        digest: Content digest of the whole database.
        orphans: Child and parent table to the number of rows without parent.
        intact_by: What has proved that the file is intact, :data:`BY_SQLITE` or :data:`BY_PAGES`.
        read_from: Nanoseconds of the moment when its reading began.
        proof: What the page reader has proved of it, or None.
    """

    name: str
    file: str
    write_lock: DatabaseLock
    schema: Schema
    digests: dict[str, TableDigest]
    marks: dict[str, int]
    digest: str
    size: int
    orphans: dict[tuple[str, str], int]
    intact_by: str = BY_SQLITE
    read_from: int = 0
    proof: PageProof | None = None

    @property
    def listed(self) -> dict[str, TableDigest]:
        """Return the digests of the tables that a report lists.

        In a source it does not list the tables that belong to a virtual table which SQLite cannot create.
        """
        inner = {table.name for table in self.schema.tables.values() if table.kind == "shadow"}
        if self.name == "target" or inner.isdisjoint(self.digests):
            return self.digests
        return {name: each for name, each in self.digests.items() if name not in inner}

    def rows_in(self, table: str) -> int:
        """Return the number of rows of a table, or 0 if SQLite cannot read it."""
        return self.digests[table].rows if table in self.digests else 0

    @property
    def rows(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        return {name: digest.rows for name, digest in self.digests.items()}


def inspect_database(  # noqa: PLR0913 -- what determines how one database is read, each by its name
    name: str,
    file: str,
    root: Path,
    write_locks: ExitStack,
    seconds: float,
    limits: Limits | None = None,
    *,
    readers: RecentReaders | None = None,
    pages_suffice: bool = False,
) -> InspectedDatabase | FileProblem:
    """Lock one live database against writers and read it.

    Args:
        name: Its name in the plan, or ``target``.
        file: Its path relative to ``root``.
        root: The workspace.
        write_locks: Receives the write lock.
        seconds: Time that reading may take, in addition to the time for its size.
        limits: Limits of the connections.
        readers: Connections to the databases of which this is one of many. None for a database of its own.
        pages_suffice: Whether the page reader may prove the integrity of a large database in SQLite's place.

    Returns:
        The database, or the problem that prevents reading it.
    """
    limits = limits or Limits()
    path = root / file
    if has_hot_journal(path):
        fact = "has a hot journal. A process is inside a transaction, or died in one over several databases."
        hint = f'Stop the process. Let SQLite roll back: sqlite3 "{file}" "SELECT 1 FROM sqlite_schema". Run again.'
        return FileProblem(file, Problem("hot-journal", file, fact, hint, criterion="sources-readable"))
    try:
        with limits.deadline.within(reading_seconds(size_with_sidecars(path), seconds), file):
            write_lock = WriteLock(path, limits) if readers is None else lock_one_of_many(path, limits, readers)
            write_locks.enter_context(write_lock)
            moment = time.time_ns()
            database = _check_and_read(name, file, write_lock, pages_suffice=pages_suffice)
            return replace(database, read_from=moment) if isinstance(database, InspectedDatabase) else database
    except ProblemError as error:
        first = error.problems[0]
        problem = replace(first, subject=file, criterion=first.criterion or "no-other-process")
        return FileProblem(file, problem, error)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        return FileProblem(file, read_problem(file, error), error)


def _check_and_read(
    name: str, file: str, write_lock: DatabaseLock, *, pages_suffice: bool
) -> InspectedDatabase | FileProblem:
    """Check and read a database, a large one in two processes at the same time.

    A second process examines a database whose schema may expand a small file into very large values. This process reads
    it only afterwards, because the second process can be ended. Where the page reader does not prove a large database,
    SQLite's integrity_check decides.
    """
    if not has_linear_cost(write_lock.reader):
        return _damage_problem(file, examine_in_worker(write_lock.path, write_lock.limits)) or _read_database(
            name, file, write_lock
        )
    if size_with_sidecars(write_lock.path) < PARALLEL_MIN_BYTES:
        return _damage_problem(file, check_integrity(write_lock.reader)) or _read_database(name, file, write_lock)
    proof = None
    if pages_suffice and size_with_sidecars(write_lock.path) >= PAGES_MIN_BYTES:
        with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):  # SQLite's integrity_check describes it
            if (proof := _prove_pages(write_lock)).is_intact:
                return replace(_read_database(name, file, write_lock, proof), intact_by=BY_PAGES)
    with ReadWorker("integrity", write_lock.path, limits=write_lock.limits) as check:
        try:
            database = _read_database(name, file, write_lock, proof or _prove_pages(write_lock))
        except (sqlite3.Error, UnicodeDecodeError):
            if problem := _damage_problem(file, check.result()):
                return problem
            raise
        return _damage_problem(file, check.result()) or database


def examine_in_worker(path: Path, limits: Limits) -> list[str]:
    """Return the damage that a second process finds while it evaluates all expressions.

    Raises:
        ProblemError: The database needs more memory than its size allows.
        sqlite3.Error: The deadline has passed, or SQLite cannot read the database.
    """
    with ReadWorker("examine", path, limits.deadline.until, limits=limits) as worker:
        answer = worker.result()
    if "late" in answer:
        limits.deadline.expire(answer["late"])
    if "excess" in answer:
        raise ProblemError(out_of_proportion_problem(path.name, answer["excess"]))
    return [str(line) for line in answer["damage"]]


def _damage_problem(file: str, lines: list[str]) -> FileProblem | None:
    if not lines:
        return None
    fact = f"is corrupt (integrity_check: {lines[0]})."
    hint = "Restore it from a backup, or recover its rows with .recover of the sqlite3 shell. Never merge damaged data."
    return FileProblem(file, Problem("damaged", file, fact, hint, criterion="integrity-before"))


def _prove_pages(write_lock: DatabaseLock) -> PageProof:
    """Prove the pages of a locked database."""
    write_lock.limits.deadline.start_step("its pages")
    con = write_lock.reader
    proof = prove_pages(write_lock.path, con, read_schema(con))
    # The page reader opens the file by its name, which another process may have given to another file.
    return proof if write_lock.is_held else PageProof(unreadable=("the lock was lost",))


def _read_database(name: str, file: str, write_lock: DatabaseLock, proof: PageProof | None = None) -> InspectedDatabase:
    con = write_lock.reader
    schema = _shared(read_schema(con))
    known = proof if proof and proof.has_digests else None
    content = read_contents(con, schema=schema, tables=known.digests if known else None)
    return InspectedDatabase(
        name=name,
        file=file,
        write_lock=write_lock,
        schema=schema,
        digests=content.tables,
        marks=_shared_numbers(tuple(read_autoincrement_marks(con).items())),
        digest=content.digest,
        size=size_with_sidecars(write_lock.path),
        orphans=_shared_numbers(tuple(count_orphans(con).items())),
        proof=known,
    )


_SCHEMAS: WeakValueDictionary[tuple[Any, ...], Schema] = WeakValueDictionary()


def _shared(schema: Schema) -> Schema:
    """Return an equal schema that is in use, because thousands of files may have the same."""
    key = tuple(schema.tables.values()), schema.triggers, schema.views, tuple(schema.header.items())
    return _SCHEMAS.setdefault(key, schema)


@lru_cache(maxsize=100)
def _shared_numbers(items: tuple[tuple[Any, int], ...]) -> dict[Any, int]:
    """Return one dictionary for equal items, which many files of a pattern have."""
    return dict(items)


def page_findings(databases: Iterable[InspectedDatabase]) -> list[Finding]:
    """Return a finding for each database of which the page reader has proved the integrity."""
    text = "the page reader has proved all pages, and each index against its rows, in place of SQLite's integrity_check"
    by_pages = [database.file for database in databases if database.intact_by == BY_PAGES]
    return [Finding.of("integrity-by-pages", file, f"{text}.") for file in by_pages]


def pages_finding(target: str) -> Finding:
    """Return the finding that quick_check and the page reader have proved the target."""
    text = "before COMMIT, the page reader has proved each index against its rows, and SQLite's quick_check all else"
    return Finding.of("target-by-pages", target, f"{text}. SQLite's integrity_check was not run.")


def byte_findings(root: Path, files: Iterable[str]) -> list[Finding]:
    """Return a finding for each database that has bytes after its last page.

    A copy has none, so the workspace is read, before a connection locks its files.

    Args:
        root: The workspace.
        files: Paths of the databases relative to it.
    """
    sizes = {file: trailing_bytes(root / file) for file in files if (root / file).is_file()}
    text = "bytes after the last page belong to no table. SQLite does not copy them, so that no backup has them."
    return [Finding.of("trailing-bytes", file, text, count=size, noun="byte") for file, size in sizes.items() if size]


def read_problem(file: str, error: Exception) -> Problem:
    """Return the problem that explains why SQLite or the system could not read a database."""
    if isinstance(error, OSError):
        fact = f"cannot be read ({error.strerror})."
        return Problem("unreadable", file, fact, "Give read permission and run again.", criterion="sources-readable")
    if missing_object_kind(error) == "collation":
        fact = f"uses a collation that only its application defines ({error})."
        return Problem(
            "own-collation",
            file,
            fact,
            'Name a function that defines it: setup = "tools/setup.py:register" of [connection].',
            criterion="sources-readable",
        )
    if is_damaged(error):
        fact = f"is corrupt ({error})."
        return Problem(
            "damaged", file, fact, "Restore it from a backup. Never merge damaged data.", criterion="integrity-before"
        )
    return Problem(
        "unreadable",
        file,
        f"cannot be read ({error}).",
        "Correct the plan, or repair the file.",
        criterion="sources-readable",
    )
