"""A fleet of small workspaces, and runs on it: each is the command that a user gives, in a process of its own."""

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

from tests.support.workspaces.whole_run import DEADLINE, LIGHT, REPOSITORY, Workspace, small_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

SMOKE = 'python = "from app.store import titles; print(len(titles()))"'


@dataclass(frozen=True)
class RolledUp:
    """What a fleet run came to: its exit code, all it printed, its ``fleet.json`` (empty if none), its folder."""

    exit: int
    text: str
    rollup: dict[str, Any]
    folder: Path | None

    @property
    def standings(self) -> dict[str, str]:
        """Folder of each workspace to its standing."""
        return {Path(row["path"]).parent.name: row["standing"] for row in self.rollup.get("workspaces", ())}

    def row(self, name: str) -> dict[str, Any]:
        """Return the row of a workspace."""
        return next(row for row in self.rollup["workspaces"] if Path(row["path"]).parent.name == name)


@dataclass(frozen=True)
class Fleet:
    """Workspaces side by side, and their fleet file."""

    folder: Path

    @property
    def file(self) -> Path:
        """The fleet file."""
        return self.folder / "fleet.toml"

    @property
    def reports(self) -> Path:
        """Where roll-ups and bundles go."""
        return self.folder / "reports"

    def workspace(self, name: str) -> Workspace:
        """Return one of the workspaces."""
        return Workspace(self.folder / name / "workspace", self.reports)

    def contents(self, *names: str) -> list[dict[str, str]]:
        """Return what workspaces hold, rows and bytes."""
        return [self.workspace(name).contents() for name in names]

    def run(self, verb: str, *args: str, deadline: float = DEADLINE) -> RolledUp:
        """Run the command to its end."""
        with self.started(verb, *args) as process:
            return self.ended(process, deadline)

    @contextmanager
    def started(self, verb: str, *args: str) -> Iterator[subprocess.Popen[str]]:
        """Lend the running command; it is gone at the end."""
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
        """Wait for the command's end, and return what it came to."""
        text, _ = process.communicate(timeout=deadline)
        found = sorted(self.reports.glob("2*-fleet-*/fleet.json"))
        rollup = json.loads(found[-1].read_bytes()) if found else {}
        return RolledUp(process.returncode, text, rollup, found[-1].parent if found else None)


def small_fleet(tmp_path: Path, names: str, file: str = 'workspaces = ["*/workspace"]') -> Fleet:
    """Build a fleet of small workspaces, one a name, and write its file (``format = 1`` goes without saying)."""
    fleet = Fleet(tmp_path / "fleet")
    for name in names.split():
        small_workspace(fleet.folder / name)
    fleet.file.write_text(f"format = 1\n{file}\n")
    return fleet


def break_smoke(workspace: Workspace) -> None:
    """Let a run fail after COMMIT, so that it has everything to put back."""
    workspace.edit("consolidation.toml", '"^3$"', '"^4$"')


def hold(workspace: Workspace) -> Path:
    """Let a run wait in its smoke test, after COMMIT, while the returned pipe exists; reading it waits for that."""
    pipe = workspace.root.parent / "held"
    os.mkfifo(pipe)
    waiting = f"import os, signal; os.path.exists('{pipe}') and (open('{pipe}', 'w').close(), signal.pause()); "
    workspace.edit("consolidation.toml", SMOKE, SMOKE.replace('"from', f'"{waiting}from'))
    return pipe


def kill_tree(pid: int) -> None:
    """Let a process and everything it has started be gone at once, as when their host dies."""
    process = psutil.Process(pid)
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
