"""Test how columns are matched and which differences are reported."""

from __future__ import annotations

from contextlib import closing

import pytest

from sqlite_consolidate.engine.merge.declaration_differences import declaration_differences, declaration_findings
from sqlite_consolidate.engine.merge.movable_tables import find_movable_table
from sqlite_consolidate.engine.merge.table_mapping import TableMapping, match_columns
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import Table
from sqlite_consolidate.problem import Problem
from tests.support.databases import TARGET, Bench, source, table


def matched(bench: Bench, source_sql: str, target_sql: str, **keys: object) -> tuple[TableMapping, list[Problem]]:
    """Match the columns of table t of one statement to table t of another."""
    bench.database("a.db", source_sql)
    bench.database(TARGET, target_sql)
    moved = source("a.db", table("t", **keys))
    from_table, into = bench.schema("a.db").table("t"), bench.schema(TARGET).table("t")
    assert from_table is not None
    assert into is not None
    return match_columns(bench.plan(moved), moved, moved.tables[0], from_table, into, new=False)


def mapping_of(bench: Bench, source_sql: str, target_sql: str, **keys: object) -> TableMapping:
    """Match two tables that have no problem."""
    mapping, problems = matched(bench, source_sql, target_sql, **keys)
    assert problems == []
    return mapping


def refusal(bench: Bench, source_sql: str, target_sql: str, **keys: object) -> Problem:
    """Return the one problem of matching two tables."""
    _, problems = matched(bench, source_sql, target_sql, **keys)
    assert [problem.criterion for problem in problems] == ["values-fit"]
    assert problems[0].hint
    assert problems[0].subject == "a.db:t"
    return problems[0]


def test_columns_match_in_any_order_and_case(bench: Bench) -> None:
    """SELECT * would insert names into the column of e-mails."""
    mapping = mapping_of(bench, "CREATE TABLE t(id, Name, mail)", "CREATE TABLE t(ID, mail, name)")

    assert mapping.columns == (("id", "ID"), ("Name", "name"), ("mail", "mail"))


def test_non_ascii_letters_match_by_case(bench: Bench) -> None:
    """SQLite folds only ASCII letters."""
    problem = refusal(bench, "CREATE TABLE t(É)", "CREATE TABLE t(é)")

    assert problem.id == "no-place-for-column"
    assert "column É " in problem.what


def test_plan_renames_columns_in_any_case(bench: Bench) -> None:
    """A rename names the source's column in any case."""
    mapping = mapping_of(bench, "CREATE TABLE t(a, b)", "CREATE TABLE t(b, c)", columns={"A": "C"})

    assert mapping.columns == (("a", "c"), ("b", "b"))


def test_column_without_counterpart_is_refused(bench: Bench) -> None:
    """Its values would be lost."""
    problem = refusal(bench, "CREATE TABLE t(a, b)", "CREATE TABLE t(a)")

    assert problem.id == "no-place-for-column"
    assert "column b " in problem.what


def test_column_that_the_first_file_lacks_is_declared_first(bench: Bench) -> None:
    """The run creates the table as the first source declares it."""
    wide = "CREATE TABLE t(a, b)"
    bench.database("a.db", "CREATE TABLE t(a)")
    bench.database("b.db", wide)
    sources = source("a.db", "t"), source("b.db", "t")

    (problem,) = bench.survey(*sources).problems

    assert (problem.id, problem.subject) == ("no-place-for-column", "b.db:t")
    assert "[[table]]" in problem.hint
    assert bench.survey(*sources, required={"t": wide}).problems == []


@pytest.mark.parametrize("target", [[], ["CREATE TABLE t(b PRIMARY KEY)"]], ids=["new", "present"])
def test_two_columns_cannot_become_one(bench: Bench, target: list[str]) -> None:
    """The table is sound, and so is the one that refers to it."""
    bench.database(TARGET, *target)
    bench.database("a.db", "CREATE TABLE t(a, b PRIMARY KEY)", "CREATE TABLE child(t REFERENCES t)")
    (problem,) = bench.survey(source("a.db", table("t", columns={"a": "B"}), "child")).problems

    assert (problem.id, problem.subject, problem.criterion) == ("two-columns-in-one", "a.db:t", "values-fit")
    assert "a and b " in problem.what


