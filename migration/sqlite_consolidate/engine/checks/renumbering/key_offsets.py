"""Give each renumbered key of a source an offset above all numbers that are taken.

The numbers are read under the locks of the preflight. The arithmetic is that of Python, because SQLite turns an integer
that overflows into a REAL.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.constants.followed_constants import follow_constants
from sqlite_consolidate.engine.checks.matching.match_columns import match_hint
from sqlite_consolidate.engine.checks.references.mapped_names import stored_name
from sqlite_consolidate.engine.checks.renumbering.followed_keys import Case, FollowedKeys, column_id, table_id
from sqlite_consolidate.engine.checks.renumbering.key_texts import renumbered_findings
from sqlite_consolidate.engine.checks.renumbering.unfollowed.compared_keys import find_compared_keys
from sqlite_consolidate.engine.checks.renumbering.unfollowed.unfollowed_ids import find_unfollowed
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.content.projection import column_of
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.merge.rows.key_shift import ConditionalShift, KeyShift
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import (
        ColumnOfSource,
        Follower,
        TableId,
    )
    from sqlite_consolidate.engine.checks.renumbering.source_keys import ColumnOfTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.rows.key_shift import ColumnShift
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
else:
    from sqlite_consolidate.sqlite_library import sqlite3

LARGEST = 2**63 - 1
"""Largest integer that SQLite stores."""

_EXACT_IN_JAVASCRIPT = 2**53
_MAX_SENTINELS = 500  # different values in one column


def offset_above(taken: int | None, smallest: int) -> int:
    """Return the number that is added to the keys of a source.

    If no number is taken, the keys stay as they are. Otherwise each new key is above 0, because values up to 0 can be
    references to no row, and these stay.

    Args:
        taken: Largest number that is taken, or None if none is.
        smallest: Smallest key of the source, or 1 without a row.
    """
    if taken is None:
        return 0
    return max(taken, 0) + 1 - min(1, smallest)


def shift_keys(databases: InspectedDatabases, limits: Limits) -> None:
    """Set how the keys of renumbered tables, and references to them, arrive."""
    followed = FollowedKeys.of(databases)
    databases.problems += [*followed.problems, *_none_without_effect(followed)]
    if not followed.key_places:
        return
    offsets, shifted = _Offsets(databases, followed), list["TableMapping"]()
    for source, mappings in followed.by_source.items():
        limits.deadline.start_step(f"the keys of {databases.sources[source].file}")
        try:
            offsets.add_source(mappings)
        except sqlite3.Error as error:
            file = databases.sources[source].file
            databases.problems.append(replace(read_problem(file, error), criterion="keys-free"))
        shifted += map(offsets.shifted, mappings)
    databases.mappings = shifted
    follow_constants(databases)
    databases.problems += _policy_problems(databases.mappings)
    problems, findings = find_unfollowed(databases, followed)
    databases.problems += problems
    databases.findings += [
        *renumbered_findings(databases),
        *findings,
        *find_compared_keys(databases, followed, limits),
    ]


@dataclass
class _Offsets:
    """Compute the offsets of one source after the other.

    Attributes:
        shifts: Renumbered and referring tables of the source to their shifted columns.
    """

    databases: InspectedDatabases
    followed: FollowedKeys
    shifts: dict[TableId, dict[str, ColumnShift]] = field(default_factory=dict)
    _columns: dict[ColumnOfTarget, set[ColumnOfTarget]] = field(default_factory=dict)
    _taken: dict[ColumnOfTarget, int] = field(default_factory=dict)
    _by_key: dict[ColumnOfSource, KeyShift] = field(default_factory=dict)
    _shifts: dict[tuple[ColumnOfSource, Case], KeyShift] = field(default_factory=dict)
    _followers: dict[ColumnOfSource, list[Follower]] = field(default_factory=dict)
    _largest_values: dict[ColumnOfSource, int] = field(default_factory=dict)
    _kept_values: dict[tuple[ColumnOfSource, RowCondition | None], tuple[int, ...] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the numbers that the target has."""
        planned = self.databases.target_schema.schema
        for place in self.followed.key_places:
            self._columns[place] = self.followed.same_numbers(place, planned)
        target = self.databases.target
        for place, columns in self._columns.items() if target else ():
            for table_name, name in columns:
                table = target.schema.table(table_name) if target else None
                column = stored_name(table, name) if table else ""
                if target and table and column:
                    conditions = self.followed.target_rows_with(table, name, columns)
                    value = _referring(column_of(column), self.followed.none_at((table_name, name)))
                    largest = _largest(target.write_lock.reader, table.name, value, conditions)
                    self._take(place, largest)
                    self._take(place, _mark(target.marks, table.name) if folded(table.alias) == name else None)

    def add_source(self, mappings: Sequence[TableMapping]) -> None:
        """Compute the offsets of the keys of one source, and take its numbers."""
        self._followers = self.followed.followers(mappings)
        columns = [(mapping, column) for mapping in mappings for column in self.followed.columns(mapping)]
        waiting = [place for place in columns if not self.followed.is_undeclared(*place)]
        keys = [(mapping, key) for mapping in mappings for key in self.followed.own_keys(mapping)]
        for added in (None, *keys):
            if added:
                self._add_key(*added)
            ready = [place for place in waiting if self.followed.owners(*place) <= self._by_key.keys()]
            waiting = [place for place in waiting if place not in ready]
            for mapping, column in ready:
                self._set_shift(mapping, column)
                self._take_column(mapping, column)
        for place in columns:
            if self.followed.is_undeclared(*place):
                self._take_column(*place)
        for known in (self._by_key, self._shifts, self._followers, self._largest_values, self._kept_values):
            known.clear()  # no column of another source follows these keys

    def shifted(self, mapping: TableMapping) -> TableMapping:
        """Return a mapping of the source with its shifted columns, which are no longer kept here."""
        shifts = self.shifts.pop(table_id(mapping), None)
        return replace(mapping, shifts=shifts) if shifts else mapping

    def _add_key(self, mapping: TableMapping, key: str) -> None:
        place, name = self.followed.place(mapping, key), mapping.table_map.name
        is_kept = self.followed.is_kept(column_id(mapping, key))
        offset = 0 if is_kept else offset_above(self._taken.get(place), self._smallest(mapping, key))
        self._by_key[column_id(mapping, key)] = KeyShift(offset, is_key=True)
        largest = 0
        if folded(mapping.table.alias) == folded(key):
            largest = _mark(self.databases.sources[mapping.source.name].marks, name) or 0
        for follower, column, when in self._followers.get(column_id(mapping, key), ()):
            is_key = follower is mapping and column == key
            if not is_kept and (problem := self._integers_problem(follower, column, when, is_key=is_key)):
                self.databases.problems.append(problem)
                continue
            shift = KeyShift(offset, is_key, None if is_key or is_kept else self._kept(follower, column, when))
            self._shifts[column_id(follower, column), Case(when, column_id(mapping, key))] = shift
            conditions = [when] if when else []
            value = _referring(column_of(column), self.followed.none_of(follower, column))
            number = _largest(self._reader(mapping), follower.table_map.name, value, conditions)
            largest = max(largest, number or 0)
            if number is not None:
                values = self._largest_values
                values[column_id(follower, column)] = max(number, values.get(column_id(follower, column), number))
        self._check_largest(mapping, key, largest + offset)

    def _set_shift(self, mapping: TableMapping, column: str) -> None:
        """Set how the values of a column arrive, as far as they have an offset."""
        place = column_id(mapping, column)
        cases = [(case.when, self._shifts.get((place, case))) for case in self.followed.cases(mapping, column)]
        shifted = [(when, shift) for when, shift in cases if shift]
        conditional = tuple((when, shift) for when, shift in shifted if when)
        if shifted:
            shift = ConditionalShift(conditional) if conditional else shifted[0][1]
            self.shifts.setdefault(table_id(mapping), {})[folded(column)] = shift

    def _take_column(self, mapping: TableMapping, column: str) -> None:
        """Take the numbers that a column of a source brings."""
        place = self.followed.place(mapping, column)
        shift = self.shifts.get(table_id(mapping), {}).get(folded(column))
        stored = column_of(column)
        arriving = shift.value(stored) if shift else stored
        value = _referring(stored, self.followed.none_of(mapping, column), arriving)
        raw, mark = self._largest_values.get(column_id(mapping, column)), None
        if shift and raw and raw + shift.offset > LARGEST:
            return
        if folded(mapping.table.alias) == folded(column):
            mark = _mark(self.databases.sources[mapping.source.name].marks, mapping.table_map.name)
        for key, columns in self._columns.items():
            if place in columns:
                if isinstance(shift, KeyShift) and raw and raw > 0:
                    largest: int | None = raw + shift.offset
                else:
                    conditions = self.followed.rows_with(mapping, column, columns)
                    largest = _largest(self._reader(mapping), mapping.table_map.name, value, conditions)
                self._take(key, largest)
                self._take(key, mark + (shift.offset if shift else 0) if mark else None)

    def _take(self, key: ColumnOfTarget, number: int | None) -> None:
        if number is not None:
            self._taken[key] = max(number, self._taken.get(key, number))

    def _kept(
        self, child: TableMapping, column: str, when: RowCondition | None, path: tuple[ColumnOfSource, ...] = ()
    ) -> tuple[int, ...] | None:
        """Return the values of a referring column that stay.

        A value up to 0, or one that the plan lists in ``none``, stays if no referred row has it as its key. It also
        stays if the referred row keeps it.
        """
        place = (column_id(child, column), when)
        if place in self._kept_values:
            return self._kept_values[place]
        none = self.followed.none_of(child, column)
        name, moving = column_of(column), []
        for parent, referred in self.followed.parents_of(child, column, when):
            values = f"{name} IN (SELECT {quoted(referred)} FROM {quoted(parent.table_map.name)} WHERE"
            if self.followed.is_own_key(parent, referred):
                if none or self._smallest(parent, referred) <= 0:
                    moving.append(f"{values} {_may_stay(quoted(referred), none)})")
            elif (table_id(parent), referred) not in path:
                kept = self._kept(parent, referred, None, (*path, place[0]))
                if none or kept is not None:
                    stays = f"{quoted(referred)} <= 0" if kept is None else _is_one_of(quoted(referred), kept)
                    moving.append(f"{values} {_may_stay(quoted(referred), none)} AND NOT {stays})")
        conditions = [_may_stay(name, none), *(f"NOT {condition}" for condition in moving)]
        values_kept = self._count_kept(child, column, " AND ".join([*conditions, *([when.over("s")] if when else [])]))
        self._kept_values[place] = values_kept if moving or none else None
        return self._kept_values[place]

    def _count_kept(self, child: TableMapping, column: str, where: str) -> tuple[int, ...]:
        """Return the values for which a condition holds, and report how many rows have them."""
        table, name = quoted(child.table_map.name), column_of(column)
        query = f"SELECT {name}, count(*) FROM {table} AS s WHERE {where} GROUP BY 1 LIMIT {_MAX_SENTINELS + 1}"
        values = self._reader(child).execute(query).fetchall()
        if values:
            rows = sum(count for _, count in values)
            text = f"of column {column} {'has' if rows == 1 else 'have'} a number that stands for no row, and keep it."
            self.databases.findings.append(Finding.of("sentinels-kept", child.subject, text, count=rows, noun="row"))
        if len(values) > _MAX_SENTINELS:
            fact = f"column {column} has more than {_MAX_SENTINELS} different numbers that stand for no row."
            hint = "Correct these references in the source."
            self.databases.problems.append(
                Problem("references-below-zero", child.subject, fact, hint, criterion="keys-free")
            )
        return tuple(int(value) for value, _ in values[:_MAX_SENTINELS])

    def _smallest(self, mapping: TableMapping, key: str) -> int:
        """Return the smallest key of a table, or 1 without one."""
        query = f"SELECT min({quoted(key)}) FROM {quoted(mapping.table_map.name)}"
        number = _whole(self._reader(mapping).execute(query).fetchone()[0])
        return 1 if number is None else number

    def _integers_problem(
        self, mapping: TableMapping, column: str, when: RowCondition | None, *, is_key: bool
    ) -> Problem | None:
        """Return the problem that a key, or a reference to one, is not stored as an integer."""
        if folded(column) in (folded(mapping.table.alias), folded(mapping.table.rowid)):
            return None
        is_primary = is_key and mapping.table.primary_key == (column,)
        allowed = "('integer')" if is_primary else "('integer', 'null')"
        condition = f"typeof({column_of(column)}) NOT IN {allowed} AND {when.over('s') if when else '1'}"
        query = f"SELECT count(*) FROM {quoted(mapping.table_map.name)} AS s WHERE {condition}"
        count = int(self._reader(mapping).execute(query).fetchone()[0])
        if not count:
            return None
        noun = "a key" if is_key else "a reference to a renumbered key"
        fact = (
            f"{counted(count, 'row')} {'has' if count == 1 else 'have'} in column {column} {noun} that is no integer."
        )
        correction = "Correct these values in the source"
        if column_affinity(mapping.table, column) == "TEXT":
            correction = (
                f"Give {column} the type INTEGER in source and target, because TEXT stores each number as a text"
            )
        is_listed = is_key and folded(column) in map(folded, mapping.table_map.renumber)
        of_table = f"for {mapping.table_map.name}" if is_key else "for the table that they refer to"
        way = f"remove {column} from renumber" if is_listed else f'write keys = "keep" {of_table}'
        hint = f"{correction}, or {way}."
        return Problem("key-not-integer", mapping.subject, fact, hint, criterion="keys-free")

    def _check_largest(self, mapping: TableMapping, key: str, largest: int) -> None:
        offset = self._by_key[column_id(mapping, key)].offset
        if largest > LARGEST:
            fact = f"with the offset {offset} its keys, or references to them, would be larger than SQLite can store."
            hint = "Correct the largest keys or references of source and target."
            if largest - 1 + min(1, self._smallest(mapping, key)) <= LARGEST:
                fact = (
                    f"its smallest key is below 1, so that its keys need the offset {offset} to be above all that are"
                    " taken. SQLite cannot store that number, or a key to which it is added."
                )
                hint = 'Correct the smallest keys of the source, or write keys = "keep".'
            self.databases.problems.append(
                Problem("keys-exhausted", mapping.subject, fact, hint, criterion="keys-free")
            )
        elif largest > _EXACT_IN_JAVASCRIPT and offset:
            text = "gets keys above 2^53, which JavaScript does not read exactly."
            self.databases.findings.append(Finding.of("keys-large", mapping.subject, text))

    def _reader(self, mapping: TableMapping) -> sqlite3.Connection:
        return self.databases.sources[mapping.source.name].write_lock.reader


