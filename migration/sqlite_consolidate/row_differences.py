"""Describe the rows in which two states of a table differ, with or without values."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlite_consolidate.secret_masking import MASK, replaceable_values
from sqlite_consolidate.text import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable


_Item = TypeVar("_Item", bound=Any)

MASKED = "(masked)"

MAX_DIFFERENCES = 20
"""Number of differences that are listed. Further ones are only counted."""

_IN_TEXT = 3  # differences that a line of text names
_COLUMNS_IN_TEXT = 5  # columns of one difference that a line of text names
_LONGEST_NAME = 40  # characters of a table's or column's name in a line of text
_LONGEST_NOTE = 200  # characters of a note in a line of text
_INTEGER = re.compile(r"-?\d+")


class DifferenceKind(StrEnum):
    """Name how a row differs."""

    MISSING = "missing"
    """The row was expected, and is not in the table."""
    EXTRA = "extra"
    """The row is in the table, and was not expected, or not as often."""
    CHANGED = "changed"
    """A row with the same key is in the table, with other values."""


@dataclass(frozen=True)
class KeyValue:
    """Hold one column of a row's key, with its value as an SQL literal or masked."""

    column: str
    value: str


@dataclass(frozen=True)
class ColumnDifference:
    """Hold one column in which a row differs, with the expected and the observed value.

    Both values are SQL literals or masked. A value is empty if that row does not exist.
    """

    column: str
    expected: str
    observed: str


