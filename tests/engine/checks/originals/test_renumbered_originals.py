"""Specify that originals judge renumbered rows only at the keys they would get."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison.compare import no_duplicates, rows_counted, rows_exact
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.model import Plan

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

CREATE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT);"
SUBJECT = "a.db:site -> site"
PLAN = {
    "format": 1,
    "name": "hand",
    "target": "target.db",
    "source": [{"name": "a", "file": "a.db", "table": [{"name": "site", "keys": "renumber"}]}],
}


def database(path: Path, script: str) -> None:
    """Create a database."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as con:
        con.executescript(CREATE + script)


@pytest.mark.parametrize(
    ("keys", "outcome"), [((3, 4), Outcome.PASSED), ((8, 9), Outcome.NOT_EXAMINED)], ids=["same", "other"]
)
def test_rows_count_at_the_keys_of_this_release(tmp_path: Path, keys: tuple[int, int], outcome: Outcome) -> None:
    """Other keys may be right, and cannot be shown to be."""
    kept = tmp_path / "kept"
    database(kept / "a.db", "INSERT INTO site VALUES (1, 'a'), (2, 'b')")
    database(kept / "target.db", "INSERT INTO site VALUES (2, 't')")
    first, second = keys
    rows = f"INSERT INTO site VALUES (2, 't'), ({first}, 'a'), ({second}, 'b')"
    database(tmp_path / "workspace" / "target.db", rows)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    plan = Plan.model_validate(PLAN)

    with ExitStack() as stack:
        target = originals.copy_originals(plan, kept, tmp_path / "workspace", scratch)
        compared = originals.compare_with_originals(plan, scratch, target, stack)
        results = [*rows_counted(compared), *rows_exact(compared), *no_duplicates(compared)]

    assert {result.outcome for result in results if result.subject == SUBJECT} == {outcome}
