"""Specify that children reach their own parents where constants tell parents apart."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from tests.support.databases import TARGET, Bench, failed_subjects, source, table

P, C = "CREATE TABLE p(id INTEGER PRIMARY KEY, v)", "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p(id))"
UNDECLARED = C.replace(" REFERENCES p(id)", "")
KEYED_P = "CREATE TABLE p(tenant TEXT, id INTEGER, v, PRIMARY KEY (tenant, id))"
KEYED_C = "CREATE TABLE c(tenant TEXT, id INTEGER, p, PRIMARY KEY (tenant, id){key})"
KEY = ", FOREIGN KEY (tenant, p) REFERENCES p(tenant, id)"
SWAPPED = ", FOREIGN KEY (p, tenant) REFERENCES p(id, tenant)"
BARE = ", FOREIGN KEY (tenant, p) REFERENCES p"
Outcome = list[tuple[str, str]]


def two_tenants(bench: Bench, parents: str = P, children: str = C) -> None:
    """Create two sources with the same ids, and other rows under them."""
    for tenant in "ab":
        bench.database(
            f"{tenant}.db",
            parents,
            children,
            f"INSERT INTO p(id, v) VALUES (1, '{tenant} one'), (2, 'both')",
            "INSERT INTO c(id, p) VALUES (1, 1), (2, 2), (3, NULL), (4, 1)",
        )


def sources(p: str = KEYED_P, c: str = KEYED_C.format(key=KEY), **keys: Any) -> list[Any]:
    """Return both sources, with ``create`` texts and the tenant as a constant."""
    keys = {"constants": {"tenant": "{stem}"}} | keys
    return [source(f"{tenant}.db", table("p", create=p), table("c", create=c), **keys) for tenant in "ab"]


def outcome(bench: Bench, *moved: Any) -> Outcome:
    """Return id and subject of each problem.

    All must belong to the criterion.
    """
    problems = bench.survey(*moved).problems
    bench.resources.close()
    assert {problem.criterion for problem in problems} <= {"parents-follow"}
    return [(problem.id, problem.subject) for problem in problems]


@pytest.mark.parametrize(
    ("children", "key"), [(C, KEY), (C, ""), (C, SWAPPED), (C.replace("p(id)", "p"), BARE), (UNDECLARED, KEY)]
)
def test_children_of_each_tenant_reach_their_own_parents(bench: Bench, children: str, key: str) -> None:
    """The key is declared by the source, by the target, or by both."""
    two_tenants(bench, children=children)
    moved = sources(c=KEYED_C.format(key=key))

    assert outcome(bench, *moved) == []
    copied = bench.copied(*moved)
    observations = references_kept(copied.compared)
    assert failed_subjects(observations) == []
    assert [(o.subject, o.examined) for o in observations] == [("a.db:c (p) -> p", 2), ("b.db:c (p) -> p", 2)]
    assert {r.into.columns for r in find_references(copied.inspected)} == {("id", "tenant")}


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("UPDATE p SET v = 'b one' WHERE v = 'a one'", ["a.db:c (p) -> p"]),
        ("UPDATE p SET v = iif(tenant = 'a', 'b one', 'a one') WHERE id = 1", ["a.db:c (p) -> p", "b.db:c (p) -> p"]),
        ("DELETE FROM p WHERE tenant = 'b' AND id = 2", ["b.db:c (p) -> p"]),
        ("UPDATE p SET tenant = CAST(tenant AS BLOB) WHERE id = 2", ["a.db:c (p) -> p", "b.db:c (p) -> p"]),
    ],
)
@pytest.mark.parametrize("key", [KEY, ""])
def test_child_at_the_parent_of_another_tenant_fails(bench: Bench, key: str, change: str, failed: list[str]) -> None:
    """The constant belongs to the identity of the parent."""
    two_tenants(bench)
    copied = bench.copied(*sources(c=KEYED_C.format(key=key)))
    copied.con.execute("PRAGMA foreign_keys=OFF")
    copied.con.execute(change)

    assert failed_subjects(references_kept(copied.compared)) == failed


def test_children_without_the_constant_are_refused(bench: Bench) -> None:
    """Each of them would reach the parents of both tenants."""
    two_tenants(bench)
    child = "CREATE TABLE c(id INTEGER, p)"
    moved = [
        source(f"{tenant}.db", table("p", create=KEYED_P), table("c", create=child), constants={"tenant": tenant})
        for tenant in "ab"
    ]

    assert outcome(bench, *moved) == [("parents-differ", "a.db:c"), ("parents-differ", "b.db:c")]
    assert "(tenant)" in bench.survey(*moved).problems[0].hint


def test_child_with_a_tenant_of_its_own_is_followed(bench: Bench) -> None:
    """It is another one than that of its parent."""
    two_tenants(bench, children="CREATE TABLE c(tenant TEXT, id INTEGER PRIMARY KEY, p REFERENCES p(id))")
    for tenant in "ab":
        bench.execute(f"{tenant}.db", f"UPDATE c SET tenant = '{tenant}'")
    assert outcome(bench, *sources()) == []

    bench.execute("a.db", "UPDATE c SET tenant = 'b' WHERE id = 1")
    bench.execute("b.db", "UPDATE c SET tenant = NULL WHERE id = 1")

    assert outcome(bench, *sources()) == [("parents-differ", "a.db:c"), ("parents-differ", "b.db:c")]


def test_parents_with_a_tenant_of_their_own_are_followed(bench: Bench) -> None:
    """The child gets a constant that is not the value of its parent."""
    two_tenants(bench, parents="CREATE TABLE p(tenant TEXT, id INTEGER PRIMARY KEY, v)")
    for tenant in "ab":
        bench.execute(f"{tenant}.db", f"UPDATE p SET tenant = '{tenant}'")
    assert outcome(bench, *sources()) == []

    bench.execute("a.db", "UPDATE p SET tenant = 'c' WHERE id = 1")

    assert outcome(bench, *sources()) == [("parents-differ", "a.db:c")]


def test_orphan_of_a_tenant_stays_one(bench: Bench) -> None:
    """A parent of the same id in another tenant is not its own."""
    two_tenants(bench)
    bench.execute("a.db", "INSERT INTO c VALUES (9, 99)")
    bench.execute("b.db", "INSERT INTO p VALUES (99, 'x')")
    assert outcome(bench, *sources()) == []

    bench.database(TARGET, KEYED_P, "INSERT INTO p VALUES ('a', 99, 'taken')")

    assert outcome(bench, *sources()) == [("orphans-adopted", "a.db:c")]


def test_existing_parents_of_a_tenant_are_compared(bench: Bench) -> None:
    """A policy keeps another row under the key of the parent."""
    two_tenants(bench)
    bench.database(TARGET, KEYED_P, "INSERT INTO p VALUES ('a', 1, 'other'), ('b', 2, 'both')")
    parents = table("p", create=KEYED_P, on_conflict="prefer-target")
    children = table("c", create=KEYED_C.format(key=KEY))
    moved = [source(f"{t}.db", parents, children, constants={"tenant": t}) for t in "ab"]

    assert outcome(bench, *moved) == [("parents-differ", "a.db:c")]


def test_reference_of_a_table_to_itself_is_followed(bench: Bench) -> None:
    """Child and parent have the constant of one source."""
    keyed = "CREATE TABLE n(tenant, id INTEGER, up, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, up) REFERENCES n)"
    for tenant in "ab":
        create = "CREATE TABLE n(id INTEGER PRIMARY KEY, up REFERENCES n)"
        bench.database(f"{tenant}.db", create, "INSERT INTO n VALUES (1, NULL), (2, 1), (3, 2)")
    moved = [source(f"{t}.db", table("n", create=keyed), constants={"tenant": t}) for t in "ab"]

    assert outcome(bench, *moved) == []
    copied = bench.copied(*moved)
    assert failed_subjects(references_kept(copied.compared)) == []
    copied.con.execute("DELETE FROM n WHERE tenant = 'a' AND id = 2")
    assert failed_subjects(references_kept(copied.compared)) == ["a.db:n (up) -> n"]


def test_parent_that_only_the_target_demands_is_refused(bench: Bench) -> None:
    """The source declares no foreign key, so that none of its rows is an orphan by it."""
    two_tenants(bench, children=UNDECLARED)
    bench.execute("b.db", "INSERT INTO c VALUES (9, 99)")

    assert outcome(bench, *sources()) == [("parents-missing", "b.db:c")]


def test_constant_itself_may_refer_to_a_row(bench: Bench) -> None:
    """The target has a table of tenants."""
    bench.database(TARGET, "CREATE TABLE tenants(name TEXT PRIMARY KEY)", "INSERT INTO tenants VALUES ('a')")
    two_tenants(bench)
    create = "CREATE TABLE p(tenant REFERENCES tenants, id INTEGER, v, PRIMARY KEY (tenant, id))"

    assert outcome(bench, *sources(p=create)) == [("parents-missing", "b.db:p")]
    bench.execute(TARGET, "INSERT INTO tenants VALUES ('b')")
    assert outcome(bench, *sources(p=create)) == []


def test_numbers_as_constants_are_followed(bench: Bench) -> None:
    """The column of the child has another type than that of the parent."""
    two_tenants(bench)
    p, c = KEYED_P.replace("tenant TEXT", "tenant INTEGER"), KEYED_C.format(key=KEY).replace("tenant TEXT", "tenant")
    moved = [
        source(f"{t}.db", table("p", create=p), table("c", create=c), constants={"tenant": n})
        for n, t in enumerate("ab")
    ]

    assert outcome(bench, *moved) == []
    assert failed_subjects(references_kept(bench.copied(*moved).compared)) == []
