"""Check that a rebuild from a query loses no row of a search index with its own content.

Its rows are rows of the user, and no criterion compares them after the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.derived.declared_rebuilds import CRITERION
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.errors import is_statement_error
from sqlite_consolidate.engine.sqlite.schema.index_content import TEXT_MODULES, content_kind, index_columns
from sqlite_consolidate.engine.sqlite.schema.index_queries import conditional_triggers
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.derived.search_index import SearchIndex
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_HINT = "Add the rows to from, or move the rows of the index and remove the [[rebuild]], or leave it with a reason."


def add_lost_rows(databases: InspectedDatabases) -> None:
    """Add a problem for each database with rows of an index that its own query does not give.

    A row with other values is a finding.
    """
    for index in databases.rebuilt_indexes:
        databases.findings += _indexed_in_part(databases, index)
        for database, table in _stored_in(databases, index):
            subject = f"{database.file}:{table.name}"
            limits_of(database.write_lock.reader).deadline.start_step(f"the rows of {table.name}")
            lost, differing, error = _compare(database.write_lock.reader, table, index.query, _lengths(database, table))
            fact = (
                f"its rows cannot be compared with those of from: {error}."
                if error
                else f"from does not give {counted(lost, 'row')} that it has."
            )
            if content_kind(table) == "none":
                databases.findings += _unfound(subject, lost)
            elif lost or error:
                databases.problems.append(Problem("rebuild-loses", subject, fact, _HINT, criterion=CRITERION))
            elif differing:
                text = f"from gives other values for {counted(differing, 'row')} that this search index has."
                databases.findings.append(Finding.of("rebuild-differs", subject, text, count=differing))


def _indexed_in_part(databases: InspectedDatabases, index: SearchIndex) -> list[Finding]:
    """Return a finding if triggers index only some rows of the content that a rebuild reads."""
    names = conditional_triggers(databases.target_schema.schema, index.table)
    if content_kind(index.table) != "external" or not names:
        return []
    text = f"the rebuild indexes each row of its content, and {join_names(names)} only those of its condition (WHEN)."
    return [Finding.of("rebuild-differs", f"{databases.plan.target}:{index.name}", text)]


def _unfound(subject: str, lost: int) -> list[Finding]:
    """Return a finding for documents of an index without content that its query does not give.

    They can be left from deleted rows. Where the query cannot be asked before the run, nothing is known.
    """
    text = f"from does not give {counted(lost, 'row')} that this search index has, so a search no longer finds them."
    return [Finding.of("rebuild-differs", subject, text, count=lost)] if lost else []


def _stored_in(databases: InspectedDatabases, index: SearchIndex) -> Iterator[tuple[InspectedDatabase, Table]]:
    """Yield each database that has rows of an index, with its table."""
    if content_kind(index.table) == "external":
        return
    named = [(databases.target, index.name)] if databases.target else []
    for source, number in databases.moved_indexes:
        table_map = source.tables[number]
        if folded(table_map.into) == folded(index.name):
            named.append((databases.sources[source.name], table_map.name))
    for database, name in named:
        table = database.schema.table(name)
        if table is not None and (database.rows_in(table.name) or _lengths(database, table)):
            yield database, table


def _lengths(database: InspectedDatabase, table: Table) -> Table | None:
    """Return the inner table with one row for each document, of an index without content."""
    return database.schema.table(f"{table.name}_docsize") if content_kind(table) == "none" else None


def _compare(con: sqlite3.Connection, table: Table, query: str, lengths: Table | None) -> tuple[int, int, str]:
    """Return how many rows a query lacks, how many differ, and why SQLite cannot tell.

    An R-tree rounds its numbers, so only its rowids are compared. An index without content has no more than these.
    """
    columns = index_columns(table)
    names, rowid = identifier_list([f"c{at}" for at in range(len(columns))]), quoted(columns[0])
    given = f"WITH given({names}) AS (\n{query}\n)"
    place = f"main.{quoted(lengths.name if lengths else table.name)}"
    lost = f"{given} SELECT count(*) FROM {place} WHERE {rowid} NOT IN (SELECT c0 FROM given WHERE c0 IS NOT NULL)"
    stored = f"SELECT {identifier_list(columns)} FROM {place}"
    differing = f"{given} SELECT count(*) FROM ({stored} EXCEPT SELECT * FROM given)"
    try:
        numbers = [int(con.execute(lost).fetchone()[0])]
        if table.module in TEXT_MODULES and not lengths:
            numbers.append(int(con.execute(differing).fetchone()[0]))
    except sqlite3.Error as error:
        if not is_statement_error(error):
            raise
        return 0, 0, str(error)
    return numbers[0], sum(numbers[1:]), ""
