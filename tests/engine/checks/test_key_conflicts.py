"""Specify that preflight finds every key that two rows would have, in sources and target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.databases import TARGET, Bench, source, table
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    from sqlite_consolidate.problem import Problem

KEYED = "CREATE TABLE t(k TEXT PRIMARY KEY, v)"
FREE = "CREATE TABLE t(k, v)"


def values(*rows: tuple[Any, ...]) -> str:
    """Return an INSERT of literal rows of two."""
    return "INSERT INTO t VALUES" + ", ".join(str(row).replace("None", "NULL") for row in rows)


def conflict(bench: Bench, *sources: Any, **keys: Any) -> Problem:
    """Return the only problem of the keys, which has a hint."""
    problems = [problem for problem in bench.survey(*sources, **keys).problems if problem.criterion == "keys-free"]
    assert len(problems) == 1
    assert problems[0].hint
    return problems[0]


def two(bench: Bench, policy: str = "refuse", other: str = "refuse") -> list[str]:
    """Inspect the sources a and b of one table."""
    return bench.problems(source("a.db", table("t", on_conflict=policy)), source("b.db", table("t", on_conflict=other)))


def test_sources_with_different_keys_do_not_collide(bench: Bench) -> None:
    """NULL is not a key, so that many rows may have it."""
    bench.database("a.db", KEYED, values((None, 1), ("a", 1)))
    bench.database("b.db", KEYED, "INSERT INTO t(rowid, k, v) VALUES(11, NULL, 1), (12, 'b', 1)")

    assert two(bench) == []


def test_key_collision_of_two_sources_names_both(bench: Bench) -> None:
    """Equal content is a collision as well, unless the plan says otherwise."""
    bench.database("a.db", KEYED, values(("x", 1), ("y", 1), ("z", 1)))
    bench.database("b.db", KEYED, values(("x", 1), ("y", 2)))

    problem = conflict(bench, source("a.db", "t"), source("b.db", "t"))

    assert (problem.id, problem.subject, problem.others) == ("key-collision", "b.db:t", ("a.db:t",))


@pytest.mark.parametrize(
    ("create", "keys"),
    [
        ("CREATE TABLE t(k INTEGER PRIMARY KEY, v)", ('keys = "renumber"',)),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT UNIQUE)", ('match = ["k"]', 'into = "..."')),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", ('into = "..."',)),
        ("CREATE TABLE t(k INTEGER UNIQUE, v)", ('match = ["k"]', 'renumber = ["k"]')),
        ("CREATE TABLE t(k INTEGER UNIQUE REFERENCES u(id), v)", ('match = ["k"]', 'into = "..."')),
    ],
    ids=["number", "unique", "text", "unique number", "unique reference"],
)
def test_hint_of_a_collision_names_the_plan_key(bench: Bench, create: str, keys: tuple[str, ...]) -> None:
    """Numbers can be given again, and a further unique key can tell that rows are the same."""
    first, second = ("(1, 'x')", "(2, 'x')") if "k TEXT UNIQUE" in create else ("(1, 1)", "(1, 2)")
    bench.database("a.db", create, f"INSERT INTO t VALUES {first}")
    bench.database("b.db", create, f"INSERT INTO t VALUES {second}")

    hint = conflict(bench, source("a.db", "t"), source("b.db", "t")).hint

    assert re.findall(r'\w+ = (?:\[.*?\]|".*?")', hint)[: len(keys)] == list(keys)


@pytest.mark.parametrize("limit", [2, 400])
def test_key_is_found_among_many_sources(bench: Bench, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """SQLite unites a limited number of queries, and a text is no number in either way."""
    monkeypatch.setattr("sqlite_consolidate.engine.checks.key_conflicts._MAX_UNITED", limit)
    for name, key in (("a", 1), ("b", 2), ("c", 3), ("d", 2), ("e", "3")):
        bench.database(f"{name}.db", "CREATE TABLE t(k PRIMARY KEY, v)", values((key, 0)))

    problem = conflict(bench, *(source(f"{name}.db", "t") for name in "abcde"))

    assert (problem.id, problem.subject, problem.others) == ("key-collision", "d.db:t", ("b.db:t",))


def test_a_key_that_the_target_has_is_found(bench: Bench) -> None:
    """The target's rows before the run are compared as well."""
    bench.database(TARGET, KEYED, values(("x", 1)))
    bench.database("a.db", KEYED, values(("x", 1)))

    problem = conflict(bench, source("a.db", "t"))

    assert (problem.id, problem.subject, problem.others) == ("key-collision", "a.db:t", ("target.db:t",))


