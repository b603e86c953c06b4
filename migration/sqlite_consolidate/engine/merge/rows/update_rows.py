"""Update rows of the target in place from the rows of a source that match them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.engine.sqlite.wide_rows import select_rows

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.projection import ProjectedColumn, Projection
    from sqlite_consolidate.engine.merge.rows.record_copy import Execute
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def update_matched_rows(con: sqlite3.Connection, mapping: TableMapping, alias: str, execute: Execute) -> TableDigest:
    """Update each existing row that loses against its match, and return the change.

    The row keeps its keys, its rowid, and the columns that the source does not have. Any other column that matches gets
    the value of the source, because its bytes may differ where the collation takes both for equal.

    Args:
        con: The target's connection, inside a transaction, with the source attached.
        mapping: The table mapping.
        alias: Name under which the source is attached.
        execute: Function that executes each statement that writes.

    Raises:
        sqlite3.IntegrityError: SQLite refuses a row.
    """
    matched = mapping.matched
    if matched is None or not matched.updating:
        return TableDigest()
    changed = updated_columns(mapping, alias)
    if not changed:
        return TableDigest()
    rows = mapping.projection(alias)
    source = f"{matched.place(alias)} AS m JOIN {quoted(alias)}.{quoted(mapping.table.name)} AS s"
    source += f" ON s.{quoted(matched.rowid)} = m.row"
    is_existing = f"t.{quoted(matched.key)} = m.new" if matched.key else _has_equal_columns(mapping, rows)
    pairs = f"FROM {source} JOIN main.{quoted(mapping.into.name)} AS t ON {is_existing} WHERE m.updates"
    names = {column.name for column in changed}
    after = [column.source if column.name in names else column.target for column in rows.row]
    rowid = rows.rowid.target if rows.rowid else ""
    before, expected = (
        digest_query(con, select_rows(values, pairs, rowid))
        for values in ([column.target for column in rows.row], after)
    )
    into, columns = f"main.{quoted(mapping.into.name)} AS t", identifier_list([column.name for column in changed])
    values = ", ".join(column.source for column in changed)
    if matched.key:
        key, updating = f"t.{quoted(matched.key)}", f"SELECT m.new FROM {matched.place(alias)} AS m WHERE m.updates"
        row = f"SELECT {values} FROM {source} WHERE m.new = +{key} AND m.updates"
        execute(f"UPDATE {into} SET ({columns}) = ({row}) WHERE {key} IN ({updating})")
    else:
        each = ", ".join(f"{quoted(column.name)} = {column.source}" for column in changed)
        # SQLite does not find the columns of a JOIN here if the name of its database has a dot.
        updating = f"s.{quoted(matched.rowid)} IN (SELECT m.row FROM {matched.place(alias)} AS m WHERE m.updates)"
        arriving = f"FROM {quoted(alias)}.{quoted(mapping.table.name)} AS s WHERE {is_existing} AND {updating}"
        execute(f"UPDATE {into} SET {each} {arriving}")
    return expected - before


def _has_equal_columns(mapping: TableMapping, rows: Projection) -> str:
    """Return the SQL condition that a row of the target has the columns that match."""
    arriving = {column.name: column.source for column in rows.columns}
    return " AND ".join(
        f"t.{quoted(name)} COLLATE {match_collation(mapping, name)} IS {arriving[name]}"
        for name in mapping.match_columns
    )


def updated_columns(mapping: TableMapping, alias: str = "main") -> list[ProjectedColumn]:
    """Return the columns of an existing row that get the values of the row that matches it."""
    kept = kept_columns(mapping)
    return [column for column in mapping.projection(alias).columns if folded(column.name) not in kept]


def match_collation(mapping: TableMapping, name: str) -> str:
    """Return the SQL of the collation by which values of a column of ``match`` are equal.

    Whole rows match if they are identical, so that no row is left out for one with other bytes.
    """
    return quoted("binary" if mapping.table_map.match == WHOLE_ROW else column_collation(mapping.into, name))


def changing_columns(mapping: TableMapping) -> set[str]:
    """Return the folded columns of an existing row whose values may differ after an update.

    A column that matches without a collation has an equal value before and after.
    """
    equal = {folded(name) for name in mapping.match_columns if column_collation(mapping.into, name) == "binary"}
    return {folded(column.name) for column in updated_columns(mapping)} - equal


def kept_columns(mapping: TableMapping) -> set[str]:
    """Return the folded columns that an existing row keeps, whatever row matches it.

    They are its primary key, its other keys that do not match, and the columns that neither the source nor a constant
    of the plan feeds.
    """
    numbers = (*mapping.table.primary_key, *mapping.table_map.renumber)
    sources = {folded(old): new for old, new in mapping.columns}
    kept = {sources[folded(name)] for name in numbers if folded(name) in sources} - {*mapping.match_columns}
    kept |= {*mapping.into.primary_key}
    kept |= mapping.constants.keys() - mapping.stated_constants.keys()
    return set(map(folded, kept))
