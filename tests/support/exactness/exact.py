"""Exact: what a consolidation must have left, told from what was there before; by the oracle alone."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.exactness.oracle import Database, Row, Table


def files(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder; no connection is open on any."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def differences(
    before: Database | None, sources: list[Database], after: Database, *, policy: str = "", shared: str = "shared"
) -> list[str]:
    """List what is not as it must be after the sources were moved, table by table under their own names.

    Args:
        before: The target as it was, None when it was absent or empty.
        sources: In plan order.
        after: The target now.
        policy: ``on_conflict`` of the table that several databases have.
        shared: Its name; its first column in order of names is its key.
    """
    parties = [*([before] if before else []), *sources]
    found = []
    for name in dict.fromkeys(name for one in parties for name in one.tables):
        have = [one.tables[name] for one in parties if name in one.tables]
        there = after.tables.get(name)
        if there is None:
            found.append(f"{name}: no such table")
        elif name == shared and policy:
            if (there.rows, there.rowids) != (_merged(have, policy), _all_rowids(have)):
                found.append(f"{name}: {there.rows} is not what {policy} makes of {[one.rows for one in have]}")
        else:
            found += _table(name, have[0], there)
    extra = set(after.tables) - {name for one in parties for name in one.tables}
    found += [f"{name}: nobody asked for it" for name in extra]
    return found + _others(parties, before, after)


def _merged(have: list[Table], policy: str) -> Counter[Row]:
    """Settle equal keys; rows without a key, or with NULL for it, all stay."""
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
    return None if have[0].rowids is None else sum((one.rowids or Counter() for one in have), Counter())


def _table(name: str, was: Table, now: Table) -> list[str]:
    facts = (
        ("columns", was.columns, now.columns),
        ("rows", was.rows, now.rows),
        ("rowids", was.rowids, now.rowids),
        ("indexes", was.indexes, now.indexes),
    )
    return [f"{name}: {what}: {a!r} is now {b!r}" for what, a, b in facts if a != b]


def _without_end(sql: str | None) -> str | None:
    """SQLite keeps no comment after the last word of a statement."""
    return sql and re.sub(r"\s*(--[^\n]*)?\s*\Z", "", sql)


def _others(parties: list[Database], before: Database | None, after: Database) -> list[str]:
    expected = {key: sql for one in reversed(parties) for key, sql in one.statements.items()}
    found = [
        f"{key}: {expected.get(key)!r} is now {after.statements.get(key)!r}"
        for key in expected.keys() | after.statements.keys()
        if _without_end(expected.get(key)) != _without_end(after.statements.get(key))
    ]
    for one in parties:
        found += [
            f"{name}: mark {mark} is now {after.marks.get(name)}"
            for name, mark in one.marks.items()
            if after.marks.get(name, -1) < mark
        ]
    if before and before.header != after.header:
        found.append(f"header: {before.header} is now {after.header}")
    return found
