"""Specify that constants of other files of the workspace are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scanned_trees import scan, write

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = (
    'STEM = "tasks"\nOTHER = "people"\nEXT = ".db"\nBARE = "db"\nclass Names:\n    STEM = "tasks"\n    EXT = "db"\n'
)


@pytest.mark.parametrize(
    "code",
    [
        'from app.settings import STEM\nx = STEM + ".db"\n',
        'from app.settings import STEM as s\nx = f"{s}.db"\n',
        'from .settings import STEM\nx = f"{STEM}.db"\n',
        'from . import settings\nx = settings.STEM + ".db"\n',
        'from app import settings\nx = settings.STEM + ".db"\n',
        'import app.settings\nx = app.settings.STEM + ".db"\n',
        'import app.settings as s\nx = s.STEM + ".db"\n',
        'from app.settings import Names\nx = Names.STEM + ".db"\n',
        'from app import settings\nx = settings.Names.STEM + ".db"\n',
        "from app.settings import STEM, EXT\nx = STEM + EXT\n",
        'from app.settings import BARE\nx = f"logs/tasks.{BARE}"\n',
        "from app import settings as s\nx = f'{s.Names.STEM}.{s.Names.EXT}'\n",
        'from app.again import STEM\nx = STEM + ".db"\n',
        'def f():\n    from app.settings import STEM\n    return STEM + ".db"\n',
    ],
)
def test_constant_of_another_module_is_followed(tmp_path: Path, code: str) -> None:
    """It is a mention where the name is built."""
    write(tmp_path, "src/app/settings.py", SETTINGS)
    write(tmp_path, "src/app/again.py", "from app.settings import STEM\nfrom app.loop import X\n")
    write(tmp_path, "src/app/loop.py", "from app.again import X\n")
    write(tmp_path, "src/app/store.py", code)

    mentions = scan(tmp_path)

    assert [(file, database, kind) for file, _, database, kind in mentions] == [
        ("src/app/store.py", "tasks.db", "code")
    ]


@pytest.mark.parametrize(
    "code",
    [
        'from app.settings import OTHER\nx = OTHER + ".db"\n',
        'from app.settings import STEM\nx = STEM + ".json"\n',
        'from app.settings import STEM, EXT\nSTEM = "people"\nx = STEM + EXT\n',
        "EXT = 'json'\nx = 'tasks' + EXT  # import\n",
    ],
)
def test_other_constant_is_no_mention(tmp_path: Path, code: str) -> None:
    """A constant that is known cannot be the name of any database."""
    write(tmp_path, "src/app/settings.py", SETTINGS)
    write(tmp_path, "src/app/store.py", code)

    assert scan(tmp_path) == []


def test_nearest_module_of_a_name_counts(tmp_path: Path) -> None:
    """Two packages have modules with one name."""
    write(tmp_path, "one/settings.py", 'STEM = "tasks"\n')
    write(tmp_path, "two/settings.py", 'STEM = "people"\n')
    for package in ("one", "two"):
        write(tmp_path, f"{package}/store.py", 'from settings import STEM\nx = STEM + ".db"\n')

    assert [file for file, *_ in scan(tmp_path)] == ["one/store.py"]


def test_settings_beside_a_compose_file_are_followed(tmp_path: Path) -> None:
    """The program can set others, so that the pattern stays."""
    write(tmp_path, "a/.env", "N=tasks\n")
    for folder in ("a", "b"):
        write(tmp_path, f"{folder}/compose.yaml", "command: sqlite3 $$N.db\n")

    assert [(file, database, kind) for file, _, database, kind in scan(tmp_path)] == [
        ("a/compose.yaml", "tasks.db", "config"),
        ("b/compose.yaml", "", "open pattern"),
    ]
