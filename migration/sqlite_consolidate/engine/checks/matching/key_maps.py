"""Find the rows of each source that the target has under other keys, and map their keys.

The maps are tables of the staging database. The rows of file N are compared with the target as it stands before that
file, earlier files included.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.constants.followed_constants import FollowedConstants
from sqlite_consolidate.engine.checks.matching.existing_rows import OF_TARGET, ExistingRows, same_values
from sqlite_consolidate.engine.checks.matching.levels import Levels
from sqlite_consolidate.engine.checks.matching.match_problems import find_ambiguous_matches, find_changed_keys
from sqlite_consolidate.engine.checks.matching.matchable import existing_key, find_unmatchable, staged_rowid
from sqlite_consolidate.engine.checks.matching.real_bits import add_real_bits
from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys, column_id, table_id
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.rows.matched_rows import (
    WHOLE_ROW,
    Lookup,
    MatchedNumber,
    MatchedRows,
    identity,
    joined,
)
from sqlite_consolidate.engine.merge.rows.policies import policy_of, updates_matched_rows
from sqlite_consolidate.engine.merge.rows.update_rows import changing_columns
from sqlite_consolidate.engine.sqlite.connections import attached, open_existing
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import TableId
    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def match_rows(databases: InspectedDatabases, limits: Limits) -> None:
    """Leave out the rows of sources that the target has, and map the references to them."""
    matching = [mapping for mapping in databases.mappings if mapping.table_map.match]
    if not matching:
        return
    followed = FollowedKeys.of(databases)
    problems = list(find_unmatchable(databases, followed))
    databases.problems += problems
    if problems or followed.problems:
        return
    path = databases.staged[matching[0].source.name]
    with closing(open_existing(path, limits)) as con:
        try:
            _KeyMaps(databases, followed, con, limits).compute()
        except sqlite3.Error as error:
            databases.problems.append(replace(read_problem(matching[0].subject, error), criterion="keys-free"))


def find_not_compared(databases: InspectedDatabases) -> set[str]:
    """Return the tables of which no rows were compared, because ``match`` is refused."""
    matching = [mapping for mapping in databases.mappings if mapping.table_map.match]
    return {mapping.subject for mapping in matching if mapping.matched is None} if databases.problems else set()


@dataclass
class _KeyMaps:
    """Compute the maps of one source after the other.

    Attributes:
        con: Connection to the staging database.
    """

    databases: InspectedDatabases
    followed: FollowedKeys
    con: sqlite3.Connection
    limits: Limits
    _names: dict[TableId, str] = field(default_factory=dict)
    _existing: dict[str, ExistingRows] = field(default_factory=dict)

    def compute(self) -> None:
        """Set which rows of each mapping are matched, and how references to them arrive."""
        add_real_bits(self.con)
        self.con.execute("BEGIN")
        self._name_maps()
        self._read_target()
        numbers_of_source: dict[str, list[int]] = {}
        for number, mapping in enumerate(self.databases.mappings):
            numbers_of_source.setdefault(mapping.source.name, []).append(number)
        for source in self.databases.plan.in_order:
            numbers = numbers_of_source.get(source.name, [])
            matching = [mapping for mapping in self._mappings(numbers) if mapping.table_map.match]
            for mapping in self._in_order(matching):
                self.limits.deadline.start_step(f"the rows of {mapping.subject} that match")
                self._match(self._constants.follow(mapping))
            self._follow_constants(numbers if matching else ())
            for number, mapping in zip(numbers, self._mappings(numbers), strict=True):
                if mapping.table_map.match:
                    self._compare(mapping, number)
            for number, mapping in zip(numbers, self._mappings(numbers), strict=True):
                if folded(mapping.into.name) in self._existing:
                    self._add(mapping, number)
        self.databases.problems += self._constants.problems
        self._create_views()
        self.con.execute("COMMIT")

    @cached_property
    def _constants(self) -> FollowedConstants:
        """Return what finds the keys of the matched rows to which constants refer."""
        return FollowedConstants(self.databases, self.con, self._lookups)

    def _follow_constants(self, numbers: Sequence[int]) -> None:
        """Let the constants of a source follow its matched rows."""
        for number, mapping in zip(numbers, self._mappings(numbers), strict=True):
            followed = self._constants.follow(mapping)
            if followed is not mapping:
                before, after = self.databases.mappings[:number], self.databases.mappings[number + 1 :]
                self.databases.mappings = [*before, followed, *after]

    def _lookups(self, mapping: TableMapping, column: str) -> Sequence[Lookup]:
        """Return where the keys of matched rows are that a column of their own table holds."""
        if not mapping.table_map.match:
            return ()
        keys = {mapping.matched_key: ("old", "new")}
        keys |= {number.column: (number.old, number.new) for number in self._numbers(mapping)}
        return [Lookup(self._names[table_id(mapping)], None, *keys[column])] if column in keys else ()

    def _mappings(self, numbers: Sequence[int]) -> list[TableMapping]:
        """Return the mappings with these numbers as they are now."""
        return [self.databases.mappings[number] for number in numbers]

    def _create_views(self) -> None:
        """Create a view of the rows of each origin in a table of which rows are updated."""
        mappings = self.databases.mappings
        updated = {folded(mapping.into.name) for mapping in mappings if mapping.matched and mapping.matched.updating}
        for name in updated & self._existing.keys():
            origins = [number for number, mapping in enumerate(mappings) if folded(mapping.into.name) == name]
            for origin in (OF_TARGET, *origins):
                self.databases.expected_rows[name, origin] = self._existing[name].create_view(origin)

    def _name_maps(self) -> None:
        """Create the maps without lines, and let references look up their keys there."""
        lookups: dict[TableId, dict[str, tuple[Lookup, ...]]] = {}
        followers = self.followed.followers(self.databases.mappings)
        for mapping in self.databases.mappings:
            if not mapping.table_map.match:
                continue
            table = table_id(mapping)
            name = self._names[table] = f"matched rows {len(self._names) + 1}"
            numbers = self._numbers(mapping)
            self._create_map(mapping, name, numbers)
            keys = [(mapping.matched_key, "old", "new"), *((each.column, each.old, each.new) for each in numbers)]
            for key, old, new in keys:
                for follower, column, when in followers.get(column_id(mapping, key), ()):
                    if not self.followed.is_own_key(follower, column):
                        columns_of = lookups.setdefault(table_id(follower), {})
                        lookup = Lookup(name, when, old, new)
                        columns_of[folded(column)] = (*columns_of.get(folded(column), ()), lookup)
        updated: dict[str, frozenset[str]] = {}
        for mapping in self.databases.mappings:
            if updates_matched_rows(mapping.table_map):
                into = folded(mapping.into.name)
                updated[into] = updated.get(into, frozenset()) | changing_columns(mapping)
        self.databases.mappings = [
            replace(
                mapping,
                lookups=lookups.get(table_id(mapping), {}),
                updated=updated.get(folded(mapping.into.name), frozenset()),
            )
            for mapping in self.databases.mappings
        ]

    def _numbers(self, mapping: TableMapping) -> tuple[MatchedNumber, ...]:
        """Return the renumbered columns of a table beside its key."""
        columns = [column for column in self.followed.own_keys(mapping) if column != mapping.matched_key]
        return tuple(MatchedNumber(column, f"old{n}", f"new{n}") for n, column in enumerate(columns, 1))

    def _create_map(self, mapping: TableMapping, name: str, numbers: Sequence[MatchedNumber]) -> None:
        """Create the map of one table without lines."""
        key = mapping.matched_key
        collation = quoted(column_collation(mapping.table, key) if key else "binary")
        columns = [f"row INTEGER PRIMARY KEY, old COLLATE {collation}, new, existing, second, identical, updates"]
        columns += [f"{number.old}, {number.new}" for number in numbers]
        self.con.execute(f"CREATE TABLE main.{quoted(name)}({', '.join(columns)})")
        for column in ("old", "new", "existing", *(number.old for number in numbers)):
            self.con.execute(f"CREATE INDEX main.{quoted(f'{name} by {column}')} ON {quoted(name)}({column})")

    def _read_target(self) -> None:
        """Read the rows of the target that may match."""
        target = self.databases.target
        for mapping in self.databases.mappings:
            name = folded(mapping.into.name)
            if not mapping.table_map.match:
                continue
            if name not in self._existing:
                self._existing[name] = ExistingRows(self.con, mapping.into, f"existing rows {len(self._existing) + 1}")
                if target and target.schema.table(mapping.into.name):
                    with attached(self.con, self.databases.attachable_path(target), "target") as alias:
                        self._existing[name].create(alias)
                else:
                    self._existing[name].create("")
            self._existing[name].add_index(mapping)

    def _in_order(self, matching: Sequence[TableMapping]) -> list[TableMapping]:
        """Return the tables of a source, parents first.

        A parent is a table that the columns of ``match`` of another one refer to.
        """
        waiting = {table_id(mapping): mapping for mapping in matching}
        ordered: list[TableMapping] = []
        while waiting:
            ready = [
                mapping for table, mapping in waiting.items() if not (self._owners(mapping) - {table}) & waiting.keys()
            ]
            if not ready:
                self._add_circle(list(waiting.values()))
                return ordered
            ordered += ready
            waiting = {table: mapping for table, mapping in waiting.items() if mapping not in ready}
        return ordered

    def _owners(self, mapping: TableMapping) -> set[TableId]:
        """Return the tables whose keys the columns of ``match`` hold."""
        owners = {owner[0] for column in _origins(mapping) for owner in self.followed.owners(mapping, column)}
        constants = set(mapping.match_columns) & mapping.stated_constants.keys()
        return owners | {table_id(parent) for name in constants for parent, _ in self._constants.parents(mapping, name)}

    def _add_circle(self, mappings: list[TableMapping]) -> None:
        first, *others = (mapping.subject for mapping in mappings)
        fact = "its columns of match refer to rows of other tables whose columns of match refer back to its own rows."
        hint = "Name columns in match that do not refer to each other."
        problem = Problem("match-circle", first, fact, hint, criterion="keys-free", others=tuple(others))
        self.databases.problems.append(problem)

    def _match(self, mapping: TableMapping) -> None:
        """Add a line to the map for each row that an existing row matches."""
        key = column_id(mapping, mapping.matched_key)
        upward = [
            (column, case.when)
            for column in _origins(mapping)
            for case in self.followed.cases(mapping, column)
            if case.owner == key and column != mapping.matched_key
        ]
        if not upward:
            self.con.execute(self._lines(mapping))
            return
        levels = Levels(self.con, mapping, staged_rowid(mapping), upward, f"{self._names[table_id(mapping)]} by level")
        for level in levels.compute():
            of_level = f"JOIN main.{quoted(levels.name)} AS l ON l.row = s.{quoted(staged_rowid(mapping))}"
            self.con.execute(self._lines(mapping, f"{of_level} AND l.level = {level}"))
        if count := levels.count_circular():
            fact = (
                f"{counted(count, 'row')} {'refers' if count == 1 else 'refer'} by"
                f" {', '.join(dict.fromkeys(column for column, _ in upward))} in a circle,"
                " or to rows that do, so match cannot compare the rows level by level."
            )
            hint = "Correct these rows in the source."
            self.databases.problems.append(Problem("match-circle", mapping.subject, fact, hint, criterion="keys-free"))

    def _lines(self, mapping: TableMapping, further: str = "") -> str:
        """Return the statement that adds the lines of rows of the source."""
        existing, rows = self._existing[folded(mapping.into.name)], mapping.projection()
        matches = existing.matching(mapping, rows)
        first = f"SELECT t.rowid FROM {existing.place} AS t WHERE {matches} ORDER BY t.rowid LIMIT 1"
        rowid, of_target = staged_rowid(mapping), existing_key(mapping)
        key = [of_target] if of_target else mapping.into.primary_key
        new = [joined([f"t.{existing.column(name)}" for name in key])]
        numbers, moves = self._numbers(mapping), mapping.chosen.over() if mapping.chosen else "1"
        new += [f"t.{existing.column(mapping.renamed[number.column])}" for number in numbers]
        new = [f"(SELECT {value} FROM {existing.place} AS t WHERE t.rowid = existing)" for value in new]
        old = [f"{identity(mapping.table, 's')} AS old"]
        old += [f"s.{quoted(number.column)} AS {number.old}" for number in numbers]
        columns = ["old", *(number.old for number in numbers), "new", *(number.new for number in numbers)]
        values = [*columns[: len(old)], *new]
        second = f"({first} OFFSET 1)" if mapping.table_map.match != WHOLE_ROW else "NULL"
        query = (
            f"SELECT s.{quoted(rowid)} AS row, {', '.join(old)}, ({first}) AS existing,"
            f" {second} AS second FROM main.{quoted(mapping.table.name)} AS s {further} WHERE {moves}"
        )
        return (
            f"INSERT INTO main.{quoted(self._names[table_id(mapping)])}(row, existing, second, {', '.join(columns)})"
            f" SELECT row, existing, second, {', '.join(values)} FROM ({query})"
            " WHERE existing IS NOT NULL"
        )

    def _compare(self, mapping: TableMapping, number: int) -> None:
        """Compare the values of matched rows byte by byte, and state the result in the mapping."""
        name = f"main.{quoted(self._names[table_id(mapping)])}"
        existing, rowid = self._existing[folded(mapping.into.name)], staged_rowid(mapping)
        rows = mapping.projection()
        pairs = [(f"t.{column}", value) for column, value in existing.compared(mapping, rows)]
        both = (
            f"FROM main.{quoted(mapping.table.name)} AS s, {existing.place} AS t"
            f" WHERE s.{quoted(rowid)} = x.row AND t.rowid = x.existing"
        )
        self.con.execute(f"UPDATE {name} AS x SET identical = (SELECT {same_values(pairs)} {both})")
        updates = {"prefer-source": "1", "prefer-newer": f"(SELECT {self._is_newer(mapping, rows)} {both})"}
        wins = updates.get(policy_of(mapping.table_map), "0")
        self.con.execute(f"UPDATE {name} AS x SET updates = NOT identical AND ({wins}) IS TRUE")
        if policy_of(mapping.table_map) == "prefer-newer" and mapping.table_map.newer:
            self._judge_newer(mapping, f"FROM {name} AS x, {both.removeprefix('FROM ')} AND NOT x.identical")
        query = f"SELECT count(*), ifnull(sum(identical), 0), ifnull(sum(updates), 0) FROM {name}"
        count, identical, updating = self.con.execute(query).fetchone()
        matched = MatchedRows(
            self._names[table_id(mapping)],
            rowid,
            existing_key(mapping),
            identical,
            count - identical,
            updating,
            self._numbers(mapping),
        )
        before, after = self.databases.mappings[:number], self.databases.mappings[number + 1 :]
        self.databases.mappings = [*before, replace(mapping, matched=matched), *after]
        self.databases.problems += find_ambiguous_matches(self.con, mapping, name, matched)
        keys = [f"t.{existing.column(key)}" for key in mapping.into.primary_key]
        respelled = f"NOT ({same_values([pair for pair in pairs if pair[0] in keys])})"
        updating_rows = f"FROM {name} AS x, {both.removeprefix('FROM ')} AND x.updates AND {respelled}"
        self.databases.problems += find_changed_keys(self.con, mapping, updating_rows)

    def _is_newer(self, mapping: TableMapping, rows: Projection) -> str:
        """Return the SQL condition that a row of a source is newer than the row that it matches."""
        newer = mapping.table_map.newer
        return self._existing[folded(mapping.into.name)].is_newer(newer, rows) if newer else "0"

    def _judge_newer(self, mapping: TableMapping, pairs: str) -> None:
        """Add the problem that it is not known which of two rows is newer.

        Args:
            mapping: The mapping.
            pairs: FROM and WHERE of the rows that match and differ.
        """
        existing, into = self._existing[folded(mapping.into.name)], mapping.into.name
        reasons = existing.undecided(mapping.table_map.newer, mapping.projection())
        sums = ", ".join(f"ifnull(sum({condition}), 0)" for condition in reasons.values())
        numbers = dict(zip(reasons, self.con.execute(f"SELECT {sums} {pairs}").fetchone(), strict=True))
        parts = [f"in {number} {words}" for words, number in numbers.items() if number]
        if parts:
            fact = (
                f"{counted(sum(numbers.values()), 'row')} that {into} has by {', '.join(mapping.match_columns)} cannot"
                f" be told to be newer or older: {', '.join(parts)}."
            )
            hint = f'Correct {mapping.table_map.newer} of these rows, or choose "prefer-target" or "prefer-source".'
            problem = Problem("newer-undecided", mapping.subject, fact, hint, criterion="keys-free")
            self.databases.problems.append(problem)

    def _add(self, mapping: TableMapping, origin: int) -> None:
        """Let the rows of a source stand before the next one."""
        existing = self._existing[folded(mapping.into.name)]
        if mapping.matched and mapping.matched.updating:
            existing.update(mapping, mapping.matched)
        if mapping.source.name in self.databases.staged:
            existing.add(mapping.projection(), origin)
            return
        with attached(self.con, self.databases.path_of(mapping), f"source {mapping.source.name}") as alias:
            existing.add(mapping.projection(alias), origin)


def _origins(mapping: TableMapping) -> list[str]:
    """Return the source columns that feed the columns of ``match``."""
    names = {folded(name) for name in mapping.match_columns}
    return [old for old, new in mapping.columns if folded(new) in names]
