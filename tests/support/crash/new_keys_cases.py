"""Create the workspaces of runs with new keys that crash."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from tests.support.workspaces.pattern_plans import create_phones

if TYPE_CHECKING:
    import sqlite3

    from tests.support.workspaces.whole_run import Workspace
else:
    from sqlite_utils.utils import sqlite3

FILES = 50
_SITES = """
CREATE TABLE site(id INTEGER PRIMARY KEY, oid INT UNIQUE, code TEXT COLLATE NOCASE, at INT);
CREATE TABLE tag(id INTEGER PRIMARY KEY, up INT REFERENCES tag(id), name TEXT);
CREATE TABLE link(site INT REFERENCES site(oid), tag INT REFERENCES tag(id), n, PRIMARY KEY(site, tag));
CREATE TABLE loan(id INTEGER PRIMARY KEY, site INT REFERENCES site(id), at INT);
"""
_PLAN = """
[[source]]
name = "{name}"
file = "{name}.db"
keys = "renumber"
  [[source.table]]
  name = "site"
  renumber = ["oid"]
  match = ["code"]
  on_conflict = "prefer-newer"
  newer = "at"
  where = "code IS NOT 'left'"
  reason = "left behind"
  [[source.table]]
  name = "tag"
  match = ["up", "name"]
  [[source.table]]
  name = "link"
  match = ["site", "tag"]
  on_conflict = "prefer-source"
  follows = "site"
  [[source.table]]
  name = "loan"
  keys = "keep"
  on_conflict = "prefer-newer"
  newer = "at"
"""


def fill_with_phones(workspace: Workspace) -> None:
    """Replace a workspace by one of 50 files whose keys are renumbered."""
    _clear(workspace)
    create_phones(workspace.root, FILES)


def fill_with_sites(workspace: Workspace) -> None:
    """Replace a workspace by two databases whose rows match, update rows and stay behind."""
    _clear(workspace)
    rows = {
        "all": "INSERT INTO site VALUES (7, 70, 'A', 5), (8, 80, 'B', 5); INSERT INTO tag VALUES (9, NULL, 'top');"
        "INSERT INTO link VALUES (70, 9, 'old'); INSERT INTO loan VALUES (1, 7, 1), (2, 8, 9);",
        "s1": "INSERT INTO site VALUES (1, 3, 'a', 6), (2, 4, 'b', 4), (3, 5, 'left', 1), (4, 6, 'c', 1);"
        "INSERT INTO tag VALUES (1, NULL, 'top'), (2, 1, 'low'); INSERT INTO link VALUES (3, 1, 'new'), (5, 2, 'left');"
        "INSERT INTO loan VALUES (1, 4, 2), (2, 1, 3), (5, 2, 1);",
        "s2": "INSERT INTO site VALUES (1, 9, 'C', 2), (2, 8, 'd', 1);"
        "INSERT INTO tag VALUES (6, NULL, 'top'), (7, 6, 'low'); INSERT INTO link VALUES (9, 7, 'x'), (8, 6, 'y');"
        "INSERT INTO loan VALUES (5, 1, 2);",
    }
    for name, statements in rows.items():
        with closing(sqlite3.connect(workspace.root / f"{name}.db")) as con:
            con.executescript(_SITES + statements)
    head = 'format = 1\nname = "sites"\ntarget = "all.db"\n'
    plan = head + "".join(_PLAN.replace("{name}", name) for name in ("s1", "s2"))
    (workspace.root / "consolidation.toml").write_text(plan, encoding="utf-8")


def _clear(workspace: Workspace) -> None:
    for path in workspace.root.iterdir():  # the folder itself may be a disk
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
