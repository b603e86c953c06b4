"""Choose the rows of each table by ``where`` and ``follows`` of the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.stated_references import refers_to_a_row
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.rows.row_filter import LeftRows, RowFilter
from sqlite_consolidate.engine.sqlite.errors import is_refused_value
from sqlite_consolidate.engine.sqlite.schema.row_conditions import EVALUABLE, row_condition
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import by_table
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
    from sqlite_consolidate.plan.model import Source, TableMap

    _Referring = tuple[tuple[str, ...], RowCondition | None]
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_CRITERION = "values-fit"


def choose_rows(databases: InspectedDatabases, limits: Limits) -> None:
    """Set which rows of each mapping move, and count those that ``where`` leaves behind.

    A mapping whose rows cannot be chosen becomes a problem, and is not examined further.
    """
    problems: list[Problem] = []
    mappings = []
    for mapping in databases.mappings:
        chosen = _filter_of(databases, mapping, limits) if mapping.table_map.moves_some_rows else None
        if isinstance(chosen, Problem):
            problems.append(chosen)
        else:
            mappings.append(replace(mapping, chosen=chosen) if chosen else mapping)
    databases.mappings = mappings
    problems += _unrelated(databases)
    databases.problems += problems


def _filter_of(databases: InspectedDatabases, mapping: TableMapping, limits: Limits) -> RowFilter | Problem:
    table_map, reader = mapping.table_map, databases.sources[mapping.source.name].write_lock.reader
    limits.deadline.start_step(f"where of {mapping.subject}")
    condition = row_condition(reader, mapping.table, table_map.where) if table_map.where else None
    if isinstance(condition, str):
        return _bad_condition(mapping, condition)
    chosen = RowFilter(condition, table_map.follows)
    if condition is not None:
        try:
            left = count_left(reader, replace(mapping, chosen=chosen))
        except sqlite3.Error as error:
            if is_refused_value(error):
                fact = f"SQLite cannot evaluate where for its rows: {error}."
                return Problem("condition-fails", mapping.subject, fact, EVALUABLE, criterion=_CRITERION)
            return replace(read_problem(mapping.subject, error), criterion=_CRITERION)
        databases.left_rows[mapping.source.name, table_map.name] = LeftRows(left)
    return chosen


def count_left(con: sqlite3.Connection, mapping: TableMapping) -> int:
    """Count the rows of the main database of a connection that a mapping leaves behind."""
    rows, left = replace(mapping.projection(), where=""), mapping.chosen.left() if mapping.chosen else "0"
    return int(con.execute(rows.select(["count(*)"], left)).fetchone()[0])


def _bad_condition(mapping: TableMapping, reason: str) -> Problem:
    hint = "Write a condition on the columns of this table only, without a subquery, a clock or a random number."
    return Problem("bad-where", mapping.subject, f"where chooses no rows: {reason}.", hint, criterion=_CRITERION)


def _unrelated(databases: InspectedDatabases) -> Iterator[Problem]:
    """Yield a problem for each table that follows one to which it has no reference.

    A file of a pattern may lack the reference if another file has it, and none of its rows would follow.
    """
    if not any(mapping.table_map.follows for mapping in databases.mappings):
        return
    related: set[tuple[str, int, str]] = set()
    of_files: dict[tuple[int, str], dict[_Referring, None]] = {}
    for reference in find_references(databases):
        followed = id(reference.child.table_map), folded(reference.parent_name)
        related.add((reference.child.source.name, *followed))
        of_files.setdefault(followed, {})[reference.columns, reference.when] = None
    for mapping in databases.mappings:
        for name in mapping.table_map.follows:
            followed = id(mapping.table_map), folded(name)
            if (mapping.source.name, *followed) in related:
                continue
            if followed not in of_files or _may_follow(databases, mapping, name, of_files[followed]):
                fact = f"{mapping.table_map.name} follows {name}, and no FOREIGN KEY and no refers leads there."
                hint = f"State which column refers to {name} ([[source.table.refers]]), or remove follows."
                yield Problem("follows-no-reference", mapping.subject, fact, hint, criterion=_CRITERION)


def _may_follow(
    databases: InspectedDatabases, mapping: TableMapping, name: str, of_files: Iterable[_Referring]
) -> bool:
    """Return whether a row would follow a table by a reference of another file."""
    has_key = databases.sources[mapping.source.name].schema.table(name) is not None
    return any(refers_to_a_row(databases, mapping, *referring, has_key=has_key) for referring in of_files)


def left_row_findings(databases: InspectedDatabases) -> list[Finding]:
    """Return a finding for each table of which rows are left behind."""
    items = (
        (mapping.source, mapping.table_map.name, (mapping.table_map, left))
        for mapping in databases.mappings
        if (left := databases.left_of(mapping)).rows
    )
    return list(findings_of_left_rows(items))


def findings_of_left_rows(items: Iterable[tuple[Source, str, tuple[TableMap, LeftRows]]]) -> Iterator[Finding]:
    """Yield the finding of each table, or of a table of all files of a pattern.

    Args:
        items: Source of each table, its name, and its rows that are left behind.
    """
    for subject, files in by_table(items):
        left = sum((left for _, left in files), LeftRows())
        yield Finding.of("rows-left-out", subject, left_text(files[0][0], left), count=left.rows)


def left_text(table_map: TableMap, left: LeftRows) -> str:
    """Return the sentence about the rows of a table that are left behind."""
    parts = [
        f"{left.by_where} by where ({table_map.reason.rstrip('.')})" if left.by_where else "",
        f"{left.unfollowed} because no row of {', '.join(table_map.follows)} moves that they refer to"
        if left.unfollowed
        else "",
    ]
    of_rows = "1 row is" if left.rows == 1 else f"{left.rows} rows are"
    return f"{of_rows} left behind: {', and '.join(filter(None, parts))}."
