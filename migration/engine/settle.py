"""Settle: would the copy itself go through, policies and all? Tried with every row on a scratch database.

For what looking up keys beforehand cannot tell: partial, expression and generated keys, rows that a policy calls
identical, and what two sources with policies make of each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.engine.connections import attached
from migration.engine.digest import digest_table
from migration.engine.move import MAX_COLUMN
from migration.engine.scratch import scratch
from migration.engine.sql import listed, quoted
from migration.engine.transfer import copy, own_digest, source_digest
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from migration.engine.keys import Party
    from migration.engine.limits import Limits
    from migration.engine.move import Move
    from migration.engine.schema import Table
else:
    from sqlite_utils.utils import sqlite3


def unsettled(
    into: Table, moves: Sequence[Move], parties: Sequence[Party], limits: Limits | None = None
) -> list[Problem]:
    """Copy all parties' rows into a private scratch table, as the run will, and list who could not.

    Args:
        into: The target table as it will be, with its indexes.
        moves: The table maps that lead into it, in plan order.
        parties: The rows of all of them, the target's own first.
        limits: Of the scratch database.
    """
    with scratch(parties[0].path, limits) as con:
        con.execute(into.sql)
        for index in into.indexes:
            if index.unique and index.sql:
                con.execute(index.sql)
        return _try(con, into, moves, parties)


def _try(con: sqlite3.Connection, into: Table, moves: Sequence[Move], parties: Sequence[Party]) -> list[Problem]:
    by_subject = {move.subject: move for move in moves}
    expected = None
    problems = []
    for party in parties:
        move = by_subject.get(party.subject)
        with attached(con, party.path, "party") as alias:
            con.execute("BEGIN")
            try:
                if move is None:
                    _own(con, into, party, alias)
                else:
                    expected = own_digest(con, move) if expected is None else expected
                    expected += copy(con, move, source_digest(con, move, alias), alias).change
            except (ProblemError, sqlite3.IntegrityError) as error:
                problems.append(_problem(into, party, error))
            if con.in_transaction:
                con.execute("COMMIT")
    if not problems and expected is not None and digest_table(con, into, with_rowid=moves[0].rowid_counts) != expected:
        what = f"rows of {into.name} would be dropped without a word: its ON CONFLICT settles a key collision."
        problems.append(
            Problem(
                "rows-dropped",
                parties[-1].subject,
                what,
                "Take the clause out, or mend the rows.",
                criterion="keys-free",
            )
        )
    return problems


def _own(con: sqlite3.Connection, into: Table, party: Party, alias: str) -> None:
    columns = [column.name for column in into.stored]
    if into.rowid and not into.alias and len(columns) < MAX_COLUMN:
        columns.insert(0, into.rowid)
    table = f"{quoted(alias)}.{quoted(party.table)}"
    con.execute(f"INSERT INTO main.{quoted(into.name)}({listed(columns)}) SELECT {listed(columns)} FROM {table}")


def _problem(into: Table, party: Party, error: Exception) -> Problem:
    if isinstance(error, ProblemError):
        first = error.problems[0]
        return replace(first, subject=party.subject, what=f"{first.what} A key collision.", criterion="keys-free")
    what = f"its own rows would not stand in {into.name} any more: {error}: a key collision."
    return Problem(
        "key-collision",
        party.subject,
        what,
        "Leave the new key out of the target, or mend the rows.",
        criterion="keys-free",
    )
