"""Find the constraints of a source table that the table in the target does not declare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.source_ddl import has_renames, planned_statements
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.declarations import comparable_index, table_declarations
from sqlite_consolidate.engine.sqlite.schema.module_arguments import module_arguments
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of, read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, Index, Schema, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_LOST = ("CHECK", "COLLATE", "generated", "ON CONFLICT", "DEFERRED")
_CHANGED = ("ON CONFLICT",)  # the target must not declare more of these either, because they drop or replace rows


def lost_constraints(mapping: TableMapping, source: Schema, target: Schema, limits: Limits | None = None) -> list[str]:
    """Return the constraints that the target table lacks.

    Each ON CONFLICT that it adds is among them. Names are those of the target, because the plan may rename tables and
    columns.

    Args:
        mapping: The table mapping.
        source: Schema of the source.
        target: Schema of the target as it will be.
        limits: Limits of what SQLite executes in memory.
    """
    if "virtual" in (mapping.into.kind, mapping.table.kind):
        return list(_changed_module(mapping))
    if mapping.into.kind != "table" or mapping.table.kind != "table":
        return []
    is_renamed = has_renames(mapping.table_map, mapping.source.tables)
    if not is_renamed and same_statement(mapping.table.sql, mapping.into.sql):
        return []
    wanted = _as_source_declares(mapping, source, limits)
    if wanted is None or same_statement(wanted.sql, mapping.into.sql):
        return []
    constants = set(map(folded, mapping.stated_constants))
    keys = tuple(_with_parent_columns(key, constants, target) for key in wanted.foreign_keys)
    return list(
        _missing(replace(wanted, foreign_keys=keys), _without_constants(mapping.into, constants, target), target)
    )


def constraint_finding(mapping: TableMapping, constraints: Sequence[str]) -> Finding:
    """Return the finding that names constraints which differ."""
    verb = "differs" if len(constraints) == 1 else "differ"
    text = f"{counted(len(constraints), 'constraint')} {verb} in {mapping.into.name}: {', '.join(constraints)}."
    return Finding.of("constraint-lost", mapping.subject, text, count=len(constraints))


def loses_autoincrement(mapping: TableMapping) -> bool:
    """Return whether only the source table has AUTOINCREMENT.

    SQLite then keeps the largest id of the source, and not that of the target.
    """
    return mapping.table.autoincrement and not mapping.into.autoincrement


def _changed_module(mapping: TableMapping) -> Iterator[str]:
    """Yield how a search finds other rows, and each UNIQUE that a virtual table cannot have."""
    table, into = mapping.table, mapping.into
    if table.module != into.module:
        yield f"changed module: {table.module or 'none'} in the source, {into.module or 'none'} in the target"
        if into.module:
            yield from (f"missing {_describe_unique(index)}" for index in table.indexes if index.origin == "u")
    elif table.module == "fts5":
        before, after = module_arguments(table.sql), module_arguments(into.sql)
        for name in sorted({*before.options, *after.options}):
            was, becomes = before.option(name), after.option(name)
            if was != becomes:
                yield f"changed {name}: {was or 'empty'} in the source, {becomes or 'empty'} in the target"
        for old, new in mapping.columns:
            is_hidden = folded(new) in after.unindexed
            if is_hidden != (folded(old) in before.unindexed):
                yield f"{'added' if is_hidden else 'missing'} UNINDEXED {new}"


def _as_source_declares(mapping: TableMapping, source: Schema, limits: Limits | None) -> Table | None:
    """Return the table that the source's own statements create, or None if they fail.

    It has the names that the plan gives.
    """
    table_map = mapping.table_map.model_copy(update={"create": ""})
    con = open_memory(limits)
    try:
        for statement in planned_statements(table_map, source, mapping.source.tables, limits):
            if statement.kind in ("table", "index"):
                con.execute(statement.sql)
        schema: Schema = read_schema(con)
        return schema.table(mapping.into.name)
    except sqlite3.Error:  # the preflight names what SQLite refuses
        return None
    finally:
        con.close()


def _without_constants(into: Table, constants: set[str], target: Schema) -> Table:
    """Return the target's table as it is for rows with equal constants of the plan.

    No key and no foreign key has such a column.
    """
    if not constants:
        return into
    indexes = [
        replace(index, terms=tuple(term for term in index.terms if folded(term[0] or "") not in constants))
        for index in into.indexes
    ]
    keys = [_without_columns(key, constants, target) for key in into.foreign_keys]
    return replace(into, indexes=tuple(indexes), foreign_keys=tuple(keys))


def _without_columns(key: ForeignKey, constants: set[str], target: Schema) -> ForeignKey:
    to = key.referred(target.table(key.parent))
    pairs = [pair for pair in zip(key.columns, to, strict=False) if folded(pair[0]) not in constants]
    if len(pairs) == len(to):
        return key
    return replace(key, columns=tuple(column for column, _ in pairs), to=tuple(referred for _, referred in pairs))


def _with_parent_columns(key: ForeignKey, constants: set[str], target: Schema) -> ForeignKey:
    """Return a foreign key with the columns of the primary key that it means.

    They are those without constants of the plan.
    """
    parent = target.table(key.parent)
    to = tuple(column for column in (parent.primary_key if parent else ()) if folded(column) not in constants)
    return key if key.to or not constants or len(to) != len(key.columns) else replace(key, to=to)


def _missing(wanted: Table, into: Table, target: Schema) -> Iterator[str]:
    declares, has = table_declarations(wanted, target), table_declarations(into, target)
    if wanted.strict and not into.strict:
        yield "missing STRICT"
    if wanted.autoincrement and not into.autoincrement:
        yield "missing AUTOINCREMENT"
    yield from (f"missing {_describe_unique(index)}" for index in wanted.indexes if _is_lost(index, wanted, into))
    yield from _missing_keys(declares["FOREIGN KEY"], has["FOREIGN KEY"])
    for kind in _LOST:
        yield from (f"missing {kind} {text}" for alike, text in declares[kind].items() if alike not in has[kind])
    for kind in _CHANGED:
        yield from (f"added {kind} {text}" for alike, text in has[kind].items() if alike not in declares[kind])


def _missing_keys(wanted: Collection[str], present: Collection[str]) -> Iterator[str]:
    """Yield each foreign key that the target lacks, or declares with another action."""
    actions = dict(map(_divide_actions, present))
    for reference in (each for each in wanted if each not in present):
        key, action = _divide_actions(reference)
        if key not in actions:
            yield f"missing FOREIGN KEY {reference}"
        else:
            yield f"changed FOREIGN KEY {key}: {action} in the source, {actions[key]} in the target"


def _divide_actions(reference: str) -> tuple[str, str]:
    """Return a foreign key without its actions, and its actions."""
    key, _, actions = reference.rpartition(" on update ")
    return key, f"on update {actions}"


def _is_lost(index: Index, wanted: Table, into: Table) -> bool:
    """Return whether the target allows rows that a UNIQUE of the source refuses.

    An index with a CREATE INDEX statement is not a constraint. Values that are equal as bytes are equal under each
    collation, so another collation of a column that the source compares as bytes refuses no less.
    """
    if not index.unique or index.sql or index.origin == "pk":
        return False
    terms = {(folded(column or ""), folded(collation)) for column, _, collation in index.terms}
    bytewise = {column for column, collation in terms if collation == "binary"}
    stricter = ({(folded(column), folded(collation)) for column, collation in key} for key in keys_of(into))
    present = {comparable_index(other, into) for other in into.indexes}
    return comparable_index(index, wanted) not in present and not any(
        all(term in terms or term[0] in bytewise for term in key) for key in stricter
    )


def _describe_unique(index: Index) -> str:
    terms = [
        f"{column}" if folded(collation) == "binary" else f"{column} COLLATE {collation}"
        for column, _, collation in index.terms
    ]
    return f"UNIQUE({', '.join(terms)})"
