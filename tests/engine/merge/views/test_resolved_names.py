"""Test that no object arrives whose names mean something else in the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.target_schema import TargetSchema
    from sqlite_consolidate.plan.model import TableMap

M = "CREATE TABLE m(id INTEGER PRIMARY KEY, b TEXT)"
TURNED = "CREATE TABLE m(b TEXT, id INTEGER PRIMARY KEY)"
FURTHER = "CREATE TABLE m(id INTEGER PRIMARY KEY, b TEXT, x TEXT DEFAULT 'q')"
LOG = "CREATE TABLE log(id, w)"
PARENT, CHILD = "CREATE TABLE p(pid INTEGER PRIMARY KEY, n)", "CREATE TABLE c(cid INTEGER PRIMARY KEY, par)"
KEYED = "CREATE TABLE m(k TEXT PRIMARY KEY, b)"

VIEWS = {
    "order": ((TURNED,), (M, "CREATE VIEW v(i, j) AS SELECT * FROM m")),
    "order in a common table expression": (
        (TURNED,),
        (M, "CREATE VIEW v AS WITH t(i, j) AS (SELECT * FROM m) SELECT i FROM t"),
    ),
    "order of a table after IN": ((TURNED,), (M, "CREATE VIEW v AS SELECT 1 WHERE (1, 'x') IN (SELECT * FROM m)")),
    "text in double quotes": ((FURTHER,), (M, 'CREATE VIEW v AS SELECT id FROM m WHERE b = "x"')),
    "star that a DISTINCT compares": ((FURTHER,), (M, "CREATE VIEW v AS SELECT DISTINCT * FROM m")),
    "natural join": (
        (f"{PARENT[:-1]}, note)", "CREATE TABLE c(cid INTEGER PRIMARY KEY, pid, note)"),
        (PARENT, "CREATE TABLE c(cid INTEGER PRIMARY KEY, pid)", "CREATE VIEW v AS SELECT cid FROM p NATURAL JOIN c"),
    ),
    "outer column": (
        (PARENT, f"{CHILD[:-1]}, pid)"),
        (PARENT, CHILD, "CREATE VIEW v AS SELECT n, (SELECT count(*) FROM c WHERE par = pid) AS k FROM p"),
    ),
    "implicit rowid": ((f"{KEYED[:-1]}, rowid)",), (KEYED, "CREATE VIEW v AS SELECT rowid AS r, b FROM m")),
    "keyword": ((f"{M[:-1]}, true)",), (M, "CREATE VIEW v AS SELECT id FROM m WHERE true")),
}
TRIGGERS = {
    "INSERT without columns": (
        ("CREATE TABLE log(w, id)",),
        (M, LOG, "CREATE TRIGGER t AFTER UPDATE ON m BEGIN INSERT INTO log VALUES(new.id, 'u'); END"),
    ),
    "REPLACE without columns": (
        ("CREATE TABLE log(w, id)",),
        (
            M,
            LOG,
            "CREATE TRIGGER t AFTER UPDATE ON m BEGIN REPLACE INTO main.log SELECT 1, 2; END".replace("main.", ""),
        ),
    ),
    "star": (
        (TURNED,),
        (M, LOG, "CREATE TRIGGER t DELETE ON m BEGIN INSERT INTO log(id, w) SELECT * FROM m WHERE id = old.id; END"),
    ),
    "text in double quotes": (
        (FURTHER,),
        (M, 'CREATE TRIGGER t UPDATE ON m BEGIN DELETE FROM m WHERE b = "x"; END'),
    ),
    "implicit rowid": (
        (f"{KEYED[:-1]}, oid)",),
        (KEYED, "CREATE TRIGGER t UPDATE ON m BEGIN DELETE FROM m WHERE oid = old.oid; END"),
    ),
}


def test_reason_names_the_excluded_row_of_an_upsert(bench: Bench) -> None:
    """SQLite writes the new name of the table in its place, which is another row."""
    upsert = "INSERT INTO log VALUES(new.id, 1) ON CONFLICT(id) DO UPDATE SET w = w + excluded.w"
    log = "CREATE TABLE log(id INTEGER PRIMARY KEY, w)"
    bench.database("a.db", M, log, f"CREATE TRIGGER t AFTER INSERT ON m BEGIN {upsert}; END")

    schema = bench.target_schema(source("a.db", "m", table("log", into="sums")))

    (finding,) = (finding for finding in schema.findings if finding.id == "trigger-left")
    assert (finding.subject, "excluded" in finding.text) == ("a.db:m", True)
    assert bench.target_schema(source("a.db", table("m", into="n"), "log")).findings == []


def examined(bench: Bench, target: tuple[str, ...], ddl: tuple[str, ...], *tables: str | TableMap) -> TargetSchema:
    """Return the planned schema of a target that receives a source without problems."""
    bench.database(TARGET, *target)
    bench.database("a.db", *ddl)
    names = sorted(bench.schema("a.db").tables)
    target_schema = bench.target_schema(source("a.db", *(tables or names)))
    assert target_schema.problems == []
    return target_schema


def found(target_schema: TargetSchema) -> list[str]:
    """Return the ids of the findings."""
    return [finding.id for finding in target_schema.findings]


@pytest.mark.parametrize("case", VIEWS)
def test_view_whose_names_mean_something_else_stays(bench: Bench, case: str) -> None:
    """The target's table has further columns, or another order."""
    target_schema = examined(bench, *VIEWS[case])

    assert found(target_schema) == ["view-left"]
    assert target_schema.left_views == {"a": {"v"}}
    assert [statement.kind for statement in target_schema.after_rows] == []


