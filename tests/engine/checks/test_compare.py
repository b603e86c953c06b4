"""Every comparison can fail: one seeded difference turns its own observation red, the clean case is green."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks import compare, compare_structure
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.plan.model import RequiredTable
from tests.support.comparisons import consolidation, every, said
from tests.support.databases import TARGET, Bench, Copied, source, table, wrong

if TYPE_CHECKING:
    from sqlite_consolidate.engine.checks.compare import Compared
    from sqlite_consolidate.plan.model import Plan


@pytest.fixture
def copied(bench: Bench) -> Copied:
    """A consolidation, as it is before COMMIT."""
    return consolidation(bench)


def red(copied: Copied) -> dict[str, list[str]]:
    """Return the comparisons that do not hold, with their subjects."""
    return {name: subjects for name, seen in every(copied).items() if (subjects := wrong(seen))}


def test_a_faithful_copy_is_green_everywhere(copied: Copied) -> None:
    """The control: none of the comparisons cries wolf, and none has nothing to say."""
    assert red(copied) == {}
    assert all(one.expected and one.observed for seen in every(copied).values() for one in seen)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM tasks WHERE id = 5", {"rows_counted": ["target: tasks"], "rows_exact": ["tasks"]}),
        ("INSERT INTO tasks(a) VALUES('s')", {"rows_counted": ["target: tasks"], "rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = '2' WHERE id = 5", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = 2.0 WHERE id = 5", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = b * -1.0 WHERE id = 1", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = x'' WHERE id = 7", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET a = cast(a AS BLOB) WHERE id = 1", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET a = b, b = a", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET id = 6 WHERE id = 5", {"rows_exact": ["tasks"]}),
        ("UPDATE log SET what = 'after' WHERE rowid = 1", {"rows_exact": ["log"]}),
        ("UPDATE log SET rowid = 42 WHERE rowid = 41", {"rows_exact": ["log"]}),
        (
            "INSERT INTO log VALUES('same')",
            {"rows_counted": ["target: log"], "rows_exact": ["log"], "no_duplicates": ["log (no key declared)"]},
        ),
        ("DROP INDEX by_a", {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["tasks: indexes"]}),
        ("UPDATE tasks SET who = 'y' WHERE id = 7", {"rows_exact": ["tasks"], "foreign_keys": ["tasks -> people"]}),
        ("UPDATE own SET v = 'c' WHERE id = 2", {"neighbours": ["own"]}),
        ("DELETE FROM own WHERE id = 2", {"neighbours": ["own"]}),
        ("DROP INDEX own_v", {"schema_as_planned": ["own: indexes"], "neighbours": ["own"]}),
        ("CREATE INDEX more ON own(v, id)", {"schema_as_planned": ["own: indexes"], "neighbours": ["own"]}),
        ("PRAGMA user_version=8", {"neighbours": ["target: user_version"]}),
        ("PRAGMA application_id=8", {"neighbours": ["target: application_id"]}),
        ("CREATE TABLE extra(n)", {"schema_as_planned": ["target: tables", "extra"]}),
        (
            "DROP TABLE runs",
            {"tables_created": ["runs"], "schema_as_planned": ["target: tables", "runs"]},
        ),
        ("DROP TRIGGER up", {"triggers_in_place": ["trigger up"]}),
        ("DROP TRIGGER own_up", {"triggers_in_place": ["trigger own_up"]}),
        ("DROP VIEW names", {"triggers_in_place": ["view names"]}),
        ("CREATE TRIGGER names AFTER INSERT ON log BEGIN SELECT 1; END", {"triggers_in_place": ["trigger names"]}),
        ("CREATE VIEW more AS SELECT 1", {"triggers_in_place": ["view more"]}),
        ("UPDATE sqlite_sequence SET seq = 6 WHERE name = 'tasks'", {"marks_carried": ["tasks: AUTOINCREMENT"]}),
        ("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'own'", {"marks_carried": ["own: AUTOINCREMENT"]}),
    ],
)  # fmt: skip
def test_one_difference_turns_its_comparisons_red(copied: Copied, change: str, expected: dict[str, list[str]]) -> None:
    """And no other: whoever reads the report is led to the fault."""
    copied.con.execute(change)

    found = red(copied)

    assert {name: [s.split(" <- ")[0] for s in subjects] for name, subjects in found.items()} == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            ["DROP INDEX by_a"], ["CREATE INDEX by_a ON people(name)"],
            {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["people: indexes", "tasks: indexes"]},
        ),
        (
            ["DROP INDEX by_a"], ["CREATE UNIQUE INDEX by_a ON tasks(a DESC)"],
            {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["tasks: indexes"]},
        ),
        (
            ["DROP INDEX by_a"], ["CREATE UNIQUE INDEX by_a ON [tasks](a)"],
            {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["tasks: indexes"]},
        ),
        (
            ["DROP TRIGGER own_up"],
            ["CREATE TRIGGER own_up AFTER INSERT ON own BEGIN UPDATE own SET v = 1 WHERE 1; END"],
            {"triggers_in_place": ["trigger own_up"]},
        ),
        (["DROP VIEW names"], ["CREATE VIEW names AS SELECT 1 AS name"], {"triggers_in_place": ["view names"]}),
        (
            ["ALTER TABLE own ADD COLUMN more"], [],
            {"schema_as_planned": ["own"], "neighbours": ["own"]},
        ),
        (
            ["DROP TABLE runs"], ["CREATE TABLE runs(n CHECK(n > 0))"],
            {"schema_as_planned": ["runs"]},
        ),
        (
            ["DROP TABLE runs"], ["CREATE TABLE runs(n NOT NULL)"],
            {"tables_created": ["runs"], "schema_as_planned": ["runs"]},
        ),
    ],
)  # fmt: skip
def test_something_else_in_its_place_is_noticed(
    copied: Copied, before: list[str], after: list[str], expected: dict[str, list[str]]
) -> None:
    """An index on another table, another trigger, view or table of the same name."""
    for statement in (*before, *after):
        copied.con.execute(statement)

    assert red(copied) == expected


def test_a_table_that_nobody_foretold_is_not_taken_for_granted(copied: Copied) -> None:
    """The plan names it, the future does not have it, and neither has the target."""
    plan = copied.plan.model_copy(update={"tables": [RequiredTable(name="later", create="CREATE TABLE later(n)")]})

    *_, seen = compare_structure.tables_created(copied.compared, plan)

    assert (seen.subject, seen.expected, seen.holds) == ("later", "a table, but none was foretold", False)


def test_a_count_that_the_plan_states_is_compared(copied: Copied) -> None:
    """The survey refuses it as well; this is the count that was moved."""
    other = replace(copied, done=[replace(one, rows=one.rows + 1) for one in copied.done])

    assert wrong(compare.rows_expected(other.compared)) == ["a.db:tasks"]
    assert wrong(compare.rows_counted(other.compared)) == [
        "a.db:people -> people", "a.db:tasks -> tasks", "a.db:log -> log",
    ]  # fmt: skip


def test_a_key_that_is_there_twice_is_noticed(bench: Bench) -> None:
    """An index that is out of step would hide it; the table itself is read."""
    bench.database("a.db", "CREATE TABLE t(k TEXT, v)", "CREATE UNIQUE INDEX ix ON t(k COLLATE NOCASE)")
    copied = bench.copied(source("a.db", "t"))
    copied.con.execute("INSERT INTO t VALUES('x', 1), (NULL, 1), (NULL, 1)")
    assert wrong(compare.no_duplicates(copied.compared)) == []

    copied.con.execute("PRAGMA writable_schema=ON")
    copied.con.execute("DROP INDEX ix")
    copied.con.execute("INSERT INTO t VALUES('X', 1)")
    copied.con.execute("CREATE INDEX ix ON t(k COLLATE NOCASE)")
    copied.con.execute(
        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX ix ON t(k COLLATE NOCASE)' WHERE name = 'ix'"
    )
    copied.con.execute("PRAGMA writable_schema=RESET")

    assert wrong(compare.no_duplicates(copied.compared)) == ["t (k)"]


def test_damage_is_no_integrity(bench: Bench) -> None:
    """A CHECK that rows do not keep is found by the full check, and not by the quick one's count."""
    bench.database(
        "a.db", "CREATE TABLE t(v CHECK(v > 0))", "INSERT INTO t VALUES(1)", "CREATE TABLE u(v CHECK(v > 0))"
    )
    copied = bench.copied(source("a.db", "t", "u"))

    copied.con.execute("PRAGMA ignore_check_constraints=ON")
    copied.con.execute("UPDATE t SET v = -1")
    copied.con.execute("INSERT INTO u VALUES(-1)")
    copied.con.execute("PRAGMA ignore_check_constraints=OFF")
    (seen,) = compare.integrity(copied.con)

    assert not seen.holds
    assert sorted(seen.observed.split("; ")) == ["CHECK constraint failed in t", "CHECK constraint failed in u"]


