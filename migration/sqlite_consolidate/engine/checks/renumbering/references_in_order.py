"""Prove by the order of rows that children with new numbers reach their own parents.

New keys are above all others, and rows keep their order. Then the parents of the target are those that it had and after
them those of each source, in the order of their keys. One number for each source is the difference between the keys of
its parents in the target and in the source. This module reads that number from the rows, and uses no offset of the run.
If the references of a source's children differ by the same number, and all else is equal, each child reaches the row
that its parent became. Each table is read in its own order, and no parent is looked up. Where the page reader has
digested the rows of each source with that number, equal digests show the same, and no row is read.

A number that is no key of its database must be outside the keys of every database in the target, so that it leads to no
row there either. Where rows have another order, this module shows nothing. Then
:mod:`sqlite_consolidate.engine.checks.references.references_by_content` decides.
"""

from __future__ import annotations

import marshal
from bisect import bisect_right
from contextlib import ExitStack
from functools import partial
from itertools import chain, repeat
from operator import eq
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlite_consolidate.engine.checks.references.mapped_names import stored_name
from sqlite_consolidate.engine.checks.renumbering.arriving_digests import digest_with_number
from sqlite_consolidate.engine.content.digest import MARSHAL_VERSION, TableDigest
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_for_inspection
from sqlite_consolidate.engine.sqlite.errors import result_code
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.checks.references.references_by_content import Pairs
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_END = (b"",)  # the bytes of no row


class _Rows(NamedTuple):
    """Hold the rows of one table in one database.

    Attributes:
        connection: Function that returns a connection to the database.
        table: The table.
        number: The column whose numbers differ: the key of a parent, or the reference of a child.
        values: The other columns that are compared, in the order of the target's columns.
    """

    connection: Callable[[], sqlite3.Connection]
    table: Table
    number: str
    values: tuple[str, ...]

    def extent(self) -> tuple[Any, Any]:
        """Return the smallest and the largest number."""
        of_all = f"({quoted(self.number)}) FROM main.{quoted(self.table.name)}"
        query = f"SELECT (SELECT min{of_all}), (SELECT max{of_all})"  # SQLite looks up each alone, and not both
        least, most = self.connection().execute(query).fetchone()
        return least, most

    def first_above(self, last: int | None) -> int | None:
        """Return the smallest number above another one, or of all rows."""
        name, above = quoted(self.number), "" if last is None else f" WHERE {quoted(self.number)} > {last}"
        query = f"SELECT min({name}) FROM main.{quoted(self.table.name)}{above}"
        number: int | None = self.connection().execute(query).fetchone()[0]
        return number

    def outside(self, window: _Window) -> Iterator[tuple[Any, bool]]:
        """Yield each number outside a window as it must be in the target.

        The second value states whether it was an integer. A value of another type is always outside, and NULL never.
        """
        name = quoted(self.number)
        columns = f"{window.arriving(name)}, typeof({name}) = 'integer'"
        is_outside = f"typeof({name}) NOT IN ('integer', 'null') OR NOT {window.contains(name)}"
        query = f"SELECT DISTINCT {columns} FROM main.{quoted(self.table.name)} NOT INDEXED WHERE {is_outside}"
        yield from self.connection().execute(query)

    def messages(self, window: _Window) -> Iterator[bytes]:
        """Return each row in the order of the rowids, as bytes that differ if a value differs.

        Args:
            window: The parents of the database, which determine the numbers that arrive.
        """
        columns = (window.arriving(quoted(self.number)), *map(quoted, self.values))
        rows = f"main.{quoted(self.table.name)} NOT INDEXED ORDER BY {quoted(self.table.alias or self.table.rowid)}"
        query = f"SELECT {', '.join(columns)} FROM {rows}"
        return map(marshal.dumps, self.connection().execute(query), repeat(MARSHAL_VERSION))


