"""Trial: a run with a fault in it, one command to recover, and everything that is then not right."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine import history
from migration.engine.digest import digest_file, digest_tables
from migration.engine.dump import marks
from migration.engine.guard import looking
from migration.engine.restore import write_version
from migration.engine.schema import read
from tests.crash.injector import Call, strike
from tests.engine.small_workspace import build
from tests.whole.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

Facts = dict[str, object]

_STAMP = re.compile(r"\d{8}_\d{6}")
_SIDECARS = ("-wal", "-shm")


def fresh(folder: Path) -> Workspace:
    """Make a workspace of a target, two sources and two code files; reports go beside it."""
    return Workspace(build(folder / "workspace"), folder / "reports")


def facts(root: Path) -> Facts:
    """Return every file with what counts: its mode, the rows and the schema of a database, the bytes of others.

    Stamps in names are masked. The row of history counts by being there, since it holds a time; backup sets do not
    count here.
    """
    found: Facts = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() or name.startswith("backups/") or _beside_its_database(path):
            continue
        content = _database(path) if write_version(path) else path.read_bytes()
        found[_STAMP.sub("STAMP", name)] = (oct(path.stat().st_mode), content)
    return found


def trial(
    folder: Path, fault: str, call: Call, verb: str, good: Facts, meddle: Callable[[], None] | None = None
) -> str:
    """Let a run fail at a call, recover with ``verb``, and compare with what should be.

    Returns:
        What is wrong, in words; empty when all is well, and ``missed`` when the run never came to that call.
    """
    folder.mkdir()
    workspace = fresh(folder)
    struck, ran = strike(workspace, fault, call, meddle)
    if not struck:
        return "missed"
    sealed = {path.parent.name for path in workspace.root.glob("backups/*/manifest.json")}
    recovered = workspace.forked(verb)
    wrong = [*_differences(good, facts(workspace.root)), *_lost(workspace, sealed)]
    if recovered.exit not in ((0,) if verb == "migrate" else (0, 4)):
        wrong.append(f"the recovery ended with {recovered.exit}: {recovered.text[-800:]}")
    if ran.exit == 0 and fault == "kill":
        wrong.append("the run that was killed ended with 0")
    if not wrong:
        shutil.rmtree(folder)
    return f"{fault} at {call}, then {verb}: {'; '.join(wrong)} [{folder}]" if wrong else ""


def _differences(good: Facts, now: Facts) -> list[str]:
    return [
        f"{name}: {'missing' if name not in now else 'stray' if name not in good else 'not as it should be'}"
        for name in sorted(good.keys() | now.keys())
        if good.get(name) != now.get(name)
    ]


def _lost(workspace: Workspace, sealed: set[str]) -> list[str]:
    """No set that was sealed is gone, none is left unsealed, and every copy has its bytes."""
    wrong = [f"backup set {name} is gone" for name in sealed if not (workspace.root / "backups" / name).is_dir()]
    for folder in workspace.sets():
        data = (folder / "manifest.json").read_text() if (folder / "manifest.json").exists() else ""
        if not data:
            wrong.append(f"backup set {folder.name} was left unsealed")
        wrong += [
            f"{copy.name} is in no manifest" for copy in folder.glob("databases/*") if digest_file(copy) not in data
        ]
    left = [path.name for path in (workspace.root / "backups").glob("*") if not path.is_dir()]
    return wrong + [f"{name} was left among the sets" for name in left]


def _beside_its_database(path: Path) -> bool:
    return any(
        path.name.endswith(suffix) and Path(os.fspath(path).removesuffix(suffix)).exists() for suffix in _SIDECARS
    )


def _database(path: Path) -> tuple[object, ...]:
    with looking(path) as con:
        schema = read(con)
        tables = {name: (one.rows, one.sha256) for name, one in digest_tables(con, schema).items()}
        tables.pop(history.TABLE, None)
        sql = sorted(con.execute("SELECT type, name, sql FROM sqlite_schema").fetchall(), key=repr)
        return write_version(path), sql, tables, marks(con), len(history.read(con))