CHILD = "CREATE TABLE child(a REFERENCES one(id), b REFERENCES two(id))"
PARENTS = ("CREATE TABLE one(id INTEGER PRIMARY KEY)", "CREATE TABLE two(id INTEGER PRIMARY KEY)")


def test_orphans_that_were_orphans_before_are_accepted_and_no_others(bench: Bench) -> None:
    """Counted by child and parent, under the names of the target: a new one does not hide behind an old one."""
    bench.database("a.db", *PARENTS, CHILD, "INSERT INTO child VALUES(8, NULL)", "INSERT INTO two VALUES(1)")
    create = CHILD.replace("child", "kids").replace("one", "first")
    child = table("child", into="kids", create=create)
    copied = bench.copied(source("a.db", table("one", into="first"), "two", child))
    assert wrong(compare.foreign_keys(copied.compared)) == []

    copied.con.execute("UPDATE kids SET a = NULL, b = 9")

    assert wrong(compare.foreign_keys(copied.compared)) == ["kids -> two"]


def test_a_source_called_target_is_not_the_target(bench: Bench) -> None:
    """Its orphans are counted under the name that its table gets."""
    bench.database("other.db", *PARENTS, CHILD, "INSERT INTO child VALUES(8, NULL)")
    one = source("other.db", "one", "two", table("child", into="kids")).model_copy(update={"name": "target"})

    copied = bench.copied(one)

    assert wrong(compare.foreign_keys(copied.compared)) == []


