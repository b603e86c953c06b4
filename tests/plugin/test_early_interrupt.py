"""Specify what Ctrl-C does before a run has begun."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import LIGHT

if TYPE_CHECKING:
    from pathlib import Path

CONSOLE = "from sqlite_consolidate.pytest_plugin.commands.entry import main; sys.exit(main())"
SQLITE_UTILS = "from sqlite_utils.cli import cli; cli(['consolidate', *sys.argv[1:]])"
PYTEST = "import pytest; sys.exit(pytest.main(sys.argv[1:], plugins=[sqlite_consolidate.pytest_plugin.rootdir]))"
INTERRUPT = """
import importlib.abc, os, signal, sys
import sqlite_consolidate.pytest_plugin.{first}

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{signal})

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it, and its children too
sys.meta_path.insert(0, Interrupt())
{program}
"""


def interrupted(
    folder: Path, module: str, program: str, *arguments: str, name: str = "SIGINT"
) -> subprocess.CompletedProcess[str]:
    """Run a program that gets a signal when it imports a module for the first time."""
    first = "rootdir" if program == PYTEST else "commands"
    script = INTERRUPT.format(module=module, signal=name, program=program, first=first)
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=os.environ | LIGHT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("program", "module", "arguments"),
    [
        (CONSOLE, "pytest", ["migrate"]),
        *thorough(
            (CONSOLE, "sqlite_consolidate.session", ["migrate"]),
            (CONSOLE, "sqlite_consolidate.pytest_plugin.selection", ["verify", "--json"]),
            (SQLITE_UTILS, "pytest", ["migrate"]),
        ),
        (PYTEST, "sqlite_consolidate.pytest_plugin.selection", ["-m", "migrate", "--workspace=."]),
        *thorough((PYTEST, "sqlite_consolidate.session", ["-m", "migrate", "--workspace=."])),
    ],
)
def test_interrupt_during_an_import_is_one_line(
    tmp_path: Path, program: str, module: str, arguments: list[str]
) -> None:
    """The exit code is that of an interrupted run, whatever is being imported."""
    ran = interrupted(tmp_path, module, program, *arguments)

    assert ran.returncode == ExitCode.INTERRUPTED, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "SIGINT" in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", ExitCode.INTERRUPTED), *thorough(("SIGTERM", ExitCode.TERMINATED))]
)
def test_signal_while_a_run_is_opened_interrupts_it(tmp_path: Path, name: str, code: int) -> None:
    """The opening is finished, because it may roll back a run that was cut short."""
    ran = interrupted(tmp_path, "sqlite_consolidate.inventory.inventory_run", CONSOLE, "inventory", name=name)

    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert (tmp_path / "reports" / "latest" / "evidence.json").is_file()
