"""Run a whole consolidation beside one object that needs what this SQLite lacks."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.text import one_line
from tests.support.missing.kinds import KINDS, PLAIN, SETUP, Kind
from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    import sqlite3

    from tests.support.workspaces.whole_run import CompletedRun
else:
    from sqlite_utils.utils import sqlite3

Role = Literal["source", "target"]

_PLAN = """\
format = 1
name   = "beside"
target = "main.db"

[[source]]
name = "old"
file = "old.db"

  [[source.table]]
  name = "plain"
"""
_LEAVE = """
  [[source.leave]]
  {0} = ["{1}"]
  reason = "the application creates it again"
"""
_ODD = """
  [[source.table]]
  name = "odd"
"""


def build_beside(folder: Path, kind: Kind, role: Role, more: str = "") -> Workspace:
    """Build a workspace in which source or target has the object, and a plain table is moved.

    Args:
        folder: Folder of the workspace and its reports.
        kind: The object.
        role: The database that has it.
        more: Text at the end of the plan.
    """
    root = folder / "workspace"
    (root / "tools").mkdir(parents=True)
    (root / "tools" / "setup.py").write_text(SETUP)
    other = f"{PLAIN} INSERT INTO plain VALUES({{0}}, 'x', 1), ({{0}} + 1, 'y', 2);"
    if role == "source":
        kind.build(root / "old.db", 11)
        execute(root / "main.db", other.format(1))
    else:
        kind.build(root / "main.db", 1)
        execute(root / "old.db", other.format(11))
    plan = _PLAN
    if role == "source" and kind.left[0] == "indexes":
        plan += _ODD
    if role == "source" and kind.left[0]:
        plan += _LEAVE.format(*kind.left)
    (root / "consolidation.toml").write_text(plan + more)
    return Workspace(root, folder / "reports")


def moved_rows(workspace: Workspace) -> list[tuple[object, ...]]:
    """Return the rows of the plain table in the target."""
    with closing(sqlite3.connect(workspace.root / "main.db")) as con:
        return con.execute("SELECT * FROM plain NOT INDEXED ORDER BY id").fetchall()


def describe(ran: CompletedRun) -> str:
    """Return the exit code, the problems and the attention findings of a run in a few words."""
    lines = [line.strip() for line in ran.text.splitlines() if line.strip().endswith("]") and "process" not in line]
    failed = f" failed: {', '.join(sorted(ran.failed))};" if ran.failed else ""
    findings = f" findings: {', '.join(f'{f.id} {f.subject}' for f in ran.findings)}" if ran.findings else ""
    return f"exit {ran.exit};{failed}{findings} {one_line(' / '.join(lines))[:400] if ran.exit else ''}".strip()


def _stable(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the bytes of databases without the change counters of their headers."""
    return {name: data[:18] + data[20:24] + data[28:40] + data[44:92] + data[100:] for name, data in files.items()}


def print_table(wanted: str) -> None:
    """Print how a consolidation beside each kind of object ends, in both roles."""
    for kind in KINDS:
        for role in ("source", "target"):
            if wanted in f"{kind.name} {role}":
                with tempfile.TemporaryDirectory() as folder:
                    workspace = build_beside(Path(folder), kind, role)
                    before = {path.name: path.read_bytes() for path in workspace.root.glob("*.db")}
                    try:
                        text = [describe(ran := workspace.run("migrate"))]
                    except AssertionError as error:
                        print(f"| {kind.name} | {role} | BUNDLE {str(error)[:500]} |", flush=True)  # noqa: T201
                        continue
                    if not ran.exit:
                        text += [f"rows {len(moved_rows(workspace))}", f"verify {describe(workspace.run('verify'))}"]
                        text += [f"rollback {describe(workspace.run('rollback'))}"]
                        after = {path.name: path.read_bytes() for path in workspace.root.glob("*.db")}
                        text += ["restored" if _stable(after) == _stable(before) else "RESTORED DIFFERENTLY"]
                    print(f"| {kind.name} | {role} | {'; '.join(text)} |", flush=True)  # noqa: T201 -- its purpose


if __name__ == "__main__":
    print_table(" ".join(sys.argv[1:]))
