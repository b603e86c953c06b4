"""Damage small databases, and compare the page reader with SQLite and Python.

``python -m tests.support.pages.fuzz 100000`` prints the figures. The page reader has AddressSanitizer and
UndefinedBehaviorSanitizer.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.content.page_proof.description import Description, describe_database, describe_digests
from sqlite_consolidate.engine.content.page_proof.known_pages import request_for_known_pages
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, read_answer
from sqlite_consolidate.engine.content.page_proof.rows import FEWEST_ROWS, PageRows, statements_of
from sqlite_consolidate.engine.sqlite.connections import open_readonly, pragma
from sqlite_consolidate.engine.sqlite.integrity import integrity_lines
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema
from tests.support.dumps import dumped
from tests.support.pages.databases import build
from tests.support.pages.digests import CHOSEN, by_sql
from tests.support.pages.program import program_with_sanitizers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Sequence

    from sqlite_consolidate.engine.content.digest import TableDigest
else:
    from sqlite_utils.utils import sqlite3

_KINDS: tuple[dict[str, Any], ...] = (
    {"page_size": 512},
    {"page_size": 1024, "auto_vacuum": 2, "reserved": 32},
    {"page_size": 1024, "encoding": "UTF-16le"},
    {"page_size": 4096, "encoding": "UTF-16be", "auto_vacuum": 2},
    {"page_size": 4096},
)
_TELLING_BYTES = (0, 1, 2, 5, 10, 13, 0x7F, 0x80, 0xFF)
_LONGEST_MOVE = 8
_ROWS_EVERY = 3  # every third damage, because two dumps take longer than a proof


class SanitizedReader:
    """Ask one page reader with sanitizers about many files."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program, "--all"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._first = self._process.stdout.readline()

    def answer(self, path: Path, lines: list[str]) -> bytes:
        """Return the answer about a file, with the first line of the program and the statements.

        It has no end if a sanitizer has ended the program.
        """
        status = path.stat()
        request = "\n".join((str(path), f"file {status.st_dev} {status.st_ino}", *lines, "end", ""))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request.encode("ascii"))
        self._process.stdin.flush()
        answer = [self._first]
        while answer[-1] not in (b"end\n", b""):
            answer.append(self._process.stdout.readline())
            if answer[-1].startswith(b"rows "):
                answer.append(self._process.stdout.read(int(answer[-1].split()[2])))
        return b"".join(answer)

    def close(self) -> int:
        """End the program and return its exit code, in which a leak of memory counts."""
        self._process.communicate()
        return self._process.returncode


class _SanitizedRows(PageRows):
    """Write the rows of every table by the page reader with sanitizers."""

    def __init__(self, path: Path, schema: Schema, reader: SanitizedReader) -> None:
        super().__init__(path, dict.fromkeys(schema.tables, FEWEST_ROWS))
        self._reader, self._is_used = reader, True

    def _written(self, _: sqlite3.Connection, lines: list[str]) -> Generator[tuple[int, bytes], None, bool]:
        return statements_of(iter([self._reader.answer(self._path, lines)]))


