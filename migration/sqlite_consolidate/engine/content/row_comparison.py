"""Compare rows by key, or by content where no key identifies them, in bounded memory.

Two short digests are kept of each expected row, one of its key and one of its content. Where there are too many rows,
they are divided into parts by the digest of their key, and both sides are read again for each part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.expected_rows import MATCHED, ExpectedPart, Row, Rows, Shape, digest_values
from sqlite_consolidate.engine.content.literals import format_value
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
    from collections.abc import Collection, Iterator, Sequence

MAX_KEPT_ROWS = 1_000_000  # expected rows in memory at a time, about 200 MB
_SHARES = 10  # places of which all changed rows are kept at a time


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
    for part in _parts(shape, expected, kept):
        matching = _Matching(part, comparison, pairs)
        for read, identity in _identified(shape, observed):
            if part.parts == 1 or part.has(identity):
                matching.match(read, identity)
        matching.report(expected)
    return comparison


def _parts(shape: Shape, expected: Sequence[Rows], kept: int) -> Iterator[ExpectedPart]:
    """Yield the parts of all keys, each with the digests of its expected rows."""
    if len(shape.keys) > 1 and any(rows.policy != "refuse" for rows in expected):
        kept = -1  # rows of different parts may have the same value of a further key
    parts, number = 1, 0
    while number < parts:
        part = ExpectedPart(shape, number, parts)
        part.expect(expected, kept if number == 0 else -1)
        parts = part.parts
        yield part
        number += 1


def without_dropped_rows(shape: Shape, expected: Sequence[Rows], *, kept: int = MAX_KEPT_ROWS) -> list[Rows]:
    """Return each place without the rows that a policy drops for others.

    Such a row has the same value of a key as a row that is expected in its place. An equal row is not dropped. Equal
    rows of one place that have a value of a key are one row.

    Args:
        shape: What the rows consist of.
        expected: Where they are read, in the order in which a run brings them together; each by its policy.
        kept: Number of expected rows of which digests are kept at a time.
    """
    if not shape.keys or all(rows.policy == "refuse" for rows in expected):
        return list(expected)
    dropped: list[set[bytes]] = [set() for _ in expected]
    for part in _parts(shape, expected, kept):
        for rows, of_place in zip(expected, dropped, strict=True):
            for read, identity in _identified(shape, rows):
                if (part.parts > 1 and not part.has(identity)) or part.repeats[identity]:
                    continue  # rows that no policy decides about are all expected
                if part.contents.get(identity) != (content := digest_values(read[: len(shape.columns)])):
                    of_place.add(content)
    return [
        replace(rows, dropped=frozenset(of_place), merged=rows.policy != "refuse")
        for rows, of_place in zip(expected, dropped, strict=True)
    ]


def compare_each(
    shape: Shape,
    expected: Sequence[Rows],
    observed: Rows,
    *,
    pairs: int = MAX_DIFFERENCES,
    kept: int = MAX_KEPT_ROWS // 2,
) -> Iterator[tuple[int, Comparison]]:
    """Compare the rows of each place alone with those that are there.

    The latter are read once for as many places as may be kept at a time. A row that no place has is in no comparison.

    Args:
        shape: What the rows of both consist of.
        expected: Where they are read. Policies are ignored.
        observed: The rows that are there.
        pairs: Number of changed rows of each place that are kept with both contents.
        kept: Number of expected rows of which digests are kept at a time.

    Yields:
        The number of each place and its comparison, in any order.

    Raises:
        sqlite3.Error: A table cannot be read.
    """
    waiting = {number: replace(rows, policy="refuse") for number, rows in enumerate(expected)}
    while waiting:
        together, left, room = dict[int, _Matching](), kept, _Room(_SHARES * pairs)
        for number, rows in list(waiting.items()):
            part = ExpectedPart(shape, number=0, parts=1)
            part.expect([rows], kept)
            if part.parts > 1:
                yield number, compare_rows(shape, [waiting.pop(number)], observed, pairs=pairs, kept=kept)
                continue
            left -= len(part.contents)
            if left < 0:
                break
            together[number] = _Matching(part, Comparison(shape), pairs, room)
        _match_together(shape, together.values(), observed)
        for number, matching in together.items():
            if not matching.is_crowded:
                matching.report([waiting.pop(number)])
                yield number, matching.comparison


def _match_together(shape: Shape, matchings: Collection[_Matching], observed: Rows) -> None:
    """Match each observed row with the expected rows of each place that has its identity."""
    first, others = dict[bytes, _Matching](), dict[bytes, list[_Matching]]()
    for matching in matchings:
        for identity in matching.part.contents:
            if first.setdefault(identity, matching) is not matching:
                others.setdefault(identity, []).append(matching)
    for read, identity in _identified(shape, observed) if first else ():
        if identity in first:
            first[identity].match(read, identity)
            for matching in others.get(identity, ()):
                matching.match(read, identity)


def _identified(shape: Shape, rows: Rows) -> Iterator[tuple[Row, bytes]]:
    width = len(shape.columns)
    return ((read, shape.identity(read[:width])) for read in rows)


@dataclass
class _Room:
    """Count the changed rows that may still be kept."""

    pairs: int

    def take(self, pairs: int) -> bool:
        """Return whether there was room for some more."""
        self.pairs -= pairs if (fits := pairs <= self.pairs) else 0
        return fits


@dataclass
class _Matching:
    """Match observed rows with the expected rows of a part.

    Attributes:
        part: The expected rows.
        comparison: The numbers and first rows that the matching adds to.
        pairs: Number of changed rows that are kept with both contents.
        room: Room for them, if other matchings share it.
        is_crowded: Whether the others have left too little room.
    """

    part: ExpectedPart
    comparison: Comparison
    pairs: int
    room: _Room | None = None
    is_crowded: bool = False
    _surplus: Counter[bytes] = field(default_factory=Counter)
    _rows: dict[bytes, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.comparison.rows += len(self.part.contents) + self.part.repeats.total()

    def match(self, read: Row, identity: bytes) -> None:
        """Match a row that was read with the expected row of its identity, if there is one left."""
        comparison, content = self.comparison, self.part.contents.get(identity)
        row = read[: len(comparison.shape.columns)]
        if not content:
            self._add_surplus(read, identity, is_double=content is not None)
            return
        if self.part.repeats[identity]:
            self.part.repeats[identity] -= 1
        else:
            self.part.contents[identity] = MATCHED
        if content == digest_values(row):
            comparison.exact += 1
            return
        comparison.changed += 1
        if self.room and comparison.changed == 1:
            self.is_crowded = not self.room.take(min(self.pairs, comparison.rows))
        if not self.is_crowded and len(self.part.changed_rows) + len(comparison.pairs) < self.pairs:
            self.part.changed_rows[identity] = content, read

    def _add_surplus(self, read: Row, identity: bytes, *, is_double: bool) -> None:
        comparison = self.comparison
        comparison.extra += 1
        comparison.keyless_extra += not comparison.shape.has_key(read)
        if is_double:
            comparison.doubled += 1
            comparison.doubled_rows += [(read, 1)] if len(comparison.doubled_rows) < MAX_DIFFERENCES else []
        if identity in self._surplus or len(self._surplus) + len(comparison.extra_rows) < MAX_DIFFERENCES:
            self._surplus[identity] += 1
            self._rows.setdefault(identity, read)

    def report(self, expected: Sequence[Rows]) -> None:
        """Add the first rows that a report names.

        Expected rows are read again, because only their digests were kept.
        """
        self.comparison.extra_rows += [(self._rows[identity], count) for identity, count in self._surplus.items()]
        _read_reported_rows(self.part, expected, self.comparison)


def _read_reported_rows(part: ExpectedPart, expected: Sequence[Rows], comparison: Comparison) -> None:
    """Read the expected rows that a report names."""
    missing: dict[bytes, bytes] = {}
    for identity, content in part.contents.items():
        if content != MATCHED:
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
