"""Hold the sentences about constants of a source."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table

_FULL = {
    "unused": (
        "CREATE TABLE t(id)",
        {"device": 1},
        (
            'source 1, constants, device: no table that "a" brings has a column "device" in the target. Add'
            " the column to a table (create), or correct its name. [constant-unused]"
        ),
    ),
    "fed": (
        "CREATE TABLE t(id)",
        {"id": 1},
        (
            'source 1, constants, id: every table of "a" with a column "id" has its values already. Remove'
            " the constant. [constant-unused]"
        ),
    ),
    "converted": (
        "CREATE TABLE t(id, device INTEGER)",
        {"device": "007"},
        (
            "a.db:t: the constant '007' does not fit column device of t: INTEGER would store 7. Write a value"
            " of the type of the column, or declare another type. [constant-changes]"
        ),
    ),
    "refused": (
        "CREATE TABLE t(id ANY, device INTEGER) STRICT",
        {"device": "x"},
        (
            "a.db:t: the constant 'x' does not fit column device of t: INTEGER would refuse it. Write a value"
            " of the type of the column, or declare another type. [constant-changes]"
        ),
    ),
    "generated": (
        "CREATE TABLE t(id, device AS (id))",
        {"device": 1},
        (
            "a.db:t: the constant of device has no place, because t computes this column. Remove the"
            " constant, or declare an ordinary column. [constant-generated]"
        ),
    ),
}


@pytest.mark.parametrize(("create", "constants", "sentence"), _FULL.values(), ids=_FULL)
def test_problem_of_a_constant_is_worded(
    bench: Bench, create: str, constants: dict[str, object], sentence: str
) -> None:
    """Each has a fact and a hint."""
    bench.database("a.db", "CREATE TABLE t(id)")

    inspected = bench.survey(source("a.db", table("t", create=create, rowids="renumber"), constants=constants))

    assert [str(problem) for problem in inspected.problems] == [sentence]


def test_children_without_the_constant_are_worded(bench: Bench) -> None:
    """The hint names the column that they lack."""
    bench.database("a.db", "CREATE TABLE p(id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1)")
    bench.execute("a.db", "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p(id))", "INSERT INTO c VALUES (1, 1)")
    keyed = "CREATE TABLE p(device, id INTEGER, PRIMARY KEY (device, id))"
    bench.database(TARGET, keyed, "INSERT INTO p VALUES ('other', 1)")
    moved = source(
        "a.db", "p", table("c", create="CREATE TABLE c(id INTEGER PRIMARY KEY, p)"), constants={"device": "a"}
    )

    (problem,) = bench.survey(moved).problems
    assert str(problem) == (
        "a.db:c: 1 row refers by p to rows of p that the target does not have or has under another key: 1"
        " would reach another row of p. Give c the columns of the target that tell the rows of p apart"
        " (device), or move c and p under names of their own (into). [parents-differ]"
    )