class _Window(NamedTuple):
    """Hold where the keys of the parents of one database are.

    Attributes:
        first: Their smallest key in that database.
        last: Their largest key in that database.
        change: What was added to them in the target.
    """

    first: int
    last: int
    change: int

    def contains(self, number: str) -> str:
        """Return the SQL condition that a number is among these keys."""
        return f"({number} BETWEEN {self.first} AND {self.last})"

    def arriving(self, number: str) -> str:
        """Return the SQL of the number that must arrive in the target.

        A number that is at most 0 and no key stands for no row, and stays.
        """
        if not self.change:
            return number
        return f"iif({number} > 0 OR {self.contains(number)}, {number} + {self.change}, {number})"

    def agrees(self, least: int, smallest: int | None) -> bool:
        """Return whether all numbers from a least one on are those that do not stay.

        Args:
            least: The least one.
            smallest: The smallest number of all rows, or None without a number.
        """
        has_others = smallest is not None and smallest <= 0
        return self.first > 0 and (least == 1 or not has_others)


_NO_PARENTS = _Window(0, -1, 0)


class _Moved(NamedTuple):
    """Hold the rows of a table of the target, now and where they were before.

    Attributes:
        now: The rows inside the transaction.
        present: The rows that the target had, if it had the table.
        mappings: The table mapping of each source, in the order of the plan.
        names: Columns of the target: the one with the number, and those that are compared.
        compared: The target, which has the digests of both.
    """

    now: _Rows
    present: _Rows | None
    mappings: Sequence[TableMapping]
    names: Sequence[str]
    compared: TargetComparison

    @property
    def is_readable(self) -> bool:
        """Return whether each table has rowids and all of the columns."""
        return all(self.of_source(mapping) for mapping in self.mappings)

    def of_source(self, mapping: TableMapping) -> _Rows | None:
        """Return the rows of a source, or None if they cannot be read.

        They are described each time, because there may be very many sources.
        """
        source, origins = self.compared.inspected.sources[mapping.source.name], _origins(mapping)
        columns = [origins.get(folded(name), "") for name in self.names]
        return _rows(partial(_reader, source), source.schema.table(mapping.table_map.name), columns)

    def before(self) -> Iterator[tuple[str, _Rows]]:
        """Yield the rows of each database before, with the name of the source.

        The rows of the target are first, without a name.
        """
        if self.present:
            yield "", self.present
        for mapping in self.mappings:
            if rows := self.of_source(mapping):
                yield mapping.source.name, rows

    def windows(self) -> dict[str, _Window] | None:
        """Return where the keys of the parents of each database are.

        None means that the target has other parents.
        """
        windows: dict[str, _Window] = {}
        last = None
        for name, rows in self.before():
            first, most = rows.extent()
            if first is None:
                continue
            arrived = self.now.first_above(last)
            if arrived is None:
                return None
            windows[name] = _Window(first, most, arrived - first)
            last = most + arrived - first
        return windows if self.is_equal(windows) else None

    def is_equal(self, windows: Mapping[str, _Window]) -> bool:
        """Return whether the rows now are those of before, with the numbers that arrive."""
        return self._has_equal_digests(windows) or self._has_equal_order(windows)

    def _has_equal_digests(self, windows: Mapping[str, _Window]) -> bool:
        """Return whether the digest of the rows now is the sum of those with the new numbers."""
        expected = self.compared.digests_before.get(self.now.table.name, TableDigest())
        for mapping in self.mappings:
            rows, window = self.of_source(mapping), windows.get(mapping.source.name, _NO_PARENTS)
            if rows is None:
                return False
            digested = digest_with_number(self.compared.inspected, mapping, rows.number, rows.values, window.change)
            if digested is None or (window.change and not window.agrees(digested[1], rows.extent()[0])):
                return False
            expected += digested[0]
        counts = self.mappings[0].rowid_counts
        return expected == self.compared.digest(self.compared.con, self.now.table, with_rowid=counts)

    def _has_equal_order(self, windows: Mapping[str, _Window]) -> bool:
        before = chain.from_iterable(rows.messages(windows.get(name, _NO_PARENTS)) for name, rows in self.before())
        return all(map(eq, chain(before, _END), chain(self.now.messages(_NO_PARENTS), _END)))

    def is_outside(self, windows: Mapping[str, _Window]) -> bool:
        """Return whether each number outside its window must be outside all windows in the target."""
        firsts = [window.first + window.change for window in windows.values()]  # in ascending order
        lasts = [window.last + window.change for window in windows.values()]
        for name, rows in self.before():
            for number, is_integer in rows.outside(windows.get(name, _NO_PARENTS)):
                place = bisect_right(firsts, number) if is_integer else 0
                if not is_integer or (place and number <= lasts[place - 1]):
                    return False
        return True


