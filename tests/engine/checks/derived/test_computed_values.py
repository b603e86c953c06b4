"""Specify that preflight finds rows for which an expression of the target fails."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.derived.computed_values import find_uncomputable_rows
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, source, table
from tests.support.thorough import thorough

PLAIN = "CREATE TABLE m(id INTEGER PRIMARY KEY, b TEXT)"
KEY = "json_extract(b, '$.k')"
INDEX = "an index on an expression"
OF_TARGET = {
    INDEX: (PLAIN, f"CREATE INDEX own ON m({KEY})", "index own"),
    "a partial index": (PLAIN, f"CREATE INDEX own ON m(id) WHERE {KEY} = 1", "index own"),
    "a unique index": (PLAIN, f"CREATE UNIQUE INDEX own ON m({KEY})", "index own"),
    "a stored column": (f"{PLAIN[:-1]}, own AS ({KEY}) STORED)", "SELECT 1", "column own"),
    "a virtual column": (f"{PLAIN[:-1]}, own AS ({KEY}))", "SELECT 1", "column own"),
}


def refusals(bench: Bench, **keys: str) -> list[tuple[str, str, str]]:
    """Return id, subject and fact of each problem of moving m."""
    problems = bench.survey(source("a.db", table("m", **keys))).problems
    return [(problem.id, problem.subject, problem.what) for problem in problems]


@pytest.mark.parametrize(
    ("create", "further", "label"),
    [OF_TARGET[INDEX], *thorough(*(OF_TARGET[kind] for kind in OF_TARGET if kind != INDEX))],
)
@pytest.mark.parametrize("value", ["nojson", '{"k": 2}'])
def test_row_that_an_expression_refuses_is_found(
    bench: Bench, create: str, further: str, label: str, value: str
) -> None:
    """The run would fail at it, with the text of SQLite alone."""
    bench.database(TARGET, create, further)
    bench.database("a.db", PLAIN, rows=("INSERT INTO m(b) VALUES(?)", [("{}",), (value,)]))

    problems = refusals(bench)

    assert [(id, subject) for id, subject, _ in problems] == [("row-refused", "a.db:m")] * (value == "nojson")
    assert all(label in fact and "malformed JSON" in fact for *_, fact in problems)


@pytest.mark.parametrize("unique", ["", *thorough("UNIQUE ")])
def test_row_of_target_that_an_index_refuses_is_found(bench: Bench, unique: str) -> None:
    """The run would fail where it creates the index of the source."""
    bench.database(TARGET, PLAIN, "INSERT INTO m VALUES(5, 'nojson')")
    bench.database("a.db", PLAIN, "INSERT INTO m VALUES(1, '{}')", f"CREATE {unique}INDEX own ON m({KEY})")

    assert [(id, subject) for id, subject, _ in refusals(bench)] == [("row-refused", f"{TARGET}:m")]
    assert refusals(bench, into="mm") == []


def test_row_that_a_constraint_refuses_is_named_once(bench: Bench) -> None:
    """The trial of values finds it, so that the expressions are not tried."""
    bench.database(TARGET, f"{PLAIN[:-1]}, CHECK(b <> 'nojson'))", f"CREATE INDEX own ON m({KEY})")
    bench.database("a.db", PLAIN, "INSERT INTO m VALUES(1, 'nojson')")

    assert [(id, subject) for id, subject, _ in refusals(bench)] == [("row-refused", "a.db:m")]


def test_deadline_is_no_refused_row(bench: Bench) -> None:
    """SQLite interrupts the trial, and the operator has to allow it more time."""
    bench.database(TARGET, PLAIN, f"CREATE INDEX own ON m({KEY})")
    bench.database("a.db", PLAIN, "INSERT INTO m VALUES(1, '{}')")
    inspected, limits = bench.survey(source("a.db", "m")), Limits()

    with pytest.raises(ProblemError) as caught, limits.deadline.within(0, "target.db"):
        find_uncomputable_rows(inspected, limits)

    assert caught.value.ids == ("out-of-proportion",)
