"""Prove by content that children with new numbers reach their own parents.

A child and the parent that it reaches are read as one row, without the columns whose numbers change. The rows that are
read in this way from the sources and from the target before the copy must equal those of the target now. This proof
uses no offset.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.source_rows import SourceRows
from sqlite_consolidate.engine.checks.references.following import key_condition
from sqlite_consolidate.engine.checks.references.foreign_keys import ReferredKey
from sqlite_consolidate.engine.checks.references.mapped_names import stored_name, target_column
from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of, policy_of, updates_matched_rows
from sqlite_consolidate.engine.merge.rows.update_rows import kept_columns
from sqlite_consolidate.engine.sqlite.connections import attached, limits_of, open_for_inspection, pragma
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
    from sqlite_consolidate.plan.model import Plan

_MAX_VALUES = 2000  # columns of one SELECT


def group_references(references: Sequence[Reference]) -> list[list[Reference]]:
    """Return the references with new numbers, grouped by their columns in the target."""
    groups: dict[tuple[str, ...], list[Reference]] = {}
    for reference in references:
        columns = (folded(target_column(reference.child, name)) for name in reference.columns)
        into = reference.into
        when = _in_target(reference)
        rows = (when.text, *when.stored) if when else ()
        key = (folded(reference.child.into.name), *columns, folded(into.table.name), *map(folded, into.columns), *rows)
        groups.setdefault(key, []).append(reference)
    return [group for group in groups.values() if any(reference.is_shifted for reference in group)]


def comparable_pairs(compared: TargetComparison, group: list[Reference]) -> Pairs | None:
    """Return the children of a group with their parents.

    None means that their content cannot tell whether they are those of before.
    """
    children = [m for m in compared.inspected.mappings if folded(m.into.name) == folded(group[0].child.into.name)]
    of_child = {reference.child.source.name + "\0" + reference.child.table_map.name: reference for reference in group}
    with_rows = [mapping for mapping in children if compared.inspected.rows(mapping)]
    if any(f"{m.source.name}\0{m.table_map.name}" not in of_child for m in with_rows):
        return None
    if any(reference.parent is None and reference.parent_mapping is None for reference in group):
        return None
    if not all(reference.has_unique_keys and not reference.is_elsewhere for reference in group):
        return None
    if any(_reads_numbers(reference) or reference.is_divided for reference in group):
        return None
    if any(_arrives_in_part(compared, mapping) for mapping in children):
        return None
    pairs = Pairs(compared, group)
    if len(pairs.of_child) + len(pairs.of_parent) > _MAX_VALUES or (compared.inspected.target and not pairs.before):
        return None
    if not pairs.of_parent and pairs.matched:
        return None
    return pairs


def _arrives_in_part(compared: TargetComparison, child: TableMapping) -> bool:
    """Return whether the rows of a mapping are not added as they are.

    Some rows follow no row and are not moved, or they update rows of the target. A table with matched rows whose source
    has another encoding counts as well, because SQLite cannot attach the key map to that source.
    """
    follows = child.chosen is not None and bool(child.chosen.follows)
    if follows or clash_policy_of(child.table_map) != "refuse" or updates_matched_rows(child.table_map):
        return True
    return child.matched is not None and _has_other_encoding(compared, child)


class Pairs:
    """Read the pairs of child and parent, and digest them.

    Attributes:
        of_child: Columns of the child in the target that are compared.
        of_parent: Columns of the parent in the target that are compared.
        before: Backup of the target, or None.
    """

    def __init__(self, compared: TargetComparison, group: list[Reference]) -> None:
        self.compared, self.group, self.before = compared, group, compared.target_before
        first = group[0]
        self.child, self.into = first.child.into, first.into
        self.columns = (*(target_column(first.child, name) for name in first.columns), *first.constant_columns)
        self.when = _in_target(first)
        children = [reference.child for reference in group]
        parents = [reference.parent_mapping for reference in group if reference.parent_mapping]
        self.of_child = _unshifted(first.child.plan, self.child, children)
        self.of_parent = _unshifted(first.child.plan, self.into.table, parents)
        self.matched = [parent for parent in parents if parent.matched]
        for parent in self.matched:
            self.of_parent = [name for name in self.of_parent if _stays_equal(parent, name)]
        for reference in group:
            if reference.parent_mapping is None:
                same = _origins(reference)
                self.of_parent = [name for name in self.of_parent if folded(name) in same]

    def differ(self) -> bool:
        """Return whether the pairs of the target are not those of before."""
        expected = sum((self.of_source(reference) for reference in self.group), self.of_target_before())
        return expected != self.of_target(self.compared.con, self.compared.schema.tables)

    def of_source(self, reference: Reference) -> TableDigest:
        """Digest the pairs of one source."""
        inspected = self.compared.inspected.sources[reference.child.source.name]
        child = {folded(new): old for old, new in reference.child.columns}
        values = [f"c.{quoted(child[folded(name)])}" for name in self.of_child]
        table = inspected.schema.table(reference.child.table_map.name)
        parent = inspected.schema.table(reference.parent_name)
        if table is None:
            return TableDigest()
        if parent is None or reference.parent is None:
            values += ["NULL" for _ in self.of_parent]
            join = ""
        else:
            origins = _origins(reference)
            values += [self._of_parent(origins[folded(name)]) for name in self.of_parent]
            key = ReferredKey(parent, reference.parent.columns)
            join = _join(key, table, reference.columns, reference.when)
        chosen = reference.child.chosen
        moves = f"{join} WHERE {chosen.where.over('c') if chosen and chosen.where else 1}"
        if reference.child.matched:
            return self._of_new_rows(reference.child, values, table, moves)
        return self._digest(inspected.write_lock.reader, values, table, moves)

    def _of_new_rows(self, child: TableMapping, values: list[str], table: Table, moves: str) -> TableDigest:
        """Digest the pairs of those rows of a source that have no line in the key map."""
        inspected, key_map = self.compared.inspected.sources[child.source.name], self.compared.key_map
        if key_map is None:
            return TableDigest()
        con = inspected.write_lock.reader
        with attached(con, key_map, "key map") as alias:
            is_matched = SourceRows(con, "", alias).is_matched(child, "c")
            return self._digest(con, values, table, f"{moves} AND NOT {is_matched}")

    def _of_parent(self, column: str) -> str:
        """Return the SQL expression for a value of a parent.

        If parents can match, the expression gives equal numbers the same storage class.
        """
        value = f"p.{quoted(column)}"
        number = f"CAST({value} AS INTEGER)"
        return f"iif(typeof({value}) = 'real' AND {value} = {number}, {number}, {value})" if self.matched else value

    def of_target_before(self) -> TableDigest:
        """Digest the pairs that the target had."""
        inspected = self.compared.inspected.target
        if inspected is None or self.before is None:
            return TableDigest()
        with ExitStack() as opened:
            con = opened.enter_context(open_for_inspection(self.before, limits_of(self.compared.con)))
            return self.of_target(con, inspected.schema.tables)

    def of_target(self, con: sqlite3.Connection, tables: dict[str, Table]) -> TableDigest:
        """Digest the pairs of the target, as it is now or as it was before the copy."""
        by_name = {folded(name): table for name, table in tables.items()}
        table, parent = by_name.get(folded(self.child.name)), by_name.get(folded(self.into.table.name))
        read = (*self.columns, *self.of_child, *(self.when.stored if self.when else ()))
        if table is None or not all(stored_name(table, name) for name in read):
            return TableDigest()
        values = [f"c.{quoted(name)}" for name in self.of_child]
        if parent is None:
            return self._digest(con, [*values, *("NULL" for _ in self.of_parent)], table, "")
        values += [self._of_parent(name) for name in self.of_parent]
        key = ReferredKey(parent, self.into.columns)
        return self._digest(con, values, table, _join(key, table, self.columns, self.when))

    def _digest(self, con: sqlite3.Connection, values: list[str], table: Table, join: str) -> TableDigest:
        return digest_query(
            con, f"SELECT {', '.join(values) or '1'} FROM main.{quoted(table.name)} AS c {table.by_itself} {join}"
        )


def _unshifted(plan: Plan, table: Table, mappings: Sequence[TableMapping]) -> list[str]:
    """Return the columns of a target table whose values no mapping changes."""
    columns, refreshed = [], refreshed_columns(plan, table.name)
    for column in table.stored:
        if folded(column.name) in refreshed:
            continue
        origins = [next((o for o, new in m.columns if folded(new) == folded(column.name)), None) for m in mappings]
        if all(
            o is not None and folded(o) not in (*m.shifts, *m.lookups) for o, m in zip(origins, mappings, strict=True)
        ):
            columns.append(column.name)
    return columns


def _has_other_encoding(compared: TargetComparison, mapping: TableMapping) -> bool:
    encoding = compared.inspected.sources[mapping.source.name].schema.header["encoding"]
    return encoding != pragma(compared.con, "encoding")


def _stays_equal(parent: TableMapping, name: str) -> bool:
    """Return whether matched rows have equal values in a column of the target."""
    if folded(name) in map(folded, parent.match_columns):
        return folded(column_collation(parent.into, name)) == "binary"
    return policy_of(parent.table_map) == "skip-identical" and folded(name) not in kept_columns(parent)


def _origins(reference: Reference) -> dict[str, str]:
    """Map each column of the parent in the target, folded, to its column in the source."""
    if reference.parent_mapping is not None:
        return {folded(new): old for old, new in reference.parent_mapping.columns}
    stored = reference.parent.table.stored if reference.parent else ()
    return {folded(column.name): column.name for column in stored}


def _in_target(reference: Reference) -> RowCondition | None:
    """Return the condition of a reference, with the names of columns in the target."""
    return reference.when.renamed(reference.child.renamed) if reference.when else None


def _reads_numbers(reference: Reference) -> bool:
    """Return whether a condition reads a column whose values change, or that is not stored."""
    refreshed = refreshed_columns(reference.child.plan, reference.child.into.name)
    stored = {folded(old) for old, new in reference.child.columns if folded(new) not in refreshed}
    stored -= {*map(folded, reference.child.shifts), *map(folded, reference.child.lookups)}
    return reference.when is not None and not set(map(folded, reference.when.columns)) <= stored


def _join(key: ReferredKey, child: Table, columns: Sequence[str], when: RowCondition | None) -> str:
    values = [f"c.{quoted(name)}" for name in columns]
    condition = key_condition("p", key, values, child, columns)
    rows = f" AND {when.over('c')}" if when else ""
    return f"LEFT JOIN main.{quoted(key.table.name)} AS p ON {condition}{rows}"
