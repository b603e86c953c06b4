"""Faults of the target inside the run's one transaction: what is refused before COMMIT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.engine.connections import pragma
from migration.engine.reading import Reading
from migration.engine.sql import folded, listed, quoted
from migration.selftest.fault import Fault, NotPlantedError
from migration.selftest.meddling import drop_last_row, filled, first, retype, swap_columns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from migration.engine.digest import TableDigest
    from migration.engine.schema import Table
    from migration.selftest.fault import Scene

_LARGEST = 200_000_000  # bytes that a target may grow by for the sake of a fault
_NO_ROW = "the plan moves no ordinary table with rows"


def _lose_a_table(scene: Scene) -> None:
    names = [move.into.name for move in scene.run.found.moves if move.new]
    scene.run.connection.execute(f"DROP TABLE main.{quoted(first(names, 'the plan creates no table'))}")


def _lose_an_index(scene: Scene) -> None:
    indexes = [one.name for one in scene.run.found.future.early if one.kind == "index"]
    scene.run.connection.execute(f"DROP INDEX main.{quoted(first(indexes, 'the plan creates no index'))}")


def _add_a_table(scene: Scene) -> None:
    scene.run.connection.execute("CREATE TABLE main.selftest_fault(x)")


def _lose_a_row(scene: Scene) -> None:
    drop_last_row(scene.run.connection, _moved(scene), _NO_ROW)


def _state_another_count(scene: Scene) -> None:
    """Let the run believe that it has moved one row more than it has."""
    stated = [at for at, one in enumerate(scene.run.done) if one.move.map.rows is not None]
    at = first(stated, "the plan states no number of rows")
    scene.run.done[at] = replace(scene.run.done[at], rows=scene.run.done[at].rows + 1)


def _swap(scene: Scene) -> None:
    swap_columns(scene.run.connection, _moved(scene), "no moved row has two values that could be swapped")


def _retype(scene: Scene) -> None:
    retype(scene.run.connection, _moved(scene), "no moved row has a text or a blob that could become the other")


class _Shortened(Reading):
    """Digests that leave out the last column of each row."""

    def __call__(self, con: sqlite3.Connection, table: Table, *, with_rowid: bool | None = None) -> TableDigest:
        last = table.stored[-1]
        shorter = replace(table, columns=tuple(column for column in table.columns if column is not last))
        return super().__call__(con, shorter if shorter.stored else table, with_rowid=with_rowid)


def _shorten_the_digest(scene: Scene) -> None:
    first((table for table in _moved(scene) if len(table.stored) > 1), "no moved table with rows has two columns")
    scene.run.digest = _Shortened()


def _double_a_row(scene: Scene) -> None:
    """Let a table without a key have a row twice."""
    keyless = (table for table in _moved(scene) if table.rowid_is_identity)
    table = first(keyless, "every moved table with rows has a key")
    names, place = listed([column.name for column in table.stored]), f"main.{quoted(table.name)}"
    scene.run.connection.execute(f"INSERT INTO {place} ({names}) SELECT {names} FROM {place} LIMIT 1")


def _lose_a_key(scene: Scene) -> None:
    """Let a table have lost its key, and have a row twice."""
    con, table = scene.run.connection, first(_moved(scene), _NO_ROW)
    place = f"main.{quoted(table.name)}"
    con.execute(f"CREATE TEMP TABLE selftest_fault AS SELECT * FROM {place}")
    con.execute(f"DROP TABLE {place}")
    con.execute(f"CREATE TABLE {place} AS SELECT * FROM temp.selftest_fault")
    con.execute(f"INSERT INTO {place} SELECT * FROM temp.selftest_fault LIMIT 1")


def _orphan(scene: Scene) -> None:
    con = scene.run.connection
    con.execute("CREATE TABLE main.selftest_parent(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE main.selftest_fault(parent REFERENCES selftest_parent(id))")
    con.execute("INSERT INTO main.selftest_fault VALUES (1)")


def _break_a_check(scene: Scene) -> None:
    con = scene.run.connection
    con.execute("CREATE TABLE main.selftest_fault(x CHECK(x > 0))")
    con.execute("PRAGMA ignore_check_constraints=ON")
    con.execute("INSERT INTO main.selftest_fault VALUES (-1)")
    con.execute("PRAGMA ignore_check_constraints=OFF")


def _retype_a_neighbour(scene: Scene) -> None:
    lacking = "the target has no table of its own with a text or a blob that could become the other"
    retype(scene.run.connection, _neighbours(scene), lacking)


def _lose_a_neighbours_row(scene: Scene) -> None:
    drop_last_row(scene.run.connection, _neighbours(scene), "the target has no table of its own with rows")


def _change_the_version(scene: Scene) -> None:
    if scene.run.found.target is None:
        raise NotPlantedError("there was no target before the run")
    now = int(str(pragma(scene.run.connection, "user_version")))
    scene.run.connection.execute(f"PRAGMA main.user_version={now + 1}")


def _lose_a_trigger(scene: Scene) -> None:
    triggers = scene.run.found.future.schema.triggers
    name = first(triggers, "neither the target nor a moved table has a trigger").name
    scene.run.connection.execute(f"DROP TRIGGER main.{quoted(name)}")


def _add_a_view(scene: Scene) -> None:
    scene.run.connection.execute("CREATE VIEW main.selftest_fault AS SELECT 1")


def _swell(scene: Scene) -> None:
    """Let the target hold four times what it held and the sources together."""
    found = scene.run.found
    tables = found.future.schema.tables.values()
    objects = len(tables) + sum(len(table.indexes) for table in tables)
    held = sum(facts.size for facts in found.sources.values()) + (found.target.size if found.target else 0)
    size = 4 * held + (64 + objects) * 65536
    if size > _LARGEST:
        raise NotPlantedError(f"the target would have to grow by {size // 1_000_000} MB")
    scene.run.connection.execute("CREATE TABLE main.selftest_fault AS SELECT zeroblob(?) AS x", (size,))


def _moved(scene: Scene) -> Iterator[Table]:
    """Yield the tables that something was moved into, as they are now in the target, if they have rows."""
    names = dict.fromkeys(one.move.into.name for one in scene.run.done if one.inserted)
    return filled(scene.run.connection, names)


def _neighbours(scene: Scene) -> Iterator[Table]:
    """Yield the tables that the target had before and nothing was moved into, if they have rows."""
    target = scene.run.found.target
    receiving = {folded(move.into.name) for move in scene.run.found.moves}
    names = [name for name in (target.digests if target else ()) if folded(name) not in receiving]
    return filled(scene.run.connection, names)


_EXACT = "test_the_target_is_read_before_commit"
_NEIGHBOURS = "test_every_table_the_target_had_before_is_unchanged"
_TRIGGERS = "test_triggers_and_views_are_in_place"
_TWICE = "test_no_row_is_there_twice"

TARGET = (
    Fault("tables-created", "a table is not there", _lose_a_table, at="test_all_planned_tables_exist"),
    Fault(
        "indexes-created",
        "an index is not there",
        _lose_an_index,
        at="test_all_planned_indexes_exist_on_their_own_tables",
    ),
    Fault(
        "schema-as-planned", "a table is there that nobody planned", _add_a_table, at="test_the_schema_is_as_planned"
    ),
    Fault("rows-counted", "a row is lost after the copy", _lose_a_row, at="test_all_record_counts_match"),
    Fault(
        "rows-expected",
        "another number of rows was moved",
        _state_another_count,
        at="test_the_counts_are_those_of_the_plan",
    ),
    Fault("rows-exact", "two columns are swapped in one row", _swap, at=_EXACT),
    Fault("rows-exact", "a value has another type, and the same bytes", _retype, at=_EXACT),
    Fault("rows-exact", "the digest of what arrived leaves out a column", _shorten_the_digest, at=_EXACT),
    Fault("no-duplicates", "a row without a key is there twice", _double_a_row, at=_TWICE),
    Fault("no-duplicates", "a table has lost its key, and a row is there twice", _lose_a_key, at=_TWICE),
    Fault("foreign-keys", "a row points at nothing", _orphan, at="test_no_foreign_key_points_at_nothing"),
    Fault("integrity", "a CHECK is violated", _break_a_check, at="test_the_target_is_intact"),
    Fault("neighbours-unchanged", "a neighbour's value has another type", _retype_a_neighbour, at=_NEIGHBOURS),
    Fault("neighbours-unchanged", "a neighbour has lost a row", _lose_a_neighbours_row, at=_NEIGHBOURS),
    Fault("neighbours-unchanged", "the target's user_version is another", _change_the_version, at=_NEIGHBOURS),
    Fault("triggers-in-place", "a trigger is lost", _lose_a_trigger, at=_TRIGGERS),
    Fault("triggers-in-place", "a view is there that nobody planned", _add_a_view, at=_TRIGGERS),
    Fault("size-reasonable", "the target has swollen", _swell, at="test_the_size_is_reasonable"),
)
