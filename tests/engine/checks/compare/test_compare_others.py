"""Specify the comparisons beside the copied rows.

They compare orphans, size, unmapped tables and declarations.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure, compare_triggers
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table
from tests.support.rows.comparisons import observation_facts, observation_lines

if TYPE_CHECKING:
    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.plan.model import Plan


CHILD = "CREATE TABLE child(a REFERENCES one(id), b REFERENCES two(id))"
PARENTS = ("CREATE TABLE one(id INTEGER PRIMARY KEY)", "CREATE TABLE two(id INTEGER PRIMARY KEY)")


def test_only_orphans_from_before_are_accepted(bench: Bench) -> None:
    """Orphans are counted by child and parent table of the target.

    So a new orphan cannot replace an old one.
    """
    bench.database("a.db", *PARENTS, CHILD, "INSERT INTO child VALUES(8, NULL)", "INSERT INTO two VALUES(1)")
    create = CHILD.replace("child", "kids").replace("one", "first")
    child = table("child", into="kids", create=create)
    copied = bench.copied(source("a.db", table("one", into="first"), "two", child))
    assert failed_subjects(compare.foreign_keys(copied.compared)) == []

    copied.con.execute("UPDATE kids SET a = NULL, b = 9")

    assert failed_subjects(compare.foreign_keys(copied.compared)) == ["kids -> two"]


def test_a_source_called_target_is_not_the_target(bench: Bench) -> None:
    """Its orphans are counted under the name that its table gets."""
    bench.database("other.db", *PARENTS, CHILD, "INSERT INTO child VALUES(8, NULL)")
    renamed_source = source("other.db", "one", "two", table("child", into="kids")).model_copy(update={"name": "target"})

    copied = bench.copied(renamed_source)

    assert failed_subjects(compare.foreign_keys(copied.compared)) == []


def test_target_that_has_grown_too_much_fails(copied: Copied) -> None:
    """Different page sizes are allowed for, but ten times the sources is too large."""
    (usual,) = compare.size_reasonable(50_000, copied.inspected)
    (huge,) = compare.size_reasonable(50_000_000, copied.inspected)

    assert usual.holds
    assert not huge.holds


def test_many_small_tables_in_large_pages_are_no_excess(bench: Bench) -> None:
    """Every table and index takes a page at least."""
    bench.database(TARGET, "PRAGMA page_size=65536", "CREATE TABLE own(n)")
    bench.database("a.db", "PRAGMA page_size=512", *(f"CREATE TABLE t{at}(k UNIQUE)" for at in range(60)))

    copied = bench.copied(source("a.db", *(f"t{at}" for at in range(60))))
    pages = copied.rows("PRAGMA page_count")[0][0]

    assert failed_subjects(compare.size_reasonable(pages * 65536, copied.inspected)) == []


@pytest.mark.parametrize("modules", [("fts5", "fts5vocab", ", row"), ("fts4", "fts4aux", "")], ids=["fts5", "fts4"])
def test_table_of_terms_has_no_rows(bench: Bench, modules: tuple[str, str, str]) -> None:
    """It shows another word after the copy, because the search index has received a row."""
    index, terms, more = modules
    ddl = f"CREATE VIRTUAL TABLE notes USING {index}(body)", f"CREATE VIRTUAL TABLE terms USING {terms}(notes{more})"
    for file, word in ((TARGET, "first"), ("a.db", "second")):
        bench.database(file, *ddl, f"INSERT INTO notes(rowid, body) VALUES({len(word)}, '{word}')")

    copied = bench.copied(source("a.db", "notes"))

    assert failed_subjects(compare_neighbours.neighbours(copied.compared)) == []
    copied.con.execute("COMMIT")
    assert copied.rows("SELECT DISTINCT term FROM terms ORDER BY term") == [("first",), ("second",)]
    assert not any(database.rows_in("terms") for database in copied.inspected.databases)


def test_without_a_target_before_there_are_no_neighbours(bench: Bench) -> None:
    """Nothing is demanded, which is not the same as not examined."""
    bench.database("a.db", "CREATE TABLE t(n)")

    copied = bench.copied(source("a.db", "t"))

    assert observation_facts(compare_neighbours.neighbours(copied.compared)) == [("target", [], [], "not required")]


def test_after_commit_every_table_is_read_again(bench: Bench, copied: Copied) -> None:
    """A changed row or a missing table is found through another connection."""
    verified = digest_tables(copied.con, copied.schema)
    copied.con.execute("COMMIT")
    with closing(open_readonly(bench.root / TARGET)) as con:
        assert failed_subjects(compare.final(read_contents(con).tables, verified)) == []

    copied.con.execute("UPDATE tasks SET b = 3 WHERE id = 7")
    copied.con.execute("DROP TABLE runs")

    with closing(open_readonly(bench.root / TARGET)) as con:
        observation = compare.final(read_contents(con).tables, verified)
        assert failed_subjects(observation) == ["target: tasks", "target: runs"]


SHAPES = (
    "CREATE TABLE t(a INT NOT NULL DEFAULT 1, b TEXT CHECK(b <> ''), c UNIQUE, d, PRIMARY KEY(a, b), CHECK(a > 0))",
    "CREATE INDEX of_d ON t(d)",
    "CREATE TRIGGER up AFTER INSERT ON t BEGIN SELECT 1; END",
)


def remade(bench: Bench, *statements: str) -> TargetComparison:
    """Return a target that another tool made, with other statements than its source."""
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


def test_equivalent_table_with_other_statement_passes(bench: Bench) -> None:
    """Indexes and triggers may have other names, and columns another order."""
    compared = remade(
        bench,
        "CREATE TABLE T(d, c, b TEXT, a int DEFAULT 1 NOT NULL, UNIQUE(c), PRIMARY KEY(A, b), CHECK(b <> ''),"
        " CHECK((a > 0)))",
        "CREATE INDEX other ON t(d)",
        "CREATE TRIGGER other AFTER INSERT ON t BEGIN SELECT 1; END",
    )

    up = SHAPES[2]
    assert observation_facts(compare_structure.tables_created(compared, plan_of_t(bench))) == [
        ("t", [4], [4], "passed")
    ]
    assert observation_lines(compare_structure.indexes_created(compared)) == [
        f"t: of_d | {SHAPES[1]} | {SHAPES[1]} | passed"
    ]
    shape = "4 columns: a INT NOT NULL key 1 default 1, b TEXT key 2, c, d"
    assert observation_lines(compare_structure.schema_as_planned(compared)) == [f"t | {shape} | {shape} | passed"]
    assert observation_lines(compare_triggers.triggers_in_place(compared)) == [f"trigger up | {up} | {up} | passed"]


def test_only_differing_columns_are_named(bench: Bench) -> None:
    """Each differing or added column is named with the properties that differ."""
    compared = remade(
        bench,
        "CREATE TABLE t(a INT, c TEXT NOT NULL UNIQUE, more INT, PRIMARY KEY(a)) STRICT, WITHOUT ROWID",
    )

    (shape,) = compare_structure.tables_created(compared, plan_of_t(bench))

    wanted = ["column a: default 1", "column b", "column c: no type, NULL allowed", "column d", "no column more"]
    observed = ["column a: no default", "no column b", "column c: type TEXT, NOT NULL", "no column d", "column more"]
    wanted += ["not STRICT", "not WITHOUT ROWID"]
    observed += ["STRICT", "WITHOUT ROWID"]
    assert (shape.subject, shape.holds) == ("t", False)
    assert (shape.expected, shape.observed) == ("; ".join(wanted), "; ".join(observed))
    assert failed_subjects(compare_structure.indexes_created(compared)) == ["t: of_d"]


@pytest.mark.parametrize(
    ("columns", "differing"),
    [
        (
            "b TEXT, c UNIQUE, d CHECK(d > 0) CHECK(d < 9), PRIMARY KEY(a, b)",
            {"t: CHECK": ("a > 0, b <> ''", "d < 9, d > 0")},
        ),
        ("b TEXT, c UNIQUE, d, CHECK(a > 0), PRIMARY KEY(a, b)", {"t: CHECK": ("b <> ''", "none")}),
        (
            "b TEXT CHECK(b <> ''), c, d, CHECK(a > 0), PRIMARY KEY(a, b)",
            {"t: UNIQUE(c)": ("on this table", "no such index")},
        ),
        (
            "b TEXT CHECK(b <> ''), c UNIQUE, d COLLATE NOCASE, CHECK(a > 0), PRIMARY KEY(a, b COLLATE NOCASE)",
            {"t: COLLATE": ("none", "d nocase"), "t: PRIMARY KEY(a, b)": ("on this table", "no such index")},
        ),
        ("b TEXT CHECK(b <> ''), c UNIQUE, d, more CHECK(more > 0) CHECK(more < 9), CHECK(a > 0), PRIMARY KEY(a)", {}),
        ("c UNIQUE, d, more CHECK(more > 0), CHECK(a > 0)", {}),
    ],
)
def test_differing_declaration_is_named_by_its_kind(
    bench: Bench, columns: str, differing: dict[str, tuple[str, str]]
) -> None:
    """A declaration of a missing column or key is named with the columns."""
    compared = remade(bench, f"CREATE TABLE t(a INT NOT NULL DEFAULT 1, {columns})")

    observations = compare_structure.schema_as_planned(compared)

    failures = [observation for observation in observations if not observation.holds]
    assert {failure.subject: (failure.expected, failure.observed) for failure in failures} == differing
    assert [observation.holds for observation in observations] == [not differing] * max(1, len(differing))
    assert failed_subjects(compare_structure.indexes_created(compared)) == ["t: of_d"]


def test_changed_neighbour_names_each_differing_kind(bench: Bench) -> None:
    """The kinds are columns, their declarations, and indexes by name or as constraints."""
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

    observation, other, *_ = compare_neighbours.neighbours(replace(copied.compared, changed_since=True))

    kinds = "columns, CHECK, named, UNIQUE(a, b), PRIMARY KEY(c), UNIQUE(b)"
    assert observation.observed.partition("other: ")[2] == kinds
    assert other.observed.partition("other: ")[2] == "of_expression"


def test_neighbour_is_no_table_of_the_plan(bench: Bench) -> None:
    """Only the comparison of unmapped tables names the difference."""
    bench.database(TARGET, "CREATE TABLE own(v)", "CREATE TABLE t(n)")
    bench.database("a.db", "CREATE TABLE t(n)")
    copied = bench.copied(source("a.db", "t"))
    for statement in ("DROP TABLE own", "CREATE TABLE own(v CHECK(v > 0))", "CREATE TABLE more(n)"):
        copied.con.execute(statement)

    compared = replace(copied.compared, changed_since=True)

    assert [compared.is_neighbour(name) for name in ("OWN", "T", "more")] == [True, False, False]
    assert observation_facts(compare_structure.schema_as_planned(compared)) == [
        ("more", [], [], "failed"),
        ("t", [1], [1], "passed"),
    ]


def test_target_without_planned_tables_is_not_examined(bench: Bench) -> None:
    """Or needs not be, where the plan names none."""
    compared = remade(bench)
    lost = compare_structure.schema_as_planned(compared)
    indexes = compare_structure.indexes_created(compared)
    bench.database("b.db", "CREATE TABLE t(n)")
    nothing = replace(bench.copied(source("b.db")).compared, changed_since=True)

    assert observation_facts(lost) == [("target", [], [], "not examined")]
    assert failed_subjects(indexes) == ["t: of_d"]
    assert observation_facts(compare_structure.schema_as_planned(nothing)) == [("target", [], [], "not required")]


def test_differing_triggers_and_views_show_present_statement(bench: Bench) -> None:
    """The observation has the present statement, or says that it is missing."""
    later = "CREATE TRIGGER up AFTER DELETE ON t BEGIN SELECT 2; END"
    bare = "CREATE TABLE t(a, b, c, d)"

    changed = compare_triggers.triggers_in_place(remade(bench, bare, later))
    (bench.root / TARGET).unlink()
    (bench.root / "a.db").unlink()
    gone = compare_triggers.triggers_in_place(remade(bench, bare))

    assert observation_lines(changed) == [f"trigger up | {SHAPES[2]} | {later} | failed"]
    assert observation_lines(gone) == [f"trigger up | {SHAPES[2]} | missing | failed"]


def test_differing_foreign_key_names_both_declarations(bench: Bench) -> None:
    """Its columns in the parent are looked up on both sides."""
    bench.database("a.db", "CREATE TABLE p(k PRIMARY KEY)", "CREATE TABLE c(k REFERENCES p ON DELETE CASCADE)")
    copied = bench.copied(source("a.db", "p", "c"))
    for statement in ("DROP TABLE c", "CREATE TABLE c(k REFERENCES P)"):
        copied.con.execute(statement)

    observations = compare_structure.schema_as_planned(replace(copied.compared, changed_since=True))

    actions = "(k) references p(k) on update NO ACTION on delete"
    assert observation_lines(observations)[1:] == [f"c: FOREIGN KEY | {actions} CASCADE | {actions} NO ACTION | failed"]


def test_added_tables_pass_when_neighbours_are_unknown(bench: Bench) -> None:
    """Without the original target, its own tables are not known."""
    known = remade(bench, SHAPES[0], "CREATE TABLE stray(n)")
    unknown = replace(known, inspected=replace(known.inspected, target=None))

    assert (known.knows_neighbours, unknown.knows_neighbours) == (True, False)
    assert failed_subjects(compare_structure.schema_as_planned(known)) == ["stray"]
    assert failed_subjects(compare_structure.schema_as_planned(unknown)) == []
