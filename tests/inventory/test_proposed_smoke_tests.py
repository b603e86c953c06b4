"""Test that proposed smoke tests import modules and do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.old_names import Mention
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
