"""Transfer: rows of one table map into the target, inside its one transaction, and what happened to each of them."""

from __future__ import annotations

import hashlib
import marshal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine.connections import exact_text
from migration.engine.digest import TableDigest, digest_query, digest_table, values
from migration.engine.dump import literal
from migration.engine.records import copied_records, is_empty, source_rows
from migration.engine.sql import folded, listed, quoted
from migration.engine.unique import keys_of
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from migration.engine.move import Move
else:
    from sqlite_utils.utils import sqlite3


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

    Columns are matched by name on both sides. Where they stand in the same order, and SQLite's own plan says that it
    copies records whole, it may; the comparison afterwards does not trust that.

    Implicit rowids are kept where they are the rows' only identity. Where a key identifies them, they are kept as well
    in a table that the run has made, but only from the first source that brings rows: the next may use the same ones.

    Args:
        con: The target's connection, inside the transaction.
        move: What to copy.
        source: Digest of the whole source table, under the target's column names.
        alias: Name that the source is attached under.

    Raises:
        ProblemError: Rows under a key that the policy was to settle differ and may not; or SQLite refuses a row.
    """
    began = time.monotonic()
    skipped, replaced = TableDigest(), TableDigest()
    where = ""
    if move.map.on_conflict == "prefer-source":
        replaced = _remove(con, move, alias)
    elif move.map.on_conflict != "refuse":
        skipped = digest_query(con, _clashing(move, alias))
        if move.map.on_conflict == "skip-identical":
            _refuse_different(con, move, alias, skipped)
        where = f" WHERE NOT {_clash(move)}"
    try:
        inserted = copied_records(con, move, alias)
        if inserted is None:
            inserted = con.execute(_insert(con, move, alias) + where).rowcount
    except sqlite3.IntegrityError as error:
        gone = "" if con.in_transaction else " Its ON CONFLICT ROLLBACK gave the whole transaction back."
        what = f"a row cannot stand in {move.into.name}: {error}.{gone}"
        hint = "Mend the rows, or choose another table or policy."
        raise ProblemError(Problem("row-refused", move.subject, what, hint)) from error
    change = source - skipped - replaced
    return Transferred(move, source.rows, inserted, skipped.rows, replaced.rows, change, time.monotonic() - began)


def settled_keys(con: sqlite3.Connection, move: Move, alias: str) -> Iterator[list[str]]:
    """Yield the key of each row that the conflict policy settles, as SQL literals; to be asked before the copy.

    With ``prefer-source`` these are the target's rows that make place, else the source's rows that stay behind.
    """
    keys = _keys(move)
    if move.map.on_conflict == "refuse" or not keys:
        return
    if move.map.on_conflict == "prefer-source":
        names = ", ".join(f"t.{column}" for column, _, _ in keys[0])
        query = f"SELECT {names} FROM main.{quoted(move.into.name)} AS t WHERE {_claimed(move, alias)}"
    else:
        names = ", ".join(value for _, value, _ in keys[0])
        query = f"SELECT {names} FROM {source_rows(move, alias)} WHERE {_clash(move)}"
    before = con.text_factory
    exact_text(con)
    try:
        for row in con.execute(query):
            yield [literal(value) for value in row]
    finally:
        con.text_factory = before


def source_digest(con: sqlite3.Connection, move: Move, alias: str) -> TableDigest:
    """Digest the source table as it has to arrive: under the target's column names."""
    return digest_table(
        con, move.table, alias, renamed=move.renamed, constant=move.constant, with_rowid=move.rowid_counts
    )


def own_digest(con: sqlite3.Connection, move: Move) -> TableDigest:
    """Digest the rows that the target table has now, as they will be compared after the copy."""
    return digest_table(con, move.into, with_rowid=move.rowid_counts)


def raise_mark(con: sqlite3.Connection, move: Move, mark: int) -> None:
    """Let the target's AUTOINCREMENT mark be at least the source's, so that no deleted id is given out again.

    SQLite has written a mark with the copy, also where that was of no row.
    """
    if move.into.autoincrement:
        con.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (mark, move.into.name))


