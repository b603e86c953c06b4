"""Specify that a foreign key that only the target declares is tried in preflight."""

from __future__ import annotations

from contextlib import closing
from itertools import product
from typing import Literal

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import foreign_keys
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.plan.parts.derived import Refresh, Stale
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.thorough import sampled

PARENT = "CREATE TABLE p(id INTEGER PRIMARY KEY, v)"
DECLARED = "CREATE TABLE ch(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id))"
UNDECLARED = "CREATE TABLE ch(id INTEGER PRIMARY KEY, p INTEGER)"
PARENTS = "INSERT INTO p VALUES (1, 'a')"
CHILDREN = "INSERT INTO ch VALUES (1, 1), (2, 9), (3, 8), (4, NULL)"
REFRESH = {"table": "p", "columns": ["v"], "set": "v = 1", "reason": "new"}
Outcome = list[tuple[str, str, int]]


def refusals(bench: Bench, *sources: object, **keys: object) -> Outcome:
    """Return id, subject and number of rows of each problem. All must belong to the criterion."""
    problems = bench.survey(*sources, **keys).problems  # type: ignore[arg-type]
    assert {problem.criterion for problem in problems} <= {"parents-follow"}
    return [(problem.id, problem.subject, int(problem.what.split()[0])) for problem in problems]


def test_create_text_with_a_foreign_key_that_rows_violate(bench: Bench) -> None:
    """The source does not declare it, and two rows have no parent."""
    bench.database("b.db", PARENT, UNDECLARED, PARENTS, CHILDREN)

    plan = source("b.db", "p", table("ch", create=DECLARED))
    assert refusals(bench, plan) == [("parents-missing", "b.db:ch", 2)]
    assert refusals(bench, source("b.db", "p", "ch")) == []


def test_create_text_with_a_foreign_key_that_rows_satisfy(bench: Bench) -> None:
    """A NULL refers to no row."""
    bench.database("b.db", PARENT, UNDECLARED, PARENTS, "INSERT INTO ch VALUES (1, 1), (4, NULL)")

    copied = bench.copied(source("b.db", "p", table("ch", create=DECLARED)))
    assert failed_subjects(foreign_keys(copied.compared)) == []


def test_required_table_with_a_foreign_key_that_rows_violate(bench: Bench) -> None:
    """The create text is one of a [[table]]."""
    bench.database("b.db", PARENT, UNDECLARED, PARENTS, CHILDREN)

    plan = source("b.db", "p", "ch")
    assert refusals(bench, plan, required={"ch": DECLARED}) == [("parents-missing", "b.db:ch", 2)]


def test_foreign_key_to_a_table_that_no_database_has(bench: Bench) -> None:
    """Each row without a NULL has no parent."""
    bench.database("b.db", UNDECLARED, CHILDREN)

    plan = source("b.db", table("ch", create=DECLARED.replace("p(id)", "nowhere(id)")))
    assert refusals(bench, plan) == [("parents-missing", "b.db:ch", 3)]


@pytest.mark.parametrize("policy", ["refuse", "prefer-target", "prefer-source"])
def test_foreign_key_of_the_target_over_dangling_rows(bench: Bench, policy: str) -> None:
    """Parents of the target and of the source count, whichever policy the parents have."""
    bench.database(TARGET, PARENT, DECLARED, "INSERT INTO p VALUES (9, 'a')")
    bench.database("b.db", UNDECLARED, CHILDREN)
    bench.database("c.db", PARENT, PARENTS)

    plan = source("b.db", "ch"), source("c.db", table("p", on_conflict=policy))
    assert refusals(bench, *plan) == [("parents-missing", "b.db:ch", 1)]


def test_dangling_rows_that_a_policy_drops_do_not_count(bench: Bench) -> None:
    """The target has other rows under the keys 2 and 3."""
    bench.database(TARGET, PARENT, DECLARED, PARENTS, "INSERT INTO ch VALUES (2, 1), (3, 1)")
    bench.database("b.db", UNDECLARED, CHILDREN)

    assert refusals(bench, source("b.db", table("ch", on_conflict="prefer-target"))) == []


def test_dangling_rows_of_a_declared_key_pass_as_before(bench: Bench) -> None:
    """They dangle in the source as they do in the target."""
    bench.database(TARGET, PARENT, DECLARED)
    bench.database("b.db", PARENT, DECLARED, PARENTS, CHILDREN)

    copied = bench.copied(source("b.db", "p", "ch"))
    assert failed_subjects(foreign_keys(copied.compared)) == []


