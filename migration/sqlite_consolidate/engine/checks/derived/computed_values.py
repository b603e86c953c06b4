"""Find rows for which SQLite cannot compute what the target declares.

An index on an expression, a partial index and a generated column may call a function that refuses a value. The run
would fail at the row. So the rows are copied into a private scratch database to find out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.predicted_target import key_sources
from sqlite_consolidate.engine.merge.rows.insert_rows import insert_rows
from sqlite_consolidate.engine.sqlite.connections import attach, scratch_database
from sqlite_consolidate.engine.sqlite.errors import is_refused_value
from sqlite_consolidate.engine.sqlite.schema.objects import is_computed
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import KeySource, TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Index
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_UNIQUE = re.compile(r"^\s*CREATE\s+UNIQUE\b", re.IGNORECASE)


def find_uncomputable_rows(databases: InspectedDatabases, limits: Limits | None = None) -> list[Problem]:
    """Return a problem for each database with rows that an expression refuses."""
    tables = {mapping.into.name: mapping.into for mapping in databases.mappings}
    rows = [key_source for into in tables.values() for key_source in key_sources(databases, into)]
    return [problem for key_source in rows for problem in _problems(key_source, limits)]


def _problems(key_source: KeySource, limits: Limits | None) -> Iterator[Problem]:
    mapping = key_source.mapping
    indexes, columns = _new_indexes(mapping), _new_columns(mapping)
    if not indexes and not columns:
        return
    if limits:
        limits.deadline.start_step(f"what {mapping.into.name} computes of {mapping.subject}")
    with scratch_database(key_source.path, limits) as con:
        attach(con, key_source.path, "src")
        try:
            con.execute(mapping.into.sql)
            insert_rows(con, mapping.projection("src"))
        except sqlite3.IntegrityError:  # another check reports the row
            return
        except sqlite3.Error as error:
            if not is_refused_value(error):
                raise
            if columns:
                names = join_names([column.name for column in columns])
                yield _problem(mapping, f"{'column' if len(columns) == 1 else 'columns'} {names}", error)
            return
        computed = [(f"column {column.name}", _reading(mapping, column)) for column in columns]
        computed += [(f"index {index.name}", _UNIQUE.sub("CREATE", index.sql)) for index in indexes]
        for label, statement in computed:
            try:
                con.execute(statement).fetchall()
            except sqlite3.Error as error:
                if not is_refused_value(error):
                    raise
                yield _problem(mapping, label, error)


def _new_indexes(mapping: TableMapping) -> list[Index]:
    """Return the computed indexes that only the target table has."""
    known = {index.sql for index in mapping.table.indexes} if not mapping.shifted else set()
    return [index for index in mapping.into.indexes if index.sql not in known and is_computed(mapping.into, index)]


def _new_columns(mapping: TableMapping) -> list[Column]:
    """Return the generated columns that only the target table has."""
    known = {folded(column.name) for column in mapping.table.columns}
    return [column for column in mapping.into.columns if column.generated and folded(column.name) not in known]


def _reading(mapping: TableMapping, column: Column) -> str:
    return mapping.projection().select_target([f"count(typeof(t.{quoted(column.name)}))"])


def _problem(mapping: TableMapping, label: str, error: sqlite3.Error) -> Problem:
    fact = f"SQLite cannot compute {label} of {mapping.into.name} for its rows: {error}."
    hint = "Correct the rows, leave the index with a reason, or move the table under another name."
    return Problem("row-refused", mapping.subject, fact, hint, criterion="values-fit")
