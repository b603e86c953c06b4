"""Settle: would the copy itself go through, policies and all? Tried with every row on a scratch database.

For what looking up keys beforehand cannot tell: partial, expression and generated keys, rows that a policy calls
identical, and what two sources with policies make of each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.engine.connections import attached, scratch
from migration.engine.digest import TableDigest
from migration.engine.transfer import copy, own_digest, source_digest
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from migration.engine.limits import Limits
    from migration.engine.move import Move, Party
    from migration.engine.schema import Table


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
    expected = TableDigest()
    problems = []
    for party in parties:
        with attached(con, party.path, "party") as alias:
            con.execute("BEGIN")
            try:
                expected += copy(con, party.move, source_digest(con, party.move, alias), alias).change
            except ProblemError as error:
                problems.append(_problem(into, party, error))
            if con.in_transaction:
                con.execute("COMMIT")
    if not problems and own_digest(con, moves[0]) != expected:
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


def _problem(into: Table, party: Party, error: ProblemError) -> Problem:
    if not party.is_target:
        first = error.problems[0]
        return replace(first, subject=party.subject, what=f"{first.what} A key collision.", criterion="keys-free")
    what = f"its own rows would not stand in {into.name} any more: {error.__cause__}: a key collision."
    hint = "Leave the new key out of the target, or mend the rows."
    return Problem("key-collision", party.subject, what, hint, criterion="keys-free")
