"""Specify that keys are compared as SQLite compares them for a foreign key."""

from __future__ import annotations

from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.references.following import count_strays
from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.sqlite.connections import attached, open_existing
from tests.support.databases import TARGET, Bench, source
from tests.support.thorough import sampled

if TYPE_CHECKING:
    from pathlib import Path

TYPES = ["INTEGER", "TEXT", "REAL", "", "TEXT COLLATE NOCASE"]
KEYS = "(1), ('1'), ('a'), (2.5), (x'31')"
VALUES = "(1), ('1'), (1.0), ('1.0'), ('01'), ('a'), ('A'), (2.5), ('2.5'), (x'31'), (7), (NULL)"


def orphans(path: Path) -> int:
    """Return the number of rows for which SQLite finds no parent."""
    with closing(open_existing(path)) as con:
        return len(con.execute("PRAGMA foreign_key_check").fetchall())


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"], ids=["attached", "staged"])
@pytest.mark.parametrize(("key", "value"), sampled([*product(TYPES, TYPES)], 0, 4, 8, 12, 16, 20, 24))
def test_parents_are_found_as_sqlite_finds_them(bench: Bench, key: str, value: str, encoding: str) -> None:
    """The target has no parent, so each row with a parent is counted."""
    schema = (
        f"CREATE TABLE parent(k {key} UNIQUE)",
        f"CREATE TABLE child(id INTEGER PRIMARY KEY, r {value} REFERENCES parent(k))",
    )
    bench.database(TARGET, *schema)
    bench.database(
        "a.db",
        f"PRAGMA encoding='{encoding}'",
        *schema,
        f"INSERT OR IGNORE INTO parent VALUES {KEYS}",
        f"INSERT INTO child(r) VALUES {VALUES}",
    )
    with_parent = VALUES.count("(") - 1 - orphans(bench.root / "a.db")
    inspected = bench.survey(source("a.db", "child", leave={"parent": "not needed"}))

    (reference,) = find_references(inspected)
    with (
        closing(open_existing(bench.root / TARGET)) as con,
        attached(con, inspected.path_of(reference.child), "source") as alias,
    ):
        strays = count_strays(con, reference, alias, "main")
    assert (strays.lost, strays.differing, strays.adopted) == (with_parent, 0, 0)
