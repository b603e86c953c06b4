"""Specify that no row matches by a column that its file lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Plan

OLD_SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT)"
SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT, guid TEXT{default} UNIQUE)"
VISIT = "CREATE TABLE visit(id INTEGER PRIMARY KEY, site INTEGER REFERENCES site(id), day TEXT)"


def sites(bench: Bench, default: str, policy: str = "refuse") -> Plan:
    """Create a target and two files of a pattern, of which the older one has no guid."""
    site = SITE.format(default=default and f" DEFAULT {default}")
    rows = f"INSERT INTO site VALUES (1, 'Lake', {default or 'NULL'}), (2, 'Ridge', 'g2')"
    bench.database(TARGET, site, VISIT, rows, "INSERT INTO visit VALUES (1, 1, 't')")
    bench.database(
        "p1.db", site, VISIT, "INSERT INTO site VALUES (1, 'Ridge', 'g2')", "INSERT INTO visit VALUES (1, 1, 'n')"
    )
    bench.database(
        "p2.db", OLD_SITE, VISIT, "INSERT INTO site VALUES (1, 'Cave')", "INSERT INTO visit VALUES (1, 1, 'o')"
    )
    tables = [table("site", match=["guid"], on_conflict=policy), table("visit")]
    plan = plan_of_pattern("p*.db", target=TARGET, tables=tables, keys_="renumber")
    return expand(plan, lambda _: ["p1.db", "p2.db"])


@pytest.mark.parametrize("policy", ["refuse", "prefer-target", "prefer-source"])
def test_rows_of_a_file_without_the_column_are_new(bench: Bench, policy: str) -> None:
    """NULL in the target is no match for them, and their children follow them."""
    plan = sites(bench, "", policy)

    copied = bench.copied(*plan.sources)

    days = "SELECT visit.day, site.name FROM visit JOIN site ON site.id = visit.site ORDER BY 1"
    assert copied.rows(days) == [("n", "Ridge"), ("o", "Cave"), ("t", "Lake")]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []
    findings = [(each.subject, each.count) for each in copied.inspected.findings if each.id == "rows-unmatched"]
    assert findings == [("p*.db:site", 1)]


def test_default_of_the_column_matches_no_row(bench: Bench) -> None:
    """The new row has a unique value of the target, so the plan is refused."""
    inspected = bench.survey_of(sites(bench, "'g0'", "prefer-target"))

    assert [(each.id, each.subject) for each in inspected.problems] == [("key-collision", "p2.db:site")]


@pytest.mark.parametrize(("constants", "problems"), [({}, ["match-impossible"]), ({"guid": "g9"}, [])])
def test_source_without_the_column_is_refused(bench: Bench, constants: dict[str, str], problems: list[str]) -> None:
    """A constant fills the column."""
    sites(bench, "")
    moved = source("p2.db", table("site", match=["guid"]), "visit", keys="renumber", constants=constants)

    assert [each.id for each in bench.survey(moved).problems] == problems


def test_pattern_without_the_column_is_refused(bench: Bench) -> None:
    """No file of it has the column."""
    sites(bench, "")
    bench.database("q1.db", OLD_SITE, "INSERT INTO site VALUES (1, 'Cave')")
    plan = plan_of_pattern("q*.db", target=TARGET, tables=[table("site", match=["guid"])], keys_="renumber")

    problems = bench.survey_of(expand(plan, lambda _: ["q1.db"])).problems

    assert [(each.id, each.subject) for each in problems] == [("match-impossible", "q1.db:site")]
