"""Specify the columns of the target that the plan fills with a constant for each source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import no_duplicates, rows_exact
from sqlite_consolidate.engine.merge.declaration_differences import declaration_differences
from sqlite_consolidate.plan.loader import load
from tests.support.databases import TARGET, Bench, failed_subjects, source, table

if TYPE_CHECKING:
    from tests.support.databases import Copied

T = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"
KEYED = "CREATE TABLE t(device TEXT NOT NULL, id INTEGER NOT NULL, v, PRIMARY KEY (device, id))"
Found = list[tuple[str, str, str]]


def problems(bench: Bench, create: str, rows: str = "(1, 'x')", *, constants: dict[str, object]) -> Found:
    """Return criterion, id and subject of each problem.

    Table t is moved with constants into the table of ``create``.
    """
    bench.database("a.db", T, *([f"INSERT INTO t VALUES {rows}"] if rows else []))
    inspected = bench.survey(source("a.db", table("t", create=create), constants=constants))
    return [(problem.criterion, problem.id, problem.subject) for problem in inspected.problems]


def two_phones(bench: Bench, create: str = KEYED, **keys: object) -> Copied:
    """Copy two sources with the same ids into one table."""
    for file in ("a.db", "b.db"):
        bench.database(file, T, f"INSERT INTO t VALUES (1, '{file}'), (2, 'same')")
    moved = table("t", create=create, **keys)
    return bench.copied(*(source(file, moved, constants={"device": "{stem}"}) for file in ("a.db", "b.db")))


@pytest.mark.parametrize("suffix", ["", " WITHOUT ROWID", " STRICT"])
def test_equal_keys_of_two_sources_are_told_apart(bench: Bench, suffix: str) -> None:
    """The constant is a part of the primary key."""
    copied = two_phones(bench, KEYED.replace(" v,", " v ANY,") + suffix)

    rows = [("a", 1, "a.db"), ("a", 2, "same"), ("b", 1, "b.db"), ("b", 2, "same")]
    assert copied.rows("SELECT device, id, v FROM t ORDER BY 1, 2") == rows
    assert failed_subjects([*rows_exact(copied.compared), *no_duplicates(copied.compared)]) == []
    assert {moved.method for moved in copied.copied_tables} == {"columns"}


@pytest.mark.parametrize("change", ["device = 'b'", "device = NULL", "device = CAST(device AS BLOB)"])
def test_constant_of_one_row_is_proved(bench: Bench, change: str) -> None:
    """The digest of the rows has the column."""
    copied = two_phones(bench, "CREATE TABLE t(device, id INTEGER NOT NULL, v)", rowids="renumber")
    copied.con.execute(f"UPDATE t SET {change} WHERE id = 1 AND device = 'a'")

    assert failed_subjects(rows_exact(copied.compared)) == ["t <- a.db:t, b.db:t"]


def test_equal_keys_under_one_constant_collide(bench: Bench) -> None:
    """The look-up of keys takes the constant from the row that arrives."""
    for file in ("a.db", "b.db"):
        bench.database(file, T, "INSERT INTO t VALUES (1, 'x')")
    moved = table("t", create=KEYED)
    sources = [source(file, moved, constants={"device": "phone"}) for file in ("a.db", "b.db")]

    (problem,) = bench.survey(*sources).problems

    assert (problem.criterion, problem.id, problem.others) == ("keys-free", "key-collision", ("a.db:t",))


def test_rows_with_another_constant_are_not_identical(bench: Bench) -> None:
    """The policy compares the constant as well."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v, device)"
    for file in ("a.db", "b.db"):
        bench.database(file, T, "INSERT INTO t VALUES (1, 'x')")
    moved = table("t", create=create, on_conflict="skip-identical")

    (problem,) = bench.survey(
        *(source(file, moved, constants={"device": "{stem}"}) for file in ("a.db", "b.db"))
    ).problems

    assert problem.criterion == "keys-free"


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("TEXT", "007", "007"),
        ("TEXT", "it's {{}}", "it's {}"),
        ("INTEGER", 7, 7),
        ("INTEGER", True, 1),
        ("REAL", 7.5, 7.5),
        ("", "7", "7"),
        ("TEXT NOT NULL DEFAULT 'other' CHECK (device <> 'other')", "mine", "mine"),
        ("TEXT UNIQUE", "one", "one"),
    ],
)
def test_constant_arrives_unchanged(bench: Bench, column: str, value: object, stored: object) -> None:
    """It replaces the DEFAULT of the column, and keeps its storage class."""
    bench.database("a.db", T, "INSERT INTO t VALUES (1, 'x')")
    moved = table("t", create=f"CREATE TABLE t(id INTEGER PRIMARY KEY, v, device {column})")

    copied = bench.copied(source("a.db", moved, constants={"Device": value}))

    assert copied.rows("SELECT device FROM t") == [(stored,)]
    assert failed_subjects(rows_exact(copied.compared)) == []


