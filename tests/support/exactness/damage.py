"""Damage the bytes of a source, run over it, and check the result."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import differences, files
from tests.support.exactness.oracle import Database, read_copy
from tests.support.exactness.random_run import run_over

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
else:
    from sqlite_utils.utils import sqlite3

SECONDS = 30.0
"""Seconds after which a run counts as hanging."""

_SCHEMA = (
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL COLLATE NOCASE, r REAL)",
    "CREATE INDEX by_title ON tasks(title DESC, r) WHERE r IS NOT NULL",
    "CREATE TABLE log(what, n)",
    "CREATE TABLE codes(code TEXT PRIMARY KEY, v UNIQUE, made AS (length(v)) STORED) WITHOUT ROWID",
    "CREATE TABLE child(id INTEGER PRIMARY KEY, task INTEGER REFERENCES tasks(id), x ANY) STRICT",
    "CREATE TRIGGER up AFTER DELETE ON tasks BEGIN INSERT INTO log VALUES('gone', old.title); END",
    "CREATE VIEW titles AS SELECT title FROM tasks",
)
TABLES = ("tasks", "log", "codes", "child")


def _rows(con: sqlite3.Connection, first: int, number: int) -> None:
    for n in range(first, first + number):
        con.execute("INSERT INTO tasks(title, r) VALUES(?, ?)", (f"title {n} \0é", n / 7 if n % 3 else None))
        con.execute("INSERT INTO log VALUES(?, ?)", (b"x" * (n * 97 % 3000), -0.0 if n % 2 else n))
        con.execute("INSERT INTO codes VALUES(?, ?)", (f"code {n * 7919 % 1000}", n))
        con.execute("INSERT INTO child VALUES(?, ?, ?)", (n * 10, n, "text" * (n % 9)))
    con.execute("DELETE FROM log WHERE rowid % 5 = 1")


@cache
def originals() -> dict[str, dict[str, bytes]]:
    """Return the files of undamaged sources by kind, each as suffix to bytes."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            kind: _original(Path(folder) / kind, kind) for kind in ("plain", "small pages", "utf-16", "wal", "journal")
        }


def _original(path: Path, kind: str) -> dict[str, bytes]:
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute(f"PRAGMA page_size={512 if kind == 'small pages' else 1024}")
        con.execute(f"PRAGMA auto_vacuum={int(kind == 'small pages')}")
        con.execute(f"PRAGMA encoding='{'UTF-16le' if kind == 'utf-16' else 'UTF-8'}'")
        con.execute(f"PRAGMA journal_mode={'WAL' if kind == 'wal' else 'DELETE'}").fetchone()
        con.execute("PRAGMA wal_autocheckpoint=0").fetchone()
        con.execute("PRAGMA cache_size=2")
        for statement in _SCHEMA:
            con.execute(statement)
        con.execute("BEGIN")
        _rows(con, 1, 20)
        con.execute("COMMIT")
        if kind == "wal":
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        con.execute("BEGIN")
        _rows(con, 21, 15)
        if kind != "journal":
            con.execute("COMMIT")
        beside = {suffix: Path(f"{path}{suffix}") for suffix in ("", "-wal", "-journal")}
        return {suffix: file.read_bytes() for suffix, file in beside.items() if file.exists()}


