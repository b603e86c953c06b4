"""Let constants of the plan follow the rows of their own source to which they refer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.projection import column_of
from sqlite_consolidate.engine.merge.column_types import constant_literal, stored_constant
from sqlite_consolidate.engine.merge.rows.matched_rows import look_up
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.rows.matched_rows import Lookup
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def no_lookups(_parent: TableMapping, _column: str) -> Sequence[Lookup]:
    """Return no place with keys of matched rows."""
    return ()


@dataclass
class FollowedConstants:
    """Find the new keys of the rows to which constants refer.

    Attributes:
        databases: The databases, with the shifts of the new keys.
        con: Connection to the rows of one source, by the names that its mappings read.
        lookups: Function that returns where the keys of matched rows are, for a column of their table.
        problems: Why a constant cannot follow.
    """

    databases: InspectedDatabases
    con: sqlite3.Connection
    lookups: Callable[[TableMapping, str], Sequence[Lookup]] = no_lookups
    problems: list[Problem] = field(default_factory=list)

    def follow(self, mapping: TableMapping) -> TableMapping:
        """Return a mapping whose constants have the new keys of the rows to which they refer.

        A constant that refers to no row of its source keeps its value.
        """
        followed = {}
        for name, value in stated_values(mapping).items():
            keys = self._keys(mapping, name, value, frozenset())
            column = mapping.into.column(name)
            if len(keys) > 1:
                fact = f"the constant {constant_literal(value)} of {name} refers to rows that get different keys."
                hint = "Remove the constant, or move the tables of these rows under other names (into)."
                self.problems.append(Problem("two-maps", mapping.subject, fact, hint, criterion="keys-free"))
            elif keys and column:
                followed[folded(name)] = stored_constant(column, *keys.values(), strict=mapping.into.strict)
        return replace(mapping, followed=followed) if followed != mapping.followed else mapping

    def parents(self, mapping: TableMapping, column: str) -> Iterator[tuple[TableMapping, str]]:
        """Yield each mapping of the same source to whose target table a column refers.

        The second value is the referred column of the target.
        """
        for key in mapping.into.foreign_keys:
            for parent in parents_in_source(self.databases, mapping, key.parent):
                for name, referred in zip(key.columns, key.referred(parent.into), strict=False):
                    if folded(name) == folded(column):
                        yield parent, referred

    def _keys(self, mapping: TableMapping, column: str, value: Any, reached: frozenset[str]) -> dict[str, Any]:
        """Return the SQL literal of each key that a constant has to follow, to the key."""
        keys: dict[str, Any] = {}
        for parent, referred in self.parents(mapping, column):
            old = origin(parent, referred)
            if old:
                keys |= self._arriving(parent, old, value)
                continue
            same = {folded(name): each for name, each in stated_values(parent).items()}
            if same.get(folded(referred)) == value and parent.subject not in reached:
                keys |= self._keys(parent, referred, value, reached | {mapping.subject, parent.subject})
        return keys

    def _arriving(self, parent: TableMapping, column: str, value: Any) -> dict[str, Any]:
        """Return the keys that the rows with a value get, as far as the plan changes them."""
        lookups = self.lookups(parent, column)
        if not (lookups or folded(column) in parent.shifts or folded(column) in parent.lookups):
            return {}
        key = look_up(lookups, "main", column_of(column), parent.arriving(column))
        same = f"{column_of(column)} COLLATE {quoted(column_collation(parent.source_table, column))}"
        stored = _as_stored(parent.source_table, column, value)
        rows = f"FROM main.{quoted(parent.table.name)} AS s WHERE {same} = {stored}"
        return {
            constant_literal(arriving): arriving for (arriving,) in self.con.execute(f"SELECT DISTINCT {key} {rows}")
        }


def follow_constants(databases: InspectedDatabases) -> None:
    """Let the constants of each source follow its new keys."""
    mappings = []
    for mapping in databases.mappings:
        if not mapping.source.constants:
            mappings.append(mapping)
            continue
        followed = FollowedConstants(databases, databases.sources[mapping.source.name].write_lock.reader)
        mappings.append(followed.follow(mapping))
        databases.problems += followed.problems
    databases.mappings = mappings


def stated_values(mapping: TableMapping) -> dict[str, Any]:
    """Return each column that a constant fills, to the value of the plan."""
    values = {folded(name): value for name, value in mapping.source.constant_values.items()}
    return {name: values[folded(name)] for name in mapping.stated_constants}


def planned_constants(mapping: TableMapping) -> dict[str, str]:
    """Return each column that a constant fills, to the SQL literal of the plan."""
    return replace(mapping, followed={}).stated_constants


def followed_keys(mapping: TableMapping) -> dict[str, str]:
    """Return the constants that follow a new key, to the SQL literal of that key."""
    return {name: key for name, key in mapping.stated_constants.items() if folded(name) in mapping.followed}


def parents_in_source(databases: InspectedDatabases, child: TableMapping, into: str) -> list[TableMapping]:
    """Return the mappings of the same source that lead into a table of the target."""
    return [each for each in databases.mappings_of(child.source.name) if folded(each.into.name) == folded(into)]


def origin(mapping: TableMapping, column: str) -> str:
    """Return the source column that feeds a column of the target, or an empty text."""
    return next((old for old, new in mapping.columns if folded(new) == folded(column)), "")


def _as_stored(table: Table, name: str, value: Any) -> str:
    """Return a value as a column stores it, as an SQL literal."""
    column = table.column(name)
    try:
        return stored_constant(column, value, strict=table.strict) if column else constant_literal(value)
    except sqlite3.Error:
        return constant_literal(value)
