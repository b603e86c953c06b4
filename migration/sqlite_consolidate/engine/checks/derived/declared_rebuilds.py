"""Check the search indexes that the plan wants to have rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
from sqlite_consolidate.engine.sqlite.schema.index_content import (
    content_kind,
    index_columns,
    inner_names,
    unseen_option,
)
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_names, toml_string

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.derivations import DerivationReader
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.plan.parts.derived import Rebuild
else:
    from sqlite_consolidate.sqlite_library import sqlite3

CRITERION = "derived-declared"
SUBJECT = "[[rebuild]] "
"""Text before the name of the table in the subject of a problem of a [[rebuild]]."""

_NAME_ANOTHER = "Name an FTS3, FTS4, FTS5, R-tree or Geopoly table."
_ONLY_STALE = "Leave it behind in its source with a reason. Or accept that it is stale: [[stale]] with a reason."


def plan_rebuilds(reader: DerivationReader, entries: Sequence[Rebuild]) -> tuple[list[SearchIndex], list[Problem]]:
    """Return the indexes that can be rebuilt, and a problem for each of the other entries.

    Args:
        reader: Reads the schema that the target will have.
        entries: Each [[rebuild]] of the plan.
    """
    indexes, problems = [], []
    for entry in entries:
        table = reader.schema.table(entry.table)
        fact, hint = _unfit(reader, entry, table)
        if table is not None and not fact:
            inner = tuple(name for name in inner_names(table) if reader.schema.table(name))
            index = SearchIndex(table, entry.from_.strip(), inner)
            fact, hint = _refusal(reader, index), "Correct the columns of the index and its content, or from."
        if table is None or fact:
            problems.append(Problem("bad-rebuild", f"{SUBJECT}{entry.table}", fact, hint, criterion=CRITERION))
        else:
            indexes.append(index)
    return indexes, problems


def rebuild_lines(table: str, query: str = "") -> str:
    """Return the lines of a plan that rebuild a search index."""
    keys = {"table": table, "from": query}
    return "\n".join(["[[rebuild]]", *(f"{key} = {toml_string(value)}" for key, value in keys.items() if value)])


def _unfit(reader: DerivationReader, entry: Rebuild, table: Table | None) -> tuple[str, str]:
    """Return why the run cannot rebuild a table as the plan states, and a hint.

    Both texts are empty if it can.
    """
    if table is None:
        return "the target will have no such table.", "Correct the name, or remove the [[rebuild]]."
    kind = content_kind(table)
    if not kind:
        return "is no search index.", _NAME_ANOTHER
    if reader.content_of(table):
        remove = "Remove from, or remove content= from the declaration of the index."
        return ("has external content, which it reads itself.", remove) if entry.from_ else ("", "")
    if option := unseen_option(table):
        return f"is an FTS4 table with {option}=, and a row of it is more than its columns.", _ONLY_STALE
    if not entry.from_.strip():
        stores = "has content of its own" if kind == "own" else "has no content"
        columns = join_names(index_columns(table))
        hint = f'State the query of {columns}: from = "SELECT id, ... FROM ...".'
        return f"{stores}, so nothing says from which rows it is derived.", hint
    return "", ""


def _refusal(reader: DerivationReader, index: SearchIndex) -> str:
    """Return why SQLite refuses to rebuild an index on an empty copy, or an empty text."""
    try:
        for statement in index.statements():
            reader.con.execute(statement)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return f"SQLite refuses the rebuild: {error}."
    return ""
