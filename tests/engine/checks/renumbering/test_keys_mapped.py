"""Specify that COMMIT is refused if a renumbered key or reference has another number."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import marks_carried, rows_exact
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering import key_offsets
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)"
LOAN = "CREATE TABLE loan(id INTEGER PRIMARY KEY, site INT REFERENCES site(id), up INT REFERENCES loan(id), what)"
B, C = "b.db:site -> site", "c.db:site -> site"
LOAN_SITE, LOAN_UP = "target: loan (site) -> site", "target: loan (up) -> loan"
CHANGES = {
    "an offset off by one for one row": ("UPDATE site SET id = 100 WHERE id = 16", [B], [LOAN_SITE]),
    "a child left at its old id": ("UPDATE loan SET site = 1 WHERE what = 'b1'", ["loan.site"], [LOAN_SITE]),
    "children exchanged": (
        "UPDATE loan SET site = iif(what = 'b1', 17, 16) WHERE what IN ('b1', 'b2')",
        [],
        [LOAN_SITE],
    ),
    "a sentinel moved": ("UPDATE loan SET site = 14 WHERE what = 'none'", ["loan.site"], []),
    "a parent of the same table": ("UPDATE loan SET up = 1 WHERE what = 'b2'", ["loan.up"], [LOAN_UP]),
    "a row of the target taken over": ("UPDATE site SET id = 15 WHERE id = 16", [B], [LOAN_SITE]),
    "a missing column": ("ALTER TABLE loan DROP COLUMN site", ["loan.site"], None),
}


@pytest.fixture
def moved(bench: Bench) -> Copied:
    """Lend a consolidation of two sources whose keys are renumbered, before COMMIT."""
    bench.database(
        TARGET,
        SITE,
        LOAN,
        "INSERT INTO site VALUES (1, 'Ada'), (15, 'Old')",
        "INSERT INTO loan VALUES (1, 1, 1, 't')",
        "DELETE FROM site WHERE id = 15",
    )
    rows = "INSERT INTO loan VALUES (1, 1, NULL, 'b1'), (2, 2, 1, 'b2'), (3, -1, 3, 'none'), (4, NULL, 77, 'lost')"
    bench.database("b.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'Bob'), (2, 'Eve')", rows)
    bench.database(
        "c.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'Cid')", "INSERT INTO loan VALUES (9, 1, NULL, 'c')"
    )
    return bench.copied(
        *(source(f"{name}.db", table("loan", keys="renumber"), table("site", keys="renumber")) for name in "bc")
    )


def test_source_without_rows_may_follow_the_largest_key(bench: Bench) -> None:
    """No key can be above it, and none has to be."""
    site = "CREATE TABLE site(id INTEGER PRIMARY KEY, name)"
    for name, rows in ((TARGET, []), ("b.db", ["(1, 'b')"]), ("c.db", [f"({2**63 - 2}, 'c')"]), ("d.db", [])):
        bench.database(name, site, *(f"INSERT INTO site VALUES {row}" for row in rows))

    copied = bench.copied(*(source(f"{name}.db", table("site", keys="renumber")) for name in "bcd"))

    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_right_mapping_holds(moved: Copied) -> None:
    """Each key and each column is an observation, and what was computed twice is equal."""
    observations = list(keys_mapped(moved.compared))

    assert failed_subjects(observations) == []
    assert [o.subject for o in observations] == [
        "b.db:loan -> loan", B, "c.db:loan -> loan", C, "loan.site", "loan.up",
    ]  # fmt: skip
    assert moved.rows("SELECT id, name FROM site") == [(1, "Ada"), (16, "Bob"), (17, "Eve"), (18, "Cid")]
    assert failed_subjects(references_kept(moved.compared)) == []
    assert failed_subjects([*rows_exact(moved.compared), *marks_carried(moved.compared)]) == []


@pytest.mark.parametrize(("change", "keys", "references"), CHANGES.values(), ids=CHANGES)
def test_wrong_number_is_noticed(moved: Copied, change: str, keys: list[str], references: list[str] | None) -> None:
    """Numbers are compared by their columns, and references by the content of both rows."""
    moved.con.execute(change)

    assert failed_subjects(keys_mapped(moved.compared)) == keys
    if references is not None:
        subjects = failed_subjects(references_kept(moved.compared))
        assert [subject for subject in subjects if subject.startswith("target: ")] == references


def test_number_of_none_is_proved_to_stay(bench: Bench) -> None:
    """The proof computes a second time which rows have it."""
    rows = ["INSERT INTO site VALUES (7, 'x')", "INSERT INTO loan VALUES (1, 7, 1, 'x'), (2, 9999, 9999, 'none')"]
    for file in (TARGET, "b.db", "c.db"):
        bench.database(file, SITE, LOAN, *rows)
    loan = table("loan", keys="renumber", none=[9999, 7])
    moved = bench.copied(*(source(f"{name}.db", loan, table("site", keys="renumber")) for name in "bc"))

    assert failed_subjects([*keys_mapped(moved.compared), *references_kept(moved.compared)]) == []
    assert moved.rows("SELECT max(id) FROM site") == [(21,)]
    moved.con.execute("UPDATE loan SET site = 10006 WHERE id = 4")
    assert failed_subjects(keys_mapped(moved.compared)) == ["loan.site"]


def test_two_rows_on_one_id_are_noticed(moved: Copied) -> None:
    """A table that lost its key could have them."""
    for statement in (
        "CREATE TABLE other AS SELECT * FROM site",
        "DROP TABLE site",
        "ALTER TABLE other RENAME TO site",
    ):
        moved.con.execute(statement)
    moved.con.execute("UPDATE site SET id = 17 WHERE id = 16")

    assert failed_subjects(keys_mapped(moved.compared)) == [B]


def test_low_mark_is_noticed(moved: Copied) -> None:
    """SQLite would give a key out again."""
    moved.con.execute("UPDATE sqlite_sequence SET seq = 17")

    assert failed_subjects(marks_carried(moved.compared)) == ["site: AUTOINCREMENT"]


def test_offset_is_computed_a_second_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose preflight has chosen another number is refused."""
    monkeypatch.setattr(key_offsets, "offset_above", lambda *_numbers: 50)
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (1, 'Ada')")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1, 'Bob')")
    moved = bench.copied(source("b.db", table("site", keys="renumber")))

    assert failed_subjects(keys_mapped(moved.compared)) == [B]


