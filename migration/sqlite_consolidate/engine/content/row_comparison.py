"""Compare rows by key, or by content where no key identifies them, in bounded memory.

Two short digests are kept of each expected row, one of its key and one of its content. Where there are too many rows,
they are divided into parts by the digest of their key, and both sides are read again for each part.
"""

from __future__ import annotations

import hashlib
import marshal
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.literals import format_value
from sqlite_consolidate.engine.sqlite.connections import read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows
from sqlite_consolidate.row_differences import (
    MAX_DIFFERENCES,
    ColumnDifference,
    DifferenceKind,
    KeyValue,
    RowDifference,
    RowDifferences,
    first_differences,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Key
    from sqlite_consolidate.engine.sqlite.wide_rows import RowQuery

Row = tuple[Any, ...]

MAX_KEPT_ROWS = 1_000_000  # expected rows in memory at a time, about 200 MB
_MARSHAL_VERSION = 2
_DIGEST_BYTES = 16
_MATCHED = b""  # replaces the content digest of a row that was observed


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


@dataclass(frozen=True)
class Rows:
    """Hold the query that reads the rows of one table.

    Attributes:
        con: Connection to their database. It is only read from.
        query: Query of the values of each row in the order of a shape. A further value is the rowid.
        policy: ``on_conflict`` of the table mapping that copies them. It decides about keys that earlier rows have.
    """

    con: sqlite3.Connection
    query: RowQuery
    policy: str = "refuse"

    def __iter__(self) -> Iterator[Row]:
        before = self.con.text_factory
        read_text_losslessly(self.con)
        try:
            yield from fetch_rows(self.con, self.query)
        finally:
            self.con.text_factory = before


@dataclass
class Comparison:
    """Hold the result of comparing expected with observed rows.

    Attributes:
        shape: Columns and keys of the rows.
        rows: Number of expected rows.
        exact: Expected rows that were observed with every value, type and byte.
        changed: Expected rows whose key was observed with another content.
        missing: Expected rows that were not observed.
        extra: Observed rows that were not expected.
        doubled: Extra rows whose key, or content, was expected and had been observed before.
        keyless_missing: Missing rows that no key identifies.
        keyless_extra: Extra rows that no key identifies.
        pairs: First changed rows, as expected and as observed.
        missing_rows: First missing rows, each with the number of equal rows.
        extra_rows: First extra rows, each with the number of equal rows.
        doubled_rows: First doubled rows, each with the number 1.
    """

    shape: Shape
    rows: int = 0
    exact: int = 0
    changed: int = 0
    missing: int = 0
    extra: int = 0
    doubled: int = 0
    keyless_missing: int = 0
    keyless_extra: int = 0
    pairs: list[tuple[Row, Row]] = field(default_factory=list)
    missing_rows: list[tuple[Row, int]] = field(default_factory=list)
    extra_rows: list[tuple[Row, int]] = field(default_factory=list)
    doubled_rows: list[tuple[Row, int]] = field(default_factory=list)

    @property
    def doubles(self) -> RowDifferences:
        """Return the doubled rows as records with values."""
        first = tuple(self._single_row(DifferenceKind.EXTRA, row, count) for row, count in self.doubled_rows)
        return RowDifferences(extra=self.doubled, first=first)

    def differences(self, *kinds: DifferenceKind) -> RowDifferences:
        """Return the differences as records with values.

        Args:
            kinds: Kinds of differences to return. Without any, all kinds are returned.
        """
        wanted = kinds or tuple(DifferenceKind)
        records = {
            DifferenceKind.MISSING: [
                self._single_row(DifferenceKind.MISSING, row, count)
                for row, count in self.missing_rows[:MAX_DIFFERENCES]
            ],
            DifferenceKind.EXTRA: [
                self._single_row(DifferenceKind.EXTRA, row, count) for row, count in self.extra_rows[:MAX_DIFFERENCES]
            ],
            DifferenceKind.CHANGED: [self._changed(was, now) for was, now in self.pairs[:MAX_DIFFERENCES]],
        }
        return RowDifferences(
            missing=self.missing if DifferenceKind.MISSING in wanted else 0,
            extra=self.extra if DifferenceKind.EXTRA in wanted else 0,
            changed=self.changed if DifferenceKind.CHANGED in wanted else 0,
            first=first_differences(records[kind] for kind in wanted),
        )

    def _single_row(self, kind: DifferenceKind, row: Row, count: int) -> RowDifference:
        key = self._key(row)
        values = list(zip(self.shape.columns, row, strict=False))[self.shape.by_rowid :] if not key else []
        texts = [(column, format_value(column, value)) for column, value in values]
        columns = tuple(
            ColumnDifference(column, value, "")
            if kind is DifferenceKind.MISSING
            else ColumnDifference(column, "", value)
            for column, value in texts
        )
        return RowDifference(kind, self.shape.table, key, self._rowid(row), columns, count)

    def _changed(self, expected: Row, observed: Row) -> RowDifference:
        columns = tuple(
            ColumnDifference(column, format_value(column, expected[index]), format_value(column, observed[index]))
            for index, column in enumerate(self.shape.columns)
            if digest_values((expected[index],)) != digest_values((observed[index],))
        )
        return RowDifference(
            DifferenceKind.CHANGED, self.shape.table, self._key(expected), self._rowid(observed), columns
        )

    def _key(self, row: Row) -> tuple[KeyValue, ...]:
        places = self.shape.keys[0] if self.shape.has_key(row) and not self.shape.by_rowid else ()
        return tuple(
            KeyValue(self.shape.columns[index], format_value(self.shape.columns[index], row[index]))
            for index, _ in places
        )

    def _rowid(self, row: Row) -> int | None:
        if self.shape.by_rowid:
            return int(row[0])
        return row[len(self.shape.columns)] if len(row) > len(self.shape.columns) else None


def compare_rows(
    shape: Shape, expected: Sequence[Rows], observed: Rows, *, pairs: int = MAX_DIFFERENCES, kept: int = MAX_KEPT_ROWS
) -> Comparison:
    """Compare the rows that were expected with those that are there.

    Args:
        shape: What the rows of both consist of.
        expected: Where they are read, in the order in which a run brings them together; each by its policy.
        observed: The rows that are there.
        pairs: Number of changed rows that are kept with both contents.
        kept: Number of expected rows of which digests are kept at a time.

    Raises:
        sqlite3.Error: A table cannot be read.
    """
    comparison = Comparison(shape)
    if len(shape.keys) > 1 and any(rows.policy != "refuse" for rows in expected):
        kept = -1  # rows of different parts may have the same value of a further key
    parts, number = 1, 0
    while number < parts:
        part = _Part(shape, number, parts)
        part.expect(expected, kept if number == 0 else -1)
        parts = part.parts
        _match_observed(part, observed, comparison, pairs)
        _read_reported_rows(part, expected, comparison)
        number += 1
    return comparison


@dataclass
class _Part:
    """Hold the expected rows of one part of all keys.

    Attributes:
        shape: Columns and keys of the rows.
        number: Number of this part, from 0.
        parts: Number of parts.
        contents: Identity of each row to the digest of its content, or ``_MATCHED``.
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
    _claims: dict[bytes, list[bytes]] = field(default_factory=dict)

    def has(self, identity: bytes) -> bool:
        """Return whether a row belongs to this part."""
        return int.from_bytes(identity[:4], "little") % self.parts == self.number

    def expect(self, expected: Sequence[Rows], kept: int) -> None:
        """Keep the digests of the rows of this part, and halve it above ``kept`` rows."""
        has_policy = any(rows.policy != "refuse" for rows in expected)
        width = len(self.shape.columns)
        for rows in expected:
            for row in (read[:width] for read in rows):
                identity = self.shape.identity(row)
                if self.parts > 1 and not self.has(identity):
                    continue
                if has_policy:
                    self._add_by_policy(row, identity, rows.policy)
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

    def _add_by_policy(self, row: Row, identity: bytes, policy: str) -> None:
        """Add a row, or drop it or earlier rows of its keys, as the policy says."""
        numbers = range(1, len(self.shape.keys))
        claims = [claim for number in numbers if (claim := self.shape.claim(row, number))]
        holders = {self._owners[claim] for claim in claims if claim in self._owners}
        if identity in self.contents and self.shape.keys and self.shape.claim(row, 0):
            holders.add(identity)
        if policy == "prefer-source":
            for holder in holders:
                self._remove(holder)
        elif policy != "refuse" and holders:
            return
        self._add(row, identity)
        self._owners |= dict.fromkeys(claims, identity)
        self._claims[identity] = claims

    def _remove(self, identity: bytes) -> None:
        del self.contents[identity]
        for claim in self._claims.pop(identity, ()):
            self._owners.pop(claim, None)

    def _halve(self) -> None:
        self.parts *= 2
        self.contents = {identity: content for identity, content in self.contents.items() if self.has(identity)}
        self.repeats = Counter({identity: count for identity, count in self.repeats.items() if self.has(identity)})


def _match_observed(part: _Part, observed: Rows, comparison: Comparison, pairs: int) -> None:
    """Compare each observed row with the expected rows of a part."""
    shape, contents, repeats = part.shape, part.contents, part.repeats
    width = len(shape.columns)
    comparison.rows += len(contents) + repeats.total()
    surplus = Counter[bytes]()
    rows: dict[bytes, Row] = {}
    for read in observed:
        row = read[:width]
        identity = shape.identity(row)
        if part.parts > 1 and not part.has(identity):
            continue
        content = contents.get(identity)
        if not content:
            comparison.extra += 1
            comparison.keyless_extra += not shape.has_key(row)
            if content is not None:
                comparison.doubled += 1
                comparison.doubled_rows += [(read, 1)] if len(comparison.doubled_rows) < MAX_DIFFERENCES else []
            if identity in surplus or len(surplus) + len(comparison.extra_rows) < MAX_DIFFERENCES:
                surplus[identity] += 1
                rows.setdefault(identity, read)
            continue
        if repeats[identity]:
            repeats[identity] -= 1
        else:
            contents[identity] = _MATCHED
        if content == digest_values(row):
            comparison.exact += 1
        else:
            comparison.changed += 1
            if len(part.changed_rows) + len(comparison.pairs) < pairs:
                part.changed_rows[identity] = content, read
    comparison.extra_rows += [(rows[identity], count) for identity, count in surplus.items()]


def _read_reported_rows(part: _Part, expected: Sequence[Rows], comparison: Comparison) -> None:
    """Read the expected rows again that a report names.

    Only their digests were kept.
    """
    missing: dict[bytes, bytes] = {}
    for identity, content in part.contents.items():
        if content != _MATCHED:
            count = 1 + part.repeats[identity]
            comparison.missing += count
            comparison.keyless_missing += count if not part.shape.keys or identity in part.keyless else 0
            if len(missing) + len(comparison.missing_rows) < MAX_DIFFERENCES:
                missing[identity] = content
    if not missing and not part.changed_rows:
        return
    width = len(part.shape.columns)
    for read in (read for rows in expected for read in rows):
        row = read[:width]
        identity = part.shape.identity(row)
        if missing.get(identity) == digest_values(row):
            comparison.missing_rows.append((read, 1 + part.repeats[identity]))
            del missing[identity]
        elif identity in part.changed_rows and part.changed_rows[identity][0] == digest_values(row):
            comparison.pairs.append((row, part.changed_rows.pop(identity)[1]))
        if not missing and not part.changed_rows:
            return


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
