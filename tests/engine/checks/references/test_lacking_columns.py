"""Specify what an older file of a pattern refers to if it lacks the referring column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.model import Refers
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, table
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT)"


def survey(bench: Bench, default: str, keys: str, *, is_declared: bool) -> InspectedDatabases:
    """Inspect two files, one without the column, and a target with its DEFAULT."""
    reference = "REFERENCES site(id)" if is_declared else ""
    site = f"site INTEGER DEFAULT {default} {reference}"
    bench.database(
        TARGET, SITE, f"CREATE TABLE loan(id INTEGER PRIMARY KEY, {site})", "INSERT INTO site VALUES (1, 't')"
    )
    for key, (file, column) in enumerate({"p1.db": "", "p2.db": f", site INTEGER {reference}"}.items(), 11):
        rows = f"INSERT INTO site VALUES ({key}, 's')", f"INSERT INTO loan VALUES ({key}{f', {key}' if column else ''})"
        bench.database(file, SITE, f"CREATE TABLE loan(id INTEGER PRIMARY KEY{column})", *rows)
    loan = table("loan", refers=[] if is_declared else [Refers(column="site", to="site.id")])
    plan = plan_of_pattern("p*.db", target=TARGET, tables=[table("site"), loan], keys_=keys)
    return bench.survey_of(expand(plan, lambda _: ["p1.db", "p2.db"]))


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "stated"])
@pytest.mark.parametrize("keys", ["keep", "renumber"])
@pytest.mark.parametrize(
    ("default", "finding", "problem"),
    [("NULL", "further-column", ""), ("1", "default-refers", ""), ("99", "default-refers", "parents-missing")],
)
def test_default_of_the_target_is_judged_as_a_reference(
    bench: Bench, default: str, finding: str, problem: str, keys: str, *, is_declared: bool
) -> None:
    """NULL refers to no row, another DEFAULT asks for attention.

    A FOREIGN KEY demands that its row exists.
    """
    inspected = survey(bench, default, keys, is_declared=is_declared)

    ids = ("further-column", "default-refers")
    assert [(each.id, each.subject) for each in inspected.findings if each.id in ids] == [(finding, "p1.db:loan")]
    refused = [problem] if problem and is_declared else []
    assert [each.id for each in inspected.problems] == refused
