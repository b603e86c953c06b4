"""Records: rows that are copied as they lie in the source's pages, indexes included; else not from this room.

SQLite copies whole records by itself where both tables are declared alike as far as records go, and the one that is
written to is empty. A DEFAULT stands in its way though no record shows it. So where nothing but literal DEFAULTs
differs, the target's table is declared as the source's is while its rows come, and as planned again right after: by the
steps that SQLite gives for changing a DEFAULT (https://www.sqlite.org/lang_altertable.html#otheralter), inside the one
transaction, so that nobody ever sees it otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.digest import digest_query
from migration.engine.sql import quoted
from migration.engine.statements import same_but_defaults

if TYPE_CHECKING:
    import sqlite3

    from migration.engine.move import Move
    from migration.engine.projection import Projection
else:
    from sqlite_utils.utils import sqlite3


def copied_records(con: sqlite3.Connection, move: Move, rows: Projection) -> int | None:
    """Copy all rows of a move as whole records, and return how many; None, and nothing is changed, where it cannot be.

    Args:
        con: The target's connection, inside the transaction.
        move: What to copy.
        rows: The projection of the move.

    Raises:
        sqlite3.IntegrityError: SQLite refuses a row.
    """
    insert = rows.insert_records
    if not insert or not _in_place(move) or not is_empty(con, move):
        return None
    if copies_records(con, insert):
        return con.execute(insert).rowcount
    if move.table.name != move.into.name or not same_but_defaults(move.table.sql, move.into.sql):
        return None
    return _under_other_defaults(con, move, rows)


def is_empty(con: sqlite3.Connection, move: Move) -> bool:
    """Tell whether the target table of a move has no row."""
    return con.execute(f"SELECT 1 FROM main.{quoted(move.into.name)} LIMIT 1").fetchone() is None


def copies_records(con: sqlite3.Connection, statement: str) -> bool:
    """Tell whether SQLite runs an ``INSERT ... SELECT *`` by copying records, indexes included, as they are stored.

    Its program then moves whole records (https://sqlite.org/opcode.html#RowCell).
    """
    codes = {row[1] for row in con.execute(f"EXPLAIN {statement}")}
    return bool(codes & {"RowData", "RowCell"})


def _in_place(move: Move) -> bool:
    """Whether nothing else is in the way of whole records, and rowids are not lost by them."""
    # Without an index SQLite's whole-record copy numbers implicit rowids anew.
    keeps_rowids = bool(move.into.alias or move.into.without_rowid or move.into.indexes)
    return move.new and move.map.on_conflict == "refuse" and keeps_rowids


def _under_other_defaults(con: sqlite3.Connection, move: Move, rows: Projection) -> int | None:
    """Copy records while the target's table has the source's DEFAULTs; None, and nothing is changed, if it may not.

    A record may be older than its table's last columns, and holds no value for them: they are what the DEFAULT says
    (https://www.sqlite.org/lang_altertable.html#altertabaddcol), and would become others. Then this is no way.
    """
    con.execute("SAVEPOINT records")
    try:
        count = _inserted(con, move, rows.insert_records)
        if count is not None and not _same_values(con, move, rows):
            count = None
        if count is None:
            con.execute("ROLLBACK TO records")
    finally:
        if con.in_transaction:  # an ON CONFLICT ROLLBACK takes the savepoint with it
            con.execute("RELEASE records")
    return count


def _inserted(con: sqlite3.Connection, move: Move, insert: str) -> int | None:
    query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    planned = con.execute(query, (move.into.name,)).fetchone()[0]
    try:
        _declare(con, move.into.name, move.table.sql)
    except sqlite3.OperationalError:  # a build of SQLite that does not let anyone write the schema
        return None
    try:
        return con.execute(insert).rowcount if copies_records(con, insert) else None
    finally:
        if con.in_transaction:
            _declare(con, move.into.name, planned)


def _declare(con: sqlite3.Connection, table: str, sql: str) -> None:
    con.execute("PRAGMA main.writable_schema=ON")
    try:
        con.execute("UPDATE main.sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (sql, table))
    finally:
        con.execute("PRAGMA main.writable_schema=RESET")


def _same_values(con: sqlite3.Connection, move: Move, rows: Projection) -> bool:
    """Whether the columns whose DEFAULT differs have the same values at both ends."""
    pairs = zip(move.table.columns, move.into.columns, strict=True)
    names = {there.name for here, there in pairs if here.default != there.default}
    columns = [column for column in rows.columns if column.name in names]
    arrived = digest_query(con, rows.select_target(column.target for column in columns))
    return arrived == digest_query(con, rows.select(column.source for column in columns))
