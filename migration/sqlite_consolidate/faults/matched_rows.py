"""Plant faults into the keys of matched rows and into what refers to them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.checks.references.references_kept import pairs_by_content, updated_references
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.faults.database_edits import without_triggers
from sqlite_consolidate.faults.fault import Fault, not_planted
from sqlite_consolidate.faults.renumbering import NO_CONTENT, parent_values

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.plan.model import Plan

_NO_LINE = "no row of a source matches a row of the target"
_LINES = "FROM matched WHERE source = ? AND source_table = ?"


def match_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the faults of a plan whose rows can match."""
    faults = (
        Fault.in_run("keys-mapped", "a row is matched with another row", _lead_to_another_row),
        Fault.in_run("keys-mapped", "the line of a matched row is missing", _drop_a_line),
        Fault.in_run("keys-mapped", "a line is wrong about which row stays", _turn_an_update),
        Fault.in_run("keys-mapped", "a line takes a row that differs for identical, or the reverse", _turn_identical),
        Fault.in_run("references-kept", "a child of a matched row refers to its old id", _leave_a_child),
        Fault.in_run("references-kept", "a row of the target loses a parent that is updated", _change_a_parent),
    )
    return faults if any(table.match for source in plan.sources for table in source.tables) else ()


def _lead_to_another_row(run: Run) -> None:
    """Let a line of the key map lead to another row of the target."""
    target = run.target.connection

    def edit(con: sqlite3.Connection, mapping: TableMapping) -> bool:
        line = con.execute(f"SELECT rowid, new {_LINES}", _names(mapping)).fetchone()
        key = quoted(mapping.matched.key) if mapping.matched else ""
        if line is None or not key or key == quoted(""):
            return False
        others = f"SELECT {key} FROM main.{quoted(mapping.into.name)} WHERE {key} IS NOT ? LIMIT 1"
        other = target.execute(others, line[1:]).fetchone()
        if other:
            con.execute("UPDATE matched SET new = ? WHERE rowid = ?", (*other, line[0]))
        return other is not None

    _edit_lines(run, edit)


def _drop_a_line(run: Run) -> None:
    """Delete a line of the key map."""

    def edit(con: sqlite3.Connection, mapping: TableMapping) -> bool:
        first = f"SELECT min(rowid) {_LINES}"
        return con.execute(f"DELETE FROM matched WHERE rowid = ({first})", _names(mapping)).rowcount > 0

    _edit_lines(run, edit)


def _turn_an_update(run: Run) -> None:
    """Let a line say the opposite of whether its row updates the one that stands."""
    _turn(run, "updated")


def _turn_identical(run: Run) -> None:
    """Let a line say the opposite of whether its row is identical to the one that stands."""
    _turn(run, "identical")


def _turn(run: Run, column: str) -> None:
    """Let a line say the opposite of the truth in a column."""

    def edit(con: sqlite3.Connection, mapping: TableMapping) -> bool:
        update = f"UPDATE matched SET {column} = NOT {column} WHERE rowid = (SELECT min(rowid) {_LINES})"
        return con.execute(update, _names(mapping)).rowcount > 0

    _edit_lines(run, edit)


def _leave_a_child(run: Run) -> None:
    """Give a reference to a matched row the id that the row has in its source.

    The parent by the old id has other values than the matched row, because only these tell the two apart.
    """
    target = run.target.connection
    references = [(reference, pairs.of_parent) for pairs in pairs_by_content(run.compared) for reference in pairs.group]

    def edit(con: sqlite3.Connection, mapping: TableMapping) -> bool:
        lines = con.execute(f"SELECT old, new {_LINES} AND old IS NOT new", _names(mapping)).fetchall()
        for reference, values in references:
            if reference.parent_mapping != mapping or not _follows_lines(reference, mapping):
                continue
            into, column = reference.child.into, quoted(target_column(reference.child, reference.columns[0]))
            parents = parent_values(reference, values, "?1"), parent_values(reference, values, "?2")
            update = f"UPDATE main.{quoted(into.name)} SET {column} = ?1 WHERE {column} = ?2"
            with without_triggers(target, into):
                if any(target.execute(f"{update} AND {' IS NOT '.join(parents)}", line).rowcount for line in lines):
                    return True
        return False

    _edit_lines(run, edit, NO_CONTENT)


def _follows_lines(reference: Reference, mapping: TableMapping) -> bool:
    """Return whether a reference has the ids in the lines of a mapping."""
    key = mapping.matched.key if mapping.matched else ""
    is_looked_up = folded(reference.columns[0]) in reference.child.lookups
    return is_looked_up and [*map(folded, reference.into.columns)] == [folded(key)]


def _change_a_parent(run: Run) -> None:
    """Change the key of an updated row to which a row of the target refers."""
    target = run.target.connection
    for reference in updated_references(run.compared):
        into, child = reference.into, reference.child
        value, column = f"c.{quoted(reference.columns[-1])}", quoted(into.columns[-1])
        table = f"main.{quoted(into.table.name)}"
        referred = (
            f"SELECT {value} FROM main.{quoted(child.into.name)} AS c WHERE {value} IN (SELECT {column} FROM {table})"
        )
        largest = f"(SELECT max({column}) FROM {table}) || '0'"
        with without_triggers(target, into.table):
            if target.execute(f"UPDATE {table} SET {column} = {largest} WHERE {column} = ({referred})").rowcount:
                return
    raise not_planted("no row of the target refers to a column that matched rows update")


def _edit_lines(run: Run, edit: Callable[[sqlite3.Connection, TableMapping], bool], reason: str = _NO_LINE) -> None:
    """Call a function for the lines of each mapping, until it has planted a fault.

    Args:
        run: The run.
        edit: Returns whether it has planted a fault.
        reason: Why it has planted none.

    Raises:
        ProblemError: It has planted none.
    """
    if run.target.key_map is None:
        raise not_planted(_NO_LINE)
    with closing(open_existing(run.target.key_map)) as con:
        if not any(edit(con, mapping) for mapping in run.inspected.mappings if mapping.matched):
            raise not_planted(reason)


def _names(mapping: TableMapping) -> tuple[str, str]:
    return mapping.source.name, mapping.table_map.name
