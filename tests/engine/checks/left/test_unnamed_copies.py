"""Specify which conflicted copies a run names, because the plan does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate import load_plan, rehearse
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """format = 1
name = "notes"
target = "main.db"

[[source]]
name = "notes"
file = "data/*.db"
tables = "*"

  [[source.leave]]
  files = ["data/log (1).db"]
  reason = "it is old"
"""
TABLE = "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT); INSERT INTO note VALUES ({0}, 'a')"


def test_copy_that_no_plan_names_is_a_finding(tmp_path: Path) -> None:
    """A file that the plan leaves out with a reason has another finding."""
    (tmp_path / "data").mkdir()
    files = ("main.db", "main (Ann's conflicted copy).db", "data/log.db", "data/log (1).db", "other (1).db")
    for number, file in enumerate(files):
        execute(tmp_path / file, TABLE.format(number))
    (tmp_path / "plan.toml").write_text(PLAN, "utf-8")

    result = rehearse(load_plan(tmp_path / "plan.toml"), tmp_path)

    subjects = {each.id: each.subject for each in result.findings}
    assert result.accepted
    assert subjects["copy-unnamed"] == "main (Ann's conflicted copy).db"
    assert subjects["file-left"] == "data/*.db"
    assert sum(each.count for each in result.findings if each.id == "copy-unnamed") == 1
