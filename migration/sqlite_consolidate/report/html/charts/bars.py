"""Compute bars of numbers before and after the run.

One chart shows the rows of the target's tables, the other the sizes of the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.report.formatting import size
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlite_consolidate.report.evidence import Record

WIDTH = 960
NAMES = 300  # where the names end
SPACE = 480  # of the longest bar; its figure stands behind it
ROW = 36

_MOST = 12

_NO_FILES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Bar:
    """Hold one number with the length of its bar and its label."""

    kind: Literal["before", "after"]
    y: float
    width: float
    label: str


@dataclass(frozen=True)
class Pair:
    """Hold one name with its numbers before and after.

    A number that is not known has no bar.
    """

    name: str
    y: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    """Hold one chart, with a sentence that describes it."""

    pairs: tuple[Pair, ...]
    height: float
    description: str


_Numbers = tuple[str, int | None, int | None]


def rows_chart(record: Record) -> Chart | None:
    """Return the rows of the target's tables, with the largest changes first.

    Further tables are summed up in one line.
    """
    target = record.target
    if target is None or not (target.rows or target.rows_after):
        return None
    known: list[_Numbers] = [
        (name, target.rows.get(name), target.rows_after.get(name) if target.rows_after else None)
        for name in dict.fromkeys([*target.rows_after, *target.rows])
    ]
    ordered = sorted(known, key=_change, reverse=True)
    numbers, rest = ordered[:_MOST], ordered[_MOST:]
    if rest:
        after = _sum(rows_after for _, _, rows_after in rest) if target.rows_after else None
        numbers.append((counted(len(rest), "other table"), _sum(rows_before for _, rows_before, _ in rest), after))
    before_all, after_all = sum(target.rows.values()), sum(target.rows_after.values())
    description = f"{target.file} had {_rows(before_all)} in {counted(len(target.rows), 'table')} before"
    after_description = f", and has {_rows(after_all)} in {counted(len(target.rows_after), 'table')} after."
    return _chart(numbers, _rows, description + (after_description if target.rows_after else "."))


def sizes_chart(record: Record, files: Mapping[str, int] = _NO_FILES) -> Chart | None:
    """Return the sizes of the database files.

    After the run, the sources do not exist under their old names.

    Args:
        record: The record.
        files: Number of files of each source that stands for several.
    """
    databases = [*record.sources, *([record.target] if record.target else [])]
    numbers = [(database.file, database.size, database.size_after) for database in databases[-_MOST:]]
    if not any(before or after for _, before, after in numbers):
        return None
    total = sum(database.size or 0 for database in databases)
    number = sum(files.get(database.name, 1) for database in databases)
    description = f"{counted(number, 'database')} had {size(total)} before"
    after = record.target.size_after if record.target else None
    description += f"; the target has {size(after)} after." if after is not None else "."
    if len(databases) > _MOST:
        omitted = len(databases) - _MOST
        description += f" The first {counted(omitted, 'source')} {'is' if omitted == 1 else 'are'} in the table only."
    return _chart(numbers, size, description)


def _rows(count: int) -> str:
    """Return a number of rows with a thousands separator."""
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def _change(numbers: _Numbers) -> tuple[int, int]:
    _, before, after = numbers
    change = abs((after or 0) - (before or 0)) if after is not None else 0
    return change, max(before or 0, after or 0)


def _sum(counts: Iterable[int | None]) -> int:
    return sum(count or 0 for count in counts)


def _chart(numbers: list[_Numbers], label: Callable[[int], str], description: str) -> Chart:
    longest = max((count or 0 for _, *both in numbers for count in both), default=0) or 1
    pairs = []
    for index, (name, before, after) in enumerate(numbers):
        y = 8.0 + ROW * index
        bars = []
        if before is not None:
            bars.append(Bar("before", y, round(SPACE * before / longest, 1), label(before)))
        if after is not None:
            bars.append(Bar("after", y + 14, round(SPACE * after / longest, 1), label(after)))
        pairs.append(Pair(name, y, tuple(bars)))
    return Chart(tuple(pairs), 8.0 + ROW * len(pairs), description)
