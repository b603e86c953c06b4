"""Count the rows of two databases under equal keys, and the identical ones."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.real_bits import add_real_bits, exact_kind
from sqlite_consolidate.engine.checks.references.predicted_target import key_sources
from sqlite_consolidate.engine.sqlite.connections import attach, open_memory, read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import KeySource
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.problem import Problem
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass(frozen=True)
class SharedRows:
    """Hold how many keys two tables have in common.

    Attributes:
        common: Number of these keys.
        identical: Number of rows that are identical byte by byte, the key included.
    """

    common: int = 0
    identical: int = 0


def count_shared_rows(
    databases: InspectedDatabases, problems: Iterable[Problem], limits: Limits
) -> dict[str, SharedRows]:
    """Return each colliding subject to the rows that it shares with the first other file."""
    shared = {}
    for problem in problems:
        if problem.id == "key-collision" and problem.others and problem.subject not in shared:
            pair = _pair(databases, problem)
            if pair and (rows := _count(*pair, limits)):
                shared[problem.subject] = rows
    return shared


def _pair(databases: InspectedDatabases, problem: Problem) -> tuple[KeySource, KeySource] | None:
    mapping = next((each for each in databases.mappings if each.subject == problem.subject), None)
    if mapping is None or len(mapping.into.primary_key) != 1:
        return None
    by_subject = {source.subject: source for source in key_sources(databases, mapping.into)}
    first, last = by_subject.get(problem.others[0]), by_subject.get(problem.subject)
    return (first, last) if first and last else None


def _count(first: KeySource, last: KeySource, limits: Limits) -> SharedRows | None:
    names = {folded(column.name) for column in first.mapping.table.stored}
    columns = [column.name for column in last.mapping.table.stored if folded(column.name) in names]
    [key] = last.mapping.into.primary_key
    tables = [f"{alias}.{quoted(each.mapping.table.name)}" for alias, each in (("first", first), ("last", last))]
    selected = ", ".join(f"{quoted(name)} COLLATE BINARY, {exact_kind(quoted(name))}" for name in columns)
    with closing(open_memory(limits)) as con:
        read_text_losslessly(con)
        add_real_bits(con)
        try:
            attach(con, first.path, "first")
            attach(con, last.path, "last")
            keys = f"SELECT {quoted(key)} FROM {{}}"
            common = f"SELECT count(*) FROM ({keys.format(tables[0])} INTERSECT {keys.format(tables[1])})"
            same = f"SELECT {selected} FROM {tables[0]} INTERSECT SELECT {selected} FROM {tables[1]}"
            return SharedRows(_number(con, common), _number(con, f"SELECT count(*) FROM ({same})"))
        except sqlite3.Error:  # such as databases of two encodings, which cannot be attached together
            return None


def _number(con: sqlite3.Connection, query: str) -> int:
    return int(con.execute(query).fetchone()[0])
