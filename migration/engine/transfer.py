"""Transfer: rows of one table map into the target, inside its one transaction, and what happened to each of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine.digest import TableDigest, digest_query, digest_table, values
from migration.engine.errors import EngineError
from migration.engine.keys import keys_of
from migration.engine.sql import folded, listed, quoted

if TYPE_CHECKING:
    import sqlite3

    from migration.engine.keys import Key
    from migration.engine.move import Move


@dataclass(frozen=True)
class Transferred:
    """What one table map did.

    Attributes:
        rows: Rows in the source.
        inserted: Rows that the target got.
        skipped: Source rows that stayed behind because of the plan's conflict policy.
        replaced: Target rows that made place because of it.
        change: Digest of the inserted rows minus that of the replaced ones: what the target table gains.
        seconds: Time it took.
    """

    move: Move
    rows: int
    inserted: int
    skipped: int
    replaced: int
    change: TableDigest
    seconds: float


def copy(con: sqlite3.Connection, move: Move, source: TableDigest, alias: str) -> Transferred:
    """Copy the rows of one table map from the attached database ``alias``.

    Columns are matched by name on both sides. Where source and target declare the same table, ``SELECT *`` lets SQLite
    copy records whole (https://sqlite.org/lang_insert.html, "xfer"); the comparison afterwards does not trust that.

    Args:
        con: The target's connection, inside the transaction.
        move: What to copy.
        source: Digest of the whole source table, under the target's column names.
        alias: Name that the source is attached under.

    Raises:
        EngineError: Rows under a key that the policy was to settle differ and may not, or the transaction is gone.
    """
    began = time.monotonic()
    skipped, replaced = TableDigest(), TableDigest()
    where = ""
    if move.map.on_conflict != "refuse":
        clash = _clash(move)
        if move.map.on_conflict == "prefer-source":
            replaced = _remove(con, move, alias)
        else:
            skipped = digest_query(con, f"SELECT {_row(move)} FROM {_from(move, alias)} WHERE {clash}")
            if move.map.on_conflict == "skip-identical":
                _refuse_different(con, move, alias, clash, skipped)
            where = f" WHERE NOT ({clash})"
    inserted = con.execute(_insert(move, alias) + where).rowcount
    if not con.in_transaction:
        raise EngineError(f"{move.subject}: SQLite gave the transaction back (a constraint with ON CONFLICT ROLLBACK).")
    change = source - skipped - replaced
    return Transferred(move, source.rows, inserted, skipped.rows, replaced.rows, change, time.monotonic() - began)


def source_digest(con: sqlite3.Connection, move: Move, alias: str) -> TableDigest:
    """Digest the source table as it has to arrive: under the target's column names."""
    return digest_table(
        con, move.table, alias, renamed=move.renamed, constant=move.constant, with_rowid=move.rowid_counts
    )


def own_digest(con: sqlite3.Connection, move: Move) -> TableDigest:
    """Digest the rows that the target table has now, as they will be compared after the copy."""
    return digest_table(con, move.into, with_rowid=move.rowid_counts)


def raise_mark(con: sqlite3.Connection, move: Move, mark: int) -> None:
    """Let the target's AUTOINCREMENT mark be at least the source's, so that no deleted id is given out again."""
    if not move.into.autoincrement:
        return
    raised = con.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (mark, move.into.name))
    if raised.rowcount == 0:
        con.execute("INSERT INTO sqlite_sequence(name, seq) VALUES(?, ?)", (move.into.name, mark))


def _insert(move: Move, alias: str) -> str:
    into = f"main.{quoted(move.into.name)}"
    if _whole_records(move):
        return f"INSERT INTO {into} SELECT * FROM {_from(move, alias)}"
    old, new = [pair[0] for pair in move.columns], [pair[1] for pair in move.columns]
    if move.carries_rowid:
        old, new = [move.table.rowid, *old], [move.into.rowid, *new]
    return f"INSERT INTO {into}({listed(new)}) SELECT {listed(old)} FROM {_from(move, alias)}"


def _whole_records(move: Move) -> bool:
    same = move.new and move.map.on_conflict == "refuse" and move.table.sql == move.into.sql
    plain = move.table.kind == "table" and not any(column.generated for column in move.table.columns)
    # Without an index SQLite's whole-record copy numbers implicit rowids anew.
    keeps_rowids = bool(move.table.alias or move.table.without_rowid)
    return same and plain and keeps_rowids


def _from(move: Move, alias: str) -> str:
    # NOT INDEXED: rows come from the table itself, never from an index that may be out of step with it.
    return f"{quoted(alias)}.{quoted(move.table.name)} AS s" + ("" if move.table.kind == "virtual" else " NOT INDEXED")


def _row(move: Move) -> str:
    return ", ".join(values(move.table, renamed=move.renamed, constant=move.constant, with_rowid=move.rowid_counts))


def _keys(move: Move) -> list[Key]:
    fed = {folded(new) for _, new in move.columns}
    return [key for key in keys_of(move.into) if all(folded(column) in fed for column, _ in key)]


def _same_key(move: Move) -> str:
    """SQL: the target row ``t`` claims a key that the source row ``s`` claims as well."""
    source_column = {folded(new): old for old, new in move.columns}
    each = [
        " AND ".join(f"t.{quoted(c)} = s.{quoted(source_column[folded(c)])} COLLATE {quoted(coll)}" for c, coll in key)
        for key in _keys(move)
    ]
    return " OR ".join(f"({one})" for one in each) or "0"


def _clash(move: Move) -> str:
    return f"EXISTS (SELECT 1 FROM main.{quoted(move.into.name)} AS t WHERE {_same_key(move)})"


def _remove(con: sqlite3.Connection, move: Move, alias: str) -> TableDigest:
    """Delete the target rows that source rows replace; their digest is returned, and they stay in the backup."""
    into = quoted(move.into.name)
    claimed = f"EXISTS (SELECT 1 FROM {quoted(alias)}.{quoted(move.table.name)} AS s WHERE {_same_key(move)})"
    row = ", ".join(values(move.into, with_rowid=move.rowid_counts))
    removed = digest_query(con, f"SELECT {row} FROM main.{into} AS t WHERE {claimed}")
    con.execute(f"DELETE FROM main.{into} AS t WHERE {claimed}")
    return removed


def _refuse_different(con: sqlite3.Connection, move: Move, alias: str, clash: str, skipped: TableDigest) -> None:
    same = " AND ".join(
        f"t.{quoted(new)} IS s.{quoted(old)} COLLATE BINARY AND typeof(t.{quoted(new)}) = typeof(s.{quoted(old)})"
        for old, new in move.columns
    )
    equal = f"EXISTS (SELECT 1 FROM main.{quoted(move.into.name)} AS t WHERE ({_same_key(move)}) AND {same})"
    query = f"SELECT count(*) FROM {_from(move, alias)} WHERE {clash} AND NOT ({equal})"
    different = con.execute(query).fetchone()[0]
    if different:
        raise EngineError(
            f'{move.subject}: on_conflict = "skip-identical", but {different} of {skipped.rows} rows under a key that'
            f" {move.into.name} already has are different.",
            left="Nothing was changed.",
            todo='Mend the rows, or choose "prefer-target" or "prefer-source".',
        )