@pytest.mark.parametrize(
    ("keys", "shown"), [(("x",), ["x"]), (("x", "y"), ["x", "y"]), (("w", "x", "y", "z"), ["w", "x", "y"])]
)
def test_key_collision_of_four_sources_names_each_once(bench: Bench, keys: tuple[str, ...], shown: list[str]) -> None:
    """Four sources make one problem, which has the values apart from its text."""
    files = ("a.db", "b.db", "c.db")
    for file in (TARGET, *files):
        bench.database(file, KEYED, values(*((key, 1) for key in keys)))

    (problem,) = bench.survey(*(source(file, "t") for file in files)).problems

    assert (problem.id, problem.subject) == ("key-collision", "c.db:t")
    assert problem.others == ("target.db:t", "a.db:t", "b.db:t")
    assert numbers_in(problem.what) == [len(keys), 1], "keys, and tables that are not named"
    assert re.findall("'(.)'", problem.values) == shown


def test_target_key_is_looked_up_within_one_source(bench: Bench) -> None:
    """The source never forbade equal values."""
    bench.database("a.db", FREE, values(("x", 1), ("x", 2), ("y", 3)))

    problem = conflict(bench, source("a.db", table("t", create=KEYED)))

    assert (problem.id, problem.subject, problem.others) == ("key-collision", "a.db:t", ())


@pytest.mark.parametrize(
    ("create", "named"),
    [
        ("CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v)", "1 key (k)"),
        ("CREATE TABLE t(k, v, UNIQUE(v, k COLLATE NOCASE))", "1 key (v, k)"),
        ("CREATE TABLE t(k TEXT COLLATE NOCASE, v, PRIMARY KEY(k, v)) WITHOUT ROWID", "1 key (k, v)"),
        ("CREATE TABLE t(k, v); CREATE UNIQUE INDEX ix ON t(k COLLATE NOCASE DESC)", "1 key (k)"),
        ("CREATE TABLE t(k, v); CREATE UNIQUE INDEX ix ON t(lower(k))", "'ix'"),
        ("CREATE TABLE t(k, v); CREATE UNIQUE INDEX ix ON t(v) WHERE k >= 'A'", ": t.v"),
        ("CREATE TABLE t(k, v, g AS (lower(k)) UNIQUE)", ": t.g"),
        ("CREATE TABLE t(k, v, g AS (lower(k))); CREATE UNIQUE INDEX ix ON t(v, g)", ": t.v"),
    ],
)
@pytest.mark.parametrize("files", [["a.db"], ["a.db", "b.db"]])
def test_every_kind_of_key_is_looked_up(bench: Bench, create: str, named: str, files: list[str]) -> None:
    """Each kind is found within one source and across two sources.

    The kinds are composite, collated, descending, expression, partial and generated keys.
    """
    rows = [("ab", 1), ("AB", 1)]
    for at, file in enumerate(files):
        bench.database(file, FREE, values(*(rows if len(files) == 1 else rows[at : at + 1])))

    rowids = "keep" if "WITHOUT ROWID" in create else "renumber"
    problem = conflict(bench, *(source(file, table("t", create=create, rowids=rowids)) for file in files))

    assert problem.subject == f"{files[-1]}:t"
    assert named in problem.what


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE t(k, v); CREATE UNIQUE INDEX ix ON t(lower(k))",
        "CREATE TABLE t(k, v); CREATE UNIQUE INDEX ix ON t(v) WHERE k > 'b'",
        "CREATE TABLE t(k, v, UNIQUE(k, v))",
        "CREATE TABLE t(k, v, g AS (k || v) UNIQUE)",
    ],
)
def test_keys_that_no_two_rows_claim_are_free(bench: Bench, create: str) -> None:
    """No false alarm from a key that is looked up by trial."""
    bench.database("a.db", FREE, values(("ab", 1)))
    bench.database("b.db", FREE, values(("b", 1)))

    assert bench.problems(*(source(f, table("t", create=create, rowids="renumber")) for f in ("a.db", "b.db"))) == []


def test_new_key_is_refused_when_target_rows_violate_it(bench: Bench) -> None:
    """The source brings a unique index and not a single row."""
    bench.database(TARGET, FREE, values(("x", 1), ("x", 2)))
    bench.database("a.db", FREE, "CREATE UNIQUE INDEX ix ON t(k)")

    problem = conflict(bench, source("a.db", "t"))

    assert (problem.id, problem.subject) == ("key-collision", "target.db:t")
    assert "1 key (k)" in problem.what


def test_new_expression_key_is_refused_when_violated(bench: Bench) -> None:
    """An expression is looked up by a trial copy."""
    bench.database(TARGET, FREE, values(("x", 1), ("X", 2)))
    bench.database("a.db", FREE, "CREATE UNIQUE INDEX ix ON t(lower(k))", values(("z", 1)))

    problem = conflict(bench, source("a.db", "t"))

    assert (problem.id, problem.subject) == ("key-collision", "target.db:t")