def test_declared_key_to_a_table_that_no_database_has(bench: Bench) -> None:
    """The rows dangle in the source by the same key. A finding says so."""
    bench.database("b.db", DECLARED.replace("p(id)", "nowhere(id)"), CHILDREN)

    copied = bench.copied(source("b.db", "ch"))
    assert failed_subjects(foreign_keys(copied.compared)) == []
    assert "parent-absent" in {finding.id for finding in copied.inspected.findings}


MISMATCHES = {
    "composite key": "CREATE TABLE q(a INTEGER, b INTEGER, PRIMARY KEY(a, b))",
    "no key": "CREATE TABLE q(a INTEGER, b INTEGER)",
    "view": "CREATE VIEW q AS SELECT 1 AS a",
}


@pytest.mark.parametrize("keys", ["keep", "renumber"])
@pytest.mark.parametrize("parent", MISMATCHES.values(), ids=MISMATCHES)
def test_key_that_sqlite_cannot_check(bench: Bench, parent: str, keys: Literal["keep", "renumber"]) -> None:
    """Source and target declare it alike. Its rows are moved as they are."""
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, r INTEGER REFERENCES q)"
    bench.database(TARGET, parent, child, "INSERT INTO ch VALUES (1, 1)")
    bench.database("b.db", parent, child, "INSERT INTO ch VALUES (2, 7)")

    copied = bench.copied(source("b.db", "ch", keys=keys))
    assert failed_subjects(foreign_keys(copied.compared)) == []
    assert copied.rows("SELECT r FROM ch ORDER BY 1") == [(1,), (7,)]
    findings = [finding for finding in copied.inspected.findings if finding.id == "foreign-key-mismatch"]
    assert [finding.subject for finding in findings] == ["b.db:ch"]


@pytest.mark.parametrize("referred", ["p(nowhere)", "v(id)", "ch(p, id)"])
def test_key_to_columns_that_are_no_key(bench: Bench, referred: str) -> None:
    """A column that is named after a renumbered key is one that does not follow."""
    columns = "p_id, id" if referred.startswith("ch") else "p_id"
    child = f"CREATE TABLE ch(id INTEGER PRIMARY KEY, p_id INTEGER, FOREIGN KEY({columns}) REFERENCES {referred})"
    schema = (PARENT, "CREATE VIEW v AS SELECT * FROM p", child)
    bench.database(TARGET, *schema, "INSERT INTO p VALUES (5, 'a')")
    bench.database("b.db", *schema, "INSERT INTO p VALUES (5, 'b')", "INSERT INTO ch VALUES (1, 5)")

    inspected = bench.survey(source("b.db", "p", "ch", keys="renumber"))
    assert inspected.problems == []
    assert {"foreign-key-mismatch", "id-unfollowed"} <= {f.id for f in inspected.findings if f.subject == "b.db:ch"}


def test_dangling_rows_beside_a_key_that_sqlite_cannot_check(bench: Bench) -> None:
    """SQLite checks neither foreign key of the table."""
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p, x REFERENCES p(v))"
    bench.database(TARGET, PARENT, child)
    bench.database("b.db", PARENT, child, PARENTS, "INSERT INTO ch VALUES (1, 1, 2), (2, 9, NULL)")

    assert refusals(bench, source("b.db", "p", "ch")) == []


def test_declared_key_whose_counterpart_refers_to_another_table(bench: Bench) -> None:
    """The rows dangle by the source's key, but the target has another one."""
    bench.database(TARGET, PARENT, DECLARED)
    bench.database("b.db", DECLARED.replace("p(id)", "elsewhere(id)"), CHILDREN)

    assert refusals(bench, source("b.db", "ch")) == [("parents-missing", "b.db:ch", 3)]


def test_parent_that_is_left_behind_is_named_once(bench: Bench) -> None:
    """Another table takes the name of the parent, which stays."""
    bench.database(
        "b.db",
        PARENT,
        "CREATE TABLE q(id INTEGER PRIMARY KEY)",
        DECLARED.replace("p(id)", "q(id)"),
        "INSERT INTO q VALUES (1)",
        CHILDREN,
    )

    plan = source("b.db", table("p", into="q"), "ch", leave={"q": "not needed"})
    assert [problem.id for problem in bench.survey(plan).problems] == ["parent-left"]


def test_rows_that_find_parents_are_a_finding(bench: Bench) -> None:
    """The source has no parent, and does not declare that its rows refer to any."""
    bench.database(TARGET, PARENT, DECLARED, "INSERT INTO p VALUES (1, 'a'), (8, 'b'), (9, 'c')")
    bench.database("b.db", UNDECLARED, CHILDREN)
    inspected = bench.survey(source("b.db", "ch"))

    assert inspected.problems == []
    assert [(f.subject, f.count) for f in inspected.findings if f.id == "parents-found"] == [("b.db:ch", 3)]


