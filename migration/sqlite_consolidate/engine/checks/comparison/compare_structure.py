"""Compare the schema of the target with the planned schema.

If another tool made the target, or an application has used it since, its statements may be written differently. Then
the declarations are compared, and not the text of the statements.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.comparison.indexes import (
    added_indexes,
    added_unique_indexes,
    describe_index,
    find_replacement,
    indexes_without_equivalent,
)
from sqlite_consolidate.engine.sqlite.schema.declarations import (
    column_clauses,
    column_properties,
    column_texts,
    table_declarations,
)
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, equal, not_examined, not_required
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.statements import Statement
    from sqlite_consolidate.plan.model import Plan

_TABLE_OPTIONS = ("STRICT", "WITHOUT ROWID")  # tables-created compares these and the columns


@dataclass(frozen=True, kw_only=True)
class SchemaComparison:
    """Hold the schema of a target, and what it must be.

    Attributes:
        schema: The present schema.
        inspected: The databases before the consolidation, with the planned schema.
        changed_since: Whether another tool may have made the target, or an application may have changed it since.
        unread_tables: Name of each planned table whose original was not read, to the original's file and the reason.
    """

    schema: Schema
    inspected: InspectedDatabases
    changed_since: bool = False
    unread_tables: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_unread(self, name: str) -> bool:
        """Return whether the original of a table was not read."""
        return folded(name) in {folded(unread) for unread in self.unread_tables}

    @property
    def unread_originals(self) -> list[Observation]:
        """Return one observation for each original that was not read.

        Its tables cannot be compared.
        """
        causes = Counter(self.unread_tables.values())
        return [
            not_examined(
                file, f"{reason}, so {counted(number, 'table')} of the plan cannot be judged by it", repeats=True
            )
            for (file, reason), number in causes.items()
        ]

    @property
    def knows_neighbours(self) -> bool:
        """Return whether the other tables of the target before the consolidation are known.

        If another tool made the target, only the original of the target shows them.
        """
        return self.inspected.target is not None or not self.changed_since

    def is_neighbour(self, name: str) -> bool:
        """Return whether the target had this table before and received no rows into it."""
        target = self.inspected.target
        receiving = {folded(mapping.into.name) for mapping in self.inspected.mappings}
        return target is not None and target.schema.table(name) is not None and folded(name) not in receiving


def tables_created(compared: SchemaComparison, plan: Plan) -> list[Observation]:
    """Observe that each table of the plan is in the target as planned.

    An optional source that does not exist brings no table.
    """
    bringing = [source for source in plan.in_order if source.name in compared.inspected.sources]
    named = [table_map.into for source in bringing for table_map in source.tables]
    named += [table.name for table in plan.tables]
    observations = compared.unread_originals
    for name in dict.fromkeys(name for name in named if not compared.is_unread(name)):
        expected, present = compared.inspected.target_schema.schema.table(name), compared.schema.table(name)
        if compared.changed_since and expected and present:
            observations.append(_table_shape_observation(name, expected, present))
        else:
            wanted = describe_columns(expected) if expected else "a table, but none was planned"
            observations.append(equal(name, wanted, describe_columns(present) if present else "no such table"))
    return observations or [not_required("plan", "no table is to be created or to receive rows")]


def _table_shape_observation(name: str, table: Table, present: Table) -> Observation:
    """Observe that a table has the planned columns in any order.

    Only the differences are reported.
    """
    differing = [*_column_differences(table, present), *_option_differences(table, present)]
    if not differing:
        column_count = counted(len(table.columns), "column")
        return equal(name, column_count, column_count)
    expected, observed = ("; ".join(texts) for texts in zip(*differing, strict=True))
    return Observation(name, expected, observed, holds=False)


def _column_differences(table: Table, present: Table) -> Iterator[tuple[str, str]]:
    """Yield the planned and the present declaration of each column that differs."""
    for column in table.columns:
        present_column = present.column(column.name)
        if present_column is None:
            yield f"column {column.name}", f"no column {column.name}"
            continue
        planned_properties, present_properties = (
            column_properties(column, table),
            column_properties(present_column, present),
        )
        differing = [name for name in planned_properties if planned_properties[name] != present_properties[name]]
        if differing:
            expected, observed = (
                ", ".join(side[name] for name in differing) for side in (planned_properties, present_properties)
            )
            yield f"column {column.name}: {expected}", f"column {column.name}: {observed}"
    for column in present.columns:
        if table.column(column.name) is None:
            yield f"no column {column.name}", f"column {column.name}"


def _option_differences(table: Table, present: Table) -> Iterator[tuple[str, str]]:
    options = ((table.strict, present.strict), (table.without_rowid, present.without_rowid))
    for name, sides in zip(_TABLE_OPTIONS, options, strict=True):
        if sides[0] != sides[1]:
            expected, observed = (name if side else f"not {name}" for side in sides)
            yield expected, observed


def indexes_created(compared: SchemaComparison) -> list[Observation]:
    """Observe that each planned index exists on its table with the planned statement.

    If the target may have been changed since, an equivalent index is sufficient.
    """
    planned = [statement for statement in compared.inspected.target_schema.before_rows if statement.kind == "index"]
    observations = [
        _index_observation(compared, statement) for statement in planned if not compared.is_unread(statement.table)
    ] + compared.unread_originals
    return observations or [not_required("target", "the plan creates no index")]


def _index_observation(compared: SchemaComparison, planned: Statement) -> Observation:
    present = compared.schema.table(planned.table)
    present_indexes = {folded(index.name): index.sql for index in present.indexes} if present else {}
    observed = present_indexes.get(folded(planned.name), "no such index on this table")
    table = compared.inspected.target_schema.schema.table(planned.table)
    if compared.changed_since and present and table:
        index = next(index for index in table.indexes if folded(index.name) == folded(planned.name))
        observed = planned.sql
        if indexes_without_equivalent([index], table, present):
            replacement = find_replacement(index, table, present)
            observed = replacement.sql or describe_index(replacement) if replacement else "no such index on this table"
    return equal(f"{planned.table}: {planned.name}", planned.sql, observed)


def schema_as_planned(compared: SchemaComparison) -> list[Observation]:
    """Observe that the target has exactly the planned tables with the planned declarations.

    If another tool made the target, each difference belongs to one criterion. Missing tables, columns and options
    belong to tables-created, indexes of the plan to indexes-created, and tables that received no rows to
    neighbours-unchanged.
    """
    history_table = folded(history.TABLE)
    expected = {
        folded(t.name): t for t in compared.inspected.target_schema.schema.digested if folded(t.name) != history_table
    }
    present = {folded(t.name): t for t in compared.schema.digested if folded(t.name) != history_table}
    if compared.changed_since:
        return _declaration_observations(compared, expected, present)
    observations = [
        equal("target: tables", len(expected), len(present)),
        *_unplanned_table_observations(expected, present),
        *(
            equal(f"target: {name}", value, int(compared.schema.header[name]))
            for name, value in compared.inspected.target_schema.versions.items()
        ),
    ]
    for name, table in expected.items():
        if name not in present:
            observations.append(Observation(table.name, "in the target", "no such table", holds=False))
        else:
            observations += _statement_difference(table, present[name])
    return observations


def _unplanned_table_observations(expected: Iterable[str], present: Iterable[str]) -> list[Observation]:
    unplanned = sorted(set(present) - set(expected))
    return [Observation(name, "not in the target", "an unplanned table", holds=False) for name in unplanned]


def _declaration_observations(
    compared: SchemaComparison, expected: dict[str, Table], present: dict[str, Table]
) -> list[Observation]:
    """Observe what each planned table declares beside its columns.

    The text of the statements may differ.
    """
    unread_names = {folded(name) for name in compared.unread_tables}
    observations = (
        _unplanned_table_observations(expected.keys() | unread_names, present) if compared.knows_neighbours else []
    )
    observations += compared.unread_originals
    planned = {
        name: table
        for name, table in expected.items()
        if not compared.is_neighbour(name) and not compared.is_unread(name)
    }
    for name, table in planned.items():
        if name in present:
            text = describe_columns(table)
            observations += _declaration_difference_observations(compared, table, present[name]) or [
                equal(table.name, text, text)
            ]
    if observations or not planned:
        return observations or [not_required("target", "the plan names no table")]
    return [not_examined("target", "no table of the plan is in the target")]


def _statement_difference(table: Table, present: Table) -> list[Observation]:
    """Return the first difference between the text of a table's statements and the plan."""
    if present.columns != table.columns:
        return [equal(table.name, ", ".join(column_texts(table)), ", ".join(column_texts(present)))]
    if present.sql != table.sql:
        return [equal(table.name, table.sql, present.sql)]
    if index_statements(present) != index_statements(table):
        return [equal(f"{table.name}: indexes", index_statements(table), index_statements(present))]
    return []


