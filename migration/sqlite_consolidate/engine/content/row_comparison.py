"""Compare rows by key, or by content where no key tells them apart, in bounded memory.

The rows that are expected are kept as two short digests each: of their key and of their content. Where there are too
many for that, the keys are divided into parts by their digest, and both sides are read once for each part.
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

Row = tuple[Any, ...]

MAX_KEPT_ROWS = 1_000_000  # expected rows that are kept at a time: about 200 MB
_MARSHAL_VERSION = 2
_DIGEST_BYTES = 16
_MATCHED = b""  # in place of the content of a row whose counterpart was read


@dataclass(frozen=True)
class Shape:
    """What the rows of both sides consist of.

    Attributes:
        table: Their table.
        columns: Names of their values, in the order in which both sides are read.
        keys: Positions and collations of the columns of each key; the first tells rows apart. Empty: content does.
        by_rowid: Whether the first column is the implicit rowid, which is read to tell the rows apart.
    """

    table: str
    columns: tuple[str, ...]
    keys: tuple[tuple[tuple[int, str], ...], ...] = ()
    by_rowid: bool = False

    def has_key(self, row: Row) -> bool:
        """Tell whether a key tells a row from others."""
        return bool(self.keys) and all(row[index] is not None for index, _ in self.keys[0])

    def identity(self, row: Row) -> bytes:
        """Return the digest of what tells a row from others: its key, or all of it where the key has a NULL."""
        return (self.claim(row, 0) if self.keys else None) or digest_values(row)

    def claim(self, row: Row, number: int) -> bytes | None:
        """Return the digest of a key of a row, the same for all values that SQLite takes for equal; None: has NULL."""
        key = [number]
        for index, collation in self.keys[number]:
            value = row[index]
            if value is None:
                return None
            key.append(value if type(value) is int else _comparable(value, collation))
        return digest_values(tuple(key))


def row_shape(table: str, columns: Sequence[str], keys: Sequence[Key]) -> Shape:
    """Return the shape of rows with some columns, and with those keys of which every column is among them."""
    indexes = {folded(column): index for index, column in enumerate(columns)}
    whole = [key for key in keys if all(folded(column) in indexes for column, _ in key)]
    placed = tuple(tuple((indexes[folded(column)], collation) for column, collation in key) for key in whole)
    return Shape(table, tuple(columns), placed)


@dataclass(frozen=True)
class Rows:
    """Rows of one table, as they are read.

    Attributes:
        con: Connection to their database; only read from.
        query: Yields the values of each row in the order of a shape. A further value is the rowid.
        policy: ``on_conflict`` of the table map that brings them, for keys that rows before them claim as well.
    """

    con: sqlite3.Connection
    query: str
    policy: str = "refuse"

    def __iter__(self) -> Iterator[Row]:
        before = self.con.text_factory
        read_text_losslessly(self.con)
        try:
            yield from self.con.execute(self.query)
        finally:
            self.con.text_factory = before


@dataclass
class Comparison:
    """What became of the rows that were expected.

    Attributes:
        shape: What the rows consist of.
        rows: Number of expected rows.
        exact: Expected rows that were observed with every value, type and byte.
        changed: Expected rows of which another content was observed under the same key.
        missing: Expected rows that were not observed.
        extra: Observed rows beyond those that were expected.
        doubled: Those of the extra rows whose key, or content, was expected, and was observed before.
        keyless_missing: Those of the missing rows that no key tells from others.
        keyless_extra: Those of the extra rows that no key tells from others.
        pairs: The first of the changed rows, as expected and as observed.
        missing_rows: The first of the missing rows, each with the number of rows that are equal to it.
        extra_rows: The first of the extra rows likewise.
        doubled_rows: The first of the doubled rows likewise.
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
        """The doubled rows as records with values."""
        first = tuple(self._single_row(DifferenceKind.EXTRA, row, count) for row, count in self.doubled_rows)
        return RowDifferences(extra=self.doubled, first=first)

    def differences(self, *kinds: DifferenceKind) -> RowDifferences:
        """Return what differs as records with values; of some kinds only, where they are named."""
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
        kept = -1  # rows of different parts may claim the same key beside that by which they are divided
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
    """The expected rows of one part of all keys.

    Attributes:
        shape: What the rows consist of.
        number: Which part this is of how many ``parts``.
        contents: Identity of each row to the digest of its content, or ``_MATCHED``.
        repeats: Identity of a row to the number of further rows with the same.
        changed_rows: Identity of a changed row to the digest of its content and the observed row.
        keyless: Identity of each row whose key has a NULL, where the rows have one.
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
        """Tell whether a row belongs to this part."""
        return int.from_bytes(identity[:4], "little") % self.parts == self.number

    def expect(self, expected: Sequence[Rows], kept: int) -> None:
        """Keep the digests of the rows of this part; where they become more than ``kept``, halve the part."""
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
        """Add a row unless its policy gives way to one that claims a key of it; else that one makes way."""
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
    """Hold each row that is there against the expected ones of a part."""
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
    """Read the expected rows that are to be named once more: of each only its digests were kept."""
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
    """Return a short digest that tells values, storage classes and bytes apart."""
    return hashlib.sha256(marshal.dumps(values, _MARSHAL_VERSION)).digest()[:_DIGEST_BYTES]


def _comparable(value: Any, collation: str) -> Any:
    """Return the same for all values of a key that SQLite takes for equal."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, str):
        rule = folded(collation)
        return folded(value) if rule == "nocase" else value.rstrip(" ") if rule == "rtrim" else value
    return value
