"""Specify that a run is refused if a moved row would refer to another row."""

from __future__ import annotations

import pytest

from sqlite_consolidate.findings import merge_findings
from tests.support.databases import TARGET, Bench, source, table
from tests.support.observations import numbers_in

CUSTOMERS = "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT)"
NOTES = "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), body)"
Outcome = list[tuple[str, str]]


def outcome(bench: Bench, *sources: object, **keys: object) -> Outcome:
    """Return id and subject of each problem. All must belong to the criterion."""
    problems = bench.survey(*sources, **keys).problems  # type: ignore[arg-type]
    assert {problem.criterion for problem in problems} <= {"parents-follow"}
    return [(problem.id, problem.subject) for problem in problems]


def counts(bench: Bench, *sources: object, **keys: object) -> list[int]:
    """Return the number of rows that each problem states first."""
    problems = bench.survey(*sources, **keys).problems  # type: ignore[arg-type]
    return [int(problem.what.split()[0]) for problem in problems]


def two_shops(
    bench: Bench, customers: str = "(1, 'Alice'), (2, 'Bob')", notes: str = "(1, 1, 'a')", encoding: str = "UTF-8"
) -> None:
    """Create a target and source b.db with customers and notes under the same ids."""
    bench.database(
        TARGET, CUSTOMERS, NOTES, f"INSERT INTO customers VALUES {customers}", f"INSERT INTO notes VALUES {notes}"
    )
    bench.database(
        "b.db",
        f"PRAGMA encoding='{encoding}'",
        CUSTOMERS,
        NOTES,
        "INSERT INTO customers VALUES (1, 'Xaver'), (3, 'Zoe')",
        "INSERT INTO notes VALUES (11, 1, 'x'), (12, 1, 'y'), (13, 3, 'z'), (14, NULL, 'none')",
    )


def test_parents_kept_apart_refuse_the_children(bench: Bench) -> None:
    """The children would refer to customers of the target."""
    two_shops(bench)
    plan = source("b.db", table("customers", into="b_customers"), "notes")

    assert outcome(bench, plan) == [("parents-elsewhere", "b.db:notes")]
    assert counts(bench, plan) == [3]


def test_parents_and_children_kept_apart_pass(bench: Bench) -> None:
    """The foreign key of the children follows the new name."""
    two_shops(bench)

    assert outcome(bench, source("b.db", table("customers", into="b_customers"), table("notes", into="b_notes"))) == []


def test_children_with_a_key_to_the_new_name_pass(bench: Bench) -> None:
    """The create text is one of the two ways out."""
    two_shops(bench)
    create = NOTES.replace("notes", "b_notes").replace("REFERENCES customers", "REFERENCES b_customers")
    notes = table("notes", into="b_notes", create=create)

    assert outcome(bench, source("b.db", table("customers", into="b_customers"), notes)) == []


def test_children_without_references_pass_beside_parents_kept_apart(bench: Bench) -> None:
    """A NULL refers to no row."""
    two_shops(bench)
    bench.execute("b.db", "DELETE FROM notes WHERE customer IS NOT NULL")

    assert outcome(bench, source("b.db", table("customers", into="b_customers"), "notes")) == []


def test_children_lose_their_foreign_key_without_being_led_elsewhere(bench: Bench) -> None:
    """The parents keep their keys in another table, and the target declares no foreign key."""
    two_shops(bench)
    notes = table("notes", into="b_notes", create="CREATE TABLE b_notes(id INTEGER PRIMARY KEY, customer, body)")

    assert outcome(bench, source("b.db", table("customers", into="b_customers"), notes)) == []


@pytest.mark.parametrize(
    ("name", "expected"), [("Xaver", []), ("Alice", [("parents-left-behind", "b.db:notes")])], ids=["same", "other"]
)
def test_parents_left_behind_need_equal_rows_in_the_target(bench: Bench, name: str, expected: Outcome) -> None:
    """The target has the same row under the key, or the children are refused."""
    two_shops(bench, customers=f"(1, '{name}'), (3, 'Zoe')")

    assert outcome(bench, source("b.db", "notes", leave={"customers": "in the target"})) == expected


