"""Keep digests of expected rows, by key or by content.

A conflict policy decides which of several rows under one key is expected.
"""

from __future__ import annotations

import hashlib
import marshal
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.connections import read_text_losslessly
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Key, Table
    from sqlite_consolidate.engine.sqlite.wide_rows import RowQuery

Row = tuple[Any, ...]


_MARSHAL_VERSION = 2
_DIGEST_BYTES = 16
MATCHED = b""  # replaces the content digest of a row that was observed


@dataclass(frozen=True)
class Shape:
    """Hold the columns and keys that the rows of both sides have.

    Attributes:
        table: Their table.
        columns: Names of their values, in the order in which both sides are read.
        keys: Positions and collations of the columns of each key. The first key identifies a row. Without keys the
            content identifies it.
        by_rowid: Whether the first column is the implicit rowid, which is read to identify the rows.
    """

    table: str
    columns: tuple[str, ...]
    keys: tuple[tuple[tuple[int, str], ...], ...] = ()
    by_rowid: bool = False

    def has_key(self, row: Row) -> bool:
        """Return whether a key identifies a row."""
        return bool(self.keys) and all(row[index] is not None for index, _ in self.keys[0])

    def identity(self, row: Row) -> bytes:
        """Return the digest that identifies a row.

        It is the digest of the first key, or of all values where there is no key or the key has a NULL.
        """
        return (self.claim(row, 0) if self.keys else None) or digest_values(row)

    def has_any_key(self, row: Row) -> bool:
        """Return whether a row has a value of a key, so that no other row can be equal to it."""
        return any(self.claim(row, number) for number in range(len(self.keys)))

    def claim(self, row: Row, number: int) -> bytes | None:
        """Return the digest of one key of a row, or None if the key has a NULL.

        Values that SQLite compares as equal have the same digest.
        """
        key = [number]
        for index, collation in self.keys[number]:
            value = row[index]
            if value is None:
                return None
            key.append(value if type(value) is int else _comparable(value, collation))
        return digest_values(tuple(key))


def row_shape(table: str, columns: Sequence[str], keys: Sequence[Key]) -> Shape:
    """Return the shape of rows with these columns and with the keys that consist of them."""
    indexes = {folded(column): index for index, column in enumerate(columns)}
    whole = [key for key in keys if all(folded(column) in indexes for column, _ in key)]
    placed = tuple(tuple((indexes[folded(column)], collation) for column, collation in key) for key in whole)
    return Shape(table, tuple(columns), placed)


def place_of_newer(table: Table, columns: Sequence[str], newer: str) -> tuple[int, str] | None:
    """Return place and collation of the column that ``prefer-newer`` compares, or None."""
    names = [folded(column) for column in columns]
    return (names.index(folded(newer)), column_collation(table, newer)) if folded(newer) in names else None


@dataclass(frozen=True)
class Rows:
    """Hold the query that reads the rows of one table.

    Attributes:
        con: Connection to their database. It is only read from.
        query: Query of the values of each row in the order of a shape. A further value is the rowid.
        policy: ``on_conflict`` of the table mapping that copies them. It decides about keys that earlier rows have.
        newer: Place and collation of the value that ``prefer-newer`` compares, or None.
        dropped: Digests of the values of rows that are not expected.
        merged: Whether equal rows with a value of a key are expected once, because a policy keeps one of them.
    """

    con: sqlite3.Connection
    query: RowQuery
    policy: str = "refuse"
    newer: tuple[int, str] | None = None
    dropped: frozenset[bytes] = frozenset()
    merged: bool = False

    def __iter__(self) -> Iterator[Row]:
        before = self.con.text_factory
        read_text_losslessly(self.con)
        try:
            yield from fetch_rows(self.con, self.query)
        finally:
            self.con.text_factory = before


