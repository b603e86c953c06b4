"""Specify how originals judge a consolidation of a pattern of files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.plan.patterns import expand
from tests.support.workspaces.consolidated_by_hand import failed, judge_by_originals

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import RunLog
else:
    from sqlite_utils.utils import sqlite3

PLAN = """format = 1
name = "pattern"
target = "target.db"

[[source]]
name = "file"
file = "files/*.db"
"""
SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT);"
PHOTO = "CREATE TABLE photo(id INTEGER PRIMARY KEY, file TEXT);"


def judged(root: Path, plan: str, target: str, **files: str) -> RunLog:
    """Compare a target with the originals of a pattern, each made by a script."""
    originals, workspace = root / "originals", root / "workspace"
    (originals / "files").mkdir(parents=True)
    workspace.mkdir()
    scripts = {originals / f"files/{name}.db": script for name, script in files.items()}
    for path, script in (scripts | {workspace / "target.db": target}).items():
        with closing(sqlite3.connect(path)) as con:
            con.executescript(script)
    path = workspace / "consolidation.toml"
    path.write_text(PLAN + plan, "utf-8")
    expanded = expand(load(path), lambda _: [f"files/{name}.db" for name in files])
    return judge_by_originals(Settings(workspace, path, root / "reports", originals=originals), expanded)


@pytest.mark.parametrize(
    ("last", "lost"),
    [
        (SITE + "INSERT INTO site VALUES (2, 'z');", False),
        ("CREATE TABLE other(a); DROP TABLE other;", False),
        (SITE + "INSERT INTO site VALUES (2, 'z'), (3, 'lost');", True),
    ],
    ids=["without the table", "empty", "with a row that the target lacks"],
)
def test_file_may_lack_a_table_of_its_pattern(tmp_path: Path, last: str, lost: bool) -> None:
    """Its other tables are judged."""
    rows = "INSERT INTO site VALUES (1, 'a'); INSERT INTO photo VALUES (1, 'x');"
    target = SITE + PHOTO + rows + ("INSERT INTO site VALUES (2, 'z');" if "site" in last else "")
    tables = '[[source.table]]\nname = "site"\n[[source.table]]\nname = "photo"\n'

    log = judged(tmp_path, tables, target, a=SITE + PHOTO + rows, z=last)

    assert failed(log) == ({"rows-exact", "rows-counted"} if lost else set())
    assert "table-absent" in [each.id for each in log.findings]


def test_table_that_no_file_has_is_a_problem(tmp_path: Path) -> None:
    """The plan names it for nothing."""
    tables = '[[source.table]]\nname = "site"\n[[source.table]]\nname = "photo"\n'

    log = judged(tmp_path, tables, SITE + PHOTO, a=SITE, z=SITE)

    assert log.outcome("plan-valid") is Outcome.FAILED
