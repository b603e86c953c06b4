"""Run the commands of a page of the documentation as its reader does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.workspaces.whole_run import DEADLINE, LIGHT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block of a page, with its language."""


def run_as_reader(folder: Path, commands: str) -> tuple[int, str]:
    """Run commands as a reader does, and return the last exit code and all output.

    The commands begin in the folder in which the commands before them ended, as in one shell.
    """
    place = folder.parent / "place"
    programs = folder.parent / "bin"
    programs.mkdir(exist_ok=True)
    plugin = "sqlite_consolidate.pytest_plugin"
    modules = {
        "sqlite-consolidate": "-m sqlite_consolidate",
        "sqlite-utils": "-m sqlite_utils",
        "pytest": f"-m pytest -p {plugin}.rootdir",  # as the entry point of an installed package loads it
    }
    for name, command in modules.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")} | LIGHT
    python = Path(sys.executable).parent  # as in an environment that is activated: `python` imports sqlite_utils
    environment["PATH"] = f"{programs}:{python}:{environment['PATH']}"
    ran = subprocess.run(
        ["sh", "-e", "-c", f"trap 'pwd > \"{place}\"' EXIT\n{commands}"],
        cwd=place.read_text("utf-8").removesuffix("\n") if place.exists() else folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    return ran.returncode, ran.stdout + ran.stderr
