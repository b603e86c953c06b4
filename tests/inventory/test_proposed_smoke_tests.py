"""Test that proposed smoke tests import modules and do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.old_names import Mention
from sqlite_consolidate.inventory.code.smoke_tests import name_apart, propose_smoke_tests, propose_test_command

if TYPE_CHECKING:
    from pathlib import Path

_DEFINES = 'import json\nfrom pathlib import Path\n"""Text."""\nDB = Path("old.db")\nclass Q:\n    pass\n'


def smoke(root: Path, file: str, source: str) -> tuple[str, str, str, str]:
    """Return module, folder, interpreter and question for one file."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(source)
    [test] = propose_smoke_tests(root, [Mention(file, 1, "old.db", "old.db", "code")])
    return test.module, test.path, test.interpreter, test.decide


def test_module_is_named_from_the_folder_above_its_package(tmp_path: Path) -> None:
    """That folder has to be on the import path."""
    (tmp_path / "src" / "app" / "queue").mkdir(parents=True)
    (tmp_path / "src" / "app" / "__init__.py").touch()
    (tmp_path / "src" / "app" / "queue" / "__init__.py").touch()

    assert smoke(tmp_path, "src/app/queue/store.py", _DEFINES) == ("app.queue.store", "src", "", "")
    assert smoke(tmp_path, "src/app/queue/__init__.py", _DEFINES) == ("app.queue", "src", "", "")
    assert smoke(tmp_path, "single.py", _DEFINES) == ("single", ".", "", "")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import sqlite3\nsqlite3.connect('old.db').execute('DELETE FROM t')\n", "line 2"),
        ("for n in range(3):\n    print('old.db')\n", "line 1"),
        ("import a_package_without_a_distribution\nDB = 'old.db'\n", "a_package_without_a_distribution"),
        ("DB = 'old.db'\nif\n", "Python"),
    ],
)
def test_unsafe_import_is_a_question(tmp_path: Path, source: str, cause: str) -> None:
    """A script that runs when it is imported would run in every rehearsal."""
    assert cause in smoke(tmp_path, "script.py", source)[3]


def test_name_that_python_cannot_import_is_a_question(tmp_path: Path) -> None:
    """Scripts may have names with hyphens."""
    assert "'load-data'" in smoke(tmp_path, "load-data.py", _DEFINES)[3]


def test_environment_of_the_workspace_is_used(tmp_path: Path) -> None:
    """The packages are installed there."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()

    assert smoke(tmp_path, "single.py", f"import a_package_without_a_distribution\n{_DEFINES}") == (
        "single", ".", ".venv/bin/python", "",
    )  # fmt: skip


def test_modules_of_tests_are_not_imported(tmp_path: Path) -> None:
    """Tests are no applications."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(_DEFINES)

    assert propose_smoke_tests(tmp_path, [Mention("tests/test_x.py", 1, "old.db", "old.db", "code")]) == ()


def test_modules_of_one_name_have_tests_of_different_names(tmp_path: Path) -> None:
    """A plan with one name twice would be refused."""
    files = ("blog/settings.py", "shop/settings.py", "shop/store.py", "pkg/__init__.py", "pkg.py")
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(_DEFINES)
    mentions = [Mention(file, 1, "old.db", "old.db", "code") for file in files]

    apart = name_apart(propose_smoke_tests(tmp_path, mentions))
    names = [test.name for test in apart]

    assert name_apart(apart) == apart
    assert len({*names}) == len(files)
    assert names[:3] == ["import settings (blog/settings.py)", "import settings (shop/settings.py)", "import store"]


_READS = """
DB = "old.db"
def connect(): ...
def titles(limit=None):
    return connect().execute("SELECT title FROM tasks").fetchall()
"""
_CLASS = """
class Queue:
    def __init__(self, path="old.db"): self.path = path
    def add(self): self.con.execute("INSERT INTO tasks VALUES (1)")
    def find(self, key): self.con.execute("SELECT * FROM tasks WHERE id = ?")
    def pending(self): return self.con.execute("select * from tasks")
"""
_STATEMENT = """
DB = "old.db"
ALL = "SELECT id FROM tasks"
def find(key): return run("SELECT id FROM tasks WHERE id = ?", key)
"""


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (_READS, "rows = titles()"),
        (_CLASS, "rows = Queue().pending()"),
        (_STATEMENT, "sqlite3.connect('all.db').execute('SELECT id FROM tasks')"),
        (_READS.replace("limit=None", "limit"), "sqlite3.connect('all.db').execute('SELECT title FROM tasks')"),
        (_CLASS.replace('path="old.db"', "path"), "sqlite3.connect('all.db').execute('select * from tasks')"),
        (_DEFINES, ""),
    ],
)
def test_proposed_smoke_test_reads_rows_if_it_can(tmp_path: Path, source: str, call: str) -> None:
    """It calls a function or method without arguments, or executes a statement."""
    (tmp_path / "store.py").write_text(source)

    [test] = propose_smoke_tests(tmp_path, [Mention("store.py", 1, "old.db", "old.db", "code")], "all.db")

    assert call in test.python
    assert bool(call) == bool(test.python)
    compile(test.source, test.name, "exec")


@pytest.mark.parametrize(
    ("file", "text", "command"),
    [
        ("pytest.ini", "[pytest]\n", ("python", "-m", "pytest")),
        ("pyproject.toml", "[tool.pytest.ini_options]\n", ("python", "-m", "pytest")),
        ("pyproject.toml", "[project]\n", ()),
        ("package.json", '{"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}}', ()),
        ("package.json", '{"scripts": {"test": "node test.js"}}', ("npm", "test")),
        ("package.json", '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}', ()),
        ("package.json", '{"scripts": []}', ()),
        ("package.json", "{", ()),
        ("tests/test_a.py", "def test_a(): pass\n", ("python", "-m", "pytest")),
        ("tests/test_a.py", "import unittest\n", ()),
    ],
)
def test_test_command_is_proposed_if_it_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, command: tuple[str, ...]
) -> None:
    """Without ``node_modules`` the tests of a package of Node that needs others cannot run."""
    monkeypatch.setattr("shutil.which", lambda program: program)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)

    assert propose_test_command(tmp_path) == command
