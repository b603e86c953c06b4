"""A source whose tables are all moved is consolidated, checked and rolled back."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

_PLAN = """\
format = 1
name = "shop"
target = "main.db"
[[source]]
name = "shop"
file = "shops/*.db"
tables = "*"
keys = "renumber"
[[source.table]]
name = "country"
on_conflict = "skip-identical"
[[source.leave]]
tables = ["tmp\\u202e*"]
reason = "rebuilt by the application"
"""
_DDL = """
CREATE TABLE country (code TEXT PRIMARY KEY, name TEXT);
CREATE TABLE customer (id INTEGER PRIMARY KEY, country TEXT REFERENCES country, name TEXT);
CREATE TABLE bill (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer);
CREATE TABLE "tmp\u202ex" (a);
INSERT INTO "tmp\u202ex" VALUES (1);
CREATE VIEW open_bills AS SELECT name FROM bill JOIN customer ON customer.id = bill.customer;
INSERT INTO country VALUES ('fr', 'France');
"""


def test_later_checks_know_the_tables_of_a_whole_schema(tmp_path: Path) -> None:
    """The sources are archived then, and the plan lists only one of the tables."""
    workspace = Workspace(tmp_path / "workspace", tmp_path / "reports")
    (workspace.root / "shops").mkdir(parents=True)
    workspace.plan.write_text(_PLAN, "utf-8")
    for name in ("a", "b"):
        execute(workspace.root / f"shops/{name}.db", f"{_DDL} INSERT INTO customer VALUES (1, 'fr', '{name}');")
    before, originals = workspace.contents(), tmp_path / "originals"
    shutil.copytree(workspace.root, originals)

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert {(move["table"], move["arrived"]) for move in ran.evidence["moves"]} == {
        ("country", 1), ("country", 0), ("customer", 1), ("bill", 0),
    }  # fmt: skip
    with open_for_inspection(workspace.root / "main.db") as con:
        assert con.execute("SELECT id, name FROM customer").fetchall() == [(1, "a"), (2, "b")]
        assert con.execute("SELECT * FROM open_bills").fetchall() == []
    assert ran.folder is not None
    checked = workspace.run("verify", bundle=ran.folder.with_suffix(".zip"))
    assert checked.exit == 0, checked.text
    assert workspace.run("verify", originals=originals).exit == 0
    assert workspace.run("verify").exit == 0
    assert workspace.run("migrate").exit == 0
    assert workspace.run("rollback").exit == 0
    assert workspace.contents() == before
