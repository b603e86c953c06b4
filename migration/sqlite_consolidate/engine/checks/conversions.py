"""Find values that the types and constraints of the target would change or refuse.

The rows are copied into a private scratch database to find out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import digest_query
from sqlite_consolidate.engine.content.projection import column_of
from sqlite_consolidate.engine.merge.column_types import affinity
from sqlite_consolidate.engine.merge.rows.insert_rows import insert_rows
from sqlite_consolidate.engine.sqlite.connections import attach, scratch_database
from sqlite_consolidate.engine.sqlite.sql import quoted, strip_literals
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.content.projection import ProjectedColumn, Projection
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def find_value_changes(
    mapping: TableMapping, live: Path, limits: Limits | None = None
) -> tuple[list[Problem], list[Finding]]:
    """List what changes if a source's values are copied into the target's declarations.

    The rows are copied only if the declarations differ in a way that can change or refuse a value, or keys change.
    """
    if not needs_value_check(mapping):
        return [], []
    rows = mapping.projection("src")
    with scratch_database(live, limits) as con:
        attach(con, live, "src")
        problems = _copy_and_compare(con, mapping, rows)
        changed = [] if problems else [column for column in rows.computed if _differ(con, rows, [column])]
        follows = _follow_keys(con, mapping, live, limits) if changed and mapping.shifted else set()
        problems += [
            _value_change_problem(con, mapping, rows, column) for column in changed if column.name not in follows
        ]
    if not problems and mapping.matched and mapping.matched.updating:
        problems = _find_updated_values(mapping, live, limits)
    return problems, [_computed_anew(mapping, sorted(follows))] if follows else []


def _computed_anew(mapping: TableMapping, names: Sequence[str]) -> Finding:
    text = f"gets other values in {join_names(names)}, which SQLite computes from keys that get new numbers."
    return Finding.of("computed-anew", mapping.subject, text)


def _follow_keys(con: sqlite3.Connection, mapping: TableMapping, live: Path, limits: Limits | None) -> set[str]:
    """Return the generated columns whose values differ only because keys get new numbers.

    The source stores what its expression gives, and the target computes what that expression gives for the new keys.

    Args:
        con: Connection to a scratch database with the rows as they arrive.
        mapping: The mapping of the rows.
        live: The database with the rows.
        limits: Limits of what SQLite executes.
    """
    rows = mapping.projection("src")
    before, after = (_computed_by_source(mapping, live, limits, has_new_keys=new) for new in (False, True))
    return {
        column.name
        for column in rows.computed
        if before.get(column.origin) == digest_query(con, rows.select([column.source]))
        and after.get(column.origin) == digest_query(con, rows.select_target([column.target]))
    }


def _computed_by_source(
    mapping: TableMapping, live: Path, limits: Limits | None, *, has_new_keys: bool
) -> dict[str, TableDigest]:
    """Return the digest of what the source's table computes in each generated column.

    It is empty if the source's table does not accept the rows with their new keys.
    """
    arriving = mapping.projection("src")
    rows = arriving if has_new_keys else _with_old_keys(arriving)
    rows = replace(
        rows,
        into=replace(mapping.table, name=mapping.table.name.removeprefix(mapping.staged_prefix)),
        columns=tuple(column._replace(name=column.origin) for column in rows.columns if column.origin),
        rowid=None,
    )
    with scratch_database(live, limits) as con:
        attach(con, live, "src")
        try:
            con.execute(rows.into.sql)
            insert_rows(con, rows)
        except sqlite3.IntegrityError:
            return {}
        names = [column.origin for column in arriving.computed]
        return {name: digest_query(con, rows.select_target([f"t.{quoted(name)}"])) for name in names}


def _find_updated_values(mapping: TableMapping, live: Path, limits: Limits | None) -> list[Problem]:
    """List the values that would change as they arrive in rows of the target.

    Constraints are not judged here, because such a row keeps other values of the target.
    """
    matched = replace(mapping.matched, only_kept=True) if mapping.matched else None
    with scratch_database(live, limits) as con:
        attach(con, live, "src")
        problems = _copy_and_compare(con, mapping, replace(mapping, matched=matched).projection("src"))
    return [problem for problem in problems if problem.id == "value-changes"]


def needs_value_check(mapping: TableMapping) -> bool:
    """Return whether a declaration of the target could change or refuse a value of the source."""
    if mapping.table.sql == mapping.into.sql and not mapping.shifted:
        # A STORED column may hold another value than its expression gives. integrity_check does not compare them.
        return bool(mapping.projection().computed)
    if mapping.into.kind == "virtual" or mapping.projection().computed or mapping.into.strict != mapping.table.strict:
        return True
    if re.search(r"\bcheck\b", strip_literals(mapping.into.sql)):
        return True
    if mapping.into.alias and mapping.into.alias != mapping.renamed.get(mapping.table.alias):
        return True
    source_columns, target_columns = (
        {column.name: column for column in table.columns} for table in (mapping.table, mapping.into)
    )
    pairs = [(source_columns[old], target_columns[new]) for old, new in mapping.columns]
    return any(affinity(a) != affinity(b) or (b.notnull and not a.notnull) for a, b in pairs)


def _copy_and_compare(con: sqlite3.Connection, mapping: TableMapping, rows: Projection) -> list[Problem]:
    try:
        con.execute(mapping.into.sql)
        con.execute("BEGIN")
        insert_rows(con, rows)
        dropped = _count(con, rows.select(["count(*)"])) - _count(con, rows.select_target(["count(*)"]))
    except sqlite3.Error as error:
        return [_refused_problem(con, mapping, rows, error)]
    if dropped:
        fact = f"{counted(dropped, 'row')} would be dropped silently: {mapping.into.name} has a clause ON CONFLICT."
        return [
            Problem(
                "rows-dropped",
                mapping.subject,
                fact,
                "Take the clause from the target's table, or mend the rows.",
                criterion="values-fit",
            )
        ]
    if not _differ(con, rows, rows.columns):
        return []
    return [
        _value_change_problem(con, mapping, rows, column) for column in rows.columns if _differ(con, rows, [column])
    ]


def _refused_problem(con: sqlite3.Connection, mapping: TableMapping, rows: Projection, error: sqlite3.Error) -> Problem:
    """Return the problem that SQLite refuses rows, perhaps only with new numbers."""
    if not mapping.shifted or not _are_accepted(con, _with_old_keys(rows)):
        fact = f"its rows do not fit {mapping.into.name} as the target declares it: {error}."
        return Problem("row-refused", mapping.subject, fact, _HINT, criterion="values-fit")
    names = join_names(mapping.shifted)
    fact = f"its rows do not fit {mapping.into.name} with new numbers in {names}: {error}."
    hint = 'Write keys = "keep", or move the table under another name (into).'
    if referring := [name for name in mapping.shifted if name not in mapping.key_shifts]:
        verb = "refer" if referring[1:] else "refers"
        tables = f"the tables that {join_names(referring)} {verb} to"
        hint = f'Write keys = "keep" for {tables}, or move these under another name (into).'
    return Problem("new-key-refused", mapping.subject, fact, hint, criterion="values-fit")


def _with_old_keys(rows: Projection) -> Projection:
    """Return the rows with the values of the source."""
    columns = (column._replace(source=column_of(column.origin)) if column.origin else column for column in rows.columns)
    return replace(rows, columns=tuple(columns), rowid=None)


def _are_accepted(con: sqlite3.Connection, rows: Projection) -> bool:
    """Return whether SQLite accepts rows in a table that has refused others."""
    if con.in_transaction:
        con.execute("ROLLBACK")
    try:
        insert_rows(con, rows)
    except sqlite3.Error:
        return False
    return True


def _count(con: sqlite3.Connection, query: str) -> int:
    return int(con.execute(query).fetchone()[0])


def _differ(con: sqlite3.Connection, rows: Projection, columns: Sequence[ProjectedColumn]) -> bool:
    """Return whether the values of these columns differ after the copy."""
    before = digest_query(con, rows.select(column.source for column in columns))
    return before != digest_query(con, rows.select_target(column.target for column in columns))


def _value_change_problem(
    con: sqlite3.Connection, mapping: TableMapping, rows: Projection, projected: ProjectedColumn
) -> Problem:
    by_class = " GROUP BY 1 ORDER BY 1"
    source_types = con.execute(rows.select([f"typeof({projected.source})", "count(*)"]) + by_class).fetchall()
    target_types = con.execute(rows.select_target([f"typeof({projected.target})", "count(*)"]) + by_class).fetchall()
    column = mapping.into.column(projected.name)
    name = projected.origin or projected.name
    if column and column.generated:
        fact = f"values of column {name} would change: it is generated, and the target would compute others."
        hint = "Mend them in the source (an UPDATE computes them anew), or declare the column as an ordinary one."
        return Problem("computed-value-changes", mapping.subject, fact, hint, criterion="values-fit")
    fact = (
        f"values of column {name} would change: the target's type is {column.type if column else ''} "
        f"({_describe_counts(source_types)} would become {_describe_counts(target_types)})."
    )
    return Problem("value-changes", mapping.subject, fact, _HINT, criterion="values-fit")


def _describe_counts(rows: list[tuple[str, int]]) -> str:
    return ", ".join(counted(count, f"{kind} value") for kind, count in rows)


_HINT = "Declare the column in the target as the source does, or move the table under another name."
