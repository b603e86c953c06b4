"""Propose to set again what a framework counts of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.proposed_parts import ProposedRefresh

if TYPE_CHECKING:
    from sqlite_consolidate.inventory.inspection import Database

_REASON = "Core Data gives the next row the number after this one"


def find_counters(target: Database, receiving: set[str]) -> tuple[ProposedRefresh, ...]:
    """Return the refresh of the largest keys that Core Data notes of its entities.

    Args:
        target: The target.
        receiving: Folded names of its tables to which rows are added.
    """
    counters = target.table("Z_PRIMARYKEY")
    names = {folded(column.name) for column in counters.table.columns} if counters else set()
    entities = sorted(
        table.name
        for table in target.tables
        if folded(table.name) in receiving and table.name.startswith("Z") and table.table.primary_key == ("Z_PK",)
    )
    if not counters or not {"z_name", "z_max"} <= names or not entities:
        return ()
    largest = "max(Z_MAX, coalesce((SELECT max(Z_PK) FROM {}), 0))"
    cases = " ".join(f"WHEN {_text(name)} THEN {largest.format(quoted(name))}" for name in entities)
    value = f"Z_MAX = CASE 'Z' || upper(Z_NAME) {cases} ELSE Z_MAX END"
    return (ProposedRefresh(counters.name, "Z_MAX", value, _REASON),)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