def _declaration_difference_observations(compared: SchemaComparison, table: Table, present: Table) -> list[Observation]:
    """Return each declaration beside the columns that differs from the plan.

    The text of the statements may differ.
    """
    differing = _declaration_differences(compared, table, present) | _index_differences(compared, table, present)
    return [
        Observation(f"{table.name}: {kind}", expected, observed, holds=False)
        for kind, (expected, observed) in differing.items()
        if kind not in _TABLE_OPTIONS
    ] + [
        Observation(f"{table.name}: {describe_index(index)}", "no such index", "refuses rows", holds=False)
        for index in added_unique_indexes(table, present)
    ]


def list_schema_differences(compared: SchemaComparison, table: Table, present: Table) -> list[str]:
    """Return the kind of each declaration of a table that differs from the plan."""
    kinds = [*_declaration_differences(compared, table, present)]
    kinds += [describe_index(index) for index in indexes_without_equivalent(table.indexes, table, present)]
    kinds += [f"{describe_index(index)} added" for index in added_unique_indexes(table, present)]
    return ["columns", *kinds] if any(_column_differences(table, present)) else kinds


def _declaration_differences(compared: SchemaComparison, table: Table, present: Table) -> dict[str, tuple[str, str]]:
    """Return each kind of declaration that differs, with its planned and its present text."""
    planned_declarations, present_declarations = (
        table_declarations(table, compared.inspected.target_schema.schema),
        table_declarations(present, compared.schema),
    )
    lost = {clause for column in _missing_columns(table, present) for clause in column_clauses(table, column)}
    lost |= {clause for column in _missing_columns(present, table) for clause in column_clauses(present, column)}
    sides = {
        kind: (
            _without(planned_texts, present_declarations[kind].keys() | lost),
            _without(present_declarations[kind], planned_texts.keys() | lost),
        )
        for kind, planned_texts in planned_declarations.items()
    }
    return {
        kind: (planned_texts or "none", present_texts or "none")
        for kind, (planned_texts, present_texts) in sides.items()
        if planned_texts or present_texts
    }


