"""Find columns that refer to a key of the same database without a FOREIGN KEY.

The name of a column is the hint, and its values are the evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import is_measure
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NAMES_OF_ANY_KEY
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.key_names import NamedTables, names_key_of, starts_of_name
from sqlite_consolidate.inventory.references.link_tables import joined_parents
from sqlite_consolidate.inventory.references.own_keys import are_own_keys
from sqlite_consolidate.inventory.references.type_columns import is_named_like_a_type, movable_by_name, type_columns_of
from sqlite_consolidate.text import counted, join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from sqlite_consolidate.engine.code.tables.joined_keys import JoinedKey
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table

_CORE_DATA_KEY = "Z_PK"
_FEWEST_KEYS = 10  # the numbers of a column rarely end where so many keys end by chance
_FEW_NUMBERS = 3  # that are no key, and that a decision names
_NUMBER_TYPES = re.compile(r"INT|^$|NUM|DEC|BOOL|DATE", re.IGNORECASE)
_ENDS_LIKE_AN_ID = re.compile(r".+_id|.*[a-z0-9]Id", re.ASCII)
_NUMBERS = "{0} > 0 AND typeof({0}) = 'integer'"
_DIRECTIONS = frozenset({"from", "to", "opener", "origin", "originator", "referring", "source", "target"})
_OWN_TABLE = frozenset({"parent", "root", "original", "previous", "prev", "next", "ancestor", "reply"})


@dataclass(frozen=True)
class StrayNumbers:
    """Hold the numbers above 0 of a column that are no key, where most are keys.

    Attributes:
        to: Table and key to which the column may refer.
        rows: Number of rows with such a number.
        few: These numbers, each with the number of its rows. Empty if there are many.
        last_key: The largest key.
    """

    to: tuple[str, str]
    rows: int
    few: tuple[tuple[int, int], ...]
    last_key: int

    @property
    def text(self) -> str:
        """Return the numbers, with the line by which those above all keys stay, as sentences."""
        key = ".".join(self.to)
        if not self.few:
            return f"{counted(self.rows, 'row')} of them refer to no row, because the number is no key of {key}."
        numbers = join_names([f"{number} ({counted(rows, 'row')})" for number, rows in self.few])
        beyond = ", ".join(str(number) for number, _ in self.few if number > self.last_key)
        none = f" If {beyond} stands for no row, write `none = [{beyond}]` in the [[source.table]]." if beyond else ""
        return f"All numbers above 0 but {numbers} are keys of {key}.{none}"


@dataclass(frozen=True)
class UnstatedReference:
    """Hold a column that looks like a reference, and is no declared one.

    Attributes:
        to: Table and key that it refers to. Empty where no key has its values.
        is_empty: True if the column has no number above 0, which tells nothing.
        when: SQL condition on the rows that refer to it. Empty for all rows.
        by: Triggers that write the key into the column, as text. Empty where each value is a key.
        among: The tables and keys of which one is that to which it refers, if it is not known which.
        joined: File and line of code that compares the column with the key. Empty if that is not the evidence.
        sentinels: Numbers up to 0 that are no key, each with the number of its rows. Not counted where a trigger is the
            evidence.
        near: Table and key that it is named after or compared with, although it has numbers that are no key.
        strays: The numbers that are no key, if most are keys.
    """

    table: str
    column: str
    to: tuple[str, str] | None = None
    is_empty: bool = False
    when: str = ""
    by: str = ""
    among: tuple[tuple[str, str], ...] = ()
    joined: str = ""
    sentinels: tuple[tuple[int, int], ...] = ()
    near: tuple[str, str] | None = None
    strays: StrayNumbers | None = None


def find_unstated_references(
    con: sqlite3.Connection, tables: Sequence[Table], joined: Iterable[JoinedKey] = ()
) -> tuple[UnstatedReference, ...]:
    """Return each column with the name of a reference that no FOREIGN KEY declares.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
        joined: The columns that code compares with keys, by which a table may refer to another one.
    """
    by_name = movable_by_name(tables)
    ordinary = [*by_name.values()]
    named = NamedTables(ordinary)
    columns = [*undeclared(ordinary)]
    references = [_reference(con, by_name, named, table, column) for table, column in columns]
    stated = [reference for reference in references if reference]
    known = {(reference.table, folded(reference.to[0])) for reference in stated if reference.to}
    known |= {(table.name, folded(key.parent)) for table in ordinary for key in table.foreign_keys}
    compared = {(table.name, column.name) for table, column in columns}
    known |= {(each.table, folded(each.to[0])) for each in joined if (each.table, each.column) in compared}
    for loose in stated:
        if not loose.to and not loose.is_empty:
            table = by_name[folded(loose.table)]
            meant = _parents(table, loose.column, named)[:1]
            known |= {(table.name, folded(name)) for name, _ in meant}
            known |= {(table.name, folded(name)) for name in _lookups(con, named, table, loose.column)}
    return (*stated, *_shared_keys(con, ordinary, named, known))


def _lookups(con: sqlite3.Connection, named: NamedTables, table: Table, column: str) -> Iterator[str]:
    """Yield the tables that are named after a table and whose keys a column may have.

    ``statistics_meta`` of ``statistics`` is such a table, if that has a column ``metadata_id``.
    """
    for other in named.beginning_with(table.name):
        [key] = other.primary_key
        if folded(key) == folded(column) or fits(con, table, column, other.name, key):
            yield other.name


def _shared_keys(
    con: sqlite3.Connection, tables: Sequence[Table], named: NamedTables, known: AbstractSet[tuple[str, str]]
) -> Iterator[UnstatedReference]:
    """Yield each key that numbers the rows of another table.

    The table or the key has the name of the other one, as ``visit_source`` and ``visit_id`` have that of ``visits``.
    The key of a table to which the other one refers is none. A key with the name of its own table, such as ``run_id``
    of ``statistics_runs``, is none either. If only the table has such a name, neither is a key to which a further table
    refers. Numbers without gaps may be those of the table itself, and are if both tables have such numbers and the same
    columns, as ``statistics`` and ``statistics_short_term``.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
        named: The same tables.
        known: Tables that refer, or may refer, to another one by another column, each with the other one, folded.
    """
    by_words: dict[tuple[str, ...], Table] = {}
    for table in tables:
        if len(table.primary_key) == 1:
            by_words.setdefault(tuple(words_of_name(table.name)), table)
    by_name = {table.name: table for table in tables}
    parents = {parent for child, parent in known if folded(child) != parent}
    for table in tables:
        if len(table.primary_key) == 1 and not table.autoincrement:
            [column] = table.primary_key
            is_own = names_key_of(column, table.name, [column]) or folded(table.name) in parents
            starts = (by_words.get(start) for start in starts_of_name(table.name) if not is_own)
            begun = [(other.name, other.primary_key[0]) for other in starts if other and not _has_key_of(other, table)]
            begun = [parent for parent in begun if (table.name, folded(parent[0])) not in known][:1]
            for parent, key in (*begun, *_parents_of_key(table, column, named)):
                if (parent, folded(table.name)) not in known and fits(con, table, column, parent, key):
                    is_open = (parent, key) in begun and _has_no_gaps(con, table.name, column)
                    is_alike = is_open and _has_columns_of(table, by_name[parent]) and _has_no_gaps(con, parent, key)
                    if not is_alike:
                        yield UnstatedReference(table.name, column, None if is_open else (parent, key))
                    break


def _has_columns_of(table: Table, other: Table) -> bool:
    """Return whether each column of a table but its key has the name of one of another table."""
    names = {column.name for column in table.stored if column.name not in table.primary_key}
    return bool(names) and all(other.column(name) for name in names)


def _has_key_of(table: Table, other: Table) -> bool:
    """Return whether a table has a column with the name of the key of another one.

    ``damage`` has a column ``kind``, which is the key of ``damage_kind``.
    """
    [key] = other.primary_key
    is_telling = folded(key) not in NAMES_OF_ANY_KEY and table.primary_key != (key,)
    return is_telling and table.column(key) is not None


def _has_no_gaps(con: sqlite3.Connection, table: str, key: str) -> bool:
    """Return whether keys number the rows of a table from 1."""
    name = quoted(key)
    query = f"SELECT max({name}) = count(*) AND min({name}) = 1 FROM main.{quoted(table)}"
    return bool(con.execute(query).fetchone()[0])


def _parents_of_key(table: Table, column: str, named: NamedTables) -> list[tuple[str, str]]:
    """Return the other tables and keys that a key is named after.

    There are none if it is named after its own table.
    """
    declared = {folded(name) for key in table.foreign_keys for name in key.columns}
    if folded(column) in declared or names_key_of(column, table.name, [column]):
        return []
    return [parent for parent in _parents(table, column, named) if folded(parent[0]) != folded(table.name)]


def undeclared(tables: Sequence[Table]) -> Iterator[tuple[Table, Column]]:
    """Yield each column of numbers that is no declared reference and no key of its own table."""
    for table in tables:
        declared = {folded(column) for key in table.foreign_keys for column in key.columns}
        for column in table.stored:
            is_key = table.primary_key == (column.name,)
            if folded(column.name) not in declared and not is_key and _NUMBER_TYPES.search(column.type):
                yield table, column


def _reference(
    con: sqlite3.Connection, tables: dict[str, Table], named: NamedTables, table: Table, column: Column
) -> UnstatedReference | None:
    """Return to what a column refers by its name, if that names a reference.

    It is not known yet for a column beside one that says of which table each id is.
    """
    joined = joined_parents(tables, table, column.name)
    parents = joined or _parents(table, column.name, named) or _parents_by_key(con, named, table, column.name)
    is_id = bool(_ENDS_LIKE_AN_ID.fullmatch(column.name))
    if not parents and not is_id:
        return None
    if not has_numbers(con, table, column.name):
        return UnstatedReference(table.name, column.name, is_empty=True) if is_id or parents else None
    if type_columns_of(con, tables, table, column.name):
        return UnstatedReference(table.name, column.name)
    for parent, key in parents:
        if fits(con, table, column.name, parent, key):
            is_known = bool(joined) or is_id or _is_evident(con, table.name, column.name, parent, key)
            return UnstatedReference(table.name, column.name, (parent, key) if is_known else None)
    return UnstatedReference(table.name, column.name, near=parents[0] if parents else None) if is_id else None


def _is_evident(con: sqlite3.Connection, table: str, column: str, parent: str, key: str) -> bool:
    """Return whether the name or the numbers of a column show that it refers to keys.

    It is not named like an id. ``root`` may be a flag, ``track`` of ``tracks`` a position, and ``version`` any number.
    ``album`` refers to ``albums`` if its numbers end where the keys end. Core Data names its relationships like tables.

    Args:
        con: Reads the database.
        table: The table of the column.
        column: Its numbers above 0 are all keys.
        parent: The table of the keys.
        key: The key.
    """
    if parent == table and _names_own_table(column):
        return are_own_keys(con, table, column, key)
    if words_of_name(column) != words_of_name(parent) or key == _CORE_DATA_KEY:
        return True
    if folded(column) == folded(key):
        return not is_measure(column)
    last = f"(SELECT max({quoted(key)}) FROM main.{quoted(parent)})"
    query = f"SELECT max({quoted(column)}) = {last} AND {last} >= {_FEWEST_KEYS} FROM main.{quoted(table)}"
    return parent != table and bool(con.execute(query).fetchone()[0])


def _parents_by_key(con: sqlite3.Connection, named: NamedTables, table: Table, column: str) -> list[tuple[str, str]]:
    """Return the only table and key that has the name of a column.

    There is none beside a table such as ``statistics_meta`` of ``statistics``, to whose ``id`` a column
    ``metadata_id`` may refer as well.
    """
    parent = named.with_key(column)
    if parent is None or parent is table:
        return []
    rivals = (other for other in named.beginning_with(table.name) if folded(other.primary_key[0]) in NAMES_OF_ANY_KEY)
    if any(fits(con, table, column, other.name, other.primary_key[0]) for other in rivals):
        return []
    return [(parent.name, parent.primary_key[0])]


def fits(con: sqlite3.Connection, table: Table, column: str, parent: str, key: str, when: str = "1") -> bool:
    """Return whether each number above 0 of a column is a key, and it has no other values.

    Args:
        con: Reads the database.
        table: The table of the column.
        column: The column.
        parent: The table of the key.
        key: The key.
        when: SQL condition on the rows that are read.
    """
    numbers, name = _NUMBERS.format(quoted(column)), quoted(column)
    unknown = f"{numbers} AND {name} NOT IN (SELECT {quoted(key)} FROM main.{quoted(parent)})"
    others = f"({unknown}) OR typeof({name}) NOT IN ('integer', 'null')"
    return not has_rows(con, table, f"({when}) AND ({others})") and has_rows(con, table, f"({when}) AND {numbers}")


def with_sentinels(con: sqlite3.Connection, reference: UnstatedReference) -> UnstatedReference:
    """Return a reference with its numbers up to 0 that are no key, or with those above 0.

    Those of a column without other numbers count as well, because another file of a pattern may have keys there.
    """
    name = quoted(reference.column)
    condition = f"({reference.when or 1}) AND typeof({name}) = 'integer' AND {name} <= 0"
    if reference.to:
        parent, key = map(quoted, reference.to)
        condition += f" AND {name} NOT IN (SELECT {key} FROM main.{parent} WHERE {key} <= 0)"
    elif not reference.is_empty:
        return (
            replace(reference, strays=_stray_numbers(con, reference, reference.near)) if reference.near else reference
        )
    query = f"SELECT {name}, count(*) FROM main.{quoted(reference.table)} WHERE {condition} GROUP BY 1 ORDER BY 1 DESC"
    return replace(reference, sentinels=tuple(con.execute(query)))


def _stray_numbers(con: sqlite3.Connection, reference: UnstatedReference, to: tuple[str, str]) -> StrayNumbers | None:
    """Return the numbers above 0 that are no key, or None if most are no key."""
    name, table, (parent, key) = quoted(reference.column), quoted(reference.table), map(quoted, to)
    numbers = _NUMBERS.format(name)
    is_key = f"{name} IN (SELECT {key} FROM main.{parent})"
    counts = f"SELECT {name}, count(*) AS n, {is_key} AS k FROM main.{table} WHERE {numbers} GROUP BY 1"
    known, rows = con.execute(f"SELECT total(n * k), total(n * NOT k) FROM ({counts})").fetchone()
    if not 0 < rows < known:
        return None
    query = f"SELECT c.* FROM ({counts}) AS c WHERE NOT k ORDER BY 1 LIMIT {_FEW_NUMBERS + 1}"
    strays = tuple((number, count) for number, count, _ in con.execute(query))
    [last] = con.execute(f"SELECT max({key}) FROM main.{parent} WHERE typeof({key}) = 'integer'").fetchone()
    return StrayNumbers(to, int(rows), strays if len(strays) <= _FEW_NUMBERS else (), last)


def unite_strays(files: Sequence[StrayNumbers]) -> StrayNumbers:
    """Return the numbers of one column in several files that are no key of its table."""
    counts: Counter[int] = Counter()
    for each in files:
        counts.update(dict(each.few))
    few = tuple(sorted(counts.items())) if all(each.few for each in files) and len(counts) <= _FEW_NUMBERS else ()
    return StrayNumbers(files[0].to, sum(each.rows for each in files), few, max(each.last_key for each in files))


def has_numbers(con: sqlite3.Connection, table: Table, column: str) -> bool:
    """Return whether a column has a number above 0."""
    return has_rows(con, table, _NUMBERS.format(quoted(column)))


def has_rows(con: sqlite3.Connection, table: Table, condition: str) -> bool:
    """Return whether a condition holds for a row of a table."""
    query = f"SELECT 1 FROM main.{quoted(table.name)} WHERE {condition} LIMIT 1"
    return con.execute(query).fetchone() is not None


def _parents(table: Table, column: str, named: NamedTables) -> list[tuple[str, str]]:
    """Return the tables and keys that a column is named after, the longest name first.

    A column such as ``parent_id``, or ``from_visit`` of ``visits``, is named after its own table.
    """
    parents = []
    words = words_of_name(column)
    names_own = _names_own_table(column)
    for other, known_keys in named.possible_parents(column, table.name if names_own else ""):
        keys = [key for key in known_keys if other is not table or folded(key) != folded(column)]
        name = words_of_name(other.name)
        is_own = other is table and (names_own or _names_row_of(words, name))
        if keys and (is_own or words == name or names_key_of(column, other.name, keys)):
            parents.append((other.name, next((key for key in other.primary_key if key in keys), keys[0])))
    return sorted(parents, key=lambda parent: -len(parent[0]))


def _names_own_table(column: str) -> bool:
    """Return whether a column is named like a row of its own table, as ``parent`` is."""
    return not _OWN_TABLE.isdisjoint(words_of_name(column)[:1]) and not is_named_like_a_type(column)


def _names_row_of(column: list[str], table: list[str]) -> bool:
    """Return whether a column names another row.

    ``from_visit`` of ``visits`` does, and ``sort_order`` of ``orders`` does not.
    """
    return column[0] in _DIRECTIONS and column[1:] == table
