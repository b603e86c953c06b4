"""Build a workspace whose keys are renumbered, and do the same by hand.

Each of its three tables has the same number of rows, and two of them refer to the third.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.support.benchmark.by_hand import shell

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_TABLES = """
CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id), total REAL);
CREATE TABLE visits(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), at TEXT);
CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX visits_customer ON visits(customer);
"""
_NAMES = ("customers", "orders", "visits")
_TARGET_ROWS = 1000
_PLAN = """format = 1
name = "benchmark"
target = "target.db"
dump = false
[[source]]
name = "source"
file = "source.db"
tables = "*"
keys = "renumber"
"""


def build_renumbered(rows: int, root: Path) -> Path:
    """Create target, source and plan with keys that collide, and return their folder.

    Args:
        rows: Rows of each of the three tables of the source.
        root: Folder to create.
    """
    root.mkdir(parents=True)
    _fill(root / "source.db", rows)
    _fill(root / "target.db", _TARGET_ROWS)
    (root / "consolidation.toml").write_text(_PLAN, "utf-8")
    return root


def renumbering_command() -> list[str]:
    """Return the command that copies the rows with new keys by hand, in the workspace."""
    sql = [
        "ATTACH 'source.db' AS source",
        "BEGIN",
        f"INSERT INTO main.customers SELECT id + {_TARGET_ROWS}, name, city FROM source.customers",
        f"INSERT INTO main.orders SELECT id + {_TARGET_ROWS}, customer + {_TARGET_ROWS}, total FROM source.orders",
        f"INSERT INTO main.visits SELECT id + {_TARGET_ROWS}, customer + {_TARGET_ROWS}, at FROM source.visits",
        "COMMIT",
        *(f"SELECT count(*) FROM {database}.{name}" for name in _NAMES for database in ("main", "source")),
    ]
    lines = ["set -e", *(f"cp {name}.db {name}.backup" for name in ("source", "target"))]
    return ["bash", "-c", "\n".join([*lines, f'{shell()} target.db "{";".join(sql)}"'])]


def _fill(path: Path, rows: int) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous=OFF")
        con.executescript(_TABLES)
        con.execute("BEGIN")
        numbers = range(1, rows + 1)
        mixed = [number * 2_654_435_761 % rows + 1 for number in numbers]
        customers = ((number, f"Customer {number}", f"City {number % 997}") for number in numbers)
        con.executemany("INSERT INTO customers VALUES(?,?,?)", customers)
        orders = ((number, customer, number / 7) for number, customer in zip(numbers, mixed, strict=True))
        con.executemany("INSERT INTO orders VALUES(?,?,?)", orders)
        visits = ((number, customer, f"2025-01-01T{number % 86400:06}") for number, customer in enumerate(mixed, 1))
        con.executemany("INSERT INTO visits VALUES(?,?,?)", visits)
        con.execute("COMMIT")