def _policy_problems(mappings: Iterable[TableMapping]) -> list[Problem]:
    """Return a problem for each conflict policy in a table whose rows get new keys.

    Such a row can only have another unique key of a row of the target, and that is refused under every policy.
    """
    mappings = list(mappings)
    shifted = {folded(mapping.into.name) for mapping in mappings if mapping.key_shifts}
    problems = []
    for mapping in mappings:
        policy = clash_policy_of(mapping.table_map)
        if policy != "refuse" and folded(mapping.into.name) in shifted:
            fact = (
                f'on_conflict = "{policy}" has no effect in {mapping.into.name}: a row with a new key never has the key'
                " of a row of the target, and one with another unique key of such a row is refused under every policy."
            )
            hint = f'{match_hint(mapping.into)}, remove on_conflict, or write keys = "keep".'
            problems.append(Problem("renumber-and-policy", mapping.subject, fact, hint, criterion="keys-free"))
    return problems


def _none_without_effect(followed: FollowedKeys) -> Iterator[Problem]:
    """Yield a problem for each ``none`` of a table without a column that follows other keys.

    All files of a pattern are checked together, because an older file may lack the column.
    """
    needed: dict[str, bool] = {}
    for mapping in followed.databases.mappings:
        if mapping.table_map.none:
            is_needed = bool(mapping.table_map.follows) or any(
                followed.owners(mapping, column) - {column_id(mapping, column)} for column in followed.columns(mapping)
            )
            needed[mapping.entry_subject] = needed.get(mapping.entry_subject, False) or is_needed
    if not all(needed.values()) and followed.databases.is_incomplete:
        return  # how the keys of a referred table would arrive is not known
    fact = "the key none lists numbers that stand for no row, but no column refers to a row that gets a new key."
    hint = "Remove the key none, or state the reference (refers)."
    for subject, is_needed in needed.items():
        if not is_needed:
            yield Problem("no-effect", subject, fact, hint, criterion="keys-free")


