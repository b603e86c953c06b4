"""Find the tables of a source that can be moved row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind, unseen_option
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Source, TableMap

_MODULES = ("fts3", "fts4", "fts5", "rtree", "rtree_i32")


def find_movable_table(source: Source, table_map: TableMap, schema: Schema) -> Table | Problem:
    """Return the table that a table map names, or the problem why it cannot be moved."""
    subject = f"{source.file}:{table_map.name}"
    table = schema.table(table_map.name)
    if table is None:
        if any(folded(view.name) == folded(table_map.name) for view in schema.views):
            text = "is a view, not a table. The tables that it reads would be left behind."
            return Problem(
                "view-named",
                subject,
                text,
                "Move the tables it reads. The run then creates the view as well.",
                criterion="sources-readable",
            )
        tables = (
            ", ".join(sorted(table.name for table in schema.movable)[:12]) or "no table at all (the database is empty)"
        )
        return Problem(
            "no-such-table", subject, "no such table.", f"The database has: {tables}.", criterion="sources-readable"
        )
    if table.kind == "shadow":
        text = "belongs to a virtual table and holds its inner state, not rows."
        return Problem("inner-table", subject, text, "Move the virtual table instead.", criterion="sources-readable")
    if table.kind == "virtual" and not _stores_its_rows(table):
        text = f"is a virtual table ({table.module or 'unknown module'}) of a kind that cannot be copied row by row."
        hint = "Leave it behind with a reason and create it again in the target."
        if content_kind(table):
            hint = (
                "Name it in a [[rebuild]] as well, and the run creates and fills it. Or leave it behind with a reason."
            )
        return Problem("virtual-table", subject, text, hint, criterion="values-fit")
    return table


def _stores_its_rows(table: Table) -> bool:
    return table.module in _MODULES and content_kind(table) == "own" and not unseen_option(table)
