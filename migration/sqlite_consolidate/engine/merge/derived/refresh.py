"""Set columns of the target again that the plan derives from other rows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query, digest_table
from sqlite_consolidate.engine.content.projection import Projection
from sqlite_consolidate.engine.sqlite.errors import is_statement_error
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_BEFORE = "consolidate_before"


def refreshed_columns(plan: Plan, table: str) -> set[str]:
    """Return the folded names of the columns of a target table that the plan sets again."""
    entries = (entry for entry in plan.refreshes if folded(entry.table) == folded(table))
    return {folded(column) for entry in entries for column in entry.columns}


@dataclass(frozen=True)
class Refresh:
    """Hold columns of one table that the run sets again.

    Attributes:
        table: The table, as the target will have it.
        columns: The columns, as the table spells them.
        assignments: SQL after SET.
        where: SQL condition of the rows. Empty for all.
        reason: The plan's reason.
    """

    table: Table
    columns: tuple[str, ...]
    assignments: str
    where: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """Return the name of the table as the target spells it."""
        return self.table.name

    def statement(self) -> str:
        """Return the UPDATE.

        Texts of the plan are on lines of their own, so that a comment cannot hide what follows.
        """
        condition = f"\nWHERE (\n{self.where}\n)" if self.where else ""
        return f"UPDATE main.{quoted(self.name)} SET\n{self.assignments}{condition}"

    @contextmanager
    def authorized(self, con: sqlite3.Connection) -> Iterator[None]:
        """Let the statements of this block read the target, and set these columns only."""
        con.set_authorizer(self._judge)
        try:
            yield
        finally:
            con.set_authorizer(None)

    def _judge(self, action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
        is_allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
        if action == sqlite3.SQLITE_READ:
            is_allowed = database in ("main", None)  # None for count(*) of a table without a database name
        elif action == sqlite3.SQLITE_UPDATE:
            is_own = database == "main" and folded(first or "") == folded(self.name)
            is_allowed = is_own and folded(second or "") in map(folded, self.columns)
        return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


@dataclass(frozen=True)
class RefreshedTable:
    """Hold the digests of a table whose columns were set again.

    Attributes:
        name: Name as the target spells it.
        columns: All columns that were set again.
        before: All rows before.
        others: All rows before, without these columns.
        after: All rows right after.
        with_rowid: Whether the implicit rowid counts in ``before`` and ``others``.
    """

    name: str
    columns: tuple[str, ...]
    before: TableDigest
    others: TableDigest
    after: TableDigest
    with_rowid: bool

    def observe_others(self, con: sqlite3.Connection, table: Table) -> Observation:
        """Observe that no other column has changed since."""
        digest = digest_without(con, table, self.columns, with_rowid=self.with_rowid)
        return equal(others_text(self.name, self.columns), self.others.full, digest.full)


def others_text(table: str, columns: Collection[str]) -> str:
    """Return a table and the columns that are left out of its comparison."""
    return f"{table} without {', '.join(columns)}"


def refresh_tables(
    con: sqlite3.Connection,
    refreshes: Sequence[Refresh],
    with_rowid: Mapping[str, bool],
    execute: Callable[[str], sqlite3.Cursor],
) -> tuple[dict[str, RefreshedTable], list[int]]:
    """Set columns of tables again, in the plan's order.

    Args:
        con: Connection to the target.
        refreshes: What is set.
        with_rowid: Folded name of each receiving table, to whether the implicit rowid counts.
        execute: Executes an UPDATE.

    Returns:
        Each refreshed table by folded name, and the number of rows that each refresh changed.
    """
    before: dict[str, RefreshedTable] = {}
    for table in {folded(refresh.name): refresh.table for refresh in refreshes}.values():
        columns = tuple(column for refresh in refreshes if refresh.table is table for column in refresh.columns)
        counts = with_rowid.get(folded(table.name), table.counts_rowid)
        digest = digest_table(con, table, with_rowid=counts)
        others = digest_without(con, table, columns, with_rowid=counts)
        before[folded(table.name)] = RefreshedTable(table.name, columns, digest, others, TableDigest(), counts)
    changed = [_refresh(con, refresh, execute) for refresh in refreshes]
    tables = {folded(refresh.name): refresh.table for refresh in refreshes}
    return {name: replace(each, after=digest_table(con, tables[name])) for name, each in before.items()}, changed


def digest_without(con: sqlite3.Connection, table: Table, columns: Collection[str], *, with_rowid: bool) -> TableDigest:
    """Digest the rows of a table without some columns."""
    left_out = set(map(folded, columns))
    rows = Projection.of_table(table, with_rowid=with_rowid)
    kept = tuple(column for column in rows.columns if folded(column.name) not in left_out)
    return digest_query(con, replace(rows, columns=kept).select_row())


def _refresh(con: sqlite3.Connection, refresh: Refresh, execute: Callable[[str], sqlite3.Cursor]) -> int:
    """Set columns of one table again, and return the number of rows that have changed.

    Rows that nothing identifies are counted whether they have changed or not.
    """
    identity = [refresh.table.rowid] if refresh.table.rowid else list(refresh.table.primary_key)
    if not identity:
        return _set(con, refresh, execute)
    names = [f"{quoted(name)} AS i{at}" for at, name in enumerate(identity)]
    names += [f"{quoted(name)} AS c{at}" for at, name in enumerate(refresh.columns)]
    con.execute(f"CREATE TEMP TABLE {_BEFORE} AS SELECT {', '.join(names)} FROM main.{quoted(refresh.name)}")
    _set(con, refresh, execute)
    same_row = " AND ".join(f"t.{quoted(name)} = b.i{at}" for at, name in enumerate(identity))
    differs = " OR ".join(
        f"t.{quoted(name)} COLLATE BINARY IS NOT b.c{at} OR typeof(t.{quoted(name)}) <> typeof(b.c{at})"
        for at, name in enumerate(refresh.columns)
    )
    query = (
        f"SELECT count(*) FROM temp.{_BEFORE} AS b JOIN main.{quoted(refresh.name)} AS t ON {same_row} WHERE {differs}"
    )
    (changed,) = con.execute(query).fetchone()
    con.execute(f"DROP TABLE temp.{_BEFORE}")
    return int(changed)


def _set(con: sqlite3.Connection, refresh: Refresh, execute: Callable[[str], sqlite3.Cursor]) -> int:
    """Execute the UPDATE of a refresh, and return the number of rows that it sets."""
    try:
        with refresh.authorized(con):
            return execute(refresh.statement()).rowcount
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.IntegrityError) and not is_statement_error(error):
            raise
        hint = "Correct set of the [[refresh]], or the rows that it reads. ifnull(sum(n), 0) is 0 where sum(n) is NULL."
        fact = f"SQLite refuses to set {join_names(refresh.columns)} again: {error}."
        raise ProblemError(Problem("refresh-refused", refresh.name, fact, hint)) from error
