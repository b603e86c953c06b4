"""Smoke tests that only import, and never what would do more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.old_names import Mention
from sqlite_consolidate.inventory.smoke_tests import propose_smoke_tests

if TYPE_CHECKING:
    from pathlib import Path

_DEFINES = 'import json\nfrom pathlib import Path\n"""Text."""\nDB = Path("old.db")\nclass Q:\n    pass\n'


def smoke(root: Path, file: str, source: str) -> tuple[str, str, str, str]:
    """Return module, folder, interpreter and question for one file."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(source)
    [test] = propose_smoke_tests(root, [Mention(file, 1, "old.db", "old.db", "code")])
    return test.module, test.path, test.interpreter, test.decide


def test_a_module_is_named_from_the_folder_above_its_package(tmp_path: Path) -> None:
    """That folder is what has to be on the path."""
    (tmp_path / "src" / "app" / "queue").mkdir(parents=True)
    (tmp_path / "src" / "app" / "__init__.py").touch()
    (tmp_path / "src" / "app" / "queue" / "__init__.py").touch()

    assert smoke(tmp_path, "src/app/queue/store.py", _DEFINES) == ("app.queue.store", "src", "", "")
    assert smoke(tmp_path, "src/app/queue/__init__.py", _DEFINES) == ("app.queue", "src", "", "")
    assert smoke(tmp_path, "single.py", _DEFINES) == ("single", ".", "", "")


@pytest.mark.parametrize(
    ("source", "question"),
    [
        ("import sqlite3\nsqlite3.connect('old.db').execute('DELETE FROM t')\n", "its line 2 does something"),
        ("for n in range(3):\n    print('old.db')\n", "its line 1 does something"),
        ("import a_package_that_nobody_has\nDB = 'old.db'\n", "it imports a_package_that_nobody_has"),
        ("DB = 'old.db'\nif\n", "it cannot be read as Python"),
    ],
)
def test_what_cannot_be_imported_safely_is_a_question(tmp_path: Path, source: str, question: str) -> None:
    """A script that runs when it is imported would run in every rehearsal."""
    assert smoke(tmp_path, "script.py", source)[3].startswith(question)


def test_a_name_that_python_cannot_import_is_a_question(tmp_path: Path) -> None:
    """Scripts have such names."""
    assert smoke(tmp_path, "load-data.py", _DEFINES)[3] == "'load-data' is no name that Python can import"


def test_the_workspaces_own_environment_is_used(tmp_path: Path) -> None:
    """It has the packages."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()

    assert smoke(tmp_path, "single.py", f"import a_package_that_nobody_has\n{_DEFINES}") == (
        "single", ".", ".venv/bin/python", "",
    )  # fmt: skip


def test_tests_are_not_imported(tmp_path: Path) -> None:
    """They are no applications."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(_DEFINES)

    assert propose_smoke_tests(tmp_path, [Mention("tests/test_x.py", 1, "old.db", "old.db", "code")]) == ()
