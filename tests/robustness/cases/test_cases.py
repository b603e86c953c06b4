"""Run cases of wrong or refused migrations from a folder that the operator names.

Each case is a script. ``NAME.py DIR`` builds ``DIR/ws`` and ``DIR/plan.toml``. ``field/NAME.py check DIR`` ends with 0
if the target is what its user needs.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cases

PROJECT = Path(__file__).parents[3]
ACCEPTED, FAILED, REFUSED = 0, 1, 4
EXPECTED = {
    ("lost_constraints", "unique"): (ACCEPTED, "constraint-lost"),
    ("lost_constraints", "check"): (ACCEPTED, "constraint-lost"),
    ("lost_constraints", "fk"): (ACCEPTED, "constraint-lost"),
    ("lost_constraints", "collate"): (ACCEPTED, "constraint-lost"),
    ("lost_constraints", "conflict"): (ACCEPTED, "constraint-lost"),
    ("lost_constraints", "mark"): (REFUSED, "mark-lost"),
    ("history_taken", "shape"): (REFUSED, "history-taken"),
    ("history_taken", "json"): (REFUSED, "history-taken"),
    ("null_key_rowids",): (REFUSED, "rowid-collision"),
    ("hard_names_written", "clash"): (ACCEPTED, ""),
}
"""Script of ``break`` and its argument, to the exit code and the id that the output has."""


NO_FOLDER = pytest.param(None, id="no-folder", marks=pytest.mark.skip(reason="--cases DIR names the folder"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each script in the folder that ``--cases`` names."""
    folder = metafunc.config.getoption("cases_folder")
    if "field_script" in metafunc.fixturenames:
        scripts = sorted(Path(folder).resolve().glob("field/[0-9]*.py")) if folder else []
        metafunc.parametrize(
            "field_script", [pytest.param(script, id=script.stem) for script in scripts] or [NO_FOLDER]
        )
    if "broken" in metafunc.fixturenames:
        cases = EXPECTED if folder else ()
        metafunc.parametrize("broken", [pytest.param(case, id="-".join(case)) for case in cases] or [NO_FOLDER])


def build(script: Path, folder: Path, *arguments: str) -> None:
    """Let a script build its workspace and its plan."""
    subprocess.run([sys.executable, script, folder, *arguments], check=True, cwd=script.parent)


def migrate(folder: Path) -> tuple[int, str]:
    """Migrate a built workspace in a process of its own, and return exit code and output."""
    options = [f"--workspace={folder / 'ws'}", f"--plan={folder / 'plan.toml'}", f"--reports={folder / 'reports'}"]
    command = [sys.executable, "-m", "pytest", "-m", "migrate", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
    return done.returncode, done.stdout


def files(folder: Path) -> dict[str, str]:
    """Return the digest of each file of a workspace outside its backups."""
    return dict(_digests(folder))


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != "backups":
            yield str(name), hashlib.sha256(path.read_bytes()).hexdigest()


def test_case_is_right_or_refused(field_script: Path, tmp_path: Path) -> None:
    """An accepted run gives what its user needs, and any other leaves every file as it was."""
    build(field_script, tmp_path)
    before = files(tmp_path / "ws")

    code, _ = migrate(tmp_path)

    if code == ACCEPTED:
        subprocess.run([sys.executable, field_script, "check", tmp_path], check=True, cwd=field_script.parent)
    else:
        assert code in (FAILED, REFUSED)
        assert files(tmp_path / "ws") == before


def test_broken_case_ends_as_expected(broken: tuple[str, ...], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The exit code and the id of the finding or the problem are those of the case."""
    script, *arguments = broken
    folder = Path(request.config.getoption("cases_folder"))
    build(folder.resolve() / "break" / f"{script}.py", tmp_path / "case", *arguments)
    expected_code, id = EXPECTED[broken]

    code, output = migrate(tmp_path / "case")

    assert code == expected_code
    assert f"[{id}]" in output or not id
