"""Prove before COMMIT that each moved row reaches the row that its parent became."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.constants.constant_references import find_constant_references
from sqlite_consolidate.engine.checks.references.following import (
    Strays,
    count_strays,
    count_strays_elsewhere,
    kept_rows,
    key_condition,
    keys_of_table,
)
from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.checks.references.predicted_target import has_contest, key_sources
from sqlite_consolidate.engine.checks.references.references_by_content import comparable_pairs, group_references
from sqlite_consolidate.engine.checks.references.target_children import references_of_target
from sqlite_consolidate.engine.checks.renumbering.references_in_order import RowOrder
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.sqlite.connections import attached
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal, not_required
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.checks.references.references_by_content import Pairs
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

NO_STRAY = "0 rows reach another row"
"""What an entry observes if every followed row reaches its own parent."""


def references_kept(compared: TargetComparison) -> list[Observation]:
    """Observe for each reference that the row it reaches is the row that the parent became.

    Each distinct referenced key is followed in the source and in the target. It has a row on both sides, with equal
    values and storage classes, or on neither.
    """
    mappings = compared.inspected.mappings
    if not mappings:
        return [not_required("target", "the sources bring no table")]
    references = _lasting_references(compared)
    contests = _contests(compared, references)
    observations = [
        _observation(compared, reference, has_contest=contests[reference.child.into.name])
        for reference in references
        if _can_be_followed(reference)
    ]
    observations += _by_content(compared, references)
    observations += _of_constants(compared)
    observations += _of_target_rows(compared)
    none = replace(equal("target: references", NO_STRAY, NO_STRAY), examined=len(mappings))
    return observations or [none]


def _of_constants(compared: TargetComparison) -> Iterator[Observation]:
    """Observe that constants reach the rows of their own source to which they refer.

    A constant that refers to no row of its source may reach a row of the target.
    """
    references = [each for each in find_constant_references(compared.inspected) if not _is_set_again(each)]
    contests = _contests(compared, references)
    for reference in references:
        yield _observation(compared, reference, has_contest=contests[reference.child.into.name])


def _contests(compared: TargetComparison, references: Sequence[Reference]) -> dict[str, bool]:
    """Return each referring table of the target, to whether a policy decides about its rows."""
    tables = {reference.child.into.name: reference.child.into for reference in references}
    return {name: has_contest(key_sources(compared.inspected, into)) for name, into in tables.items()}


def pairs_by_content(compared: TargetComparison) -> Iterator[Pairs]:
    """Yield the pairs of each column with new numbers whose content can be compared."""
    yield from _comparable(compared, _lasting_references(compared))


def _comparable(compared: TargetComparison, references: Sequence[Reference]) -> Iterator[Pairs]:
    for group in group_references(references):
        pairs = comparable_pairs(compared, group)
        if pairs is not None:
            yield pairs


def _by_content(compared: TargetComparison, references: Sequence[Reference]) -> Iterator[Observation]:
    """Observe for each column with new numbers that parents have the content of before."""
    order = RowOrder(compared)
    for pairs in _comparable(compared, references):
        columns = ", ".join(target_column(pairs.group[0].child, name) for name in pairs.group[0].columns)
        subject = f"target: {pairs.child.name} ({columns}) -> {pairs.into.table.name}"
        rows = sum(compared.inspected.rows(reference.child) for reference in pairs.group)
        is_kept = order.shows(pairs) or not pairs.differ()
        observation = equal(subject, NO_STRAY, NO_STRAY if is_kept else "rows reach another row")
        yield replace(observation, examined=max(1, rows))


def _lasting_references(compared: TargetComparison) -> list[Reference]:
    return [reference for reference in find_references(compared.inspected) if not _is_set_again(reference)]


def _is_set_again(reference: Reference) -> bool:
    """Return whether the plan sets a referring column again, so that it refers to another row."""
    refreshed = refreshed_columns(reference.child.plan, reference.child.into.name)
    columns = [target_column(reference.child, name) for name in reference.columns] or reference.constant_columns
    return any(folded(name) in refreshed for name in columns)


def _can_be_followed(reference: Reference) -> bool:
    """Return whether the source has parents that can be compared."""
    return reference.parent is not None and (
        reference.has_unique_keys or reference.is_divided or reference.is_elsewhere
    )


def _observation(compared: TargetComparison, reference: Reference, *, has_contest: bool) -> Observation:
    missing = [table for table in (reference.into.table, reference.child.into) if not compared.schema.table(table.name)]
    if missing:
        return equal(reference.subject, NO_STRAY, f"the target has no table {missing[0].name}")
    strays = _count(compared, reference, has_contest=has_contest)
    verb = "reaches" if strays.rows == 1 else "reach"
    observed = f"{counted(strays.rows, 'row')} {verb} another row"
    return replace(equal(reference.subject, NO_STRAY, observed), examined=max(1, strays.keys))


def _count(compared: TargetComparison, reference: Reference, *, has_contest: bool) -> Strays:
    con, inspected, child = compared.con, compared.inspected, reference.child
    with attached(con, inspected.path_of(child), f"source {child.source.name}") as source:
        kept = kept_rows(child, source) if has_contest else ""
        if reference.is_elsewhere:
            reached = [keys_of_table("main", reference.into)]
            return count_strays_elsewhere(con, reference, source, reached, kept)
        strays = count_strays(con, reference, source, "main", kept)
        return strays._replace(adopted=0) if reference.origins else strays


def updated_references(compared: TargetComparison) -> Iterator[Reference]:
    """Yield each reference of the target to columns that matched rows may update."""
    inspected = compared.inspected
    updated = {folded(mapping.into.name): mapping.updated for mapping in inspected.mappings if mapping.updated}
    if inspected.target is None or not updated:
        return
    for reference in references_of_target(inspected, inspected.target):
        columns = updated.get(folded(reference.into.table.name), frozenset())
        if reference.parent and reference.has_unique_keys and columns & set(map(folded, reference.into.columns)):
            yield reference


def _of_target_rows(compared: TargetComparison) -> Iterator[Observation]:
    """Observe that rows of the target reach their parents after an update of these.

    A row that has another reference now is not followed. The plan lets a row of a source update it.
    """
    references = list(updated_references(compared))
    if not references or compared.target_before is None:
        return
    with attached(compared.con, compared.target_before, "before") as before:
        for reference in references:
            rows, strays = compared.con.execute(_strays_of_target(reference, before)).fetchone()
            verb = "reaches" if strays == 1 else "reach"
            observation = equal(reference.subject, NO_STRAY, f"{counted(strays, 'row')} {verb} another row")
            yield replace(observation, examined=max(1, rows))


def _strays_of_target(reference: Reference, before: str) -> str:
    """Return the query of how many rows refer, and how many reach another row.

    A row ``c`` of before is the row ``n`` now. Its parent was the row ``s``, and now it reaches the row ``t``.
    """
    child, parent, into = reference.child, reference.parent, reference.into
    if parent is None:
        return "SELECT 0, 0"
    same_child = [*_identity(child.table), *reference.columns]
    now = " AND ".join(f"n.{quoted(name)} COLLATE BINARY IS c.{quoted(name)}" for name in same_child)
    had = key_condition(
        "s", parent, [f"c.{quoted(name)}" for name in reference.columns], child.table, reference.columns
    )
    has = key_condition("t", into, [f"n.{quoted(name)}" for name in reference.columns], child.into, reference.columns)
    same_parent = " AND ".join(
        f"s.{quoted(name)} COLLATE BINARY IS t.{quoted(name)}" for name in _identity(parent.table)
    )
    when = reference.when.over("c") if reference.when else "1"
    referring = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in reference.columns)
    return (
        f"SELECT count(*), coalesce(sum(NOT ({same_parent})), 0) FROM {quoted(before)}.{quoted(child.table.name)} AS c"
        f" JOIN main.{quoted(child.into.name)} AS n ON {now}"
        f" LEFT JOIN {quoted(before)}.{quoted(parent.table.name)} AS s ON {had}"
        f" LEFT JOIN main.{quoted(into.table.name)} AS t ON {has} WHERE {referring} AND {when}"
    )


def _identity(table: Table) -> tuple[str, ...]:
    """Return the primary key or the rowid, by which a row is found again."""
    return table.primary_key or ((table.rowid,) if table.rowid else ())
