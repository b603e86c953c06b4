"""Match the columns of a source table and of a table in the target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.content.projection import ProjectedColumn, Projection, column_of
from sqlite_consolidate.engine.merge.column_types import constant_literal, default_is_constant, stored_default
from sqlite_consolidate.engine.merge.rows.key_shift import KeyShift
from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW, look_up
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.merge.rows.key_shift import ColumnShift
    from sqlite_consolidate.engine.merge.rows.matched_rows import Lookup, MatchedRows
    from sqlite_consolidate.engine.merge.rows.row_filter import RowFilter
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
    from sqlite_consolidate.plan.model import ConflictPolicy, Plan, Source, TableMap


class StatedReference(NamedTuple):
    """Hold a reference that the plan states, by the names of the source.

    Attributes:
        column: Column that refers.
        table: Table that it refers to.
        to: Column of its key.
        when: Condition on the rows that refer to it. None for all rows.
    """

    column: str
    table: str
    to: str
    when: RowCondition | None


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Hold one source table, one target table and how their columns match.

    Attributes:
        plan: The plan, for what applies to all tables.
        source: The plan's source.
        table_map: The plan's table map.
        source_table: The table of the source. Sources with equal tables share it.
        into: The table in the target, as it will be.
        new: Whether the run creates the target table.
        columns: Pairs of source and target column, both spelled as declared. Every stored source column is in it.
        has_rows_without_key: A source of the target table has rows with a NULL in each unique key, so that only their
            rowids tell them apart.
        holds_rowids: The plan says ``rowids = "keep"`` for a source of the target table, or an object uses its rowids.
        rowid_users: Labels of the triggers and views of the target that use the implicit rowid of the target table.
        shifts: Folded name of each source column whose integers get an offset, to how they arrive.
        refers: The references of its rows that the plan states.
        chosen: Which rows move. None if all of them do.
        matched: The rows that the target has under other keys. None if the plan states no ``match``.
        lookups: Folded name of each source column that refers to matched rows, to where their keys are.
        followed: Folded name of each constant that refers to a row of its source, to the new key as an SQL literal.
        updated: Folded names of the columns of the target in which a source may update rows of another one.
        staged_prefix: What precedes the name of the table in the staging database. Empty if the source is read.
    """

    plan: Plan = field(compare=False, repr=False)
    source: Source
    table_map: TableMap
    source_table: Table
    into: Table
    new: bool
    columns: tuple[tuple[str, str], ...]
    has_rows_without_key: bool = False
    holds_rowids: bool = False
    rowid_users: tuple[str, ...] = ()
    shifts: Mapping[str, ColumnShift] = field(default_factory=dict, hash=False)
    refers: tuple[StatedReference, ...] = ()
    chosen: RowFilter | None = None
    matched: MatchedRows | None = None
    lookups: Mapping[str, tuple[Lookup, ...]] = field(default_factory=dict, hash=False)
    followed: Mapping[str, str] = field(default_factory=dict, hash=False)
    updated: frozenset[str] = frozenset()
    staged_prefix: str = ""

    @property
    def table(self) -> Table:
        """Return the table that rows are read from.

        It is the source's table, or its copy in the staging database. A copy is described each time, because there may
        be very many.
        """
        table = self.source_table
        return replace(table, name=f"{self.staged_prefix}{table.name}") if self.staged_prefix else table

    @property
    def subject(self) -> str:
        """Return the file and the table, as the evidence names them."""
        return f"{self.source.file}:{self.table_map.name}"

    @property
    def entry_subject(self) -> str:
        """Return the file, or the pattern of the file, and the table."""
        return f"{self.source.entry.file}:{self.table_map.name}"

    @property
    def renamed(self) -> dict[str, str]:
        """Return source column to target column."""
        return dict(self.columns)

    @property
    def constants(self) -> dict[str, str]:
        """Return each target column without a source column, to its value as an SQL literal.

        Every copied row has that value.
        """
        stated, strict = self.stated_constants, self.into.strict
        return {column.name: stated.get(column.name) or stored_default(column, strict=strict) for column in self._unfed}

    @property
    def stated_constants(self) -> dict[str, str]:
        """Return each target column that ``constants`` of the plan fills.

        Its value is an SQL literal. They belong to the identity of a row in the target.
        """
        if not self.source.constants:
            return {}
        values = {folded(name): constant_literal(value) for name, value in self.source.constant_values.items()}
        values |= self.followed
        return {column.name: values[folded(column.name)] for column in self._unfed if folded(column.name) in values}

    @property
    def _unfed(self) -> list[Column]:
        """Return the columns of the target that rows are inserted into and no source column feeds."""
        fed = {folded(new) for _, new in self.columns}
        return [column for column in self.into.stored if folded(column.name) not in fed]

    @property
    def rowid_counts(self) -> bool:
        """Return whether the copy must keep the implicit rowid.

        It must if nothing else identifies a row, neither in the source nor in the target. It also must if the plan or
        an object of the target relies on it.
        """
        if self.into.module.startswith("rtree"):
            return True  # its first column is the rowid
        virtual = self.table.kind == "virtual" and self.into.kind == "virtual"
        both = virtual or (self.table.rowid_is_identity and self.into.rowid_is_identity)
        if self.has_rows_without_key or self.holds_rowids:
            both = bool(self.table.rowid and self.into.rowid) and not self.into.alias
            both = both and (self.holds_rowids or not self.table.alias)
        return both and self.table_map.rowids == "keep"

    @property
    def compares_rowids_of_keys(self) -> bool:
        """Return whether rowids are compared although the rows of the target table have a key."""
        return self.rowid_counts and not self.into.counts_rowid

    @property
    def carries_rowid(self) -> bool:
        """Return whether the copy may name the rowid.

        It may if the rowid must be kept, and for the first rows of a new table.
        """
        named = bool(self.table.rowid and self.into.rowid and not self.into.alias)
        return named and self.table_map.rowids == "keep" and (self.new or self.rowid_counts)

    @property
    def key_shifts(self) -> dict[str, KeyShift]:
        """Return the renumbered keys of the source table with their shifts."""
        keys = ((old, self.shifts.get(folded(old))) for old, _ in self.columns)
        return {old: shift for old, shift in keys if isinstance(shift, KeyShift) and shift.is_key}

    @property
    def shifted(self) -> tuple[str, ...]:
        """Return the source columns whose values change."""
        return tuple(
            old
            for old, _ in self.columns
            if folded(old) in self.lookups or ((shift := self.shifts.get(folded(old))) and shift.offset)
        )

    @property
    def match_columns(self) -> tuple[str, ...]:
        """Return the columns of the target that ``match`` names, as the target spells them."""
        if self.table_map.match == WHOLE_ROW:
            return tuple(column.name for column in self.into.stored)
        columns = (self.into.column(name) for name in self.table_map.match)
        return tuple(column.name for column in columns if column and not column.generated)

    @property
    def matched_key(self) -> str:
        """Return the key of the source that differs between matched rows.

        It is empty if the primary key has several columns, or if ``match`` names it.
        """
        key = self.table.primary_key
        if not self.table_map.match or len(key) != 1 or self.renamed.get(key[0]) in (None, *self.match_columns):
            return ""
        return key[0]

    @property
    def rowid_column(self) -> str:
        """Return the rowid of the source table, or the column that an R-tree has for it."""
        is_rtree = all(table.module.startswith("rtree") for table in (self.table, self.into))
        return self.columns[0][0] if is_rtree else self.table.rowid

    def arriving(self, column: str, database: str = "main") -> str:
        """Return the SQL of a value of a column of the source row ``s`` as it arrives.

        Args:
            column: The source column.
            database: Name of the database with the source rows on the connection.
        """
        shift = self.shifts.get(folded(column))
        value = shift.value(column_of(column)) if shift else column_of(column)
        return look_up(self.lookups.get(folded(column), ()), database, column_of(column), value)

    def _where(self, database: str) -> str:
        """Return the SQL condition over ``s`` of the rows that are added to the target."""
        conditions = [self.chosen.over()] if self.chosen else []
        conditions += [self.matched.unmatched(database)] if self.matched else []
        return " AND ".join(conditions)

    def projection(self, database: str = "main") -> Projection:
        """Return the SQL of the rows as they have to arrive.

        Args:
            database: Name of the database with the source rows on the connection.
        """
        columns = [ProjectedColumn(new, self.arriving(old, database), old) for old, new in self.columns]
        columns += [ProjectedColumn(name, f"({literal})") for name, literal in self.constants.items()]
        rowid = None
        if self.table.rowid and self.into.rowid:
            rowid = ProjectedColumn(self.into.rowid, self.arriving(self.rowid_column, database))
        return Projection(
            table=self.table,
            database=database,
            into=self.into,
            columns=tuple(columns),
            computed=_computed_columns(self),
            rowid=rowid,
            rowid_counts=self.rowid_counts,
            carries_rowid=self.carries_rowid,
            where=self._where(database),
        )


