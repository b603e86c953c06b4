"""Follow references by SQL from child rows of a source to parent rows of the target.

In all SQL, ``k`` is a distinct referenced key, ``s`` is a row of the source and ``t`` is a row of the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.key_shift import KeyShift
from sqlite_consolidate.engine.merge.rows.newer_rows import are_comparable
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference, ReferredKey
    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, Table

_NUMERIC = ("INTEGER", "REAL", "NUMERIC")


class Strays(NamedTuple):
    """Count the child rows that would not reach the row that their parent became.

    Attributes:
        keys: Number of distinct referenced keys that were followed.
        differing: Rows that would reach a different row.
        lost: Rows that had a parent and would reach none.
        adopted: Rows that had no parent and would reach one.
    """

    keys: int
    differing: int
    lost: int
    adopted: int

    @property
    def rows(self) -> int:
        """Return the number of all such child rows."""
        return self.differing + self.lost + self.adopted


NO_STRAYS = Strays(0, 0, 0, 0)


def count_strays(con: sqlite3.Connection, reference: Reference, source: str, into: str, kept: str = "") -> Strays:
    """Compare the parent row of each referenced key with the row of the target.

    Args:
        con: The connection to both databases.
        reference: The reference. At most one row has a referenced key in the source, and in the target unless the
            reference is divided.
        source: Name of the database with child and parent rows.
        into: Name of the database that has the target's rows.
        kept: SQL condition over ``s`` of the child rows that are followed. Empty for all.
    """
    parent, joined = reference.parent, ""
    has_parent, is_same = "0", "0"
    if parent is not None:
        joined = f"LEFT JOIN {_place(source, parent)} AS s ON {_matches('s', parent, reference)}"
        has_parent, is_same = f"s.{quoted(parent.columns[0])} IS NOT NULL", _same_parent(reference, source)
    place, matches = _place(into, reference.into), _matches("t", reference.into, reference)
    arrived, reached = f"t.{quoted(reference.into.columns[0])} IS NOT NULL", f"LEFT JOIN {place} AS t ON {matches}"
    if reference.is_divided:  # any of the rows that it reaches may be another one
        arrived, reached = f"EXISTS (SELECT 1 FROM {place} AS t WHERE {matches})", ""
        is_same = f"NOT EXISTS (SELECT 1 FROM {place} AS t WHERE {matches} AND NOT ({is_same}))"
    query = (
        "SELECT count(*), coalesce(sum(iif(had AND has AND NOT same, n, 0)), 0),"
        " coalesce(sum(iif(had AND NOT has, n, 0)), 0), coalesce(sum(iif(has AND NOT had, n, 0)), 0)"
        f" FROM (SELECT k.n, {has_parent} AS had, {arrived} AS has, {is_same} AS same"
        f" FROM ({_referenced_keys(reference, source, kept)}) AS k {joined} {reached})"
    )
    return Strays(*con.execute(query).fetchone())


def count_strays_elsewhere(
    con: sqlite3.Connection, reference: Reference, source: str, reached: Iterable[str], kept: str = ""
) -> Strays:
    """Count the rows whose parents go to another table, or that would find a parent.

    Args:
        con: The connection to all databases.
        reference: The reference.
        source: Name of the database with child and parent rows.
        reached: Queries of the keys that the referred table will have.
        kept: SQL condition over ``s`` of the child rows that are followed. Empty for all.
    """
    parent = reference.parent
    has_parent = "0"
    if parent is not None:
        has_parent = f"({_probe(parent, reference)}) IN ({keys_of_table(source, parent)})"
    probe = _probe(reference.into, reference)
    arrived = " OR ".join(f"({probe}) IN ({query})" for query in reached) or "0"
    differing = "had" if reference.is_elsewhere else "0"
    query = (
        f"SELECT count(*), coalesce(sum(iif({differing}, n, 0)), 0), 0,"
        " coalesce(sum(iif(has AND NOT had, n, 0)), 0)"
        f" FROM (SELECT k.n, {has_parent} AS had, {arrived} AS has"
        f" FROM ({_referenced_keys(reference, source, kept)}) AS k)"
    )
    return Strays(*con.execute(query).fetchone())


def count_strays_of_updates(
    con: sqlite3.Connection, reference: Reference, source: str, staging: str, views: Sequence[str]
) -> Strays:
    """Count the rows of the target whose parents are updated and get other keys.

    An updated row keeps its primary key, by which it is found again.

    Args:
        con: The connection to all databases.
        reference: The reference of rows of the target.
        source: Name of the database with the target as it is.
        staging: Name of the staging database.
        views: Its views with the rows that the referred table will have.
    """
    parent, key = reference.parent, reference.into.table.primary_key
    if parent is None:
        return NO_STRAYS
    existing = " UNION ALL ".join(f"SELECT * FROM {quoted(staging)}.{quoted(view)}" for view in views)
    had, has = f"s.{quoted(parent.columns[0])} IS NOT NULL", f"t.{quoted(reference.into.columns[0])} IS NOT NULL"
    is_same = " AND ".join(f"t.{quoted(column)} COLLATE BINARY IS s.{quoted(column)}" for column in key)
    query = (
        f"SELECT count(*), coalesce(sum(iif({had} AND {has} AND NOT ({is_same}), k.n, 0)), 0),"
        f" coalesce(sum(iif({had} AND NOT {has}, k.n, 0)), 0), coalesce(sum(iif({has} AND NOT {had}, k.n, 0)), 0)"
        f" FROM ({_referenced_keys(reference, source, '')}) AS k"
        f" LEFT JOIN {_place(source, parent)} AS s ON {_matches('s', parent, reference)}"
        f" LEFT JOIN ({existing}) AS t ON {_matches('t', reference.into, reference)}"
    )
    return Strays(*con.execute(query).fetchone())


def count_merged_parents(con: sqlite3.Connection, reference: Reference, source: str, into: str, kept: str) -> int:
    """Count the child rows whose parent and another row are replaced by one row.

    Args:
        con: The connection to both databases.
        reference: The reference of rows of the target, with a parent.
        source: Name of the database with the old rows.
        into: Name of the database that has the new rows.
        kept: SQL condition over ``s`` of the child rows that are followed. Empty for all.
    """
    parent = reference.parent
    if parent is None:
        return 0
    shared = " OR ".join(
        f"({' AND '.join(f'o.{quoted(name)} = t.{quoted(name)} COLLATE {quoted(coll)}' for name, coll in key)})"
        for key in keys_of(parent.table)
    )
    is_other = f"({_matches('o', parent, reference)}) IS NOT 1"
    query = (
        f"SELECT coalesce(sum(k.n), 0) FROM ({_referenced_keys(reference, source, kept)}) AS k"
        f" JOIN {_place(source, parent)} AS s ON {_matches('s', parent, reference)}"
        f" JOIN {_place(into, reference.into)} AS t ON {_matches('t', reference.into, reference)}"
        f" WHERE NOT ({_same_row(_kept_pairs(reference, source))})"
        f" AND EXISTS (SELECT 1 FROM {_place(source, parent)} AS o WHERE ({shared or 0}) AND {is_other})"
    )
    return int(con.execute(query).fetchone()[0])


def count_rows_without_parent(
    con: sqlite3.Connection,
    rows: Projection,
    key: ForeignKey,
    into: ReferredKey | None,
    reached: Iterable[str],
    kept: str = "",
) -> int:
    """Count the rows of a source that SQLite would report for a foreign key of the target.

    Args:
        con: The connection to all databases.
        rows: The rows of the child table as they have to arrive.
        key: The foreign key, as the target declares it. The rows have its columns.
        into: The referred columns. None if the target does not have their table.
        reached: Queries of the keys that the referred table will have.
        kept: SQL condition over ``s`` of the rows that are counted. Empty for all.
    """
    columns = {folded(column.name): column for column in (*rows.columns, *rows.computed)}
    referring = [columns[folded(name)] for name in key.columns]
    conditions = [*(f"{column.source} IS NOT NULL" for column in referring), *([f"({kept})"] if kept else [])]
    if into is not None:
        present = [column_affinity(rows.table, column.origin) for column in referring]
        values = [
            f"{_with_affinity(column.source, wanted, affinity)} COLLATE {quoted(collation)}"
            for column, wanted, affinity, collation in zip(
                referring, into.affinities, present, into.collations, strict=True
            )
        ]
        conditions += [f"({', '.join(values)}) NOT IN ({query})" for query in reached]
    (count,) = con.execute(rows.select(["count(*)"], " AND ".join(conditions), by_index=True)).fetchone()
    return int(count)


def keys_of_table(database: str, key: ReferredKey) -> str:
    """Return the query of the keys without NULL that a table has in a database."""
    columns = [quoted(column) for column in key.columns]
    not_null = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    return f"SELECT {', '.join(columns)} FROM {_place(database, key)} WHERE {not_null}"


def kept_rows(mapping: TableMapping, source: str) -> str:
    """Return the SQL condition over ``s`` of the rows that a conflict policy did not drop.

    Such a row is in the target's table of the main database with all its values.
    """
    rows = mapping.projection(source)
    stated = mapping.stated_constants
    refreshed = refreshed_columns(mapping.plan, mapping.into.name)
    columns = [column for column in rows.columns if folded(column.name) not in refreshed]
    pairs = [(column.target, column.source) for column in columns if column.origin or column.name in stated]
    free, present = [], []
    for key in rows.keys:
        same_key = [f"{column.target} = {column.source} COLLATE {quoted(coll)}" for column, coll in key]
        matches = " AND ".join((*same_key, _same_row(pairs)))
        present.append(f"EXISTS ({rows.select_target(['1'], matches, by_index=True)})")
        free.append(f"({' OR '.join(f'{column.source} IS NULL' for column, _ in key)})")
    return " OR ".join((*present, f"({' AND '.join(free)})")) if present else ""


def _referenced_keys(reference: Reference, source: str, kept: str) -> str:
    """Return the query of each distinct key, with the number of rows that refer to it."""
    child, table = reference.child, reference.child.table
    values = [f"s.{quoted(column)}" for column in reference.columns]
    every = (*values, *(f"({literal})" for literal in reference.origins or reference.constants))
    columns = [f"{value} COLLATE BINARY AS k{place}" for place, value in enumerate(every)]
    moved = {*child.shifts, *child.lookups}
    shifted = [place for place, column in enumerate(reference.columns) if folded(column) in moved]
    arriving = [child.arriving(reference.columns[place], source) for place in shifted]
    columns += [f"{value} AS a{place}" for place, value in zip(shifted, arriving, strict=True)]
    columns += [f"({literal}) AS a{place}" for place, literal in enumerate(reference.constants) if reference.origins]
    # A value that alone determines what arrives needs no second term, for which SQLite would sort all keys in memory.
    determined = [
        isinstance(child.shifts.get(name), KeyShift) and name not in child.lookups
        for name in (folded(reference.columns[place]) for place in shifted)
    ]
    # A column without affinity can hold 1 and 1.0, which are one key of a number and two keys of a text.
    untyped = [c for c in reference.columns if column_affinity(table, c) == "BLOB"]
    grouping = [
        *(str(place) for place in range(1, len(values) + 1)),
        *(f"typeof(s.{quoted(c)})" for c in untyped),
        *(value for value, is_determined in zip(arriving, determined, strict=True) if not is_determined),
    ]
    referring = values[: len(reference.parent.columns)] if reference.parent else values
    conditions = [*(f"{value} IS NOT NULL" for value in referring), *([f"({kept})"] if kept else [])]
    conditions += [reference.when.over("s")] if reference.when else []
    query = child.projection(source).select([*columns, "count(*) AS n"], " AND ".join(conditions), by_index=True)
    return f"{query} GROUP BY {', '.join(grouping)}" if grouping else query


def _place(database: str, key: ReferredKey) -> str:
    return f"{quoted(database)}.{quoted(key.table.name)}"


def key_condition(row: str, key: ReferredKey, values: Sequence[str], child: Table, columns: Sequence[str]) -> str:
    """Return the SQL condition that a row has a key by the rules of foreign keys.

    Args:
        row: Name of the row in SQL.
        key: The referred columns.
        values: SQL of the referring values.
        child: Table that refers.
        columns: Its referring columns.
    """
    affinities = zip(key.affinities, (column_affinity(child, column) for column in columns), strict=True)
    wanted = [_with_affinity(value, *pair) for value, pair in zip(values, affinities, strict=True)]
    pairs = zip(key.columns, key.collations, wanted, strict=True)
    return " AND ".join(f"{row}.{quoted(column)} COLLATE {quoted(coll)} = {value}" for column, coll, value in pairs)


def _matches(row: str, key: ReferredKey, reference: Reference) -> str:
    """Return the SQL condition that a row has the key ``k`` by the rules of foreign keys."""
    pairs = zip(key.columns, key.collations, _values(key, reference), strict=True)
    return " AND ".join(f"{row}.{quoted(column)} COLLATE {quoted(coll)} = {value}" for column, coll, value in pairs)


def _probe(key: ReferredKey, reference: Reference) -> str:
    """Return the key ``k`` with the collations of the referred columns."""
    pairs = zip(_values(key, reference), key.collations, strict=True)
    return ", ".join(f"{value} COLLATE {quoted(coll)}" for value, coll in pairs)


def _values(key: ReferredKey, reference: Reference) -> list[str]:
    """Return each value of ``k`` with the affinity of the referred column, as it is there.

    The rows of a staging database have no affinity of their own.
    """
    child = reference.child
    present = [column_affinity(child.table, column) for column in reference.columns]
    present += ["BLOB"] * len(reference.constants)
    values = [f"k.k{place}" for place in range(len(present))]
    if key is reference.into:
        moved = {*child.shifts, *child.lookups}
        for place, column in enumerate(reference.columns):
            values[place] = f"k.a{place}" if folded(column) in moved else values[place]
        values = [f"k.a{place}" for place, _ in enumerate(reference.origins)] or values
    # The parent of the source is referred to by the first columns only.
    return [
        _with_affinity(value, wanted, affinity)
        for value, wanted, affinity in zip(values, key.affinities, present, strict=False)
    ]


def _with_affinity(value: str, wanted: str, present: str) -> str:
    if wanted == present or (wanted in _NUMERIC and present in _NUMERIC):
        return value
    if wanted == "BLOB":
        return f"+{value}"  # without the affinity of the referring column
    if wanted == "TEXT":
        return f"iif(typeof({value}) IN ('integer', 'real'), CAST({value} AS TEXT), {value})"
    number = f"CAST({value} AS NUMERIC)"
    return f"iif(typeof({value}) = 'text' AND {number} = {value}, {number}, {value})"


def _kept_pairs(reference: Reference, source: str) -> list[tuple[str, str]]:
    """Return the pairs of a parent without columns that the plan sets again."""
    refreshed = refreshed_columns(reference.child.plan, reference.into.table.name)
    names = {f"t.{quoted(name)}" for name in refreshed}
    return [pair for pair in reference.row(source) if folded(pair[0]) not in names]


def _same_parent(reference: Reference, source: str) -> str:
    """Return the SQL condition that a row is the row that the parent became.

    A row that stands under other keys has equal values in the columns that match. So has a row that a later source
    updates.
    """
    pairs, mapping = _kept_pairs(reference, source), reference.parent_mapping
    if mapping is not None and clash_policy_of(mapping.table_map) == "prefer-newer":
        return f"(({_same_row(pairs)}) OR ({_is_newer(mapping, source)}))"
    if mapping is None or mapping.matched is None:
        return _same_row(pairs)
    values = {column.name: column.source for column in mapping.projection(source).columns}
    matched = " AND ".join(
        f"t.{quoted(name)} COLLATE {quoted(column_collation(mapping.into, name))} IS {values[name]}"
        for name in mapping.match_columns
    )
    return f"({matched} AND iif({mapping.matched.unmatched(source)}, {_same_row(pairs)}, 1))"


def _is_newer(mapping: TableMapping, source: str) -> str:
    """Return the SQL condition that a row of the target is a newer version of a parent.

    Two rows under one key are versions of one parent.
    """
    name = folded(mapping.table_map.newer)
    column = next(column for column in mapping.projection(source).columns if folded(column.name) == name)
    if name in map(folded, refreshed_columns(mapping.plan, mapping.into.name)):
        return "1"  # its value of now does not tell which version it is
    later = f"{column.target} > {column.source} COLLATE {quoted(column_collation(mapping.into, column.name))}"
    return f"{are_comparable(column.target, column.source)} AND {later}"


def _same_row(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the SQL condition that two rows have equal values and storage classes.

    Args:
        pairs: SQL over the target's row ``t`` and the source's row ``s``.
    """
    target, source = ([pair[at] for pair in pairs] for at in (0, 1))
    values = f"({', '.join(f'{value} COLLATE BINARY' for value in target)}) IS ({', '.join(source)})"
    types = [", ".join(f"typeof({value})" for value in side) for side in (target, source)]
    return f"{values} AND ({types[0]}) IS ({types[1]})" if pairs else "1"