def test_renamed_column_must_exist(bench: Bench) -> None:
    """A misspelt name is reported before the run."""
    problem = refusal(bench, "CREATE TABLE t(a)", "CREATE TABLE t(a)", columns={"x": "y"})

    assert problem.id == "no-such-column"
    assert "column x," in problem.what


@pytest.mark.parametrize(
    ("source_sql", "target_sql"),
    [
        ("CREATE TABLE t(a, g AS (a * 2))", "CREATE TABLE t(a, g)"),
        ("CREATE TABLE t(a, g)", "CREATE TABLE t(a, g AS (a * 2))"),
        ("CREATE TABLE t(a, g)", "CREATE TABLE t(a, g AS (a * 2) STORED)"),
        ("CREATE TABLE t(a, rank)", "CREATE VIRTUAL TABLE t USING fts5(a)"),
    ],
)
def test_column_generated_in_one_table_is_refused(bench: Bench, source_sql: str, target_sql: str) -> None:
    """Its values could not be inserted, or would not be copied."""
    problem = refusal(bench, source_sql, target_sql)

    assert problem.id == "no-place-for-column"
    assert "generated" in problem.what


def test_column_generated_in_both_tables_is_not_copied(bench: Bench) -> None:
    """SQLite computes it again."""
    mapping = mapping_of(bench, "CREATE TABLE t(a, g AS (a * 2))", "CREATE TABLE t(g AS (a * 2), a)")

    assert mapping.columns == (("a", "a"),)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("n TEXT NOT NULL", "NULL"),
        ("n DEFAULT CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
        ("n DEFAULT (random())", "random()"),
        ("n DEFAULT (lower(hex(randomblob(16))))", "randomblob"),
        ("n TEXT NOT NULL DEFAULT (datetime('now'))", "datetime"),
        ("n INTEGER PRIMARY KEY", "key"),
    ],
)
def test_target_column_without_constant_value_is_refused(bench: Bench, column: str, reason: str) -> None:
    """The expected value of its rows would be unknown."""
    problem = refusal(bench, "CREATE TABLE t(a)", f"CREATE TABLE t(a, {column})")

    assert problem.id == "no-value-for-column"
    assert reason in problem.what


@pytest.mark.parametrize(
    ("column", "literal"),
    [
        ("n", "NULL"),
        ("n REAL DEFAULT 0", "0.0"),
        ("n INTEGER DEFAULT '5'", "5"),
        ("n TEXT DEFAULT 5", "'5'"),
        ("n DEFAULT 5", "5"),
        ('n TEXT DEFAULT "a"', "'a'"),
        ("n DEFAULT it", "'it'"),
        ("n DEFAULT (1 + 2)", "3"),
        ("n DEFAULT -7", "-7"),
        ("n DEFAULT TRUE", "1"),
        ("n DEFAULT x'00ff'", "x'00ff'"),
        ("n TEXT DEFAULT 'don''t (now)'", "'don''t (now)'"),
    ],
)
def test_target_column_gets_the_stored_default(bench: Bench, column: str, literal: str) -> None:
    """SQLite applies the affinity of the column to its DEFAULT."""
    mapping = mapping_of(bench, "CREATE TABLE t(a)", f"CREATE TABLE t(a, {column})")

    assert mapping.constants == {"n": literal}
    check = bench.database("check.db", f"CREATE TABLE t(a, {column})", "INSERT INTO t(a) VALUES(1)")
    with closing(open_readonly(check)) as con:
        assert con.execute(f"SELECT typeof(n) = typeof({literal}) AND n IS {literal} FROM t").fetchone() == (1,)


