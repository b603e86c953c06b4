"""Specify that rows of the target keep their parents when rows of sources arrive."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table

PARENT = "CREATE TABLE p(id INTEGER PRIMARY KEY, k TEXT UNIQUE)"
CHILD = "CREATE TABLE ch(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id))"
NODE = "CREATE TABLE node(id INTEGER PRIMARY KEY, up INTEGER REFERENCES node(id) DEFERRABLE INITIALLY DEFERRED)"
Outcome = list[tuple[str, str, int]]


def refusals(bench: Bench, *sources: object) -> Outcome:
    """Return id, subject and number of rows of each problem. All must belong to the criterion."""
    problems = bench.survey(*sources).problems  # type: ignore[arg-type]
    assert {problem.criterion for problem in problems} <= {"parents-follow"}
    return [(problem.id, problem.subject, int(problem.what.split()[0])) for problem in problems]


def findings(bench: Bench, *sources: object) -> Outcome:
    """Return id, subject and count of each finding about parents. There must be no problem."""
    inspected = bench.survey(*sources)  # type: ignore[arg-type]
    assert inspected.problems == []
    return [(f.id, f.subject, f.count) for f in inspected.findings if f.id.startswith("parents-")]


def test_orphans_of_the_target_find_no_arriving_row(bench: Bench) -> None:
    """Rows 1 and 2 refer to nothing, and b.db brings the row 5."""
    bench.database(
        TARGET,
        PARENT,
        CHILD,
        "INSERT INTO p VALUES (1, 'a')",
        "INSERT INTO ch VALUES (1, 5), (2, 5), (3, 1), (4, NULL)",
    )
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (5, 'b')")
    plan = source("b.db", "p")

    assert refusals(bench, plan) == [("orphans-adopted", "target.db:ch", 2)]
    (problem,) = bench.survey(plan).problems
    assert problem.others == ("b.db:p",)


def test_orphans_of_the_target_that_stay_orphans_pass(bench: Bench) -> None:
    """No arriving row has the key."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 5)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (6, 'b')")

    assert findings(bench, source("b.db", "p")) == []


@pytest.mark.parametrize("policy", ["skip-identical", "prefer-target", "prefer-source"])
def test_orphans_of_the_target_are_followed_beside_a_policy(bench: Bench, policy: str) -> None:
    """One row is the same in both databases, the other one is new."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 5), (2, 1)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (1, 'a'), (5, 'b')")

    plan = source("b.db", table("p", on_conflict=policy))
    assert refusals(bench, plan) == [("orphans-adopted", "target.db:ch", 1)]


def test_orphans_of_a_self_reference_are_refused(bench: Bench) -> None:
    """Parents and children are rows of one table."""
    bench.database(TARGET, NODE, "INSERT INTO node VALUES (1, 7)")
    bench.database("b.db", NODE, "INSERT INTO node VALUES (7, NULL)")

    assert refusals(bench, source("b.db", "node")) == [("orphans-adopted", "target.db:node", 1)]


def test_orphans_that_a_source_replaces_do_not_count(bench: Bench) -> None:
    """The child itself is replaced, so nothing of the target refers to the arriving row."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 5)")
    bench.database("b.db", PARENT, CHILD, "INSERT INTO p VALUES (5, 'b')", "INSERT INTO ch VALUES (1, NULL)")

    assert findings(bench, source("b.db", "p", table("ch", on_conflict="prefer-source"))) == []


@pytest.mark.parametrize("parents", [[], [PARENT]], ids=["no table", "no row"])
def test_references_to_a_table_without_rows_are_found(bench: Bench, parents: list[str]) -> None:
    """The rows were meant for another database, so a reader has to judge."""
    bench.database(TARGET, *parents, CHILD, "INSERT INTO ch VALUES (1, 5), (2, 6)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (5, 'b')")

    assert findings(bench, source("b.db", "p")) == [("parents-found", "target.db:ch", 1)]


def test_parents_under_another_name_in_the_target_pass(bench: Bench) -> None:
    """This is one of the two ways out."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 5)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (5, 'b')")

    assert findings(bench, source("b.db", table("p", into="bp"))) == []


def test_orphans_by_a_composite_key_are_counted_without_nulls(bench: Bench) -> None:
    """The target's key ignores case, and a NULL refers to no row."""
    pair = "CREATE TABLE pair(a TEXT COLLATE NOCASE, b, PRIMARY KEY(a, b)) WITHOUT ROWID"
    link = "CREATE TABLE link(x, y, FOREIGN KEY(y, x) REFERENCES pair(b, a))"
    bench.database(
        TARGET,
        pair,
        link,
        "INSERT INTO pair VALUES ('z', 9)",
        "INSERT INTO link VALUES ('k', 1), ('K', 1), ('k', NULL), (NULL, 1), ('k', 2)",
    )
    bench.database(
        "b.db",
        "CREATE TABLE other(m TEXT COLLATE NOCASE, n, PRIMARY KEY(m, n)) WITHOUT ROWID",
        "INSERT INTO other VALUES ('K', 1)",
    )

    plan = source("b.db", table("other", into="pair", columns={"m": "a", "n": "b"}))
    assert refusals(bench, plan) == [("orphans-adopted", "target.db:link", 2)]


