"""Hold the sentences of key conflicts."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table

KEYED = "CREATE TABLE t(k TEXT UNIQUE, v)"
FREE = "CREATE TABLE t(k TEXT, v)"
COMPUTED = "CREATE TABLE t(k, v, g AS (lower(k)), UNIQUE(g) ON CONFLICT REPLACE)"


@pytest.mark.parametrize(
    ("databases", "create", "sentence"),
    [
        (
            {
                "a.db": [KEYED, "INSERT INTO t VALUES('x', 1), ('y', 1), ('z', 1)"],
                "b.db": [KEYED, "INSERT INTO t VALUES('x', 1), ('y', 2)"],
            },
            None,
            "2 keys (k) of t would occur in more than one row: in a.db:t and b.db:t.",
        ),
        (
            {TARGET: [KEYED, "INSERT INTO t VALUES('x', 1)"], "a.db": [KEYED, "INSERT INTO t VALUES('x', 1)"]},
            None,
            "1 key (k) of t would occur in more than one row: in target.db:t and a.db:t.",
        ),
        (
            {"a.db": [FREE, "INSERT INTO t VALUES('x', 1), ('x', 2), ('y', 3)"]},
            KEYED,
            "1 key (k) would occur more than once in t under the target's unique key.",
        ),
        (
            {
                TARGET: [FREE, "INSERT INTO t VALUES('x', 1), ('X', 2)"],
                "a.db": [FREE, "CREATE UNIQUE INDEX ix ON t(lower(k))", "INSERT INTO t VALUES('z', 1)"],
            },
            None,
            "existing rows violate the new constraint of t: UNIQUE constraint failed: index 'ix'.",
        ),
        (
            {
                "a.db": [COMPUTED, "INSERT INTO t(k, v) VALUES('x', 1)"],
                "b.db": [COMPUTED, "INSERT INTO t(k, v) VALUES('X', 2)"],
            },
            None,
            "rows of t would be dropped silently: its ON CONFLICT clause resolves a key collision.",
        ),
    ],
    ids=["two sources", "target and source", "one source", "new expression key", "conflict clause"],
)
def test_key_conflict_has_the_sentence(
    bench: Bench, databases: dict[str, list[str]], create: str | None, sentence: str
) -> None:
    """The problem states the number of keys, the key, and the tables that have it."""
    for file, statements in databases.items():
        bench.database(file, *statements)
    keys = {"create": create} if create else {}

    problems = bench.survey(*(source(file, table("t", **keys)) for file in databases if file != TARGET)).problems

    assert [problem.what for problem in problems if problem.criterion == "keys-free"] == [sentence]
