"""Run the tutorials of the documentation, and compare what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sqlite_consolidate.plan.loader import load
from tests.support.workspaces.whole_run import DEADLINE, LIGHT

ROOT = Path(__file__).parents[3]
TUTORIALS = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = 4
_PATIENCE = 10  # a page consolidates five hundred files


def _shell(folder: Path, commands: str) -> tuple[int, str]:
    """Run commands as a reader does, and return the last exit code and all output."""
    programs = folder.parent / "bin"
    programs.mkdir(exist_ok=True)
    module = "sqlite_consolidate.pytest_plugin.commands.console"
    for name, command in (("sqlite-consolidate", f"-m {module}"), ("sqlite-utils", "-m sqlite_utils")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")} | LIGHT
    python = Path(sys.executable).parent  # as in an environment that is activated: `python` imports sqlite_utils
    environment["PATH"] = f"{programs}:{python}:{environment['PATH']}"
    ran = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE * DEADLINE,
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_plans_of_a_tutorial_are_valid(page: Path, tmp_path: Path) -> None:
    """A reader copies them."""
    plans = [block for language, block in BLOCK.findall(page.read_text("utf-8")) if language == "toml"]

    assert plans
    for text in plans:
        (tmp_path / "consolidation.toml").write_text(text)
        assert load(tmp_path / "consolidation.toml").sources


@pytest.mark.thorough
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_tutorial_shows_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    """A block without a language is a part of what was printed before it.

    A plan is written to the file that the page names.
    """
    text = page.read_text("utf-8")
    (plan,) = set(re.findall(r"`(\w+/consolidation\.toml)`", text))
    folder, printed, code = tmp_path / "folder", "", 0
    folder.mkdir()
    for language, block in BLOCK.findall(text):
        match language:
            case "sh":
                code, printed = _shell(folder, block)
                assert code in (0, REFUSED), printed
            case "toml":
                (folder / plan).write_text(block)
            case _:
                assert [line for line in block.splitlines() if line not in printed.splitlines()] == [], printed
                assert code == (REFUSED if "[key-collision]" in block else 0)
