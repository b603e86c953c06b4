"""Specify which columns a run lists because their numbers are keys with new numbers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.kept_numbers import kept_number_findings
from sqlite_consolidate.engine.run.stages import PREFLIGHT
from sqlite_consolidate.findings import merge_findings
from sqlite_consolidate.plan.model import Refers, TableMap
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, source, table
from tests.support.thorough import thorough
from tests.support.workspaces.pattern_plans import plan_of_pattern
from tests.support.workspaces.two_sources import a_run, build_renumbered_tasks

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.findings import Finding

STAFF = "CREATE TABLE staff(id INTEGER PRIMARY KEY)"
DEPOTS = "CREATE TABLE depots(id INTEGER PRIMARY KEY)"
STATED = Refers(column="qa", to="staff.id")


def kept(inspected: InspectedDatabases, reported: Collection[tuple[str, str]] = ()) -> list[Finding]:
    """Return the findings about numbers that stay."""
    return list(kept_number_findings(inspected, FollowedKeys.of(inspected), reported))


def kept_beside_staff(bench: Bench, column: str, rows: str, refers: list[Refers], reported: str = "") -> list[str]:
    """Return the items about a column of bugs.

    Five persons beside them get new keys, and the depots keep theirs.
    """
    for file in (TARGET, "b.db"):
        bench.database(file, STAFF, "INSERT INTO staff VALUES (1), (2), (3), (4), (5)")
    bench.execute("b.db", DEPOTS, "INSERT INTO depots VALUES (3)")
    bench.execute("b.db", f"CREATE TABLE bug(name TEXT PRIMARY KEY, {column})", f"INSERT INTO bug VALUES {rows}")
    tables = [table("staff", keys="renumber"), table("depots"), table("bug", refers=refers)]
    inspected = bench.survey(source("b.db", *tables))
    assert inspected.problems == []
    return [finding.item for finding in kept(inspected, {("b.db:bug", reported)})]


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("qa INTEGER", "('a', 5), ('b', 2), ('c', 5), ('d', NULL)"),
        ("qa", "('a', 5), ('b', 2), ('c', 0), ('d', -1), ('e', -2)"),
        *thorough(
            ("cover INT", "('a', 5), ('b', 2)"),
            ("unit_id INT", "('a', 1), ('b', 3)"),
            ("bezug_nr INT", "('a', 5), ('b', 2)"),
        ),
    ],
)
def test_column_whose_numbers_are_keys_is_listed(bench: Bench, column: str, rows: str) -> None:
    """The item has the number of its values and the keys that they may be."""
    name = column.partition(" ")[0]

    assert kept_beside_staff(bench, column, rows, []) == [f"bug.{name} (2 numbers; staff.id)"]


@pytest.mark.parametrize(
    ("column", "rows", "refers", "reported"),
    [
        ("qa INTEGER", "('a', 5), ('b', 6)", [], ""),
        ("qa INTEGER", "('a', 5), ('b', 2)", [STATED], ""),
        ("qa INTEGER", "('a', 5), ('b', 2)", [], "qa"),
        ("fixed INTEGER", "('a', 1), ('b', 0)", [], ""),
        ("depot INTEGER", "('a', 3)", [], ""),
        ("qa INTEGER", "('a', 5), ('b', 0), ('c', -1), ('d', -2), ('e', -3)", [], ""),
        *thorough(
            ("qa INTEGER", "('a', 5), ('b', 'x')", [], ""),
            ("qa TEXT", "('a', 5), ('b', 2)", [], ""),
            ("nr INT", "('a', 5), ('b', 2)", [], ""),
            ("page_no INT", "('a', 5), ('b', 2)", [], ""),
            ("qa BOOLEAN", "('a', 5), ('b', 2)", [], ""),
            ("rating INTEGER", "('a', 5), ('b', 2)", [], ""),
            ("votes INTEGER", "('a', 5), ('b', 2)", [], ""),
            ("date_added INTEGER", "('a', 5), ('b', 2)", [], ""),
        ),
    ],
)
def test_other_column_is_not_listed(bench: Bench, column: str, rows: str, refers: list[Refers], reported: str) -> None:
    """It has other values or follows a rule, or its name or a finding tells what it is."""
    assert kept_beside_staff(bench, column, rows, refers, reported) == []


def test_one_finding_lists_the_columns_of_a_source(bench: Bench) -> None:
    """A column may mean rows of its own table, and the table after which it is named is first."""
    artists = "CREATE TABLE artists(id INTEGER PRIMARY KEY)", "INSERT INTO artists VALUES (1), (2), (9)"
    albums = "CREATE TABLE albums(id INTEGER PRIMARY KEY, albumartist INTEGER, reissue INTEGER)"
    for file in (TARGET, "b.db"):
        bench.database(file, *artists, albums, "INSERT INTO albums VALUES (1, 1, NULL), (2, 2, NULL), (3, 1, 2)")
    inspected = bench.survey(source("b.db", table("albums"), table("artists"), keys="renumber"))

    findings = kept(inspected)
    [finding] = merge_findings(findings)

    assert (finding.id, finding.subject, finding.count) == ("numbers-kept", "b.db", 2)
    assert [each.item for each in findings] == [
        "albums.albumartist (2 numbers; artists.id, albums.id)",
        "albums.reissue (1 number; albums.id, artists.id)",
    ]
    assert all(each.item in finding.text for each in findings)


@pytest.mark.parametrize(("last", "columns"), [(2, ["bug.qa"]), (7, [])])
def test_each_file_of_a_pattern_counts(bench: Bench, last: int, columns: list[str]) -> None:
    """One finding names the pattern.

    The keys of the first file stay, and a file without bugs tells nothing.
    """
    files = ["p1.db", "p2.db", "p3.db", "p4.db"]
    for number, file in enumerate(files):
        bugs = "CREATE TABLE bug(name TEXT PRIMARY KEY, qa INTEGER)"
        bench.database(file, STAFF, "INSERT INTO staff VALUES (1), (2), (3)", bugs)
        if number != 2:
            bench.execute(file, f"INSERT INTO bug VALUES ('{number}', {last if number == 3 else 3})")
    tables = [TableMap(name="staff"), TableMap(name="bug")]
    plan = plan_of_pattern("p*.db", tables=tables, keys_="renumber")
    inspected = bench.survey_of(expand(plan, lambda _: files))

    findings = kept(inspected)

    assert [(each.subject, each.column) for each in findings] == [("p*.db", column) for column in columns]


def test_run_lists_what_no_other_finding_names(tmp_path: Path) -> None:
    """The code compares one of two columns with the key."""
    root = build_renumbered_tasks(
        tmp_path / "workspace",
        create="CREATE TABLE tasks(id INTEGER PRIMARY KEY, step INT, qa INT)",
        insert="INSERT INTO tasks VALUES (2, 2, 2)",
        sql="SELECT 1 FROM tasks t JOIN tasks s ON s.id = t.step",
    )

    with closing(a_run(root)) as run:
        run.perform(PREFLIGHT)
        noted = [(each.id, each.column) for each in run.log.noted if each.column]

    assert noted == [("id-unfollowed", "step"), ("numbers-kept", "tasks.qa")]
