"""Find references that would lead to other rows, before any row is copied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.following import (
    Strays,
    count_strays,
    count_strays_elsewhere,
    kept_rows,
)
from sqlite_consolidate.engine.checks.references.foreign_keys import (
    Reference,
    ReferredKey,
    column_affinity,
    find_references,
    target_column,
)
from sqlite_consolidate.engine.checks.references.predicted_target import has_contest, predicted_target
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import KeySource
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, Table
else:
    from sqlite_utils.utils import sqlite3


def check_parents(databases: InspectedDatabases, limits: Limits | None = None) -> tuple[list[Problem], list[Finding]]:
    """Follow each reference of moved rows, and return what would lead to another row."""
    problems: list[Problem] = []
    findings: list[Finding] = []
    if not databases.mappings:
        return problems, findings
    with predicted_target(databases, limits) as target:
        for reference in find_references(databases):
            limits_of(target.con).deadline.start_step(f"the references of {reference.child.subject}")
            try:
                strays = _strays(databases, target, reference)
            except sqlite3.Error as error:
                problems.append(replace(read_problem(reference.child.subject, error), criterion="parents-follow"))
                continue
            if reference.parent is not None:
                problems += _problems(reference, strays)
            elif strays.adopted:
                findings.append(_parents_found(reference, strays))
        findings += _replaced_parents(databases, target)
    return problems, findings


def _parents_found(reference: Reference, strays: Strays) -> Finding:
    """Return the finding for rows that refer to a table of which their source has no row.

    They may have been meant for the database that has it.
    """
    text = (
        f"{_refer(strays.adopted, reference)} rows of {reference.parent_name}, of which their source has none, and"
        f" reach rows of {reference.into.table.name} in the target."
    )
    return Finding.of("parents-found", reference.child.subject, text, count=strays.adopted)


def _strays(databases: InspectedDatabases, target: PredictedTarget, reference: Reference) -> Strays:
    """Count the child rows that would not reach the row that their parent becomes."""
    none = Strays(0, 0, 0, 0)
    if not databases.rows(reference.child):
        return none
    sources = target.key_sources(reference.into.table)
    keeps = _keeps_its_parents(reference, sources)
    if keeps and _has_no_orphan(databases, reference):
        return none
    if keeps or reference.is_elsewhere or reference.parent is None:
        reached = [_reached(target, reference, source) for source in sources]
        alias, kept = target.source_alias(reference.child), _kept(target, reference)
        return none if kept is None else count_strays_elsewhere(target.con, reference, alias, reached, kept)
    return _compare_rows(target, reference) if reference.has_unique_keys else none


def _compare_rows(target: PredictedTarget, reference: Reference) -> Strays:
    into, kept = target.database_of(reference.into.table), _kept(target, reference)
    if not into or kept is None:
        return Strays(0, 0, 0, 0)
    return count_strays(target.con, reference, target.source_alias(reference.child), into, kept)


def _kept(target: PredictedTarget, reference: Reference) -> str | None:
    """Return the SQL condition of the rows that will be in the target, if it is known."""
    mapping = reference.child
    if not has_contest(target.key_sources(mapping.into)):
        return ""
    return kept_rows(mapping, target.source_alias(mapping)) if target.database_of(mapping.into) else None


def _keeps_its_parents(reference: Reference, sources: list[KeySource]) -> bool:
    """Return whether every parent arrives in the referred table, under an equal key."""
    mapping, parent = reference.parent_mapping, reference.parent
    if mapping is None or parent is None or reference.is_elsewhere or has_contest(sources):
        return False
    into = reference.into
    names = [folded(target_column(mapping, name)) for name in parent.columns]
    return (
        reference.has_unique_keys
        and names == [folded(name) for name in into.columns]
        and parent.collations == into.collations
        and all(_affinities(source, into) == into.affinities for source in sources)
    )


def _affinities(source: KeySource, key: ReferredKey) -> tuple[str, ...]:
    origins = {folded(column.name): column.origin for column in source.mapping.projection().columns}
    return tuple(column_affinity(source.mapping.table, origins.get(folded(name), "")) for name in key.columns)


def _has_no_orphan(databases: InspectedDatabases, reference: Reference) -> bool:
    """Return whether SQLite's foreign_key_check of the source has found a parent for each row."""
    child = folded(reference.child.table_map.name)
    orphans = databases.sources[reference.child.source.name].orphans
    return reference.is_declared and all(folded(name) != child for name, _ in orphans)


def _reached(target: PredictedTarget, reference: Reference, source: KeySource) -> str:
    """Return the query of the keys that the referred table gets from one of its sources."""
    rows = source.mapping.projection(target.alias_of(source.path))
    columns = {folded(column.name): column.source for column in rows.columns}
    values = [columns.get(folded(name), "NULL") for name in reference.into.columns]
    return rows.select(values, " AND ".join(f"{value} IS NOT NULL" for value in values), by_index=True)


