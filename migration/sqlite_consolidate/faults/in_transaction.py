"""Plant faults into the target inside the transaction, so that COMMIT is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.content.digest import DigestCache
from sqlite_consolidate.engine.sqlite.connections import pragma
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.faults import chosen_rows, derived_data, renumbering
from sqlite_consolidate.faults.database_edits import (
    change_a_value,
    drop_last_row,
    first,
    last_row_condition,
    retype,
    swap_columns,
    tables_with_rows,
)
from sqlite_consolidate.faults.fault import Fault, not_planted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.plan.model import Plan

_MAX_GROWTH = 200_000_000  # bytes by which a fault may make the target grow
_NO_ROW = "the plan moves no ordinary table with rows"


def _drop_a_table(run: Run) -> None:
    names = [mapping.into.name for mapping in run.inspected.mappings if mapping.new]
    run.target.connection.execute(f"DROP TABLE main.{quoted(first(names, 'the plan creates no table'))}")


def _drop_an_index(run: Run) -> None:
    indexes = [index.name for index in run.inspected.target_schema.before_rows if index.kind == "index"]
    run.target.connection.execute(f"DROP INDEX main.{quoted(first(indexes, 'the plan creates no index'))}")


def _add_a_table(run: Run) -> None:
    run.target.connection.execute("CREATE TABLE main.selftest_fault(x)")


def _delete_a_row(run: Run) -> None:
    drop_last_row(run.target.connection, _moved(run), _NO_ROW)


def _change_the_recorded_count(run: Run) -> None:
    """Add one to the number of rows that the run has recorded as copied."""
    stated = [
        index
        for index, copied_table in enumerate(run.target.copied_tables)
        if copied_table.mapping.table_map.rows is not None
    ]
    index = first(stated, "the plan states no number of rows")
    run.target.copied_tables[index] = replace(
        run.target.copied_tables[index], rows=run.target.copied_tables[index].rows + 1
    )


def _swap_two_columns(run: Run) -> None:
    swap_columns(run.target.connection, _moved(run), "no moved row has two values that could be swapped")


def _change_a_type(run: Run) -> None:
    retype(run.target.connection, _moved(run), "no moved row has a text or a blob that could become the other")


class _ShortenedDigests(DigestCache):
    """Compute digests that leave out the last column of each row."""

    def __call__(
        self, con: sqlite3.Connection, table: Table, *, with_rowid: bool | None = None, column: str = ""
    ) -> TableDigest:
        last = table.stored[-1]
        shorter = replace(table, columns=tuple(column for column in table.columns if column is not last))
        return super().__call__(con, shorter if shorter.stored else table, with_rowid=with_rowid, column=column)


def _shorten_the_digest(run: Run) -> None:
    first((table for table in _moved(run) if len(table.stored) > 1), "no moved table with rows has two columns")
    run.target.digests = _ShortenedDigests()


def _change_a_parent(run: Run) -> None:
    """Change a value of the rows that moved rows refer to, which stay in their place."""
    con = run.target.connection
    for reference in find_references(run.inspected):
        parent, child = reference.into, reference.child
        columns = [quoted(target_column(child, name)) for name in reference.columns]
        referred = f"SELECT {', '.join([*columns, *reference.constants])} FROM main.{quoted(child.into.name)}"
        where = f"({identifier_list(parent.columns)}) IN ({referred})"
        if change_a_value(con, parent.table, where, spared=parent.columns):
            return
    raise not_planted("no moved row refers to a row with a value that could be changed")


def _insert_a_row_twice(run: Run) -> None:
    """Insert a row of a table without a key a second time."""
    keyless = (table for table in _moved(run) if table.rowid_is_identity)
    table = first(keyless, "every moved table with rows has a key")
    names, place = identifier_list([column.name for column in table.stored]), f"main.{quoted(table.name)}"
    run.target.connection.execute(f"INSERT INTO {place} ({names}) SELECT {names} FROM {place} LIMIT 1")


def _drop_a_key(run: Run) -> None:
    """Replace a table with a copy that has no key, and insert a row twice."""
    con, table = run.target.connection, first(_moved(run), _NO_ROW)
    place = f"main.{quoted(table.name)}"
    con.execute(f"CREATE TEMP TABLE selftest_fault AS SELECT * FROM {place}")
    con.execute(f"DROP TABLE {place}")
    con.execute(f"CREATE TABLE {place} AS SELECT * FROM temp.selftest_fault")
    con.execute(f"INSERT INTO {place} SELECT * FROM temp.selftest_fault LIMIT 1")


def _add_an_orphan(run: Run) -> None:
    con = run.target.connection
    con.execute("CREATE TABLE main.selftest_parent(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE main.selftest_fault(parent REFERENCES selftest_parent(id))")
    con.execute("INSERT INTO main.selftest_fault VALUES (1)")


def _break_a_check(run: Run) -> None:
    con = run.target.connection
    con.execute("CREATE TABLE main.selftest_fault(x CHECK(x > 0))")
    con.execute("PRAGMA ignore_check_constraints=ON")
    con.execute("INSERT INTO main.selftest_fault VALUES (-1)")
    con.execute("PRAGMA ignore_check_constraints=OFF")


def _change_a_type_in_a_neighbour(run: Run) -> None:
    reason = "the target has no table of its own with a text or a blob that could become the other"
    retype(run.target.connection, _neighbours(run), reason)


def _delete_a_row_of_a_neighbour(run: Run) -> None:
    drop_last_row(run.target.connection, _neighbours(run), "the target has no table of its own with rows")


def _change_the_version(run: Run) -> None:
    if run.inspected.target is None:
        raise not_planted("there was no target before the run")
    now = int(str(pragma(run.target.connection, "user_version")))
    run.target.connection.execute(f"PRAGMA main.user_version={now + 1}")


def _drop_a_trigger(run: Run) -> None:
    triggers = run.inspected.target_schema.schema.triggers
    name = first(triggers, "neither the target nor a moved table has a trigger").name
    run.target.connection.execute(f"DROP TRIGGER main.{quoted(name)}")


def _add_a_view(run: Run) -> None:
    run.target.connection.execute("CREATE VIEW main.selftest_fault AS SELECT 1")


def _grow_the_target(run: Run) -> None:
    """Make the target four times as large as it and the sources were together."""
    preflight = run.inspected
    tables = preflight.target_schema.schema.tables.values()
    objects = len(tables) + sum(len(table.indexes) for table in tables)
    bytes_before = sum(database.size for database in preflight.sources.values()) + (
        preflight.target.size if preflight.target else 0
    )
    size = 4 * bytes_before + (64 + objects) * 65536
    if size > _MAX_GROWTH:
        raise not_planted(f"the target would have to grow by {size // 1_000_000} MB")
    run.target.connection.execute("CREATE TABLE main.selftest_fault AS SELECT zeroblob(?) AS x", (size,))


def _change_a_constant(run: Run) -> None:
    """Set the constant of one row to another value."""
    con = run.target.connection
    for mapping in (copied_table.mapping for copied_table in run.target.copied_tables if copied_table.inserted):
        for table in tables_with_rows(con, [mapping.into.name]):
            for name, literal in mapping.stated_constants.items():
                spared = [column.name for column in table.stored if column.name != name]
                if change_a_value(con, table, last_row_condition(table, f"{quoted(name)} IS {literal}"), spared):
                    return
    raise not_planted("no moved row has a constant that could be changed")


def constant_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the fault of a plan that states a constant."""
    stated = any(source.constants for source in plan.sources)
    return (Fault.in_run("rows-exact", "the constant of one row is another value", _change_a_constant),) * stated


