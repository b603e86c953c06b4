"""Check the target inside the transaction, before COMMIT."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from migration.engine import compare, schema
from migration.engine.connections import pragma

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.engine.observation import Observation
    from migration.engine.row_differences import RowDifferences
    from migration.engine.run import Run
    from migration.engine.schema import Schema


def tables_created(run: Run) -> list[Observation]:
    """Observe that each table that the plan names is in the target, with its columns."""
    absent = [source.name for source in run.plan.sources if source.name not in run.found.sources]
    return compare.tables_created(_schema(run), run.found.future, run.plan, absent)


def indexes_created(run: Run) -> list[Observation]:
    """Observe that each planned index is on its own table."""
    return compare.indexes_created(_schema(run), run.found.future.early)


def schema_as_planned(run: Run) -> list[Observation]:
    """Observe that each table is as planned, column by column, and that no other is there."""
    return compare.schema_as_foretold(_schema(run), run.found.future)


def rows_counted(run: Run) -> list[Observation]:
    """Observe that the target has gained as many rows of each table as the sources have."""
    return compare.rows_counted(run.target.connection, run.target.own, run.target.done, _explain(run))


def rows_expected(run: Run) -> list[Observation]:
    """Observe that the counts are those that the plan states, where it states one."""
    return compare.rows_expected(run.target.done)


def rows_exact(run: Run) -> list[Observation]:
    """Observe that values, storage classes, bytes, multiplicity and AUTOINCREMENT marks arrived."""
    target = run.target
    return [
        *compare.rows_exact(target.connection, target.own, target.done, target.digest, _explain(run)),
        *compare.marks_carried(target.connection, run.found),
    ]


def no_duplicates(run: Run) -> list[Observation]:
    """Observe that no key is there twice, and equal rows without a key are as many as the sources have."""
    return compare.no_duplicates(run.target.connection, run.target.own, run.target.done, _explain(run))


def foreign_keys(run: Run) -> list[Observation]:
    """Observe that no row lacks a parent that it had."""
    return compare.foreign_keys(run.target.connection, run.found)


def integrity(run: Run) -> list[Observation]:
    """Observe that SQLite's full integrity_check says ok."""
    run.say("checking the integrity of the target")
    return compare.integrity(run.target.connection)


def neighbours_unchanged(run: Run) -> list[Observation]:
    """Observe that each table into which nothing was moved has the statement and the digest it had."""
    return compare.neighbours(run.target.connection, run.found, run.target.digest, _explain(run))


def triggers_in_place(run: Run) -> list[Observation]:
    """Observe that the triggers and views of the target and of the moved tables are there to the letter."""
    return compare.triggers_in_place(run.target.connection, run.found)


def size_reasonable(run: Run) -> list[Observation]:
    """Observe that the target has grown by about what was moved."""
    con = run.target.connection
    size = int(str(pragma(con, "page_count"))) * int(str(pragma(con, "page_size")))
    return compare.size_reasonable(size, run.found)


def _explain(run: Run) -> Callable[[str], RowDifferences | None]:
    return partial(run.rows_before.table_in, run.target.connection)


def _schema(run: Run) -> Schema:
    return schema.read(run.target.connection)