def _problems(reference: Reference, strays: Strays) -> Iterator[Problem]:
    """Yield a problem for each kind of stray row of a reference."""
    if strays.differing + strays.lost:
        if reference.parent_mapping is None:
            yield _left_behind(reference, strays)
        else:
            yield _elsewhere(reference, strays) if reference.is_elsewhere else _dropped(reference, strays)
    if strays.adopted:
        yield _adopted(reference, strays)


def _left_behind(reference: Reference, strays: Strays) -> Problem:
    parent, into, child = reference.parent_name, reference.into.table.name, reference.child
    text = (
        f"{_refer(strays.differing + strays.lost, reference)} rows of {parent}, which is not moved, and the target does"
        f" not have the same rows: {_reach(strays, into)}."
    )
    hint = f"Move {parent} into {into} as well, or give {child.into.name} a create text without this FOREIGN KEY."
    return Problem("parents-left-behind", child.subject, text, hint, criterion="parents-follow")


def _elsewhere(reference: Reference, strays: Strays) -> Problem:
    parent, into, child = reference.parent_name, reference.into.table.name, reference.child
    elsewhere = reference.parent_mapping.into.name if reference.parent_mapping else ""
    text = (
        f"{_refer(strays.differing, reference)} rows of {parent}, which the plan moves to {elsewhere}, but the foreign"
        f" key of {child.into.name} in the target refers to {into}."
    )
    hint = (
        f"Move {parent} into {into}, or keep {child.table_map.name} apart too: into, or a create text whose"
        f" FOREIGN KEY names {elsewhere}."
    )
    return Problem("parents-elsewhere", child.subject, text, hint, criterion="parents-follow")


def _dropped(reference: Reference, strays: Strays) -> Problem:
    parent, into = reference.parent_name, reference.into.table.name
    text = (
        f"{_refer(strays.differing + strays.lost, reference)} rows of {parent} that the target does not have or has"
        f" under another key: {_reach(strays, into)}."
    )
    # Not prefer-source, because then the rows of the target that refer to these keys would change their meaning.
    hint = f"Make these rows of {parent} equal in both databases, or {_apart(reference)}."
    return Problem("parents-differ", reference.child.subject, text, hint, criterion="parents-follow")


def _adopted(reference: Reference, strays: Strays) -> Problem:
    text = (
        f"{_refer(strays.adopted, reference)} rows that {reference.parent_name} of the source does not have, and"
        f" would reach rows of {reference.into.table.name} in the target."
    )
    hint = f"Correct these rows in the source, or {_apart(reference)}."
    return Problem("orphans-adopted", reference.child.subject, text, hint, criterion="parents-follow")


def _reach(strays: Strays, into: str) -> str:
    """Return which rows the stray rows would reach, without the kinds that do not occur."""
    numbers = {f"another row of {into}": strays.differing, f"no row of {into}": strays.lost}
    return ", ".join(f"{number} would reach {row}" for row, number in numbers.items() if number)


def _apart(reference: Reference) -> str:
    tables = dict.fromkeys([reference.child.table_map.name, reference.parent_name])
    return f"move {' and '.join(tables)} under names of their own (into)"


def _refer(rows: int, reference: Reference) -> str:
    verb = "refers" if rows == 1 else "refer"
    return f"{counted(rows, 'row')} {verb} by {', '.join(reference.columns)} to"


def _replaced_parents(databases: InspectedDatabases, target: PredictedTarget) -> Iterator[Finding]:
    """Yield a finding for rows of the target whose parent a different row replaces."""
    if databases.target is None:
        return
    before, planned = databases.target.schema, databases.target_schema.schema
    for table in before.tables.values():
        for declared in table.foreign_keys if databases.target.rows.get(table.name) else ():
            parent, into = before.table(declared.parent), planned.table(declared.parent)
            after = planned.table(table.name)
            if parent is None or into is None or after is None or not _is_replaced(target.key_sources(into)):
                continue
            reference = _own_reference(databases, declared, (table, after), (parent, into))
            strays = _compare_rows(target, reference) if reference.has_unique_keys else Strays(0, 0, 0, 0)
            if rows := strays.differing + strays.lost:
                text = (
                    f"of {table.name} in the target refer to rows of {parent.name} that a source replaces by different"
                    " ones (prefer-source)."
                )
                subject = f"{databases.target.file}:{table.name}"
                yield Finding.of("parents-replaced", subject, text, count=rows, noun="row")


def _is_replaced(sources: list[KeySource]) -> bool:
    is_own = bool(sources) and sources[0].is_target
    return is_own and any(source.policy == "prefer-source" for source in sources)


def _own_reference(
    databases: InspectedDatabases, declared: ForeignKey, child: tuple[Table, Table], parent: tuple[Table, Table]
) -> Reference:
    """Return a foreign key of the target's own rows, from before the copy to after it."""
    plan = databases.plan
    to = declared.to or parent[0].primary_key
    child_mapping = mapping_of_target_rows(plan, *child, rowids=False)
    parent_mapping = mapping_of_target_rows(plan, *parent, rowids=False)
    return Reference(
        child_mapping,
        declared.columns,
        ReferredKey(parent[0], to),
        declared.parent,
        parent_mapping,
        ReferredKey(parent[1], to),
    )
