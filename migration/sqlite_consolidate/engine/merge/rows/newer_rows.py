"""Let the newer of two rows under one key stay, by a column that both have.

A newer row of the source updates the existing row in place. No row of the target is deleted, so its rowid stays, and
no ON DELETE clause could ever fire.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.content.expected_rows import Rows, digest_values
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.engine.sqlite.wide_rows import select_rows
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.projection import ProjectedColumn, Projection
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


@dataclass(frozen=True)
class NewerRows:
    """Build the SQL that finds the newer of a source row and the existing row of the same key.

    The first key of the target tells which rows are the same. ``s`` is a row of the source, ``t`` one of the target.

    Attributes:
        rows: The rows of the source as they have to arrive.
        column: The column that tells which row is newer.
        collation: Its collation in the target.
        kept: Columns of the target that existing rows keep, because neither the source nor the plan feeds them.
    """

    rows: Projection
    column: ProjectedColumn
    collation: str
    kept: frozenset[str] = frozenset()

    @classmethod
    def of(cls, mapping: TableMapping, rows: Projection) -> NewerRows:
        """Return the newer rows of a mapping whose policy is ``prefer-newer``."""
        name = folded(mapping.table_map.newer)
        column = next(column for column in rows.columns if folded(column.name) == name)
        kept = frozenset(mapping.constants.keys() - mapping.stated_constants.keys())
        return cls(rows, column, column_collation(mapping.into, column.name), kept)

    @property
    def fed(self) -> Projection:
        """Return the rows of the source without the columns that an existing row keeps."""
        return replace(self.rows, columns=tuple(c for c in self.rows.columns if c.name not in self.kept))

    @property
    def same_key(self) -> str:
        """Return the SQL condition that two rows have the same first key."""
        key = self.rows.keys[0]
        return " AND ".join(f"{column.target} = {column.source} COLLATE {quoted(coll)}" for column, coll in key)

    @property
    def is_newer(self) -> str:
        """Return the SQL condition that the source row is newer than the target row."""
        return f"{self.column.target} < {self.column.source} COLLATE {quoted(self.collation)}"

    @property
    def winning(self) -> str:
        """Return the SQL condition over ``s`` that the existing row of its key is older."""
        return self.existing(self.is_newer)

    @property
    def losing(self) -> str:
        """Return the SQL condition over ``s`` that the existing row of its key stays."""
        return f"{self.rows.clashing} AND NOT {self.winning}"

    @property
    def replaced(self) -> str:
        """Return the SQL condition over ``t`` that a source row of its key is newer."""
        return self.rows.claimed_by(self.rows.keys[:1], self.winning)

    @property
    def differs(self) -> str:
        """Return the SQL condition that the column has different values in both rows."""
        return f"{self.column.target} <> {self.column.source} COLLATE {quoted(self.collation)}"

    @property
    def update(self) -> str:
        """Return the statement that updates each older row of the target in place."""
        values = ", ".join(f"{quoted(column.name)} = {column.source}" for column in self.fed.columns)
        rows = self.rows.source_from(f"({self.same_key}) AND {self.is_newer}")
        return f"UPDATE main.{quoted(self.rows.into.name)} AS t SET {values} {rows}"

    def existing(self, condition: str) -> str:
        """Return the SQL condition over ``s`` that the existing row fits ``condition``."""
        query = self.rows.select_target(["1"], f"({self.same_key}) AND ({condition})", by_index=True)
        return f"EXISTS ({query})"


def are_comparable(first: str, second: str) -> str:
    """Return the SQL condition that two values are both numbers, or of one storage class."""
    numbers = " AND ".join(f"typeof({value}) IN ('integer', 'real')" for value in (first, second))
    return f"(typeof({first}) = typeof({second}) OR ({numbers}))"


def newer_rows_digests(con: sqlite3.Connection, newer: NewerRows) -> tuple[TableDigest, TableDigest]:
    """Return the digests of the losing source rows and of the updated target rows.

    If updated rows keep columns, the second one has the difference between these rows and the rows of the source.
    """
    rows = newer.rows
    skipped = digest_query(con, rows.select_row(newer.losing))
    replaced = digest_query(con, rows.select_target_row(newer.replaced, by_index=True))
    if newer.kept:
        values = [column.target if column.name in newer.kept else column.source for column in rows.row]
        beside = f"JOIN main.{quoted(rows.into.name)} AS t ON ({newer.same_key}) AND {newer.is_newer}"
        source = f"FROM {quoted(rows.database)}.{quoted(rows.table.name)} AS s {beside}"
        where = f" WHERE {rows.where}" if rows.where else ""
        rowid = rows.rowid.source if rows.rowid else ""
        replaced += digest_query(con, rows.select_row(newer.winning))
        replaced -= digest_query(con, select_rows(values, f"{source}{where}", rowid))
    return skipped, replaced


def require_decided(con: sqlite3.Connection, mapping: TableMapping, newer: NewerRows) -> None:
    """Raise if it is not known for each row under a key of the target which row is newer.

    Raises:
        ProblemError: Rows share keys with several rows, or the column does not tell which row is newer.
    """
    problems = [*_crossing(con, mapping, newer), *_undecided(con, mapping, newer), *_other_rowids(con, mapping, newer)]
    if problems:
        raise ProblemError(*problems)


def _crossing(con: sqlite3.Connection, mapping: TableMapping, newer: NewerRows) -> list[Problem]:
    """Return the problem that rows do not meet one to one under the first key."""
    rows, into = newer.rows, mapping.into.name
    names = ", ".join(column.name for column, _ in rows.keys[0])
    clashing = f"{rows.clashing} AND NOT {newer.existing('1')}"
    beside = _count(con, rows, clashing) if len(rows.keys) > 1 else 0
    several = _count(con, rows, f"({rows.select_target(['count(*)'], rows.same_keys, by_index=True)}) > 1")
    key = ", ".join(f"{column.source} COLLATE {quoted(coll)}" for column, coll in rows.keys[0])
    groups = rows.select(["count(*) AS n"], newer.existing("1")) + f" GROUP BY {key} HAVING count(*) > 1"
    repeated = int(con.execute(f"SELECT coalesce(sum(n), 0) FROM ({groups})").fetchone()[0])
    parts = [
        f"{beside} have another key of a row of {into} that stands under another {names}" if beside else "",
        f"{several} have keys of several rows of {into}" if several else "",
        f"{repeated} share the {names} of one row of {into}" if repeated else "",
    ]
    fact = " and ".join(filter(None, parts))
    if not fact:
        return []
    hint = 'Correct the keys of these rows, or move them under another name: into = "...".'
    text = f'on_conflict = "prefer-newer" compares two rows under one key, but rows do not meet one to one: {fact}.'
    return [Problem("keys-cross", mapping.subject, text, hint, criterion="keys-free")]


def _undecided(con: sqlite3.Connection, mapping: TableMapping, newer: NewerRows) -> list[Problem]:
    """Return the problem that the column does not tell which row is newer."""
    rows, name = newer.fed, newer.column.name
    if not mapping.holds_rowids and rows.rowid_counts:  # a key identifies these rows, whatever identifies others
        rows = replace(rows, rowid_counts=False)
    ours, theirs = newer.column.source, newer.column.target
    same_class = are_comparable(ours, theirs)
    has_null = f"{ours} IS NULL OR {theirs} IS NULL"
    conditions = {
        f"{name} is NULL": has_null,
        f"the values of {name} are of different storage classes": f"NOT ({has_null}) AND NOT {same_class}",
        f"{name} is equal and the rows differ": f"{same_class} AND NOT ({newer.differs})",
    }
    counts = {words: _count_different(con, rows, newer.existing(where)) for words, where in conditions.items()}
    if not any(counts.values()):
        return []
    parts = [f"in {number} {words}" for words, number in counts.items() if number]
    text = (
        f"{counted(sum(counts.values()), 'row')} under a key that {mapping.into.name} already has cannot be told to be"
        f" newer or older: {', '.join(parts)}."
    )
    hint = f'Correct {name} of these rows, or choose "prefer-target" or "prefer-source".'
    return [Problem("newer-undecided", mapping.subject, text, hint, criterion="keys-free")]


def _count_different(con: sqlite3.Connection, rows: Projection, where: str) -> int:
    """Count the source rows that are not identical to the existing row of their key."""
    claimed = rows.claimed_by(rows.keys[:1], where)
    existing = {digest_values(row) for row in Rows(con, rows.select_target_row(claimed, by_index=True))}
    return sum(digest_values(row) not in existing for row in Rows(con, rows.select_row(where)))


def _other_rowids(con: sqlite3.Connection, mapping: TableMapping, newer: NewerRows) -> list[Problem]:
    """Return the problem that a row would lose the rowid that has to be kept."""
    rows = newer.rows
    if rows.rowid is None or not rows.rowid_counts:
        return []
    number = _count(con, rows, newer.existing(f"{newer.is_newer} AND {rows.rowid.target} <> {rows.rowid.source}"))
    if not number:
        return []
    text = f"{counted(number, 'newer row')} would lose the implicit rowid, because the existing row keeps its own."
    hint = 'Let the rowids change: rowids = "renumber"; or choose another on_conflict.'
    return [Problem("rowid-collision", mapping.subject, text, hint, criterion="keys-free")]


def _count(con: sqlite3.Connection, rows: Projection, where: str) -> int:
    return int(con.execute(rows.select(["count(*)"], where)).fetchone()[0])