def test_a_target_that_has_grown_out_of_all_proportion_is_noticed(copied: Copied) -> None:
    """Pages of one size may be many more than those of another; ten times the sources is not."""
    (usual,) = compare.size_reasonable(50_000, copied.found)
    (huge,) = compare.size_reasonable(50_000_000, copied.found)

    assert usual.holds
    assert not huge.holds


def test_many_small_tables_in_large_pages_are_no_excess(bench: Bench) -> None:
    """Every table and index takes a page at least."""
    bench.database(TARGET, "PRAGMA page_size=65536", "CREATE TABLE own(n)")
    bench.database("a.db", "PRAGMA page_size=512", *(f"CREATE TABLE t{at}(k UNIQUE)" for at in range(60)))

    copied = bench.copied(source("a.db", *(f"t{at}" for at in range(60))))
    pages = copied.rows("PRAGMA page_count")[0][0]

    assert wrong(compare.size_reasonable(pages * 65536, copied.found)) == []


def test_without_a_target_before_there_are_no_neighbours(bench: Bench) -> None:
    """Which is said, not left open."""
    bench.database("a.db", "CREATE TABLE t(n)")

    copied = bench.copied(source("a.db", "t"))
    (seen,) = compare.neighbours(copied.compared)

    assert seen.observed == "there was no target before this run"


def test_after_commit_every_table_is_read_again(bench: Bench, copied: Copied) -> None:
    """Through another connection; a row that has changed since, or a table that is gone, is noticed."""
    verified = digest_tables(copied.con, copied.schema)
    copied.con.execute("COMMIT")
    with closing(open_readonly(bench.root / TARGET)) as con:
        assert wrong(compare.final(read_contents(con).tables, verified)) == []

    copied.con.execute("UPDATE tasks SET b = 3 WHERE id = 7")
    copied.con.execute("DROP TABLE runs")

    with closing(open_readonly(bench.root / TARGET)) as con:
        seen = compare.final(read_contents(con).tables, verified)
        assert wrong(seen) == ["target: tasks", "target: runs"]
        assert seen[-1].observed == "no such table"


SHAPES = (
    "CREATE TABLE t(a INT NOT NULL DEFAULT 1, b TEXT CHECK(b <> ''), c UNIQUE, d, PRIMARY KEY(a, b), CHECK(a > 0))",
    "CREATE INDEX of_d ON t(d)",
    "CREATE TRIGGER up AFTER INSERT ON t BEGIN SELECT 1; END",
)


def remade(bench: Bench, *statements: str) -> Compared:
    """Return a target that others made, with these statements in place of those of its only source."""
    bench.database(TARGET, "CREATE TABLE own(v)")
    bench.database("a.db", *SHAPES)
    copied = bench.copied(source("a.db", "t"))
    copied.con.execute("DROP TABLE t")
    for statement in statements:
        copied.con.execute(statement)
    return replace(copied.compared, changed_since=True)


def plan_of_t(bench: Bench) -> Plan:
    """Return the plan of that source."""
    return bench.plan(source("a.db", "t"))


