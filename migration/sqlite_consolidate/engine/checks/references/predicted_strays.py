"""Follow references into the predicted target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.following import NO_STRAYS, count_strays, kept_rows, keys_of_table
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.checks.references.following import Strays
    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference, ReferredKey
    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.table_mapping import KeySource, TableMapping

_MOST_QUERIES = 50
"""Queries of keys in one statement."""


def compare_rows(target: PredictedTarget, reference: Reference) -> Strays:
    """Compare the parents of child rows with the rows that they will reach.

    No stray is counted if these cannot be predicted.
    """
    into, kept = target.database_of(reference.into.table), kept_condition(target, reference.child)
    if not into or kept is None:
        return NO_STRAYS
    return count_strays(target.con, reference, target.source_alias(reference.child), into, kept)


def kept_condition(target: PredictedTarget, mapping: TableMapping) -> str | None:
    """Return the SQL condition of the rows that stay, or None if it is unknown."""
    if not target.has_contest(mapping.into):
        return ""
    return kept_rows(mapping, target.source_alias(mapping)) if target.database_of(mapping.into) else None


def can_project(names: Iterable[str], sources: Iterable[KeySource]) -> bool:
    """Return whether each source has these columns, so that the target alone computes none."""
    wanted = set(map(folded, names))
    return all(wanted <= _expressions(source.mapping).keys() for source in sources)


def arriving_keys(target: PredictedTarget, key: ReferredKey, source: KeySource) -> str:
    """Return the query of the keys that the referred table gets from one of its sources."""
    rows = source.mapping.projection(target.alias_of(source.path))
    columns = _expressions(source.mapping, target.alias_of(source.path))
    values = [columns.get(folded(name), "NULL") for name in key.columns]
    return rows.select(values, " AND ".join(f"{value} IS NOT NULL" for value in values), by_index=True)


def brought_keys(target: PredictedTarget, key: ReferredKey) -> list[str] | None:
    """Return queries of all keys that a source brings, even if a policy drops their rows.

    None means that they are unknown.
    """
    place = folded(key.table.name), tuple(map(folded, key.columns))
    if place not in target.brought:
        sources = target.key_sources(key.table)
        can_be_read = can_project(key.columns, sources)
        target.brought[place] = all_arriving_keys(target, key, sources) if can_be_read else _copied_keys(target, key)
    return target.brought[place]


def all_arriving_keys(target: PredictedTarget, key: ReferredKey, sources: Sequence[KeySource]) -> list[str]:
    """Return queries of the keys that the referred table gets from its sources.

    SQLite limits the depth of an expression, so the keys of many sources are gathered in one table.
    """
    queries = [arriving_keys(target, key, source) for source in sources]
    return queries if len(queries) <= _MOST_QUERIES else [target.gathered(key, queries)]


def keys_after_copy(target: PredictedTarget, key: ReferredKey) -> list[str] | None:
    """Return queries of all keys of the referred table, or None if they are unknown."""
    contested = target.has_contest(key.table)
    return _copied_keys(target, key) if contested else brought_keys(target, key)


def _copied_keys(target: PredictedTarget, key: ReferredKey) -> list[str] | None:
    database = target.database_of(key.table)
    return [keys_of_table(database, key)] if database else None


def _expressions(mapping: TableMapping, database: str = "main") -> dict[str, str]:
    """Return the folded name of each column of the arriving rows to its SQL.

    What SQLite computes from new keys is not known before the copy.
    """
    rows = mapping.projection(database)
    columns = rows.columns if mapping.shifted else (*rows.columns, *rows.computed)
    return {folded(column.name): column.source for column in columns}