@pytest.mark.parametrize("expression", ["", ", g AS (v * 2) UNIQUE"], ids=["target alone", "both"])
def test_orphans_by_a_key_that_is_computed(bench: Bench, expression: str) -> None:
    """The key 10 is computed from 5 in the target."""
    parent = "CREATE TABLE p(id INTEGER PRIMARY KEY, v{})"
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, r REFERENCES p(g))"
    bench.database(
        TARGET,
        parent.format(", g AS (v * 2) UNIQUE"),
        child,
        "INSERT INTO p(id, v) VALUES (2, 7)",
        "INSERT INTO ch VALUES (1, 10), (2, 14), (3, 11)",
    )
    bench.database("b.db", parent.format(expression), "INSERT INTO p(id, v) VALUES (1, 5)")

    assert refusals(bench, source("b.db", "p")) == [("orphans-adopted", "target.db:ch", 1)]


def test_orphans_by_a_text_that_looks_like_a_number(bench: Bench) -> None:
    """SQLite converts the referring value to the type of the key."""
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, p TEXT REFERENCES p(id))"
    bench.database(TARGET, PARENT, child, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, '5')")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (5, 'b')")

    assert refusals(bench, source("b.db", "p")) == [("orphans-adopted", "target.db:ch", 1)]


def test_children_of_a_row_replaced_under_another_key(bench: Bench) -> None:
    """The source has the row 'a' under the key 9, so row 1 is gone."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 1), (2, 1)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (9, 'a')")

    plan = source("b.db", table("p", on_conflict="prefer-source"))
    assert refusals(bench, plan) == [("parents-gone", "target.db:ch", 2)]


def test_children_of_a_row_replaced_together_with_another(bench: Bench) -> None:
    """The arriving row has the key of row 1 and the text of row 2."""
    bench.database(
        TARGET,
        PARENT,
        CHILD,
        "INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "INSERT INTO ch VALUES (1, 1), (2, 3)",
    )
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (1, 'b'), (3, 'd')")
    inspected = bench.survey(source("b.db", table("p", on_conflict="prefer-source")))

    assert [(p.id, p.subject, p.what.split()[0]) for p in inspected.problems] == [
        ("parents-merged", "target.db:ch", "1")
    ]
    assert [(f.subject, f.count) for f in inspected.findings if f.id == "parents-replaced"] == [("target.db:ch", 1)]


def test_children_of_a_row_replaced_under_its_key(bench: Bench) -> None:
    """The plan states that the source has the newer version of this row."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 1), (2, 1)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (1, 'b')")

    plan = source("b.db", table("p", on_conflict="prefer-source"))
    assert findings(bench, plan) == [("parents-replaced", "target.db:ch", 2)]


def test_orphans_are_followed_to_each_of_several_sources(bench: Bench) -> None:
    """The second source has another encoding, so its rows are read from a staging database."""
    bench.database(TARGET, PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 5), (2, 6)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (5, 'b')")
    bench.database("c.db", "PRAGMA encoding='UTF-16le'", PARENT, "INSERT INTO p VALUES (6, 'c')")

    plan = source("b.db", "p"), source("c.db", "p")
    assert refusals(bench, *plan) == [("orphans-adopted", "target.db:ch", 2)]


def test_orphans_of_a_source_find_no_other_source(bench: Bench) -> None:
    """The target has no row at all."""
    bench.database("a.db", PARENT, CHILD, "INSERT INTO p VALUES (1, 'a')", "INSERT INTO ch VALUES (1, 5), (2, 1)")
    bench.database("b.db", PARENT, "INSERT INTO p VALUES (5, 'b')")

    assert refusals(bench, source("a.db", "p", "ch"), source("b.db", "p")) == [("orphans-adopted", "a.db:ch", 1)]


@pytest.mark.parametrize(
    ("arriving", "outcome"),
    [
        ("(1, 'e2', 's9')", [("parents-gone", "target.db:stock", 2)]),
        ("(1, 'e1', 's9'), (2, 'e2', 's1')", [("parents-gone", "target.db:stock", 3)]),
        ("(1, 'e2', 'lost')", [("orphans-adopted", "target.db:stock", 1), ("parents-gone", "target.db:stock", 2)]),
        ("(1, 'e2', 's2'), (2, 'e3', 's9')", []),
        ("(1, 'e1', 's9')", [("parents-gone", "target.db:stock", 1)]),
    ],
)
@pytest.mark.parametrize("policy", ["prefer-source", "prefer-newer"])
def test_children_of_a_matched_row_that_is_updated(bench: Bench, policy: str, arriving: str, outcome: Outcome) -> None:
    """The rows match by ean, and the target's stock refers by sku."""
    parent = "CREATE TABLE prod(id INTEGER PRIMARY KEY, ean TEXT UNIQUE, sku TEXT UNIQUE, n INTEGER DEFAULT 1)"
    child = "CREATE TABLE stock(id INTEGER PRIMARY KEY, sku TEXT REFERENCES prod(sku))"
    rows = "INSERT INTO stock(sku) VALUES ('s1'), ('s2'), ('s2'), ('lost'), (NULL)"
    bench.database(TARGET, parent, child, "INSERT INTO prod VALUES (1, 'e1', 's1', 0), (2, 'e2', 's2', 0)", rows)
    bench.database("b.db", parent, f"INSERT INTO prod(id, ean, sku) VALUES {arriving}")
    newer = {"newer": "n"} if policy == "prefer-newer" else {}

    plan = source("b.db", table("prod", keys="renumber", match=["ean"], on_conflict=policy, **newer))
    assert refusals(bench, plan) == outcome
