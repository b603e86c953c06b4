"""Test that hostile names and values of a whole run are neither executed nor unescaped."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import closing
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import quoted
from tests.support.security.hostile import CANARY, hostile_workspace, names, values
from tests.support.security.table import AttackCheck

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.security.table import Table
    from tests.support.workspaces.whole_run import CompletedRun, Workspace
else:
    from sqlite_utils.utils import sqlite3

pytestmark = pytest.mark.security
# C0 without line ends and tabs, DEL, C1, and characters that turn or break a line. A terminal or an editor obeys them.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
SAMPLE = {"tables": 12, "columns": 9, "rows": 1}  # 12 tables, 108 columns, 108 values
LARGE = {"tables": 300, "columns": 10, "rows": 3}  # 300 tables, 3,000 columns, 9,000 values


@pytest.mark.parametrize("size", [SAMPLE, pytest.param(LARGE, marks=pytest.mark.long)], ids=["228", "12,300"])
def test_hostile_names_and_values_are_only_data(tmp_path: Path, table: Table, size: dict[str, int]) -> None:
    """They are data to SQL, text to files and the terminal, and never a path."""
    workspace = hostile_workspace(tmp_path, **size)
    plan = workspace.plan.read_text()
    workspace.plan.write_text(
        plan[: plan.index("  [[source.table]]")]
    )  # without a planned table every table is a problem
    before = content(workspace.root / "old.db")

    proposed = workspace.forked("inventory")
    refused = workspace.forked("verify", "--show-values")
    workspace.plan.write_text(plan)
    accepted = workspace.forked("migrate", "--show-values")

    table.names, table.values = arrived(workspace.root / "main.db", **size)
    table.checks = check_for_attacks(tmp_path, workspace, (proposed, refused, accepted))
    assert (proposed.exit, refused.exit, accepted.exit) == (0, 4, 0), accepted.text[-3000:]
    now = content(workspace.root / "main.db")
    assert {name: now[name] for name in before} == before
    assert table.names.total() + table.values.total() == sum(map(len, numbers(**size)))
    assert [check for check in table.checks if check.hits] == []


def numbers(tables: int, columns: int, rows: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names and the values of a workspace of that size, with the kind of each."""
    return names(tables * (columns + 1)), values(tables * columns * rows)


def arrived(path: Path, **size: int) -> tuple[Counter[str], Counter[str]]:
    """Count the hostile names and values in a database by kind."""
    name_kinds, value_kinds = numbers(**size)
    with closing(sqlite3.connect(path)) as con:
        tables = [table for table in read_schema(con).movable if table.name in name_kinds]
        named = [table.name for table in tables] + [column.name for table in tables for column in table.columns]
        cells = [
            value for table in tables for row in con.execute(f"SELECT * FROM {quoted(table.name)}") for value in row
        ]
    return Counter(name_kinds[name] for name in named), Counter(value_kinds[value] for value in cells)


def check_for_attacks(tmp_path: Path, workspace: Workspace, runs: tuple[CompletedRun, ...]) -> list[AttackCheck]:
    """Check all output and files of two runs for effects of an attack."""
    lines = sum(len(ran.text.splitlines()) for ran in runs)
    obeyed = [match[0] for ran in runs if (match := OBEYED.search(ran.text.replace("\r\n", "\n")))]
    written = [*workspace.reports.rglob("*"), *(workspace.root / "backups").rglob("*")]
    everything = list(tmp_path.rglob("*"))
    documents = [*workspace.root.glob("consolidation.proposed*"), *workspace.root.glob("backups/*/*.[jm]*")]
    return [
        AttackCheck("something a terminal obeys", f"{lines:,} lines printed", obeyed),
        AttackCheck(
            "something unescaped",
            f"the bundles of {len(runs)} runs",
            [place for ran in runs for place in unescaped(ran)],
        ),
        AttackCheck("something raw", f"{len(documents)} documents and plans", raw(documents)),
        AttackCheck("something executed", f"{len(everything):,} names of files", executed(everything)),
        AttackCheck(
            "something outside the workspace", f"{len(list(tmp_path.iterdir()))} folders and files", outside(tmp_path)
        ),
        AttackCheck("something that others can read", f"{len(written):,} files and folders", open_to_others(written)),
    ]


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table of a database."""
    con = sqlite3.connect(path)
    rows = {
        table.name: sorted(con.execute(f"SELECT * FROM {quoted(table.name)}").fetchall())
        for table in read_schema(con).movable
        if not table.name.startswith("_consolidation")
    }
    con.close()
    return rows


def unescaped(ran: CompletedRun) -> list[str]:
    """Return the places of a bundle that are no longer data to its readers."""
    wrong = []
    files = {name: data.decode("utf-8") for name, data in ran.files.items()}
    for name, text in files.items():
        if name != "plan.toml" and (match := OBEYED.search(text)):
            wrong.append(f"{name}: {match[0]!r} at {text[max(0, match.start() - 60) : match.end()]!r}")
    page = _Page(files["audit.html"])
    wrong += page.wrong
    json.loads(files["evidence.json"])
    wrong += [
        f"junit.xml: <{element.tag}>" for element in ET.fromstring(files["junit.xml"]).iter() if CANARY in element.tag
    ]
    wrong += [
        f"summary.txt: a line of its own: {line}" for line in files["summary.txt"].splitlines() if line.startswith("=")
    ]
    return wrong


def raw(documents: list[Path]) -> list[str]:
    """Return the files with characters that a terminal or an editor would obey."""
    assert {path.name for path in documents} >= {"ROLLBACK.md", "ledger.jsonl", "consolidation.proposed.toml"}
    return [path.name for path in documents if OBEYED.search(path.read_text("utf-8"))]


_OUR_SCRIPTS = 2
"""Scripts of a page: that of pytest-html and that of the record."""


class _Page(HTMLParser):
    """Read a page as a browser would, and collect what only an attack can have written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect canaries, event handlers, script addresses, and a script of another program."""
        self._scripts += tag == "script"
        if CANARY in tag or (tag == "script" and self._scripts > _OUR_SCRIPTS):
            self.wrong.append(f"audit.html: <{tag}>")
        for name, value in attrs:
            if name.startswith("on") or CANARY in name or (value or "").strip().lower().startswith("javascript:"):
                self.wrong.append(f"audit.html: <{tag} {name}={value!r}>")


def executed(everything: list[Path]) -> list[str]:
    """Return files that only an executed name or value can have created."""
    return [str(path) for path in everything if CANARY in path.name]


def outside(tmp_path: Path) -> list[str]:
    """Return what is beside the workspace and the reports."""
    return [path.name for path in tmp_path.iterdir() if path.name not in ("workspace", "reports", "output.txt")]


def open_to_others(written: list[Path]) -> list[str]:
    """Return files of the runs that other users can read."""
    return [str(path) for path in written if not path.is_symlink() and path.stat().st_mode & 0o077]
