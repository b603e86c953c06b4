"""Run the checks that SQLite has for a whole database."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.application.missing_objects import call_compressing_functions
from sqlite_consolidate.engine.sqlite.connections import limits_of, pragma
from sqlite_consolidate.engine.sqlite.errors import can_compile, is_statement_error, missing_object
from sqlite_consolidate.engine.sqlite.schema.declarations import check_expressions
from sqlite_consolidate.engine.sqlite.schema.index_queries import conditional_triggers
from sqlite_consolidate.engine.sqlite.schema.module_arguments import module_arguments
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, Schema, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


CHECK_CACHE_KB = 4_000
"""Page cache for integrity_check, which reads each row in each index.

Measured with a database of 700 MB: less cache, or more up to a tenth of the database, is slower by up to a quarter.
"""


_DIFFERS = re.compile(r"malformed inverted index for FTS4 table main\.(?P<name>.+)", re.DOTALL)
_UNREADABLE = re.compile(
    r"unable to validate the inverted index for FTS4 table main\.(?P<name>.+): SQL logic error", re.DOTALL
)

_ALL_LINES = 0x7FFFFFFF  # the largest number that the pragma takes

ORDERED_MIN_BYTES = 8_000_000
"""Smallest database, in bytes, whose parents SQLite finds in less time in the order of an index.