def test_parents_left_behind_are_counted_by_their_children(bench: Bench) -> None:
    """Two notes would reach Alice, and one no row."""
    two_shops(bench)
    (problem,) = bench.survey(source("b.db", "notes", leave={"customers": "not needed"})).problems

    assert problem.id == "parents-left-behind"
    assert numbers_in(problem.what) == [3, 2, 1]
    assert problem.what.count("customers") > 1


def test_parent_row_may_come_from_another_source(bench: Bench) -> None:
    """What the target's table has after the run counts."""
    two_shops(bench, customers="(2, 'Bob')", notes="(1, 2, 'a')")
    bench.database("c.db", CUSTOMERS, "INSERT INTO customers VALUES (1, 'Xaver'), (3, 'Zoe')")

    assert outcome(bench, source("b.db", "notes", leave={"customers": "c has them"}), source("c.db", "customers")) == []


@pytest.mark.parametrize("policy", ["prefer-target", "prefer-source"])
def test_policy_that_drops_a_different_parent(bench: Bench, policy: str) -> None:
    """With prefer-source the source's parents stay."""
    two_shops(bench, notes="(1, 2, 'a')")
    expected = [("parents-differ", "b.db:notes")] if policy == "prefer-target" else []

    plan = source("b.db", table("customers", on_conflict=policy), "notes")

    assert outcome(bench, plan) == expected
    # The other policy would give the rows of the target other parents instead.
    assert all("prefer-" not in problem.hint for problem in bench.survey(plan).problems)


@pytest.mark.parametrize("policy", ["prefer-target", "prefer-source", "skip-identical"])
def test_identical_parents_pass_with_each_policy(bench: Bench, policy: str) -> None:
    """It does not matter which of two equal rows stays."""
    two_shops(bench, customers="(1, 'Xaver')")

    assert outcome(bench, source("b.db", table("customers", on_conflict=policy), "notes")) == []


def test_parent_of_another_storage_class_is_different(bench: Bench) -> None:
    """SQLite compares 1 and 1.0 as equal."""
    create = "CREATE TABLE customers(id INTEGER PRIMARY KEY, v)"
    bench.database(TARGET, create, NOTES, "INSERT INTO customers VALUES (1, 1.0)")
    bench.database("b.db", create, NOTES, "INSERT INTO customers VALUES (1, 1)", "INSERT INTO notes VALUES (7, 1, '')")

    plan = source("b.db", table("customers", on_conflict="prefer-target"), "notes")
    assert outcome(bench, plan) == [("parents-differ", "b.db:notes")]


def test_later_source_replaces_a_parent_of_an_earlier_one(bench: Bench) -> None:
    """The children of the first source would reach the parent of the second."""
    bench.database(
        "a.db", CUSTOMERS, NOTES, "INSERT INTO customers VALUES (1, 'A')", "INSERT INTO notes VALUES (1, 1, '')"
    )
    bench.database("b.db", CUSTOMERS, "INSERT INTO customers VALUES (1, 'B')")
    policy = table("customers", on_conflict="prefer-source")

    sources = source("a.db", policy, "notes"), source("b.db", policy)
    assert outcome(bench, *sources) == [("parents-differ", "a.db:notes")]


def test_parent_dropped_by_another_key_refuses_its_children(bench: Bench) -> None:
    """The same site has another id in the target, and its events refer to the id."""
    site = "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT UNIQUE)"
    event = "CREATE TABLE event(id INTEGER PRIMARY KEY, site INTEGER NOT NULL REFERENCES site(id))"
    bench.database(TARGET, site, event, "INSERT INTO site VALUES (1, 'RIDGE'), (2, 'LAKE')")
    bench.database(
        "b.db",
        site,
        event,
        "INSERT INTO site VALUES (1, 'LAKE'), (2, 'SWAMP'), (4, 'RIDGE')",
        "INSERT INTO event VALUES (101, 1), (102, 2), (103, 1), (104, 4)",
    )
    (problem,) = bench.survey(source("b.db", table("site", on_conflict="prefer-target"), "event")).problems

    assert problem.id == "parents-differ"
    assert numbers_in(problem.what) == [4, 3, 1]


