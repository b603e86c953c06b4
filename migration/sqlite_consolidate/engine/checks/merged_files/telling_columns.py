"""Tell whether a column distinguishes the rows of several files in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.checks.merged_files.merged_tables import is_kept, mappings_into, of_files, rows_of
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ROWS, _VALUES = 100_000, 1_000  # as many are read of a column
_LETTERS = 1_000  # of a text
_WORDS_OF_TIME = frozenset(
    words_of_name(word)[-1] for word in ("at", "date", "datetime", "day", "month", "time", "timestamp", "ts", "year")
)
"""Words of times, each with the form that it has as the last word of a name."""


def is_time(column: Column) -> bool:
    """Return whether a column has a time by its name or by its type."""
    words = {*words_of_name(column.name), *words_of_name(column.type)}
    return not words.isdisjoint(_WORDS_OF_TIME)


def may_be_told_apart(databases: InspectedDatabases, into: Table, files: Collection[str]) -> bool:
    """Return whether a column may distinguish the rows of some files in a table.

    It can be a column of the table or of one that it refers to. The first rows of each file are compared. A value that
    two files have in them proves that the column does not distinguish them. A table that cannot be read now may be told
    apart.

    Args:
        databases: All databases.
        into: The table of the target.
        files: At least two files with rows in it.
    """
    try:
        return _Comparison(databases, files).tells(into, frozenset())
    except (sqlite3.Error, ProblemError):
        return True


def unnamed_column(databases: InspectedDatabases, into: Table, files: Collection[str]) -> str:
    """Return the column that tells the files of a table except the target, or nothing.

    ``constants`` fill it for the sources, and rows of the target have NULL in it.

    Args:
        databases: All databases.
        into: The table of the target.
        files: The files with rows in it.
    """
    comparison = _Comparison(databases, files)
    mappings = of_files([*mappings_into(databases, into)], files)
    try:
        return next((each.name for each in into.stored if comparison.is_unnamed(each, mappings)), "")
    except sqlite3.Error:
        return ""


@dataclass(frozen=True)
class _Values:
    """Hold the values of a column that the first rows of one file have.

    Attributes:
        different: The different values; None if there are too many.
        rows: Number of rows that were read.
        low: The smallest value of a time. None for any other column.
        high: The largest value of a time.
    """

    different: frozenset[object] | None
    rows: int
    low: object
    high: object

    @property
    def is_name(self) -> bool:
        """Return whether the values can be the name of the file, and no measured amounts."""
        values = self.different
        if not values or any(isinstance(value, float) for value in values):
            return False
        return len(values) == 1 or len(values) < self.rows

    def is_before(self, other: _Values) -> bool:
        """Return whether all values are smaller than those of another file."""
        is_known = self.high is not None and type(self.high) is type(other.low)
        return is_known and self.high < other.low  # type: ignore[operator]  # of one type


@dataclass(frozen=True)
class _Comparison:
    """Compare the rows of some files."""

    databases: InspectedDatabases
    files: Collection[str]

    def tells(self, into: Table, children: frozenset[str]) -> bool:
        """Return whether a column of a table, or of a parent of it, distinguishes the files.

        Args:
            into: The table of the target.
            children: Folded names of the tables that have led to it by their references.
        """
        mappings = [
            mapping
            for mapping in of_files([*mappings_into(self.databases, into)], self.files)
            if rows_of(self.databases, mapping)
        ]
        if {mapping.source.file for mapping in mappings} != set(self.files):
            return False
        referring = dict(self._references(into, mappings))
        left = {folded(into.alias), *referring}
        left |= {folded(new) for mapping in mappings for old, new in mapping.columns if folded(old) in mapping.shifts}
        columns = [column for column in into.stored if folded(column.name) not in left]
        known = children | {folded(into.name)}
        parents = {folded(parent.name): parent for parent in referring.values()}
        return any(self._distinguishes(column, mappings) for column in columns) or any(
            self.tells(parent, known) for name, parent in parents.items() if name not in known
        )

    def _references(self, into: Table, mappings: Sequence[TableMapping]) -> Iterator[tuple[str, Table]]:
        """Yield each column that refers to rows of its own file, with their table."""
        ends = [(column, key.parent) for key in into.foreign_keys for column in key.columns]
        for mapping in mappings:
            for reference in mapping.refers:
                parent = self.databases.mapping_of(mapping.source.name, reference.table)
                if parent is not None and (column := mapping.renamed.get(reference.column)):
                    ends.append((column, parent.into.name))
        for column, name in ends:
            parents = of_files(self.databases.mappings_into(name), self.files)
            if parents and all(map(is_kept, parents)):
                yield folded(column), parents[0].into

    def is_unnamed(self, column: Column, mappings: Sequence[TableMapping]) -> bool:
        """Return whether ``constants`` fill a column in which rows of the target have NULL."""
        of_target = (mapping for mapping in mappings if mapping.source.file == mapping.plan.target)
        is_filled = any(column.name in mapping.stated_constants for mapping in mappings)
        return is_filled and any(self._has_null(mapping, column) for mapping in of_target)

    def _has_null(self, mapping: TableMapping, column: Column) -> bool:
        """Return whether a row of the target has NULL in a column."""
        reader = self.databases.database_of(mapping).write_lock.reader
        rows = f"SELECT 1 FROM main.{quoted(mapping.source_table.name)} WHERE {quoted(column.name)} IS NULL"
        return bool(_read(reader, f"SELECT EXISTS ({rows})")[0][0])

    def _distinguishes(self, column: Column, mappings: Sequence[TableMapping]) -> bool:
        if self.is_unnamed(column, mappings):
            return False
        values: list[tuple[str, _Values]] = []
        for mapping in mappings:
            of_file = self._values(mapping, column)
            if not all(_are_apart(of_file, other, column) for file, other in values if file != mapping.source.file):
                return False
            values.append((mapping.source.file, of_file))
        return True

    def _values(self, mapping: TableMapping, column: Column) -> _Values:
        """Return the values of a column of the target that the first rows of a file have."""
        old = next((old for old, new in mapping.columns if folded(new) == folded(column.name)), None)
        reader = self.databases.database_of(mapping).write_lock.reader
        value = f"s.{quoted(old)}" if old is not None else f"({mapping.constants[column.name]})"
        chosen = f"WHERE {mapping.chosen.over()}" if mapping.chosen else ""
        rows = f"(SELECT {value} AS v FROM main.{quoted(mapping.source_table.name)} AS s {chosen} LIMIT {_ROWS})"
        text = f"CASE WHEN typeof(v) IN ('text', 'blob') THEN substr(v, 1, {_LETTERS}) ELSE v END"
        first = _read(reader, f"SELECT DISTINCT {text} FROM {rows} LIMIT {_VALUES + 1}")
        different = frozenset(row[0] for row in first) if len(first) <= _VALUES else None
        [ends] = _read(reader, f"SELECT min({text}), max({text}) FROM {rows}") if is_time(column) else [(None, None)]
        return _Values(different, min(_ROWS, rows_of(self.databases, mapping)), *ends)


def _read(reader: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return reader.execute(query).fetchall()


def _are_apart(first: _Values, second: _Values, column: Column) -> bool:
    """Return whether a column distinguishes the rows of two files.

    Its values are names and no file has one of the other, or they are times that end before those of the other begin.
    """
    if is_time(column) and (first.is_before(second) or second.is_before(first)):
        return True
    if not (first.is_name and second.is_name):
        return False
    return (first.different or frozenset()).isdisjoint(second.different or ())
