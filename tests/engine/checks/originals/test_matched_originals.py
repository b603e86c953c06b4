"""Judge rows that match and were updated by the databases from which they came."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals, compare
from sqlite_consolidate.observation import Outcome
from tests.support.databases import TARGET, source, table

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.databases import Bench
else:
    from sqlite_utils.utils import sqlite3

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT, note)"


@pytest.mark.parametrize(
    ("edit", "outcomes", "changed"),
    [
        ("", {Outcome.PASSED}, []),
        ("UPDATE site SET note = 'later' WHERE id = 1", {Outcome.PASSED}, [1]),
        ("DELETE FROM site WHERE id = 4", {Outcome.PASSED, Outcome.NOT_EXAMINED}, []),
    ],
)
def test_updated_rows_are_judged_by_what_updated_them(
    bench: Bench, tmp_path: Path, edit: str, outcomes: set[Outcome], changed: list[int]
) -> None:
    """Both rows of the first source have the values of the second, and one row is new."""
    bench.database("a.db", SITE, "INSERT INTO site VALUES (1, 'K', 'a'), (2, 'L', 'a')")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1, 'L', 'b'), (2, 'M', 'b'), (4, 'K', 'b')")
    maps = table("site", match=["code"], on_conflict="prefer-source", keys="renumber")
    plan = bench.plan(source("a.db", maps), source("b.db", maps))
    now = tmp_path / "now.db"
    with closing(sqlite3.connect(now, isolation_level=None)) as con:
        con.execute(SITE)
        con.execute("INSERT INTO site VALUES (1, 'K', 'b'), (2, 'L', 'b'), (4, 'M', 'b')")
        con.execute(edit)

    with ExitStack() as stack:
        compared = by_originals.compare_with_originals(plan, bench.root, now, stack)
        observations = [*compare.rows_exact(compared), *compare.no_duplicates(compared)]

    assert {observation.outcome for observation in observations} == outcomes
    assert [finding.count for finding in by_originals.changed_row_findings(compared.row_matches)] == changed
    assert not (bench.root / TARGET).exists()
