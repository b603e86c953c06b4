"""Hold the sentences about rowids that an object or the plan relies on."""

from __future__ import annotations

from tests.support.databases import TARGET, Bench, source, table

X = "CREATE TABLE x(k TEXT PRIMARY KEY, v)"
Y = "CREATE TABLE y(id INTEGER PRIMARY KEY, xr INT)"
VIEW = "CREATE VIEW j AS SELECT y.id, x.v FROM y JOIN x ON x.rowid = y.xr"


def two(bench: Bench, *objects: str) -> None:
    """Create a target and a source whose rows have one rowid."""
    for file in (TARGET, "b.db"):
        row = f"INSERT INTO x(rowid, k) VALUES(7, '{file}')"
        bench.database(file, X, Y, *objects, row, f"INSERT INTO y VALUES({len(file)}, 7)")


def test_collision_names_the_object_and_the_rows(bench: Bench) -> None:
    """The operator learns who uses the rowids, and how to go on."""
    two(bench, VIEW)

    [problem] = bench.survey(source("b.db", "x", "y")).problems

    fact = "view j uses the rowids of x, and 1 rowid is used by more than one row: in target.db:x and b.db:x."
    assert problem.what == fact
    assert problem.hint == (
        "Leave view j behind with a reason (views or triggers of [[source.leave]]), if a source brings it; or move the"
        ' table under another name (into); or accept new rowids: rowids = "renumber".'
    )


def test_collision_names_the_key_of_the_plan(bench: Bench) -> None:
    """Nothing in the databases uses the rowids."""
    two(bench)

    [problem] = bench.survey(source("b.db", table("x", rowids="keep"), "y")).problems

    assert problem.what.startswith('the plan keeps the rowids (rowids = "keep") of x, and 1 rowid is used')


def test_rows_apart_name_both_tables(bench: Bench) -> None:
    """The rows of y would be joined with the rows of the target."""
    two(bench, VIEW)

    [problem] = bench.survey(source("b.db", table("x", into="b_x"), "y")).problems

    fact = "view j of the target would look up 1 row by the rowids of x, where no row of b.db:x arrives."
    assert problem.what == fact


def test_changed_rowids_name_the_object(bench: Bench) -> None:
    """The plan accepts that rowids change."""
    two(bench, VIEW)

    inspected = bench.survey(source("b.db", table("x", rowids="renumber"), "y"))

    texts = [finding.text for finding in inspected.findings if finding.id == "rowids-changed"]
    assert texts == ["1 row may arrive in x under another rowid, which view j uses."]
