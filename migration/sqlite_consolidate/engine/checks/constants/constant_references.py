"""Find constants of the plan that refer to rows of their own source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.constants.followed_constants import origin, parents_in_source, stated_values
from sqlite_consolidate.engine.checks.references.following import count_strays_elsewhere
from sqlite_consolidate.engine.checks.references.foreign_keys import Reference, ReferredKey
from sqlite_consolidate.engine.checks.references.predicted_strays import arriving_keys, compare_rows
from sqlite_consolidate.engine.merge.column_types import constant_literal
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.references.following import Strays
    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey


def find_constant_references(databases: InspectedDatabases) -> Iterator[Reference]:
    """Yield each reference whose columns are all constants, to rows of their own source."""
    for mapping in databases.mappings:
        if mapping.source.constants and databases.rows(mapping):
            for key in mapping.into.foreign_keys:
                yield from _reference(databases, mapping, key)


def _reference(databases: InspectedDatabases, mapping: TableMapping, key: ForeignKey) -> Iterator[Reference]:
    names = {folded(name): name for name in mapping.stated_constants}
    parents, into = parents_in_source(databases, mapping, key.parent), databases.target_schema.schema.table(key.parent)
    if into is None or len(parents) != 1 or not names.keys() >= set(map(folded, key.columns)):
        return
    to = key.referred(into)
    columns, olds = tuple(names[folded(name)] for name in key.columns), [origin(parents[0], name) for name in to]
    if to and all(olds):
        values, literals = stated_values(mapping), mapping.stated_constants
        reference = Reference(
            mapping,
            (),
            ReferredKey(parents[0].table, tuple(olds)),
            parents[0].table_map.name,
            parents[0],
            ReferredKey(into, to),
            is_declared=False,
            constants=tuple(literals[name] for name in columns),
            constant_columns=columns,
            origins=tuple(constant_literal(values[name]) for name in columns),
        )
        if reference.has_unique_keys:
            yield reference


def count_constant_strays(target: PredictedTarget, reference: Reference) -> tuple[Strays, int]:
    """Count the rows whose constant would reach another row than that of its source.

    The second number is that of rows whose source lacks the row, and that would reach one which the target has.
    """
    limits_of(target.con).deadline.start_step(f"the constants of {reference.child.subject}")
    strays = compare_rows(target, reference)
    of_target = [source for source in target.key_sources(reference.into.table) if source.is_target]
    if not strays.adopted or not of_target:
        return strays, 0
    reached = [arriving_keys(target, reference.into, source) for source in of_target]
    alias = target.source_alias(reference.child)
    return strays, count_strays_elsewhere(target.con, reference, alias, reached).adopted
