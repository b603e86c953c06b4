"""Build a fleet of workspaces of one source, and run commands on it in separate processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import DEADLINE, LIGHT, REPOSITORY, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

SMOKE = 'python = "from app.store import titles; print(len(titles()))"'


@dataclass(frozen=True)
class RolledUp:
    """Hold the result of a fleet run.

    ``rollup`` is its ``fleet.json``, empty if there is none.
    """

    exit: int
    text: str
    rollup: dict[str, Any]
    folder: Path | None

    @property
    def standings(self) -> dict[str, str]:
        """Return the folder of each workspace with its standing."""
        return {Path(row["path"]).parent.name: row["standing"] for row in self.rollup.get("workspaces", ())}

    def row(self, name: str) -> dict[str, Any]:
        """Return the row of a workspace."""
        return next(row for row in self.rollup["workspaces"] if Path(row["path"]).parent.name == name)


@dataclass(frozen=True)
class Fleet:
    """Hold workspaces side by side, and their fleet file."""

    folder: Path

    @property
    def file(self) -> Path:
        """Return the fleet file."""
        return self.folder / "fleet.toml"

    @property
    def reports(self) -> Path:
        """Return the folder for roll-ups and bundles."""
        return self.folder / "reports"

    def workspace(self, name: str) -> Workspace:
        """Return one of the workspaces."""
        return Workspace(self.folder / name / "workspace", self.reports)

    def contents(self, *names: str) -> list[dict[str, str]]:
        """Return the rows and bytes of workspaces."""
        return [self.workspace(name).contents() for name in names]

    def run(self, verb: str, *args: str, deadline: float = DEADLINE) -> RolledUp:
        """Run the command to its end."""
        with self.started(verb, *args) as process:
            return self.ended(process, deadline)

    @contextmanager
    def started(self, verb: str, *args: str) -> Iterator[subprocess.Popen[str]]:
        """Lend the running command and end it afterwards."""
        command = [sys.executable, "-m", "pytest", "-m", verb, f"--fleet={self.file}", f"--reports={self.reports}"]
        with subprocess.Popen(
            [*command, *args],
            cwd=REPOSITORY,
            env=os.environ | LIGHT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    kill_tree(process.pid)

    def ended(self, process: subprocess.Popen[str], deadline: float = DEADLINE) -> RolledUp:
        """Wait for the end of the command, and return its result."""
        text, _ = process.communicate(timeout=deadline)
        rollups = sorted(self.reports.glob("2*-fleet-*/fleet.json"))
        rollup = json.loads(rollups[-1].read_bytes()) if rollups else {}
        return RolledUp(process.returncode, text, rollup, rollups[-1].parent if rollups else None)


def small_fleet(tmp_path: Path, names: str, file: str = 'workspaces = ["*/workspace"]') -> Fleet:
    """Build a fleet with a workspace of one source for each name, and write its file.

    ``format = 1`` is added to the file.
    """
    fleet = Fleet(tmp_path / "fleet")
    for name in names.split():
        build_one_source(fleet.folder / name)
    fleet.file.write_text(f"format = 1\n{file}\n")
    return fleet


def break_smoke(workspace: Workspace) -> None:
    """Make a run fail after COMMIT, so that it has to roll everything back."""
    workspace.edit("consolidation.toml", '"^3$"', '"^4$"')


def hold(workspace: Workspace) -> Path:
    """Make a run wait in its smoke test, after COMMIT, while the returned pipe exists.

    Reading the pipe waits for that moment.
    """
    pipe = workspace.root.parent / "held"
    os.mkfifo(pipe)
    waiting = f"import os, signal; os.path.exists('{pipe}') and (open('{pipe}', 'w').close(), signal.pause()); "
    workspace.edit("consolidation.toml", SMOKE, SMOKE.replace('"from', f'"{waiting}from'))
    return pipe


def kill_tree(pid: int) -> None:
    """Kill a process and all that it has started, as when their host dies."""
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