def test_plan_that_keeps_keys_demands_nothing(bench: Bench) -> None:
    """There is no new key."""
    bench.database("a.db", SITE, "INSERT INTO site VALUES (1, 'a')")

    (observation,) = keys_mapped(bench.copied(source("a.db", "site")).compared)
    assert observation.outcome == "not required"


def test_result_is_read_without_a_write(moved: Copied) -> None:
    """COMMIT is refused after any write."""
    before = moved.con.total_changes
    list(keys_mapped(moved.compared))
    references_kept(moved.compared)

    assert moved.con.total_changes == before


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_staged_source_is_proved_as_well(bench: Bench, encoding: str) -> None:
    """A source in another encoding is read from the staging database."""
    bench.database(TARGET, SITE, LOAN, "INSERT INTO site VALUES (1, 'Ada')")
    setup = f"PRAGMA encoding='{encoding}'"
    bench.database(
        "b.db", setup, SITE, LOAN, "INSERT INTO site VALUES (1, 'Bob')", "INSERT INTO loan VALUES (1, 1, 1, 'x')"
    )
    moved = bench.copied(source("b.db", table("loan", keys="renumber"), table("site", keys="renumber")))

    assert failed_subjects([*keys_mapped(moved.compared), *references_kept(moved.compared)]) == []
    assert moved.rows("SELECT site, up FROM loan") == [(2, 1)]
    moved.con.execute("UPDATE loan SET site = 1")
    assert LOAN_SITE in failed_subjects(references_kept(moved.compared))


def test_renamed_tables_and_columns_follow(bench: Bench) -> None:
    """Names differ between source, target and plan, in case as well."""
    bench.database(
        TARGET,
        "CREATE TABLE places(pid INTEGER PRIMARY KEY, n)",
        "CREATE TABLE visits(k INTEGER PRIMARY KEY, place INT REFERENCES places(pid), what)",
        "INSERT INTO places VALUES (9, 't')",
        "INSERT INTO visits VALUES (1, 9, 'x'), (2, 40, 'lost')",
    )
    bench.database(
        "b.db",
        "CREATE TABLE Site(ID INTEGER PRIMARY KEY, name)",
        "CREATE TABLE loan(Id INTEGER PRIMARY KEY, SITE INT REFERENCES sITE, what)",
        "INSERT INTO Site VALUES (1, 'b1'), (2, 'b2')",
        "INSERT INTO loan VALUES (1, 2, 'l1'), (7, NULL, 'l7'), (8, 1, 'l8')",
    )
    loan = table("Loan", into="visits", columns={"id": "k", "site": "place"}, keys="renumber")
    site = table("SITE", into="places", columns={"ID": "pid", "name": "n"}, keys="renumber")

    moved = bench.copied(source("b.db", loan, site))

    reached = "SELECT v.what, p.n FROM visits AS v LEFT JOIN places AS p ON p.pid = v.place ORDER BY 1"
    assert moved.rows(reached) == [("l1", "b2"), ("l7", None), ("l8", "b1"), ("lost", None), ("x", "t")]
    assert failed_subjects([*keys_mapped(moved.compared), *references_kept(moved.compared)]) == []


def test_two_tables_into_one_have_two_offsets(bench: Bench) -> None:
    """The second is above the first."""
    create = "CREATE TABLE {}(id INTEGER PRIMARY KEY, name)"
    child = "CREATE TABLE c(x REFERENCES p(id), y REFERENCES {}(id))"
    bench.database("b.db", create.format("p"), create.format("q"), child.format("q"))
    rows = ("INSERT INTO p VALUES (1, 'a')", "INSERT INTO q VALUES (1, 'b'), (-4, 'c')", "INSERT INTO c VALUES (1, -4)")
    bench.execute("b.db", *rows)
    maps = (table("p", keys="renumber"), table("q", into="p", keys="renumber"), table("c", create=child.format("p")))

    moved = bench.copied(source("b.db", *maps))

    assert moved.rows("SELECT * FROM p ORDER BY id") == [(1, "a"), (2, "c"), (7, "b")]
    assert moved.rows("SELECT * FROM c") == [(1, 2)]
    assert failed_subjects([*keys_mapped(moved.compared), *references_kept(moved.compared)]) == []
