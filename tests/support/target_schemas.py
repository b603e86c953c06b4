"""Read the planned schema of a small target."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.target_schema import TargetSchema
    from sqlite_consolidate.problem import Problem


def planned_objects(target_schema: TargetSchema) -> list[tuple[str, str]]:
    """Return kind and name of each planned object in order, if there is no problem."""
    assert target_schema.problems == []
    return [(statement.kind, statement.name) for statement in (*target_schema.before_rows, *target_schema.after_rows)]


def refusal(target_schema: TargetSchema) -> Problem:
    """Return the one problem of the target schema, which must have a hint."""
    assert len(target_schema.problems) == 1
    assert target_schema.problems[0].hint
    return target_schema.problems[0]


def sql_of(target_schema: TargetSchema, name: str) -> str:
    """Return the statement that creates one object."""
    return next(
        statement.sql for statement in (*target_schema.before_rows, *target_schema.after_rows) if statement.name == name
    )
