"""Name the columns by which rows with new keys can be the same as others.

This module imports no other check, because checks of keys and of references give the same hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Table


def unique_beside_key(table: Table) -> tuple[str, ...]:
    """Return the columns of the first unique key that is not the primary key, or none."""
    primary = set(map(folded, table.primary_key))
    keys = (tuple(column for column, _ in terms) for terms in keys_of(table))
    return next((columns for columns in keys if set(map(folded, columns)) != primary), ())


def match_hint(table: Table) -> str:
    """Return the advice to match the rows of a table that get new keys."""
    columns = ", ".join(f'"{name}"' for name in unique_beside_key(table)) or "..."
    return f"Say by which columns other than the key rows of {table.name} are the same (match = [{columns}])"