def test_table_in_other_words_is_as_it_was_foretold(bench: Bench) -> None:
    """Its index may have another name, and so may its trigger; columns may be in another order."""
    compared = remade(
        bench,
        "CREATE TABLE T(d, c, b TEXT, a int DEFAULT 1 NOT NULL, UNIQUE(c), PRIMARY KEY(A, b), CHECK(b <> ''),"
        " CHECK((a > 0)))",
        "CREATE INDEX other ON t(d)",
        "CREATE TRIGGER other AFTER INSERT ON t BEGIN SELECT 1; END",
    )

    up = SHAPES[2]
    assert said(compare_structure.tables_created(compared, plan_of_t(bench))) == ["t | 4 columns | 4 columns | passed"]
    assert said(compare_structure.indexes_created(compared)) == [f"t: of_d | {SHAPES[1]} | {SHAPES[1]} | passed"]
    shape = "4 columns: a INT NOT NULL key 1 default 1, b TEXT key 2, c, d"
    assert said(compare_structure.schema_as_planned(compared)) == [f"t | {shape} | {shape} | passed"]
    assert said(compare_structure.triggers_in_place(compared)) == [f"trigger up | {up} | {up} | passed"]


def test_columns_that_differ_are_told_alone(bench: Bench) -> None:
    """Each with its properties that differ; a further one is told as well."""
    compared = remade(
        bench,
        "CREATE TABLE t(a INT, c TEXT NOT NULL UNIQUE, more INT, PRIMARY KEY(a)) STRICT, WITHOUT ROWID",
    )

    (shape,) = compare_structure.tables_created(compared, plan_of_t(bench))

    wanted = ["column a: default 1", "column b", "column c: no type, NULL allowed", "column d", "no column more"]
    there = ["column a: no default", "no column b", "column c: type TEXT, NOT NULL", "no column d", "column more"]
    wanted += ["not STRICT", "not WITHOUT ROWID"]
    there += ["STRICT", "WITHOUT ROWID"]
    assert (shape.subject, shape.holds) == ("t", False)
    assert (shape.expected, shape.observed) == ("; ".join(wanted), "; ".join(there))
    assert said(compare_structure.indexes_created(compared)) == [
        f"t: of_d | {SHAPES[1]} | no such index on this table | failed"
    ]


@pytest.mark.parametrize(
    ("columns", "differing"),
    [
        (
            "b TEXT, c UNIQUE, d CHECK(d > 0) CHECK(d < 9), PRIMARY KEY(a, b)",
            ["t: CHECK | a > 0, b <> '' | d < 9, d > 0 | failed"],
        ),
        ("b TEXT, c UNIQUE, d, CHECK(a > 0), PRIMARY KEY(a, b)", ["t: CHECK | b <> '' | none | failed"]),
        (
            "b TEXT CHECK(b <> ''), c, d, CHECK(a > 0), PRIMARY KEY(a, b)",
            ["t: UNIQUE(c) | on this table | no such index | failed"],
        ),
        (
            "b TEXT CHECK(b <> ''), c UNIQUE, d COLLATE NOCASE, CHECK(a > 0), PRIMARY KEY(a, b COLLATE NOCASE)",
            [
                "t: COLLATE | none | d nocase | failed",
                "t: PRIMARY KEY(a, b) | on this table | no such index | failed",
            ],
        ),
        ("b TEXT CHECK(b <> ''), c UNIQUE, d, more CHECK(more > 0) CHECK(more < 9), CHECK(a > 0), PRIMARY KEY(a)", []),
        ("c UNIQUE, d, more CHECK(more > 0), CHECK(a > 0)", []),
    ],
)
def test_declaration_that_differs_is_told_by_its_kind(bench: Bench, columns: str, differing: list[str]) -> None:
    """What belongs to a lost column, or to a lost key, is told with the columns."""
    compared = remade(bench, f"CREATE TABLE t(a INT NOT NULL DEFAULT 1, {columns})")

    observations = compare_structure.schema_as_planned(compared)

    assert [text for text in said(observations) if not text.endswith(" | passed")] == differing
    assert [seen.holds for seen in observations] == [not differing] * max(1, len(differing))
    assert wrong(compare_structure.indexes_created(compared)) == ["t: of_d"]


