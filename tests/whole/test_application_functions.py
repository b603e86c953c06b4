"""Run with collations and functions that only the application has, as a user does."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.forgery import failing_subjects
from tests.support.shapes.tokenizer_extension import lacks_compiler, write_extension
from tests.support.workspaces.whole_run import PLAN_OF_T, Workspace

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_CODE = """
def register(db):
    db.create_collation("unicase", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold()))
    db.create_function("twice", 1, lambda n: n * 2, deterministic=True)
"""
_TABLES = """
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT COLLATE unicase UNIQUE, n INT CHECK(twice(n) > 0));
CREATE INDEX by_twice ON t(twice(n));
"""

with_compiler = pytest.mark.skipif(bool(lacks_compiler()), reason=lacks_compiler() or "gcc is there")
_INDEXED = """
CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id, tokenize=hyphen);
CREATE VIRTUAL TABLE bare USING fts5(body, content='', tokenize=hyphen);
CREATE VIRTUAL TABLE stored USING fts5(body, tokenize=hyphen);
CREATE TRIGGER follows AFTER INSERT ON t BEGIN
  INSERT INTO words(rowid, body) VALUES(new.id, new.body);
  INSERT INTO bare(rowid, body) VALUES(new.id, new.body);
  INSERT INTO stored(rowid, body) VALUES(new.id, new.body);
END;
"""
_PLAN_OF_INDEXES = """
format = 1
name = "words"
target = "main.db"
[[source]]
name = "old"
file = "old.db"
keys = "renumber"
table = [{ name = "t" }, { name = "words" }, { name = "bare" }, { name = "stored" }]
[[rebuild]]
table = "words"
[[rebuild]]
table = "bare"
from = "SELECT id, body FROM t"
[[rebuild]]
table = "stored"
from = "SELECT id, body FROM t"
[connection]
setup = "tools/sqlite_setup.py:register"
[[smoke]]
name = "search"
python = "import find; print(find.ids('well-known'))"
path = ["tools"]
expect = { stdout = "1, 2" }
"""
_FIND = """
import sqlite_setup
from sqlite_utils.utils import sqlite3

class Loading:
    def __init__(self, con):
        self.con = con

    def load_extension(self, path):
        self.con.enable_load_extension(True)
        self.con.load_extension(str(path))

def ids(word):
    con = sqlite3.connect("main.db")
    sqlite_setup.register(Loading(con))
    search = "SELECT group_concat(rowid, ', ') FROM {0} WHERE {0} MATCH ?"
    names = ("words", "bare", "stored")
    [answer] = {con.execute(search.format(name), ['"%s"' % word]).fetchone()[0] for name in names}
    return answer
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


def build_indexed(folder: Path) -> Workspace:
    """Build a workspace whose indexes need the extension."""
    root = folder / "workspace"
    write_extension(root / "tools")
    (root / "tools" / "find.py").write_text(_FIND, "utf-8")
    for name, body in (("main", "a well-known sea"), ("old", "a well-known boat")):
        with closing(_opened(root / f"{name}.db")) as con:
            con.executescript(_INDEXED)
            con.execute("INSERT INTO t VALUES(1, ?)", (body,))
    (root / "consolidation.toml").write_text(_PLAN_OF_INDEXES, "utf-8")
    return Workspace(root, folder / "reports")


def _opened(path: Path) -> sqlite3.Connection:
    """Open a database as the application does."""
    con = sqlite3.connect(path, isolation_level=None)
    con.enable_load_extension(True)  # noqa: FBT003 -- SQLite's own name for it
    con.load_extension(os.fspath(path.parent / "tools" / "hyphen.so"))
    return con


@with_compiler
@pytest.mark.thorough
def test_every_verb_loads_the_extension_of_the_application(tmp_path: Path) -> None:
    """Each verb needs a tokenizer in all its processes."""
    workspace = build_indexed(tmp_path)
    originals = tmp_path / "originals"
    originals.mkdir()
    for name in ("main.db", "old.db"):
        (originals / name).write_bytes((workspace.root / name).read_bytes())

    for verb in ("inventory", "verify", "migrate", "verify"):
        ran = workspace.run(verb)
        assert ran.exit == 0, ran.text
    judged = workspace.run("verify", originals=originals)
    assert judged.exit == 0, judged.text
    rolled_back = workspace.run("rollback")
    assert rolled_back.exit == 0, rolled_back.text
    for name in ("main.db", "old.db"):
        with closing(_opened(workspace.root / name)) as con:
            query = "SELECT rowid FROM {0} WHERE {0} MATCH '\"well-known\"'"
            assert [con.execute(query.format(index)).fetchall() for index in ("words", "bare", "stored")] == [
                [(1,)]
            ] * 3
