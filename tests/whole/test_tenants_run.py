"""Files of a pattern with the same ids go into one database whose keys tell tenants apart."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.forgery import edit, failing_subjects
from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

_ENTITIES = "CREATE TABLE entities (tenant TEXT NOT NULL, id INTEGER NOT NULL, name TEXT, PRIMARY KEY (tenant, id))"
_DOCUMENTS = (
    "CREATE TABLE documents (tenant TEXT NOT NULL, id INTEGER NOT NULL, entity INTEGER,"
    " PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, entity) REFERENCES entities (tenant, id))"
)
_HEAD = 'format = 1\nname = "tenants"\ntarget = "main.db"\n'
_SOURCE = f"""
[[source]]
name = "tenant"
file = "tenants/*.db"
constants = {{ tenant = "{{stem}}" }}
[[source.table]]
rows = 4
name = "entities"
create = "{_ENTITIES}"
[[source.table]]
name = "documents"
create = "{_DOCUMENTS}"
"""
_JOINED = (
    "SELECT d.tenant, d.id, e.name FROM documents d"
    " LEFT JOIN entities e ON e.tenant = d.tenant AND e.id = d.entity ORDER BY 1, 2"
)
_DDL = """
CREATE TABLE entities (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE documents (id INTEGER PRIMARY KEY, entity INTEGER REFERENCES entities);
"""


def test_same_ids_of_two_tenants_are_kept_apart(tmp_path: Path) -> None:
    """The evidence has the constants.

    Later checks read them again, with the originals as well, and find a file that appeared. A rollback removes the
    constants.
    """
    workspace = Workspace(tmp_path / "workspace", tmp_path / "reports")
    (workspace.root / "tenants").mkdir(parents=True)
    workspace.plan.write_text(_HEAD + _SOURCE, "utf-8")
    for name, rows in (("north", "(1, 2), (2, 1)"), ("south", "(1, 1), (2, 2), (3, NULL)")):
        insert = f"INSERT INTO entities VALUES (1, '{name} 1'), (2, '{name} 2')"
        execute(workspace.root / "tenants" / f"{name}.db", f"{_DDL}; {insert}; INSERT INTO documents VALUES {rows}")
    before, originals = workspace.contents(), tmp_path / "originals"
    shutil.copytree(workspace.root, originals)

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    with open_for_inspection(workspace.root / "main.db") as con:
        assert con.execute(_JOINED).fetchall() == [
            ("north", 1, "north 2"), ("north", 2, "north 1"),
            ("south", 1, "south 1"), ("south", 2, "south 2"), ("south", 3, None),
        ]  # fmt: skip
    assert {(move["source"], move["constants"]["tenant"]) for move in ran.evidence["moves"]} == {
        ("tenant:tenants/north.db", "'north'"),
        ("tenant:tenants/south.db", "'south'"),
    }
    assert ran.folder is not None
    files = dict(read_bundle(ran.folder.with_suffix(".zip")).files)
    edit(files, lambda document: document["moves"][0]["constants"].update(tenant="'east'"))
    subject = "moves: tenants/north.db:entities: constants: tenant"
    assert subject in failing_subjects(tmp_path, files)["evidence-consistent"]
    assert workspace.run("verify", originals=originals).exit == 0
    shutil.copy(originals / "tenants/north.db", workspace.root / "tenants/east.db")
    checked = workspace.run("verify")
    assert (checked.exit, [each.subject for each in checked.findings if each.id == "file-appeared"]) == (
        0,
        ["tenants/*.db"],
    )
    (workspace.root / "tenants/east.db").unlink()
    assert workspace.run("rollback").exit == 0
    assert workspace.contents() == before
