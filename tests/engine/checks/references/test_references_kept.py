"""Specify that COMMIT is refused if a moved row reaches another row."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table

CUSTOMERS = "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, code TEXT COLLATE NOCASE UNIQUE)"
NOTES = (
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id),"
    " code REFERENCES customers(code))"
)
BY_ID, BY_CODE = "b.db:notes (customer) -> customers", "b.db:notes (code) -> customers"
CHANGES = {
    "another value": ("UPDATE customers SET name = 'Yves' WHERE id = 1", [BY_ID, BY_CODE]),
    "another type": ("UPDATE customers SET name = CAST(name AS BLOB) WHERE id = 1", [BY_ID, BY_CODE]),
    "parents exchanged": ("UPDATE customers SET name = iif(id = 1, 'Zoe', 'Xaver') WHERE id <> 2", [BY_ID, BY_CODE]),
    "a parent is lost": ("DELETE FROM customers WHERE id = 3", [BY_ID]),
    "an orphan finds a row": ("INSERT INTO customers VALUES (99, 'New', 'new')", [BY_ID]),
    "a row nothing refers to": ("UPDATE customers SET name = 'Yves' WHERE id = 2", []),
}


@pytest.fixture
def moved(bench: Bench) -> Copied:
    """Lend a consolidation of customers and their notes, before COMMIT."""
    bench.database(TARGET, CUSTOMERS, NOTES, "INSERT INTO customers VALUES (2, 'Bob', 'bob')")
    bench.database(
        "b.db",
        CUSTOMERS,
        NOTES,
        "INSERT INTO customers VALUES (1, 'Xaver', 'XAV'), (3, 'Zoe', 'ZOE')",
        "INSERT INTO notes VALUES (11, 1, 'xav'), (12, 3, NULL), (13, 99, 'Xav')",
    )
    return bench.copied(source("b.db", "customers", "notes"))


def test_each_reference_of_a_right_result_holds(moved: Copied) -> None:
    """Each reference is an observation with the number of its keys."""
    observations = references_kept(moved.compared)

    assert failed_subjects(observations) == []
    assert {(o.subject, o.examined) for o in observations} == {(BY_ID, 3), (BY_CODE, 2)}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_reference_that_leads_to_another_row_fails(moved: Copied, change: str, expected: list[str]) -> None:
    """The rows that refer are unchanged, and the rows that they reach are compared."""
    moved.con.execute(change)

    assert failed_subjects(references_kept(moved.compared)) == expected


def test_missing_table_fails_its_references(moved: Copied) -> None:
    """Both references need the table."""
    moved.con.execute("DROP TABLE customers")

    assert failed_subjects(references_kept(moved.compared)) == [BY_ID, BY_CODE]


def test_result_is_read_without_a_write(moved: Copied) -> None:
    """COMMIT is refused after any write to a database or to a temporary table."""
    before = moved.con.total_changes
    references_kept(moved.compared)

    assert moved.con.total_changes == before


def test_tables_without_references_are_examined(bench: Bench) -> None:
    """The observation says so, and is not left out."""
    bench.database("a.db", "CREATE TABLE t(id)", "INSERT INTO t VALUES (1)")

    (observation,) = references_kept(bench.copied(source("a.db", "t")).compared)
    assert observation.holds
    assert observation.examined == 1


def test_plan_without_tables_demands_nothing(bench: Bench) -> None:
    """There is no row whose reference could be followed."""
    bench.database(TARGET, CUSTOMERS)
    bench.database("a.db", "CREATE TABLE t(id)", "INSERT INTO t VALUES (1)")

    (observation,) = references_kept(bench.copied(source("a.db", leave={"t": "not needed"})).compared)
    assert observation.outcome == "not required"


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_parents_left_behind_are_compared_with_target_rows(bench: Bench, encoding: str) -> None:
    """A source in another encoding is read from the staging database."""
    bench.database(TARGET, CUSTOMERS, NOTES, "INSERT INTO customers VALUES (1, 'Xaver', 'XAV')")
    bench.database(
        "b.db",
        f"PRAGMA encoding='{encoding}'",
        CUSTOMERS,
        NOTES,
        "INSERT INTO customers VALUES (1, 'Xaver', 'XAV')",
        "INSERT INTO notes VALUES (11, 1, 'xav')",
    )
    moved = bench.copied(source("b.db", "notes", leave={"customers": "in the target"}))

    assert failed_subjects(references_kept(moved.compared)) == []
    moved.con.execute("UPDATE customers SET name = 'Yves'")
    assert failed_subjects(references_kept(moved.compared)) == [BY_ID, BY_CODE]


def test_rows_that_a_policy_dropped_are_not_followed(bench: Bench) -> None:
    """Note 11 of the source did not arrive, so its customer does not matter."""
    bench.database(
        TARGET,
        CUSTOMERS,
        NOTES,
        "INSERT INTO customers VALUES (1, 'Alice', 'ali')",
        "INSERT INTO notes VALUES (11, 1, NULL)",
    )
    bench.database(
        "b.db",
        CUSTOMERS,
        NOTES,
        "INSERT INTO customers VALUES (1, 'Xaver', 'XAV'), (3, 'Zoe', 'ZOE')",
        "INSERT INTO notes VALUES (11, 1, 'xav'), (12, 3, 'zoe')",
    )
    prefer = {"on_conflict": "prefer-target"}
    moved = bench.copied(source("b.db", table("customers", **prefer), table("notes", **prefer)))

    observations = references_kept(moved.compared)
    assert failed_subjects(observations) == []
    assert {(o.subject, o.examined) for o in observations} == {(BY_ID, 1), (BY_CODE, 1)}


def test_new_numbers_of_chosen_rows_are_compared(bench: Bench) -> None:
    """Rows that ``where`` leaves behind are not among them."""
    notes = "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), kind TEXT)"
    rows = (
        "INSERT INTO customers VALUES (1, 'Xaver', 'XAV'), (3, 'Zoe', 'ZOE')",
        "INSERT INTO notes VALUES (11, 1, 'kept'), (12, 3, 'kept'), (13, 1, 'draft')",
    )
    bench.database(TARGET, CUSTOMERS, notes, "INSERT INTO customers VALUES (2, 'Bob', 'bob'), (4, 'Eve', 'eve')")
    bench.database("b.db", CUSTOMERS, notes, *rows)
    chosen = table("notes", where="kind <> 'draft'", reason="drafts are not kept")
    moved = bench.copied(source("b.db", "customers", chosen).model_copy(update={"keys_": "renumber"}))

    assert failed_subjects(references_kept(moved.compared)) == []
    moved.con.execute("UPDATE notes SET customer = 2 WHERE id = (SELECT max(id) FROM notes)")
    assert failed_subjects(references_kept(moved.compared)) == ["target: notes (customer) -> customers"]


def test_references_of_an_index_are_not_sorted(bench: Bench) -> None:
    """SQLite may sort in memory, and the number of keys has no limit."""
    notes = "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id))"
    tables = (CUSTOMERS, notes, "CREATE INDEX notes_customer ON notes(customer)")
    bench.database(TARGET, *tables, "INSERT INTO customers VALUES (2, 'Bob', 'bob')")
    bench.database(
        "b.db", *tables, "INSERT INTO customers VALUES (1, 'Xaver', 'XAV')", "INSERT INTO notes VALUES (1, 1)"
    )
    moved = bench.copied(source("b.db", "customers", "notes").model_copy(update={"keys_": "renumber"}))
    statements: list[str] = []

    moved.con.set_trace_callback(statements.append)
    assert failed_subjects(references_kept(moved.compared)) == []
    moved.con.set_trace_callback(None)

    grouping = [statement for statement in statements if "GROUP BY" in statement]
    plans = [row[3] for each in grouping for row in moved.con.execute(f"EXPLAIN QUERY PLAN {each}")]
    assert any("COVERING INDEX notes_customer" in plan for plan in plans)
    assert not any("TEMP B-TREE" in plan for plan in plans)


STOCK = (
    "CREATE TABLE prod(id INTEGER PRIMARY KEY, ean TEXT UNIQUE, sku TEXT UNIQUE, n INTEGER)",
    "CREATE TABLE stock(id INTEGER PRIMARY KEY, sku TEXT REFERENCES prod(sku), n INTEGER)",
)
UPDATES = {
    "as before": ("UPDATE prod SET n = 9", []),
    "no parent": ("UPDATE prod SET sku = 's9' WHERE id = 1", ["target.db:stock (sku) -> prod"]),
    "another parent": (
        "UPDATE OR REPLACE prod SET sku = 's1' WHERE id = 3",
        ["target.db:stock (sku) -> prod"],
    ),
    "a parent for none": ("UPDATE prod SET sku = 'lost' WHERE id = 3", ["target.db:stock (sku) -> prod"]),
    "another reference": ("UPDATE stock SET sku = 's2' WHERE id = 1", []),
}


@pytest.mark.parametrize(("change", "expected"), UPDATES.values(), ids=UPDATES)
def test_rows_of_target_reach_parents_that_were_updated(bench: Bench, change: str, expected: list[str]) -> None:
    """Rows match by ean, and the target refers by sku, which a matched row may update."""
    rows = "INSERT INTO stock VALUES (1, 's1', 0), (2, 's2', 0), (3, 'lost', 0), (4, NULL, 0)"
    bench.database(
        TARGET, *STOCK, "INSERT INTO prod VALUES (1, 'e1', 's1', 0), (2, 'e2', 's2', 0), (3, 'e3', 's3', 0)", rows
    )
    bench.database("b.db", STOCK[0], "INSERT INTO prod VALUES (1, 'e2', 's2', 5), (2, 'e4', 's4', 5)")
    maps = table("prod", keys="renumber", match=["ean"], on_conflict="prefer-source")
    moved = bench.copied(source("b.db", maps))

    moved.con.execute(change)

    observations = references_kept(moved.compared)
    assert failed_subjects(observations) == expected
    assert ("target.db:stock (sku) -> prod", 3) in {
        (each.subject, each.examined) for each in observations
    } or not expected


def test_backup_is_read_beside_as_many_sources_as_possible(bench: Bench) -> None:
    """SQLite attaches ten databases, and sources, their copies and the key map are there."""
    bench.database(
        TARGET, *STOCK, "INSERT INTO prod VALUES (1, 'e1', 's1', 0)", "INSERT INTO stock VALUES (1, 's1', 0)"
    )
    bench.database("b.db", STOCK[0], "INSERT INTO prod VALUES (2, 'e1', 's1', 5)")
    for number in range(9):
        bench.database(f"c{number}.db", f"CREATE TABLE t{number}(id)", f"INSERT INTO t{number} VALUES (1)")
    others = [source(f"c{number}.db", f"t{number}") for number in range(9)]
    maps = table("prod", keys="renumber", match=["ean"], on_conflict="prefer-source")

    moved = bench.copied(source("b.db", maps), *others)

    assert failed_subjects(keys_mapped(moved.compared)) == []
    assert failed_subjects(references_kept(moved.compared)) == []