def test_missing_key_column_counts_with_its_default(bench: Bench) -> None:
    """Every row of the source gets the same one."""
    bench.database(TARGET, "CREATE TABLE t(k, v, tenant TEXT DEFAULT 5, UNIQUE(k, tenant))")
    bench.database("a.db", FREE, values(("x", 1), ("x", 2)))

    problem = conflict(bench, source("a.db", "t"))

    assert (problem.id, problem.subject) == ("key-collision", "a.db:t")
    assert "1 key (k, tenant)" in problem.what


def test_an_integer_key_is_a_key(bench: Bench) -> None:
    """INTEGER PRIMARY KEY has no index of its own."""
    for file in ("a.db", "b.db"):
        bench.database(file, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", values((7, 1)))

    problem = conflict(bench, source("a.db", "t"), source("b.db", "t"))

    assert problem.id == "key-collision"
    assert "1 key (id)" in problem.what


def test_rowids_that_are_the_only_identity_may_not_meet(bench: Bench) -> None:
    """Unless the plan lets them change."""
    for file in ("a.db", "b.db"):
        bench.database(file, FREE, values(("x", 1)))

    problem = conflict(bench, source("a.db", "t"), source("b.db", "t"))

    assert (problem.id, problem.subject, problem.others) == ("rowid-collision", "b.db:t", ("a.db:t",))
    assert numbers_in(problem.what) == [1]
    free = [source(file, table("t", rowids="renumber")) for file in ("a.db", "b.db")]
    assert bench.problems(*free) == []


@pytest.mark.parametrize(
    ("create", "row"),
    [
        ("CREATE VIRTUAL TABLE t USING fts5(k, v)", "INSERT INTO t(rowid, k) VALUES(7, 'x')"),
        ("CREATE VIRTUAL TABLE t USING rtree(k, v, w)", "INSERT INTO t VALUES(7, 1, 2)"),
    ],
)
def test_rowids_of_virtual_tables_may_not_meet(bench: Bench, create: str, row: str) -> None:
    """An FTS5 table and an R-tree refuse a second row under one rowid as well."""
    for file in ("a.db", "b.db"):
        bench.database(file, create, row)

    problem = conflict(bench, source("a.db", "t"), source("b.db", "t"))

    assert (problem.id, numbers_in(problem.what)) == ("rowid-collision", [1])


def test_sources_with_and_without_identity_do_not_mix(bench: Bench) -> None:
    """The rows of one source have a key, and those of the other have only a rowid."""
    bench.database(TARGET, FREE)
    bench.database("a.db", FREE, values(("x", 1)))
    bench.database("b.db", "CREATE TABLE t(k UNIQUE, v)", values(("y", 1)))
    create = table("t", create=FREE)

    problem = conflict(bench, source("a.db", create), source("b.db", create))

    assert (problem.id, problem.subject, problem.others) == ("rowids-beside-keys", "a.db:t", ())


def test_kept_and_changed_rowids_do_not_mix(bench: Bench) -> None:
    """No row has a key, and the plan lets only the rowids of one source change."""
    for file in (TARGET, "a.db", "b.db"):
        bench.database(file, FREE, values(("x", 1)))

    problem = conflict(
        bench, source("a.db", table("t", create=FREE)), source("b.db", table("t", create=FREE, rowids="renumber"))
    )

    assert (problem.id, problem.subject, problem.others) == ("rowids-beside-keys", "a.db:t", ())


def test_equal_rows_under_equal_keys_may_be_skipped(bench: Bench) -> None:
    """skip-identical, against the target and against another source."""
    bench.database(TARGET, KEYED, values(("x", 1)))
    bench.database("a.db", KEYED, values(("x", 1), ("y", 2)))
    bench.database("b.db", KEYED, values(("y", 2), ("z", 3)))

    assert two(bench, "skip-identical", "skip-identical") == []


@pytest.mark.parametrize("target_value", [2, "1", 1.0, None, -0.0])
def test_different_rows_with_equal_keys_are_refused(bench: Bench, target_value: Any) -> None:
    """Also those that SQL takes for equal."""
    source_value = 0.0 if target_value == 0 and target_value is not None else 1
    for file, value in ((TARGET, target_value), ("a.db", source_value)):
        bench.database(file, KEYED, rows=("INSERT INTO t VALUES('x', ?)", [(value,)]))

    problem = conflict(bench, source("a.db", table("t", on_conflict="skip-identical")))

    assert (problem.id, problem.subject, numbers_in(problem.what)) == ("rows-differ", "a.db:t", [1, 1])


def test_different_rows_of_two_sources_are_refused(bench: Bench) -> None:
    """The second source's policy meets the first source's rows."""
    bench.database("a.db", KEYED, values(("x", 1)))
    bench.database("b.db", KEYED, values(("x", 2)))

    problem = conflict(bench, source("a.db", "t"), source("b.db", table("t", on_conflict="skip-identical")))

    assert (problem.id, problem.subject) == ("rows-differ", "b.db:t")


@pytest.mark.parametrize("policy", ["prefer-target", "prefer-source"])
def test_policy_resolves_different_rows(bench: Bench, policy: str) -> None:
    """Between the target and a source, and between two sources."""
    bench.database(TARGET, KEYED, values(("x", 1)))
    bench.database("a.db", KEYED, values(("x", 2), ("y", 2)))
    bench.database("b.db", KEYED, values(("x", 3), ("y", 3)))

    assert two(bench, policy, policy) == []


def test_policy_of_one_source_does_not_cover_another(bench: Bench) -> None:
    """Source b says nothing about its collision with a."""
    bench.database("a.db", KEYED, values(("x", 1)))
    bench.database("b.db", KEYED, values(("x", 2)))

    assert len(two(bench, "prefer-source", "refuse")) == 1


def test_policy_does_not_resolve_duplicates_within_one_source(bench: Bench) -> None:
    """No policy says which row of one source stays."""
    bench.database(TARGET, KEYED, values(("x", 1)))
    bench.database("a.db", FREE, values(("x", 2), ("x", 3)))

    problem = conflict(bench, source("a.db", table("t", on_conflict="prefer-source")))

    assert (problem.id, problem.subject) == ("row-refused", "a.db:t")
    assert "t.k" in problem.what


def test_policy_does_not_resolve_expression_key_collisions(bench: Bench) -> None:
    """The rows have different declared keys and an equal expression."""
    bench.database(TARGET, KEYED, "CREATE UNIQUE INDEX ix ON t(lower(k))", values(("x", 1)))
    bench.database("a.db", KEYED, values(("X", 2)))

    problem = conflict(bench, source("a.db", table("t", on_conflict="prefer-target")))

    assert (problem.id, problem.subject) == ("row-refused", "a.db:t")
    assert "'ix'" in problem.what


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE", "ROLLBACK", "FAIL", "ABORT"])
def test_conflict_clause_of_table_does_not_resolve_collisions(bench: Bench, clause: str) -> None:
    """A table declared UNIQUE ON CONFLICT REPLACE would drop rows silently."""
    create = f"CREATE TABLE t(k TEXT UNIQUE ON CONFLICT {clause}, v)"
    bench.database("a.db", create, values(("x", 1)))
    bench.database("b.db", create, values(("x", 2)))

    problem = conflict(bench, source("a.db", "t"), source("b.db", "t"))

    assert (problem.id, problem.subject, problem.others) == ("key-collision", "b.db:t", ("a.db:t",))
    assert "1 key (k)" in problem.what


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE"])
def test_conflict_clause_of_tried_key_drops_no_row_silently(bench: Bench, clause: str) -> None:
    """The trial counts what arrived."""
    create = f"CREATE TABLE t(k, v, g AS (lower(k)), UNIQUE(g) ON CONFLICT {clause})"
    bench.database("a.db", create, "INSERT INTO t(k, v) VALUES('x', 1)")
    bench.database("b.db", create, "INSERT INTO t(k, v) VALUES('X', 2)")

    assert conflict(bench, source("a.db", "t"), source("b.db", "t")).id == "rows-dropped"


def test_rows_of_utf_16_target_are_looked_up(bench: Bench) -> None:
    """The look-up has the encoding of the target."""
    bench.database(TARGET, "PRAGMA encoding='UTF-16'", KEYED, values(("é", 1)))
    bench.database("a.db", KEYED, values(("é", 2)))

    problem = conflict(bench, source("a.db", "t"))

    assert (problem.id, problem.subject, problem.others) == ("key-collision", "a.db:t", ("target.db:t",))


def test_tables_without_rows_claim_no_key(bench: Bench) -> None:
    """Empty tables have nothing to collide."""
    bench.database("a.db", KEYED)

    inspected = bench.survey(source("a.db", "t"))

    assert inspected.problems == []


def test_each_table_is_looked_up_in_its_databases(bench: Bench) -> None:
    """The last table comes from the first databases again."""
    for file, names in (("a.db", "tv"), ("b.db", "tuv"), ("c.db", "u")):
        creates = (f"CREATE TABLE {name}(k TEXT PRIMARY KEY)" for name in names)
        bench.database(file, *creates, *(f"INSERT INTO {name} VALUES('x')" for name in names))

    inspected = bench.survey(source("a.db", "t", "v"), source("b.db", "t", "u", "v"), source("c.db", "u"))

    assert [(problem.id, problem.subject, problem.others) for problem in inspected.problems] == [
        ("key-collision", "b.db:t", ("a.db:t",)),
        ("key-collision", "b.db:v", ("a.db:v",)),
        ("key-collision", "c.db:u", ("b.db:u",)),
    ]
