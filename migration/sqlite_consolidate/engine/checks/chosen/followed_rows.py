"""Leave rows behind that refer to rows that are left behind, from table to table.

Every table of the source is in the staging database, so each row has a rowid there. Rows that refer to each other in a
circle move, unless one of them is left behind for another reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.following import key_condition
from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.merge.rows.row_filter import LeftRows
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_Row = tuple[str, int]
"""Name of a staged table, and rowid of a row in it."""


def leave_unfollowed(con: sqlite3.Connection, databases: InspectedDatabases) -> None:
    """Mark the rows of all staged tables that follow no moved row, and count them.

    Args:
        con: Connection to the staging database.
        databases: The databases. Their mappings read from the staging database.
    """
    following = [mapping for mapping in databases.mappings if mapping.chosen and mapping.chosen.follows]
    if not following:
        return
    marked = [mapping for mapping in databases.mappings if mapping.chosen and mapping.chosen.marker]
    left = {(mapping.table.name, rowid) for mapping in marked for rowid in _left_by_where(con, mapping)}
    followed = _Followed()
    for reference in find_references(databases):
        if _is_followed(reference):
            followed.add(con, reference)
    unfollowed = followed.unfollowed(left)
    for mapping in following:
        rowids = [rowid for table, rowid in unfollowed if table == mapping.table.name]
        marker = quoted(mapping.chosen.marker) if mapping.chosen else ""
        con.execute("BEGIN")
        update = f"UPDATE main.{quoted(mapping.table.name)} SET {marker} = NULL WHERE rowid = ?"
        con.executemany(update, ((rowid,) for rowid in rowids))
        con.execute("COMMIT")
        name = mapping.source.name, mapping.table_map.name
        databases.left_rows[name] = LeftRows(databases.left_of(mapping).by_where, len(rowids))


def _is_followed(reference: Reference) -> bool:
    chosen = reference.child.chosen
    return chosen is not None and folded(reference.parent_name) in map(folded, chosen.follows)


def _left_by_where(con: sqlite3.Connection, mapping: TableMapping) -> Iterator[int]:
    left = mapping.chosen.left() if mapping.chosen else "0"
    return (rowid for (rowid,) in con.execute(f"SELECT rowid FROM main.{quoted(mapping.table.name)} AS s WHERE {left}"))


@dataclass
class _Followed:
    """Hold which rows refer to which, by the references that rows have to follow.

    Attributes:
        dangling: Rows with a reference to no row.
        children: Each row to the rows that refer to it, with the number of their reference.
        parents: Number of a reference and a row that refers by it, to the number of rows that it refers to.
    """

    dangling: set[_Row] = field(default_factory=set)
    children: defaultdict[_Row, list[tuple[int, _Row]]] = field(default_factory=lambda: defaultdict(list))
    parents: Counter[tuple[int, _Row]] = field(default_factory=Counter)
    _references: int = 0

    def add(self, con: sqlite3.Connection, reference: Reference) -> None:
        """Read which rows refer to which by one reference."""
        self._references += 1
        child = reference.child.table.name
        for rowid, parent in con.execute(_edges(reference)):
            row = child, rowid
            if parent is None:
                self.dangling.add(row)
            elif reference.parent:
                self.children[reference.parent.table.name, parent].append((self._references, row))
                self.parents[self._references, row] += 1

    def unfollowed(self, left: Iterable[_Row]) -> set[_Row]:
        """Return the rows that are left behind because they follow no row."""
        already = set(left)
        gone = already | self.dangling
        waiting = list(gone)
        while waiting:
            for edge in self.children.get(waiting.pop(), ()):
                self.parents[edge] -= 1
                if not self.parents[edge] and edge[1] not in gone:
                    gone.add(edge[1])
                    waiting.append(edge[1])
        return gone - already


def _edges(reference: Reference) -> str:
    """Return the query of each row that refers, with the row that it refers to, or NULL.

    A number up to 0, or one of ``none``, that is no key stands for no row, as NULL does.
    """
    parent = reference.parent
    columns = reference.columns[: len(parent.columns)] if parent else reference.columns
    values = [f"s.{quoted(column)}" for column in columns]
    refers = " AND ".join(f"{value} IS NOT NULL" for value in values)
    refers += f" AND {reference.when.over('s')}" if reference.when else ""
    source = f"FROM main.{quoted(reference.child.table.name)} AS s"
    none = "".join(f", {number}" for number in reference.child.table_map.none)
    stands_for_none = f"({values[0]} <= 0 OR {values[0]} IN (0{none}))"
    is_sentinel = f"typeof({values[0]}) = 'integer' AND {stands_for_none}" if len(values) == 1 else "0"
    if parent is None:
        return f"SELECT s.rowid, NULL {source} WHERE {refers} AND NOT ({is_sentinel})"
    matches = key_condition("p", parent, values, reference.child.table, columns)
    joined = f"{source} LEFT JOIN main.{quoted(parent.table.name)} AS p ON {matches}"
    return f"SELECT s.rowid, p.rowid {joined} WHERE {refers} AND NOT (p.rowid IS NULL AND {is_sentinel})"
