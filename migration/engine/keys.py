"""Keys: do two rows claim the same key? Looked up over all sources and the target before anything is copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine.connections import attach, open_memory
from migration.engine.sql import folded, quoted
from migration.plan.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from migration.engine.move import Move
    from migration.engine.schema import Table

Key = tuple[tuple[str, str], ...]
"""Columns of a key with their collations, in the target's spelling."""


@dataclass(frozen=True)
class Party:
    """Rows that will stand in one target table: a source's, or those the target has already.

    Attributes:
        subject: ``file:table``.
        path: The database file.
        table: The table's name there.
        rowid: Name of its implicit rowid, or empty.
        columns: Target column (folded) to the column there.
        policy: ``on_conflict`` of its table map; ``refuse`` for the target's own rows.
    """

    subject: str
    path: Path
    table: str
    rowid: str
    columns: dict[str, str]
    policy: str


def collisions(into: Table, moves: Sequence[Move], parties: Sequence[Party]) -> list[Problem]:
    """List the keys of one target table that more than one row would claim.

    Args:
        into: The target table as it will be.
        moves: The table maps that lead into it.
        parties: The rows of all of them, the target's own first; at most nine different files.
    """
    if not parties:
        return []
    con = open_memory()
    try:
        aliases = {path: f"p{at}" for at, path in enumerate(dict.fromkeys(party.path for party in parties))}
        for path, alias in aliases.items():
            attach(con, path, alias)
        found = []
        for key in keys_of(into):
            if len(parties) == 1 and moves and _already_unique(moves[0], key):
                continue
            found += _claimed_twice(con, into, key, parties, aliases)
        if len(parties) > 1 and any(move.rowid_counts and move.table.kind == "table" for move in moves):
            found += _rowids_taken(con, into, parties, aliases)
        return found
    finally:
        con.close()


def keys_of(table: Table) -> list[Key]:
    """Return the columns of every key a table declares: INTEGER PRIMARY KEY, and whole unique indexes on columns."""
    keys: list[Key] = [((table.alias, "BINARY"),)] if table.alias else []
    return keys + [
        tuple((column or "", collation) for column, _, collation in index.terms)
        for index in table.indexes
        if index.unique and not index.partial and all(column is not None for column, _, _ in index.terms)
    ]


def _already_unique(move: Move, key: Key) -> bool:
    """Whether the only source declares a key that is at least as strict: then its rows cannot collide."""
    wanted = {(folded(column), folded(collation)) for column, collation in key}
    renamed = {folded(old): folded(new) for old, new in move.columns}
    for own in keys_of(move.table):
        have = {(renamed.get(folded(column), ""), folded(collation)) for column, collation in own}
        if have <= wanted:
            return True
    return False


def _claimed_twice(
    con: sqlite3.Connection, into: Table, key: Key, parties: Sequence[Party], aliases: dict[Path, str]
) -> list[Problem]:
    fed = [party for party in parties if all(folded(column) in party.columns for column, _ in key)]
    names = ", ".join(column for column, _ in key)
    rows = " UNION ALL ".join(
        f"SELECT {at} AS party, "
        + ", ".join(f"{quoted(party.columns[folded(c)])} AS k{n}" for n, (c, _) in enumerate(key))
        + f" FROM {quoted(aliases[party.path])}.{quoted(party.table)}"
        for at, party in enumerate(fed)
    )
    if not rows:
        return []
    not_null = " AND ".join(f"k{n} IS NOT NULL" for n in range(len(key)))
    grouping = ", ".join(f"k{n} COLLATE {quoted(collation)}" for n, (_, collation) in enumerate(key))
    query = (
        f"SELECT who, count(*) FROM (SELECT group_concat(DISTINCT party) AS who, count(*) AS n,"
        f" count(DISTINCT party) AS parties FROM ({rows}) WHERE {not_null}"
        f" GROUP BY {grouping} HAVING n > 1) GROUP BY who"
    )
    problems = []
    for who, count in con.execute(query).fetchall():
        involved = [fed[int(at)] for at in str(who).split(",")]
        if len(involved) > 1 and all(party.policy != "refuse" for party in involved[1:]):
            continue
        problems.append(_problem(into, names, involved, count))
    return problems


def _problem(into: Table, names: str, involved: list[Party], count: int) -> Problem:
    keys = "1 key" if count == 1 else f"{count} keys"
    if len(involved) == 1:
        what = f"{keys} ({names}) would stand more than once in {into.name} under the target's unique key: a collision."
        return Problem("keys-free", involved[0].subject, what, "Drop the unique key from the target, or mend the rows.")
    both = " and ".join(party.subject for party in involved)
    what = f"{keys} ({names}) of {into.name} would be there twice: both in {both}: a key collision."
    todo = 'Say which stays: on_conflict = "skip-identical", "prefer-target" or "prefer-source"; or use another name.'
    return Problem("keys-free", involved[-1].subject, what, todo)


def _rowids_taken(
    con: sqlite3.Connection, into: Table, parties: Sequence[Party], aliases: dict[Path, str]
) -> list[Problem]:
    rows = " UNION ALL ".join(
        f"SELECT {quoted(party.rowid)} AS r FROM {quoted(aliases[party.path])}.{quoted(party.table)}"
        for party in parties
    )
    count = con.execute(f"SELECT count(*) FROM (SELECT r FROM ({rows}) GROUP BY r HAVING count(*) > 1)").fetchone()[0]
    if not count:
        return []
    both = " and ".join(party.subject for party in parties)
    what = f"{into.name} has no key, and {count} rowids are used by rows of both {both}: a collision."
    todo = 'If nothing refers to its rowids, let them change: rowids = "renumber"; else move under another name.'
    return [Problem("keys-free", parties[-1].subject, what, todo)]