@pytest.mark.parametrize("case", TRIGGERS)
def test_trigger_whose_names_mean_something_else_stays(bench: Bench, case: str) -> None:
    """The target's table has further columns, or another order."""
    target_schema = examined(bench, *TRIGGERS[case])

    assert found(target_schema) == ["trigger-left"]
    assert target_schema.after_rows == []


def test_index_over_a_text_that_becomes_a_column_stays(bench: Bench) -> None:
    """It would refuse other rows."""
    target_schema = examined(bench, (FURTHER,), (M, 'CREATE UNIQUE INDEX u ON m(b) WHERE b <> "x"'))

    assert found(target_schema) == ["index-lost"]
    assert "m.x" in target_schema.findings[0].text
    assert target_schema.before_rows == []


def test_instead_of_trigger_stays_with_its_view(bench: Bench) -> None:
    """Another view reads the first one, and stays as well."""
    first, second = "CREATE VIEW v(i, j) AS SELECT * FROM m", "CREATE VIEW w AS SELECT i FROM v"
    put = "CREATE TRIGGER put INSTEAD OF INSERT ON w BEGIN DELETE FROM m; END"

    target_schema = examined(bench, (TURNED,), (M, first, second, put))

    assert found(target_schema) == ["view-left", "view-left"]
    assert target_schema.after_rows == []


@pytest.mark.parametrize(
    ("ddl", "rename"),
    [
        ((M, "CREATE VIEW v AS SELECT id AS c, b FROM m WHERE c = 1"), table("m", columns={"b": "c"})),
        ((KEYED, "CREATE VIEW v AS SELECT rowid AS r, b FROM m"), table("m", columns={"b": "rowid"})),
    ],
    ids=["alias", "rowid"],
)
def test_renamed_column_captures_no_other_name(bench: Bench, ddl: tuple[str, ...], rename: TableMap) -> None:
    """A column that the plan renames gets the name of something else in the text."""
    assert found(examined(bench, (), ddl, rename)) == ["view-left"]


def test_renamed_column_captures_no_outer_column_of_a_trigger(bench: Bench) -> None:
    """The condition would compare a column with itself."""
    count = "CREATE TRIGGER t DELETE ON c BEGIN UPDATE p SET n = (SELECT count(*) FROM c WHERE par = pid); END"

    target_schema = examined(bench, (), (PARENT, CHILD, count), "p", table("c", columns={"par": "pid"}))

    assert found(target_schema) == ["trigger-left"]


def test_equal_view_of_a_second_source_means_something_else(bench: Bench) -> None:
    """The first source determines the order of the columns."""
    view = "CREATE VIEW v(i, j) AS SELECT * FROM m"
    bench.database("a.db", M, view)
    bench.database("b.db", TURNED, view)

    target_schema = bench.target_schema(source("a.db", "m"), source("b.db", "m"))

    assert [(finding.id, finding.subject) for finding in target_schema.findings] == [("view-left", "b.db")]


