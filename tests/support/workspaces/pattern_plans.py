"""Build plans whose source is a pattern of files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.plan.model import Plan, Source, TableMap

if TYPE_CHECKING:
    from pathlib import Path

_PLAN = """\
format = 1
name = "phones"
target = "all.db"

[[source]]
name = "phone"
file = "phones/*.db"
keys = "renumber"
constants = { device = "{stem}" }
[[source.table]]
name = "person"
[[source.table]]
name = "call"
create = "CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER REFERENCES person(id), device TEXT)"
"""
_DDL = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER REFERENCES person(id));
"""


def plan_of_pattern(pattern: str, target: str = "all.db", **keys: object) -> Plan:
    """Return a plan that moves a table of each file that a pattern matches.

    Args:
        pattern: Path in the workspace, with wildcards.
        target: Path of the target.
        keys: Further keys of the source.
    """
    source = Source(name="phone", file=pattern, tables=[TableMap(name="call")]).model_copy(update=keys)
    return Plan(format=1, name="p", target=target, sources=[source])


def create_phones(root: Path, number: int) -> None:
    """Create small files with equal keys, a target with a row, and a plan that renumbers them."""
    (root / "phones").mkdir(parents=True)
    (root / "consolidation.toml").write_text(_PLAN, encoding="utf-8")
    for index in range(number):
        with closing(sqlite3.connect(root / f"phones/{index:05}.db")) as con:
            con.executescript(_DDL)
            con.executemany("INSERT INTO person VALUES (?, ?)", [(1, f"a{index}"), (3, f"b{index}")])
            con.executemany("INSERT INTO call VALUES (?, ?)", [(1, 3), (2, 1), (3, None), (9, 0)])
            con.commit()
    with closing(sqlite3.connect(root / "all.db")) as con:
        con.executescript(_DDL.replace("REFERENCES person(id))", "REFERENCES person(id), device TEXT)"))
        con.execute("INSERT INTO person VALUES (7, 'before')")
        con.commit()