def test_dropped_children_do_not_count(bench: Bench) -> None:
    """The target has another note under each key, so no note of the source arrives."""
    two_shops(bench, notes="(11, 2, 'p'), (12, 2, 'q'), (13, 2, 'r')")
    prefer = {"on_conflict": "prefer-target"}

    assert outcome(bench, source("b.db", table("customers", **prefer), table("notes", **prefer))) == []


def test_own_children_of_a_replaced_parent_are_a_finding(bench: Bench) -> None:
    """The target's note on Alice would be one on Xaver."""
    two_shops(bench, notes="(1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c')")
    inspected = bench.survey(source("b.db", table("customers", on_conflict="prefer-source"), "notes"))

    assert inspected.problems == []
    findings = [(f.id, f.level, f.subject, f.count) for f in inspected.findings if f.id == "parents-replaced"]
    assert findings == [("parents-replaced", "attention", "target.db:notes", 2)]


def test_own_children_of_an_identical_parent_are_no_finding(bench: Bench) -> None:
    """A row that is replaced by an equal one keeps its meaning."""
    two_shops(bench, customers="(1, 'Xaver')")
    inspected = bench.survey(source("b.db", table("customers", on_conflict="prefer-source"), "notes"))

    assert [finding.id for finding in inspected.findings if finding.id == "parents-replaced"] == []


def test_dangling_reference_must_not_find_a_target_row(bench: Bench) -> None:
    """Note 15 refers to a customer that the source does not have, and the target has."""
    two_shops(bench, customers="(2, 'Bob')", notes="(1, 2, 'a')")
    bench.execute("b.db", "INSERT INTO notes VALUES (15, 2, 'dangling')")

    assert outcome(bench, source("b.db", "customers", "notes")) == [("orphans-adopted", "b.db:notes")]
    assert counts(bench, source("b.db", "customers", "notes")) == [1]


def test_dangling_reference_that_stays_dangling_passes(bench: Bench) -> None:
    """There is no row on either side."""
    two_shops(bench, customers="(2, 'Bob')", notes="(1, 2, 'a')")
    bench.execute("b.db", "INSERT INTO notes VALUES (15, 99, 'dangling')")

    assert outcome(bench, source("b.db", "customers", "notes")) == []


@pytest.mark.parametrize("parents", [[], [CUSTOMERS]], ids=["no table", "no row"])
def test_reference_to_a_table_without_rows_is_a_finding(bench: Bench, parents: list[str]) -> None:
    """The rows may have been meant for the other database, so a reader has to judge."""
    bench.database(TARGET, CUSTOMERS, NOTES, "INSERT INTO customers VALUES (1, 'Alice')")
    bench.database("b.db", *parents, NOTES, "INSERT INTO notes VALUES (11, 1, 'x'), (12, 5, 'y')")

    inspected = bench.survey(source("b.db", "notes"))

    assert inspected.problems == []
    findings = [(f.level, f.subject, f.count) for f in inspected.findings if f.id == "parents-found"]
    assert findings == [("attention", "b.db:notes", 1)]


def test_parents_found_of_several_files_are_one_sum(bench: Bench) -> None:
    """A pattern has many files, and one finding has the rows of all."""
    bench.database(TARGET, CUSTOMERS, NOTES, "INSERT INTO customers VALUES (1, 'Alice')")
    bench.database("b.db", NOTES, "INSERT INTO notes VALUES (11, 1, 'x')")
    bench.database("c.db", NOTES, "INSERT INTO notes VALUES (21, 1, 'x'), (22, 1, 'y')")

    inspected = bench.survey(source("b.db", "notes"), source("c.db", "notes"))

    [finding] = [each for each in merge_findings(inspected.findings) if each.id == "parents-found"]
    assert finding.count == 3
    assert "3 rows" in finding.text


