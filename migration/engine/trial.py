"""Trial: would the target's types and constraints change or refuse a value? Found out on a scratch database."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.connections import attach, open_new
from migration.engine.digest import digest_query, digest_table
from migration.engine.sql import folded, listed, quoted
from migration.plan.problem import Problem

if TYPE_CHECKING:
    import sqlite3

    from migration.engine.move import Move
    from migration.engine.schema import Column, Table
else:
    from sqlite_utils.utils import sqlite3


def value_problems(move: Move, live: Path) -> list[Problem]:
    """List what the target's declarations would do to a source's values; empty when every value stays as it is.

    Only where the declarations differ in a way that could matter are rows copied, into a private scratch database.
    """
    if not could_matter(move):
        return []
    with tempfile.TemporaryDirectory(prefix="consolidate-trial-") as folder:
        con = open_new(Path(folder) / "trial.db")
        try:
            attach(con, live, "src")
            return _try(con, move)
        finally:
            con.close()


def could_matter(move: Move) -> bool:
    """Whether any declaration of the target could change or refuse a value that the source's own accepts."""
    if move.table.kind == "virtual" or folded(move.table.sql) == folded(move.into.sql):
        return False
    if move.into.strict != move.table.strict or re.search(r"\bcheck\b", folded(move.into.sql)):
        return True
    if move.into.alias and move.into.alias != move.renamed.get(move.table.alias):
        return True
    pairs = [(move.table.column(old), move.into.column(new)) for old, new in move.columns]
    return any(a and b and (affinity(a) != affinity(b) or (b.notnull and not a.notnull)) for a, b in pairs)


def affinity(column: Column) -> str:
    """Return the affinity of a declared type (https://sqlite.org/datatype3.html, section 3.1)."""
    kind = column.type
    if "INT" in kind:
        return "INTEGER"
    if any(part in kind for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in kind or not kind:
        return "BLOB"
    if any(part in kind for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def _try(con: sqlite3.Connection, move: Move) -> list[Problem]:
    old, new = [pair[0] for pair in move.columns], [pair[1] for pair in move.columns]
    try:
        con.execute(_bare(move.into))
        con.execute("BEGIN")
        con.execute(
            f"INSERT INTO main.{quoted(move.into.name)}({listed(new)})"
            f" SELECT {listed(old)} FROM src.{quoted(move.table.name)}"
        )
    except sqlite3.Error as error:
        what = f"its rows do not fit {move.into.name} as the target declares it: {error}."
        return [Problem("values-fit", move.subject, what, _TODO)]
    expected = digest_table(con, move.table, "src", renamed=move.renamed, with_rowid=False)
    if digest_table(con, _only(move.into, new), with_rowid=False) == expected:
        return []
    return [_changed(con, move, pair) for pair in move.columns if _differs(con, move, pair)]


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
    what = (
        f"values of column {pair[0]} would change: the target's type is {column.type if column else ''} "
        f"({_counts(kinds)} would become {_counts(stored)})."
    )
    return Problem("values-fit", move.subject, what, _TODO)


def _counts(rows: list[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in rows)


def _only(table: Table, names: list[str]) -> Table:
    return replace(table, columns=tuple(column for column in table.columns if column.name in names))


def _bare(table: Table) -> str:
    """Return the table's statement; foreign keys in it are not enforced on the scratch connection."""
    return table.sql


_TODO = "Declare the column in the target as the source does, or move the table under another name."