def _largest(con: sqlite3.Connection, table: str, value: str, conditions: Iterable[RowCondition] = ()) -> int | None:
    """Return the largest number of a column, or None without one.

    Args:
        con: Connection to the database.
        table: Name of the table.
        value: SQL of the value in the row ``s``.
        conditions: Only rows for which at least one holds are read. Without a condition, all rows are read.
    """
    rows = " OR ".join(condition.over("s") for condition in conditions)
    numbers = f"SELECT {value} AS v FROM {quoted(table)} AS s{f' WHERE {rows}' if rows else ''}"
    query = f"SELECT max(v) FROM ({numbers}) WHERE typeof(v) IN ('integer', 'real')"
    return _whole(con.execute(query).fetchone()[0])


def _referring(stored: str, none: Iterable[int], value: str = "") -> str:
    """Return the SQL of a value, which is NULL if the stored number stands for no row."""
    return f"CASE WHEN {_is_one_of(stored, none)} THEN NULL ELSE {value or stored} END" if none else value or stored


def _may_stay(name: str, none: Iterable[int]) -> str:
    """Return the SQL condition that a number stands for no row unless it is a key."""
    return f"({name} <= 0 OR {_is_one_of(name, none)})" if none else f"{name} <= 0"


def _is_one_of(name: str, numbers: Iterable[int]) -> str:
    return f"{name} IN ({', '.join(map(str, sorted(numbers)))})"


def _whole(number: float | None) -> int | None:
    return int(number) if isinstance(number, (int, float)) else None


def _mark(marks: Mapping[str, int], table: str) -> int | None:
    return next((mark for name, mark in marks.items() if folded(name) == folded(table) and mark > 0), None)