def test_foreign_key_that_only_the_target_declares_is_followed(bench: Bench) -> None:
    """The source has the parents under the same name, without a declaration."""
    bench.database(TARGET, CUSTOMERS, NOTES, "INSERT INTO customers VALUES (1, 'Alice')")
    bench.database(
        "b.db",
        CUSTOMERS,
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER, body)",
        "INSERT INTO customers VALUES (1, 'Xaver')",
        "INSERT INTO notes VALUES (11, 1, 'x')",
    )

    plan = source("b.db", table("customers", into="b_customers"), "notes")
    assert outcome(bench, plan) == [("parents-elsewhere", "b.db:notes")]


NODE = "CREATE TABLE node(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES node(id), name TEXT)"


def test_tree_whose_inner_row_is_dropped_is_refused(bench: Bench) -> None:
    """The tag '2025' is below 'trip' in the source and would be below 'home'."""
    bench.database(TARGET, NODE, "INSERT INTO node VALUES (1, NULL, 'work'), (3, NULL, 'home')")
    bench.database("b.db", NODE, "INSERT INTO node VALUES (1, NULL, 'work'), (3, NULL, 'trip'), (4, 3, '2025')")

    plan = source("b.db", table("node", on_conflict="prefer-target"))
    assert outcome(bench, plan) == [("parents-differ", "b.db:node")]


def test_tree_that_is_merged_with_equal_inner_rows_passes(bench: Bench) -> None:
    """Only the leaf is new."""
    bench.database(TARGET, NODE, "INSERT INTO node VALUES (1, NULL, 'work'), (2, 1, 'urgent')")
    bench.database("b.db", NODE, "INSERT INTO node VALUES (1, NULL, 'work'), (2, 1, 'urgent'), (4, 2, '2025')")

    assert outcome(bench, source("b.db", table("node", on_conflict="skip-identical"))) == []


PAIR = "CREATE TABLE pair(a, b, v, PRIMARY KEY(a, b))"
LINK = "CREATE TABLE link(id INTEGER PRIMARY KEY, x, y, FOREIGN KEY(y, x) REFERENCES pair(b, a))"


def test_composite_key_is_followed_column_by_column(bench: Bench) -> None:
    """The target declares the same foreign key in another order of columns."""
    bench.database(
        TARGET,
        PAIR,
        LINK.replace("(y, x) REFERENCES pair(b, a)", "(x, y) REFERENCES pair"),
        "INSERT INTO pair VALUES (1, 2, 'o')",
    )
    bench.database(
        "b.db",
        PAIR,
        LINK,
        "INSERT INTO pair VALUES (1, 2, 's'), (2, 1, 's')",
        "INSERT INTO link VALUES (1, 1, 2), (2, 2, 1), (3, 1, NULL)",
    )
    plan = source("b.db", table("pair", on_conflict="prefer-target"), "link")

    assert outcome(bench, plan) == [("parents-differ", "b.db:link")]
    assert counts(bench, plan) == [1]


def test_collation_of_the_parent_key_counts(bench: Bench) -> None:
    """Only the target's key takes 'A' and 'a' for one. In the source 'a' has no row."""
    code = "CREATE TABLE code(c TEXT {} PRIMARY KEY, v)"
    use = "CREATE TABLE use(id INTEGER PRIMARY KEY, c TEXT REFERENCES code(c))"
    bench.database(TARGET, code.format("COLLATE NOCASE"), use)
    bench.database("b.db", code.format(""), use, "INSERT INTO code VALUES ('A', 1)", "INSERT INTO use VALUES (1, 'a')")

    assert outcome(bench, source("b.db", "code", "use")) == [("orphans-adopted", "b.db:use")]


