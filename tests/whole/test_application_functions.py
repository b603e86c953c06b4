"""Run with collations and functions that only the application has, as a user does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.forgery import failing_subjects
from tests.support.workspaces.whole_run import PLAN_OF_T, Workspace

if TYPE_CHECKING:
    from pathlib import Path

_CODE = """
def register(db):
    db.create_collation("unicase", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold()))
    db.create_function("twice", 1, lambda n: n * 2, deterministic=True)
"""
_TABLES = """
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT COLLATE unicase UNIQUE, n INT CHECK(twice(n) > 0));
CREATE INDEX by_twice ON t(twice(n));
"""


def build(folder: Path, code: str = _CODE) -> Workspace:
    """Build a workspace whose tables need the function."""
    root = folder / "workspace"
    (root / "tools").mkdir(parents=True)
    (root / "tools" / "setup.py").write_text(code)
    functions: dict[str, object] = {}
    exec(_CODE, functions)  # noqa: S102 -- the code of this test
    for name, row in (("main", (1, "Ä", 1)), ("old", (2, "ö", 2))):
        with closing(sqlite3.connect(root / f"{name}.db")) as con, con:
            functions["register"](con)  # type: ignore[operator]
            con.executescript(_TABLES)
            con.execute("INSERT INTO t VALUES(?, ?, ?)", row)
    plan = f'{PLAN_OF_T}where = "twice(n) = 4"\nreason = "short"\n[connection]\nsetup = "tools/setup.py:register"\n'
    (root / "consolidation.toml").write_text(plan, "utf-8")
    return Workspace(root, folder / "reports")


@pytest.mark.thorough
def test_every_verb_uses_the_functions_of_the_application(tmp_path: Path) -> None:
    """The report has the digest of the file. A rehearsal loads it from its copy."""
    workspace = build(tmp_path)

    for verb in ("inventory", "verify", "migrate", "verify", "rollback"):
        ran = workspace.run(verb)
        assert ran.exit == 0, ran.text
        assert [finding.subject for finding in ran.findings if finding.id == "setup-used"] == ["tools/setup.py"]
        if verb == "inventory":
            assert "tools/setup.py:register" in (workspace.root / "consolidation.proposed.toml").read_text("utf-8")
        if verb == "migrate":
            assert ran.folder is not None
            bundle = dict(read_bundle(ran.folder.with_suffix(".zip")).files)
            assert failing_subjects(tmp_path, bundle) == {}


def test_code_that_fails_refuses_the_run(tmp_path: Path) -> None:
    """The refusal names the file and changes nothing."""
    workspace = build(tmp_path, "def register(db): raise KeyError('x')\n")

    ran = workspace.run("migrate")

    assert ran.exit == 4, ran.text
    assert "[bad-setup]" in ran.text
    assert "Traceback" not in ran.text
