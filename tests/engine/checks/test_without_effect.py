"""Specify that a key of a table mapping that can have no effect is a mistake.

It depends on the declarations of the target and not on the rows.
"""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table

NO_EFFECT = [("keys-free", "no-effect", "a.db:t")]


def problems(bench: Bench, create: str, **keys: str) -> list[tuple[str, str, str]]:
    """Return criterion, id and subject of each problem of moving table t into ``create``."""
    bench.database(TARGET, create)
    bench.database("a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES(1, 'x')")
    problems_found = bench.survey(source("a.db", table("t", **keys))).problems
    return [(problem.criterion, problem.id, problem.subject) for problem in problems_found]


@pytest.mark.parametrize("policy", ["skip-identical", "prefer-target", "prefer-source"])
def test_policy_needs_a_unique_key_in_the_target(bench: Bench, policy: str) -> None:
    """Without one, each row would be added, and equal rows would be doubled."""
    assert problems(bench, "CREATE TABLE t(id, v)", on_conflict=policy) == NO_EFFECT


@pytest.mark.parametrize("index", ["t(lower(id))", "t(id) WHERE v > 1"], ids=["expression", "partial"])
def test_policy_needs_a_key_of_columns(bench: Bench, index: str) -> None:
    """A policy compares the columns of keys, and neither expressions nor a part of the rows."""
    bench.database(TARGET, "CREATE TABLE t(id, v)", f"CREATE UNIQUE INDEX i ON {index}")
    bench.database("a.db", "CREATE TABLE t(id, v)", "INSERT INTO t VALUES(1, 'x')")
    (problem,) = bench.survey(source("a.db", table("t", on_conflict="prefer-target"))).problems

    assert (problem.criterion, problem.id, problem.subject) == NO_EFFECT[0]


def test_hint_names_no_policy_for_a_computed_key(bench: Bench) -> None:
    """No policy would decide about it."""
    for file, value in ((TARGET, "X"), ("a.db", "x")):
        insert = f"INSERT INTO t VALUES('{value}', 1)"
        bench.database(file, "CREATE TABLE t(id, v)", "CREATE UNIQUE INDEX i ON t(lower(id))", insert)
    (problem,) = bench.survey(source("a.db", "t")).problems

    assert problem.id == "row-refused"
    assert "or policy" not in problem.hint
    assert "into" in problem.hint


KEYED = {
    "primary key": "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
    "unique": "CREATE TABLE t(id UNIQUE, v)",
    "several columns": "CREATE TABLE t(id, v, UNIQUE(id, v))",
    "without rowid": "CREATE TABLE t(id PRIMARY KEY, v) WITHOUT ROWID",
}


@pytest.mark.parametrize("create", KEYED.values(), ids=KEYED)
def test_policy_with_a_unique_key_has_effect(bench: Bench, create: str) -> None:
    """A policy has an effect even if the target has no row yet."""
    assert problems(bench, create, on_conflict="skip-identical") == []


@pytest.mark.parametrize("create", [KEYED["primary key"], KEYED["without rowid"]])
def test_renumbered_rowids_need_an_implicit_rowid(bench: Bench, create: str) -> None:
    """A table whose key is its rowid, or that has no rowid, has none that could change."""
    assert problems(bench, create, rowids="renumber") == NO_EFFECT


def test_renumbered_rowids_of_a_keyless_table_have_effect(bench: Bench) -> None:
    """There the implicit rowid is what changes."""
    assert problems(bench, "CREATE TABLE t(id, v)", rowids="renumber") == []


@pytest.mark.parametrize("order", [("a.db", "b.db"), ("b.db", "a.db")], ids=["later", "earlier"])
def test_create_text_of_one_source_holds_for_all(bench: Bench, order: tuple[str, str]) -> None:
    """The order of the sources does not decide which declaration the target has."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE CHECK(v > 0), extra DEFAULT 'x')"
    for number, file in enumerate(("a.db", "b.db"), 1):
        bench.database(file, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", f"INSERT INTO t VALUES({number}, {number})")
    maps = {"a.db": table("t"), "b.db": table("t", create=create)}

    copied = bench.copied(*(source(file, maps[file]) for file in order))

    assert copied.rows("SELECT sql FROM sqlite_schema WHERE name = 't'") == [(create,)]
    assert copied.rows("SELECT * FROM t ORDER BY id") == [(1, 1, "x"), (2, 2, "x")]