def test_self_reference_that_only_the_target_declares(bench: Bench) -> None:
    """Parents may be rows of another source."""
    node = "CREATE TABLE node(id INTEGER PRIMARY KEY, up INTEGER{})"
    bench.database(TARGET, node.format(" REFERENCES node"))
    bench.database("a.db", node.format(""), "INSERT INTO node VALUES (1, 1), (2, 3), (3, 7)")
    bench.database("b.db", node.format(""), "INSERT INTO node VALUES (7, NULL), (8, 99)")

    plan = source("a.db", "node"), source("b.db", "node")
    assert ("parents-missing", "b.db:node", 1) in refusals(bench, *plan)


def test_default_of_the_target_as_a_referring_value(bench: Bench) -> None:
    """The source has no such column, and each of its rows gets the default."""
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, p INTEGER DEFAULT {} REFERENCES p(id))"
    bench.database("b.db", PARENT, "CREATE TABLE ch(id INTEGER PRIMARY KEY)", PARENTS, "INSERT INTO ch VALUES (1), (2)")

    plans = [source("b.db", "p", table("ch", create=child.format(default))) for default in (1, 9)]
    assert [refusals(bench, plan) for plan in plans] == [[], [("parents-missing", "b.db:ch", 2)]]


@pytest.mark.parametrize("expression", ["", ", g INTEGER AS (v)"], ids=["target alone", "both"])
def test_referring_column_that_the_target_computes(bench: Bench, expression: str) -> None:
    """Row 1 of the target dangles already, and row 3 of the source joins it."""
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, v{})"
    declared = child.format(", g INTEGER AS (v) REFERENCES p(id)")
    bench.database(TARGET, PARENT, declared, PARENTS, "INSERT INTO ch(id, v) VALUES (1, 8), (5, 1)")
    bench.database("b.db", child.format(expression), "INSERT INTO ch(id, v) VALUES (2, 1), (3, 9), (4, NULL)")

    assert refusals(bench, source("b.db", "ch")) == [("parents-missing", "b.db:ch", 1)]


@pytest.mark.parametrize("expression", ["", ", g AS (v * 2) UNIQUE"], ids=["target alone", "both"])
def test_referred_key_that_the_target_computes(bench: Bench, expression: str) -> None:
    """The source brings the key 10, which is computed from 5."""
    parent, computed = "CREATE TABLE p(id INTEGER PRIMARY KEY, v{})", ", g AS (v * 2) UNIQUE"
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, r{})"
    bench.database(TARGET, parent.format(computed), child.format(" REFERENCES p(g)"))
    bench.database(
        "b.db",
        parent.format(expression),
        child.format(""),
        "INSERT INTO p(id, v) VALUES (1, 5)",
        "INSERT INTO ch VALUES (1, 10), (2, 11), (3, NULL)",
    )

    assert refusals(bench, source("b.db", "p", "ch")) == [("parents-missing", "b.db:ch", 1)]


def test_composite_key_with_renamed_columns_is_tried(bench: Bench) -> None:
    """Rows with a NULL in one of the columns refer to nothing."""
    create = "CREATE TABLE link(c, d, FOREIGN KEY(d, c) REFERENCES pair(b, a)) "
    bench.database(
        "b.db",
        "CREATE TABLE pair(a TEXT COLLATE NOCASE, b INTEGER, PRIMARY KEY(a, b)) WITHOUT ROWID",
        "CREATE TABLE link(x, y)",
        "CREATE UNIQUE INDEX reversed ON pair(b, a)",
        "INSERT INTO pair VALUES ('k', 1)",
        "INSERT INTO link VALUES ('K', 1), ('k', '1'), ('k', NULL), (NULL, 2), ('k', 2), ('l', 1)",
    )

    plan = source("b.db", "pair", table("link", columns={"x": "c", "y": "d"}, create=create))
    assert refusals(bench, plan) == [("parents-missing", "b.db:link", 2)]


TYPES = ["INTEGER", "TEXT", "REAL", "", "TEXT COLLATE NOCASE"]
KEYS = "(1), ('1'), ('a'), (2.5), (x'31')"
VALUES = "(1), ('1'), (1.0), ('1.0'), ('01'), ('a'), ('A'), (2.5), ('2.5'), (x'31'), (7), (NULL)"


