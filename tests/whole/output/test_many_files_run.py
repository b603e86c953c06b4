"""Specify what the page states of many files whose rows are chosen and matched."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from sqlite_consolidate.report.html.many_files import sum_up_files
from tests.support.reports.forgery import failing_subjects

if TYPE_CHECKING:
    from pathlib import Path

_PLAN = """\
format = 1
name = "phones"
target = "all.db"

[[source]]
name = "phone"
file = "phones/*.db"
keys = "renumber"
[[source.table]]
name = "site"
match = ["code"]
[[source.table]]
name = "call"
where = "kind <> 'test'"
reason = "tests are not kept"
"""
_DDL = """
CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT UNIQUE);
CREATE TABLE call(id INTEGER PRIMARY KEY, kind TEXT, site INTEGER REFERENCES site(id));
"""


def test_findings_and_sums_of_many_files_are_of_all(tmp_path: Path) -> None:
    """The check of the bundle computes them again from the moves of each file."""
    root = tmp_path / "workspace"
    (root / "phones").mkdir(parents=True)
    (root / "consolidation.toml").write_text(_PLAN, "utf-8")
    for file in ("all.db", *(f"phones/{number}.db" for number in range(5))):
        with closing(sqlite3.connect(root / file)) as con:
            con.executescript(f"{_DDL} INSERT INTO site VALUES (1, 'shared'), (2, '{file}');")
            con.execute("INSERT INTO call VALUES (1, 'x', 1), (2, 'test', 2), (3, 'x', 2)")
            con.commit()

    result = consolidate(load_plan(root / "consolidation.toml"), root, reports=tmp_path / "reports")

    assert result.accepted, result.failures
    ids = ("rows-left-out", "rows-skipped")
    assert {(each.id, each.subject, each.count) for each in result.findings if each.id in ids} == {
        ("rows-left-out", "phones/*.db:call", 5),
        ("rows-skipped", "phones/*.db:site", 5),
    }
    counted = [each for each in sum_up_files(result.record)[0].criteria if each.criterion == "rows-counted"]
    texts = [each.expected + each.observed for each in counted if "more files" in each.subject]
    assert sorted(re.findall(r"\d+", text) for text in texts) == [["10", "5", "0", "5"], ["15", "5", "10"]]
    assert result.folder is not None
    files = dict(read_bundle(result.folder.with_suffix(".zip")).files)
    assert failing_subjects(tmp_path, files) == {}
