"""Find rows that lack a parent by a foreign key that only the target declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.following import count_rows_without_parent
from sqlite_consolidate.engine.checks.references.foreign_keys import ReferredKey, target_column
from sqlite_consolidate.engine.checks.references.predicted_strays import kept_condition, keys_after_copy
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.integrity import UNCHECKABLE
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey
else:
    from sqlite_utils.utils import sqlite3


def find_missing_parents(
    databases: InspectedDatabases, target: PredictedTarget, references: Sequence[Reference], reported: set[str]
) -> Iterator[Problem]:
    """Yield a problem for each table of which more rows lack a parent than in its source.

    Args:
        databases: The inspected databases.
        target: The predicted target.
        references: The references of all moved tables.
        reported: Subjects of tables whose references have a problem already.
    """
    if databases.unread:
        return  # they may have the parents
    for mapping in databases.mappings:
        if mapping.subject in reported or not databases.rows(mapping):
            continue
        of_table = [reference for reference in references if reference.child is mapping]
        for keys in _keys_by_parent(mapping):
            if not _is_declared_alike(databases, mapping, keys, of_table):
                try:
                    yield from _judge(databases, target, mapping, keys)
                except sqlite3.Error as error:
                    yield replace(read_problem(mapping.subject, error), criterion="parents-follow")


def _keys_by_parent(mapping: TableMapping) -> list[list[ForeignKey]]:
    """Return the foreign keys of a table of the target, grouped by their parent table."""
    keys: dict[str, list[ForeignKey]] = {}
    for key in mapping.into.foreign_keys:
        keys.setdefault(folded(key.parent), []).append(key)
    return list(keys.values())


def _is_declared_alike(
    databases: InspectedDatabases, mapping: TableMapping, keys: list[ForeignKey], references: list[Reference]
) -> bool:
    """Return whether the source declares these foreign keys as well.

    Its rows without a parent are known then, and its other rows have been followed.
    """
    orphans = databases.sources[mapping.source.name].orphans
    if any(folded(child) == folded(mapping.table_map.name) and parent == UNCHECKABLE for child, parent in orphans):
        return False
    declared = {
        (frozenset(folded(target_column(mapping, name)) for name in reference.columns), _new_name(reference))
        for reference in references
        if reference.is_declared
    }
    return {(frozenset(map(folded, key.columns)), folded(key.parent)) for key in keys} <= declared


def _new_name(reference: Reference) -> str:
    """Return the folded name under which the target has the table that the source refers to."""
    mapping = reference.parent_mapping
    return folded(mapping.into.name if mapping else reference.parent_name)


def _judge(
    databases: InspectedDatabases, target: PredictedTarget, mapping: TableMapping, keys: list[ForeignKey]
) -> Iterator[Problem]:
    limits_of(target.con).deadline.start_step(f"the foreign keys of {mapping.subject}")
    counts = [_count(databases, target, mapping, key) for key in keys]
    rows = sum(counts) - _orphans_before(databases, mapping, keys[0].parent)
    if rows > 0:
        yield _problem(mapping, keys, rows)


def _count(databases: InspectedDatabases, target: PredictedTarget, mapping: TableMapping, key: ForeignKey) -> int:
    """Count the rows that lack a parent by one foreign key, as far as it can be predicted."""
    kept = kept_condition(target, mapping)
    parent = databases.target_schema.schema.table(key.parent)
    into = ReferredKey(parent, key.to or parent.primary_key) if parent else None
    reached = keys_after_copy(target, into) if into else []
    if kept is None or reached is None or (into and len(into.columns) != len(key.columns)):
        return 0
    return count_rows_without_parent(
        target.con, mapping.projection(target.source_alias(mapping)), key, into, reached, kept
    )


def _orphans_before(databases: InspectedDatabases, mapping: TableMapping, parent: str) -> int:
    """Return how many rows have no parent in the source, by the target's names."""
    into = {
        folded(other.table_map.name): folded(other.into.name)
        for other in databases.mappings
        if other.source.name == mapping.source.name
    }
    return sum(
        count
        for (child, name), count in databases.sources[mapping.source.name].orphans.items()
        if folded(child) == folded(mapping.table_map.name) and into.get(folded(name), folded(name)) == folded(parent)
    )


def _problem(mapping: TableMapping, keys: list[ForeignKey], rows: int) -> Problem:
    parent, into = keys[0].parent, mapping.into.name
    columns = "; ".join(", ".join(key.columns) for key in keys)
    verb = "refers" if rows == 1 else "refer"
    text = (
        f"{counted(rows, 'row')} {verb} to rows of {parent} that the target would not have. The foreign key"
        f" ({columns}) of {into} in the target demands them, and the source does not."
    )
    way = "give it a create text without this FOREIGN KEY" if mapping.new else "move it under another name (into)"
    hint = f"Correct these rows of {mapping.table_map.name} in the source, or {way}."
    return Problem("parents-missing", mapping.subject, text, hint, criterion="parents-follow")