def test_objects_that_name_all_columns_arrive(bench: Bench) -> None:
    """The target has its columns in another order, with a further one and another spelling."""
    view = "CREATE VIEW v AS WITH t AS (SELECT id, b FROM m) SELECT id, m.b FROM m JOIN t USING(id) WHERE rowid > 0"
    trigger = "CREATE TRIGGER t DELETE ON m BEGIN INSERT INTO m(id, b) SELECT old.id + 1, count(*) FROM v; END"
    index = "CREATE INDEX i ON m(lower(b)) WHERE id > 'x'"

    target_schema = examined(
        bench, ("CREATE TABLE m(x, B VARCHAR(9), id INTEGER PRIMARY KEY)",), (M, view, trigger, index)
    )

    assert found(target_schema) == []
    assert [statement.name for statement in (*target_schema.before_rows, *target_schema.after_rows)] == ["i", "v", "t"]


def test_tables_kept_apart_keep_the_meaning(bench: Bench) -> None:
    """Only their names differ, so that each name and each star means the same."""
    view, other = "CREATE VIEW v AS SELECT * FROM m, log AS k WHERE k.id = m.id", "CREATE VIEW w AS SELECT * FROM v"
    trigger = "CREATE TRIGGER t DELETE ON m BEGIN INSERT INTO log SELECT * FROM m WHERE rowid = old.rowid; END"
    maps = (table("m", into="a_m"), table("log", into="a_log"))

    assert found(examined(bench, (), (M, LOG, view, other, trigger), *maps)) == []


def test_star_that_returns_a_further_column_is_told(bench: Bench) -> None:
    """The view arrives, because its rows are the same."""
    target_schema = examined(bench, (FURTHER,), (M, "CREATE VIEW v AS SELECT * FROM m WHERE b > 'a'"))

    assert found(target_schema) == ["meaning-differs"]
    assert "m.x" in target_schema.findings[0].text
    assert [statement.name for statement in target_schema.after_rows] == ["v"]


@pytest.mark.parametrize("declared", ["TEXT COLLATE NOCASE", "BLOB", "INTEGER"])
def test_column_that_compares_otherwise_is_told(bench: Bench, declared: str) -> None:
    """A view and a trigger compare it."""
    view = "CREATE VIEW v AS SELECT id FROM m WHERE b = 'x'"
    trigger = "CREATE TRIGGER t UPDATE ON m BEGIN DELETE FROM m WHERE b = 1; END"

    target_schema = examined(bench, (f"CREATE TABLE m(id INTEGER PRIMARY KEY, b {declared})",), (M, view, trigger))

    assert found(target_schema) == ["meaning-differs", "meaning-differs"]
    assert all("m.b (TEXT in the source, " in finding.text for finding in target_schema.findings)


NESTED = "CREATE VIEW n AS SELECT id, b FROM m"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE VIEW v AS SELECT id FROM n WHERE b = 'x'", ["meaning-differs"]),
        ("CREATE VIEW v AS SELECT nullif(b, 'x') FROM m", ["meaning-differs"]),
        ("CREATE VIEW v AS SELECT b FROM n WHERE id = 1", ["meaning-differs"]),
        ("CREATE VIEW v AS SELECT id FROM n WHERE id = 1", []),
        ("CREATE TRIGGER t UPDATE ON m BEGIN DELETE FROM m WHERE id IN (SELECT id FROM n WHERE b = 'x'); END", [""]),
    ],
)
def test_column_compared_through_a_view_is_told(bench: Bench, sql: str, expected: list[str]) -> None:
    """SQLite uses the collation of the column behind a view."""
    target_schema = examined(bench, (M.replace("TEXT", "TEXT COLLATE NOCASE"),), (M, NESTED, sql))

    assert len(found(target_schema)) == len(expected)
    assert {finding.id for finding in target_schema.findings} <= {"meaning-differs"}


@pytest.mark.parametrize(
    ("declared", "view"),
    [("BLOB", "CREATE VIEW v AS SELECT b FROM m"), ("VARCHAR", "CREATE VIEW v AS SELECT id FROM m WHERE b = 'x'")],
    ids=["not compared", "equal affinity"],
)
def test_column_that_compares_alike_is_not_told(bench: Bench, declared: str, view: str) -> None:
    """The declared types differ."""
    assert found(examined(bench, (f"CREATE TABLE m(id INTEGER PRIMARY KEY, b {declared})",), (M, view))) == []
