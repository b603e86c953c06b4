"""Run a command with a fault, recover by one command, and list what is wrong afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.backup.rollback.restore import write_version
from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.files import has_hot_journal
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.crash.backup_set_checks import backup_set_problems
from tests.support.crash.injector import Call, calls_of, run_with_fault
from tests.support.crash.power_cut import Disk
from tests.support.workspaces.two_sources import build_two_sources
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

Facts = dict[str, object]

MISSED = "missed"

_STAMP = re.compile(r"\d{8}_\d{6}")
_SIDECARS = ("-wal", "-shm")


@dataclass(frozen=True)
class CommandCase:
    """Hold a command on a workspace.

    Attributes:
        verb: ``migrate`` or ``rollback``, followed by options of the command.
        prepare: Called with the workspace before the command, or None.
        spoil: Called in the process of the command before it begins, or None.
    """

    verb: str = "migrate"
    prepare: Callable[[Workspace], object] | None = None
    spoil: Callable[[], object] | None = None

    def begin(self, folder: Path) -> Workspace:
        """Create a workspace for the command."""
        workspace = fresh(folder)
        if self.prepare:
            self.prepare(workspace)
        return workspace

    def calls(self, folder: Path) -> list[Call]:
        """Run the command without a fault, and return its system calls in order."""
        return calls_of(self.begin(folder), self.verb, self.spoil)


@dataclass(frozen=True)
class Trial:
    """Hold a fault, and the command that recovers from it.

    Attributes:
        fault: Name of the fault.
        call: System call at which it happens.
        way: The command that recovers.
        again: A call at which the recovery is killed before it is repeated, or None.
        journey: The command that fails.
    """

    fault: str
    call: Call
    way: str
    again: Call | None = None
    journey: CommandCase = CommandCase()

    def __str__(self) -> str:
        again = f", killed at {self.again}, then {self.way}" if self.again else ""
        return f"{self.fault} at {self.call}, then {self.way}{again}"

    def wrong(self, folder: Path, good: Facts) -> str:
        """Run the trial, and compare the workspace with the expected one.

        Returns:
            The differences as a text. It is empty when there are none, and ``missed`` when the run never made that
            call.
        """
        folder.mkdir()
        with Disk(folder) if self.fault == "power cut" else contextlib.nullcontext() as disk:
            workspace = self.journey.begin(folder)
            if disk:
                disk.sync()
            struck, ran = run_with_fault(workspace, self.fault, self.call, self.journey.verb, self.journey.spoil)
            if not struck:
                return MISSED
            if disk:
                disk.cut()
            sealed = {path.parent.name for path in workspace.root.glob("backups/*/manifest.json")}
            if self.again:
                run_with_fault(workspace, "kill", self.again, self.way)
            recovered = workspace.forked(self.way)
            wrong = [*_differences(good, facts(workspace.root)), *backup_set_problems(workspace.root, sealed)]
        if recovered.exit not in ((0,) if self.way == "migrate" else (0, 4)):
            wrong.append(f"the recovery ended with {recovered.exit}: {recovered.text[-800:]}")
        if ran.exit == 0 and self.fault in ("kill", "power cut"):
            wrong.append("the run that was killed ended with 0")
        if not wrong:
            shutil.rmtree(folder)
        return f"{self}: {'; '.join(wrong)} [{folder}]" if wrong else ""


def fresh(folder: Path) -> Workspace:
    """Create a workspace of a target, two sources and two code files, with reports beside it."""
    return Workspace(build_two_sources(folder / "workspace"), folder / "reports")


def facts(root: Path) -> Facts:
    """Return every file with its mode and its content.

    The content of a database is its rows and schema, that of another file its bytes. Stamps in names are masked. Only
    the
    number of history rows counts, because a row has a time. Backup sets do not count. Of a folder only the mode counts.
    """
    files: Facts = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] == "backups" or _beside_its_database(path):
            continue
        content = None if path.is_dir() else _database(path) if write_version(path) else path.read_bytes()
        files[_STAMP.sub("STAMP", name)] = (oct(path.stat().st_mode), content)
    return files


def _differences(good: Facts, now: Facts) -> list[str]:
    return [
        f"{name}: {'missing' if name not in now else 'stray' if name not in good else 'not as it should be'}"
        for name in sorted(good.keys() | now.keys())
        if good.get(name) != now.get(name)
    ]


def _beside_its_database(path: Path) -> bool:
    return any(
        path.name.endswith(suffix) and Path(os.fspath(path).removesuffix(suffix)).exists() for suffix in _SIDECARS
    )


def _database(path: Path) -> tuple[object, ...]:
    if has_hot_journal(path):
        return ("has a hot journal",)
    with open_for_inspection(path) as con:
        schema = read_schema(con)
        tables = {name: (digest.rows, digest.sha256) for name, digest in digest_tables(con, schema).items()}
        tables.pop(history.TABLE, None)
        sql = sorted(con.execute("SELECT type, name, sql FROM sqlite_schema").fetchall(), key=repr)
        return write_version(path), sql, tables, read_autoincrement_marks(con), len(history.runs(con))
