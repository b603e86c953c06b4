"""Plant faults into data that the run has derived again, inside the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.index_content import TEXT_MODULES, content_kind
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.faults.database_edits import change_a_value, first, last_row_condition, without_triggers
from sqlite_consolidate.faults.fault import not_planted

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
    from sqlite_consolidate.engine.verbs.consolidate import Run

_NO_COLUMN = "the plan sets no column again"
_NO_INDEX = "the plan rebuilds no search index"


def change_a_sum(run: Run) -> None:
    """Add one to a number that was set again, or set a value of it to NULL."""
    first(run.inspected.refreshes, _NO_COLUMN)
    for refresh in run.inspected.refreshes:
        spared = [column.name for column in refresh.table.stored if column.name not in refresh.columns]
        condition = f"({refresh.where})" if refresh.where else "1"
        where = last_row_condition(refresh.table, f"{condition} AND {quoted(refresh.columns[0])} IS NOT NULL")
        if change_a_value(run.target.connection, refresh.table, where, spared):
            return
    raise not_planted("no column that was set again has a value that could be changed")


def skip_a_refresh(run: Run) -> None:
    """Set the columns back to one value in each row, as if they had never been right."""
    first(run.inspected.refreshes, _NO_COLUMN)
    con = run.target.connection
    for refresh in run.inspected.refreshes:
        column, table = quoted(refresh.columns[0]), f"main.{quoted(refresh.name)}"
        with without_triggers(con, refresh.table):
            if con.execute(f"UPDATE {table} SET {column} = -7 WHERE {column} IS NOT -7").rowcount:
                return
    raise not_planted("no row has a column that was set again")


def change_another_column(run: Run) -> None:
    """Change a column that the plan does not set again, in a table that received no row."""
    receiving = {folded(mapping.into.name) for mapping in run.inspected.mappings}
    refreshes = [each for each in run.inspected.refreshes if folded(each.name) not in receiving]
    first(refreshes, "the plan sets no column again of a table that receives no row")
    for refresh in refreshes:
        spared = [*refresh.columns, *refresh.table.primary_key]
        if change_a_value(run.target.connection, refresh.table, last_row_condition(refresh.table), spared):
            return
    raise not_planted("no other column has a value that could be changed")


def remove_a_document(run: Run) -> None:
    """Remove one document from a rebuilt index, and not from its content."""
    first(run.inspected.rebuilt_indexes, _NO_INDEX)
    con = run.target.connection
    for index in run.inspected.rebuilt_indexes:
        for rowid, *values in con.execute(_documents(index)):
            if index.table.module in TEXT_MODULES and not any(map(_has_word, values)):
                continue
            statement = _removal(index, len(values))
            con.execute(statement, (rowid, *values) if statement.count("?") > 1 else (rowid,))
            return
    raise not_planted("no rebuilt search index has a document with a word")


def _has_word(value: object) -> bool:
    return isinstance(value, str) and any(map(str.isalnum, value))


def _removal(index: SearchIndex, values: int) -> str:
    """Return the statement that removes a document with a rowid and that number of values.

    FTS4 without content can only forget the lengths of one.
    """
    name, kind = quoted(index.name), content_kind(index.table)
    if index.table.module == "fts4" and kind == "none":
        return f"DELETE FROM main.{quoted(f'{index.name}_docsize')} WHERE docid = ?"
    if index.table.module == "fts4" or kind == "own":
        return f"DELETE FROM main.{name} WHERE rowid = ?"
    columns = f"{name}, rowid, {identifier_list([column.name for column in index.table.stored])}"
    return f"INSERT INTO main.{name}({columns}) VALUES('delete', ?{', ?' * values})"


def empty_an_index(run: Run) -> None:
    """Leave an index as it is without any rebuild, if its content has rows."""
    first(run.inspected.rebuilt_indexes, _NO_INDEX)
    con = run.target.connection
    for index in run.inspected.rebuilt_indexes:
        if con.execute(_documents(index)).fetchone():
            name = quoted(index.name)
            is_fts4 = index.table.module == "fts4"
            clear = f"DELETE FROM main.{name}" if is_fts4 else f"INSERT INTO main.{name}({name}) VALUES('delete-all')"
            for statement in index.statements()[:-1] if index.query else [clear]:
                con.execute(statement)
            return
    raise not_planted("no rebuilt search index has a document")


def _documents(index: SearchIndex) -> str:
    """Return the query of the rowid and the values of each document."""
    return index.query or f"SELECT rowid, * FROM main.{quoted(index.name)}"
