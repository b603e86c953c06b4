"""Specify that originals judge renumbered rows only at the keys they would get."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison.compare import no_duplicates, rows_counted, rows_exact
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.plan.model import Plan
from tests.support.workspaces.pattern_plans import create_phones

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
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


def reads_of_target(root: Path, files: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the number of statements that read all rows of a table, for so many files."""
    create_phones(root / "kept", files)
    (root / "scratch").mkdir()
    statements: list[str] = []

    def open_traced(path: Path, limits: Limits | None) -> sqlite3.Connection:
        con = open_existing(path, limits)
        con.set_trace_callback(statements.append)
        return con

    monkeypatch.setattr(originals, "open_existing", open_traced)
    plan = expand_by_files(load(root / "kept/consolidation.toml"), root / "kept")
    with ExitStack() as stack:
        target = originals.copy_originals(plan, root / "kept", root / "kept", root / "scratch")
        compared = originals.compare_with_originals(plan, root / "scratch", target, stack)
    assert len(compared.row_matches) == 2 * files
    return sum('FROM main."call"' in statement for statement in statements)


def test_target_is_read_as_often_for_more_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise many files of a pattern would take the square of their number."""
    assert reads_of_target(tmp_path / "few", 2, monkeypatch) == reads_of_target(tmp_path / "more", 12, monkeypatch) > 0
