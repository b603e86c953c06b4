"""Compare a rebuilt search index with the rows from which it is derived.

SQLite compares an index with external content. For any other index the rows of its query are indexed a second time in
a temporary database, and both are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from re import escape
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.sqlite.errors import is_damaged, is_statement_error
from sqlite_consolidate.engine.sqlite.schema.index_content import (
    TEXT_MODULES,
    can_be_scanned,
    content_kind,
    index_columns,
    inner_names,
)
from sqlite_consolidate.engine.sqlite.sql import quoted, strip_trailing_comments, virtual_table_statement
from sqlite_consolidate.observation import Observation, equal
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

INTACT = "integrity-check with the content: ok"
"""What an entry observes of an index that is that of its content."""

CONTENTS = rf"(?:\d+ terms? in \d+ documents?, |\d+ rows?, )[0-9a-f]{{64}}|{escape(INTACT)}"
"""Pattern of what an entry observes of an index whose rows a query gives."""

_OTHER_DOCUMENTS = "integrity-check with the content: other documents"
_SECOND, _TERMS, _TERMS_OF_SECOND = "consolidate_second", "consolidate_terms", "consolidate_second_terms"
_ROWS = "consolidate_rows"
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


def observe_index(con: sqlite3.Connection, table: Table, index: SearchIndex) -> Observation:
    """Observe that an index is that of its rows.

    It leaves tables in the temporary database, which the caller rolls back.

    Args:
        con: Connection to the target.
        table: The index, as the target has it.
        index: The index, as the plan derives it.
    """
    if not index.query:
        return equal(table.name, INTACT, _integrity_check(con, table))
    if content_kind(table) == "own":
        return _compare_rows(con, table, index.query)
    if table.module == "fts4":
        return _compare_with_query(con, table, index.query)
    second, first = _contents_of_both(con, table, index.query)
    compared = equal(table.name, second.text, first.text)
    return replace(compared, examined=max(1, second.documents.rows))


def _integrity_check(con: sqlite3.Connection, table: Table, database: str = "main", index: str = "") -> str:
    """Return what the integrity-check of an index says.

    With a rank, FTS5 compares it with its external content and not with its own tables only.
    """
    name = quoted(index or table.name)
    is_fts5 = table.module == "fts5"
    columns, values = (f"{name}, rank", "'integrity-check', 1") if is_fts5 else (name, "'integrity-check'")
    try:
        con.execute(f"INSERT INTO {database}.{name}({columns}) VALUES({values})")
    except sqlite3.DatabaseError as error:
        if not is_damaged(error) and not is_statement_error(error):
            raise
        return f"integrity-check with the content: {error}"
    return INTACT


def _compare_rows(con: sqlite3.Connection, table: Table, query: str) -> Observation:
    """Compare an index with its own content with a second one.

    FTS also compares the terms of the first with the text that it stores.
    """
    _fill_second(con, table, query)
    columns = ", ".join(quoted(name) for name in index_columns(table))
    second, first = (
        digest_query(con, f"SELECT {columns} FROM {database}.{quoted(name)}")
        for database, name in (("temp", _SECOND), ("main", table.name))
    )
    checked = _integrity_check(con, table) if table.module in TEXT_MODULES else INTACT
    observed = _rows_text(first) if checked == INTACT else checked
    return replace(equal(table.name, _rows_text(second), observed), examined=max(1, second.rows))


def _rows_text(digest: TableDigest) -> str:
    return f"{counted(digest.rows, 'row')}, {digest.sha256}"


def _compare_with_query(con: sqlite3.Connection, table: Table, query: str) -> Observation:
    """Compare an FTS4 table without content with the rows of a query.

    Nothing but FTS4 reads its terms. So its inner tables are copied into those of an index whose external content is
    the query, and FTS4 compares them.
    """
    columns = ", ".join(quoted(name) for name in index_columns(table))
    con.execute(f"CREATE TEMP VIEW {_ROWS}({columns}) AS {_as_select(query)}")
    declared = strip_trailing_comments(table.sql).removesuffix(")") + f'\n, content="{_ROWS}")'
    con.execute(virtual_table_statement(declared, f"temp.{_SECOND}"))
    con.execute(f"INSERT INTO temp.{_SECOND}({_SECOND}) VALUES('rebuild')")
    second = _documents(con, "temp", f"{_SECOND}_docsize")
    first = _documents(con, "main", f"{table.name}_docsize")
    for inner, copied in zip(inner_names(table), inner_names(replace(table, name=_SECOND)), strict=True):
        if _exists(con, "temp", copied):
            con.execute(f"DELETE FROM temp.{quoted(copied)}")
            con.execute(f"INSERT INTO temp.{quoted(copied)} SELECT * FROM main.{quoted(inner)}")
    checked = _integrity_check(con, table, "temp", _SECOND)
    observed = _OTHER_DOCUMENTS if checked == INTACT and first != second else checked
    return replace(equal(table.name, INTACT, observed), examined=max(1, second.rows))


def _contents_of_both(con: sqlite3.Connection, table: Table, query: str) -> tuple[_Contents, _Contents]:
    """Return the contents of a second index and of the index in the target."""
    _fill_second(con, table, query)
    con.execute(f"CREATE VIRTUAL TABLE temp.{_TERMS} USING fts5vocab('main', {quoted(table.name)}, 'instance')")
    con.execute(f"CREATE VIRTUAL TABLE temp.{_TERMS_OF_SECOND} USING fts5vocab('temp', '{_SECOND}', 'instance')")
    second, first = (
        _Contents(digest_query(con, f"{_INSTANCES}{terms}"), _stored_documents(con, database, name, table))
        for terms, database, name in ((_TERMS_OF_SECOND, "temp", _SECOND), (_TERMS, "main", table.name))
    )
    return second, first


def _fill_second(con: sqlite3.Connection, table: Table, query: str) -> None:
    """Index the rows of a query a second time."""
    con.execute(virtual_table_statement(table.sql, f"temp.{_SECOND}"))
    columns = ", ".join(quoted(name) for name in index_columns(table))
    con.execute(f"INSERT INTO temp.{_SECOND}({columns}) {_as_select(query)}")


def _as_select(query: str) -> str:
    """Return a query that only reads, whatever comment ends the text of the plan."""
    return f"SELECT * FROM (\n{query}\n)"


def _stored_documents(con: sqlite3.Connection, database: str, index: str, table: Table) -> TableDigest:
    """Return the digest of the documents of an FTS5 table without content.

    A document without a term has no instance of one. Columns that are not indexed may have values.
    """
    lengths = _documents(con, database, f"{index}_docsize")
    if not can_be_scanned(table):
        return lengths
    columns = ", ".join(quoted(name) for name in index_columns(table))
    values = digest_query(con, f"SELECT {columns} FROM {database}.{quoted(index)}")
    return replace(values, total=(values + lengths).total)


def _documents(con: sqlite3.Connection, database: str, name: str) -> TableDigest:
    """Return the digest of the table with the lengths of the documents, if there is one."""
    if not _exists(con, database, name):
        return TableDigest()
    return digest_query(con, f"SELECT * FROM {database}.{quoted(name)}")


def _exists(con: sqlite3.Connection, database: str, name: str) -> bool:
    query = f"SELECT 1 FROM {database}.sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return con.execute(query, (name,)).fetchone() is not None
