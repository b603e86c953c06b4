"""Judge the lines of a key map, and describe why rows cannot match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.rows.matched_rows import MatchedRows
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def find_ambiguous_matches(
    con: sqlite3.Connection, mapping: TableMapping, name: str, matched: MatchedRows
) -> Iterator[Problem]:
    """Yield why the lines of a key map do not lead from one row to one row.

    Rows that differ are a problem if only identical ones are skipped.

    Args:
        con: Connection to the staging database.
        mapping: The mapping.
        name: The key map as SQL names it.
        matched: The numbers of its lines.
    """
    columns, into = ", ".join(mapping.match_columns), mapping.into.name
    (several,) = con.execute(f"SELECT count(second) FROM {name}").fetchone()
    if several:
        verb = "matches" if several == 1 else "match"
        yield _ambiguous(mapping, f"{counted(several, 'row')} {verb} several rows of {into} by {columns}.")
    if mapping.table_map.match == WHOLE_ROW:
        return
    shared = f"SELECT count(*) AS n FROM {name} GROUP BY existing HAVING n > 1"
    rows, existing = con.execute(f"SELECT ifnull(sum(n), 0), count(*) FROM ({shared})").fetchone()
    if rows:
        yield _ambiguous(mapping, f"{rows} rows match {counted(existing, 'row')} of {into} by {columns}.")
    if matched.different and policy_of(mapping.table_map) == "skip-identical":
        number, has = matched.different, "differs" if matched.different == 1 else "differ"
        fact = (
            f"{number} of {counted(matched.rows, 'row')} that {into} has by {columns} {has} in a byte or a storage"
            " class, and only identical rows are skipped."
        )
        hint = (
            'Correct the rows, or choose "prefer-target" or "prefer-source". Values of two rows are never combined,'
            " such as by or-ing bits or by taking the larger one."
        )
        yield Problem("rows-differ", mapping.subject, fact, hint, criterion="keys-free")
    empty_ends = ["old IS NULL OR new IS NULL"] if mapping.matched_key else []
    empty_ends += [f"({number.old} IS NULL) <> ({number.new} IS NULL)" for number in matched.numbers]
    (empty,) = con.execute(f"SELECT count(*) FROM {name} WHERE {' OR '.join(empty_ends) or 0}").fetchone()
    if empty:
        keys = ", ".join(filter(None, (mapping.matched_key, *(number.column for number in matched.numbers))))
        fact = (
            f"{counted(empty, 'row')} and the matching row of {into} do not both have a number in each key"
            f" ({keys}): one of them has NULL."
        )
        hint = "Give these rows keys in both databases."
        yield Problem("match-ambiguous", mapping.subject, fact, hint, criterion="keys-free")


def find_changed_keys(con: sqlite3.Connection, mapping: TableMapping, rows: str) -> Iterator[Problem]:
    """Yield the problem that an update would have to change a primary key.

    Args:
        con: Connection to the staging database.
        mapping: The mapping.
        rows: FROM and WHERE of the rows whose key has other bytes than that of the row that they match.
    """
    (number,) = con.execute(f"SELECT count(*) {rows}").fetchone()
    if number:
        fact = (
            f"{counted(number, 'row')} would update a row whose {join_names(mapping.into.primary_key)} has other"
            f" bytes, and an update changes no primary key of {mapping.into.name}."
        )
        hint = 'Correct the keys of these rows, or choose "prefer-target".'
        yield Problem("rows-differ", mapping.subject, fact, hint, criterion="keys-free")


def _ambiguous(mapping: TableMapping, fact: str) -> Problem:
    hint = "Name columns in match that identify one row, or correct the rows."
    return Problem("match-ambiguous", mapping.subject, fact, hint, criterion="keys-free")
