"""Compare the triggers and views of the target with the planned ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.declarations import comparable_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import Observation, equal, not_required

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.comparison.compare_structure import SchemaComparison
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, TriggerOrView


def triggers_in_place(compared: SchemaComparison) -> list[Observation]:
    """Observe that triggers and views are exactly those of the target and of the plan.

    If another tool made the target, a trigger may have another name, and views may have been added.
    """
    present_objects = {
        _object_signature(compared, schema, kind, named): named
        for schema, kind, named in _triggers_and_views(compared.schema)
    }
    names = {(kind, folded(named.name)): named for _, kind, named in _triggers_and_views(compared.schema)}
    planned = list(_triggers_and_views(compared.inspected.target_schema.schema))
    observations = []
    for schema, kind, named in planned:
        holds = _object_signature(compared, schema, kind, named) in present_objects
        namesake = names.get((kind, folded(named.name)))
        observed = named.sql if holds else namesake.sql if namesake else "missing"
        observations.append(equal(f"{kind} {folded(named.name)}", named.sql, observed))
    known = {(kind, folded(named.name)) for _, kind, named in planned}
    observations += [
        Observation(f"{kind} {name}", "not in the target", f"an unplanned {kind}", holds=False)
        for kind, name in sorted(names.keys() - known if not compared.changed_since else ())
    ]
    observations += compared.unread_originals
    if compared.changed_since and not compared.unread_tables:
        observations += [
            Observation(f"trigger {folded(name)}", "not in the target", "an unplanned trigger", holds=False)
            for name in _added_triggers(compared)
        ]
    return observations or [not_required("target", "neither the plan nor the target has a trigger or a view")]


def _added_triggers(compared: SchemaComparison) -> list[str]:
    """Return the triggers on known tables and views that neither plan nor target brought."""
    target_schema = compared.inspected.target_schema.schema
    planned_names = {folded(name) for name in (*target_schema.tables, *(view.name for view in target_schema.views))}
    names = {folded(trigger.name) for trigger in target_schema.triggers}
    unmatched = Counter(
        _object_signature(compared, target_schema, "trigger", trigger) for trigger in target_schema.triggers
    )
    added = []
    # A trigger with the planned name comes first. An equivalent one with another name then counts as added.
    for trigger in sorted(compared.schema.triggers, key=lambda trigger: folded(trigger.name) not in names):
        signature = _object_signature(compared, compared.schema, "trigger", trigger)
        if unmatched[signature]:
            unmatched[signature] -= 1
        elif folded(trigger.name) not in names and folded(trigger.table) in planned_names:
            added.append(trigger.name)
    return added


def _triggers_and_views(schema: Schema) -> Iterator[tuple[Schema, str, TriggerOrView]]:
    for kind, objects in (("trigger", schema.triggers), ("view", schema.views)):
        for named in objects:
            yield schema, kind, named


def _object_signature(
    compared: SchemaComparison, schema: Schema, kind: str, named: TriggerOrView
) -> tuple[str, str, str]:
    """Return what identifies a trigger or a view."""
    if not compared.changed_since:
        return kind, folded(named.name), named.sql
    return kind, folded(named.table), comparable_statement(named, schema)
