"""Test that a criterion fails after any single change of a consolidated target."""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.digest import DigestCache
from sqlite_consolidate.engine.run.criteria import criterion_named
from sqlite_consolidate.engine.run.stages import COMMIT, SCHEMA, TRANSFER, VERIFY
from tests.support.exactness.mutations import INDEXES, LATE, TABLES, mutate
from tests.support.exactness.oracle import read
from tests.support.exactness.random_run import run_over
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import accept, reach

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.engine.verbs.consolidate import Run
else:
    from sqlite_utils.utils import sqlite3

ROWS: dict[str, list[tuple[Any, ...]]] = {
    "tasks": [
        (1, "one", 1, 0.0), (2, "Two", "1", 1.5), (3, "drei", 1.0, -0.0), (5, "", None, float("inf")),
        (8, "nul\0inside", b"\x00\xff", 5e-324), (9, "é\U0001f600", 2**63 - 1, 1e300), (13, "x" * 2000, -(2**63), None),
    ],
    "codes": [("a", 1, 1.5), ("b", None, "01"), ("B", "name ", b""), ("c", b"blob", 0), ("d", -0.0, 9007199254740993)],
    "words": [(1, "alpha", "beta", 1), (2, "beta", "alpha", 0), (7, "same", "same", -1), (9, None, "", 2**40)],
    "own": [(1, "ours", 1.0), (2, None, 2.5), (6, "Kept", -0.0)],
}  # fmt: skip
KEYLESS = [(1, "same", 1), (2, "same", 1), (7, "same", 1.0), (40, None, None), (41, "SAME", b"1"), (-5, 0.0, -0.0)]

OF_MOMENT = {"schema": (SCHEMA,), "rows": (TRANSFER, VERIFY)}


def _database(path: Path, *tables: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA user_version=7")
        for table in tables:
            con.execute(TABLES[table])
            width = TABLES[table].split(" WITHOUT")[0].count(",") + 1 - TABLES[table].count("CHECK")
            if table in ROWS:
                con.executemany(f"INSERT INTO {table} VALUES({', '.join('?' * width)})", ROWS[table])
            else:
                con.executemany(f"INSERT INTO {table}(rowid, what, n) VALUES(?, ?, ?)", KEYLESS)
        for table, sql in INDEXES.values():
            if table in tables:
                con.execute(sql)
        for sql in LATE.values():
            if any(f" ON {table} " in sql or sql.endswith(f"FROM {table}") for table in tables):
                con.execute(sql)


@pytest.fixture
def run(scratch: Path) -> Iterator[Run]:
    """Prepare a run right before COMMIT, with all rows copied and verified."""
    root = scratch / "workspace"
    root.mkdir()
    _database(root / "target.db", "own", "mine")
    _database(root / "s0.db", "tasks", "log")
    _database(root / "s1.db", "codes", "words")
    run = run_over(root, {"s0.db": ["tasks", "log"], "s1.db": ["codes", "words"]})
    try:
        reach(run, VERIFY)
        yield run
    finally:
        run.end()


def _failing_criteria(run: Run, stages: Iterable[Stage]) -> list[str]:
    """Return the criteria of these stages that fail now, without changing the run's log."""
    run.target.digests = DigestCache()  # SQLite does not count the rollback of a savepoint as a change
    criteria = [criterion_named(id) for stage in stages for id in run.log.demanded(stage)]
    return [
        criterion.id
        for criterion in criteria
        if not all(observation.holds for observation in run.observations_of(criterion))
    ]


def _unnoticed(run: Run, number: int, seed: int) -> list[str]:
    """Make single mutations and roll each back.

    Returns:
        The mutations that no criterion noticed.
    """
    chance, con = random.Random(seed), run.target.connection  # noqa: S311 -- repeatable, and no secret
    before, unnoticed, made = read(con), [], 0
    while made < number:
        con.execute("SAVEPOINT mutation")
        mutation = mutate(chance, con)
        if mutation is not None and read(con) != before:
            made += 1
            if not _failing_criteria(run, OF_MOMENT[mutation.moment]):
                unnoticed.append(mutation.words)
        con.execute("ROLLBACK TO mutation")
        con.execute("RELEASE mutation")
        con.execute("PRAGMA writable_schema=RESET")
    assert read(con) == before
    return unnoticed


def test_no_criterion_fails_without_a_mutation(run: Run) -> None:
    """Every criterion passes without a mutation."""
    assert _failing_criteria(run, (SCHEMA, TRANSFER, VERIFY)) == []


@pytest.mark.parametrize("number", [20, *thorough(60)])
def test_sample_of_mutations_is_noticed(run: Run, number: int) -> None:
    """Single mutations of rows, schema and header each fail a criterion."""
    assert _unnoticed(run, number, seed=1) == []


@pytest.mark.long
def test_thousand_mutations_are_noticed(run: Run) -> None:
    """The mutations differ from those of the sample."""
    assert _unnoticed(run, 1000, seed=2) == []


def test_mutation_after_commit_fails_the_final_digest(run: Run) -> None:
    """Forty single changes of rows after COMMIT each fail the final digest."""
    accept(run, COMMIT)
    chance, unnoticed, made = random.Random(3), [], 0  # noqa: S311 -- repeatable, and no secret
    with closing(sqlite3.connect(run.root / "target.db", isolation_level=None)) as con:
        while made < 40:
            con.execute("BEGIN")
            before = read(con).tables
            mutation = mutate(chance, con)
            if mutation and mutation.moment == "rows" and read(con).tables != before:
                made += 1
                if all(
                    observation.holds for observation in compare.final(read_contents(con).tables, run.target.verified)
                ):
                    unnoticed.append(mutation.words)
            con.execute("ROLLBACK")
            con.execute("PRAGMA writable_schema=RESET")

    assert unnoticed == []
