"""Compare the indexes of a table with those that it must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.declarations import comparable_index
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Index, Table


def indexes_without_equivalent(indexes: Sequence[Index], table: Table, present: Table) -> list[Index]:
    """Return the indexes of a table that have no equivalent in the present table."""
    present_indexes = {comparable_index(index, present) for index in present.indexes}
    return [index for index in indexes if comparable_index(index, table) not in present_indexes]


def find_replacement(index: Index, table: Table, present: Table) -> Index | None:
    """Return the present index that replaces a missing one, by its name or its columns."""
    added_indexes = indexes_without_equivalent(present.indexes, present, table)
    alike = [other for other in added_indexes if folded(other.name) == folded(index.name)]
    alike += [other for other in added_indexes if _columns_of(other) == _columns_of(index)]
    return alike[0] if alike else None


def _columns_of(index: Index) -> set[str]:
    return {folded(column or "") for column, _, _ in index.terms}


def added_indexes(table: Table, present: Table) -> list[Index]:
    """Return the present indexes that are neither planned nor a replacement of a planned one."""
    replacements = [
        find_replacement(index, table, present) for index in indexes_without_equivalent(table.indexes, table, present)
    ]
    added_indexes = indexes_without_equivalent(present.indexes, present, table)
    return [index for index in added_indexes if index.origin != "pk" and index not in replacements]


def added_unique_indexes(table: Table, present: Table) -> list[Index]:
    """Return the added unique indexes that refuse rows which no planned key refuses."""
    keys = [{(folded(column), folded(collation)) for column, collation in key} for key in keys_of(table)]
    return [
        index
        for index in added_indexes(table, present)
        if index.unique
        and not any(key <= {(folded(name or ""), folded(by)) for name, _, by in index.terms} for key in keys)
    ]


def describe_index(index: Index) -> str:
    """Return the name of an index, or its constraint where it has no statement."""
    names = ", ".join(column or "an expression" for column, _, _ in index.terms)
    return index.name if index.sql else f"{'PRIMARY KEY' if index.origin == 'pk' else 'UNIQUE'}({names})"
