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
    if lacks := table.lacks or _lacking_index(source, table):
        return lacking_problem(subject, table, lacks)
    if table.kind == "virtual" and not _stores_its_rows(table):
        text = f"is a virtual table ({table.module or 'unknown module'}) of a kind that cannot be copied row by row."
        hint = "Leave it behind with a reason and create it again in the target."
        if option := unseen_option(table):
            text = f"is an FTS4 table with {option}=, and a row of it is more than its columns."
        elif content_kind(table):
            hint = (
                "Name it in a [[rebuild]] as well, and the run creates and fills it. Or leave it behind with a reason."
            )
        return Problem("virtual-table", subject, text, hint, criterion="values-fit")
    return table


def columns_in_one(subject: str, table_map: TableMap, table: Table) -> Problem | None:
    """Return the problem that the plan gives two columns of a table one name, or None."""
    wanted = {folded(old): new for old, new in table_map.columns.items()}
    names: dict[str, str] = {}
    for column in table.columns if wanted else ():
        new = wanted.get(folded(column.name), column.name)
        first = names.setdefault(folded(new), column.name)
        if first != column.name:
            fact = f"its columns {first} and {column.name} would both become {new} of {table_map.into}."
            hint = "Give each column a name of its own: columns = {...}."
            return Problem("two-columns-in-one", subject, fact, hint, criterion="values-fit")
    return None


def _stores_its_rows(table: Table) -> bool:
    return table.module in _MODULES and content_kind(table) == "own" and not unseen_option(table)


def _lacking_index(source: Source, table: Table) -> str:
    """Return what SQLite lacks for an index that the plan moves, or an empty text."""
    indexes = (index for index in table.indexes if index.lacks)
    moved = (index for index in indexes if source.leave_reason("indexes", index.name) is None)
    return next((f"{index.lacks} for its index {index.name}" for index in moved), "")


def lacking_problem(subject: str, table: Table, lacks: str, *, is_target: bool = False) -> Problem:
    """Return the problem that rows of a table cannot be moved or added.

    SQLite lacks something for the table or for one of its indexes.

    Args:
        subject: The table.
        table: The table.
        lacks: What SQLite lacks, such as ``the collation unicase``.
        is_target: Whether the table belongs to the target and would receive rows.
    """
    fact = f"needs {lacks}, which only its application defines."
    hint = 'Name a function that defines it: setup = "tools/setup.py:register" of [connection].'
    if is_target:
        fact = f"would receive rows, and {fact}"
        hint += " Or move the rows under another name (into)."
    elif lacks == table.lacks:
        hint += " Or leave the table behind with a reason."
    else:
        hint += " Or leave the index behind with a reason."
    return problem_of_application(subject, fact, hint, lacks)


def problem_of_application(subject: str, fact: str, hint: str, lacks: str) -> Problem:
    """Return a problem whose id depends on what SQLite lacks."""
    if lacks.startswith("the collation "):
        return Problem("own-collation", subject, fact, hint, criterion="sources-readable")
    if lacks.startswith("the function "):
        return Problem("own-function", subject, fact, hint, criterion="sources-readable")
    return Problem("virtual-table", subject, fact, hint, criterion="values-fit")
