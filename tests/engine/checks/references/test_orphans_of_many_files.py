"""Specify that rows of very many files find no parent of another file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.references import predicted_strays
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from tests.support.databases import TARGET, Bench, table
from tests.support.thorough import thorough
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases

SITE = "CREATE TABLE site(code TEXT PRIMARY KEY COLLATE NOCASE, n INTEGER)"
LOAN = "CREATE TABLE loan(id TEXT PRIMARY KEY, site TEXT REFERENCES site(code))"


def survey(bench: Bench) -> InspectedDatabases:
    """Inspect all files of a pattern."""
    plan = plan_of_pattern("p*.db", target=TARGET, tables=[table("site"), table("loan")])
    return bench.survey_of(expand_by_files(plan, bench.root))


@pytest.mark.parametrize(("files", "queries"), [(3, 2), (3, 3), *thorough((1001, 50))])
def test_orphans_of_many_files_are_followed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, files: int, queries: int
) -> None:
    """Each file refers to a row that no file has, and the last one to a row of the first one."""
    monkeypatch.setattr(predicted_strays, "_MOST_QUERIES", queries)
    bench.database(TARGET, SITE, LOAN, "INSERT INTO site VALUES ('x', 0)", "INSERT INTO loan VALUES ('t', 'P1')")
    for number in range(files):
        rows = f"('{number} a', 'P{number}'), ('{number} b', 'none')"
        bench.database(
            f"p{number:04}.db",
            SITE,
            LOAN,
            f"INSERT INTO site VALUES ('p{number}', 1)",
            f"INSERT INTO loan VALUES {rows}",
        )
    bench.execute(f"p{files - 1:04}.db", "INSERT INTO loan VALUES ('last', 'P0')")

    problems = survey(bench).problems

    assert [(problem.id, problem.subject, problem.what.split()[0]) for problem in problems] == [
        ("orphans-adopted", f"p{files - 1:04}.db:loan", "1"),
        ("orphans-adopted", "target.db:loan", "1"),
    ]