def test_declaration_differences_are_listed_by_column(bench: Bench) -> None:
    """They are type, NOT NULL, default and primary key, and further columns of the target."""
    mapping = mapping_of(
        bench,
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT 'x', c, same REAL)",
        "CREATE TABLE t(a INTEGER, b VARCHAR(9), z TEXT PRIMARY KEY, same REAL, more DEFAULT 1)",
        columns={"c": "z"},
    )

    assert [(finding.id, finding.level, finding.count) for finding in declaration_findings(mapping)] == [
        ("not-null-lost", "attention", 1), ("default-lost", "attention", 1), ("key-lost", "attention", 1),
        ("column-differs", "note", 3), ("further-column", "note", 1),
    ]  # fmt: skip
    assert {finding.subject for finding in declaration_findings(mapping)} == {"a.db:t"}
    differences = declaration_differences(mapping)
    assert [(difference.aspect, difference.source, difference.target) for difference in differences] == [
        ("place in primary key", "1", "none"),
        ("type", "TEXT", "VARCHAR(9)"),
        ("NOT NULL", "yes", "no"),
        ("default", "'x'", "none"),
        ("type", "none", "TEXT"),
        ("place in primary key", "none", "1"),
    ]


@pytest.mark.parametrize("default", ["'x'", '"x"', "( 'x' )", "'y'"])
def test_default_of_other_spelling_is_no_difference(bench: Bench, default: str) -> None:
    """SQLite stores one value for each of them but the last."""
    mapping = mapping_of(bench, "CREATE TABLE t(b DEFAULT x)", f"CREATE TABLE t(b DEFAULT {default})")

    assert [finding.id for finding in declaration_findings(mapping)] == ["default-lost"] * (default == "'y'")


def test_columns_with_one_difference_share_a_finding(bench: Bench) -> None:
    """It counts all columns and names the first three. A new default is not a loss."""
    names = [f"c{number}" for number in range(20)]
    mapping = mapping_of(
        bench,
        f"CREATE TABLE t({', '.join(f'{name} NOT NULL' for name in names)})",
        f"CREATE TABLE t({', '.join(f'{name} DEFAULT 1' for name in names)})",
    )

    lost, gained = declaration_findings(mapping)

    assert (lost.id, lost.level, lost.count) == ("not-null-lost", "attention", 20)
    assert lost.text.endswith(": c0, c1, c2 and 17 more.")
    assert (gained.id, gained.level, gained.count) == ("column-differs", "note", 20)


def test_equal_tables_have_no_differences(bench: Bench) -> None:
    """There is no finding."""
    same = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT 'x')"

    assert declaration_findings(mapping_of(bench, same, same)) == []


def test_lost_index_is_a_finding(bench: Bench) -> None:
    """The plan's create text may have omitted it."""
    bench.database("a.db", "CREATE TABLE t(a, b)", "CREATE INDEX one ON t(a)", "CREATE INDEX two ON t(b)")
    bench.database(TARGET, "CREATE TABLE t(a, b)", "CREATE INDEX other ON t(A)")
    moved = source("a.db", "t")
    from_table, into = bench.schema("a.db").table("t"), bench.schema(TARGET).table("t")
    assert from_table is not None
    assert into is not None

    mapping, _ = match_columns(bench.plan(moved), moved, moved.tables[0], from_table, into, new=False)

    [finding] = declaration_findings(mapping)
    assert (finding.id, finding.level, finding.subject, finding.count) == ("index-lost", "attention", "a.db:t", 1)
    assert finding.text.endswith(": two.")