class RowOrder:
    """Compare the parents and children of the target with those of before, in their order."""

    def __init__(self, compared: TargetComparison) -> None:
        self._compared = compared
        self._windows: dict[tuple[str, ...], dict[str, _Window] | None] = {}

    def shows(self, pairs: Pairs) -> bool:
        """Return whether the order of rows shows that each child reaches its own parent.

        Raises:
            sqlite3.Error: SQLite cannot read a row.
        """
        parents = self._compared.inspected.mappings_into(pairs.into.table.name)
        children = [reference.child for reference in pairs.group]
        if pairs.when or len(pairs.columns) > 1 or not (_all_move(parents) and _all_move(children)):
            return False
        if any(reference.parent_mapping is None for reference in pairs.group):
            return False
        try:
            with ExitStack() as opened:
                limits = limits_of(self._compared.con)
                before = opened.enter_context(open_for_inspection(pairs.before, limits)) if pairs.before else None
                keys = self._moved(pairs.into.table, parents, (*pairs.into.columns, *pairs.of_parent), before)
                numbers = self._moved(pairs.child, children, (*pairs.columns, *pairs.of_child), before)
                return bool(keys and numbers and _lead_to(pairs, keys) and self._are_kept(keys, numbers))
        except sqlite3.OperationalError as error:
            if result_code(error) is not None:  # else Python raised it, because a text is not UTF-8
                raise
            return False

    def _are_kept(self, keys: _Moved, numbers: _Moved) -> bool:
        parents = (keys.now.table.name, *keys.now.values)
        if parents not in self._windows:
            self._windows[parents] = keys.windows()
        windows = self._windows[parents]
        return windows is not None and numbers.is_outside(windows) and numbers.is_equal(windows)

    def _moved(
        self, into: Table, mappings: Sequence[TableMapping], names: Sequence[str], before: sqlite3.Connection | None
    ) -> _Moved | None:
        """Return the rows of a table of the target, now and before.

        None means that a table has no rowids, or lacks a column.

        Args:
            into: The table, as the plan leaves it.
            mappings: Those that lead into it.
            names: Columns of the target: the one with the number, and those that are compared.
            before: Connection to the backup of the target, if there was one.
        """
        compared, inspected = self._compared, self._compared.inspected
        now, present = _rows(lambda: compared.con, compared.schema.table(into.name), names), None
        table = inspected.target.schema.table(into.name) if inspected.target else None
        if before is not None and table is not None:
            present = _rows(lambda: before, table, names)
            if present is None:
                return None
        moved = _Moved(now, present, mappings, names, compared) if now else None
        return moved if moved and moved.is_readable else None


def _rows(connection: Callable[[], sqlite3.Connection], table: Table | None, names: Sequence[str]) -> _Rows | None:
    """Return the rows of a table that has rowids and all of the columns, or None."""
    if table is None or table.kind != "table" or not (table.alias or table.rowid):
        return None
    if not all(stored_name(table, name) for name in names):
        return None
    return _Rows(connection, table, names[0], tuple(names[1:]))


def _lead_to(pairs: Pairs, keys: _Moved) -> bool:
    """Return whether each reference, now and before, leads to the rowids of these rows."""
    referred = {each.child.source.name: each.parent.columns[0] for each in pairs.group if each.parent}
    return folded(keys.now.number) == folded(keys.now.table.alias) and all(
        folded(rows.number) == folded(rows.table.alias) == folded(referred.get(source, rows.number))
        for source, rows in keys.before()
    )


def _origins(mapping: TableMapping) -> dict[str, str]:
    """Return the folded name of each column of the target to the column that feeds it."""
    return {folded(new): old for old, new in mapping.columns}


def _reader(database: InspectedDatabase) -> sqlite3.Connection:
    return database.write_lock.reader


def _all_move(mappings: Sequence[TableMapping]) -> bool:
    """Return whether all rows of each source move, from one table."""
    sources = {mapping.source.name for mapping in mappings}
    return len(sources) == len(mappings) and not any(mapping.chosen or mapping.matched for mapping in mappings)
