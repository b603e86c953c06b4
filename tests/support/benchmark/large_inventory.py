"""Build a large workspace to measure an inventory.

It has 1,000 databases and 100,000 other files: 900 databases of one schema, 100 with tables of their own, Python files
and data files in 100 folders. Run ``python -m tests.support.benchmark.large_inventory DIR``, then
``pytest -m inventory --workspace=DIR``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.workspaces.whole_run import execute

TENANTS, STORES, FILES = 900, 100, 100_000

_ROWS = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i, 'name', i * 1.5 FROM n"
_FUNCTION = (
    "def f{0}(db):\n    '''Read all rows of a table.'''\n    return db.execute('select name from t').fetchall()\n\n"
)


def large(root: Path, tenants: int = TENANTS, stores: int = STORES, files: int = FILES) -> None:
    """Fill the folder ``root``.

    Every hundredth Python file names a database.
    """
    for number in range(tenants):
        _database(root / f"data/tenants/tenant_{number:04}.db", _tenant(number))
    for number in range(stores):
        _database(root / f"data/team{number % 20}/store_{number:03}.db", _store(number))
    module = "".join(_FUNCTION.format(index) for index in range(20))
    for number in range(files):
        folder = root / f"src/package{number % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        if number % 2:
            (folder / f"asset_{number}.json").write_text('{"name": "value"}\n' * 20)
            continue
        store = number // 100 % stores if stores else 0
        path = f'"data" / "team{store % 20}" / "store_{store:03}.db"'
        names = f"DB = Path(__file__).resolve().parents[2] / {path}\n" if number % 100 == 0 else ""
        (folder / f"module_{number}.py").write_text(f"from pathlib import Path\n{names}{module}")


def _database(path: Path, sql: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    execute(path, f"PRAGMA synchronous = OFF; {sql}")


def _tenant(number: int) -> str:
    """Return a database of the shared schema, whose keys other tenants have too."""
    return (
        "CREATE TABLE customer(id INTEGER PRIMARY KEY, email TEXT UNIQUE);"
        "CREATE TABLE invoice(id INTEGER PRIMARY KEY,"
        " customer_id INTEGER NOT NULL REFERENCES customer(id), total REAL);"
        f"INSERT INTO customer VALUES (1, 'a{number}@example.org'), (2, 'b{number}@example.org');"
        f"INSERT INTO invoice VALUES (1, 1, {number}), (2, 2, 5);"
    )


def _store(number: int) -> str:
    """Return a database with ten further tables, five of them with rows."""
    sql = "PRAGMA journal_mode = WAL;" if number % 2 else ""
    tables = [f"t{number}_{index}" for index in range(10)]
    sql += "".join(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, name TEXT, price REAL);" for table in tables)
    return sql + "".join(f"INSERT INTO {table} {_ROWS};" for table in tables[:5])


if __name__ == "__main__":
    large(Path(sys.argv[1]))
