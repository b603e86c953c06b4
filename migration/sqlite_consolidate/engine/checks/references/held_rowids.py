"""Find the implicit rowids that the plan or an object of the target relies on.

A view or a trigger may use the implicit rowid of a table whose rows have a key. It then means other rows if rowids
change. So they arrive unchanged, as those of a table without a key, or the run is refused.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.predicted_target import has_contest, predicted_target
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import rowids_are_keys
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.sqlite.schema.object_uses import find_rowid_uses
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_first_names, join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import KeySource, TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.object_uses import RowidUse
    from sqlite_consolidate.plan.model import Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_WAYS_OUT = (
    "Leave {users} behind with a reason (views or triggers of [[source.leave]]), if a source brings it; or move the"
    ' table under another name (into); or accept new rowids: rowids = "renumber".'
)


def mark_held_rowids(databases: InspectedDatabases, limits: Limits | None) -> None:
    """Mark each mapping whose target table must keep the rowids of its rows."""
    users = _rowid_users(databases, limits)
    stated = {folded(mapping.into.name) for mapping in databases.mappings if _states_keep(mapping.table_map)}
    databases.mappings = [
        replace(mapping, holds_rowids=True, rowid_users=tuple(users.get(name, ())))
        if name in stated or name in users
        else mapping
        for mapping in databases.mappings
        for name in [folded(mapping.into.name)]
    ]


def check_held_rowids(databases: InspectedDatabases, limits: Limits | None) -> tuple[list[Problem], list[Finding]]:
    """Return the tables in which an object would find other rows by their rowids.

    Two rows with the same rowid are a collision, which the check of keys reports.
    """
    used = {folded(mapping.into.name): mapping for mapping in databases.mappings if mapping.rowid_users}
    findings = [
        _renumbered(databases, mapping)
        for mapping in databases.mappings
        if mapping.rowid_users and mapping.table_map.rowids == "renumber" and databases.rows(mapping)
    ]
    findings += [finding for mapping in databases.mappings for finding in _changed_keys(databases, mapping)]
    problems = list(_misled(databases, limits))
    checks = [(_changed, mapping) for mapping in used.values() if mapping.rowid_counts]
    checks += [(partial(_replaced_by_key, label), mapping) for label, mapping in _users_of_keys(databases, limits)]
    if checks:
        with predicted_target(databases, limits) as target:
            for check, mapping in checks:
                try:
                    problems += check(target, mapping)
                except sqlite3.Error as error:
                    problems.append(replace(read_problem(mapping.subject, error), criterion="keys-free"))
    return problems, findings


def collision_hint(mapping: TableMapping) -> str:
    """Return what an operator can do about rowids that two rows have."""
    if mapping.rowid_users:
        return _WAYS_OUT.format(users=join_names(mapping.rowid_users))
    return 'If nothing refers to its rowids, let them change: rowids = "renumber"; else move under another name.'


def reason_to_keep(mapping: TableMapping) -> str:
    """Return what relies on the rowids of a target table, or an empty text."""
    if mapping.rowid_users:
        verb = "uses" if len(mapping.rowid_users) == 1 else "use"
        return f"{join_names(mapping.rowid_users)} {verb} the rowids"
    return 'the plan keeps the rowids (rowids = "keep")' if mapping.holds_rowids else ""


def _rowid_users(databases: InspectedDatabases, limits: Limits | None) -> dict[str, list[str]]:
    """Return each receiving table, folded, to the objects that use its implicit rowid."""
    receiving = {folded(mapping.into.name) for mapping in databases.mappings if not mapping.into.alias}
    users: dict[str, list[str]] = {}
    for use in find_rowid_uses(databases.target_schema.schema, limits) if receiving else ():
        if folded(use.table) in receiving:
            users.setdefault(folded(use.table), []).append(use.label)
    return users


def _states_keep(table_map: TableMap) -> bool:
    return "rowids" in table_map.model_fields_set and table_map.rowids == "keep"


def _renumbered(databases: InspectedDatabases, mapping: TableMapping) -> Finding:
    """Return the finding that rows get other rowids, which the plan accepts."""
    rows = databases.rows(mapping)
    verb = "uses" if len(mapping.rowid_users) == 1 else "use"
    text = (
        f"{counted(rows, 'row')} may arrive in {mapping.into.name} under another rowid, which"
        f" {join_names(mapping.rowid_users)} {verb}."
    )
    return Finding.of("rowids-changed", mapping.subject, text, count=rows)


def _changed_keys(databases: InspectedDatabases, mapping: TableMapping) -> Iterator[Finding]:
    """Yield a finding if rowids that the plan changes are all keys of another table."""
    rows = databases.rows(mapping)
    if mapping.table.kind != "virtual" or mapping.table_map.rowids != "renumber" or mapping.refers or not rows:
        return
    parents = [
        parent.table_map.name
        for parent in databases.mappings_of(mapping.source.name)
        if parent.table.kind == "table" and parent.table.alias
        if rowids_are_keys(databases, mapping, parent, parent.table.alias)
    ]
    if parents:
        text = (
            f"{counted(rows, 'row')} may arrive in {mapping.into.name} under another rowid, and each rowid is a key of"
            f" {join_first_names(parents)}."
        )
        yield Finding.of("rowids-changed", mapping.subject, text, count=rows)


def _misled(databases: InspectedDatabases, limits: Limits | None) -> Iterator[Problem]:
    """Yield a problem for rows that an object would join with others by their rowids.

    The object of that name in their source says which rowids they mean.
    """
    uses = find_rowid_uses(databases.target_schema.schema, limits) if databases.mappings else []
    for source in databases.plan.in_order if uses else ():
        database = databases.sources.get(source.name)
        for use_of_source in find_rowid_uses(database.schema, limits) if database else ():
            table = database.schema.table(use_of_source.table) if database else None
            if database is None or table is None or not database.rows_in(table.name):
                continue
            maps = [each for each in source.tables if folded(each.name) == folded(table.name)]
            for use in uses:
                if use.label == use_of_source.label and folded(use.table) not in {folded(each.into) for each in maps}:
                    yield from _misled_rows(databases, source, use_of_source, use)


def _misled_rows(databases: InspectedDatabases, source: Source, meant: RowidUse, use: RowidUse) -> Iterator[Problem]:
    """Yield a problem for each table that an object would join with another table than before.

    Args:
        databases: All databases.
        source: The source of the rows.
        meant: The use by the object in the source.
        use: The use by the object of the target.
    """
    for mapping in databases.mappings_of(source.name):
        is_used = folded(mapping.table_map.name) in meant.others and folded(mapping.into.name) in use.others
        rows = databases.rows(mapping) if is_used else 0
        if rows:
            fact = (
                f"{use.label} of the target would look up {counted(rows, 'row')} by the rowids of {use.table}, where"
                f" no row of {source.file}:{meant.table} arrives."
            )
            hint = f"Move both tables into those that {use.label} uses, or both under names of their own (into)."
            yield Problem("rowids-apart", mapping.subject, fact, hint, criterion="parents-follow")


def _users_of_keys(databases: InspectedDatabases, limits: Limits | None) -> Iterator[tuple[str, TableMapping]]:
    """Yield each object that used an implicit rowid where the target has a key instead.

    That key is an INTEGER PRIMARY KEY, which the object reads as the rowid.
    """
    schema = databases.target_schema.schema
    moved = [folded(entry.name) for entry in (*schema.views, *schema.triggers)]
    for mapping in databases.mappings:
        if not mapping.into.alias or mapping.table.alias or not mapping.table.rowid or not databases.rows(mapping):
            continue
        for use in find_rowid_uses(databases.sources[mapping.source.name].schema, limits):
            is_moved = any(name.endswith(folded(use.name)) for name in moved)  # under a prefix if it is renamed
            if is_moved and folded(use.table) == folded(mapping.table_map.name):
                yield use.label, mapping


def _replaced_by_key(label: str, target: PredictedTarget, mapping: TableMapping) -> Iterator[Problem]:
    """Yield a problem if rows have another key in the target than their rowid in the source."""
    rows = mapping.projection(target.source_alias(mapping))
    key = next((column for column in rows.columns if column.name == mapping.into.alias), None)
    if key is None or rows.rowid is None:
        return
    query = rows.select(["count(*)"], f"{key.source} IS NOT {rows.rowid.source}")
    if count := int(target.con.execute(query).fetchone()[0]):
        fact = (
            f"{label} uses the rowids of {mapping.table_map.name}, and the rowid of {mapping.into.name} is its key"
            f" {mapping.into.alias}, which is another number in {counted(count, 'row')}."
        )
        hint = f"Leave {label} behind with a reason, or move the table under another name (into)."
        yield Problem("rowids-apart", mapping.subject, fact, hint, criterion="keys-free")


def _changed(target: PredictedTarget, mapping: TableMapping) -> Iterator[Problem]:
    """Yield a problem for each database of whose rows a conflict policy changes the rowids."""
    into = mapping.into
    sources = target.key_sources(into)
    if not has_contest(sources) or not (database := target.database_of(into)):
        return
    for source in sources:
        count = _count_changed(target, source, database)
        if count:
            rows = f"{counted(count, 'row')} {'has' if count == 1 else 'have'}"
            fact = f"{reason_to_keep(mapping)} of {into.name}, and {rows} another rowid there, by a conflict policy."
            yield Problem("rowid-collision", source.subject, fact, collision_hint(mapping), criterion="keys-free")


def _count_changed(target: PredictedTarget, source: KeySource, database: str) -> int:
    """Return the number of rows of a database whose key is at another rowid after the copy."""
    rows = source.mapping.projection(target.alias_of(source.path))
    rowid = rows.rowid
    if rowid is None or not rows.keys:
        return 0
    same_key = " OR ".join(
        "(" + " AND ".join(f"{column.target} = {column.source} COLLATE {quoted(coll)}" for column, coll in key) + ")"
        for key in rows.keys
    )
    into = f"{quoted(database)}.{quoted(source.mapping.into.name)}"
    other = f"SELECT 1 FROM {into} AS t WHERE ({same_key}) AND {rowid.target} IS NOT {rowid.source}"
    query = rows.select(["count(*)"], f"EXISTS ({other})")
    return int(target.con.execute(query).fetchone()[0])
