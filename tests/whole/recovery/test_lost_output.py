"""Bring a run to its end although its output cannot be written any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import LIGHT, REPOSITORY

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace

FULL = Path("/dev/full")


@pytest.mark.parametrize("last_line", ["90 archive", *thorough("mode:", "40 transfer")])
def test_run_ends_without_the_reader_of_its_output(workspace: Workspace, last_line: str) -> None:
    """Its exit code is that of the report, and there is no traceback."""
    with subprocess.Popen(
        workspace.command("migrate"),
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(last_line in line for line in process.stdout)
        process.stdout.close()
        errors = process.stderr.read()

    ran = workspace.ran(process.returncode, errors)
    assert ran.exit == 0, ran.text
    assert ran.text == ""
    assert ran.evidence["verdict"] == "accepted"


@pytest.mark.thorough
@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["lines", "json"])
def test_full_disk_under_the_output_ends_no_run(workspace: Workspace, options: list[str]) -> None:
    """The report and the exit code state the result."""
    names = [f"--workspace={workspace.root}", f"--reports={workspace.reports}"]
    command = [sys.executable, "-m", "sqlite_consolidate", "migrate", *names, *options]
    with FULL.open("w") as output:
        done = subprocess.run(
            command, env=os.environ | LIGHT, stdout=output, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert json.loads((workspace.reports / "latest" / "evidence.json").read_bytes())["verdict"] == "accepted"