@dataclass
class ExpectedPart:
    """Hold the expected rows of one part of all keys.

    Attributes:
        shape: Columns and keys of the rows.
        number: Number of this part, from 0.
        parts: Number of parts.
        contents: Identity of each row to the digest of its content, or ``MATCHED``.
        repeats: Identity of a row to the number of further rows with this identity.
        changed_rows: Identity of a changed row to the digest of its content and the observed row.
        keyless: Identity of each row whose key has a NULL, if the rows have a key.
    """

    shape: Shape
    number: int
    parts: int
    contents: dict[bytes, bytes] = field(default_factory=dict)
    repeats: Counter[bytes] = field(default_factory=Counter)
    changed_rows: dict[bytes, tuple[bytes, Row]] = field(default_factory=dict)
    keyless: set[bytes] = field(default_factory=set)
    _owners: dict[bytes, bytes] = field(default_factory=dict)
    _newer: dict[bytes, Row] = field(default_factory=dict)
    _claims: dict[bytes, list[bytes]] = field(default_factory=dict)

    def has(self, identity: bytes) -> bool:
        """Return whether a row belongs to this part."""
        return int.from_bytes(identity[:4], "little") % self.parts == self.number

    def expect(self, expected: Sequence[Rows], kept: int) -> None:
        """Keep the digests of the rows of this part, and halve it above ``kept`` rows."""
        has_policy = any(rows.policy != "refuse" for rows in expected)
        width, newer = len(self.shape.columns), {rows.newer[0] for rows in expected if rows.newer}
        for rows in expected:
            for row in (read[:width] for read in rows):
                identity = self.shape.identity(row)
                if self.parts > 1 and not self.has(identity):
                    continue
                if rows.dropped and digest_values(row) in rows.dropped:
                    continue
                if rows.merged and identity in self.contents and self.shape.has_any_key(row):
                    continue
                if has_policy:
                    self._add_by_policy(row, identity, rows)
                    if newer:
                        self._newer.setdefault(identity, tuple(row[at] if at in newer else None for at in range(width)))
                else:
                    self._add(row, identity)
                if 0 <= kept < len(self.contents):
                    self._halve()

    def _add(self, row: Row, identity: bytes) -> None:
        if identity in self.contents:
            self.repeats[identity] += 1
        else:
            self.contents[identity] = digest_values(row)
            if self.shape.keys and not self.shape.has_key(row):
                self.keyless.add(identity)

    def _add_by_policy(self, row: Row, identity: bytes, rows: Rows) -> None:
        """Add a row, or drop it or earlier rows of its keys, as the policy says."""
        numbers = range(1, len(self.shape.keys))
        claims = [claim for number in numbers if (claim := self.shape.claim(row, number))]
        holders = {self._owners[claim] for claim in claims if claim in self._owners}
        if identity in self.contents and self.shape.keys and self.shape.claim(row, 0):
            holders.add(identity)
        if rows.policy == "prefer-source" or self._is_newer(row, holders, rows):
            for holder in holders:
                self._remove(holder)
        elif rows.policy != "refuse" and holders:
            return
        self._add(row, identity)
        self._owners |= dict.fromkeys(claims, identity)
        self._claims[identity] = claims

    def _is_newer(self, row: Row, holders: set[bytes], rows: Rows) -> bool:
        """Return whether ``prefer-newer`` replaces the earlier rows by a row."""
        if rows.policy != "prefer-newer" or rows.newer is None or not holders:
            return False
        place, collation = rows.newer
        values = [_sortable(self._newer[holder][place], collation) for holder in holders if holder in self._newer]
        value = _sortable(row[place], collation)
        return bool(values) and all(
            isinstance(other, bytes) == isinstance(value, bytes) and other < value for other in values
        )

    def _remove(self, identity: bytes) -> None:
        del self.contents[identity]
        self._newer.pop(identity, None)
        for claim in self._claims.pop(identity, ()):
            self._owners.pop(claim, None)

    def _halve(self) -> None:
        self.parts *= 2
        self.contents = {identity: content for identity, content in self.contents.items() if self.has(identity)}
        self.repeats = Counter({identity: count for identity, count in self.repeats.items() if self.has(identity)})


def digest_values(values: Row) -> bytes:
    """Return a short digest that distinguishes values, storage classes and bytes."""
    return hashlib.sha256(marshal.dumps(values, _MARSHAL_VERSION)).digest()[:_DIGEST_BYTES]


def _comparable(value: Any, collation: str) -> Any:
    """Return the same value for all values of a key that SQLite compares as equal."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, str):
        rule = folded(collation)
        return folded(value) if rule == "nocase" else value.rstrip(" ") if rule == "rtrim" else value
    return value


def _sortable(value: Any, collation: str) -> Any:
    """Return a value that compares with others of its storage class as SQLite compares them."""
    value = _comparable(value, collation)
    return (
        value.encode("utf-8", "surrogateescape")
        if isinstance(value, str)
        else float("-inf")
        if value is None
        else value
    )
