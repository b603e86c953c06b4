"""Update rows of the target in place from the rows of a source that match them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.engine.sqlite.wide_rows import select_rows

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.projection import ProjectedColumn
    from sqlite_consolidate.engine.merge.rows.record_copy import Execute
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def update_matched_rows(con: sqlite3.Connection, mapping: TableMapping, alias: str, execute: Execute) -> TableDigest:
    """Update each standing row that differs from its match, and return the change.

    The row keeps its key, its rowid and the columns that match.

    Args:
        con: The target's connection, inside a transaction, with the source attached.
        mapping: The table mapping.
        alias: Name under which the source is attached.
        execute: Function that executes each statement that writes.

    Raises:
        sqlite3.IntegrityError: SQLite refuses a row.
    """
    matched = mapping.matched
    changed = updated_columns(mapping, alias)
    if matched is None or policy_of(mapping.table_map) != "prefer-source" or not matched.different or not changed:
        return TableDigest()
    rows, key = mapping.projection(alias), f"t.{quoted(matched.key)}"
    line = f"{matched.place(alias)} AS m"
    source = f"{quoted(alias)}.{quoted(mapping.table.name)} AS s"
    of_row = f"s.{quoted(matched.rowid)} = m.row"
    pairs = f"FROM {line} JOIN {source} ON {of_row} JOIN main.{quoted(mapping.into.name)} AS t ON {key} = m.new"
    pairs += " WHERE NOT m.identical"
    names = {column.name for column in changed}
    after = [column.source if column.name in names else column.target for column in rows.row]
    rowid = rows.rowid.target if rows.rowid else ""
    before, expected = (
        digest_query(con, select_rows(values, pairs, rowid))
        for values in ([column.target for column in rows.row], after)
    )
    values = f"SELECT {', '.join(column.source for column in changed)} FROM {line} JOIN {source} ON {of_row}"
    execute(
        f"UPDATE main.{quoted(mapping.into.name)} AS t SET ({identifier_list([column.name for column in changed])}) ="
        f" ({values} WHERE m.new = +{key} AND NOT m.identical)"
        f" WHERE {key} IN (SELECT m.new FROM {line} WHERE NOT m.identical)"
    )
    return expected - before


def updated_columns(mapping: TableMapping, alias: str = "main") -> list[ProjectedColumn]:
    """Return the columns of a standing row that get the values of the row that matches it."""
    kept = {folded(name) for name in mapping.match_columns}
    kept |= {folded(mapping.matched.key)} if mapping.matched else set()
    return [column for column in mapping.projection(alias).columns if folded(column.name) not in kept]
