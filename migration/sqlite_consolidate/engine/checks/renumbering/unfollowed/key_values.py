"""Find columns whose numbers are keys of a renumbered table, although no name says so.

A column that is named like a relation (``written_by``) needs mostly such numbers. Any other column needs numbers that
are keys by more than chance, and an amount is never asked about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import column_affinity
from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import (
    is_amount,
    is_end_of_pair,
    is_role,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    MOSTLY,
    count_rows,
    loose_columns,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    changing_keys,
    column_ends,
    forms_of,
    names_in,
    word_ends,
)
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import KnownKeys, NamedKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema

_NUMBER_END = re.compile("_?(?:no|nr|num|number)$", re.IGNORECASE)
_ROWS, _NUMBERS = 20_000, 500  # as many are read of a column
_UNLIKELY = 1e-4
_MANY_KEYS, _REACH = 100, 0.9


def columns_of_keys(
    databases: InspectedDatabases,
    mapping: TableMapping,
    renumbered: Sequence[TableMapping],
    followed: FollowedKeys,
    reported: Collection[str],
    known: KnownKeys,
) -> Iterator[Finding]:
    """Yield a finding for each column whose numbers may be keys of a renumbered table.

    A column that is named after a table means its rows.

    Args:
        databases: All databases.
        mapping: The table.
        renumbered: The renumbered tables of its source.
        followed: The references that follow.
        reported: Columns that have a finding already.
        known: The keys of all databases.
    """
    keys = [(parent, key) for parent in renumbered for key in changing_keys(parent)[:1]]
    database = databases.database_of(mapping)
    for column in loose_columns(mapping, followed) if keys else ():
        numbered = [end for end in keys if end[0] is not mapping and _is_numbered_after(column, end[0])]
        is_other = column in reported or (column,) == mapping.table.primary_key or (is_amount(column) and not numbered)
        if is_other or column_affinity(mapping.table, column) in ("TEXT", "REAL"):
            continue
        is_named = bool(numbered) or is_role(column) or is_end_of_pair(column, (name for name, _ in mapping.columns))
        numbers = _numbers_of(database.write_lock.reader, mapping, column, is_named=is_named)
        ends = numbers.ends(numbered or keys) if numbers else []
        if ends and not _is_named_after_a_table(database.schema, column, known):
            others = ", or another of these keys" if len(ends) > 1 else ""
            text = (
                f"will keep the number in column {column}, which may be a key of {join_first_names(ends)}, while these"
                f" keys change, because no FOREIGN KEY declares the column as a reference. If it is one, add"
                f' [[source.table.refers]] with column = "{column}" and to = "{ends[0]}"{others}.'
            )
            rows = count_rows(databases, mapping, column, INTEGER)
            yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)


def _is_named_after_a_table(schema: Schema, column: str, known: KnownKeys) -> bool:
    names = {*column_ends(column), *word_ends(column)}
    return not names_in(schema).isdisjoint(names) or known.has_named(column_ends(column))


def _is_numbered_after(column: str, parent: TableMapping) -> bool:
    """Return whether a column has the name of a number of a table, such as ``staff_nr``."""
    stem = _NUMBER_END.sub("", column)
    return stem != column and not forms_of(parent.table_map.name).isdisjoint(word_ends(stem))


@dataclass(frozen=True)
class _Numbers:
    """Compare the numbers of one column with the keys of tables.

    Attributes:
        reader: Reads the database.
        mapping: The table.
        column: The column.
        largest: The largest different numbers of its first rows, all above 0.
        is_named: True if it is named like a relation. Otherwise the numbers have to say it alone.
        is_repeated: True if a number stands in several rows.
    """

    reader: sqlite3.Connection
    mapping: TableMapping
    column: str
    largest: tuple[int, ...]
    is_named: bool
    is_repeated: bool

    def ends(self, keys: Sequence[NamedKey]) -> list[str]:
        """Return the keys that the numbers may be.

        The first one is that of the table whose last key is nearest to the largest number.
        """
        ends: dict[str, int] = {}
        values = ", ".join(map(str, self.largest))
        for parent, key in keys:
            name, table = quoted(key), quoted(parent.table_map.name)
            query = f"SELECT count(DISTINCT {name}) FROM {table} WHERE {name} IN ({values})"
            share = self._number(query) / len(self.largest)
            if share >= MOSTLY if self.is_named else share == 1 and self._are_no_chance(parent, name, table):
                ends[f"{parent.table_map.name}.{key}"] = self._number(f"SELECT max({name}) FROM {table}")
        return sorted(ends, key=lambda end: abs(ends[end] - self.largest[0]))

    def _are_no_chance(self, parent: TableMapping, key: str, table: str) -> bool:
        """Return whether other numbers would rarely be keys of a table all together.

        They are few among the integers, or the numbers end where the keys end. A table may number its own rows so.
        """
        if parent is self.mapping:
            return False
        known = self._number(f"SELECT count(*) FROM {table} WHERE {key} BETWEEN 1 AND {self.largest[0]}")
        density = min(1, known * gcd(*self.largest) / self.largest[0])
        if density ** len(self.largest) < _UNLIKELY:
            return True
        if not self.is_repeated or known < _MANY_KEYS or len(self.largest) < _MANY_KEYS // 2:
            return False
        last = self._number(f"SELECT max({key}) FROM {table}")
        largest = f"SELECT max({quoted(self.column)}) FROM {quoted(self.mapping.table_map.name)}"
        return _REACH * last <= self._number(largest) <= last

    def _number(self, query: str) -> int:
        return int(self.reader.execute(query).fetchone()[0])


def _numbers_of(reader: sqlite3.Connection, mapping: TableMapping, column: str, *, is_named: bool) -> _Numbers | None:
    """Return the numbers of a column, unless it has none, or only those of a flag.

    A column that is not named like a relation must not have other values.
    """
    number, above_zero = INTEGER.format("v"), f"{INTEGER.format('v')} AND v > 0"
    rows = f"(SELECT {quoted(column)} AS v FROM {quoted(mapping.table_map.name)} LIMIT {_ROWS})"
    counts = (above_zero, f"{number} AND v <= 0", f"NOT {number} AND v IS NOT NULL")
    terms = ", ".join(f"count(CASE WHEN {condition} THEN 1 END)" for condition in counts)
    different = f"count(DISTINCT CASE WHEN {above_zero} THEN v END)"
    positive, others, texts, numbers = reader.execute(f"SELECT {terms}, {different} FROM {rows}").fetchone()
    if not positive or ((others or texts) and not is_named):
        return None
    query = f"SELECT DISTINCT v FROM {rows} WHERE {above_zero} ORDER BY v DESC LIMIT {_NUMBERS}"
    largest = tuple(value for (value,) in reader.execute(query))
    is_flag = others and largest == (1,)
    return None if is_flag else _Numbers(reader, mapping, column, largest, is_named, positive > numbers)