def _insert(con: sqlite3.Connection, move: Move, alias: str) -> str:
    old, new = [pair[0] for pair in move.columns], [pair[1] for pair in move.columns]
    if move.carries_rowid and (move.rowid_counts or is_empty(con, move)):
        old, new = [move.table.rowid, *old], [move.into.rowid, *new]
    rows = source_rows(move, alias)
    return f"INSERT INTO main.{quoted(move.into.name)}({listed(new)}) SELECT {listed(old)} FROM {rows}"


def _keys(move: Move) -> list[list[tuple[str, str, str]]]:
    """Return each key of the target as target column, what the source ``s`` has for it, and collation."""
    here = {folded(new): f"s.{quoted(old)}" for old, new in move.columns}
    here |= {folded(name): value for name, value in move.constant.items()}
    return [[(quoted(c), here[folded(c)], quoted(coll)) for c, coll in key] for key in keys_of(move.into)]


def _same_key(move: Move) -> str:
    """SQL: the target row ``t`` claims a key that the source row ``s`` claims as well."""
    each = [" AND ".join(f"t.{c} = {value} COLLATE {coll}" for c, value, coll in key) for key in _keys(move)]
    return " OR ".join(f"({one})" for one in each) or "0"


def _clash(move: Move) -> str:
    """SQL: some target row claims a key of the source row ``s``; the target's own index finds it."""
    return f"EXISTS (SELECT 1 FROM main.{quoted(move.into.name)} AS t WHERE {_same_key(move)})"


def _claimed(move: Move, alias: str) -> str:
    """SQL: some source row claims a key of the target row ``t``; the source need not have an index for it."""
    each = []
    for key in _keys(move):
        there = ", ".join(f"t.{column} COLLATE {collation}" for column, _, collation in key)
        each.append(f"({there}) IN (SELECT {', '.join(value for _, value, _ in key)} FROM {source_rows(move, alias)})")
    return " OR ".join(each) or "0"


def _clashing(move: Move, alias: str) -> str:
    """SQL: the source rows under a key that the target has already, as digests read them."""
    row = values(move.table, renamed=move.renamed, constant=move.constant, with_rowid=move.rowid_counts)
    return f"SELECT {', '.join(row)} FROM {source_rows(move, alias)} WHERE {_clash(move)}"


def _claimed_rows(move: Move, alias: str) -> str:
    """SQL: the target rows under a key that the source has as well, as digests read them."""
    row = values(move.into, with_rowid=move.rowid_counts)
    return f"SELECT {', '.join(row)} FROM main.{quoted(move.into.name)} AS t WHERE {_claimed(move, alias)}"


def _remove(con: sqlite3.Connection, move: Move, alias: str) -> TableDigest:
    """Delete the target rows that source rows replace; their digest is returned, and they stay in the backup."""
    removed = digest_query(con, _claimed_rows(move, alias))
    con.execute(f"DELETE FROM main.{quoted(move.into.name)} AS t WHERE {_claimed(move, alias)}")
    return removed


def _refuse_different(con: sqlite3.Connection, move: Move, alias: str, skipped: TableDigest) -> None:
    """Compare the rows under equal keys as digests see them: SQL takes -0.0 for 0.0, and no chain of 2,000 terms."""
    if digest_query(con, _claimed_rows(move, alias)) == skipped:
        return
    there = set(_exact_rows(con, _claimed_rows(move, alias)))
    different = sum(row not in there for row in _exact_rows(con, _clashing(move, alias)))
    if different:
        raise ProblemError(
            Problem(
                "rows-differ",
                move.subject,
                f'on_conflict = "skip-identical", but {different} of {skipped.rows} rows under a key that'
                f" {move.into.name} already has are different.",
                'Mend the rows, or choose "prefer-target" or "prefer-source".',
            )
        )


def _exact_rows(con: sqlite3.Connection, query: str) -> list[bytes]:
    before = con.text_factory
    exact_text(con)
    try:
        return [hashlib.sha256(marshal.dumps(row, 2)).digest() for row in con.execute(query)]
    finally:
        con.text_factory = before
