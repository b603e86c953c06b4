"""Find rows that lack a parent by a foreign key that only the target declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.following import count_rows_without_parent
from sqlite_consolidate.engine.checks.references.foreign_keys import ReferredKey, is_checkable
from sqlite_consolidate.engine.checks.references.mapped_names import mapping_of, target_column
from sqlite_consolidate.engine.checks.references.predicted_strays import can_project, kept_condition, keys_after_copy
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.table_mapping import KeySource, mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.integrity import UNCHECKABLE
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def find_missing_parents(
    databases: InspectedDatabases, target: PredictedTarget, reported: set[str]
) -> Iterator[Problem]:
    """Yield a problem for each foreign key of the target by which rows lack a parent.

    Rows that lack it by the same foreign key of their source do not count.

    Args:
        databases: The inspected databases.
        target: The predicted target.
        reported: Subjects of tables whose references have a problem already.
    """
    if databases.unread:
        return  # they may have the parents
    missing = list(_missing_parents(databases, target, reported))
    refused = databases.refused_into() if missing else set()
    yield from (problem for parent, problem in missing if folded(parent) not in refused)


def _missing_parents(
    databases: InspectedDatabases, target: PredictedTarget, reported: set[str]
) -> Iterator[tuple[str, Problem]]:
    """Yield the name of the parent table with each problem."""
    for mapping in databases.mappings:
        if mapping.subject in reported or not databases.rows(mapping):
            continue
        declared, keys = _declared_keys(databases, mapping), _checkable_keys(databases, mapping)
        for key in keys:
            if _columns_and_parent(key, mapping.constants) in declared:
                continue
            limits_of(target.con).deadline.start_step(f"the foreign keys of {mapping.subject}")
            try:
                rows = _count(databases, target, mapping, key)
            except sqlite3.Error as error:
                yield "", replace(read_problem(mapping.subject, error), criterion="parents-follow")
                continue
            if rows:
                yield key.parent, _problem(mapping, key, rows)


def find_uncheckable_keys(databases: InspectedDatabases) -> Iterator[Finding]:
    """Yield a finding for each foreign key of moved rows that SQLite cannot check."""
    for mapping in databases.mappings:
        is_old = folded(mapping.into.name) not in databases.target_schema.created_tables
        checkable = _checkable_keys(databases, mapping)
        for key in mapping.into.foreign_keys if is_old and databases.rows(mapping) else ():
            if key not in checkable:
                text = (
                    f"keeps its values of {', '.join(key.columns)}. The foreign key of {mapping.into.name} refers to"
                    f" {key.parent}, which has no such key, so SQLite cannot check it."
                )
                yield Finding.of("foreign-key-mismatch", mapping.subject, text)


def _checkable_keys(databases: InspectedDatabases, mapping: TableMapping) -> list[ForeignKey]:
    """Return the foreign keys of the target that SQLite can check."""
    schema = databases.target_schema.schema
    return [key for key in mapping.into.foreign_keys if is_checkable(key, schema)]


def _declared_keys(databases: InspectedDatabases, mapping: TableMapping) -> set[tuple[frozenset[str], str]]:
    """Return the foreign keys of the source in the names of the target.

    Their rows without a parent are known, and their other rows have been followed.
    """
    orphans = databases.sources[mapping.source.name].orphans
    is_counted = len(_checkable_keys(databases, mapping)) == len(mapping.into.foreign_keys)
    name = folded(mapping.table_map.name)
    if is_counted and any(folded(child) == name and parent == UNCHECKABLE for child, parent in orphans):
        return set()
    keys = set()
    for declared in mapping.table.foreign_keys:
        parent = mapping_of(databases, mapping, declared.parent)
        columns = tuple(target_column(mapping, name) for name in declared.columns)
        name = parent.into.name if parent else declared.parent
        keys.add(_columns_and_parent(replace(declared, columns=columns, parent=name)))
    return keys


def _columns_and_parent(key: ForeignKey, constants: Mapping[str, str] | None = None) -> tuple[frozenset[str], str]:
    """Return the columns that have more than one value, and the parent."""
    left_out = {folded(name) for name, literal in (constants or {}).items() if literal != "NULL"}
    return frozenset(map(folded, key.columns)) - left_out, folded(key.parent)


def _count(databases: InspectedDatabases, target: PredictedTarget, mapping: TableMapping, key: ForeignKey) -> int:
    """Count the rows that lack a parent by one foreign key, as far as it can be predicted."""
    kept = kept_condition(target, mapping)
    parent = databases.target_schema.schema.table(key.parent)
    into = ReferredKey(parent, key.referred(parent)) if parent else None
    reached = keys_after_copy(target, into) if into else []
    if kept is None or reached is None:
        return 0
    rows = mapping.projection(target.source_alias(mapping))
    if can_project(key.columns, [KeySource(mapping, databases.path_of(mapping))]):
        return count_rows_without_parent(target.con, rows, key, into, reached, kept)
    return _count_computed(databases, target, mapping, key, into, reached)


def _count_computed(
    databases: InspectedDatabases,
    target: PredictedTarget,
    mapping: TableMapping,
    key: ForeignKey,
    into: ReferredKey | None,
    reached: list[str],
) -> int:
    """Count the rows that lack a parent by a column that the target computes.

    They are counted for all sources together, at the last one, because only their copy has the column.
    """
    sources = target.key_sources(mapping.into)
    if sources[-1].mapping is not mapping or target.database_of(mapping.into) != "main":
        return 0
    rows = mapping_of_target_rows(databases.plan, mapping.into, mapping.into, rowids=False).projection("main")
    orphans = databases.target.orphans if databases.target else {}
    before = [
        count
        for (child, parent), count in orphans.items()
        if (folded(child), folded(parent)) == (folded(mapping.into.name), folded(key.parent))
    ]
    return max(0, count_rows_without_parent(target.con, rows, key, into, reached) - sum(before))


def _problem(mapping: TableMapping, key: ForeignKey, rows: int) -> Problem:
    verb = "refers" if rows == 1 else "refer"
    text = (
        f"{counted(rows, 'row')} {verb} by {', '.join(key.columns)} to rows of {key.parent} that the target would not"
        f" have. The foreign key of {mapping.into.name} in the target demands them, and SQLite does not check them in"
        " the source."
    )
    way = "give it a create text without this FOREIGN KEY" if mapping.new else "move it under another name (into)"
    rows_of_source = f"these rows of {mapping.table_map.name} in the source"
    is_constant = set(map(folded, key.columns)) <= set(map(folded, mapping.stated_constants))
    hint = f"Correct {'the constant in the plan' if is_constant else rows_of_source}, or {way}."
    return Problem("parents-missing", mapping.subject, text, hint, criterion="parents-follow")
