"""Prove before COMMIT that renumbered keys and references to them have the right numbers.

This module uses neither SQL nor numbers of the code that copies rows. The sources are read through the connections of
their write locks, and the rows that the target had are read from their backup.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.chosen.rows_chosen import chosen_by_function, chosen_condition
from sqlite_consolidate.engine.checks.matching.matched_rows_proof import MatchedRowsProof, copied_exactly
from sqlite_consolidate.engine.checks.matching.source_rows import SourceRows, updates_rows
from sqlite_consolidate.engine.checks.references.mapped_names import stored_name, target_column
from sqlite_consolidate.engine.checks.renumbering.arriving_digests import column_digest
from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys, column_id
from sqlite_consolidate.engine.checks.renumbering.key_offsets import LARGEST
from sqlite_consolidate.engine.checks.renumbering.key_texts import NO_NEW_KEY, key_column, key_subject, key_text
from sqlite_consolidate.engine.checks.renumbering.staying_values import staying_values
from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.matched_rows import joined
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of, updates_matched_rows
from sqlite_consolidate.engine.sqlite.connections import attached, limits_of, open_for_inspection
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal, not_required

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.checks.renumbering.followed_keys import ColumnOfSource
    from sqlite_consolidate.engine.checks.renumbering.source_keys import ColumnOfTarget
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition


def keys_mapped(compared: TargetComparison) -> Iterator[Observation]:
    """Observe that the keys of each table, and references to them, have one offset.

    The offsets are computed a second time.
    """
    if not any(mapping.shifts or mapping.matched for mapping in compared.inspected.mappings):
        yield not_required("plan", NO_NEW_KEY)
        return
    with ExitStack() as opened:
        path, limits = compared.target_before, limits_of(compared.con)
        before = opened.enter_context(open_for_inspection(path, limits)) if path else None
        proof = _Proof(compared, FollowedKeys.of(compared.inspected), before, _staged_rows(compared, opened))
        yield from proof.observe_keys()
        yield from proof.observe_matched_rows()
        yield from proof.observe_references()


def _staged_rows(compared: TargetComparison, opened: ExitStack) -> dict[str, SourceRows]:
    """Return the rows of each source beside the key map.

    Sources of which rows can match are read from the staging database.
    """
    if compared.key_map is None:
        return {}
    matched = [mapping for mapping in compared.inspected.mappings if mapping.matched]
    path, limits = compared.inspected.path_of(matched[0]), limits_of(compared.con)
    con = opened.enter_context(open_for_inspection(path, limits))
    rows = SourceRows(con, "main", opened.enter_context(attached(con, compared.key_map, "key map")))
    staged = {mapping.source.name: rows for mapping in matched}
    for source in compared.inspected.sources.keys() - staged.keys():
        reader = compared.inspected.sources[source].write_lock.reader
        if source not in compared.inspected.staged:  # a staged source may have another encoding
            staged[source] = SourceRows(reader, "", opened.enter_context(attached(reader, compared.key_map, "key map")))
    return staged


@dataclass
class _Proof:
    """Compute offsets and numbers by SQL that the copy does not use.

    Attributes:
        before: Connection to the backup of the target. None if there was no target.
        staged: Each source of which rows can match, with the key map.
    """

    compared: TargetComparison
    followed: FollowedKeys
    before: sqlite3.Connection | None
    staged: dict[str, SourceRows]
    _same_numbers: dict[ColumnOfTarget, set[ColumnOfTarget]] = field(default_factory=dict)
    _taken: dict[ColumnOfTarget, int] = field(default_factory=dict)
    _chosen_rows: dict[tuple[int, str], tuple[sqlite3.Connection, str]] = field(default_factory=dict)
    _offsets: dict[ColumnOfSource, int] = field(default_factory=dict)

    def observe_keys(self) -> Iterator[Observation]:
        """Yield an observation for each renumbered table, in plan order."""
        self._take_target()
        for mappings in self.followed.by_source.values():
            columns = [(mapping, column) for mapping in mappings for column in self.followed.columns(mapping)]
            undeclared = [place for place in columns if self.followed.is_undeclared(*place)]
            waiting = self._take_known([place for place in columns if place not in undeclared])
            for mapping in mappings:
                for key in self.followed.own_keys(mapping):
                    if self.followed.is_kept(column_id(mapping, key)):
                        self._offsets[column_id(mapping, key)] = 0
                    else:
                        yield self._observe_key(mapping, key)
                    waiting = self._take_known(waiting)
            self._take_known(undeclared)

    def observe_matched_rows(self) -> Iterator[Observation]:
        """Yield the observations for each table of which rows can match."""
        con, inspected = self.compared.con, self.compared.inspected
        matched = [mapping for mapping in inspected.mappings if mapping.matched]
        for place, mapping in enumerate(matched):
            if self.compared.schema.table(mapping.into.name) is None or self.compared.key_map is None:
                yield Observation(mapping.subject, "a table and a key map", "none", holds=False)
                continue
            original = inspected.sources[mapping.source.name]
            table = original.schema.table(mapping.table_map.name)
            staged = self.staged[mapping.source.name]
            yield copied_exactly(mapping, staged, original.digests[table.name].full if table else "no such table")
            later = [
                other
                for other in matched[place + 1 :]
                if other.into.name == mapping.into.name and updates_matched_rows(other.table_map)
            ]
            with (
                attached(con, inspected.path_of(mapping), f"source {mapping.source.name}") as alias,
                attached(con, self.compared.key_map, "key map") as key_map,
            ):
                rows = SourceRows(con, alias, key_map)
                arriving, moves = partial(self._arriving, rows, mapping), self._chosen(mapping, rows)
                yield MatchedRowsProof(mapping, rows, arriving, moves, later).observe()

    def observe_references(self) -> Iterator[Observation]:
        """Yield an observation for each column of the target that refers to renumbered keys.

        A renumbered column that may have NULL is one of them.
        """
        columns: dict[tuple[str, str], None] = {}
        for mapping in self.compared.inspected.mappings:
            refreshed = refreshed_columns(mapping.plan, mapping.into.name)
            for old in self.followed.columns(mapping):
                new = target_column(mapping, old)
                is_primary = self.followed.is_own_key(mapping, old) and not key_column(mapping, old)
                is_refreshed = folded(new) in refreshed
                if self.followed.owners(mapping, old) and not is_primary and not is_refreshed:
                    columns[mapping.into.name, new] = None
        for table, column in columns:
            present = self.compared.schema.table(table)
            stored = stored_name(present, column) if present else ""
            if present is None or not stored:
                yield Observation(f"{table}.{column}", "the numbers that it had to get", "no such column", holds=False)
                continue
            digest = self.compared.digest(self.compared.con, present, column=stored)
            yield equal(f"{table}.{column}", self._expected(table, column).full, digest.full)

    def _observe_key(self, mapping: TableMapping, key: str) -> Observation:
        source, place = self._rows(mapping), self._place(mapping, key)
        is_new = f"s.{quoted(key)} IS NOT NULL AND NOT {source.is_matched(mapping)} AND {self._chosen(mapping, source)}"
        query = f"SELECT ifnull(sum({is_new}), 0), ifnull(min({quoted(key)}), 1) FROM {source.table(mapping)} AS s"
        rows, first = source.con.execute(query).fetchone()
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
        with ExitStack() as opened:
            alias = opened.enter_context(attached(con, path, f"source {mapping.source.name}"))
            key_map = self.compared.key_map
            lines = opened.enter_context(attached(con, key_map, "key map")) if key_map and mapping.matched else ""
            is_matched = SourceRows(con, alias, lines).is_matched(mapping)
            source = f"{quoted(alias)}.{quoted(mapping.table.name)}"
            stated = "".join(f" AND t.{quoted(name)} IS {value}" for name, value in mapping.stated_constants.items())
            query = (
                f"SELECT count(*) FROM (SELECT 1 FROM {source} AS s JOIN main.{quoted(into)} AS t"
                f" ON t.{quoted(mapping.renamed[key])} = s.{quoted(key)} + ?{stated} AND NOT {is_matched}"
                f" GROUP BY s.{quoted(key)} HAVING count(*) = 1)"
            )
            return int(con.execute(query, (offset,)).fetchone()[0])

    def _count_before(self, place: ColumnOfTarget, first: int) -> int:
        """Return the number of rows that the target had at or above a number."""
        inspected = self.compared.inspected.target
        table = inspected.schema.table(place[0]) if inspected else None
        column = table.column(place[1]) if table else None
        if self.before is None or table is None or column is None or first > LARGEST:
            return 0
        query = f"SELECT count(*) FROM {quoted(table.name)} WHERE {quoted(column.name)} >= ?"
        return int(self.before.execute(query, (first,)).fetchone()[0])

    def _expected(self, table: str, column: str) -> TableDigest:
        """Return the digest that a column must have."""
        inspected, digest = self.compared.inspected.target, TableDigest()
        mappings = self.compared.inspected.mappings_into(table)
        if any(clash_policy_of(mapping.table_map) != "refuse" for mapping in mappings):
            return staying_values(self.compared, mappings, column, self._arriving, self._chosen)
        present = inspected.schema.table(table) if inspected else None
        updating = [mapping for mapping in mappings if folded(column) in mapping.updated and updates_rows(mapping)]
        if self.before is not None and present is not None and stored_name(present, column):
            with ExitStack() as opened:
                rows = SourceRows(self.before)
                if updating and self.compared.key_map:
                    alias = opened.enter_context(attached(self.before, self.compared.key_map, "key map"))
                    rows = SourceRows(self.before, "", alias)
                stays = rows.is_not_updated(updating, _existing_key(updating[0]) if updating else "")
                query = f"SELECT t.{quoted(column)} FROM {quoted(present.name)} AS t {present.by_itself} WHERE {stays}"
                digest = digest_query(self.before, query)
        for place, mapping in enumerate(mappings):
            old = next(
                (old for old in self.followed.columns(mapping) if self._is_source_of(mapping, old, column)), None
            )
            rows, later = self._rows(mapping), [each for each in updating if each in mappings[place + 1 :]]
            if old and not updating and not mapping.matched:
                by_pages = column_digest(self.compared.inspected, self.followed, self._offsets, mapping, old)
                if by_pages:
                    digest += by_pages
                    continue
            value = self._arriving(rows, mapping, old) if old else mapping.constants[column]
            arriving_key = self._arriving_key(rows, mapping) if later else ""
            stays = f"{rows.is_not_updated(later, arriving_key)} AND {self._chosen(mapping, rows)}"
            query = f"SELECT {value} FROM {rows.table(mapping)} AS s {mapping.table.by_itself} WHERE"
            digest += digest_query(rows.con, f"{query} NOT {rows.is_matched(mapping)} AND {stays}")
            if mapping in updating:
                digest += digest_query(rows.con, f"{query} {rows.is_last_update(mapping, later)}")
        return digest

    def _arriving_key(self, rows: SourceRows, mapping: TableMapping) -> str:
        """Return the SQL of the primary key of a row as it has to arrive."""
        sources = {folded(new): old for old, new in mapping.columns}
        constants = {folded(name): literal for name, literal in mapping.constants.items()}
        key = [folded(name) for name in mapping.into.primary_key]
        return joined([self._arriving(rows, mapping, sources[n]) if n in sources else constants[n] for n in key])

    def _arriving(self, rows: SourceRows, mapping: TableMapping, column: str) -> str:
        """Return the SQL of a value as it has to arrive, by the key map and by the offsets."""
        return self._number(rows, mapping, column, is_mapped=True)

    def _number(self, rows: SourceRows, mapping: TableMapping, column: str, *, is_mapped: bool = False) -> str:
        """Return the SQL of a value as it has to arrive.

        A number that stands for no row has the offset only if it is a key.
        """
        value = f"s.{quoted(column)}"
        arriving = value
        for when, owner in reversed(self.followed.cases(mapping, column)):
            number = value
            if owner is not None and not self.followed.is_kept(owner):
                is_key = self._is_key(rows, mapping, column, value, (), when)
                is_row = f"({value} > 0 AND {value} NOT IN ({self._none(self.followed.none_of(mapping, column))}))"
                number = f"CASE WHEN {is_row} OR {is_key} THEN {value} + {self._offsets[owner]} ELSE {value} END"
            parent = self.followed.mapping(owner[0]) if owner else None
            if is_mapped and owner and parent and parent.matched and not self.followed.is_own_key(mapping, column):
                number = f"coalesce({rows.existing_key(parent, self.followed.name_of(owner), value)}, {number})"
            arriving = f"CASE WHEN {when.over('s')} THEN {number} ELSE {arriving} END" if when else number
        return arriving

    def _is_key(
        self,
        rows: SourceRows,
        mapping: TableMapping,
        column: str,
        value: str,
        path: tuple[str, ...],
        when: RowCondition | None = None,
    ) -> str:
        """Return the SQL condition that a value leads from row to row to a renumbered key."""
        if self.followed.is_own_key(mapping, column):
            return "1"
        conditions = []
        for parent, referred in self.followed.parents_of(mapping, column, when):
            place = f"{parent.subject}.{referred}"
            if place not in path:
                table, name = rows.table(parent), quoted(referred)
                further = self._is_key(rows, parent, referred, value, (*path, place))
                conditions.append(f"(EXISTS (SELECT 1 FROM {table} AS p WHERE p.{name} = {value}) AND {further})")
        return f"({' OR '.join(conditions) or '0'})"

    def _take_target(self) -> None:
        """Take the numbers that the target had before."""
        inspected = self.compared.inspected
        for place in self.followed.key_places:
            self._same_numbers[place] = self.followed.same_numbers(place, inspected.target_schema.schema)
        schema = inspected.target.schema if inspected.target else None
        for key_place, places in self._same_numbers.items():
            for place in places:
                table_before = schema.table(place[0]) if schema else None
                column = stored_name(table_before, place[1]) if table_before else ""
                if self.before is not None and inspected.target and table_before and column:
                    conditions = self.followed.target_rows_with(table_before, place[1], places)
                    name = quoted(table_before.name)
                    value = number = f"s.{quoted(column)}"
                    if none := self._none(self.followed.none_at(place)):
                        number = f"iif({value} IN ({none}), NULL, {value})"
                    rises = not conditions and not none
                    self._take(key_place, self._largest(self.before, name, number, conditions, value if rises else ""))
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
                    rows = self._rows(mapping)
                    number, table = self._number(rows, mapping, column), rows.table(mapping)
                    value, cases = f"s.{quoted(column)}", self.followed.cases(mapping, column)
                    if none := self._none(self.followed.none_of(mapping, column)):
                        number = f"iif({value} IN ({none}), NULL, {number})"
                    rises = not conditions and not none and not any(case.when for case in cases)
                    self._take(key_place, self._largest(rows.con, table, number, conditions, value if rises else ""))
                    self._take(key_place, mark + max((self._offsets[o] for o in owners), default=0) if mark else None)
        return later

    @staticmethod
    def _none(numbers: Iterable[int]) -> str:
        return ", ".join(str(number) for number in numbers)

    @staticmethod
    def _largest(
        con: sqlite3.Connection, table: str, number: str, conditions: Iterable[RowCondition], rising: str = ""
    ) -> int | None:
        """Return the largest number of rows for which a condition holds.

        Args:
            con: The connection.
            table: The table as SQL names it.
            number: SQL of a number over ``s``.
            conditions: The conditions. Without any, all rows count.
            rising: SQL of the value that the number comes from, if of all values above 0 the largest has the largest
                number. No offset is below 0. SQLite finds the largest value by an index.
        """
        rows = " OR ".join(condition.over("s") for condition in conditions) or "1"
        if rising:
            largest_value = con.execute(f"SELECT max({rising}) FROM {table} AS s").fetchone()[0]
            if isinstance(largest_value, int) and largest_value > 0:
                rows = f"{rising} = {largest_value}"
        numbers = f"SELECT {number} AS v FROM {table} AS s WHERE {rows}"
        query = f"SELECT CAST(max(v) AS INTEGER) FROM ({numbers}) WHERE typeof(v) IN ('integer', 'real')"
        largest: int | None = con.execute(query).fetchone()[0]
        return largest

    def _take(self, key: ColumnOfTarget, number: int | None) -> None:
        if number is not None:
            self._taken[key] = max(number, self._taken.get(key, number))

    @staticmethod
    def _is_source_of(mapping: TableMapping, old: str, new: str) -> bool:
        return folded(target_column(mapping, old)) == folded(new)

    def _place(self, mapping: TableMapping, column: str) -> ColumnOfTarget:
        return self.followed.place(mapping, column)

    def _rows(self, mapping: TableMapping) -> SourceRows:
        """Return the source of a mapping, or its staged rows if some of them can match."""
        reader = self.compared.inspected.sources[mapping.source.name].write_lock.reader
        return self.staged.get(mapping.source.name, SourceRows(reader))

    def _chosen(self, mapping: TableMapping, rows: SourceRows) -> str:
        """Return the condition on the rows of a source table that the plan moves.

        ``where`` is not evaluated on a staged copy, because its columns have no types and the result may differ.
        """
        if not mapping.table_map.moves_some_rows:
            return "1"
        if not rows.staged and not mapping.table_map.follows:
            return f"({mapping.table_map.where}\n)"
        place = id(rows.con), mapping.subject
        if place not in self._chosen_rows:
            choose = chosen_by_function if rows.con is self.compared.con else chosen_condition
            # The connection is kept, so that no other one gets its id.
            self._chosen_rows[place] = rows.con, choose(self.compared.inspected, mapping, rows.con)
        return self._chosen_rows[place][1]


def _existing_key(mapping: TableMapping) -> str:
    """Return the SQL of the primary key of a row ``t`` of the target."""
    return joined([f"t.{quoted(name)}" for name in mapping.into.primary_key])
