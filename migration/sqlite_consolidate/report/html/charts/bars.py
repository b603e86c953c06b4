"""Bars: numbers before and after, side by side: the rows of the target's tables, and the sizes of the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.report.formatting import size
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlite_consolidate.report.evidence import Record

WIDTH = 960
NAMES = 300  # where the names end
SPACE = 480  # of the longest bar; its figure stands behind it
ROW = 36

_MOST = 12


@dataclass(frozen=True)
class Bar:
    """One number: how long it is drawn, and the number in words."""

    kind: Literal["before", "after"]
    y: float
    width: float
    said: str


@dataclass(frozen=True)
class Pair:
    """One name with its number before and after; a number that is not known has no bar."""

    name: str
    y: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    """The whole picture; ``said`` tells in a sentence what it shows."""

    pairs: tuple[Pair, ...]
    height: float
    said: str


_Numbers = tuple[str, int | None, int | None]


def rows_chart(record: Record) -> Chart | None:
    """Return the rows of the target's tables, those that changed most first; the others are taken together."""
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
        after = _sum(one[2] for one in rest) if target.rows_after else None
        numbers.append((counted(len(rest), "other table"), _sum(one[1] for one in rest), after))
    before_all, after_all = sum(target.rows.values()), sum(target.rows_after.values())
    said = f"{target.file} had {_rows(before_all)} in {counted(len(target.rows), 'table')} before"
    after_words = f", and has {_rows(after_all)} in {counted(len(target.rows_after), 'table')} after."
    return _chart(numbers, _rows, said + (after_words if target.rows_after else "."))


def sizes_chart(record: Record) -> Chart | None:
    """Return the sizes of the database files; the sources have none afterwards under their old names."""
    databases = [*record.sources, *([record.target] if record.target else [])]
    numbers = [(one.file, one.size, one.size_after) for one in databases[-_MOST:]]
    if not any(before or after for _, before, after in numbers):
        return None
    total = sum(one.size or 0 for one in databases)
    said = f"{counted(len(databases), 'database')} had {size(total)} before"
    after = record.target.size_after if record.target else None
    said += f"; the target has {size(after)} after." if after is not None else "."
    if len(databases) > _MOST:
        left = len(databases) - _MOST
        said += f" The first {counted(left, 'source')} {'is' if left == 1 else 'are'} in the table only."
    return _chart(numbers, size, said)


def _rows(count: int) -> str:
    """Return a number of rows with its thousands apart."""
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def _change(numbers: _Numbers) -> tuple[int, int]:
    _, before, after = numbers
    change = abs((after or 0) - (before or 0)) if after is not None else 0
    return change, max(before or 0, after or 0)


def _sum(counts: Iterable[int | None]) -> int:
    return sum(count or 0 for count in counts)


def _chart(numbers: list[_Numbers], word: Callable[[int], str], said: str) -> Chart:
    longest = max((count or 0 for _, *both in numbers for count in both), default=0) or 1
    pairs = []
    for place, (name, before, after) in enumerate(numbers):
        y = 8.0 + ROW * place
        bars = []
        if before is not None:
            bars.append(Bar("before", y, round(SPACE * before / longest, 1), word(before)))
        if after is not None:
            bars.append(Bar("after", y + 14, round(SPACE * after / longest, 1), word(after)))
        pairs.append(Pair(name, y, tuple(bars)))
    return Chart(tuple(pairs), 8.0 + ROW * len(pairs), said)
