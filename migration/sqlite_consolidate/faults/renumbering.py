"""Plant faults into renumbered keys and what refers to them, inside the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.checks.references.references_kept import pairs_by_content
from sqlite_consolidate.engine.merge.rows.key_shift import ConditionalShift
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.faults.database_edits import first, without_triggers
from sqlite_consolidate.faults.fault import Fault, not_planted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.plan.model import Plan

NO_CONTENT = "no reference with new numbers is proved by the content of the parent"
"""Why no child can be left at an old id."""
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
    _move_a_sentinel(run, is_stated=False)


def leave_a_child(run: Run) -> None:
    """Give a reference its number of the source, if that leads to other values."""
    _leave_a_child(run, is_stated=False)


def stated_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the faults of a plan that renumbers keys and states references."""
    tables = [(source, table) for source in plan.sources for table in source.tables]
    is_renumbered = any(source.keys_of(table) == "renumber" or table.renumber for source, table in tables)
    if not is_renumbered or not any(table.refers for _, table in tables):
        return ()
    return (
        Fault.in_run("keys-mapped", "a stated reference is off by one", _shift_a_stated_child),
        Fault.in_run("keys-mapped", "a stated reference to no row has an offset", _move_a_stated_sentinel),
        Fault.in_run("references-kept", "a stated reference leads to the old id", _leave_a_stated_child),
    )


def none_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the fault of a plan that names numbers which stand for no row."""
    if not any(table.none for source in plan.sources for table in source.tables):
        return ()
    return (Fault.in_run("keys-mapped", "a number of none has an offset", _move_a_number_of_none),)


def _move_a_number_of_none(run: Run) -> None:
    """Add the offset to a reference whose number the plan names as no row."""
    for is_stated in (False, True):
        for shifted in _shifted_references(run, is_stated=is_stated):
            none = ", ".join(map(str, shifted.reference.child.table_map.none))
            if shifted.change(f"+ {shifted.offset}", f"{shifted.name} IN ({none})"):
                return
    raise not_planted("no moved row refers to a renumbered key by a number of none")


def _shift_a_stated_child(run: Run) -> None:
    """Add one to a reference that the plan states."""
    for shifted in _shifted_references(run, is_stated=True):
        if shifted.change("+ 1", f"{shifted.name} > 0"):
            return
    raise not_planted("no moved row refers to a renumbered row by a stated reference")


def _move_a_stated_sentinel(run: Run) -> None:
    _move_a_sentinel(run, is_stated=True)


def _leave_a_stated_child(run: Run) -> None:
    _leave_a_child(run, is_stated=True)


def _move_a_sentinel(run: Run, *, is_stated: bool) -> None:
    first(_renumbered(run), _NO_KEY)
    for shifted in _shifted_references(run, is_stated=is_stated):
        if shifted.change(f"+ {shifted.offset}", f"{shifted.name} <= 0"):
            return
    raise not_planted("no reference to a renumbered key is at or below 0")


def _leave_a_child(run: Run, *, is_stated: bool) -> None:
    first(_renumbered(run), _NO_KEY)
    groups = list(pairs_by_content(run.compared))
    for shifted in _shifted_references(run, is_stated=is_stated):
        reference = shifted.reference
        values = next((pairs.of_parent for pairs in groups if reference in pairs.group), None)
        if len(reference.columns) > 1 or not values:
            continue
        name, old = shifted.name, f"{shifted.name} - {shifted.offset}"
        parents_differ = f"{parent_values(reference, values, name)} IS NOT {parent_values(reference, values, old)}"
        if shifted.change(f"- {shifted.offset}", f"{name} > 0 AND {parents_differ}"):
            return
    raise not_planted(NO_CONTENT)


def parent_values(reference: Reference, columns: list[str], number: str) -> str:
    """Return the SQL of values of the row of the target that a number refers to.

    Args:
        reference: The reference, of one column.
        columns: Columns of the referred table.
        number: SQL of the number.
    """
    key, table = quoted(reference.into.columns[0]), quoted(reference.into.table.name)
    return f"(SELECT {identifier_list(columns)} FROM main.{table} AS p WHERE p.{key} = {number})"


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


@dataclass(frozen=True)
class _Shifted:
    """Hold a reference whose numbers have an offset.

    Attributes:
        column: Its column in the target.
    """

    con: sqlite3.Connection
    reference: Reference
    column: str
    offset: int

    @property
    def name(self) -> str:
        """Return the SQL of the referring value in the row ``c``."""
        return f"c.{quoted(self.column)}"

    def change(self, change: str, where: str) -> bool:
        """Change the number of one value of the target, if a row with it refers to the key.

        Args:
            change: SQL after the value.
            where: Condition on the row ``c`` of the target.
        """
        child = self.reference.child
        table = f"main.{quoted(child.into.name)}"
        when = f" AND {self.reference.when.renamed(child.renamed).over('c')}" if self.reference.when else ""
        with without_triggers(self.con, child.into):
            query = f"SELECT {self.name} FROM {table} AS c WHERE ({where}){when} ORDER BY 1 DESC LIMIT 1"
            number = self.con.execute(query).fetchone()
            if number:
                value = quoted(self.column)
                edit = f"UPDATE {table} AS c SET {value} = {value} {change} WHERE {self.name} = ?{when}"
                self.con.execute(edit, number)
        return bool(number)


def _shifted_references(run: Run, *, is_stated: bool) -> Iterator[_Shifted]:
    """Yield each reference whose numbers have an offset."""
    for reference in find_references(run.inspected):
        shift = reference.child.shifts.get(folded(reference.columns[0]))
        if isinstance(shift, ConditionalShift):
            shift = next((each for when, each in shift.cases if when == reference.when), None)
        has_rows = reference.child.into.kind == "table" and run.inspected.rows(reference.child)
        is_followed = has_rows and shift and shift.offset and not shift.is_key
        if shift and is_followed and reference.is_stated == is_stated:
            column = target_column(reference.child, reference.columns[0])
            yield _Shifted(run.target.connection, reference, column, shift.offset)