def _missing_columns(table: Table, present: Table) -> list[str]:
    return [column.name for column in table.columns if present.column(column.name) is None]


def _without(texts: dict[str, str], left_out: Collection[str]) -> str:
    return ", ".join(text for alike, text in sorted(texts.items()) if alike not in left_out)


def _index_differences(compared: SchemaComparison, table: Table, present: Table) -> dict[str, tuple[str, str]]:
    """Return the missing indexes that no other criterion reports.

    The plan's own indexes belong to indexes-created. The index of a missing key or column is reported with that key or
    column.
    """
    planned_indexes = {
        folded(statement.name)
        for statement in compared.inspected.target_schema.before_rows
        if statement.kind == "index"
    }
    missing_columns = _missing_columns(table, present)
    has_same_key = [folded(name) for name in table.primary_key] == [folded(name) for name in present.primary_key]
    return {
        describe_index(index): ("on this table", "no such index")
        for index in indexes_without_equivalent(table.indexes, table, present)
        if folded(index.name) not in planned_indexes and (has_same_key or index.origin != "pk")
        if not any(column in missing_columns for column, _, _ in index.terms)
    }


def added_object_findings(compared: SchemaComparison) -> list[Finding]:
    """Return a finding for each added index or view that cannot change or refuse a row."""
    target_schema = compared.inspected.target_schema.schema
    findings = []
    for present in compared.schema.movable:
        table = None if compared.is_unread(present.name) else target_schema.table(present.name)
        unique = added_unique_indexes(table, present) if table else ()
        findings += [
            Finding.of("object-added-since", present.name, f"index {describe_index(index)} was added.")
            for index in (added_indexes(table, present) if table else ())
            if index not in unique
        ]
    planned_views = {folded(view.name) for view in target_schema.views}
    if compared.knows_neighbours and not compared.unread_tables:
        views = [view.name for view in compared.schema.views if folded(view.name) not in planned_views]
        findings += [Finding.of("object-added-since", name, "a view that was added.") for name in views]
    return findings


def describe_columns(table: Table) -> str:
    """Return the columns and options of a table as text for an observation."""
    listed = column_texts(table)
    extra = [word for word, is_so in (("STRICT", table.strict), ("WITHOUT ROWID", table.without_rowid)) if is_so]
    return f"{counted(len(listed), 'column')}: {', '.join(listed)}" + "".join(f", {word}" for word in extra)


def index_statements(table: Table) -> list[tuple[str, str]]:
    """Return the name and the statement of each index of a table."""
    return sorted((folded(index.name), index.sql) for index in table.indexes)
