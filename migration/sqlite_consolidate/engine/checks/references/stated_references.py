"""Add the references that the plan states, or say why one cannot be followed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import mapping_of, target_column
from sqlite_consolidate.engine.content.digest import digest_query
from sqlite_consolidate.engine.content.projection import column_of
from sqlite_consolidate.engine.merge.table_mapping import StatedReference
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_for_inspection
from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS
from sqlite_consolidate.engine.sqlite.schema.keyless_rows import unique_columns
from sqlite_consolidate.engine.sqlite.schema.row_conditions import EVALUABLE, evaluation_error, row_condition
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.loader import mistake_in_plan
from sqlite_consolidate.plan.mistakes import Loc, in_quotes, mistake_at
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
    from sqlite_consolidate.plan.model import Plan, Refers

CRITERION = "parents-follow"
_NAMES = "Correct column or to. They have the names of the source."


def state_references(databases: InspectedDatabases) -> None:
    """Add the references that the plan states to the mappings of their tables.

    A file of a pattern for which one has no effect is passed over, unless it has none for any file.
    """
    if not any(mapping.table_map.refers for mapping in databases.mappings):
        return
    mappings = []
    mistakes: dict[Problem, None] = {}
    without_effect: dict[Loc, list[Problem]] = {}
    effective: set[Loc] = set()
    for mapping in databases.mappings:
        stated = []
        for index, refers in enumerate(mapping.table_map.refers):
            loc = (*plan_place(databases.plan, mapping), "refers", index)
            reference = _stated(databases, mapping, refers, loc)
            if isinstance(reference, StatedReference):
                stated.append(reference)
                effective.add(loc)
            elif _has_no_effect(databases, mapping, refers, reference):
                without_effect.setdefault(loc, []).append(reference)
            else:
                mistakes[mistake_in_plan(databases.plan, reference, CRITERION)] = None
        mappings.append(replace(mapping, refers=tuple(stated)))
    databases.mappings = mappings
    needless = (problem for loc, problems in without_effect.items() if loc not in effective for problem in problems)
    mistakes |= dict.fromkeys(mistake_in_plan(databases.plan, problem, CRITERION) for problem in needless)
    databases.problems += mistakes
    for mapping in databases.mappings:
        _count_rows(databases, mapping)
    databases.problems += _without_key(databases)


def _has_no_effect(databases: InspectedDatabases, mapping: TableMapping, refers: Refers, mistake: Problem) -> bool:
    """Return whether a file of a pattern does not need a reference of the plan."""
    if not mapping.source.is_of_pattern or mistake.id not in ("no-effect", "refers-unknown", "bad-condition"):
        return False
    column = mapping.table.column(refers.column)
    if mistake.id == "no-effect" or column is None:
        return not _is_rowid(mapping.table, refers.column)
    reader = databases.sources[mapping.source.name].write_lock.reader
    condition = row_condition(reader, mapping.table, refers.when) if refers.when.strip() else None
    when = None if isinstance(condition, str) else condition
    return not refers_to_a_row(databases, mapping, (column.name,), when, has_key=mistake.id == "bad-condition")


def refers_to_a_row(
    databases: InspectedDatabases,
    mapping: TableMapping,
    columns: Sequence[str],
    when: RowCondition | None,
    *,
    has_key: bool,
) -> bool:
    """Return whether a source has a row whose values in some columns may mean another row.

    Args:
        databases: All databases.
        mapping: The table.
        columns: Its columns that refer.
        when: Condition on the rows that refer. A table that lacks a column of it has none.
        has_key: Whether the source has the referred key. If not, a number up to 0 stands for no row.
    """
    if not all(mapping.table.column(name) for name in columns):
        return False
    values = [column_of(name) for name in columns]
    conditions = [f"{value} IS NOT NULL" for value in values]
    if len(values) == 1 and not has_key:
        none = ", ".join(map(str, mapping.table_map.none))
        stands_for_none = f"({values[0]} <= 0 OR {values[0]} IN ({none}))"
        conditions.append(f"NOT (typeof({values[0]}) = 'integer' AND {stands_for_none})")
    if when and all(mapping.table.column(name) for name in when.columns):
        conditions.append(when.over("s"))
    rows = f"FROM {quoted(mapping.table_map.name)} AS s WHERE {' AND '.join(conditions)}"
    reader = databases.sources[mapping.source.name].write_lock.reader
    return reader.execute(f"SELECT 1 {rows} LIMIT 1").fetchone() is not None


def _without_key(databases: InspectedDatabases) -> Iterator[Problem]:
    """Yield a problem for each reference to a column that is no unique key in the target."""
    for reference in find_references(databases):
        is_followed = reference.has_unique_keys or reference.is_divided or reference.is_elsewhere
        if reference.is_stated and not is_followed:
            key, into = ", ".join(reference.into.columns), reference.into.table.name
            fact = f"column {reference.columns[0]} refers to {into}, which has no unique key of {key} in the target."
            hint = "Declare that key in the target (create), or remove refers."
            yield Problem("refers-no-key", reference.child.subject, fact, hint, criterion=CRITERION)


def plan_place(plan: Plan, mapping: TableMapping) -> tuple[str | int, ...]:
    """Return the key path of a table in the plan as its file states it."""
    entry, name = mapping.source.entry, mapping.table_map.name
    source = next(index for index, stated in enumerate(plan.stated.sources) if stated is entry)
    return "source", source, "table", next(index for index, table in enumerate(entry.tables) if table.name == name)


def check_staged_conditions(databases: InspectedDatabases) -> Iterator[Problem]:
    """Yield a problem for each condition that a copy of the rows would answer otherwise.

    Columns of the copy have no type and no collation.
    """
    for mapping in databases.mappings:
        stated = [reference for reference in mapping.refers if reference.when]
        path = databases.staged.get(mapping.source.name)
        if not stated or path is None:
            continue
        values = [column_of(reference.column) for reference in stated]
        values += [f"{reference.when.over('s')} IS TRUE" for reference in stated if reference.when]
        query = f"SELECT {', '.join(values)} FROM "
        source = databases.sources[mapping.source.name]
        reader, original = source.write_lock.reader, source.schema.table(mapping.table_map.name)
        by_itself = original.by_itself if original else ""
        with open_for_inspection(path, limits_of(reader)) as con:
            copied = digest_query(con, f"{query}{quoted(mapping.table.name)} AS s {mapping.table.by_itself}")
        if copied != digest_query(reader, f"{query}{quoted(mapping.table_map.name)} AS s {by_itself}"):
            fact = "a condition (when) gives another answer for rows that are copied without their types."
            hint = "Compare values of one type in when."
            yield Problem("condition-differs", mapping.subject, fact, hint, criterion=CRITERION)


def _stated(
    databases: InspectedDatabases, mapping: TableMapping, refers: Refers, loc: Loc
) -> StatedReference | Problem:
    """Return a reference of the plan by the names of its source, or the mistake."""
    database = databases.sources[mapping.source.name]
    column, parent = _referring(mapping, refers.column), _referred(database.schema, refers.to)
    if not column:
        return _no_column(mapping, refers.column, loc)
    if parent is None:
        fact = f"{in_quotes(mapping.source.name)} has no table with the column {in_quotes(refers.to)}."
        return mistake_at(loc, "refers-unknown", fact, _NAMES)
    table, to = parent
    if (folded(table.name), folded(to)) == (folded(mapping.table_map.name), folded(column)):
        return mistake_at(loc, "no-effect", f"column {column} would refer to itself.", "Remove refers.")
    if [folded(to)] not in unique_columns(table):
        fact = f"{table.name} of {in_quotes(mapping.source.name)} has no unique key of {to} alone."
        return mistake_at(loc, "refers-no-key", fact, "Refer to a column that tells the rows of its table apart.")
    if by := _declared_by(databases, mapping, column, table.name, to):
        fact = f"a FOREIGN KEY of {by} declares already that {column} refers to {table.name}."
        return mistake_at(loc, "no-effect", fact, "Remove refers, because declared references follow without it.")
    condition = row_condition(database.write_lock.reader, mapping.table, refers.when) if refers.when.strip() else None
    if isinstance(condition, str):
        hint = f"Compare columns of {mapping.table.name} with values."
        return mistake_at(loc, "bad-condition", f"when is no condition on one row: {condition}.", hint)
    if failing := _failing_rows(databases, mapping, condition) if condition else "":
        return mistake_at(loc, "condition-fails", f"SQLite cannot evaluate when for rows of {failing}.", EVALUABLE)
    return StatedReference(column, table.name, to, condition)


def _failing_rows(databases: InspectedDatabases, mapping: TableMapping, when: RowCondition) -> str:
    """Return where SQLite cannot evaluate a condition, and why, or an empty text.

    The plan states the reference for the rows of the target as well.
    """
    rows = [(databases.sources[mapping.source.name], mapping.table, when)]
    target, renamed = databases.target, when.renamed(mapping.renamed)
    before = target.schema.table(mapping.into.name) if target else None
    if target and before and all(map(before.column, renamed.stored)):
        rows.append((target, before, renamed))
    for database, table, condition in rows:
        if reason := evaluation_error(database.write_lock.reader, table.name, condition):
            return f"{table.name} in {in_quotes(database.file)}: {reason}"
    return ""


def _referring(mapping: TableMapping, name: str) -> str:
    """Return the referring column, or the rowid of a search index, or an empty text."""
    table, column = mapping.table, mapping.table.column(name)
    if table.kind == "virtual" and _is_rowid(table, name) and (column is None or column.hidden):
        return mapping.rowid_column
    return column.name if column else ""


def _is_rowid(table: Table, name: str) -> bool:
    """Return whether SQLite takes a name for the rowid of a table."""
    return folded(name) in ROWIDS or (table.module in ("fts3", "fts4") and folded(name) == "docid")


def _referred(schema: Schema, to: str) -> tuple[Table, str] | None:
    """Return the table and the column of a key. Both names may have dots."""
    for at, char in enumerate(to):
        table = schema.table(to[:at]) if char == "." else None
        column = table.column(to[at + 1 :]) if table else None
        if table and column:
            return table, column.name
    return None


def _no_column(mapping: TableMapping, name: str, loc: Loc) -> Problem:
    table = mapping.table
    if not _is_rowid(table, name):
        return mistake_at(loc, "refers-unknown", f"{table.name} has no column {in_quotes(name)}.", _NAMES)
    if table.alias:
        fact = f"the rowid of {table.name} is its column {table.alias}."
        return mistake_at(loc, "refers-unknown", fact, f"Write {table.alias}.")
    hint = 'Leave the table behind with a reason, or write keys = "keep" for the other table.'
    return mistake_at(loc, "refers-rowid", f"the implicit rowids of {table.name} cannot follow keys.", hint)


def _declared_by(databases: InspectedDatabases, mapping: TableMapping, column: str, parent: str, to: str) -> str:
    """Return which schema declares a reference already, or an empty text."""
    for key in mapping.table.foreign_keys:
        referred = key.referred(databases.sources[mapping.source.name].schema.table(key.parent))
        if _names(key.columns, (key.parent,), referred) == _names((column,), (parent,), (to,)):
            return "the source"
    parent_mapping = mapping_of(databases, mapping, parent)
    into = parent_mapping.into.name if parent_mapping else parent
    wanted = target_column(parent_mapping, to) if parent_mapping else to
    for key in mapping.into.foreign_keys:
        referred = key.referred(databases.target_schema.schema.table(key.parent))
        if _names(key.columns, (key.parent,), referred) == _names(
            (target_column(mapping, column),), (into,), (wanted,)
        ):
            return "the target"
    return ""


def _names(*names: tuple[str, ...]) -> list[list[str]]:
    return [[folded(name) for name in each] for each in names]


def _count_rows(databases: InspectedDatabases, mapping: TableMapping) -> None:
    """Report the rows that refer to nothing, to two keys, or to rows that stay behind."""
    reader = databases.sources[mapping.source.name].write_lock.reader
    table = f"{quoted(mapping.table_map.name)} AS s"

    def count(condition: str) -> int:
        return int(reader.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0])

    for column in dict.fromkeys(reference.column for reference in mapping.refers):
        stated = [reference for reference in mapping.refers if reference.column == column]
        holds = [f"({reference.when.over('s')} IS TRUE)" if reference.when else "1" for reference in stated]
        number = f"({' + '.join(holds)})"
        value = column_of(column)
        if rows := count(f"{number} > 1") if len(holds) > 1 else 0:
            fact = f"several conditions (when) of column {column} hold for {counted(rows, 'row')}."
            hint = "Correct when, so that at most one condition holds for each row."
            databases.problems.append(Problem("refers-overlap", mapping.subject, fact, hint, criterion=CRITERION))
        if rows := count(f"{value} IS NOT NULL AND {number} = 0") if "1" not in holds else 0:
            text = f"will keep the value in column {column}, because no condition (when) holds for it."
            databases.findings.append(Finding.of("refers-none", mapping.subject, text, count=rows, noun="row"))
        for reference, condition in zip(stated, holds, strict=True):
            if not _has_parents(databases, mapping, reference):
                parents = f"SELECT 1 FROM {quoted(reference.table)} AS p WHERE p.{quoted(reference.to)} = {value}"
                if rows := count(f"{condition} AND EXISTS ({parents})"):
                    databases.problems.append(_left_behind(mapping, reference, rows))


def _has_parents(databases: InspectedDatabases, mapping: TableMapping, reference: StatedReference) -> bool:
    """Return whether the referred table is moved, or is in the target."""
    table = databases.target_schema.schema.table(reference.table)
    is_moved = mapping_of(databases, mapping, reference.table) or databases.is_refused(mapping.source, reference.table)
    return bool(is_moved or (table and table.column(reference.to)))


def _left_behind(mapping: TableMapping, reference: StatedReference, rows: int) -> Problem:
    verb = "refers" if rows == 1 else "refer"
    fact = (
        f"{counted(rows, 'row')} {verb} by {reference.column} to rows of {reference.table}, which is not moved, and the"
        " target does not have such a table."
    )
    hint = f"Move {reference.table} as well, or leave {mapping.table_map.name} behind with a reason."
    return Problem("parents-left-behind", mapping.subject, fact, hint, criterion=CRITERION)
