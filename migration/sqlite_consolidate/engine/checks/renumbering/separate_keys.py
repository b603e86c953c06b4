"""Show that the keys of several databases are apart, without a look at each of them.

The rowids of one table differ, and the run adds one number to all of them. So keys cannot repeat where the least and
the largest of one database are all below or all above those of the others. A table has both at its ends.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.rows.key_shift import KeyShift
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Key, Table


def are_separate(con: sqlite3.Connection, into: Table, key: Key, mappings: Iterable[tuple[TableMapping, str]]) -> bool:
    """Return whether the keys are rowids, and those of each table apart from all others.

    Args:
        con: Connection to all databases.
        into: The table that receives the rows.
        key: One of its unique keys.
        mappings: What leads into it, each with the name of its database.
    """
    if not into.alias or [folded(column) for column, _ in key] != [folded(into.alias)]:
        return False
    ranges = []
    for mapping, database in mappings:
        origin = next((old for old, new in mapping.columns if folded(new) == folded(into.alias)), "")
        shift = mapping.shifts.get(folded(origin))
        has_one_offset = shift is None or (isinstance(shift, KeyShift) and shift.is_key)
        if not origin or folded(origin) != folded(mapping.table.alias) or mapping.matched or not has_one_offset:
            return False
        rows, offset = f"{quoted(database)}.{quoted(mapping.table.name)}", shift.offset if shift else 0
        queries = (f"SELECT {end}({quoted(origin)}) FROM {rows}" for end in ("min", "max"))
        first, last = (con.execute(query).fetchone()[0] for query in queries)
        if first is not None:
            ranges.append((first + offset, last + offset))
    return all(last < first for (_, last), (first, _) in pairwise(sorted(ranges)))
