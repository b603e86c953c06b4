"""Derive from the databases before a consolidation what it must leave.

Only the oracle is used.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.exactness.oracle import Database, Row, Table


def files(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder. No connection to any may be open."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def differences(
    before: Database | None, sources: list[Database], after: Database, *, policy: str = "", shared: str = "shared"
) -> list[str]:
    """Return what is wrong after the sources were moved, table by table.

    Args:
        before: The target before, or None when it was absent or empty.
        sources: In plan order.
        after: The target now.
        policy: ``on_conflict`` of the table that several databases have.
        shared: Its name. Its first column by name is its key.
    """
    databases = [*([before] if before else []), *sources]
    wrong = []
    for name in dict.fromkeys(name for database in databases for name in database.tables):
        tables = [database.tables[name] for database in databases if name in database.tables]
        table = after.tables.get(name)
        if table is None:
            wrong.append(f"{name}: no such table")
        elif name == shared and policy:
            if (table.rows, table.rowids) != (_merged(tables, policy), _all_rowids(tables)):
                wrong.append(f"{name}: {table.rows} is not what {policy} makes of {[origin.rows for origin in tables]}")
        else:
            wrong += _table(name, tables[0], table)
    extra = set(after.tables) - {name for database in databases for name in database.tables}
    wrong += [f"{name}: not planned" for name in extra]
    return wrong + _others(databases, before, after)


def _merged(have: list[Table], policy: str) -> Counter[Row]:
    """Merge rows with equal keys. Rows without a key, or with NULL for it, all stay."""
    by_key: dict[Row, Row] = {}
    free: Counter[Row] = Counter()
    for table in have:
        for row, times in table.rows.items():
            key = _folded(row[1], table)
            if table.rowids is not None or row[1][0] == "null":
                free[row] += times
            elif policy == "prefer-source" or key not in by_key:
                by_key[key] = row
    return free + Counter(by_key.values())


def _folded(key: Row, table: Table) -> Row:
    return tuple(part.lower() if isinstance(part, bytes) else part for part in key) if _nocase(table) else key


def _nocase(table: Table) -> bool:
    return any(collation == "NOCASE" for _, _, _, terms, _ in table.indexes for *_, collation in terms)


def _all_rowids(have: list[Table]) -> Counter[Row] | None:
    return None if have[0].rowids is None else sum((table.rowids or Counter() for table in have), Counter())


def _table(name: str, was: Table, now: Table) -> list[str]:
    facts = (
        ("columns", was.columns, now.columns),
        ("rows", was.rows, now.rows),
        ("rowids", was.rowids, now.rowids),
        ("indexes", was.indexes, now.indexes),
    )
    return [f"{name}: {aspect}: {a!r} is now {b!r}" for aspect, a, b in facts if a != b]


def _without_end(sql: str | None) -> str | None:
    """Remove a comment after the last word of a statement, because SQLite does not keep it."""
    return sql and re.sub(r"\s*(--[^\n]*)?\s*\Z", "", sql)


def _others(databases: list[Database], before: Database | None, after: Database) -> list[str]:
    expected = {key: sql for database in reversed(databases) for key, sql in database.statements.items()}
    wrong = [
        f"{key}: {expected.get(key)!r} is now {after.statements.get(key)!r}"
        for key in expected.keys() | after.statements.keys()
        if _without_end(expected.get(key)) != _without_end(after.statements.get(key))
    ]
    for database in databases:
        wrong += [
            f"{name}: mark {mark} is now {after.marks.get(name)}"
            for name, mark in database.marks.items()
            if after.marks.get(name, -1) < mark
        ]
    if before and before.header != after.header:
        wrong.append(f"header: {before.header} is now {after.header}")
    return wrong
