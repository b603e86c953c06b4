"""Trial: would the target's types and constraints change or refuse a value? Found out on a scratch database."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from migration.engine.affinity import affinity
from migration.engine.connections import attach
from migration.engine.digest import digest_query, digest_table
from migration.engine.scratch import scratch
from migration.engine.sql import folded, keywords, listed, quoted
from migration.plan.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.engine.limits import Limits
    from migration.engine.move import Move
    from migration.engine.schema import Table
else:
    from sqlite_utils.utils import sqlite3


def value_problems(move: Move, live: Path, limits: Limits | None = None) -> list[Problem]:
    """List what the target's declarations would do to a source's values; empty when every value stays as it is.

    Only where the declarations differ in a way that could matter are rows copied, into a private scratch database.
    """
    if not could_matter(move):
        return []
    with scratch(live, limits) as con:
        attach(con, live, "src")
        return _try(con, move)


def could_matter(move: Move) -> bool:
    """Whether any declaration of the target could change or refuse a value that the source's own accepts."""
    if move.table.sql == move.into.sql:
        # What STORED columns hold need not be what the same expression gives here: integrity_check does not compare.
        return bool(_generated(move))
    if move.into.kind == "virtual" or _generated(move) or move.into.strict != move.table.strict:
        return True
    if re.search(r"\bcheck\b", keywords(move.into.sql)):
        return True
    if move.into.alias and move.into.alias != move.renamed.get(move.table.alias):
        return True
    here, there = ({column.name: column for column in table.columns} for table in (move.table, move.into))
    pairs = [(here[old], there[new]) for old, new in move.columns]
    return any(affinity(a) != affinity(b) or (b.notnull and not a.notnull) for a, b in pairs)


def _generated(move: Move) -> list[tuple[str, str]]:
    """Pairs of columns that both ends compute; their expressions may differ, or the text encoding that they see."""
    wanted = {folded(old): new for old, new in move.map.columns.items()}
    computed = [column.name for column in move.table.columns if column.generated]
    pairs = [(old, move.into.column(wanted.get(folded(old), old))) for old in computed]
    return [(old, there.name) for old, there in pairs if there is not None and there.generated]


def _try(con: sqlite3.Connection, move: Move) -> list[Problem]:
    old, new = [pair[0] for pair in move.columns], [pair[1] for pair in move.columns]
    source = f"src.{quoted(move.table.name)}"
    try:
        con.execute(move.into.sql)
        con.execute("BEGIN")
        con.execute(f"INSERT INTO main.{quoted(move.into.name)}({listed(new)}) SELECT {listed(old)} FROM {source}")
        lost = con.execute(
            f"SELECT (SELECT count(*) FROM {source}) - (SELECT count(*) FROM main.{quoted(move.into.name)})"
        ).fetchone()[0]
    except sqlite3.Error as error:
        what = f"its rows do not fit {move.into.name} as the target declares it: {error}."
        return [Problem("row-refused", move.subject, what, _TODO, criterion="values-fit")]
    if lost:
        what = f"{lost} of its rows would be dropped without a word: {move.into.name} has a clause ON CONFLICT."
        return [
            Problem(
                "rows-dropped",
                move.subject,
                what,
                "Take the clause from the target's table, or mend the rows.",
                criterion="values-fit",
            )
        ]
    pairs = _generated(move)
    expected = digest_table(con, move.table, "src", renamed=move.renamed, with_rowid=False)
    if digest_table(con, _only(move.into, new), with_rowid=False) != expected:
        pairs += move.columns
    return [_changed(con, move, pair) for pair in pairs if _differs(con, move, pair)]


def _differs(con: sqlite3.Connection, move: Move, pair: tuple[str, str]) -> bool:
    before = digest_query(con, f"SELECT {quoted(pair[0])} FROM src.{quoted(move.table.name)}")
    return before != digest_query(con, f"SELECT {quoted(pair[1])} FROM main.{quoted(move.into.name)}")


def _changed(con: sqlite3.Connection, move: Move, pair: tuple[str, str]) -> Problem:
    kinds = con.execute(
        f"SELECT typeof({quoted(pair[0])}), count(*) FROM src.{quoted(move.table.name)} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    stored = con.execute(
        f"SELECT typeof({quoted(pair[1])}), count(*) FROM main.{quoted(move.into.name)} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    column = move.into.column(pair[1])
    if column and column.generated:
        what = f"values of column {pair[0]} would change: it is generated, and the target would compute others."
        todo = "Mend them in the source (an UPDATE computes them anew), or declare the column as an ordinary one."
        return Problem("computed-value-changes", move.subject, what, todo, criterion="values-fit")
    what = (
        f"values of column {pair[0]} would change: the target's type is {column.type if column else ''} "
        f"({_counts(kinds)} would become {_counts(stored)})."
    )
    return Problem("value-changes", move.subject, what, _TODO, criterion="values-fit")


def _counts(rows: list[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in rows)


def _only(table: Table, names: list[str]) -> Table:
    return replace(table, columns=tuple(column for column in table.columns if column.name in names))


_TODO = "Declare the column in the target as the source does, or move the table under another name."
