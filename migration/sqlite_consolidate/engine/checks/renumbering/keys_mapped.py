"""Prove before COMMIT that renumbered keys and references to them have the right numbers.

Nothing here takes SQL or numbers from the copy. The sources are read through the connections of their write locks, and
the rows that the target had are read from their backup.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys, column_id
from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.sqlite.connections import attached, open_for_inspection
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal, not_required
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.checks.renumbering.followed_keys import ColumnOfSource, ColumnOfTarget
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition

NO_NEW_KEY = "no table of the plan gets new keys"
"""What an entry observes if the plan renumbers no key."""


def key_text(rows: int, offset: int, taken: int = 0) -> str:
    """Return the text of an entry about the keys of one table.

    Args:
        rows: Number of keys that lead to exactly one row.
        offset: Number that is added to each.
        taken: Number of rows that the target had at or above the first new key.
    """
    return f"{counted(rows, 'key')} plus {offset}, each at 1 row, and {counted(taken, 'row')} there before"


def key_subject(mapping: TableMapping, key: str) -> str:
    """Return the subject of an entry about a renumbered key."""
    return subject_of(mapping.subject, mapping.into.name, key_column(mapping, key))


def subject_of(source: str, into: str, column: str) -> str:
    """Return the subject of such an entry by names, as the evidence has them."""
    return f"{source} -> {into}{f'.{column}' if column else ''}"


def key_column(mapping: TableMapping, key: str) -> str:
    """Return the name in the target of a key that is not the primary key, else an empty text."""
    return "" if mapping.table.primary_key == (key,) else mapping.renamed[key]


def keys_mapped(compared: TargetComparison) -> list[Observation]:
    """Observe that the keys of each table, and references to them, have one offset.

    The offsets are computed a second time.
    """
    if not any(mapping.shifts for mapping in compared.inspected.mappings):
        return [not_required("plan", NO_NEW_KEY)]
    with ExitStack() as opened:
        before = opened.enter_context(open_for_inspection(compared.target_before)) if compared.target_before else None
        proof = _Proof(compared, FollowedKeys.of(compared.inspected), before)
        return [*proof.observe_keys(), *proof.observe_references()]


@dataclass
class _Proof:
    """Compute offsets and numbers by SQL of its own.

    Attributes:
        before: Connection to the backup of the target. None if there was no target.
    """

    compared: TargetComparison
    followed: FollowedKeys
    before: sqlite3.Connection | None
    _same_numbers: dict[ColumnOfTarget, set[ColumnOfTarget]] = field(default_factory=dict)
    _taken: dict[ColumnOfTarget, int] = field(default_factory=dict)
    _offsets: dict[ColumnOfSource, int] = field(default_factory=dict)

    def observe_keys(self) -> Iterator[Observation]:
        """Yield an observation for each renumbered table, in plan order."""
        self._take_target()
        for mappings in self.followed.by_source.values():
            waiting = [(mapping, column) for mapping in mappings for column, _ in mapping.columns]
            waiting = self._take_known(waiting)
            for mapping in mappings:
                for key in self.followed.own_keys(mapping):
                    yield self._observe_key(mapping, key)
                    waiting = self._take_known(waiting)

    def observe_references(self) -> Iterator[Observation]:
        """Yield an observation for each column of the target that refers to renumbered keys.

        A renumbered column that may have NULL is one of them.
        """
        columns: dict[tuple[str, str], None] = {}
        for mapping in self.followed.mappings.values():
            refreshed = refreshed_columns(mapping.plan, mapping.into.name)
            for old, new in mapping.columns:
                is_primary = self.followed.is_own_key(mapping, old) and not key_column(mapping, old)
                is_refreshed = folded(new) in refreshed
                if self.followed.owners(mapping, old) and not is_primary and not is_refreshed:
                    columns[mapping.into.name, new] = None
        for table, column in columns:
            present = self.compared.schema.table(table)
            if present is None or present.column(column) is None:
                yield Observation(f"{table}.{column}", "the numbers that it had to get", "no such column", holds=False)
                continue
            digest = digest_query(self.compared.con, f"SELECT {quoted(column)} FROM main.{quoted(table)} NOT INDEXED")
            yield equal(f"{table}.{column}", self._expected(table, column).full, digest.full)

    def _observe_key(self, mapping: TableMapping, key: str) -> Observation:
        place, name = self._place(mapping, key), f"FROM {quoted(mapping.table_map.name)}"
        query = f"SELECT count({quoted(key)}), ifnull(min({quoted(key)}), 1) {name}"
        rows, first = self._reader(mapping).execute(query).fetchone()
        if mapping.chosen:
            query = f"SELECT count({quoted(key)}) {name} {_chosen(mapping)}"
            rows = int(self._reader(mapping).execute(query).fetchone()[0])
        offset = max(self._taken[place], 0) + 1 - min(1, first) if place in self._taken else 0
        self._offsets[column_id(mapping, key)] = offset
        stated = mapping.shifts[folded(key)].offset if folded(key) in mapping.shifts else 0
        subject = key_subject(mapping, key)
        if self.compared.schema.table(mapping.into.name) is None:
            return Observation(subject, key_text(rows, stated), "no such table", holds=False)
        observed = key_text(self._count_rows(mapping, key, offset), offset, self._count_before(place, first + offset))
        return replace(equal(subject, key_text(rows, stated), observed), examined=max(1, rows))

    def _count_rows(self, mapping: TableMapping, key: str, offset: int) -> int:
        """Return the number of source keys that lead to exactly one row of the target."""
        con, into = self.compared.con, mapping.into.name
        path = self.compared.inspected.path_of(mapping)
        with attached(con, path, f"source {mapping.source.name}") as alias:
            source = f"{quoted(alias)}.{quoted(mapping.table.name)}"
            stated = "".join(f" AND t.{quoted(name)} IS {value}" for name, value in mapping.stated_constants.items())
            query = (
                f"SELECT count(*) FROM (SELECT 1 FROM {source} AS s JOIN main.{quoted(into)} AS t"
                f" ON t.{quoted(mapping.renamed[key])} = s.{quoted(key)} + ?{stated} GROUP BY s.{quoted(key)}"
                " HAVING count(*) = 1)"
            )
            return int(con.execute(query, (offset,)).fetchone()[0])

    def _count_before(self, place: ColumnOfTarget, first: int) -> int:
        """Return the number of rows that the target had at or above a number."""
        inspected = self.compared.inspected.target
        table = inspected.schema.table(place[0]) if inspected else None
        column = table.column(place[1]) if table else None
        if self.before is None or table is None or column is None:
            return 0
        query = f"SELECT count(*) FROM {quoted(table.name)} WHERE {quoted(column.name)} >= ?"
        return int(self.before.execute(query, (first,)).fetchone()[0])

    def _expected(self, table: str, column: str) -> TableDigest:
        """Return the digest that a column must have."""
        inspected, digest = self.compared.inspected.target, TableDigest()
        present = inspected.schema.table(table) if inspected else None
        if self.before is not None and present is not None and present.column(column) is not None:
            digest = digest_query(self.before, f"SELECT {quoted(column)} FROM {quoted(present.name)} NOT INDEXED")
        for mapping in self.followed.mappings.values():
            if folded(mapping.into.name) == folded(table):
                old = next((old for old, new in mapping.columns if folded(new) == folded(column)), None)
                value = self._number(mapping, old) if old else mapping.constants[column]
                query = f"SELECT {value} FROM {quoted(mapping.table_map.name)} AS s NOT INDEXED {_chosen(mapping)}"
                digest += digest_query(self._reader(mapping), query)
        return digest

    def _number(self, mapping: TableMapping, column: str) -> str:
        """Return the SQL of a value as it has to arrive.

        A number up to 0 has the offset only if it is a key.
        """
        value = f"s.{quoted(column)}"
        arriving = value
        for when, owner in reversed(self.followed.cases(mapping, column)):
            number = value
            if owner is not None:
                is_key = self._is_key(mapping, column, value, (), when)
                number = f"CASE WHEN {value} > 0 OR {is_key} THEN {value} + {self._offsets[owner]} ELSE {value} END"
            arriving = f"CASE WHEN {when.over('s')} THEN {number} ELSE {arriving} END" if when else number
        return arriving

    def _is_key(
        self, mapping: TableMapping, column: str, value: str, way: tuple[str, ...], when: RowCondition | None = None
    ) -> str:
        """Return the SQL condition that a value leads from row to row to a renumbered key."""
        if self.followed.is_own_key(mapping, column):
            return "1"
        conditions = []
        for parent, referred in self.followed.parents_of(mapping, column, when):
            place = f"{parent.subject}.{referred}"
            if place not in way:
                table, name = quoted(parent.table_map.name), quoted(referred)
                further = self._is_key(parent, referred, value, (*way, place))
                conditions.append(f"(EXISTS (SELECT 1 FROM {table} AS p WHERE p.{name} = {value}) AND {further})")
        return f"({' OR '.join(conditions) or '0'})"

    def _take_target(self) -> None:
        """Take the numbers that the target had before."""
        inspected = self.compared.inspected
        for owner, key in self.followed.keys.items():
            place = self._place(self.followed.mappings[owner[0]], key)
            if place not in self._same_numbers:
                planned = inspected.target_schema.schema
                self._same_numbers[place] = self.followed.same_numbers(owner, planned)
        schema = inspected.target.schema if inspected.target else None
        for key_place, places in self._same_numbers.items():
            for place in places:
                table_before = schema.table(place[0]) if schema else None
                column = table_before.column(place[1]) if table_before else None
                if self.before is not None and inspected.target and table_before and column:
                    conditions = self.followed.target_rows_with(table_before, place[1], places)
                    largest = self._largest(self.before, table_before.name, f"s.{quoted(column.name)}", conditions)
                    self._take(key_place, largest)
                    if folded(table_before.alias) == place[1]:
                        self._take(key_place, inspected.target.marks.get(table_before.name) or None)

    def _take_known(self, waiting: list[tuple[TableMapping, str]]) -> list[tuple[TableMapping, str]]:
        """Take the numbers of all columns whose offsets are known, and return the others."""
        later = []
        for mapping, column in waiting:
            owners = self.followed.owners(mapping, column)
            if not owners <= self._offsets.keys():
                later.append((mapping, column))
                continue
            mark = 0
            if folded(mapping.table.alias) == folded(column):
                marks = self.compared.inspected.sources[mapping.source.name].marks
                mark = next((m for n, m in marks.items() if folded(n) == folded(mapping.table_map.name)), 0)
            for key_place, places in self._same_numbers.items():
                if self._place(mapping, column) in places:
                    conditions = self.followed.rows_with(mapping, column, places)
                    number, name = self._number(mapping, column), mapping.table_map.name
                    self._take(key_place, self._largest(self._reader(mapping), name, number, conditions))
                    self._take(key_place, mark + max((self._offsets[o] for o in owners), default=0) if mark else None)
        return later

    @staticmethod
    def _largest(con: sqlite3.Connection, table: str, value: str, conditions: Iterable[RowCondition]) -> int | None:
        rows = " OR ".join(condition.over("s") for condition in conditions) or "1"
        numbers = f"SELECT {value} AS v FROM {quoted(table)} AS s WHERE {rows}"
        query = f"SELECT CAST(max(v) AS INTEGER) FROM ({numbers}) WHERE typeof(v) IN ('integer', 'real')"
        largest: int | None = con.execute(query).fetchone()[0]
        return largest

    def _take(self, key: ColumnOfTarget, number: int | None) -> None:
        if number is not None:
            self._taken[key] = max(number, self._taken.get(key, number))

    def _place(self, mapping: TableMapping, column: str) -> ColumnOfTarget:
        return folded(mapping.into.name), folded(mapping.renamed[column])

    def _reader(self, mapping: TableMapping) -> sqlite3.Connection:
        return self.compared.inspected.sources[mapping.source.name].write_lock.reader


def _chosen(mapping: TableMapping) -> str:
    """Return the clause that selects the rows of a source table that the plan moves."""
    return f"WHERE ({mapping.table_map.where}\n)" if mapping.table_map.where else ""