def test_neighbour_is_told_by_each_kind_that_differs(bench: Bench) -> None:
    """By its columns, what they declare, and its indexes: by their name, or as constraints."""
    bench.database(
        TARGET,
        "CREATE TABLE own(a CHECK(a > 0), b UNIQUE, c PRIMARY KEY, UNIQUE(a, b))",
        "CREATE INDEX named ON own(a)",
        "CREATE TABLE other(a)",
        "CREATE INDEX of_expression ON other(a + 1)",
    )
    bench.database("a.db", "CREATE TABLE t(n)")
    copied = bench.copied(source("a.db", "t"))
    for statement in ("DROP TABLE own", "CREATE TABLE own(a, b, c, d)", "DROP INDEX of_expression"):
        copied.con.execute(statement)

    own, other, *_ = compare.neighbours(replace(copied.compared, changed_since=True))

    kinds = "columns, CHECK, named, UNIQUE(a, b), PRIMARY KEY(c), UNIQUE(b)"
    assert own.observed.partition("other: ")[2] == kinds
    assert other.observed.partition("other: ")[2] == "of_expression"


def test_neighbour_is_no_table_of_the_plan(bench: Bench) -> None:
    """What differs in it is told once, by the comparison of neighbours."""
    bench.database(TARGET, "CREATE TABLE own(v)", "CREATE TABLE t(n)")
    bench.database("a.db", "CREATE TABLE t(n)")
    copied = bench.copied(source("a.db", "t"))
    for statement in ("DROP TABLE own", "CREATE TABLE own(v CHECK(v > 0))", "CREATE TABLE more(n)"):
        copied.con.execute(statement)

    compared = replace(copied.compared, changed_since=True)

    assert [compared.is_neighbour(name) for name in ("OWN", "T", "more")] == [True, False, False]
    assert said(compare_structure.schema_as_planned(compared)) == [
        "more | not in the target | an unplanned table | failed",
        "t | 1 column: n | 1 column: n | passed",
    ]


def test_target_without_a_table_of_the_plan_is_not_examined(bench: Bench) -> None:
    """Or needs not be, where the plan names none."""
    compared = remade(bench)
    lost = compare_structure.schema_as_planned(compared)
    indexes = compare_structure.indexes_created(compared)
    bench.database("b.db", "CREATE TABLE t(n)")
    nothing = replace(bench.copied(source("b.db")).compared, changed_since=True)

    assert said(lost) == ["target | examined | no table of the plan is in the target | not examined"]
    assert said(indexes) == [f"t: of_d | {SHAPES[1]} | no such index on this table | failed"]
    assert said(compare_structure.schema_as_planned(nothing)) == [
        "target | nothing demanded | the plan names no table | not required"
    ]


def test_trigger_and_view_that_differ_are_told_as_they_are(bench: Bench) -> None:
    """A statement in its place is told, or that none is there."""
    later = "CREATE TRIGGER up AFTER DELETE ON t BEGIN SELECT 2; END"
    bare = "CREATE TABLE t(a, b, c, d)"

    changed = compare_structure.triggers_in_place(remade(bench, bare, later))
    (bench.root / TARGET).unlink()
    (bench.root / "a.db").unlink()
    gone = compare_structure.triggers_in_place(remade(bench, bare))

    assert said(changed) == [f"trigger up | {SHAPES[2]} | {later} | failed"]
    assert said(gone) == [f"trigger up | {SHAPES[2]} | missing | failed"]


def test_foreign_key_that_differs_is_told_with_both(bench: Bench) -> None:
    """Its columns in the parent are looked up on both sides."""
    bench.database("a.db", "CREATE TABLE p(k PRIMARY KEY)", "CREATE TABLE c(k REFERENCES p ON DELETE CASCADE)")
    copied = bench.copied(source("a.db", "p", "c"))
    for statement in ("DROP TABLE c", "CREATE TABLE c(k REFERENCES P)"):
        copied.con.execute(statement)

    observations = compare_structure.schema_as_planned(replace(copied.compared, changed_since=True))

    actions = "(k) references p(k) on update NO ACTION on delete"
    assert said(observations)[1:] == [f"c: FOREIGN KEY | {actions} CASCADE | {actions} NO ACTION | failed"]


def test_further_tables_are_no_fault_where_neighbours_are_not_known(bench: Bench) -> None:
    """Without the original target nobody can tell whose they are."""
    known = remade(bench, SHAPES[0], "CREATE TABLE stray(n)")
    unknown = replace(known, survey=replace(known.survey, target=None))

    assert (known.knows_neighbours, unknown.knows_neighbours) == (True, False)
    assert wrong(compare_structure.schema_as_planned(known)) == ["stray"]
    assert wrong(compare_structure.schema_as_planned(unknown)) == []