Its cache holds most of a smaller one.
"""

UNCHECKABLE = "a parent without such a key"


def check_integrity(con: sqlite3.Connection) -> list[str]:
    """Return what SQLite's integrity_check finds wrong.

    It is empty when SQLite returns ``ok``.
    """
    limits_of(con).deadline.start_step("integrity_check")
    con.execute(f"PRAGMA cache_size=-{CHECK_CACHE_KB}")
    return integrity_lines(con, 5)


def integrity_lines(con: sqlite3.Connection, most: int, check: str = "integrity_check") -> list[str]:
    """Return the errors of integrity_check, without those of indexes that can be rebuilt.

    Since SQLite 3.44 it compares an FTS4 table with the table whose rows it indexes. Such an index can be rebuilt, and
    no row is damaged. It cannot compare an FTS4 table without content, nor one whose rows a function of the application
    compresses. Each adds one line to those that are asked for.

    Args:
        con: Reads the database.
        most: Number of lines at which SQLite stops.
        check: ``quick_check`` compares no index with its rows (https://sqlite.org/pragma.html#pragma_quick_check).
    """
    virtual = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0"
    number = min(most + int(con.execute(virtual).fetchone()[0]), _ALL_LINES)
    try:
        lines = [str(row[0]) for row in con.execute(f"PRAGMA main.{check}({number})").fetchall()]
    except sqlite3.OperationalError as error:
        if not is_statement_error(error):
            raise
        lines = _lines_by_table(con, number)
    return [line for line in lines if line != "ok" and not (_lagging_index(con, line) or _lacks_content(con, line))]


def _lines_by_table(con: sqlite3.Connection, most: int) -> list[str]:
    """Return the errors of integrity_check for each table that SQLite can check.

    The list of free pages is checked as well.
    """
    schema = read_schema(con)
    uncheckable = {folded(table.name) for table in schema.unexamined if not _is_checkable(con, table)}
    query = "SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid"
    names = ["sqlite_schema", *(name for (name,) in con.execute(query).fetchall())]
    checks = (_check_table(con, name) for name in names if folded(name) not in uncheckable)
    return list(itertools.islice((line for lines in checks for line in lines if line != "ok"), most))


def _check_table(con: sqlite3.Connection, name: str) -> list[str]:
    return [str(line) for (line,) in con.execute(f"PRAGMA main.integrity_check({quoted(name)})").fetchall()]


def _is_checkable(con: sqlite3.Connection, table: Table) -> bool:
    return table.kind != "virtual" and can_compile(con, f"PRAGMA main.integrity_check({quoted(table.name)})")


def lagging_indexes(con: sqlite3.Connection, schema: Schema) -> list[str]:
    """Return the search indexes that differ from the table whose rows they index.

    SQLite compares an FTS4 table with that. To compare an FTS5 table it would have to write, so only the numbers of
    rows are compared.
    """
    indexes = [table for table in schema.tables.values() if not table.lacks]
    names = [table.name for table in indexes if table.module == "fts4"]
    lagging = [name for each in names for line in _check_table(con, each) if (name := _lagging_index(con, line))]
    return lagging + [table.name for table in indexes if table.module == "fts5" and _has_other_rows(con, schema, table)]


def _has_other_rows(con: sqlite3.Connection, schema: Schema, index: Table) -> bool:
    """Return whether an FTS5 table indexes more or fewer rows than its content has.

    That is right if a trigger indexes some rows only.
    """
    content = module_arguments(index.sql).options.get("content")
    if not content or conditional_triggers(schema, index):
        return False
    limits_of(con).deadline.start_step(f"the rows of {index.name}")
    try:
        numbers = {
            con.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()[0]
            for name in (f"{index.name}_docsize", content)
        }
    except sqlite3.OperationalError as error:  # the index has no sizes (columnsize=0), or its content does not exist
        if not is_statement_error(error):
            raise
        return False
    return len(numbers) > 1


def _lagging_index(con: sqlite3.Connection, line: str) -> str:
    """Return the index of which a line says that it differs from its external content."""
    match = _DIFFERS.fullmatch(line)
    content = module_arguments(_statement_of(con, match)).options.get("content")
    return match["name"] if match and content else ""


def _lacks_content(con: sqlite3.Connection, line: str) -> bool:
    """Return whether a line says that SQLite cannot read the content of an index."""
    sql = _statement_of(con, _UNREADABLE.fullmatch(line))
    try:
        call_compressing_functions(con, sql)
    except sqlite3.Error as error:
        return bool(missing_object(error))
    return "content" in module_arguments(sql).options


def _statement_of(con: sqlite3.Connection, match: re.Match[str] | None) -> str:
    """Return the statement of the index that a line names, or an empty text."""
    query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    row = con.execute(query, (match["name"],)).fetchone() if match else None
    return str(row[0]) if row else ""


def violated_checks(con: sqlite3.Connection, schema: Schema) -> list[str]:
    """Return a line for each CHECK that a row violates, in the words of integrity_check.

    SQLite reads a schema without its CHECKs on a read-only connection, so integrity_check finds no violation there.
    Each CHECK is evaluated as the condition of a query instead.
    """
    lines = []
    for table in schema.movable:
        for expression in check_expressions(table):
            limits_of(con).deadline.start_step(f"the CHECKs of {table.name}")
            # The parenthesis is on a new line, because the expression may end with a comment.
            violation = f"SELECT 1 FROM main.{quoted(table.name)} {table.by_itself} WHERE NOT ({expression}\n) LIMIT 1"
            try:
                if con.execute(violation).fetchone():
                    lines.append(f"CHECK constraint failed in {table.name}")
            except sqlite3.OperationalError as error:  # such as a function that only the application defines
                if not is_statement_error(error):
                    raise
                lines.append(f"CHECK constraint of {table.name} cannot be evaluated")
    return list(dict.fromkeys(lines))


def _count_table_orphans(con: sqlite3.Connection, table: str) -> dict[tuple[str, str], int]:
    """Count the rows of a table that have no parent, by child and parent.

    SQLite lists all rows of one foreign key before those of the next. A row that violates several foreign keys to one
    parent counts once. Without a rowid such a row cannot be identified, and counts for each foreign key.
    """
    counts: dict[tuple[str, str], int] = {}
    shared_parents = _parents_of_several_keys(con, table)
    rowids: dict[str, set[int]] = {}
    spellings: dict[str, str] = {}
    for child, rowid, parent_name, _ in con.execute(f"PRAGMA main.foreign_key_check({quoted(table)})"):
        parent = spellings.setdefault(folded(parent_name), parent_name)
        if rowid is not None and folded(parent) in shared_parents:
            counted = rowids.setdefault(parent, set())
            if rowid in counted:
                continue
            counted.add(rowid)
        counts[child, parent] = counts.get((child, parent), 0) + 1
    return counts


def _parents_of_several_keys(con: sqlite3.Connection, table: str) -> set[str]:
    """Return the parents that more than one foreign key of a table refers to."""
    keys = con.execute(f"PRAGMA main.foreign_key_list({quoted(table)})").fetchall()
    numbers = Counter(folded(parent) for parent, _ in {(row[2], row[0]) for row in keys})
    return {parent for parent, number in numbers.items() if number > 1}


def _have_parents(con: sqlite3.Connection, schema: Schema, name: str) -> bool:
    """Return whether indexes show that each reference of a table has its parent.

    SQLite reads the index in the order of the references, and so the parents in the order of their rowids.
    foreign_key_check reads the rows in their own order, and looks up each parent in another place.
    """
    table = schema.tables.get(name)
    if table is None or not table.foreign_keys or table.kind != "table" or table.lacks:
        return False
    queries = [_orphans_by_index(table, key, schema) for key in table.foreign_keys]
    return all(query and con.execute(query).fetchone() is None for query in queries)


def _orphans_by_index(table: Table, key: ForeignKey, schema: Schema) -> str:
    """Return the query of a row that refers to no rowid.

    It is empty where no index has the references in order.
    """
    parent = schema.table(key.parent)
    to = key.referred(parent)
    child = table.column(key.columns[0])
    if parent is None or not parent.alias or tuple(map(folded, to)) != (folded(parent.alias),):
        return ""
    if child is None or child.generated or "INT" not in child.type:
        return ""
    for index in table.indexes:
        first = index.terms[0][0]
        if first and folded(first) == folded(child.name) and not (index.partial or index.lacks):
            rows = f"main.{quoted(table.name)} AS c INDEXED BY {quoted(index.name)}"
            parents = (
                f"SELECT 1 FROM main.{quoted(parent.name)} AS p WHERE p.{quoted(parent.alias)} = c.{quoted(child.name)}"
            )
            return f"SELECT 1 FROM {rows} WHERE c.{quoted(child.name)} IS NOT NULL AND NOT EXISTS ({parents}) LIMIT 1"
    return ""


def uncheckable_tables(con: sqlite3.Connection) -> set[str]:
    """Return the tables with a foreign key whose parent lacks such a key."""
    return {child for child, parent in count_orphans(con) if parent == UNCHECKABLE}


def count_orphans(con: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Count the rows whose foreign key has no parent, by child and parent table.

    SQLite cannot check a foreign key whose parent lacks such a key (https://sqlite.org/foreignkeys.html, section 3). It
    counts once, under :data:`UNCHECKABLE`, so that a comparison shows whether the run created it.
    """
    counts: dict[tuple[str, str], int] = {}
    tables = con.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid").fetchall()
    is_large = int(str(pragma(con, "page_count"))) * int(str(pragma(con, "page_size"))) >= ORDERED_MIN_BYTES
    schema = read_schema(con) if is_large else None
    for (table,) in tables:
        limits_of(con).deadline.start_step(f"the foreign keys of {table}")
        if schema and _have_parents(con, schema, table):
            continue
        try:
            counts |= _count_table_orphans(con, table)
        except sqlite3.OperationalError as error:  # SQLite has no separate code for a foreign key mismatch
            if not is_statement_error(error):
                raise
            counts[table, UNCHECKABLE] = 1
    return counts
