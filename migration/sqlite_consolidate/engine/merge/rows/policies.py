"""Tell which conflict policy decides about which rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import ConflictPolicy, TableMap


def policy_of(table_map: TableMap) -> ConflictPolicy:
    """Return what happens to a source row that the target has already.

    The target has it by its key, or by the columns of ``match``.
    """
    return "skip-identical" if table_map.match and table_map.on_conflict == "refuse" else table_map.on_conflict


def clash_policy_of(table_map: TableMap) -> ConflictPolicy:
    """Return what happens to a source row whose key already exists in the target.

    Rows that match by other columns are left out before. A clash that remains is refused.
    """
    return "refuse" if table_map.match else table_map.on_conflict


def updates_matched_rows(table_map: TableMap) -> bool:
    """Return whether rows may update rows of the target that they match."""
    return bool(table_map.match) and policy_of(table_map) in ("prefer-source", "prefer-newer")