@pytest.mark.parametrize(
    ("source_sql", "target_sql", "rowids", "counts"),
    [
        ("CREATE TABLE t(a)", "CREATE TABLE t(a)", "keep", True),
        ("CREATE TABLE t(a)", "CREATE TABLE t(a)", "renumber", False),
        ("CREATE TABLE t(a UNIQUE)", "CREATE TABLE t(a)", "keep", False),
        ("CREATE TABLE t(a)", "CREATE TABLE t(a INTEGER PRIMARY KEY)", "keep", False),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "CREATE VIRTUAL TABLE t USING fts5(a)", "keep", True),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "CREATE VIRTUAL TABLE t USING fts5(a)", "renumber", False),
        ("CREATE VIRTUAL TABLE t USING rtree(a,b,c)", "CREATE VIRTUAL TABLE t USING rtree(a,b,c)", "renumber", True),
    ],
)
def test_rowid_counts_when_it_is_the_only_identity(
    bench: Bench, source_sql: str, target_sql: str, rowids: str, *, counts: bool
) -> None:
    """The plan can turn that off, but not for an R-tree, whose first column is its rowid."""
    assert mapping_of(bench, source_sql, target_sql, rowids=rowids).rowid_counts is counts


def test_rowid_is_read_by_an_unused_name(bench: Bench) -> None:
    """A column may be called rowid without being it."""
    mapping = mapping_of(bench, "CREATE TABLE t(rowid, _rowid_)", "CREATE TABLE t(rowid, _rowid_)")

    assert (mapping.table.rowid, mapping.carries_rowid) == ("oid", True)


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("titles", "view-named"),
        ("nothing", "no-such-table"),
        ("docs_data", "inner-table"),
        ("kept", "virtual-table"),
        ("words", "virtual-table"),
    ],
)
def test_object_without_movable_rows_is_refused(bench: Bench, name: str, id: str) -> None:
    """It is a view, a missing table, or a virtual table."""
    bench.database(
        "a.db",
        "CREATE VIRTUAL TABLE docs USING fts5(title, content, tokenize = 'porter ascii')",
        "CREATE VIRTUAL TABLE kept USING fts5(a, content = 'docs')",
        "CREATE TABLE own(n)",
        "CREATE VIRTUAL TABLE words USING fts4(a, languageid='l')",
        "CREATE VIEW titles AS SELECT * FROM own",
    )
    moved = source("a.db", name)

    problem = find_movable_table(moved, moved.tables[0], bench.schema("a.db"))

    assert isinstance(problem, Problem)
    assert (problem.id, problem.subject) == (id, f"a.db:{name}")
    assert problem.hint


@pytest.mark.parametrize("name", ["docs", "OWN", "boxes"])
def test_tables_and_known_virtual_tables_are_movable(bench: Bench, name: str) -> None:
    """A column of a full-text table may be called content."""
    bench.database(
        "a.db",
        "CREATE VIRTUAL TABLE docs USING fts5(title, content, tokenize = 'porter ascii')",
        "CREATE TABLE own(n)",
        "CREATE VIRTUAL TABLE boxes USING rtree_i32(id, x0, x1)",
    )
    moved = source("a.db", name)

    assert isinstance(find_movable_table(moved, moved.tables[0], bench.schema("a.db")), Table)


def test_mapping_is_found_by_its_source_and_target(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mapping into the table is read once.

    Otherwise many files of a pattern would take the square of their number.
    """
    bench.database(TARGET, "CREATE TABLE T(n)", "CREATE TABLE other(n)")
    for name in "abcdef":
        bench.database(f"{name}.db", "CREATE TABLE t(n)", "CREATE TABLE other(n)")
    databases = bench.survey(*(source(f"{name}.db", "other", "t") for name in "abcdef"))
    reads: list[TableMapping] = []
    slot = vars(TableMapping)["source"]

    def read(mapping: TableMapping) -> object:
        reads.append(mapping)
        return slot.__get__(mapping)

    with monkeypatch.context() as counting:
        counting.setattr(TableMapping, "source", property(read))
        into = [databases.mapping_into(name, "t") for name in databases.sources]

    assert [mapping.subject for mapping in into if mapping] == [f"{name}.db:t" for name in "abcdef"]
    assert len(reads) == len(databases.sources)
    assert databases.mapping_into("a", "no such table") is None