def _moved(run: Run) -> Iterator[Table]:
    """Yield the tables that received rows and have rows now."""
    names = dict.fromkeys(
        copied_table.mapping.into.name for copied_table in run.target.copied_tables if copied_table.inserted
    )
    return tables_with_rows(run.target.connection, names)


def _neighbours(run: Run) -> Iterator[Table]:
    """Yield the tables with rows that existed before and received none."""
    target = run.inspected.target
    receiving = {folded(mapping.into.name) for mapping in run.inspected.mappings}
    names = [name for name in (target.digests if target else ()) if folded(name) not in receiving]
    return tables_with_rows(run.target.connection, names)


TRANSACTION_FAULTS = (
    Fault.in_run("tables-created", "a planned table is missing", _drop_a_table),
    Fault.in_run("indexes-created", "a planned index is missing", _drop_an_index),
    Fault.in_run("schema-as-planned", "the target has a table that is not planned", _add_a_table),
    Fault.in_run("rows-counted", "a row is deleted after the copy", _delete_a_row),
    Fault.in_run("rows-expected", "another number of rows was copied", _change_the_recorded_count),
    Fault.in_run("rows-exact", "two columns are swapped in one row", _swap_two_columns),
    Fault.in_run("rows-exact", "a value has another type and the same bytes", _change_a_type),
    Fault.in_run("rows-exact", "the AUTOINCREMENT mark of new keys is too low", renumbering.lower_a_mark),
    Fault.in_run("rows-exact", "the digest of what arrived leaves out a column", _shorten_the_digest),
    Fault.in_run("rows-chosen", "a row that where leaves behind was moved", chosen_rows.move_a_left_row),
    Fault.in_run("rows-chosen", "a row that had to move was left behind", chosen_rows.leave_a_row),
    Fault.in_run("keys-mapped", "the offset of one row is off by one", renumbering.change_a_key),
    Fault.in_run("keys-mapped", "two rows have one id", renumbering.give_one_id_twice),
    Fault.in_run("keys-mapped", "a reference to no row has an offset", renumbering.move_a_sentinel),
    Fault.in_run("references-kept", "a child refers to the old id of its parent", renumbering.leave_a_child),
    Fault.in_run("references-kept", "a row that moved rows refer to has another value", _change_a_parent),
    Fault.in_run("no-duplicates", "a row without a key exists twice", _insert_a_row_twice),
    Fault.in_run("no-duplicates", "a table has lost its key and a row exists twice", _drop_a_key),
    Fault.in_run("foreign-keys", "a row refers to no parent", _add_an_orphan),
    Fault.in_run("integrity", "a CHECK is violated", _break_a_check),
    Fault.in_run("neighbours-unchanged", "a neighbour's value has another type", _change_a_type_in_a_neighbour),
    Fault.in_run("neighbours-unchanged", "a row of a neighbour is deleted", _delete_a_row_of_a_neighbour),
    Fault.in_run("neighbours-unchanged", "the user_version of the target is changed", _change_the_version),
    Fault.in_run("neighbours-unchanged", "a refresh has changed another column", derived_data.change_another_column),
    Fault.in_run("triggers-in-place", "a trigger is dropped", _drop_a_trigger),
    Fault.in_run("triggers-in-place", "the target has a view that is not planned", _add_a_view),
    Fault.in_run("derived-right", "a value that was set again is another one", derived_data.change_a_sum),
    Fault.in_run("derived-right", "a column was not set again", derived_data.skip_a_refresh),
    Fault.in_run("derived-right", "a search index lacks one document", derived_data.remove_a_document),
    Fault.in_run("derived-right", "a search index was not rebuilt", derived_data.empty_an_index),
    Fault.in_run("size-reasonable", "the target has grown too large", _grow_the_target),
)
