"""Find columns whose numbers are keys of a renumbered table, although no name says so.

A column that is named like a relation (``written_by``) needs mostly such numbers. Any other column needs numbers that
are keys by more than chance, and an amount is never asked about. Only a relation is compared with other databases.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import (
    has_persons,
    is_amount,
    is_end_of_pair,
    is_kin,
    is_person,
    is_role,
    may_mean_own_table,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    MOSTLY,
    are_rarely_keys,
    count_rows,
    loose_columns,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    changing_keys,
    column_ends,
    forms_of,
    names_in,
    to_of,
    word_ends,
)
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
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
_MANY_KEYS, _REACH = 100, 0.9
_FEW = 3


def columns_of_keys(
    databases: InspectedDatabases,
    mapping: TableMapping,
    renumbered: Sequence[TableMapping],
    followed: FollowedKeys,
    reported: Collection[str],
    known: KnownKeys,
) -> Iterator[Finding]:
    """Yield a finding for each column whose numbers may be keys of a renumbered table.

    A column that is named after a table means its rows. The tables of the source whose keys stay are named as well, if
    they have the numbers as keys.

    Args:
        databases: All databases.
        mapping: The table.
        renumbered: The renumbered tables of its source.
        followed: The references that follow.
        reported: Columns that have a finding already.
        known: The keys of all databases.
    """
    keys = [(parent, key) for parent in renumbered for key in changing_keys(parent)[:1]]
    others = databases.mappings_of(mapping.source.name) if keys else ()
    staying = [end for other in others for end in _staying_key(other, followed)]
    schema = databases.database_of(mapping).schema
    for column in loose_columns(mapping, followed) if keys else ():
        numbered = [end for end in keys if end[0] is not mapping and _is_numbered_after(column, end[0])]
        is_other = column in reported or (column,) == mapping.table.primary_key or (is_amount(column) and not numbered)
        if is_other or column_affinity(mapping.table, column) in ("TEXT", "REAL"):
            continue
        is_named = bool(numbered) or is_role(column) or is_end_of_pair(column, (name for name, _ in mapping.columns))
        numbers = _numbers_of(databases, mapping, column, is_named=is_named)
        ends = numbers.ends(numbered or keys) if numbers else []
        if numbers and ends and not _is_named_after_a_table(schema, column, known):
            further = [end for end in staying if end[0] is not mapping or may_mean_own_table(column)]
            ends = _by_name(mapping, column, [*ends, *(numbers.ends(further) if not numbered else ())])
            named_keys = tuple(f"{parent.table_map.name}.{key}" for parent, key in ends)
            rows, text = count_rows(databases, mapping, column, INTEGER), _sentence(column, ends)
            yield Finding.of(
                "id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column, keys=named_keys
            )


def _staying_key(mapping: TableMapping, followed: FollowedKeys) -> Iterator[NamedKey]:
    """Yield the key of a table whose numbers stay, if it is one column."""
    key = mapping.table.primary_key
    is_single = len(key) == 1 and column_affinity(mapping.table, key[0]) not in ("TEXT", "REAL")
    if is_single and not changing_keys(mapping) and not followed.owners(mapping, key[0]):
        yield mapping, key[0]


def _by_name(mapping: TableMapping, column: str, ends: Sequence[NamedKey]) -> list[NamedKey]:
    """Return keys, first those that the name of a column may mean.

    They are keys of persons for ``owner``, and the key of its own table for ``duplicate_of``. ``child`` may mean both.
    """
    if is_person(column) or is_kin(column):
        ends = sorted(ends, key=lambda end: not has_persons(forms_of(end[0].table_map.name)))
    return sorted(ends, key=lambda end: may_mean_own_table(column) and end[0] is not mapping)


def _sentence(column: str, ends: Sequence[NamedKey]) -> str:
    """Return the fact about a column, and the line of the plan for each case.

    Args:
        column: The column.
        ends: Keys that it may have, at least one of which changes.
    """
    changing = [f"{parent.table_map.name}.{key}" for parent, key in ends if changing_keys(parent)]
    staying = [parent.table_map.name for parent, _ in ends if not changing_keys(parent)]
    names = join_first_names([f"{parent.table_map.name}.{key}" for parent, key in ends])
    line = f'add [[source.table.refers]] with column = "{column}" and {to_of(changing)}.'
    fact = f"will keep the number in column {column}, which may be a key of {names}"
    reason = "because no FOREIGN KEY declares the column as a reference."
    if not staying:
        return f"{fact}, while these keys change, {reason} If it is one, {line}"
    kept = join_first_names(staying)
    change = f"If it refers to {join_first_names(changing)}, whose numbers change, {line}"
    stay = f"If it refers to {kept}, there is nothing to do, because {_its(staying)} keys stay."
    return " ".join([f"{fact}, {reason}", *((change, stay) if changing_keys(ends[0][0]) else (stay, change))])


def _its(names: Sequence[str]) -> str:
    return "its" if len(names) == 1 else "their"


def keys_of_relations(databases: InspectedDatabases) -> list[NamedKey]:
    """Return the renumbered keys with which relations in other databases are compared.

    They are those of the largest tables that feed each table of the target, so that many databases are not compared
    with as many others. The files of a pattern are left out.
    """
    tables: dict[str, list[NamedKey]] = defaultdict(list)
    for mapping in databases.mappings:
        if not mapping.source.is_of_pattern:
            tables[folded(mapping.into.name)] += [(mapping, key) for key in changing_keys(mapping)[:1]]
    return [end for ends in tables.values() for end in nlargest(_FEW, ends, lambda end: databases.rows(end[0]))]


def key_of_relation(
    databases: InspectedDatabases, mapping: TableMapping, column: str, relations: Sequence[NamedKey], known: KnownKeys
) -> NamedKey | None:
    """Return the key of another database that a column may have that is named like a relation.

    A table of its own database that has its numbers as keys is meant instead. The table of the column itself is not
    meant by the name of a person, such as ``written_by``, unless the other rows come into the same table.

    Args:
        databases: All databases.
        mapping: The table.
        column: The column.
        relations: The renumbered keys that relations of all databases may have.
        known: The keys of all databases.
    """
    if not is_role(column) or (column,) == mapping.table.primary_key:
        return None
    others = [end for end in relations if end[0].source.file != mapping.source.file]
    numbers = _numbers_of(databases, mapping, column, is_named=True) if others else None
    ends = numbers.ends(others) if numbers else []
    if not numbers or not ends:
        return None
    schema = databases.database_of(mapping).schema
    is_own = not is_person(column) or any(parent.into.name == mapping.into.name for parent, _ in others)
    neighbours = (key for key in _number_keys(schema) if is_own or key[0] != mapping.table.name)
    is_named = known.has_named(f"{end}_id" for end in word_ends(column))
    is_other = is_named or _is_named_after_a_table(schema, column, known) or any(map(numbers.are_keys, neighbours))
    return None if is_other else ends[0]


def _number_keys(schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield each table of a database whose key is one column of numbers, and that column."""
    for table in schema.tables.values():
        key = table.primary_key if table.kind == "table" and table.is_readable else ()
        if len(key) == 1 and column_affinity(table, key[0]) not in ("TEXT", "REAL"):
            yield table.name, key[0]


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
        databases: All databases.
        mapping: The table.
        column: The column.
        largest: The largest different numbers of its first rows, all above 0.
        is_named: True if it is named like a relation. Otherwise the numbers have to say it alone.
        is_repeated: True if a number stands in several rows.
    """

    databases: InspectedDatabases
    mapping: TableMapping
    column: str
    largest: tuple[int, ...]
    is_named: bool
    is_repeated: bool

    def ends(self, keys: Sequence[NamedKey]) -> list[NamedKey]:
        """Return the keys that the numbers may be.

        The first one is that of the table whose last key is nearest to the largest number.
        """
        distances: list[tuple[int, NamedKey]] = []
        for parent, key in keys:
            name, table, reader = quoted(key), quoted(parent.table_map.name), _reader(self.databases, parent)
            share = self._share(reader, name, table)
            if share >= MOSTLY if self.is_named else share == 1 and self._are_no_chance(parent, name, table):
                last = _number(reader, f"SELECT max({name}) FROM {table}")
                distances.append((abs(last - self.largest[0]), (parent, key)))
        return [end for _, end in sorted(distances, key=itemgetter(0))]

    def are_keys(self, neighbour: tuple[str, str]) -> bool:
        """Return whether most of the numbers are keys of a table of the same database.

        Args:
            neighbour: The names of the table and of its key.
        """
        table, key = map(quoted, neighbour)
        return self._share(_reader(self.databases, self.mapping), key, table) >= MOSTLY

    def _share(self, reader: sqlite3.Connection, key: str, table: str) -> float:
        values = ", ".join(map(str, self.largest))
        query = f"SELECT count(DISTINCT {key}) FROM {table} WHERE {key} IN ({values})"
        return _number(reader, query) / len(self.largest)

    def _are_no_chance(self, parent: TableMapping, key: str, table: str) -> bool:
        """Return whether other numbers would rarely be keys of a table all together.

        They are few among the integers, or the numbers end where the keys end. A table may number its own rows so.
        """
        if parent is self.mapping:
            return False
        reader = _reader(self.databases, self.mapping)
        known = _number(reader, f"SELECT count(*) FROM {table} WHERE {key} BETWEEN 1 AND {self.largest[0]}")
        if are_rarely_keys(self.largest, known):
            return True
        if not self.is_repeated or known < _MANY_KEYS or len(self.largest) < _MANY_KEYS // 2:
            return False
        last = _number(reader, f"SELECT max({key}) FROM {table}")
        largest = f"SELECT max({quoted(self.column)}) FROM {quoted(self.mapping.table_map.name)}"
        return _REACH * last <= _number(reader, largest) <= last


def _reader(databases: InspectedDatabases, mapping: TableMapping) -> sqlite3.Connection:
    return databases.database_of(mapping).write_lock.reader


def _number(reader: sqlite3.Connection, query: str) -> int:
    return int(reader.execute(query).fetchone()[0])


def _numbers_of(
    databases: InspectedDatabases, mapping: TableMapping, column: str, *, is_named: bool
) -> _Numbers | None:
    """Return the numbers of a column, unless it has none, or only those of a flag.

    A column that is not named like a relation must not have other values.
    """
    reader = _reader(databases, mapping)
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
    return None if is_flag else _Numbers(databases, mapping, column, largest, is_named, positive > numbers)
