"""Find constants of the plan that fill no column, or that a column would not store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import constant_literal, stored_constant
from sqlite_consolidate.engine.merge.table_mapping import columns_by_name
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.plan.loader import mistake_in_plan
from sqlite_consolidate.plan.mistakes import in_quotes, mistake_at
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Column
    from sqlite_consolidate.plan.model import Plan, Source
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def find_unstorable_constants(mapping: TableMapping) -> Iterator[Problem]:
    """Yield a problem for each constant that its column computes itself, converts or refuses."""
    columns, into = columns_by_name(mapping.into), mapping.into
    fed = columns_by_name(mapping.table)
    for name, value in mapping.source.constant_values.items():
        column = columns.get(folded(name))
        if column is None or into.kind == "virtual":
            continue  # a virtual table is tried with its rows
        if column.generated and folded(name) not in fed:
            fact = f"the constant of {column.name} has no place, because {into.name} computes this column."
            hint = "Remove the constant, or declare an ordinary column."
            yield Problem("constant-generated", mapping.subject, fact, hint, criterion="values-fit")
        elif column.name in mapping.stated_constants:
            yield from _change(mapping, column, value)


def _change(mapping: TableMapping, column: Column, value: float | str) -> Iterator[Problem]:
    """Yield a problem if a column would not store a constant unchanged."""
    wanted = constant_literal(value)
    try:
        stored = stored_constant(column, value, strict=mapping.into.strict)
    except sqlite3.Error:
        stored = ""
    if stored == wanted:
        return
    becomes = f"would store {stored}" if stored else "would refuse it"
    fact = f"the constant {wanted} does not fit column {column.name} of {mapping.into.name}: {column.type} {becomes}."
    hint = "Write a value of the type of the column, or declare another type."
    yield Problem("constant-changes", mapping.subject, fact, hint, criterion="values-fit")


def find_idle_constants(plan: Plan, source: Source, mappings: list[TableMapping]) -> Iterator[Problem]:
    """Yield a mistake of the plan for each constant that fills no column.

    Args:
        plan: The plan.
        source: One of its sources, as its file states it.
        mappings: The mappings of all of its tables.
    """
    for name in source.constants:
        columns = [
            column
            for mapping in mappings
            for column in mapping.into.columns
            if folded(column.name) == folded(name) and not column.hidden
        ]
        if any(column.generated for column in columns):
            continue  # that is a problem of its own
        if any(folded(name) in map(folded, mapping.stated_constants) for mapping in mappings):
            continue
        fact = f"no table that {in_quotes(source.name)} brings has a column {in_quotes(name)} in the target."
        if columns:
            fact = f"every table of {in_quotes(source.name)} with a column {in_quotes(name)} has its values already."
        hint = "Remove the constant." if columns else "Add the column to a table (create), or correct its name."
        loc = ("source", next(i for i, each in enumerate(plan.stated.sources) if each is source), "constants", name)
        yield mistake_in_plan(plan, mistake_at(loc, "constant-unused", fact, hint), "values-fit")
