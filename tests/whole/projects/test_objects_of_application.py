"""Specify whole runs beside objects that need what only their application defines."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.contents import digest_pages_of_copy
from sqlite_consolidate.engine.content.digest import digest_file
from tests.support.missing.extension import SETUP as EXTENSION
from tests.support.missing.extension import build_extension
from tests.support.missing.kinds import INDEXES, KINDS, READERS, TABLES, VIRTUAL_TABLES, Kind
from tests.support.missing.roles import Role, build_beside, moved_rows
from tests.support.thorough import sampled

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

SECOND = """
[[source]]
name = "second"
file = "second.db"
[[source.table]]
name = "plain"
"""
LEAVE = """
[[source.leave]]
tables = ["odd"]
reason = "the application creates it again"
"""
SEARCH = """
[[source.table]]
name = "odd_search"
[[source.leave]]
tables = ["odd"]
reason = "no rows of its own"
"""
CONNECTION = """
[connection]
setup = "tools/setup.py:register"
"""

STALE = """
[[stale]]
name = "odd"
reason = "rebuilt by the application"
"""
CASES = [(kind, role) for kind in KINDS for role in ("source", "target") if kind.left[1] or role == "target"]


@pytest.mark.parametrize(("kind", "role"), sampled(CASES, 21), ids=lambda value: getattr(value, "name", value))
def test_run_beside_it_is_exact_and_undone(kind: Kind, role: Role, tmp_path: Path) -> None:
    """The plain table is moved, a later check passes, and rollback restores each page."""
    is_derived = role == "target" and (kind is READERS[2] or "external" in kind.name)
    workspace = build_beside(tmp_path, kind, role, STALE if is_derived else "")
    for name in ("main", "old"):
        (tmp_path / f"{name}.db").write_bytes((workspace.root / f"{name}.db").read_bytes())

    migrated = workspace.run("migrate")

    assert migrated.exit == 0, migrated.text
    assert [row[0] for row in moved_rows(workspace)] == [1, 2, 11, 12]
    limits = {finding.subject for finding in migrated.findings if finding.id == "object-unexamined"}
    is_lacking = kind in (*TABLES, *INDEXES, *VIRTUAL_TABLES)
    assert limits == ({f"{'old' if role == 'source' else 'main'}.db:odd"} if is_lacking else set())
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback").exit == 0
    for name in ("main", "old"):
        copy = tmp_path / f"{name}.db"
        assert digest_pages_of_copy(workspace.root / copy.name, copy) == digest_file(copy)


@pytest.mark.parametrize("role", ["source", "target"])
def test_verdict_on_work_of_another_tool_states_the_limit(role: Role, tmp_path: Path) -> None:
    """The originals and the target are read without what SQLite lacks."""
    workspace = build_beside(tmp_path, TABLES[1], role)
    shutil.copytree(workspace.root, tmp_path / "originals")
    workspace.execute("main.db", "INSERT INTO plain VALUES(11, 'x', 1), (12, 'y', 2)")
    if role == "source":
        workspace.execute("main.db", "UPDATE plain SET name = CASE id WHEN 11 THEN 'a' ELSE 'b' END WHERE id > 10")

    judged = workspace.run("verify", originals=tmp_path / "originals")

    assert judged.exit == 0, judged.text


@pytest.mark.thorough
def test_bundle_of_several_such_databases_is_consistent(tmp_path: Path) -> None:
    """Findings of one text are merged into one."""
    workspace = build_beside(tmp_path, TABLES[1], "target", SECOND)
    for name in ("old", "second"):
        (workspace.root / f"{name}.db").unlink(missing_ok=True)
        TABLES[1].build(workspace.root / f"{name}.db", 11 if name == "old" else 21)
    workspace.edit("consolidation.toml", SECOND, f"{LEAVE}{SECOND}{LEAVE}")

    migrated = workspace.run("migrate")  # it checks the bundle as well

    assert migrated.exit == 0, migrated.text
    assert [finding.count for finding in migrated.findings if finding.id == "object-unexamined"] == [3]
    assert [row[0] for row in moved_rows(workspace)] == [1, 2, 11, 12, 21, 22]
    assert workspace.run("rollback").exit == 0


@pytest.mark.thorough
@pytest.mark.parametrize("role", ["source", "target"])
@pytest.mark.parametrize("is_defined", [True, False])
def test_module_and_tokenizer_of_an_extension(is_defined: bool, role: Role, tmp_path: Path) -> None:
    """With the setup they are like any other, and without it the plain table is moved."""
    kind = Kind("nothing", "CREATE TABLE odd(x);", left=("tables", "odd*") if not is_defined else ("", ""))
    workspace = build_beside(tmp_path, kind, role, CONNECTION if is_defined else "")
    library = build_extension(workspace.root / "tools")
    (workspace.root / "tools" / "setup.py").write_text(EXTENSION)
    file = workspace.root / ("old.db" if role == "source" else "main.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as con:
        con.enable_load_extension(True)  # noqa: FBT003 -- SQLite's own name for it
        con.load_extension(str(library))
        con.executescript(
            "DROP TABLE odd; CREATE VIRTUAL TABLE odd USING application(); INSERT INTO odd_rows VALUES('a'), ('b');"
            "CREATE VIRTUAL TABLE odd_search USING fts5(body, tokenize='letters');"
            "INSERT INTO odd_search VALUES('xyz');"
        )
    if is_defined and role == "source":
        workspace.edit("consolidation.toml", CONNECTION, SEARCH + CONNECTION)

    migrated = workspace.run("migrate")

    assert migrated.exit == 0, migrated.text
    assert [row[0] for row in moved_rows(workspace)] == [1, 2, 11, 12]
    limits = {finding.subject.partition(":")[2] for finding in migrated.findings if finding.id == "object-unexamined"}
    assert limits == (set() if is_defined else {"odd", "odd_search"})
    if is_defined:
        with closing(sqlite3.connect(workspace.root / "main.db")) as con:
            con.enable_load_extension(True)  # noqa: FBT003 -- as above
            con.load_extension(str(library))
            assert con.execute("SELECT body FROM odd_search WHERE odd_search MATCH 'y'").fetchall() == [("xyz",)]
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback").exit == 0
