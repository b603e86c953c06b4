"""Specify which files of the live workspace a program on a copy is found to open."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.runner import run_smoke
from sqlite_consolidate.engine.apps.smoke_observations import smoke_observations
from sqlite_consolidate.plan.parts.programs import Smoke
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Make a workspace of one database and one module, beside a copy of it."""
    for name in ("live", "copy"):
        (tmp_path / name).mkdir()
        con = sqlite3.connect(tmp_path / name / "main.db")
        con.execute("CREATE TABLE tasks(id)")
        con.close()
        (tmp_path / name / "app.py").write_text("rows = 85\n")
    return tmp_path / "live"


def used(live: Path, python: str, **fields: object) -> tuple[str, ...] | None:
    """Run source text on the copy and return the live files that it opened.

    ``LIVE`` in the text is the path of the live workspace.
    """
    source = python.replace("LIVE", str(live))
    test = Smoke.model_validate({"name": "x", "python": source, **fields})
    return run_smoke(test, root=live.with_name("copy"), live_root=live).used


@pytest.mark.parametrize(
    "source",
    [
        "import sqlite3; sqlite3.connect('LIVE/main.db').execute('INSERT INTO tasks VALUES (1)')",
        "import os; os.close(os.open(b'LIVE/main.db', os.O_RDONLY))",
        "import os; os.symlink('LIVE', 'link'); open('link/main.db')",
        "import os; os.replace('app.py', 'LIVE/main.db')",
        *thorough(
            "import sqlite3; sqlite3.connect('file:LIVE/main.db?mode=ro', uri=True).execute('SELECT 1')",
            "import sqlite3; sqlite3.connect('file://LIVE/./ma%69n.db', uri=True)",
            "import sqlite3; sqlite3.connect('../live/main.db')",
            "from pathlib import Path; Path('LIVE/main.db').read_bytes()",
            "import os; os.chdir('LIVE'); open('main.db')",
            "import os; os.remove('LIVE/main.db')",
            "try:\n    open('LIVE/main.db')\nexcept OSError:\n    pass",
        ),
    ],
)
def test_every_way_of_opening_by_python_is_found(live: Path, source: str) -> None:
    """Each way of opening a live file is reported and refused.

    The ways are reading, writing, a link, a relative path and another folder.
    """
    before = (live / "main.db").read_bytes()

    assert used(live, source) == ("main.db",)
    assert (live / "main.db").read_bytes() == before


def test_child_of_program_is_watched_as_well(live: Path) -> None:
    """It does not matter which process opens the file."""
    assert used(live, "import subprocess, sys; subprocess.run([sys.executable, '-c', 'open(\"LIVE/app.py\")'])") == (
        "app.py",
    )


def test_workspace_code_installed_in_an_environment_is_found(live: Path) -> None:
    """A package installed as editable would be tested as it was before the rewrite."""
    assert used(live, "import sys; sys.path.insert(0, 'LIVE'); import app") == ("app.py",)


@pytest.mark.thorough
def test_other_program_is_found_by_its_open_files(live: Path) -> None:
    """A shell does not report its files, but they are found while they are open."""
    test = Smoke(name="x", run=["sh", "-c", f"exec 3<{live}/main.db; kill -STOP $$"], timeout=1.0)

    result = run_smoke(test, root=live.with_name("copy"), live_root=live)

    assert result.used == ("main.db",)


@pytest.mark.parametrize("source", ["import sqlite3; sqlite3.connect('main.db')", "import app; open('app.py')"])
def test_the_copy_is_free_to_use(live: Path, source: str) -> None:
    """Files of the copy are not reported."""
    assert used(live, source, path=["."]) == ()


def test_virtual_environment_of_workspace_is_not_reported(live: Path) -> None:
    """Its libraries are not copied, so that they are read from the live workspace.

    Its own sitecustomize is imported as well.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", live / ".venv"], check=True)
    [libraries] = (live / ".venv" / "lib").glob("*/site-packages")
    (libraries / "library.py").write_text("import sitecustomize\nfound = sitecustomize.found\n")
    (libraries / "sitecustomize.py").write_text("found = 'its own'\n")
    source = "import library, sys; print(library.found, [one for one in sys.path if 'audit_hook' in one])"

    result = run_smoke(Smoke(name="x", python=source), root=live.with_name("copy"), live_root=live)

    assert (result.stdout, result.stderr, result.used) == ("its own []\n", "", ())


def test_program_in_live_workspace_is_not_watched(live: Path) -> None:
    """A real run gives the application no audit hook."""
    source = "import os, sys; open('app.py'); print('PYTHONPATH' in os.environ, 'CONSOLIDATION_LIVE' in os.environ)"

    result = run_smoke(Smoke(name="x", python=source), root=live, live_root=live)

    assert (result.stdout, result.used) == ("False False\n", None)


def test_opened_files_are_named_with_a_hint(live: Path) -> None:
    """The observation has the files and a hint, and without a file it holds."""
    test = Smoke(name="x", python=f"open({str(live / 'app.py')!r})")
    clean = Smoke(name="x", python="pass")

    [failing] = [
        observation
        for observation in smoke_observations(test, run_smoke(test, root=live.with_name("copy"), live_root=live))
        if observation.todo
    ][:1]
    [holding] = smoke_observations(clean, run_smoke(clean, root=live.with_name("copy"), live_root=live))[:1]

    assert "app.py" in failing.observed
    assert not failing.holds
    assert failing.expected == holding.expected
    assert holding.holds
