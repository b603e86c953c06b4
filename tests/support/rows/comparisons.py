"""Consolidate small databases and run every comparison of the target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure, compare_triggers
from tests.support.databases import TARGET, source, table
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.observation import Observation
    from tests.support.databases import Bench, Copied

OWN = (
    "CREATE TABLE log(what)",
    "CREATE TABLE own(id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
    "CREATE INDEX own_v ON own(v)",
    "CREATE TRIGGER own_up AFTER INSERT ON own BEGIN UPDATE own SET v = 1 WHERE 0; END",
    "CREATE VIEW own_seen AS SELECT v FROM own",
    "INSERT INTO own VALUES(1, 'a'), (2, 'b')",
    "INSERT INTO log VALUES('before')",
    "PRAGMA user_version=7",
)
TASKS = (
    "CREATE TABLE people(name TEXT PRIMARY KEY)",
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY AUTOINCREMENT, a, b, who REFERENCES people(name))",
    "CREATE UNIQUE INDEX by_a ON tasks(a)",
    "CREATE TRIGGER up AFTER UPDATE OF b ON tasks BEGIN SELECT 1; END",
    "CREATE VIEW names AS SELECT name FROM people",
    "CREATE TABLE log(what)",
    "INSERT INTO people VALUES('x')",
    "INSERT INTO tasks VALUES(1, 'p', 0.0, 'x'), (5, 'q', 2, 'x'), (7, 'r', NULL, NULL)",
    "INSERT INTO log(rowid, what) VALUES(40, 'same'), (41, 'same')",
)


def consolidation(bench: Bench) -> Copied:
    """Consolidate up to COMMIT.

    ``tasks``, ``people`` and ``runs`` are new, ``log`` had rows before, and ``own`` is a neighbour.
    """
    bench.database(TARGET, *OWN)
    bench.database("a.db", *TASKS)
    plan = source("a.db", table("people"), table("tasks", rows=3), table("log"))
    return bench.copied(plan, required={"runs": "CREATE TABLE runs(n)"})


def all_comparisons(copied: Copied) -> dict[str, list[Observation]]:
    """Run every comparison, by name of its function."""
    compared = copied.compared
    return {
        "tables_created": compare_structure.tables_created(compared, copied.plan),
        "indexes_created": compare_structure.indexes_created(compared),
        "schema_as_planned": compare_structure.schema_as_planned(compared),
        "rows_counted": compare.rows_counted(compared),
        "rows_expected": compare.rows_expected(compared),
        "rows_exact": compare.rows_exact(compared),
        "no_duplicates": compare.no_duplicates(compared),
        "foreign_keys": compare.foreign_keys(compared),
        "integrity": compare.integrity(copied.con),
        "neighbours": compare_neighbours.neighbours(compared),
        "triggers_in_place": compare_triggers.triggers_in_place(compared),
        "marks_carried": compare.marks_carried(compared),
    }


def observation_lines(observations: Iterable[Observation]) -> list[str]:
    """Return subject, expected, observed and outcome of each observation.

    Digests and seconds are replaced by a word.
    """
    return [
        _without_digests(
            f"{observation.subject} | {observation.expected} | {observation.observed} | {observation.outcome}"
        )
        for observation in observations
    ]


def observation_facts(observations: Iterable[Observation]) -> list[tuple[str, list[int], list[int], str]]:
    """Return subject, expected numbers, observed numbers and outcome of each observation."""
    return [
        (
            observation.subject,
            numbers_in(_without_digests(observation.expected)),
            numbers_in(_without_digests(observation.observed)),
            str(observation.outcome),
        )
        for observation in observations
    ]


def _without_digests(text: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "DIGEST", re.sub(r"\d+\.\d\d s", "SECONDS", text))