@dataclass(frozen=True)
class RowDifference:
    """Hold one row that is missing, extra or changed.

    Attributes:
        kind: How the row differs.
        table: Name of the table.
        key: Columns and values of the row's key. It is empty if no key identifies the row.
        rowid: Rowid in the observed table, or for a missing row the rowid that was expected. It is None if the row has
            no rowid, or if the key is the rowid.
        columns: Columns that differ. For a missing or extra row without a key they are all columns, as long as values
            are shown.
        count: Number of equal rows that this difference covers.
    """

    kind: DifferenceKind
    table: str
    key: tuple[KeyValue, ...] = ()
    rowid: int | None = None
    columns: tuple[ColumnDifference, ...] = ()
    count: int = 1

    def masked(self) -> RowDifference:
        """Return the difference without values except integer keys.

        The operator finds the row by an integer key.
        """
        key = tuple(part if _INTEGER.fullmatch(part.value) else replace(part, value=MASKED) for part in self.key)
        columns = tuple(ColumnDifference(difference.column, MASKED, MASKED) for difference in self.columns)
        return replace(self, key=key, columns=columns if self.kind is DifferenceKind.CHANGED else ())

    @property
    def text(self) -> str:
        """Return the difference as a short text."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self._row} of {_cut(self.table)}{self._was_at}: {self._what}{times}"

    @property
    def values(self) -> str:
        """Return the expected and the observed value of each column that differs.

        The text is empty if the values are masked.
        """
        known = [column for column in self.columns if {column.expected, column.observed} - {MASKED}]
        return one_line("; ".join(f"{column.column}: {column.expected} -> {column.observed}" for column in known))

    @property
    def _row(self) -> str:
        key = ", ".join(f"{_cut(part.column)} {part.value}" for part in self.key)
        is_named = any(part.value != MASKED for part in self.key)
        has_rowid = self.rowid is not None and not is_named and self.kind is not DifferenceKind.MISSING
        rowid = f"with rowid {self.rowid}" if has_rowid else ""
        return " ".join(("row", " ".join(part for part in (key, rowid) if part) or "without a key"))

    @property
    def _was_at(self) -> str:
        is_named = any(part.value != MASKED for part in self.key)
        return (
            f" that had rowid {self.rowid}"
            if self.kind is DifferenceKind.MISSING and self.rowid is not None and not is_named
            else ""
        )

    @property
    def _what(self) -> str:
        if self.kind is not DifferenceKind.CHANGED:
            return self.kind.value
        names = [_cut(difference.column) for difference in self.columns]
        more = len(names) - _COLUMNS_IN_TEXT
        listed = ", ".join(names[:_COLUMNS_IN_TEXT]) + (f" and {more} more" if more > 0 else "")
        return f"{'column' if len(names) == 1 else 'columns'} {listed} changed"


@dataclass(frozen=True)
class RowDifferences:
    """Hold how the observed rows of a table differ from the expected ones.

    Attributes:
        missing: Number of expected rows that are not in the table.
        extra: Number of rows in the table that were not expected.
        changed: Number of rows whose key is in the table with other values.
        first: The first differences, at most twenty.
        note: A sentence that the reader needs in addition, such as why rows could not be compared, or empty.
    """

    missing: int = 0
    extra: int = 0
    changed: int = 0
    first: tuple[RowDifference, ...] = ()
    note: str = ""

    @property
    def number(self) -> int:
        """Return the number of rows that differ."""
        return self.missing + self.extra + self.changed

    @property
    def rest(self) -> int:
        """Return the number of rows that differ and are not among the first."""
        return self.number - sum(difference.count for difference in self.first)

    def __add__(self, other: RowDifferences) -> RowDifferences:
        """Return the differences of two tables together, with the first ones of each."""
        notes = dict.fromkeys(note for note in (self.note, other.note) if note)
        return RowDifferences(
            self.missing + other.missing,
            self.extra + other.extra,
            self.changed + other.changed,
            first_differences([self.first, other.first]),
            " ".join(notes),
        )

    def masked(self) -> RowDifferences:
        """Return the differences without values except integer keys."""
        return replace(self, first=tuple(difference.masked() for difference in self.first))

    @property
    def only_changed(self) -> RowDifferences:
        """Return only the rows whose key is in the table with other values."""
        first = tuple(difference for difference in self.first if difference.kind is DifferenceKind.CHANGED)
        return RowDifferences(changed=self.changed, first=first)

    @property
    def text(self) -> str:
        """Return one line that counts the differences and names the first few."""
        named = [difference.text for difference in self.first[:_IN_TEXT]]
        more = self.number - sum(difference.count for difference in self.first[:_IN_TEXT])
        parts = [self._counts, *named, *([f"and {more} more"] if named and more else [])]
        return one_line("; ".join(part for part in (*parts, _cut(self.note, _LONGEST_NOTE)) if part))

    @property
    def summary(self) -> str:
        """Return the numbers of the rows that differ, and the note."""
        return one_line("; ".join(part for part in (self._counts, self.note) if part))

    @property
    def _counts(self) -> str:
        counts = (
            (self.missing, DifferenceKind.MISSING),
            (self.extra, DifferenceKind.EXTRA),
            (self.changed, DifferenceKind.CHANGED),
        )
        return ", ".join(f"{counted(count, 'row')} {kind}" for count, kind in counts if count)


def row_differences_from(record: dict[str, Any]) -> RowDifferences:
    """Return the differences that a record of evidence holds."""
    first = tuple(
        RowDifference(
            DifferenceKind(entry["kind"]),
            entry["table"],
            tuple(KeyValue(**part) for part in entry["key"]),
            entry["rowid"],
            tuple(ColumnDifference(**column) for column in entry["columns"]),
            entry["count"],
        )
        for entry in record["first"]
    )
    return RowDifferences(record["missing"], record["extra"], record["changed"], first, record["note"])


def first_differences(
    groups: Iterable[Iterable[RowDifference]], most: int = MAX_DIFFERENCES
) -> tuple[RowDifference, ...]:
    """Return the first differences of several groups, in the order of the groups.

    If there are too many, each group keeps some of its own.
    """
    kept = [list(group) for group in groups]
    places = sorted((place, at) for at, group in enumerate(kept) for place in range(len(group)))[:most]
    return tuple(kept[at][place] for at, place in sorted((at, place) for place, at in places))


def no_row_differences(_table: str) -> RowDifferences | None:
    """Return None for a table whose rows are not compared."""
    return None


def _cut(text: str, longest: int = _LONGEST_NAME) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@dataclass(frozen=True)
class Disclosure:
    """Hold which values and outputs reports may show.

    Attributes:
        show_values: Whether the evidence contains values of rows, such as colliding keys.
        withhold_output: Whether the evidence omits the output of applications and logs.
        hidden: Secrets of the plan and of rewritten code, which no text shows. The longest comes first.
    """

    show_values: bool = False
    withhold_output: bool = False
    hidden: tuple[str, ...] = ()

    def hiding(self, secrets: Iterable[str]) -> Disclosure:
        """Return what reports may show if they show none of these secrets either."""
        return replace(self, hidden=replaceable_values([*self.hidden, *secrets]))

    def of_text(self, text: str) -> str:
        """Return a text without the hidden secrets."""
        for secret in self.hidden:
            text = text.replace(secret, MASK)
        return text

    def of_texts(self, item: _Item) -> _Item:
        """Return a dataclass whose texts are without the hidden secrets."""
        if not self.hidden:
            return item
        values = {field.name: getattr(item, field.name) for field in fields(item)}
        return replace(item, **{name: self.of_text(value) for name, value in values.items() if type(value) is str})

    def of_rows(self, rows: RowDifferences | None) -> RowDifferences | None:
        """Return differences of rows as reports may show them."""
        return rows if rows is None or self.show_values else rows.masked()
