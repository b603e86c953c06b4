"""Hold the parts of a proposed plan, such as a table that is moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlite_consolidate.text import counted, join_first_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINE_OF_DECISION = "\0"
"""Stands in the text of a decision for the end of a line. No name has this character."""


@dataclass(frozen=True)
class ProposedLeave:
    """Hold one ``[[source.leave]]`` for what cannot or need not be copied.

    Attributes:
        table: Name of the table, index, trigger or view, or of a file that the pattern of the source matches.
        kind: ``tables``, ``indexes``, ``triggers``, ``views`` or ``files``.
    """

    table: str
    reason: str
    decide: tuple[str, ...] = ()
    kind: Literal["tables", "indexes", "triggers", "views", "files"] = "tables"


class ProposedRefers(NamedTuple):
    """Hold one ``[[source.table.refers]]``.

    Attributes:
        to: The key that its column refers to, as ``table.key``.
        when: SQL condition on the rows that refer to it. Empty for all rows.
        by: Triggers that write the key into the column, as text. Empty where each value is a key.
        joined: File and line of code that compares the column with the key. Empty if that is not the evidence.
        sentinels: Numbers up to 0 that are no key, each with the number of its rows.
    """

    column: str
    to: str
    when: str = ""
    by: str = ""
    joined: str = ""
    sentinels: tuple[tuple[int, int], ...] = ()

    @property
    def evidence(self) -> str:
        """Return why the column is taken for a reference."""
        others = [f"{value} ({counted(rows, 'row')})" for value, rows in self.sentinels]
        keys = f"each value{f' but {join_first_names(others)}' if others else ''} is a key there"
        joined = f", {self.joined} relates it to that key" if self.joined else ""
        return f"{f'written by {self.by}' if self.by else keys}{joined}, and no FOREIGN KEY says so"


@dataclass(frozen=True)
class ProposedMap:
    """Hold one ``[[source.table]]``.

    Attributes:
        into: Name in the target. It differs from ``name`` only if it has to.
        rows: Number of rows now, as text.
        notes: Comments above it.
        decide: What would be refused about it, a sentence each.
        shared: Files with the same table that is merged with this one.
        related: Tables of the same source, folded, that it refers to or that refer to it, each with the fact.
        texts_of: Tables of the same source, folded, whose texts it has.
        apart: Why it is kept apart, where ``into`` differs from ``name``; else empty.
        differs_by: Columns by which its rows match others from which they differ, so that it is kept apart; else none.
        follows: Table with which it is kept apart, where its own rows do not require that; else empty.
        is_unlike: True if it is kept apart because the table of the other file is declared differently.
        older: File whose table it could join if that had all of its columns; else empty.
        on_conflict: Policy for rows under a key that another file has; else empty.
        collision: Which keys it shares with other files, where ``on_conflict`` is set; else empty.
        common: Number of keys that it shares with another file, as far as rows were compared.
        identical: Number of rows under these keys that are identical.
        key: Columns of its primary key, or of another one if it has none.
        has_integer_key: True if its primary key is one column of integers, which can get new values.
        key_of: Table of another database whose keys its keys are, so that they get no new values; else empty.
        open_key: Integers of its keys of which it is not known to what they refer.
        unique: Columns of a unique key beside the primary key, or the name of a setting, or none.
        setting: Column whose texts name the settings that its rows are; else empty.
        parents: Tables of the same source, folded, to whose keys its columns refer.
        values: Columns that can match rows or look like references, each with the numbers of its values.
        strays: Columns that may refer to a key, as ``table.key``, each with it and with what is said of other numbers.
        refers: References that no FOREIGN KEY declares.
        rowid_of: ``table.key`` whose values its rowids are; else empty.
        has_open_rowids: True if its rowids are keys of one of several tables, and it is not known of which.
        keys: ``keep`` where it keeps its keys in a source with new ones; else empty.
        rowids: ``renumber`` where its rows have no key but their rowids, which others have as well; else empty.
        match: Columns by which its rows are the same as those of another file; else none.
        is_single: True if it and the table with which it is merged have one row, under a key that a program states.
        is_stamp: True for a table of migrations that is kept apart, which has a decision for itself.
        is_keyless: True if no column of it is unique, so that only rowids tell its rows apart.
        is_index: True for a search index that is moved as a declaration and rebuilt.
        stores_rows: True for a search index that could be copied as well, because it stores its rows.
    """

    name: str
    into: str
    rows: str
    notes: tuple[str, ...] = ()
    decide: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    related: Mapping[str, str] = field(default_factory=dict)
    texts_of: frozenset[str] = frozenset()
    apart: str = ""
    differs_by: tuple[str, ...] = ()
    follows: str = ""
    is_unlike: bool = False
    older: str = ""
    on_conflict: str = ""
    collision: str = ""
    common: int = 0
    identical: int = 0
    key: tuple[str, ...] = ()
    has_integer_key: bool = False
    key_of: str = ""
    open_key: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    setting: str = ""
    parents: frozenset[str] = frozenset()
    values: tuple[tuple[str, str], ...] = ()
    strays: tuple[tuple[str, str, str], ...] = ()
    refers: tuple[ProposedRefers, ...] = ()
    rowid_of: str = ""
    has_open_rowids: bool = False
    keys: str = ""
    rowids: str = ""
    match: tuple[str, ...] = ()
    is_single: bool = False
    is_stamp: bool = False
    is_keyless: bool = False
    is_index: bool = False
    stores_rows: bool = False

    def values_of(self, columns: Sequence[str]) -> list[str]:
        """Return the numbers of values of some columns, each as a line."""
        return [f"{column}: {numbers}" for column, numbers in self.values if column in columns]

    def new_keys(self, keys: str) -> bool:
        """Return whether its rows get new keys, if the source states ``keys``."""
        return self.has_integer_key and (self.keys or keys) == "renumber"


@dataclass(frozen=True)
class ProposedTable:
    """Hold one ``[[table]]``, which has the columns of all files.

    Attributes:
        create: Statements that create it with its indexes and triggers, and views that read it.
    """

    name: str
    create: str


@dataclass(frozen=True)
class ProposedRebuild:
    """Hold one ``[[rebuild]]``.

    Attributes:
        query: Query of its rows, as its triggers state it. Empty for an index with external content.
    """

    table: str
    query: str = ""


@dataclass(frozen=True)
class ProposedRefresh:
    """Hold one ``[[refresh]]``."""

    table: str
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Hold a file that is no source.

    Attributes:
        decide: True when the operator has to decide, because the file may have rows that could not be read.
    """

    file: str
    reason: str
    decide: bool = False
