"""Specify that originals judge derived data that another tool had to derive again."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison import compare_neighbours
from sqlite_consolidate.engine.checks.comparison.compare import rows_exact
from sqlite_consolidate.engine.checks.derived.derived_right import derived_right
from sqlite_consolidate.plan.model import Plan

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

SCHEMA = """
CREATE TABLE t(id INTEGER PRIMARY KEY, body, length INT);
CREATE TABLE total(id INTEGER PRIMARY KEY, n INT, note);
CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id);
CREATE VIRTUAL TABLE bare USING fts5(body, content='');
"""
PLAN = {
    "format": 1,
    "name": "hand",
    "target": "target.db",
    "source": [
        {
            "name": "a",
            "file": "a.db",
            "table": [{"name": "t"}],
            "leave": [{"tables": ["total", "words*", "bare*"], "reason": "the target has its own"}],
        }
    ],
    "refresh": [
        {"table": "total", "columns": ["n"], "set": "n = (SELECT count(*) FROM t)", "reason": "a sum"},
        {"table": "t", "columns": ["length"], "set": "length = length(body)", "reason": "a length"},
    ],
    "rebuild": [{"table": "words"}, {"table": "bare", "from": "SELECT id, body FROM t"}],
}
BY_HAND = """
INSERT INTO t VALUES(1, 'one', 3), (2, 'two', 3), (7, 'held', 4);
INSERT INTO total VALUES(1, 3, 'rows');
INSERT INTO words(words) VALUES('rebuild');
INSERT INTO bare(rowid, body) SELECT id, body FROM t;
"""


def database(path: Path, script: str) -> None:
    """Create a database."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as con:
        con.executescript(SCHEMA + script)


@pytest.mark.parametrize(
    ("later", "failed"),
    [
        ("", []),
        ("UPDATE total SET n = 2", ["total (n)"]),
        ("UPDATE t SET length = 0 WHERE id = 2", ["t (length)"]),
        ("INSERT INTO words(words, rowid, body) VALUES('delete', 2, 'two')", ["words"]),
        ("INSERT INTO bare(bare) VALUES('delete-all')", ["bare"]),
        ("DROP TABLE bare; CREATE TABLE bare(body)", ["bare"]),
        ("INSERT INTO t VALUES(9, 'nine', 4); UPDATE total SET n = 4", ["words", "bare"]),
    ],
    ids=["right", "sum", "moved row", "index", "contentless", "no index", "later row"],
)
def test_derived_data_of_another_tool_is_judged(tmp_path: Path, later: str, failed: list[str]) -> None:
    """Rows are exact, whatever the columns hold that have to be set again."""
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    database(kept / "a.db", "INSERT INTO t VALUES (1, 'one', 0), (2, 'two', NULL)")
    database(kept / "target.db", "INSERT INTO t VALUES (7, 'held', 0); INSERT INTO total VALUES(1, 1, 'rows')")
    database(tmp_path / "workspace" / "target.db", BY_HAND + later)
    scratch.mkdir()
    plan = Plan.model_validate(PLAN)

    with ExitStack() as stack:
        target = originals.copy_originals(plan, kept, tmp_path / "workspace", scratch)
        compared = originals.compare_with_originals(plan, scratch, target, stack)
        right, exact, beside = derived_right(compared), rows_exact(compared), compare_neighbours.neighbours(compared)

    assert [each.subject for each in right if not each.holds] == failed
    assert [each.subject for each in (*exact, *beside) if not each.holds] == []
