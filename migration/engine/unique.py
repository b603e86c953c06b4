"""Unique: what a table declares that tells its rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.sql import folded

if TYPE_CHECKING:
    from migration.engine.schema import Index, Table

Key = tuple[tuple[str, str], ...]
"""Columns of a key with their collations, in the table's spelling."""


def keys_of(table: Table) -> list[Key]:
    """Return the columns of every key a table declares: INTEGER PRIMARY KEY, and whole unique indexes on columns."""
    keys: list[Key] = [((table.alias, "BINARY"),)] if table.alias else []
    return keys + [
        tuple((column or "", collation) for column, _, collation in index.terms)
        for index in table.indexes
        if index.unique and not _computed(table, index)
    ]


def computed_keys(table: Table) -> list[Index]:
    """Return the unique indexes that columns alone do not tell: partial ones, on expressions or generated columns."""
    return [index for index in table.indexes if index.unique and _computed(table, index)]


def _computed(table: Table, index: Index) -> bool:
    generated = {folded(column.name) for column in table.columns if column.generated}
    return index.partial or any(column is None or folded(column) in generated for column, _, _ in index.terms)
