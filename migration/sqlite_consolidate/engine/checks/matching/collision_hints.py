"""Say what a plan can do about one key that several rows have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.mapped_names import source_column
from sqlite_consolidate.engine.checks.renumbering.number_keys import number_problem
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.merge.table_mapping import KeySource, TableMapping

_POLICIES = 'say which stays: on_conflict = "skip-identical", "prefer-target".'


def kept_key_reason(mapping: TableMapping, names: Sequence[str]) -> str:
    """Return why ``keys = "renumber"`` of the plan does not change a key, or an empty text."""
    parents = _parents_of_key(mapping, names)
    if not parents:
        return ""
    return f' keys = "renumber" gives {names[0]} no numbers of its own, because it refers to {join_names(parents)}.'


def key_hint(names: Sequence[str], involved: Sequence[KeySource]) -> str:
    """Return what can help if rows of several databases have one key.

    Args:
        names: Columns of the key in the target.
        involved: The databases. Rows of the last one cannot be added.
    """
    mapping = involved[-1].mapping
    is_primary = tuple(names) == mapping.into.primary_key
    columns = ", ".join(f'"{name}"' for name in names)
    numbers = "" if is_primary else _new_numbers(mapping, names)
    if any(source.mapping.key_shifts or source.mapping.matched for source in involved):
        keeps_keys = not any(shift.offset for shift in mapping.key_shifts.values())
        if mapping.table_map.match and keeps_keys and is_primary:
            return 'Give the rows that match no row new keys: keys = "renumber"; or correct the rows.'
        if numbers:
            return f"If these are the same rows: match = [{columns}]; if not, {numbers}; or correct the rows."
        return f"Say that these are the same rows: match = [{columns}]; or correct the rows."
    rest = f'keep each in another table{_by_files(involved)}: into = "..."; or {_POLICIES}'
    if parents := _parents_of_key(mapping, names):
        return f"{_follow_hint(mapping, names[0], parents)}; or {rest}"
    if not is_primary:
        return f"If these are the same rows: match = [{columns}]; {f'if not, {numbers}; ' if numbers else ''}or {rest}"
    if len(names) == 1 and column_affinity(mapping.into, names[0]) == "INTEGER":
        return f'Give the rows of each source new keys: keys = "renumber"; or {rest}'
    return rest[0].upper() + rest[1:]


def _new_numbers(mapping: TableMapping, names: Sequence[str]) -> str:
    """Return how a unique column gets new numbers, or an empty text if it cannot."""
    column = mapping.table.column(source_column(mapping, names[0])) if len(names) == 1 else None
    if column is None or _parents(mapping, column.name) or number_problem(mapping, column):
        return ""
    return f'give the column new numbers: renumber = ["{column.name}"]'


def _follow_hint(mapping: TableMapping, name: str, parents: Sequence[str]) -> str:
    """Return how a key that refers to other keys can follow them."""
    if any(folded(stated.column) == folded(source_column(mapping, name)) for stated in mapping.refers if stated.when):
        return f"State what {name} refers to in the rows for which no condition (when) holds"
    return f'Move the rows of {join_names(parents)} from the same file, with keys = "renumber"'


def _parents_of_key(mapping: TableMapping, names: Sequence[str]) -> list[str]:
    """Return the tables to which the primary key refers, if the plan gives it new numbers."""
    if mapping.source.keys_of(mapping.table_map) != "renumber" or tuple(names) != mapping.into.primary_key:
        return []
    return _parents(mapping, source_column(mapping, names[0])) if len(names) == 1 else []


def _parents(mapping: TableMapping, column: str) -> list[str]:
    """Return the tables to which a column refers, declared or stated."""
    declared = [key.parent for key in mapping.table.foreign_keys if folded(column) in map(folded, key.columns)]
    stated = [reference.table for reference in mapping.refers if folded(reference.column) == folded(column)]
    return list(dict.fromkeys([*declared, *stated]))


def _by_files(involved: Sequence[KeySource]) -> str:
    """Return how files of one pattern get different plans, or an empty text."""
    entries = [id(source.mapping.source.entry) for source in involved if not source.is_target]
    return ", by a [[source]] of each file" if len(set(entries)) < len(entries) else ""
