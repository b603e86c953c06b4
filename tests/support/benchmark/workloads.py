"""Build the workspaces that are measured.

Every row follows from its number, so that each build is the same.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

TASKS = """CREATE TABLE tasks (
    id VARCHAR(255) NOT NULL PRIMARY KEY,
    title VARCHAR(500) NOT NULL,
    description TEXT,
    status VARCHAR(100) NOT NULL,
    priority VARCHAR(50) NOT NULL,
    capability_required VARCHAR(255),
    estimated_tokens INTEGER,
    tags TEXT,
    dependencies TEXT,
    failures TEXT,
    metadata TEXT,
    file VARCHAR(500),
    created_by VARCHAR(255),
    created_at VARCHAR(100),
    updated_at VARCHAR(100),
    version INTEGER NOT NULL{default}
)"""
_TASK_INDEXES = ("status", "priority", "tags", "updated_at", "capability_required")
_WORDS = ("merge", "review", "queue", "retry", "schema", "Prüfung", "計画", "cost", "agent", "backup", "index", "trace")
_TARGET_ROW_BYTES = 1000


@dataclass(frozen=True)
class Workload:
    """Hold a table to be moved.

    Attributes:
        name: Name of the workload and of the source.
        table: Name of the table.
        create: Its statements in the source, the table first.
        planned: Statement of the table in the plan where it differs from the source; else empty.
        rows: Number of rows in the source.
        insert: ``INSERT`` of one row.
        target_rows: Rows of about one kilobyte that the target has before.
    """

    name: str
    table: str
    create: tuple[str, ...]
    planned: str
    rows: int
    insert: str
    target_rows: int

    def values(self, number: int) -> tuple[object, ...]:
        """Return the row of that number."""
        return _ROWS[self.table](number)


def tasks(rows: int, *, as_planned: bool) -> Workload:
    """Return a task table like that of the sample.

    It has 16 columns, a text key, five indexes, and about 760 bytes a row with its indexes.

    Args:
        rows: Number of rows in the source.
        as_planned: True if the statement in the plan has another DEFAULT, as in the sample's plan.
    """
    indexes = tuple(f"CREATE INDEX idx_tasks_{name} ON tasks({name})" for name in _TASK_INDEXES)
    planned = TASKS.format(default=" DEFAULT 0") if as_planned else ""
    insert = f"INSERT INTO tasks VALUES({','.join('?' * 16)})"
    return Workload("tasks", "tasks", (TASKS.format(default=""), *indexes), planned, rows, insert, _target_rows(rows))


def narrow(rows: int) -> Workload:
    """Return a narrow table with an integer key and one index."""
    create = (
        "CREATE TABLE readings(id INTEGER PRIMARY KEY, sensor INTEGER, value REAL)",
        "CREATE INDEX readings_sensor ON readings(sensor)",
    )
    return Workload("narrow", "readings", create, "", rows, "INSERT INTO readings VALUES(?,?,?)", _target_rows(rows))


def blobs(rows: int) -> Workload:
    """Return a table of blobs of one megabyte."""
    create = ("CREATE TABLE files(name TEXT PRIMARY KEY, data BLOB)",)
    return Workload("blobs", "files", create, "", rows, "INSERT INTO files VALUES(?,?)", 1000)


def without_key(rows: int) -> Workload:
    """Return a table whose rows differ only by their rowid."""
    create = ("CREATE TABLE events(at TEXT, kind TEXT, detail TEXT, n INTEGER)",)
    return Workload("without-key", "events", create, "", rows, "INSERT INTO events VALUES(?,?,?,?)", _target_rows(rows))


def without_rowid(rows: int) -> Workload:
    """Return a WITHOUT ROWID table with a key of two columns and one index."""
    create = (
        "CREATE TABLE edges(a TEXT, b INTEGER, weight REAL, PRIMARY KEY(a, b)) WITHOUT ROWID",
        "CREATE INDEX edges_b ON edges(b)",
    )
    return Workload("without-rowid", "edges", create, "", rows, "INSERT INTO edges VALUES(?,?,?)", _target_rows(rows))


def build(work: Workload, root: Path, *, dump: bool) -> Path:
    """Create target, source and plan of a workload, and return their folder."""
    root.mkdir(parents=True)
    with _filled(root / "source.db") as con:
        for statement in work.create:
            con.execute(statement)
        con.executemany(work.insert, (work.values(number) for number in range(work.rows)))
    with _filled(root / "target.db") as con:
        con.execute("CREATE TABLE documents(id INTEGER PRIMARY KEY, text TEXT)")
        rows = ((number, _text(number, _TARGET_ROW_BYTES)) for number in range(work.target_rows))
        con.executemany("INSERT INTO documents VALUES(?,?)", rows)
    (root / "consolidation.toml").write_text(_plan(work, dump=dump), "utf-8")
    return root


def statements(work: Workload) -> tuple[str, ...]:
    """Return the statements that create the table in the target."""
    return (work.planned or work.create[0], *work.create[1:])


def _plan(work: Workload, *, dump: bool) -> str:
    create = f"create = '''{';'.join(statements(work))};'''" if work.planned else ""
    return f"""format = 1
