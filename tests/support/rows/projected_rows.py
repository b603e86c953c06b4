"""Project the table ``t`` of an attached database into that of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.merge.table_mapping import TableMapping, match_columns
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.plan.model import Plan, Source, TableMap

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.projection import Projection


def ends(source: str, target: str, *rows: str) -> sqlite3.Connection:
    """Return a connection with table ``t`` in ``main`` and in an attached ``src``.

    The table in ``src`` has rows.
    """
    con = open_memory()
    con.execute("ATTACH ':memory:' AS src")
    con.execute(target)
    con.execute(source)
    for row in rows:
        con.execute(f"INSERT INTO src.t{row}")
    return con


def plan_of(source: Source) -> Plan:
    """Return a plan with one source."""
    return Plan(format=1, name="one", target="target.db", sources=[source])


def projected(con: sqlite3.Connection, *, new: bool = True, **keys: Any) -> Projection:
    """Return the projection of ``src.t`` into ``main.t``.

    Every source column must have a column in the target.
    """
    return moved(con, new=new, **keys).projection("src")


def moved(con: sqlite3.Connection, *, new: bool = True, **keys: Any) -> TableMapping:
    """Return the table mapping of ``src.t`` into ``main.t``."""
    table_map = TableMap(name="t", **keys)
    source = Source(name="a", file="a.db", tables=[table_map])
    mapping, problems = match_columns(
        plan_of(source), source, table_map, read_schema(con, "src").tables["t"], read_schema(con).tables["t"], new=new
    )
    assert problems == []
    return mapping


def rows_at_both_ends(con: sqlite3.Connection, rows: Projection) -> tuple[list[Any], list[Any]]:
    """Insert the source rows, and return the rows of source and target."""
    con.execute(rows.insert(is_empty=True))
    source = con.execute(rows.select(rows.source_row())).fetchall()
    return source, con.execute(rows.select_target(rows.target_row())).fetchall()
