"""Hostile names and values go through a whole run: nothing is executed, nothing unescaped, nothing outside."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from contextlib import closing
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import quoted
from tests.support.security.hostile import CANARY, hostile_workspace, names, values
from tests.support.security.table import Looked

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.security.table import Table
    from tests.support.workspaces.whole_run import CompletedRun, Workspace
else:
    from sqlite_utils.utils import sqlite3

pytestmark = pytest.mark.security
# C0 but line ends and tabulators, DEL, C1, and what turns or breaks a line: a terminal or an editor would obey it.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
SAMPLE = {"tables": 25, "columns": 9, "rows": 1}  # 25 tables, 225 columns, 225 values
LARGE = {"tables": 300, "columns": 10, "rows": 3}  # 300 tables, 3,000 columns, 9,000 values


@pytest.mark.parametrize("size", [SAMPLE, pytest.param(LARGE, marks=pytest.mark.long)], ids=["475", "12,300"])
def test_hostile_names_and_values_arrive_and_do_nothing_else(
    tmp_path: Path, table: Table, size: dict[str, int]
) -> None:
    """Refused or accepted: they are data to SQL, text to every file and to the terminal, and no path of anything."""
    workspace = hostile_workspace(tmp_path, **size)
    plan = workspace.plan.read_text()
    workspace.plan.write_text(plan[: plan.index("  [[source.table]]")])  # no table planned: all of them are problems
    before = content(workspace.root / "old.db")

    refused = workspace.forked("verify", "--show-values")
    workspace.plan.write_text(plan)
    accepted = workspace.forked("migrate", "--show-values")

    table.names, table.values = arrived(workspace.root / "main.db", **size)
    table.looked = looked(tmp_path, workspace, (refused, accepted))
    assert (refused.exit, accepted.exit) == (4, 0), accepted.text[-3000:]
    now = content(workspace.root / "main.db")
    assert {name: now[name] for name in before} == before
    assert table.names.total() + table.values.total() == sum(map(len, numbers(**size)))
    assert [one for one in table.looked if one.found] == []


def numbers(tables: int, columns: int, rows: int) -> tuple[dict[str, str], dict[str, str]]:
    """The names and the values of a workspace of that size, and the kind of each."""
    return names(tables * (columns + 1)), values(tables * columns * rows)


def arrived(path: Path, **size: int) -> tuple[Counter[str], Counter[str]]:
    """Count the hostile names, and the hostile values, that are in a database, by their kinds."""
    name_kinds, value_kinds = numbers(**size)
    with closing(sqlite3.connect(path)) as con:
        tables = [one for one in read_schema(con).movable if one.name in name_kinds]
        named = [one.name for one in tables] + [column.name for one in tables for column in one.columns]
        found = [value for one in tables for row in con.execute(f"SELECT * FROM {quoted(one.name)}") for value in row]
    return Counter(name_kinds[name] for name in named), Counter(value_kinds[value] for value in found)


def looked(tmp_path: Path, workspace: Workspace, runs: tuple[CompletedRun, ...]) -> list[Looked]:
    """Look for what only an attack could have done, in all that two runs have printed and written."""
    lines = sum(len(ran.text.splitlines()) for ran in runs)
    obeyed = [found[0] for ran in runs if (found := OBEYED.search(ran.text.replace("\r\n", "\n")))]
    written = [*workspace.reports.rglob("*"), *(workspace.root / "backups").rglob("*")]
    everything = list(tmp_path.rglob("*"))
    return [
        Looked("something a terminal obeys", f"{lines:,} lines printed", obeyed),
        Looked(
            "something unescaped", f"the bundles of {len(runs)} runs", [one for ran in runs for one in unescaped(ran)]
        ),
        Looked("something executed", f"{len(everything):,} names of files", executed(everything)),
        Looked(
            "something outside the workspace", f"{len(list(tmp_path.iterdir()))} folders and files", outside(tmp_path)
        ),
        Looked("something that others can read", f"{len(written):,} files and folders", open_to_others(written)),
    ]


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of a database."""
    con = sqlite3.connect(path)
    found = {
        table.name: sorted(con.execute(f"SELECT * FROM {quoted(table.name)}").fetchall())
        for table in read_schema(con).movable
        if not table.name.startswith("_consolidation")
    }
    con.close()
    return found


def unescaped(ran: CompletedRun) -> list[str]:
    """What of the bundle is no longer data to its readers: by file, and what is wrong with it."""
    assert ran.folder is not None
    wrong = []
    with zipfile.ZipFile(ran.folder.with_name(f"{ran.folder.name}.zip")) as archive:
        files = {name.partition("/")[2]: archive.read(name).decode("utf-8") for name in archive.namelist()}
    for name, text in files.items():
        if name != "plan.toml" and (found := OBEYED.search(text)):
            wrong.append(f"{name}: {found[0]!r} at {text[max(0, found.start() - 60) : found.end()]!r}")
    page = _Page(files["audit.html"])
    wrong += page.wrong
    json.loads(files["evidence.json"])
    wrong += [f"junit.xml: <{one.tag}>" for one in ET.fromstring(files["junit.xml"]).iter() if CANARY in one.tag]
    wrong += [
        f"summary.txt: a line of its own: {line}" for line in files["summary.txt"].splitlines() if line.startswith("=")
    ]
    return wrong


class _Page(HTMLParser):
    """Reads a page as a browser would, and notes what only an attack could have put there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the canary, event handlers, addresses that run, and a second script."""
        self._scripts += tag == "script"
        if CANARY in tag or (tag == "script" and self._scripts > 1):
            self.wrong.append(f"audit.html: <{tag}>")
        for name, value in attrs:
            if name.startswith("on") or CANARY in name or (value or "").strip().lower().startswith("javascript:"):
                self.wrong.append(f"audit.html: <{tag} {name}={value!r}>")


def executed(everything: list[Path]) -> list[str]:
    """Files that only an executed name or value could have made, wherever it might have thought itself to be."""
    return [str(path) for path in everything if CANARY in path.name]


def outside(tmp_path: Path) -> list[str]:
    """What lies beside the workspace and the reports."""
    return [path.name for path in tmp_path.iterdir() if path.name not in ("workspace", "reports", "output.txt")]


def open_to_others(written: list[Path]) -> list[str]:
    """What the runs have written and others could read: reports and backup sets are their owner's alone."""
    return [str(path) for path in written if not path.is_symlink() and path.stat().st_mode & 0o077]