def _flips(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice([1, 1, 2, 8, 40])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _truncated(chance: random.Random, data: bytearray) -> None:
    del data[chance.choice([chance.randrange(len(data)), 512 * chance.randrange(len(data) // 512 + 1)]) :]


def _pages_swapped(chance: random.Random, data: bytearray) -> None:
    size = chance.choice([512, 1024])
    first, second = (size * chance.randrange(max(1, len(data) // size)) for _ in range(2))
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]


def _header(chance: random.Random, data: bytearray) -> None:
    offset = chance.randrange(16, 100)
    data[offset] = chance.choice([0, 1, 2, 255, chance.randrange(256)])


def _garbage(chance: random.Random, data: bytearray) -> None:
    offset = chance.randrange(len(data))
    length = chance.choice([1, 4, 32, 512])
    data[offset : offset + length] = chance.randbytes(len(data[offset : offset + length]))


def _statement(chance: random.Random, data: bytearray) -> None:
    """Overwrite a word of the schema with another word or random bytes."""
    words = [b"CREATE", b"TABLE", b"INTEGER", b"title", b"NOCASE", b"log", b"STRICT", b"DELETE", b"UNIQUE", b"length"]
    word = chance.choice(words)
    offset = data.find(word)
    if offset >= 0:
        new = chance.choice([*words, b"\xff\xfe\x00", b"'\"`[", b"-- ", b"titlf", b"LOG", b"lof", b"BINARY"])
        new = new[: len(word)].ljust(len(word))
        data[offset : offset + len(word)] = new


def _zeroed(chance: random.Random, data: bytearray) -> None:
    offset = 512 * chance.randrange(len(data) // 512 + 1)
    data[offset : offset + 512] = bytes(len(data[offset : offset + 512]))


def _longer(chance: random.Random, data: bytearray) -> None:
    data += chance.randbytes(chance.choice([1, 24, 512, 1024, 5000]))


_DAMAGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flips,
    _flips,
    _truncated,
    _pages_swapped,
    _header,
    _garbage,
    _statement,
    _zeroed,
    _longer,
)


@dataclass
class TrialTotals:
    """Count how a number of trials ended, and hold each failure with its seed."""

    ends: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def trials(seeds: Iterable[int], folder: str) -> TrialTotals:
    """Run one trial for each seed, in this process."""
    totals = TrialTotals()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                totals.ends[trial(seed, Path(scratch))] += 1
            except Exception as error:  # noqa: BLE001 -- each failure is reported with its seed, and the others go on
                totals.failures.append(f"seed {seed}: {type(error).__name__}: {error}")
    return totals


def trial(seed: int, folder: Path) -> str:
    """Damage a source, run over it, and return how that ended.

    Raises:
        AssertionError: An accepted run is not exact, a refused run changed a file, or a run took longer than
            ``SECONDS``.
        Exception: An error without a message for the operator.
    """
    chance = random.Random(seed)  # noqa: S311 -- repeatable, and no secret
    root = folder / "workspace"
    root.mkdir()
    _lay_out(chance, root)
    before = files(root)
    kept = shutil.copytree(root, folder / "kept")
    run = run_over(root, {"s0.db": TABLES, "s1.db": ["words"]})

    timed_out = threading.Event()  # the end of a run clears its interruption

    def _interrupt() -> None:
        timed_out.set()
        run.limits.interrupted.set()

    timer = threading.Timer(SECONDS, _interrupt)
    timer.start()
    try:
        verdict = consolidate(run)
    finally:
        timer.cancel()
    assert not timed_out.is_set(), "the run does not end"

    if verdict.accepted:
        wrong = _not_exact(kept, root, " ".join(finding.text for finding in run.inspected.findings))
        assert not wrong, wrong
        return "accepted"
    assert verdict.words
    now = {name: data for name, data in files(root).items() if not name.startswith("backups/")}
    changed = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    assert not changed, (changed, verdict.words)
    return "refused" if verdict.problems else f"refused: {verdict.words[:60]}"


def _lay_out(chance: random.Random, root: Path) -> None:
    kind = chance.choice(list(originals()))
    source = {suffix: bytearray(data) for suffix, data in originals()[kind].items()}
    damaged = source[chance.choice(list(source))]
    for _ in range(chance.choice([1, 1, 1, 2])):
        if damaged:
            chance.choice(_DAMAGES)(chance, damaged)
    for suffix, data in source.items():
        (root / f"s0.db{suffix}").write_bytes(data)
    for file, table in (("s1.db", "words"), ("target.db", "own")):
        with closing(sqlite3.connect(root / file, isolation_level=None)) as con:
            con.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, v)")
            con.execute(f"INSERT INTO {table}(v) VALUES('one'), (2), (NULL)")


def _not_exact(kept: Path, root: Path, findings: str) -> list[str]:
    """Compare with what SQLite reads from the damaged file.

    Its other tables must be empty. A view or trigger that does not work there stays in the archive, and the findings
    must
    name it.
    """
    source = read_copy(kept / "s0.db")
    planned = {name: table for name, table in source.tables.items() if name.lower() in TABLES}
    left = [name for name, table in source.tables.items() if name not in planned and table.rows]
    statements = {
        (kind, name): sql
        for (kind, name), sql in source.statements.items()
        if (name in planned if kind == "table" else f"{kind} {name} " not in findings)
    }
    source = replace(source, tables=planned, statements=statements)
    sources: list[Database] = [source, read_copy(kept / "s1.db")]
    return left + differences(read_copy(kept / "target.db"), sources, read_copy(root / "target.db"))
