"""Prove before COMMIT that what the run has derived again is right.

Columns are set a second time, which must change nothing. An index with external content is compared with that content
by its own integrity-check. An index without content is compared with a second one, which the rows of its query give.
Nothing of that stays in the target.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query, digest_table
from sqlite_consolidate.engine.sqlite.errors import is_damaged, is_statement_error
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, virtual_table_statement
from sqlite_consolidate.observation import Observation, equal, not_required
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.merge.derived.refresh import Refresh
    from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_utils.utils import sqlite3

INTACT = "integrity-check with the content: ok"
"""What an entry observes of an index that is that of its content."""

CONTENTS = r"\d+ terms? in \d+ documents?, [0-9a-f]{64}"
"""Pattern of what an entry observes of an index without content."""

NOTHING_DERIVED = "the plan derives nothing again"

_SECOND, _TERMS, _TERMS_OF_SECOND = "consolidate_second", "consolidate_terms", "consolidate_second_terms"
_INSTANCES = "SELECT term, doc, col, offset FROM temp."


@dataclass(frozen=True)
class _Contents:
    """Hold what an index finds, and the documents in which it finds it."""

    instances: TableDigest
    documents: TableDigest

    @property
    def text(self) -> str:
        """Return the numbers and the digest of both."""
        terms = f"{counted(self.instances.rows, 'term')} in {counted(self.documents.rows, 'document')}"
        return f"{terms}, {(self.instances + self.documents).sha256}"


def derived_right(compared: TargetComparison) -> list[Observation]:
    """Observe that columns that were set again, and rebuilt indexes, are those of their rows."""
    observations = []
    for index in compared.inspected.rebuilt_indexes:
        table = compared.schema.table(index.name)
        if table is None:
            observations.append(Observation(index.name, "in the target", "no such table", holds=False))
            continue
        if table.module != index.table.module:
            expected, observed = (f"module {module or 'none'}" for module in (index.table.module, table.module))
            observations.append(equal(index.name, expected, observed))
            continue
        with compared.undone():
            observations.append(_index_observation(compared.con, table, index))
    return [*_refreshed(compared), *observations] or [not_required("plan", NOTHING_DERIVED)]


def _refreshed(compared: TargetComparison) -> Iterator[Observation]:
    """Yield that each table is as its refresh left it, and that another changes nothing.

    An application may have used the target of another tool since, so only the second is known there.
    """
    columns: dict[str, list[str]] = {}
    for refresh in compared.inspected.refreshes:
        columns.setdefault(refresh.name, []).extend(refresh.columns)
    present = {name: table for name in columns if (table := compared.schema.table(name))}
    before = {name: compared.digest(compared.con, table) for name, table in present.items()}
    with compared.undone() if present else nullcontext():
        refreshes = [refresh for refresh in compared.inspected.refreshes if refresh.name in present]
        errors = {refresh.name: error for refresh in refreshes if (error := _set_again(compared.con, refresh))}
        again = {name: digest_table(compared.con, table) for name, table in present.items()}
    for name, names in columns.items():
        if name not in present:
            yield Observation(name, "in the target", "no such table", holds=False)
            continue
        if refreshed := compared.refreshed.get(folded(name)):
            yield equal(name, refreshed.after.full, before[name].full)
        yield equal(f"{name} ({', '.join(names)})", before[name].full, errors.get(name) or again[name].full)


def _set_again(con: sqlite3.Connection, refresh: Refresh) -> str:
    """Set the columns of a plan's refresh a second time, and return why SQLite refuses that."""
    where = f"WHERE (\n{refresh.where}\n)" if refresh.where else ""
    drop = "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
    for (trigger,) in con.execute(drop, (refresh.name,)).fetchall():
        con.execute(f"DROP TRIGGER main.{quoted(trigger)}")
    try:
        con.execute(f"UPDATE main.{quoted(refresh.name)} SET {refresh.assignments}\n{where}")
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.IntegrityError) and not is_statement_error(error):
            raise
        return f"SQLite refuses to set them again: {error}"
    return ""


def _index_observation(con: sqlite3.Connection, table: Table, index: SearchIndex) -> Observation:
    if not index.query:
        return equal(table.name, INTACT, _integrity_check(con, table))
    second, first = _contents_of_both(con, table, index.query)
    compared = equal(table.name, second.text, first.text)
    return replace(compared, examined=max(1, second.documents.rows))


def _integrity_check(con: sqlite3.Connection, table: Table) -> str:
    """Return what the integrity-check of an index with external content says.

    Without a rank, FTS5 compares the index with its own tables only.
    """
    name = quoted(table.name)
    rank = f"INSERT INTO main.{name}({name}, rank) VALUES('integrity-check', 1)"
    plain = f"INSERT INTO main.{name}({name}) VALUES('integrity-check')"
    try:
        con.execute(rank if table.module == "fts5" else plain)
    except sqlite3.DatabaseError as error:
        if not is_damaged(error) and not is_statement_error(error):
            raise
        return f"integrity-check with the content: {error}"
    return INTACT


def _contents_of_both(con: sqlite3.Connection, table: Table, query: str) -> tuple[_Contents, _Contents]:
    """Return the contents of a second index and of the index in the target."""
    con.execute(virtual_table_statement(table.sql, f"temp.{_SECOND}"))
    columns = ", ".join(quoted(column.name) for column in table.stored)
    con.execute(f"INSERT INTO temp.{_SECOND}(rowid, {columns}) {_as_select(query)}")
    con.execute(f"CREATE VIRTUAL TABLE temp.{_TERMS} USING fts5vocab('main', {quoted(table.name)}, 'instance')")
    con.execute(f"CREATE VIRTUAL TABLE temp.{_TERMS_OF_SECOND} USING fts5vocab('temp', '{_SECOND}', 'instance')")
    second = _Contents(digest_query(con, f"{_INSTANCES}{_TERMS_OF_SECOND}"), _documents(con, "temp", _SECOND))
    return second, _Contents(digest_query(con, f"{_INSTANCES}{_TERMS}"), _documents(con, "main", table.name))


def _as_select(query: str) -> str:
    """Return a query that only reads, whatever comment ends the text of the plan."""
    return f"SELECT * FROM (\n{query}\n)"


def _documents(con: sqlite3.Connection, database: str, index: str) -> TableDigest:
    """Return the digest of the documents with their lengths, if the index stores these.

    A document without a term has no instance of one.
    """
    name = f"{index}_docsize"
    exists = f"SELECT 1 FROM {database}.sqlite_master WHERE name = ? COLLATE NOCASE"
    if con.execute(exists, (name,)).fetchone() is None:
        return TableDigest()
    return digest_query(con, f"SELECT id, sz FROM {database}.{quoted(name)}")
