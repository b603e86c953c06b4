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


@pytest.mark.parametrize(
    ("create", "policy", "sentences"),
    [
        (
            FREE,
            "refuse",
            (
                "a.db:t: t has no key, and 1 rowid is used by more than one row: in target.db:t and a.db:t. If"
                ' nothing refers to its rowids, let them change: rowids = "renumber"; else move under another'
                " name. [rowid-collision]"
            ),
        ),
        (
            KEYED,
            "skip-identical",
            (
                'a.db:t: on_conflict = "skip-identical", but 1 of 1 rows under a key that t already has differ.'
                ' Correct the rows, or choose "prefer-target" or "prefer-source". [rows-differ]'
            ),
        ),
    ],
)
def test_conflict_with_target_has_these_sentences(bench: Bench, create: str, policy: str, sentences: str) -> None:
    """Rows without a key meet under their rowid, and different rows meet under their key."""
    bench.database(TARGET, create, "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", create, "INSERT INTO t VALUES('x', 2)")

    assert [str(problem) for problem in bench.survey(source("a.db", table("t", on_conflict=policy))).problems] == [
        sentences
    ]


def test_rowids_beside_keys_have_these_sentences(bench: Bench) -> None:
    """The problem names the source whose rows have only a rowid."""
    bench.database(TARGET, FREE)
    bench.database("a.db", FREE, "INSERT INTO t VALUES('x', 1)")
    bench.database("b.db", KEYED, "INSERT INTO t VALUES('y', 1)")
    create = table("t", create=FREE)

    assert [str(problem) for problem in bench.survey(source("a.db", create), source("b.db", create)).problems] == [
        (
            "a.db:t: rows of a.db:t have no identity but their rowid, those of the other sources of t have"
            ' one, or may change their rowids. Let the rowids change: rowids = "renumber"; or move them under another'
            " name. [rowids-beside-keys]"
        ),
    ]


def test_policy_that_cannot_decide_has_these_sentences(bench: Bench) -> None:
    """Two rows of one source have the key of a row of the target."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", FREE, "INSERT INTO t VALUES('x', 2), ('x', 3)")

    problems = bench.survey(source("a.db", table("t", on_conflict="prefer-source"))).problems

    assert [str(problem) for problem in problems] == [
        (
            "a.db:t: a row violates a constraint of t: UNIQUE constraint failed: t.k."
            " Correct the rows, or move them under another name (into). No policy decides about this constraint."
            " [row-refused]"
        ),
    ]


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ("('x')", "The key is 'x'."),
        ("('x'), ('y')", "The keys are 'x'; 'y'."),
        ("('w'), ('x'), ('y'), ('z')", "The first keys are 'w'; 'x'; 'y'."),
    ],
)
def test_values_of_keys_have_a_sentence(bench: Bench, keys: str, values: str) -> None:
    """At most three keys are shown, and only if the operator asks for values."""
    for file in (TARGET, "a.db"):
        bench.database(file, "CREATE TABLE t(k PRIMARY KEY)", f"INSERT INTO t VALUES{keys}")

    assert [problem.values for problem in bench.survey(source("a.db", "t")).problems] == [values]
