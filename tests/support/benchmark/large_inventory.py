"""Build a large workspace to measure an inventory.

It has 200 databases of 11 tables, and 10,000 Python files. Run ``python -m tests.support.benchmark.large_inventory
DIR``,
then ``pytest -m inventory --workspace=DIR``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.workspaces.whole_run import execute

DATABASES, FILES = 200, 10_000

_FUNCTION = (
    "def f{0}(db):\n    '''Read all rows of a table.'''\n    return db.execute('select name from t').fetchall()\n\n"
)


def large(root: Path) -> None:
    """Fill the folder ``root``. Every fiftieth file names a database."""
    for n in range(DATABASES):
        path = root / f"data/team{n % 20}/store_{n:03}.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        execute(path, _sql(n))
    for n in range(FILES):
        path = root / f"src/pkg{n % 100}/mod_{n}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = "Path(__file__).resolve().parents[2]"
        names = f'DB = {folder} / "data" / "team{n // 50 % 20}" / "store_{n // 50:03}.db"\n' if n % 50 == 0 else ""
        path.write_text(f"from pathlib import Path\n{names}" + "".join(_FUNCTION.format(at) for at in range(20)))


def _sql(n: int) -> str:
    rows = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, 'name', i * 1.5 FROM n"
    sql = "PRAGMA journal_mode = WAL;" if n % 2 else ""
    sql += "CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT);"
    sql += f"INSERT INTO settings VALUES ('k{n}', 'v');"
    sql += "".join(f"CREATE TABLE t{n}_{t}(id INTEGER PRIMARY KEY, name TEXT, price REAL);" for t in range(10))
    return sql + "".join(f"INSERT INTO t{n}_{t} {rows};" for t in range(5))


if __name__ == "__main__":
    large(Path(sys.argv[1]))
