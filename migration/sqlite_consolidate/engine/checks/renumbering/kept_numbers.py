"""List the columns that keep numbers, and that may have ids of renumbered rows.

Each of these numbers is a key with a new number, and no rule says what the numbers mean. Small numbers are such keys by
chance as well.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import is_certain_amount
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import loose_columns
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    NAMES_OF_ANY_KEY,
    KnownKeys,
    changing_keys,
    column_ends,
    forms_of,
    word_ends,
)
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NamedKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_OTHER_TYPES = re.compile("BOOL|DATE|TIME|DEC|MONEY", re.IGNORECASE)
_ROWS, _NUMBERS = 20_000, 500  # as many are read of a column
_MOST_FILES, _MOST_KEYS = 20, 2  # of a pattern, of one column
_MOST_WITHOUT_ROW = 3  # numbers up to 0, such as 0 for none and -1 for unknown; more are those of an amount
_TEXT = (
    "will keep numbers that are keys of tables with new numbers as well, perhaps by chance. No rule says what these"
    " numbers mean. If they are ids, add [[source.table.refers]] with the column and its `to`. If they number"
    " groups of rows that no table has, equal numbers of two files become one group. Tell them apart by a column that"
    " names the file (`constants`). If they are amounts, there is nothing to do. Columns:"
)


def kept_number_findings(
    databases: InspectedDatabases, followed: FollowedKeys, reported: Collection[tuple[str, str]]
) -> Iterator[Finding]:
    """Yield a finding for each column that may have ids, unless another finding is about it.

    Each of its numbers is a key of a table of its database that gets new numbers. In a pattern, that has to hold in
    each of the first files.

    Args:
        databases: All databases.
        followed: The references that follow.
        reported: Subject and column of each finding about ids.
    """
    by_entry: dict[str, list[list[TableMapping]]] = defaultdict(list)
    for mappings in followed.by_source.values():
        files = by_entry[mappings[0].source.entry.file]
        if any(map(changing_keys, mappings)) and len(files) < _MOST_FILES:
            files.append(mappings)
    known = KnownKeys(databases)
    for file, files in by_entry.items():
        columns: dict[str, str] = {}
        for mappings in files:
            for column, item in _SourceNumbers(databases, followed, mappings, known).items(reported):
                columns[column] = columns.get(column, item) and item
        for column, item in columns.items():
            if item:
                finding = Finding.of("numbers-kept", file, _TEXT, noun="column", column=column)
                yield replace(finding, item=item)


@dataclass(frozen=True)
class _SourceNumbers:
    """Compare the numbers of the columns of one database with its keys that get new numbers."""

    databases: InspectedDatabases
    followed: FollowedKeys
    mappings: Sequence[TableMapping]
    known: KnownKeys

    def items(self, reported: Collection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Yield each column that has numbers, as ``table.column``, and its item of the list.

        The item is an empty text if another finding is about the column, or if it has other numbers than keys.

        Args:
            reported: Subject and column of each finding about ids.
        """
        kept = self._names_of_kept_keys()
        for mapping in self.mappings:
            for column in self._numbered_columns(mapping, kept):
                place = f"{mapping.table_map.name}.{column}"
                if (mapping.subject, column) in reported:
                    yield place, ""
                elif numbers := self._numbers(mapping, column):
                    ends = [f"{parent.table_map.name}.{key}" for parent, key in self._ends(mapping, column, numbers)]
                    counts = counted(len(numbers), "number")
                    yield place, f"{place} ({counts}; {list_names(ends, _MOST_KEYS)})" if ends else ""

    def _names_of_kept_keys(self) -> set[str]:
        """Return the folded names of tables whose keys stay, and of these keys."""
        names: set[str] = set()
        for mapping in self.mappings:
            if len(mapping.table.primary_key) == 1 and not changing_keys(mapping):
                [key] = mapping.table.primary_key
                names |= forms_of(mapping.table_map.name) | ({folded(key)} - NAMES_OF_ANY_KEY)
        return names

    def _numbered_columns(self, mapping: TableMapping, kept: set[str]) -> Iterator[str]:
        """Yield each column of integers that follows nothing.

        A column that is named like an amount or after a table whose keys stay is left out, because this tells what it
        means. So is the primary key. Another rule examines a column that is named like a reference to a table.

        Args:
            mapping: The table.
            kept: Names of tables and keys that stay.
        """
        for column in loose_columns(mapping, self.followed):
            declared = mapping.table.column(column)
            is_number = declared and not _OTHER_TYPES.search(declared.type)
            is_number = is_number and column_affinity(mapping.table, column) not in ("TEXT", "REAL")
            is_named = self.known.has_named(column_ends(column)) or not kept.isdisjoint(word_ends(column))
            is_other = is_named or is_certain_amount(column) or (column,) == mapping.table.primary_key
            if is_number and not is_other:
                yield column

    def _numbers(self, mapping: TableMapping, column: str) -> list[int]:
        """Return the different numbers of a column above 0, the largest first.

        There are none if it has texts, many numbers up to 0, or the numbers of a flag.
        """
        reader = self.databases.database_of(mapping).write_lock.reader
        rows = f"(SELECT {quoted(column)} AS v FROM {quoted(mapping.table_map.name)} LIMIT {_ROWS})"
        counts = "count(CASE WHEN typeof(v) <> 'integer' THEN 1 END), count(DISTINCT CASE WHEN v <= 0 THEN v END)"
        others, without_row = reader.execute(f"SELECT {counts} FROM {rows} WHERE v IS NOT NULL").fetchone()
        if others or without_row > _MOST_WITHOUT_ROW:
            return []
        query = f"SELECT DISTINCT v FROM {rows} WHERE v > 0 ORDER BY v DESC LIMIT {_NUMBERS}"
        numbers = [number for (number,) in reader.execute(query)]
        return numbers if numbers != [1] else []

    def _ends(self, mapping: TableMapping, column: str, numbers: Sequence[int]) -> list[NamedKey]:
        """Return the keys with new numbers that a column may have.

        First are those after which it is named, as ``albumartist`` is after ``artists``. Then come those to which
        another column of the table refers, and then those whose last key is nearest to the largest number.
        """
        parents = (
            parent for other in self.followed.columns(mapping) for parent, _ in self.followed.parents_of(mapping, other)
        )
        siblings = {folded(parent.table_map.name) for parent in parents}
        reader = self.databases.database_of(mapping).write_lock.reader
        values = ", ".join(map(str, numbers))
        distances: list[tuple[bool, bool, int, NamedKey]] = []
        for parent in self.mappings:
            for key in changing_keys(parent)[:1]:
                name, table = quoted(key), quoted(parent.table_map.name)
                query = f"SELECT count(DISTINCT {name}) FROM {table} WHERE {name} IN ({values})"
                if reader.execute(query).fetchone()[0] == len(numbers):
                    [last] = reader.execute(f"SELECT max({name}) FROM {table}").fetchone()
                    is_unnamed = not folded(column).endswith(tuple(forms_of(parent.table_map.name)))
                    is_other = folded(parent.table_map.name) not in siblings
                    distances.append((is_unnamed, is_other, last - numbers[0], (parent, key)))
        return [end for *_, end in sorted(distances, key=itemgetter(0, 1, 2))]
