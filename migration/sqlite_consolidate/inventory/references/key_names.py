"""Tell by its name whether a column refers to a table."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import is_measure
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NAMES_OF_ANY_KEY
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.text import singular_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table

_ID = re.compile(r"(?P<stem>.+?)(?:_[iI][dD]|(?<=[a-z0-9])I[dD])")


class NamedTables:
    """Find the tables after which a column may be named, by the words of their names.

    A database can have thousands of tables, so that not each column can be compared with each of them.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        """Take the tables of a database."""
        self._tables = list(tables)
        self._keys = [single_keys(table) for table in self._tables]
        self._numbers = {table.name: number for number, table in enumerate(self._tables)}
        self._by_end: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_words: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_key: dict[str, list[Table]] = defaultdict(list)
        self._by_start: dict[tuple[str, ...], list[Table]] = defaultdict(list)
        for number, table in enumerate(self._tables):
            if len(table.primary_key) == 1:
                self._by_key[folded(table.primary_key[0])].append(table)
                for start in starts_of_name(table.name):
                    self._by_start[start].append(table)
            words = tuple(words_of_name(table.name))
            self._by_words[words].append(number)
            self._by_words[("".join(words),)].append(number)  # for a column such as ``orderlineid``
            for end in _ends(words):
                self._by_end[end].append(number)

    def possible_parents(self, column: str, own_table: str = "") -> list[tuple[Table, list[str]]]:
        """Return each table after which a column may be named, with its keys of one column.

        They are in the order of the tables.

        Args:
            column: The column.
            own_table: Its table, if the column may be named after that whatever its words are.
        """
        numbers = {self._numbers[own_table]} if own_table else set()
        for stem in _stems(column):
            numbers.update(self._by_end.get(stem, ()))
            for end in _ends(stem):
                numbers.update(self._by_words.get(end, ()))
        return [(self._tables[number], self._keys[number]) for number in sorted(numbers)]

    def with_key(self, column: str) -> Table | None:
        """Return the only table whose primary key has the name of a column, or None.

        A name that a key of any table may have tells nothing, and neither does that of a measure.
        """
        if folded(column) in NAMES_OF_ANY_KEY or is_measure(column):
            return None
        tables = self._by_key.get(folded(column), [])
        return tables[0] if len(tables) == 1 else None

    def beginning_with(self, name: str) -> list[Table]:
        """Return the tables with a single key whose names begin with that of a table."""
        return self._by_start.get(tuple(words_of_name(name)), [])


def starts_of_name(name: str) -> list[tuple[str, ...]]:
    """Return the starts of a name as words of tables, the longest first."""
    words = words_of_name(name)
    return [(*words[: end - 1], *words_of_name(words[end - 1])) for end in range(len(words) - 1, 0, -1)]


def _stems(column: str) -> set[tuple[str, ...]]:
    """Return the words of a column, and those that remain without the words of a key."""
    words = tuple(words_of_name(column))
    stems = {(*words[: end - 1], singular_of(words[end - 1])) for end in range(1, len(words) + 1)}
    if match := _ID.fullmatch(column):
        stems.add(tuple(words_of_name(match["stem"])))
    return {*stems, (singular_of(folded(column).removesuffix("id")),)}


def _ends(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (words[start:] for start in range(len(words)))


def single_keys(table: Table) -> list[str]:
    """Return each column that is a key of a table without further columns."""
    return [key[0][0] for key in keys_of(table) if len(key) == 1]


def names_key_of(column: str, table: str, keys: Sequence[str] = ()) -> bool:
    """Return whether a column is named like a reference to a table.

    ``from_user_id`` and ``userId`` are named after ``users`` and ``app_users``, ``userid`` only after ``users``. So is
    ``user_uuid`` if ``uuid`` or ``user_uuid`` is a key of ``users``.
    """
    words = words_of_name(table)
    last_words = [words_of_name(key)[-1:] if folded(key) == folded(column) else words_of_name(key) for key in keys]
    if any(_is_named_after(words_of_name(column), words, last) for last in last_words):
        return True
    if not folded(column).endswith("id"):
        return False
    if match := _ID.fullmatch(column):
        stem = words_of_name(match["stem"])
        shorter, longer = sorted((stem, words), key=len)
        return longer[-len(shorter) :] == shorter
    return singular_of(folded(column).removesuffix("id")) == "".join(words)


def _is_named_after(column: list[str], table: list[str], key: list[str]) -> bool:
    """Return whether a column has the words of a table before those of its key."""
    if len(column) <= len(key) or column[-len(key) :] != key:
        return False
    stem = column[: -len(key)]
    stem[-1] = singular_of(stem[-1])
    shorter, longer = sorted((stem, table), key=len)
    return longer[-len(shorter) :] == shorter
