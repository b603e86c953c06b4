"""Find the triggers that act on rows of databases that do not have them.

If the tables of two databases become one table, a trigger that one of them has acts on the rows of both. What it writes
or reads elsewhere may be rows of both as well. A trigger of a ``create`` text is meant for the target as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.derived.arriving_rows import ArrivingRows
from sqlite_consolidate.engine.merge.views.own_rows import reaches_row
from sqlite_consolidate.engine.sqlite.schema.object_uses import UseReader
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded, rename_in_statement
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import counted, join_first_names, join_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, TriggerOrView
    from sqlite_consolidate.plan.model import Plan


def find_shared_triggers(databases: InspectedDatabases, limits: Limits) -> list[Finding]:
    """Return a finding for each trigger of a source that acts on rows of other databases."""
    brought = _brought_triggers(databases)
    if not brought:
        return []
    arriving, reader = ArrivingRows(databases, limits), UseReader(databases.target_schema.schema, limits)
    try:
        findings = (_finding(arriving, trigger, reader.tables_of(trigger)) for trigger in brought)
        return [*(finding for finding in findings if finding is not None), *_repeated(arriving, brought)]
    finally:
        reader.close()


def _brought_triggers(databases: InspectedDatabases) -> list[TriggerOrView]:
    """Return the triggers on tables of the target that sources bring."""
    before = databases.target.schema.triggers if databases.target else ()
    known, written = {folded(trigger.name) for trigger in before}, _written_tables(databases.plan)
    schema = databases.target_schema.schema
    return [
        trigger
        for trigger in schema.triggers
        if folded(trigger.name) not in known
        and folded(trigger.table) not in written
        and schema.table(trigger.table) is not None
    ]


def _written_tables(plan: Plan) -> set[str]:
    """Return the folded names of the tables with a ``create`` text."""
    maps = [table_map for source in plan.sources for table_map in source.tables]
    texts = [(each.into, each.create) for each in maps] + [(table.name, table.create) for table in plan.tables]
    return {folded(name) for name, create in texts if create}


def _finding(arriving: ArrivingRows, trigger: TriggerOrView, used: Iterable[str]) -> Finding | None:
    """Return the finding that a trigger acts on rows of other databases, if there are any."""
    bringing = {file for file, number in _alike_in_each(arriving, trigger).items() if number}
    own_table = folded(trigger.table)
    rows = {
        table: others
        for table in (own_table, *sorted(set(used) - {own_table}))
        if (others := _rows_of_others(arriving, trigger, table, bringing))
    }
    if not bringing or not rows:
        return None
    lists = {table: f"of {table} ({join_first_names(sorted(others))})" for table, others in rows.items()}
    parts = [f"{counted(sum(others.values()), 'row')} {lists[table]}" for table, others in rows.items()]
    brings = "brings" if len(bringing) == 1 else "bring"
    text = (
        f"trigger {trigger.name}, which {join_first_names(sorted(bringing))} {brings}, also acts on or uses"
        f" {join_names(parts)}, where there was no such trigger."
    )
    count = sum(sum(others.values()) for others in rows.values())
    return Finding.of("trigger-shared", f"{arriving.databases.plan.target}:{trigger.table}", text, count=count)


def _repeated(arriving: ArrivingRows, brought: Sequence[TriggerOrView]) -> list[Finding]:
    """Return a finding for triggers of one text of which a database had fewer.

    Each of them acts on every row, so that what happened once happens several times.
    """
    findings: dict[tuple[str, ...], Finding] = {}
    for trigger in brought:
        alike = _alike(arriving.databases.target_schema.schema, trigger)
        fewer = {file: number for file, number in _alike_in_each(arriving, trigger).items() if 0 < number < len(alike)}
        if fewer:
            names = tuple(sorted(each.name for each in alike))
            text = (
                f"triggers {join_names(names)} have the same text, and all of them act on each row:"
                f" {join_first_names(sorted(fewer))} had {counted(max(fewer.values()), 'such trigger')}."
            )
            subject = f"{arriving.databases.plan.target}:{trigger.table}"
            findings[names] = Finding.of("trigger-shared", subject, text, count=len(names))
    return list(findings.values())


def _alike_in_each(arriving: ArrivingRows, trigger: TriggerOrView) -> dict[str, int]:
    """Return how many triggers of the same text each database has on such a table."""
    target = arriving.databases.target
    numbers = {each.source.file: arriving.count_triggers(each, trigger) for each in arriving.into(trigger.table)}
    if target:
        numbers[target.file] = len(_alike(target.schema, trigger))
    return numbers


def _alike(schema: Schema, trigger: TriggerOrView) -> list[TriggerOrView]:
    """Return the triggers of the same text, which are on the same table."""
    return [
        each
        for each in schema.triggers_on(trigger.table)
        if same_statement(rename_in_statement(each.sql, trigger.name), trigger.sql)
    ]


def _rows_of_others(arriving: ArrivingRows, trigger: TriggerOrView, table: str, bringing: set[str]) -> dict[str, int]:
    """Return the number of rows in a table of each database that does not bring a trigger.

    Rows that the trigger cannot reach do not count.
    """
    rows: dict[str, int] = {}
    target = arriving.databases.target
    if target and (before := target.schema.table(table)):
        rows[target.file] = target.rows_in(before.name)
    for mapping in arriving.into(table):
        rows[mapping.source.file] = rows.get(mapping.source.file, 0) + arriving.added(mapping)
    others = {file: number for file, number in rows.items() if number > 0 and file not in bringing}
    if table == folded(trigger.table):
        return others
    return {file: rows for file, rows in others.items() if reaches_row(arriving.databases, trigger.sql, table, file)}