def damage(sound: bytes, random: Random, page_size: int) -> bytes:
    """Return the bytes of a database with one damage."""
    bytes_ = bytearray(sound)
    at = random.randrange(len(bytes_))
    match random.randrange(5):
        case 0:
            bytes_[at] ^= 1 << random.randrange(8)
        case 1:
            bytes_[at] = random.choice(_TELLING_BYTES)
        case 2:  # the head of a page: its type, number of cells, free blocks and pointers
            at = random.randrange(len(bytes_) // page_size) * page_size + random.randrange(24)
            bytes_[at] = random.choice((*_TELLING_BYTES, random.randrange(256)))
        case 3:
            other, length = random.randrange(len(bytes_)), random.randint(1, _LONGEST_MOVE)
            length = min(length, len(bytes_) - max(at, other))
            bytes_[at : at + length] = bytes_[other : other + length]
        case _:  # the header, whose fields count pages
            at = random.randrange(100)
            bytes_[at] = random.choice((*_TELLING_BYTES, random.randrange(256)))
    return bytes(bytes_)


class Trial:
    """Damage databases of one seed and count what both say.

    Attributes:
        counts: How often the reader said what, beside what integrity_check said.
        failures: What must not be, with the number of its damage.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._random, self._path = Random(seed), folder / "damaged.db"  # noqa: S311 -- each trial can be repeated
        self._sound = [(build(folder / f"{i}.db", **kind).read_bytes(), kind) for i, kind in enumerate(_KINDS)]
        self._reader = SanitizedReader(program_with_sanitizers(folder))
        self._before = [self._prove_uncommitted(data) for data, _ in self._sound]
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []

    def run(self, number: int) -> None:
        """Try a number of damages, and end the reader."""
        for place in range(number):
            sound, kind = self._sound[place % len(self._sound)]
            self._path.write_bytes(damage(sound, self._random, kind["page_size"]))
            before = self._before[place % len(self._sound)]
            for outcome, is_failure in self._judge(before, with_rows=place % _ROWS_EVERY == 0):
                self.counts[outcome] += 1
                if is_failure:
                    self.failures.append(f"{place}: {outcome}")
        if self._reader.close() != 0:
            self.failures.append("the sanitizers have found an error")

    def _prove_uncommitted(self, sound: bytes) -> PageProof:
        """Return the proof of a sound file as that of an open transaction."""
        self._path.write_bytes(sound)
        with closing(open_readonly(self._path)) as con:
            schema, pages = read_schema(con), int(str(pragma(con, "page_count")))
            return self._prove(describe_database(con, schema, transaction_pages=pages), schema)

    def _judge(self, before: PageProof, *, with_rows: bool) -> list[tuple[str, bool]]:
        """Return what SQLite and the reader say of the damaged file, and whether that must not be.

        The reader is asked as for a committed file, as for the file of an open transaction, and as for a file whose
        pages were proved in a transaction before the damage.
        """
        try:
            with closing(open_readonly(self._path)) as con:
                schema = read_schema(con)
                description = describe_database(con, schema)
                if description.unreadable:
                    return [("not asked", False)]
                pages = int(str(pragma(con, "page_count")))
                uncommitted = describe_database(con, schema, transaction_pages=pages)
                proofs = [self._prove(each, schema) for each in (description, uncommitted)]
                rows = _SanitizedRows(self._path, schema, self._reader)
                differs = _compare_dumps(con, rows) or self._compare_chosen(con, schema) if with_rows else ""
                outcome = (differs, True) if differs else _compare(proofs[0], con, schema)
                request = request_for_known_pages(description, before)
                known = self._prove(request, schema, names=()) if request else PageProof(unreadable=("not asked",))
                committed = _compare_committed(known, proofs[0], before, con)
                return [outcome, _compare_uncommitted(proofs[1], con, schema), committed]
        except (sqlite3.Error, UnicodeDecodeError, KeyError, ValueError):
            return [("schema not read", False)]

    def _compare_chosen(self, con: sqlite3.Connection, schema: Schema) -> str:
        """Return how digests of chosen values differ from those of SQLite."""
        for chosen in CHOSEN:  # each alone, because a damage of one table leaves the others
            description = describe_digests(con, schema, [chosen])
            if description.unreadable:
                continue
            proof = self._prove(description, schema, names=())
            try:
                if proof.has_digests and proof.rows != {chosen: by_sql(con, schema, chosen)}:
                    return "the digests of chosen values differ"
            except (sqlite3.Error, UnicodeDecodeError):
                return "chosen values are digested that SQLite refuses"
        return ""

    def _prove(self, description: Description, schema: Schema, names: Sequence[str] | None = None) -> PageProof:
        answer = self._reader.answer(self._path, description.lines).decode("ascii", "replace")
        return read_answer(answer, description, [table.name for table in schema.movable] if names is None else names)


def _compare_dumps(con: sqlite3.Connection, pages: PageRows) -> str:
    """Return how the rows that the reader writes differ from those that SQLite reads.

    The text is empty if they do not differ.
    """
    try:
        by_pages = dumped(con, pages)
    except (sqlite3.Error, UnicodeDecodeError):
        return ""
    if not pages.are_whole:
        return ""
    try:
        return "" if by_pages == dumped(con) else "the rows differ"
    except (sqlite3.Error, UnicodeDecodeError):
        return "rows are written that SQLite refuses"


def _compare(proof: PageProof, con: sqlite3.Connection, schema: Schema) -> tuple[str, bool]:
    integrity = "intact" if not _damage_of(con) else "damaged"
    if proof.has_digests:
        if _digests(con, schema) != proof.digests:
            return "the digests differ", True
        if proof.is_intact:
            return f"yes, {integrity}", integrity == "damaged"
        return f"declined, {integrity}", False
    return f"{'no' if proof.errors else 'unreadable'}, {integrity}", False


def _compare_uncommitted(proof: PageProof, con: sqlite3.Connection, schema: Schema) -> tuple[str, bool]:
    """Return whether the reader and quick_check together accept what integrity_check refuses."""
    if not proof.is_intact:
        return "uncommitted: no", False
    if _damage_of(con, "quick_check"):
        return "uncommitted: yes, quick_check: no", False
    if _digests(con, schema) != proof.digests:
        return "uncommitted: the digests differ", True
    is_damaged = bool(_damage_of(con))
    return f"uncommitted: yes, {'damaged' if is_damaged else 'intact'}", is_damaged


def _compare_committed(
    known: PageProof, whole: PageProof, before: PageProof, con: sqlite3.Connection
) -> tuple[str, bool]:
    """Return whether the reader takes a damaged file for the one that it has proved."""
    if not known.is_intact:
        return "committed: no", False
    is_same = whole.digests == before.digests and not _damage_of(con)
    return f"committed: yes, {'the same' if is_same else 'another'}", not is_same


def _damage_of(con: sqlite3.Connection, check: str = "integrity_check") -> list[str]:
    try:
        return integrity_lines(con, 5, check)
    except sqlite3.Error as error:
        return [str(error)]


def _digests(con: sqlite3.Connection, schema: Schema) -> dict[str, TableDigest] | str:
    try:
        return digest_tables(con, schema)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)


def main() -> None:
    """Try as many damages as the command line says, and print the figures."""
    number, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory(prefix="page-fuzz-", dir=sys.argv[3] if len(sys.argv) > 3 else None) as folder:
        trial = Trial(Path(folder), seed)
        trial.run(number)
    lines = [f"{count:8} {outcome}" for outcome, count in sorted(trial.counts.items())]
    sys.stdout.write("\n".join((*lines, *(trial.failures or ["no failure"]), "")))
    sys.exit(bool(trial.failures))


if __name__ == "__main__":
    main()
