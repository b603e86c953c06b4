"""Arrival: of the rows of one original table, which are in the target as they were, changed, or not at all.

For a consolidation that was made by other means, and may have been in use since: its target was never looked at before
COMMIT, and a difference can be a fault of the copy or a change made later. What can be told apart is told apart.
"""

from __future__ import annotations

import hashlib
import marshal
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from migration.engine.connections import exact_text
from migration.engine.sql import folded, quoted
from migration.engine.unique import keys_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from migration.engine.move import Move
    from migration.engine.schema import Table

_MARSHAL_VERSION = 2
_KEY_BYTES = 16
_LOOKED_AT = 5_000  # changed rows that are compared column by column


@dataclass(frozen=True)
class Arrival:
    """What became of the rows of one table.

    Attributes:
        rows: Rows of the original.
        exact: Rows that are in the target with every value, type and byte.
        changed: Rows whose key is in the target with other values.
        missing: Rows that are not in the target, by key, or where there is no key by content.
        doubled: Target rows beyond the first for a row of the original.
        swapped: Pairs of columns whose contents have changed places in every changed row that was looked at.
        retyped: Columns whose values have another storage class, where the declared types differ as well.
        differing: Columns in which changed rows differ.
    """

    rows: int
    exact: int
    changed: int
    missing: int
    doubled: int
    swapped: tuple[tuple[str, str], ...] = ()
    retyped: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()

    @property
    def systematic(self) -> bool:
        """Whether the differences look like a fault of the copy and not like changes made since."""
        return bool(self.swapped or self.retyped) or (self.changed == self.rows - self.missing > 1)


def arrival(original: sqlite3.Connection, move: Move, target: sqlite3.Connection, table: Table) -> Arrival:
    """Compare the rows of one original with the target as it is.

    Args:
        original: Connection to the database that the move's rows are read from.
        move: The table map, with the schema that was to be.
        target: Connection to the target.
        table: The target's table as it is.
    """
    pairs = [(old, new) for old, new in move.columns if table.column(new) is not None]
    key = _key(move, pairs)
    ours = [old for old, _ in pairs]
    theirs = [new for _, new in pairs]
    if not key:
        return _by_content(_rows(original, move.table, ours), _rows(target, table, theirs))
    at = [theirs.index(column) for column in key]
    waiting = {_short(row, at): _whole(row) for row in _rows(original, move.table, ours)}
    rows, seen = len(waiting), Counter[bytes]()
    altered: dict[bytes, tuple[Any, ...]] = {}
    exact = 0
    for row in _rows(target, table, theirs):
        short = _short(row, at)
        if short in waiting:
            seen[short] += 1
            if waiting[short] == _whole(row):
                exact += seen[short] == 1
            elif len(altered) < _LOOKED_AT:
                altered[short] = row
    doubled = sum(count - 1 for count in seen.values())
    before = {short: row for row in _rows(original, move.table, ours) if (short := _short(row, at)) in altered}
    both = [(row, altered[short]) for short, row in before.items()]
    return Arrival(rows, exact, len(seen) - exact, rows - len(seen), doubled, *_where(both, pairs, move, table))


def _by_content(originals: Iterator[tuple[Any, ...]], arrived: Iterator[tuple[Any, ...]]) -> Arrival:
    waiting = Counter(_whole(row) for row in originals)
    rows = waiting.total()
    seen = Counter(whole for row in arrived if (whole := _whole(row)) in waiting)
    exact = (waiting & seen).total()
    doubled = (seen - waiting).total()
    return Arrival(rows, exact, 0, rows - exact, doubled)


def _where(
    both: list[tuple[tuple[Any, ...], tuple[Any, ...]]], pairs: list[tuple[str, str]], move: Move, table: Table
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    """Say in which columns rows differ before and after, and whether two have changed places or one its type."""
    places = range(len(pairs))
    differing = [at for at in places if any(_whole((was[at],)) != _whole((now[at],)) for was, now in both)]
    swapped = [
        (one, other)
        for one, other in combinations(differing, 2)
        if all((was[one], was[other]) == (now[other], now[one]) for was, now in both)
    ]
    retyped = [
        at
        for at in differing
        if any(type(was[at]) is not type(now[at]) and was[at] is not None and now[at] is not None for was, now in both)
        and _declared(move, pairs[at][0], table, pairs[at][1])
    ]
    names = [new for _, new in pairs]
    return (
        tuple((names[one], names[other]) for one, other in swapped),
        tuple(names[at] for at in retyped),
        tuple(names[at] for at in differing),
    )


def _declared(move: Move, old: str, table: Table, new: str) -> bool:
    one, other = move.table.column(old), table.column(new)
    return one is not None and other is not None and one.type != other.type


def _key(move: Move, pairs: list[tuple[str, str]]) -> list[str]:
    """Return the target's spelling of a key that was planned, if all of its columns are there; else nothing."""
    there = {folded(new): new for _, new in pairs}
    for key in keys_of(move.into):
        if all(folded(column) in there for column, _ in key):
            return [there[folded(column)] for column, _ in key]
    return []


def _rows(con: sqlite3.Connection, table: Table, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    exact_text(con)
    names = ", ".join(quoted(name) for name in columns)
    not_indexed = "" if table.kind == "virtual" else " NOT INDEXED"
    yield from con.execute(f"SELECT {names} FROM {quoted(table.name)}{not_indexed}")


def _short(row: tuple[Any, ...], at: list[int]) -> bytes:
    """Return what tells a row from others: its key, or all of it where the key has a NULL and so tells nothing."""
    key = tuple(row[place] for place in at)
    return _whole(row if None in key else key)


def _whole(row: tuple[Any, ...]) -> bytes:
    return hashlib.sha256(marshal.dumps(row, _MARSHAL_VERSION)).digest()[:_KEY_BYTES]
