"""Plant faults into renumbered keys and what refers to them, inside the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.faults.database_edits import first, without_triggers
from sqlite_consolidate.faults.fault import not_planted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.verbs.consolidate import Run

_NO_KEY = "the plan gives no row a new key"


def change_a_key(run: Run) -> None:
    """Add one to the largest key of a source whose next number is free."""
    mapping = first(_renumbered(run), _NO_KEY)
    table, key = f"main.{quoted(mapping.into.name)}", _key(mapping)
    with without_triggers(run.target.connection, mapping.into):
        run.target.connection.execute(
            f"UPDATE {table} SET {key} = {key} + 1 WHERE {key} = (SELECT max({key}) FROM {table})"
        )


def give_one_id_twice(run: Run) -> None:
    """Replace a table with a copy that has no key, and give a row the id of another one."""
    con = run.target.connection
    for mapping in _renumbered(run):
        table, key = f"main.{quoted(mapping.into.name)}", _key(mapping)
        low, high = con.execute(f"SELECT min({key}), max({key}) FROM {table}").fetchone()
        if low == high:
            continue
        con.execute(f"CREATE TEMP TABLE selftest_fault AS SELECT * FROM {table}")
        con.execute(f"DROP TABLE {table}")
        con.execute(f"CREATE TABLE {table} AS SELECT * FROM temp.selftest_fault")
        con.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (low, high))
        return
    raise not_planted(_NO_KEY)


def move_a_sentinel(run: Run) -> None:
    """Add the offset to a reference that leads to no row and has to stay."""
    first(_renumbered(run), _NO_KEY)
    con = run.target.connection
    for reference, column, offset in _shifted_references(run):
        table, name = f"main.{quoted(reference.child.into.name)}", quoted(column)
        with without_triggers(con, reference.child.into):
            change = f"UPDATE {table} SET {name} = {name} + {offset} WHERE {name} <= 0"
            if con.execute(change).rowcount:
                return
    raise not_planted("no reference to a renumbered key is at or below 0")


def leave_a_child(run: Run) -> None:
    """Give a reference its number of the source, if that leads to other values."""
    first(_renumbered(run), _NO_KEY)
    con = run.target.connection
    for reference, column, offset in _shifted_references(run):
        into, child = reference.into, reference.child
        mapping = reference.parent_mapping
        shifts = mapping.shifts if mapping else {}
        values = [new for old, new in mapping.columns if folded(old) not in shifts] if mapping else []
        if len(reference.columns) > 1 or not values:
            continue
        table, name, key = f"main.{quoted(child.into.name)}", quoted(column), quoted(into.columns[0])
        row = f"SELECT {identifier_list(values)} FROM main.{quoted(into.table.name)} AS p WHERE p.{key} = c.{name}"
        other = f"({row}) IS NOT ({row} - {offset})"
        with without_triggers(con, child.into):
            number = con.execute(f"SELECT {name} FROM {table} AS c WHERE {name} > 0 AND {other} LIMIT 1").fetchone()
            if number:
                con.execute(f"UPDATE {table} SET {name} = {name} - {offset} WHERE {name} = ?", number)
                return
    raise not_planted("no moved row refers to a renumbered row with values")


def lower_a_mark(run: Run) -> None:
    """Lower the AUTOINCREMENT mark of a renumbered table."""
    tables = (mapping.into.name for mapping in _renumbered(run) if mapping.into.autoincrement)
    name = first(tables, "no renumbered table has AUTOINCREMENT")
    run.target.connection.execute("UPDATE main.sqlite_sequence SET seq = seq - 1 WHERE name = ?", (name,))


def _renumbered(run: Run) -> Iterator[TableMapping]:
    """Yield the tables with rows whose keys have an offset."""
    for mapping in run.inspected.mappings:
        if run.inspected.rows(mapping) and any(shift.offset for shift in mapping.key_shifts.values()):
            yield mapping


def _key(mapping: TableMapping) -> str:
    return quoted(mapping.renamed[next(iter(mapping.key_shifts))])


def _shifted_references(run: Run) -> Iterator[tuple[Reference, str, int]]:
    """Yield each reference whose numbers have an offset, with its column in the target."""
    for reference in find_references(run.inspected):
        shift = reference.child.shifts.get(folded(reference.columns[0]))
        if shift and shift.offset and not shift.is_key and run.inspected.rows(reference.child):
            yield reference, target_column(reference.child, reference.columns[0]), shift.offset