@pytest.mark.parametrize("policy", ["refuse", "prefer-source"], ids=["queried", "copied"])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"], ids=["attached", "staged"])
@pytest.mark.parametrize(("key", "value"), sampled([*product(TYPES, TYPES)], 4, 8, 20))
def test_missing_parents_are_those_that_sqlite_reports(
    bench: Bench, key: str, value: str, encoding: str, policy: str
) -> None:
    """SQLite is asked in a database that declares the key."""
    parent, child = f"CREATE TABLE parent(k {key} UNIQUE)", "CREATE TABLE child(id INTEGER PRIMARY KEY, r {})"
    filled = (f"INSERT OR IGNORE INTO parent VALUES {KEYS}", f"INSERT INTO child(r) VALUES {VALUES}")
    declared = child.format(f"{value} REFERENCES parent(k)")
    bench.database("declared.db", parent, declared, *filled)
    with closing(open_existing(bench.root / "declared.db")) as con:
        orphans = len(con.execute("PRAGMA foreign_key_check").fetchall())
    bench.database("a.db", f"PRAGMA encoding='{encoding}'", parent, child.format(value), *filled)
    bench.database(TARGET, parent, declared, *(["INSERT INTO parent VALUES ('a')"] if policy != "refuse" else []))

    moved = table("parent", rowids="renumber", on_conflict=policy)
    assert refusals(bench, source("a.db", moved, "child")) == [("parents-missing", "a.db:child", orphans)]


@pytest.mark.parametrize("keys", ["keep", "renumber"])
def test_children_of_a_refused_table_have_no_problem(bench: Bench, keys: str) -> None:
    """How the rows of the parent would arrive is not known."""
    account = "CREATE TABLE own(id INTEGER PRIMARY KEY REFERENCES p(id))"
    further = [account, "INSERT INTO own VALUES (1)"] if keys == "renumber" else []
    bench.database(TARGET, PARENT, DECLARED, *further, "INSERT INTO p VALUES (1, 'other')")
    bench.database("b.db", PARENT.replace("v", "v, w"), DECLARED, *further)
    bench.execute("b.db", "INSERT INTO p VALUES (1, 'a', 'b')", "INSERT INTO ch VALUES (1, 1)")

    problems = bench.survey(source("b.db", "p", "ch", *(["own"] if further else []), keys=keys)).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("no-place-for-column", "b.db:p")]


def test_foreign_key_of_the_target_waits_for_refused_rows(bench: Bench) -> None:
    """Another source would have the parents."""
    bench.database(TARGET, PARENT, DECLARED)
    bench.database("a.db", PARENT.replace("v", "v, w"))
    bench.database("b.db", UNDECLARED, CHILDREN)

    assert refusals(bench, source("b.db", "ch")) == [("parents-missing", "b.db:ch", 3)]
    problems = bench.survey(source("a.db", "p"), source("b.db", "ch")).problems
    assert [(problem.id, problem.subject) for problem in problems] == [("no-place-for-column", "a.db:p")]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [({"v": "w"}, "two-columns-in-one"), ({"x": "y"}, "no-such-column")],
    ids=["one name", "no column"],
)
def test_entries_about_a_refused_table_have_no_problem(bench: Bench, columns: dict[str, str], problem: str) -> None:
    """What names the table, its columns or its rows can be right."""
    wide, index = (
        PARENT.replace("v", "v, w"),
        "CREATE VIRTUAL TABLE words USING fts5(v, content='p', content_rowid='id')",
    )
    bench.database(TARGET, wide, index)
    bench.database("b.db", wide, DECLARED, "INSERT INTO ch VALUES (1, 1)")
    refused, children = table("p", columns=columns), table("ch", none=[5])
    stale = [Stale(name="words", reason="later")]

    problems = bench.survey(source("b.db", refused, children, keys="renumber"), stale=stale).problems

    assert [each.id for each in problems] == [problem]


def test_table_with_a_double_column_name_stays_known(bench: Bench) -> None:
    """What else names the table works."""
    trigger = "CREATE TRIGGER up AFTER INSERT ON ch BEGIN INSERT INTO p(v) VALUES (new.id); END"
    bench.database("b.db", PARENT.replace("v", "v, w"), DECLARED, trigger)
    refused, children = table("p", columns={"v": "w"}), table("ch", follows="p")

    problems = bench.survey(source("b.db", refused, children), refreshes=[Refresh.model_validate(REFRESH)]).problems

    assert [problem.id for problem in problems] == ["two-columns-in-one"]


def test_refresh_of_an_unread_table_has_no_problem(bench: Bench) -> None:
    """The source that has the table is damaged."""
    (bench.root / "b.db").write_bytes(b"x" * 4096)
    refresh = Refresh.model_validate(REFRESH)

    problems = bench.survey(source("b.db", "p"), refreshes=[refresh]).problems

    assert [problem.id for problem in problems] == ["not-a-database"]
