"""Plant faults into data that the run has derived again, inside the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted
from sqlite_consolidate.faults.database_edits import first
from sqlite_consolidate.faults.fault import not_planted

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
    from sqlite_consolidate.engine.verbs.consolidate import Run

_NO_INDEX = "the plan rebuilds no search index"


def remove_a_document(run: Run) -> None:
    """Remove one document from a rebuilt index, and not from its content."""
    first(run.inspected.rebuilt_indexes, _NO_INDEX)
    con = run.target.connection
    for index in run.inspected.rebuilt_indexes:
        name = quoted(index.name)
        for rowid, *values in con.execute(_documents(index)):
            if not any(isinstance(value, str) and any(map(str.isalnum, value)) for value in values):
                continue
            if index.table.module == "fts4":
                con.execute(f"DELETE FROM main.{name} WHERE docid = ?", (rowid,))
            else:
                columns = f"{name}, rowid, {identifier_list([column.name for column in index.table.stored])}"
                marks = ", ".join("?" for _ in values)
                con.execute(f"INSERT INTO main.{name}({columns}) VALUES('delete', ?, {marks})", (rowid, *values))
            return
    raise not_planted("no rebuilt search index has a document with a word")


def empty_an_index(run: Run) -> None:
    """Leave an index as it is without any rebuild, if its content has rows."""
    first(run.inspected.rebuilt_indexes, _NO_INDEX)
    con = run.target.connection
    for index in run.inspected.rebuilt_indexes:
        if con.execute(_documents(index)).fetchone():
            name = quoted(index.name)
            is_fts4 = index.table.module == "fts4"
            con.execute(
                f"DELETE FROM main.{name}" if is_fts4 else f"INSERT INTO main.{name}({name}) VALUES('delete-all')"
            )
            return
    raise not_planted("no rebuilt search index has a document")


def _documents(index: SearchIndex) -> str:
    """Return the query of the rowid and the values of each document."""
    return index.query or f"SELECT rowid, * FROM main.{quoted(index.name)}"
