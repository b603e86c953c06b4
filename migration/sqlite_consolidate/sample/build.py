"""Build the sample workspace.

It has a target, sources in the state that a crash leaves, code, a log and a plan.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sidecars import WAL
from sqlite_consolidate.sample.application_rows import decision_rows, metadata_rows, proposal_rows, task_rows
from sqlite_consolidate.sample.workspace_rows import workspace_rows
from sqlite_consolidate.sqlite_library import with_sqlite_utils

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.sample.values import Row
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_HERE = Path(__file__).parent
_TREE = _HERE / "tree"
_MARKER_FILE = "SAMPLE.md"
_LOGS = Path("meridian-core/logs")


def build(root: Path, *, decisions: bool = False) -> Path:
    """Build the sample workspace in ``root``, and return ``root`` resolved.

    Every build has the same content: databases have the same schema and rows, other files the same bytes.
    The workspace is built in a scratch folder beside ``root`` and renamed when it is complete, so that ``root`` never
    holds only a part of it.

    Args:
        root: Folder to build; absent or empty. Its parents are created.
        decisions: Add ``orchestration_decisions.db`` (72 rows), which is absent otherwise.

    Raises:
        FileExistsError: ``root`` holds a file already, or is no folder. Nothing was changed.
    """
    root = root.resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder: the sample workspace is not built over it.")
    root.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
        unfinished = Path(scratch) / "workspace"
        shutil.copytree(_TREE, unfinished, ignore=shutil.ignore_patterns("__pycache__"))
        _target(unfinished / "workspace.db")
        _application_databases(unfinished / _LOGS, decisions=decisions)
        unfinished.replace(root)
    return root


def is_sample(root: Path) -> bool:
    """Return whether ``build`` has built ``root``.

    The marker file has to be equal byte for byte.
    """
    try:
        return (root / _MARKER_FILE).read_bytes() == (_TREE / _MARKER_FILE).read_bytes()
    except OSError:
        return False


def _target(path: Path) -> None:
    with closing(_create_empty(path, "workspace.sql")) as db:
        _insert(db, workspace_rows())


def _application_databases(logs: Path, *, decisions: bool) -> None:
    """Create the sources in ``logs``, each with the whole schema."""
    _create_crashed(
        logs / "task_queue.db", {"tasks": task_rows(), "task_queue_metadata": metadata_rows()}, checkpointed=0.9
    )
    _create_crashed(logs / "proposals.db", {"proposals": proposal_rows()}, checkpointed=0)
    if decisions:
        _create_crashed(
            logs / "orchestration_decisions.db", {"orchestration_decisions": decision_rows()}, checkpointed=0.8
        )


def _create_crashed(path: Path, rows: Mapping[str, Sequence[Row]], *, checkpointed: float) -> None:
    """Create a database as a crash leaves it.

    The newest rows are in the ``-wal`` only, there is no ``-shm``, and no process has it open.

    Args:
        path: Path of the database.
        rows: Rows by table, the oldest first.
        checkpointed: Share of the rows of each table that is in the database file itself, 0 to 1.
    """
    with TemporaryDirectory(dir=path.parent) as scratch:
        live = Path(scratch) / path.name
        with closing(_create_empty(live, "application.sql")) as db:
            _insert(db, {table: part[: int(len(part) * checkpointed)] for table, part in rows.items()})
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA wal_autocheckpoint = 0")
            _insert(db, {table: part[int(len(part) * checkpointed) :] for table, part in rows.items()})
            # The files are renamed while the connection is open. SQLite notices it on close and makes no checkpoint.
            for suffix in ("", WAL):
                Path(f"{live}{suffix}").rename(f"{path}{suffix}")


def _create_empty(path: Path, schema: str) -> sqlite3.Connection:
    """Open a new database in WAL mode with the schema of a file in ``schema/`` and no rows."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript((_HERE / "schema" / schema).read_text(encoding="utf-8"))
    return db


def _insert(db: sqlite3.Connection, rows: Mapping[str, Sequence[Row]]) -> None:
    """Insert ``rows`` by table."""
    writer = with_sqlite_utils(db)
    for table, part in rows.items():
        writer.table(table).insert_all(part)