@pytest.mark.parametrize("rows", ["(1, 'x')", ""])
@pytest.mark.parametrize(
    ("column", "strict", "value"),
    [
        ("INTEGER", "", "007"),
        ("INTEGER", "", 7.0),
        ("TEXT", "", 7),
        ("REAL", "", 7),
        ("DATE", "", "7"),
        ("INTEGER", " STRICT", "x"),
        ("TEXT", " STRICT", 7),
    ],
)
def test_constant_that_its_column_changes_is_refused(
    bench: Bench, column: str, strict: str, value: object, rows: str
) -> None:
    """The declaration decides, and not the rows."""
    create = f"CREATE TABLE t(id INTEGER PRIMARY KEY, v ANY, device {column}){strict}"

    assert ("values-fit", "constant-changes", "a.db:t") in problems(bench, create, rows, constants={"device": value})


def test_constant_of_a_generated_column_is_refused(bench: Bench) -> None:
    """The target computes it."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v, device AS (v))"

    assert problems(bench, create, constants={"device": 1}) == [("values-fit", "constant-generated", "a.db:t")]


@pytest.mark.parametrize("check", ["CHECK (device > 9)", "PRIMARY KEY"])
def test_constant_against_a_constraint_is_refused(bench: Bench, check: str) -> None:
    """The trial copy inserts it."""
    create = f"CREATE TABLE t(id INTEGER, v, device INTEGER {check})"

    refused = problems(bench, create, "(1, 'x'), (2, 'y')", constants={"device": 7})

    assert {criterion for criterion, _, _ in refused} <= {"values-fit", "keys-free"}
    assert refused


@pytest.mark.parametrize("name", ["nowhere", "v"])
def test_constant_that_fills_no_column_is_a_mistake(bench: Bench, name: str) -> None:
    """No table has the column, or the source feeds it."""
    subject = f"source 1, constants, {name}"

    assert problems(bench, T, constants={name: 1}) == [("values-fit", "constant-unused", subject)]


def test_unused_constant_has_its_line_in_the_plan(bench: Bench) -> None:
    """The mistake is found at the databases, and its place is in the plan."""
    bench.database("a.db", T)
    plan = bench.root / "p.toml"
    text = 'format = 1\nname = "p"\ntarget = "target.db"\n[[source]]\nname = "a"\nfile = "a.db"\n'
    plan.write_text(text + '[source.constants]\nnowhere = 1\n[[source.table]]\nname = "t"\n', "utf-8")

    (problem,) = bench.survey_of(load(plan)).problems

    assert problem.subject.startswith("p.toml:8 ")


def test_table_that_the_source_feeds_keeps_its_values(bench: Bench) -> None:
    """Another table of the source gets the constant."""
    bench.database("a.db", "CREATE TABLE t(device)", "INSERT INTO t VALUES ('own')")
    bench.database("a.db", "CREATE TABLE u(v)", "INSERT INTO u VALUES (1)")
    moved = source("a.db", "t", table("u", create="CREATE TABLE u(v, device)"), constants={"device": "given"})

    copied = bench.copied(moved)

    assert copied.rows("SELECT device FROM t UNION ALL SELECT device FROM u") == [("own",), ("given",)]


def test_rows_of_the_target_keep_their_values(bench: Bench) -> None:
    """The constants belong to rows of the source."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES ('old', 1, 'x')")
    bench.database("a.db", T, "INSERT INTO t VALUES (1, 'y')")

    copied = bench.copied(source("a.db", "t", constants={"device": "new"}))

    assert copied.rows("SELECT * FROM t ORDER BY 1 DESC") == [("old", 1, "x"), ("new", 1, "y")]
    assert failed_subjects(rows_exact(copied.compared)) == []


def test_declarations_with_a_constant_beside_them_are_not_lost(bench: Bench) -> None:
    """Key, UNIQUE, index and foreign key hold among the rows of one source as before."""
    parent = "CREATE TABLE t(id INTEGER PRIMARY KEY, v NOT NULL UNIQUE)"
    bench.database("a.db", parent, "CREATE TABLE u(id INTEGER PRIMARY KEY, t REFERENCES t)", "CREATE INDEX i ON u(t)")
    t = "CREATE TABLE t(device, id INTEGER, v NOT NULL, PRIMARY KEY (device, id), UNIQUE (device, v))"
    u = "CREATE TABLE u(device, id INTEGER, t, PRIMARY KEY (device, id), FOREIGN KEY (device, t) REFERENCES t)"
    index = "; CREATE INDEX i ON u(device, t)"
    moved = source("a.db", table("t", create=t), table("u", create=u + index), constants={"device": "phone"})

    inspected = bench.survey(moved)

    assert inspected.problems == []
    assert [finding.id for finding in inspected.findings if finding.id in LOST] == []
    assert [d.aspect for mapping in inspected.mappings for d in declaration_differences(mapping)] == []


LOST = ("key-lost", "index-lost", "constraint-lost", "further-column", "not-null-lost")