def test_affinity_of_the_parent_key_counts(bench: Bench) -> None:
    """A text that looks like a number refers to a key that is a number."""
    use = "CREATE TABLE use(id INTEGER PRIMARY KEY, customer TEXT REFERENCES customers(id))"
    bench.database(TARGET, CUSTOMERS, use, "INSERT INTO customers VALUES (1, 'Alice')")
    bench.database(
        "b.db", CUSTOMERS, use, "INSERT INTO customers VALUES (1, 'Xaver')", "INSERT INTO use VALUES (1, '1')"
    )

    plan = source("b.db", table("customers", on_conflict="prefer-target"), "use")
    assert outcome(bench, plan) == [("parents-differ", "b.db:use")]


def test_key_that_both_tables_compute_is_followed(bench: Bench) -> None:
    """The policy keeps the target's row 1, and its key is another one."""
    parent = "CREATE TABLE p(id INTEGER PRIMARY KEY, v, g AS (v * 2) UNIQUE)"
    child = "CREATE TABLE ch(id INTEGER PRIMARY KEY, r REFERENCES p(g))"
    bench.database(TARGET, parent, child, "INSERT INTO p(id, v) VALUES (1, 7)")
    bench.database("b.db", parent, child, "INSERT INTO p(id, v) VALUES (1, 5)", "INSERT INTO ch VALUES (1, 10)")

    plan = source("b.db", table("p", on_conflict="prefer-target"), "ch")
    assert outcome(bench, plan) == [("parents-differ", "b.db:ch")]


def test_renamed_columns_are_followed(bench: Bench) -> None:
    """The plan renames the key, the reference and the table."""
    bench.database(
        TARGET,
        "CREATE TABLE people(no INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE memo(id INTEGER PRIMARY KEY, who INTEGER REFERENCES people(no), body)",
        "INSERT INTO people VALUES (1, 'Alice'), (3, 'Zoe')",
    )
    bench.database(
        "b.db",
        CUSTOMERS,
        NOTES,
        "INSERT INTO customers VALUES (1, 'Xaver'), (3, 'Zoe')",
        "INSERT INTO notes VALUES (11, 1, 'x'), (13, 3, 'z')",
    )
    people = table("customers", into="people", columns={"id": "no"}, on_conflict="prefer-target")
    plan = source("b.db", people, table("notes", into="memo", columns={"customer": "who"}))

    assert outcome(bench, plan) == [("parents-differ", "b.db:notes")]
    assert counts(bench, plan) == [1]


@pytest.mark.parametrize("policy", ["prefer-target", "skip-identical"])
def test_staged_source_is_followed_like_any_other(bench: Bench, policy: str) -> None:
    """Its text has another encoding, so its rows are read from a staging database."""
    two_shops(bench, "(1, 'Alice')" if policy == "prefer-target" else "(1, 'Xaver')", encoding="UTF-16le")
    expected = [("parents-differ", "b.db:notes")] if policy == "prefer-target" else []

    assert outcome(bench, source("b.db", table("customers", on_conflict=policy), "notes")) == expected


@pytest.mark.parametrize("name", ["Xaver", "Alice"])
def test_parents_left_behind_by_a_staged_source_are_read(bench: Bench, name: str) -> None:
    """Their table is not moved, and is staged all the same."""
    two_shops(bench, customers=f"(1, '{name}'), (3, 'Zoe')", encoding="UTF-16le")
    expected = [] if name == "Xaver" else [("parents-left-behind", "b.db:notes")]

    assert outcome(bench, source("b.db", "notes", leave={"customers": "in the target"})) == expected


def test_more_sources_than_can_be_attached_are_followed(bench: Bench) -> None:
    """The eighth and later ones are staged. Only the tenth has a parent that is dropped."""
    bench.database(TARGET, CUSTOMERS, NOTES, "INSERT INTO customers VALUES (10, 'Alice')")
    sources = []
    for number in range(1, 11):
        bench.database(
            f"s{number}.db",
            CUSTOMERS,
            NOTES,
            f"INSERT INTO customers VALUES ({number}, 'customer {number}')",
            f"INSERT INTO notes VALUES ({number}, {number}, '')",
        )
        sources.append(source(f"s{number}.db", table("customers", on_conflict="prefer-target"), "notes"))

    assert outcome(bench, *sources) == [("parents-differ", "s10.db:notes")]
