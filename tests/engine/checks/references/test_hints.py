"""Specify that the hint of a refused reference names what can help."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.databases import TARGET, Bench, source, table


def hint(bench: Bench, *tables: object) -> str:
    """Return the hint of the only problem."""
    (problem,) = bench.survey(source("b.db", *tables)).problems  # type: ignore[arg-type]
    assert problem.id == "parents-differ"
    return problem.hint


def test_hint_names_columns_that_lead_elsewhere(bench: Bench) -> None:
    """The plan exchanges the columns of the key, and the target does not."""
    parent = "CREATE TABLE p(a INT, b INT, v, PRIMARY KEY(a, b))"
    child = "CREATE TABLE c(x INT, y INT, FOREIGN KEY(x, y) REFERENCES p(a, b))"
    bench.database(TARGET, parent, child)
    bench.database(
        "b.db", parent, child, "INSERT INTO p VALUES (1, 2, 'one'), (2, 1, 'two')", "INSERT INTO c VALUES (1, 2)"
    )

    text = hint(bench, table("p", columns={"a": "b", "b": "a"}), "c")

    assert "columns in the plan" in text
    assert text.count("a, b of p") > 1


def test_hint_names_key_that_target_declares_otherwise(bench: Bench) -> None:
    """No row is another one. The target compares the key without its type."""
    parent, child = "CREATE TABLE p(k {} UNIQUE)", "CREATE TABLE c(id INTEGER PRIMARY KEY, p TEXT REFERENCES p(k))"
    bench.database(TARGET, parent.format(""), child)
    bench.database("b.db", parent.format("INTEGER"), child, "INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1, '1')")

    text = hint(bench, "p", "c")

    assert " k in p " in text


def test_hint_offers_match_where_the_target_is_preferred(bench: Bench) -> None:
    """Children then follow the row that stands."""
    parent, child = "CREATE TABLE p(code TEXT PRIMARY KEY, v)", "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p)"
    bench.database(TARGET, parent, child, "INSERT INTO p VALUES ('a', 1)")
    bench.database("b.db", parent, child, "INSERT INTO p VALUES ('a', 2)", "INSERT INTO c VALUES (1, 'a')")

    text = hint(bench, table("p", on_conflict="prefer-target"), "c")

    assert 'match = ["code"]' in text
    assert bench.survey(source("b.db", table("p", on_conflict="prefer-target", match=["code"]), "c")).problems == []


@pytest.mark.parametrize(
    ("unique", "columns", "ids"),
    [("UNIQUE", '["code"]', {"renumber-and-policy", "parents-differ"}), ("", "[...]", {"renumber-and-policy"})],
)
def test_hint_offers_no_key_that_becomes_new(bench: Bench, unique: str, columns: str, ids: set[str]) -> None:
    """A row with a new key is never another one by it."""
    parent = f"CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT {unique}, v)"
    child = "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p)"
    bench.database(TARGET, parent, child, "INSERT INTO p VALUES (5, 'a', 1)")
    bench.database("b.db", parent, child, "INSERT INTO p VALUES (1, 'a', 2)", "INSERT INTO c VALUES (1, 1)")

    problems = bench.survey(source("b.db", table("p", on_conflict="prefer-target"), "c", keys="renumber")).problems

    hints = {problem.id: problem.hint for problem in problems}
    assert set(hints) == ids
    assert all(f"match = {columns}" in text for text in hints.values())
    matched = table("p", on_conflict="prefer-target", match=["code"])
    assert bench.survey(source("b.db", matched, "c", keys="renumber")).problems == []


@pytest.mark.parametrize(
    ("statement", "left", "id"),
    [
        ("INSERT INTO p VALUES (1, 'source')", {"p": "old"}, "parents-left-behind"),
        ("DROP TABLE p", {}, "orphans-adopted"),
    ],
    ids=["left", "absent"],
)
def test_hint_without_parents_is_a_table_without_the_key(
    bench: Bench, statement: str, left: dict[str, str], id: str
) -> None:
    """The target has the table of the children, so a create text alone changes nothing."""
    parent, child = "CREATE TABLE p(id INTEGER PRIMARY KEY, v)", "CREATE TABLE {}(id INTEGER PRIMARY KEY, p INTEGER{})"
    keyed = child.format("c", " REFERENCES p(id)")
    bench.database(TARGET, parent, keyed, "INSERT INTO p VALUES (1, 'target')", "INSERT INTO c VALUES (7, 1)")
    bench.database("b.db", parent, keyed, "INSERT INTO c VALUES (1, 1)", statement)
    renumbered: dict[str, Any] = {} if left else {"keys": "renumber"}
    further = [] if left else [source("a.db", "p", **renumbered)]
    bench.database("a.db", parent, "INSERT INTO p VALUES (1, 'further')")

    (problem,) = bench.survey(*further, source("b.db", "c", leave=left, **renumbered)).problems

    assert problem.id == id
    assert "into" in problem.hint
    assert "create text without" in problem.hint
    apart = table("c", into="d", create=child.format("d", ""))
    assert bench.survey(*further, source("b.db", apart, leave=left, **renumbered)).problems == []
