"""Prove before COMMIT that what the run has derived again is right.

Columns are set a second time, which must change nothing. An index with external content is compared with that content
by its own integrity-check, any other index with the rows of its query. Nothing of that stays in the target.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.derived.rebuilt_contents import observe_index
from sqlite_consolidate.engine.content.digest import digest_table
from sqlite_consolidate.engine.sqlite.errors import is_statement_error
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal, not_required

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.merge.derived.refresh import Refresh
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_CHANGED = "Find out what wrote to the table after its [[refresh]], such as another [[refresh]]."
_NOT_REPEATED = (
    "Write the [[refresh]] so that it sets the same values again. Compute each value from other rows, and not from"
    " itself, the time, or a random number."
)
NOTHING_DERIVED = "the plan has neither a [[rebuild]] nor a [[refresh]]"


def derived_right(compared: TargetComparison) -> list[Observation]:
    """Observe that columns that were set again, and rebuilt indexes, are those of their rows."""
    observations = []
    for index in compared.inspected.rebuilt_indexes:
        table = compared.schema.table(index.name)
        if table is None:
            observations.append(Observation(index.name, "in the target", "no such table", holds=False))
            continue
        if table.module != index.table.module:
            expected, observed = (f"module {module or 'none'}" for module in (index.table.module, table.module))
            observations.append(equal(index.name, expected, observed))
            continue
        with compared.undone():
            observations.append(observe_index(compared.con, table, index))
    return [*_refreshed(compared), *observations] or [not_required("plan", NOTHING_DERIVED)]


def _refreshed(compared: TargetComparison) -> Iterator[Observation]:
    """Yield that each table is as its refresh left it, and that another changes nothing.

    An application may have used the target of another tool since, so only the second is known there.
    """
    columns: dict[str, list[str]] = {}
    for refresh in compared.inspected.refreshes:
        columns.setdefault(refresh.name, []).extend(refresh.columns)
    present = {name: table for name in columns if (table := compared.schema.table(name))}
    before = {name: compared.digest(compared.con, table) for name, table in present.items()}
    with compared.undone() if present else nullcontext():
        refreshes = [refresh for refresh in compared.inspected.refreshes if refresh.name in present]
        errors = {refresh.name: error for refresh in refreshes if (error := _set_again(compared.con, refresh))}
        again = {name: digest_table(compared.con, table) for name, table in present.items()}
    for name, names in columns.items():
        if name not in present:
            yield Observation(name, "in the target", "no such table", holds=False)
            continue
        if refreshed := compared.refreshed.get(folded(name)):
            yield equal(name, refreshed.after.full, before[name].full, _CHANGED)
        repeated = errors.get(name) or again[name].full
        yield equal(f"{name} ({', '.join(names)})", before[name].full, repeated, _NOT_REPEATED)


def _set_again(con: sqlite3.Connection, refresh: Refresh) -> str:
    """Set the columns of a plan's refresh a second time, and return why SQLite refuses that."""
    where = f"WHERE (\n{refresh.where}\n)" if refresh.where else ""
    drop = "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
    for (trigger,) in con.execute(drop, (refresh.name,)).fetchall():
        con.execute(f"DROP TRIGGER main.{quoted(trigger)}")
    try:
        con.execute(f"UPDATE main.{quoted(refresh.name)} SET {refresh.assignments}\n{where}")
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.IntegrityError) and not is_statement_error(error):
            raise
        return f"SQLite refuses to set them again: {error}"
    return ""