@dataclass(frozen=True)
class KeySource:
    """Hold rows that will be in one target table, from a source or from the target itself.

    Attributes:
        mapping: Their table mapping. The mapping of the target's own rows leads from the target's table into itself.
        path: The database file.
        is_target: Whether they are the target's own rows.
    """

    mapping: TableMapping
    path: Path
    is_target: bool = False

    @property
    def subject(self) -> str:
        """Return the file and the table, as the evidence names them."""
        return self.mapping.subject

    @property
    def policy(self) -> ConflictPolicy:
        """Return the policy for a row whose key the target already has."""
        return clash_policy_of(self.mapping.table_map)


def mapping_of_target_rows(plan: Plan, table: Table, into: Table, *, rowids: bool) -> TableMapping:
    """Return the mapping of the target's own rows, as if they were copied into it.

    Args:
        plan: The plan.
        table: The target's table as it is.
        into: The same table as it will be.
        rowids: Whether their implicit rowids must be kept if nothing else identifies the rows.
    """
    from sqlite_consolidate.plan.model import Source, TableMap

    source = Source(name="target", file=plan.target)
    table_map = TableMap(name=into.name, rowids="keep" if rowids else "renumber")
    columns = tuple((column.name, column.name) for column in into.stored)
    keyed = table.kind == "table" and not table.rowid_is_identity
    return TableMapping(
        plan, source, table_map, table, into, new=True, columns=columns, has_rows_without_key=rowids and keyed
    )


