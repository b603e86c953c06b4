"""Find the search indexes of sources that are moved as a declaration and rebuilt.

No row of such an index is copied, because its rows are those of other tables.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.source_ddl import create_statements
from sqlite_consolidate.engine.sqlite.schema.derivations import DerivationReader
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Plan, Source, TableMap

_KEYS_OF_INDEX = {"name", "target_name", "create"}


def is_moved_index(plan: Plan, table_map: TableMap, schema: Schema) -> bool:
    """Return whether a table mapping names a search index that the plan rebuilds.

    The rows of one with its own content are copied, unless the plan states a query of them.
    """
    table = schema.table(table_map.name)
    entry = next((each for each in plan.rebuilds if folded(each.table) == folded(table_map.into)), None)
    kind = content_kind(table) if table and entry else ""
    return kind in ("external", "none") or (kind == "own" and bool(entry and entry.from_))


def index_problem(databases: InspectedDatabases, source: Source, table_map: TableMap, limits: Limits) -> Problem | None:
    """Return why a search index cannot be moved as a declaration, or None."""
    schema = databases.sources[source.name].schema
    table, subject = schema.table(table_map.name), f"{source.file}:{table_map.name}"
    if table is None:
        return None
    keys = table_map.model_fields_set - _KEYS_OF_INDEX
    if idle := list(table_map.model_dump(by_alias=True, include=keys)):
        fact = f"no row of a search index is copied, so {join_names(idle)} has no effect."
        return Problem("no-effect", subject, fact, "Remove the key.", criterion="keys-free")
    hint = "Give it a create text for the target, or leave it behind with a reason."
    if not table_map.create and (fact := _other_content(source, table_map, table, schema, limits)):
        return Problem("index-apart", subject, fact, hint, criterion="values-fit")
    before = databases.target.schema.table(table_map.into) if databases.target else None
    wanted = create_statements(table_map.create, limits)[0].sql if table_map.create else table.sql
    if before is not None and not same_statement(before.sql, wanted):
        fact = f"the target has a table {before.name} with another declaration."
        hint = "Leave this index behind with a reason, and the run rebuilds that of the target."
        return Problem("name-taken", subject, fact, hint, criterion="names-free")
    return None


def _other_content(source: Source, table_map: TableMap, table: Table, schema: Schema, limits: Limits) -> str:
    """Return why the declaration of an index would mean something else in the target."""
    if folded(table_map.into) != folded(table_map.name):
        return "triggers name this search index, and would not find it under another name."
    with closing(DerivationReader(schema, limits)) as reader:
        contents = reader.content_of(table)
    kept = {folded(each.name) for each in source.tables if folded(each.into) == folded(each.name) and not each.columns}
    apart = [content for content in contents if folded(content) not in kept]
    if not apart:
        return ""
    names, state = join_names(apart), "it is" if len(apart) == 1 else "they are"
    return f"this search index reads its content from {names}, but the plan does not move {names} as {state}."
