"""Compute which values a column must have where conflict policies decide which rows stay.

SQLite decides it a second time, by the UNIQUE indexes of an empty database. The copy uses none of this SQL.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.source_rows import SourceRows
from sqlite_consolidate.engine.checks.references.mapped_names import stored_name, target_column
from sqlite_consolidate.engine.content.digest import digest_query
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.sqlite.connections import attached, limits_of, scratch_database
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

    Arriving = Callable[[SourceRows, TableMapping, str], str]
    Chosen = Callable[[TableMapping, SourceRows], str]

_INSERT = {
    "prefer-source": "INSERT OR REPLACE",
    "skip-identical": "INSERT OR IGNORE",
    "prefer-target": "INSERT OR IGNORE",
}


def staying_values(
    compared: TargetComparison, mappings: Sequence[TableMapping], column: str, arriving: Arriving, chosen: Chosen
) -> TableDigest:
    """Return the digest of the values that a column of the target must have.

    Args:
        compared: The comparison of the target.
        mappings: All mappings into its table, in plan order.
        column: The column of the target.
        arriving: Function that returns the SQL of a source column as it has to arrive.
        chosen: Function that returns the SQL condition on the rows that the plan moves.
    """
    into, inspected = mappings[0].into, compared.inspected
    like = compared.target_before or inspected.path_of(mappings[0])
    newer = next((mapping.table_map.newer for mapping in mappings if mapping.table_map.newer), "")
    names = list(dict.fromkeys([name for key in keys_of(into) for name, _ in key]))
    names += [name for name in (newer, column) if name and folded(name) not in map(folded, names)]
    with scratch_database(like, limits_of(compared.con)) as con:
        _create(con, into, names)
        _add_existing_rows(con, compared, into, names)
        for mapping in mappings:
            with ExitStack() as opened:
                alias = opened.enter_context(attached(con, inspected.path_of(mapping), "source"))
                key_map = compared.key_map
                lines = opened.enter_context(attached(con, key_map, "key map")) if key_map else ""
                rows = SourceRows(con, alias, lines)
                values = [_arriving_value(rows, mapping, name, arriving) for name in names]
                query = f"SELECT {', '.join(values)} FROM {rows.table(mapping)} AS s WHERE {chosen(mapping, rows)}"
                con.execute(_insertion(mapping, names, query))
        return digest_query(con, f"SELECT {_column(names, column)} FROM main.staying")


def _create(con: sqlite3.Connection, into: Table, names: Sequence[str]) -> None:
    """Create the table, whose columns have no type, with each unique key of the target."""
    columns = ", ".join(f"c{place}" for place, _ in enumerate(names))
    con.execute(f"CREATE TABLE main.staying({columns})")
    for number, key in enumerate(keys_of(into)):
        terms = ", ".join(f"{_column(names, name)} COLLATE {quoted(collation)}" for name, collation in key)
        con.execute(f"CREATE UNIQUE INDEX main.key{number} ON staying({terms})")


def _add_existing_rows(con: sqlite3.Connection, compared: TargetComparison, into: Table, names: Sequence[str]) -> None:
    target = compared.inspected.target
    before = target.schema.table(into.name) if target else None
    if compared.target_before is None or before is None:
        return
    with attached(con, compared.target_before, "before") as alias:
        stored = [stored_name(before, name) for name in names]
        values = ", ".join(quoted(name) if name else "NULL" for name in stored)
        con.execute(f"INSERT INTO main.staying SELECT {values} FROM {quoted(alias)}.{quoted(before.name)}")


def _arriving_value(rows: SourceRows, mapping: TableMapping, name: str, arriving: Arriving) -> str:
    old = next((old for old, _ in mapping.columns if folded(target_column(mapping, old)) == folded(name)), None)
    constants = {folded(column): literal for column, literal in mapping.constants.items()}
    return arriving(rows, mapping, old) if old else constants[folded(name)]


def _insertion(mapping: TableMapping, names: Sequence[str], query: str) -> str:
    """Return the statement that adds the rows of a query by the policy of their mapping."""
    policy = clash_policy_of(mapping.table_map)
    if policy != "prefer-newer":
        return f"{_INSERT.get(policy, 'INSERT')} INTO main.staying {query}"
    key = ", ".join(f"{_column(names, name)} COLLATE {quoted(coll)}" for name, coll in keys_of(mapping.into)[0])
    values = ", ".join(f"c{place} = excluded.c{place}" for place, _ in enumerate(names))
    newer = _column(names, mapping.table_map.newer)
    collation = quoted(column_collation(mapping.into, mapping.table_map.newer))
    update = f"ON CONFLICT({key}) DO UPDATE SET {values} WHERE excluded.{newer} > staying.{newer} COLLATE {collation}"
    return f"INSERT INTO main.staying {query} {update}"


def _column(names: Sequence[str], name: str) -> str:
    return f"c{[folded(each) for each in names].index(folded(name))}"