def match_columns(
    plan: Plan, source: Source, table_map: TableMap, table: Table, into: Table, *, new: bool
) -> tuple[TableMapping, list[Problem]]:
    """Match the columns of both tables by name and return a problem for each mismatch."""
    subject = f"{source.file}:{table.name}"
    wanted = {folded(old): name for old, name in table_map.columns.items()}
    problems = [
        Problem(
            "no-such-column",
            subject,
            f"has no column {old}, which the plan renames.",
            "Correct columns = {...}.",
            criterion="values-fit",
        )
        for old in table_map.columns
        if table.column(old) is None
    ]
    pairs = []
    by_name = columns_by_name(into)
    for column in table.columns:
        if column.hidden:
            continue
        target_column = by_name.get(folded(wanted.get(folded(column.name), column.name)))
        if target_column is None or target_column.hidden or target_column.generated != column.generated:
            problems.append(_no_place_problem(subject, column, target_column, into, new=new))
        elif not column.generated:
            pairs.append((column.name, target_column.name))
    mapping = TableMapping(plan, source, table_map, table, into, new, tuple(pairs))
    filled = {folded(name) for name in (*mapping.stated_constants, *(name for _, name in pairs))}
    problems += _columns_without_value(subject, into, filled)
    return mapping, problems


def columns_by_name(table: Table) -> dict[str, Column]:
    """Return the columns of a table by their folded names."""
    return {folded(column.name): column for column in table.columns}


def _no_place_problem(subject: str, column: Column, target_column: Column | None, into: Table, *, new: bool) -> Problem:
    apart = 'move the table as another (into = "...").'
    if target_column is None:
        fact = f"column {column.name} has no counterpart: {into.name} in the target has no such column."
        way = "give the target a create text with all columns ([[table]])" if new else "add it to the target"
        hint = f'Rename it (columns = {{ old = "new" }}), {way}, or {apart}'
    else:
        fact = f"column {column.name} has no counterpart: {into.name} in the target declares it differently"
        fact += " (generated at one end only)."
        hint = f'Rename it (columns = {{ old = "new" }}), declare it alike at both ends, or {apart}'
    return Problem("no-place-for-column", subject, fact, hint, criterion="values-fit")


def _columns_without_value(subject: str, into: Table, fed: set[str]) -> list[Problem]:
    problems = []
    for column in into.stored:
        if folded(column.name) in fed:
            continue
        if column.name == into.alias:
            reason = "which is its key: rows would get keys that they do not have in the source"
        elif column.notnull and column.default is None:
            reason = "which must not be NULL and has no default"
        elif not default_is_constant(column):
            reason = f"and its default {column.default} is not constant"
        else:
            continue
        text = f"has no value for column {column.name} of {into.name}, {reason}."
        hint = "Give the column a constant default in the target, or move the table under another name."
        problems.append(Problem("no-value-for-column", subject, text, hint, criterion="values-fit"))
    return problems


def _computed_columns(mapping: TableMapping) -> tuple[ProjectedColumn, ...]:
    """Return the pairs of columns that both tables compute.

    Their values differ only if the expression or the text encoding differs.
    """
    renamed = {folded(old): new for old, new in mapping.table_map.columns.items()}
    pairs = [
        (column.name, mapping.into.column(renamed.get(folded(column.name), column.name)))
        for column in mapping.table.columns
        if column.generated
    ]
    return tuple(
        ProjectedColumn(target_column.name, column_of(old), old)
        for old, target_column in pairs
        if target_column is not None and target_column.generated
    )