name = "benchmark"
target = "target.db"
dump = {str(dump).lower()}
[[source]]
name = "source"
file = "source.db"
  [[source.table]]
  name = "{work.table}"
  rows = {work.rows}
  {create}
"""


@contextlib.contextmanager
def _filled(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous=OFF")
        con.execute("PRAGMA cache_size=-200000")
        con.execute("BEGIN")
        yield con
        con.execute("COMMIT")


def _target_rows(rows: int) -> int:
    return max(100, min(rows // 7, 140_000))  # 190 MB beside a million rows, and never more


def _text(number: int, size: int) -> str:
    words = [_WORDS[(number * 7 + at * at + at) % len(_WORDS)] for at in range(size // 6)]
    return f"{number} {' '.join(words)}"[:size]


def _task(number: int) -> tuple[object, ...]:
    mixed = number * 2_654_435_761 % 4_294_967_296
    day = f"2025-{1 + mixed % 12:02}-{1 + mixed % 28:02}"
    at = f"{day}T{mixed % 24:02}:{mixed % 60:02}:{number % 60:02}.{number % 1000:03}"
    return (
        f"task-{mixed:08x}-{number:08x}",
        f"Task {number}: {_WORDS[mixed % 12]} the {_WORDS[number % 12]}",
        _text(mixed % 9973, 300),
        ("pending", "in_progress", "completed", "failed")[mixed % 4],
        ("critical", "high", "medium", "low")[mixed % 3],
        ("code", "review", "architecture", None)[mixed % 4],
        mixed % 8000,
        f'["{_WORDS[mixed % 12]}","{_WORDS[mixed % 7]}"]',
        "[]" if mixed % 3 else f'["task-{mixed:08x}"]',
        None,
        f'{{"retries": {mixed % 3}, "source": "{_WORDS[mixed % 5]}", "score": {mixed % 997 / 997}}}',
        f"src/{_WORDS[mixed % 12]}/{number % 1000}.py" if mixed % 2 else None,
        ("planner", "coder", "reviewer")[mixed % 3],
        at,
        at,
        mixed % 5,
    )


def _reading(number: int) -> tuple[object, ...]:
    return number * 3, number * 2_654_435_761 % 1000, number / 7


def _file(number: int) -> tuple[object, ...]:
    return f"file-{number}", (number.to_bytes(4, "big") + _text(number, 1020).encode()[:1020]) * 1024


def _event(number: int) -> tuple[object, ...]:
    return f"2025-01-01T{number % 86400:06}", _WORDS[number % 12], _text(number % 997, 120), number % 10


def _edge(number: int) -> tuple[object, ...]:
    return f"node-{number * 2_654_435_761 % 4_294_967_296:08x}", number % 1000, number / 3


_ROWS = {"tasks": _task, "readings": _reading, "files": _file, "events": _event, "edges": _edge}
