"""Find the tables whose keys the rowids of a search index are.

No trigger writes the rows of such an index. Its application does, under the key of the row that they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind
from sqlite_consolidate.engine.sqlite.schema.index_queries import key_of_index
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.type_columns import movable_by_name
from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference, has_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

ROWID = "rowid"


def find_rowid_keys(con: sqlite3.Connection, schema: Schema, tables: Sequence[Table]) -> Iterator[UnstatedReference]:
    """Yield each search index that stores its rows under the keys of another table.

    If its rowids are keys of several tables, those count that have its values, as many rows, or the beginning of its
    name. What remains is open if that is more than one table.

    Args:
        con: Reads the database.
        schema: Its schema.
        tables: The tables that can be moved.
    """
    parents = [table for table in movable_by_name(tables).values() if table.alias]
    for index in tables:
        if content_kind(index) != "own" or not index.is_readable or key_of_index(schema, index):
            continue
        try:
            known = _narrowed(con, index, parents) if has_rows(con, index, "1") else []
        except sqlite3.Error:  # a virtual table whose content is missing
            continue
        keys = tuple((parent.name, parent.alias) for parent in known)
        if len(keys) == 1:
            yield UnstatedReference(index.name, ROWID, keys[0])
        elif keys:
            yield UnstatedReference(index.name, ROWID, among=keys)


def _narrowed(con: sqlite3.Connection, index: Table, parents: Sequence[Table]) -> list[Table]:
    """Return the tables whose keys the rowids of an index may be."""
    name = words_of_name(index.name)
    tests: tuple[Callable[[Table], bool], ...] = (
        lambda parent: _has_values(con, index, parent),
        lambda parent: not has_rows(con, parent, f"{quoted(parent.alias)} NOT IN (SELECT rowid FROM {_main(index)})"),
        lambda parent: words_of_name(parent.name) == words_of_name("_".join(name[: len(words_of_name(parent.name))])),
    )
    known = [
        each for each in parents if not has_rows(con, index, f"rowid NOT IN (SELECT {_key(each)} FROM {_main(each)})")
    ]
    for test in tests:
        if len(known) > 1:
            known = [parent for parent in known if test(parent)] or known
    return known


def _has_values(con: sqlite3.Connection, index: Table, parent: Table) -> bool:
    """Return whether a column of the index has the values of a column with the same name."""
    names = {folded(column.name): column.name for column in parent.stored if column.name != parent.alias}
    return any(
        not has_rows(
            con,
            index,
            f"{quoted(column.name)} IS NOT (SELECT p.{quoted(names[folded(column.name)])} FROM {_main(parent)} AS p"
            f" WHERE p.{_key(parent)} = {_main(index)}.rowid)",
        )
        for column in index.stored
        if folded(column.name) in names
    )


def _key(table: Table) -> str:
    return quoted(table.alias)


def _main(table: Table) -> str:
    return f"main.{quoted(table.name)}"
