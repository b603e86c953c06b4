"""Check the target: inside the transaction, before COMMIT, or by the originals of a consolidation that others made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks import compare, compare_structure
from sqlite_consolidate.engine.sqlite.connections import pragma

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sqlite_consolidate.engine.checks.compare import TargetComparison
    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.plan.model import Plan

    class Compares(Protocol):
        """A run that holds a target against what it was to be."""

        plan: Plan
        log: RunLog
        on_progress: Callable[[str], None]

        @property
        def compared(self) -> TargetComparison:
            """The target as it is now, and what it was to be."""


def tables_created(run: Compares) -> list[Observation]:
    """Observe that each table that the plan names is in the target, with its columns."""
    return compare_structure.tables_created(run.compared, run.plan)


def indexes_created(run: Compares) -> list[Observation]:
    """Observe that each planned index is on its own table."""
    return compare_structure.indexes_created(run.compared)


def schema_as_planned(run: Compares) -> list[Observation]:
    """Observe that each table is as planned, with all that it declares, and that no other is there."""
    return compare_structure.schema_as_planned(run.compared)


def rows_counted(run: Compares) -> list[Observation]:
    """Observe that the target has gained the rows of each table that the sources have."""
    return compare.rows_counted(run.compared)


def rows_expected(run: Compares) -> list[Observation]:
    """Observe that the counts are those that the plan states, where it states one."""
    return compare.rows_expected(run.compared)


def rows_exact(run: Compares) -> list[Observation]:
    """Observe that values, storage classes, bytes, multiplicity and AUTOINCREMENT marks arrived."""
    compared = run.compared
    return [*compare.rows_exact(compared), *compare.marks_carried(compared)]


def no_duplicates(run: Compares) -> list[Observation]:
    """Observe that no key is there twice, and equal rows without a key are as many as the sources have."""
    return compare.no_duplicates(run.compared)


def foreign_keys(run: Compares) -> list[Observation]:
    """Observe that no row lacks a parent that it had."""
    return compare.foreign_keys(run.compared)


def integrity(run: Compares) -> list[Observation]:
    """Observe that SQLite's full integrity_check says ok."""
    run.on_progress("checking the integrity of the target")
    return compare.integrity(run.compared.con)


def neighbours_unchanged(run: Compares) -> list[Observation]:
    """Observe that each table into which nothing was moved is as it was; rows changed since are a finding."""
    seen = compare.neighbours(run.compared)
    run.log.note(
        *(
            compare.changed_neighbour_finding(run.compared, neighbour)
            for neighbour in seen
            if neighbour.holds and neighbour.changed_since
        )
    )
    return seen


def triggers_in_place(run: Compares) -> list[Observation]:
    """Observe that the triggers and views of the target and of the moved tables are there."""
    return compare_structure.triggers_in_place(run.compared)


def size_reasonable(run: Compares) -> list[Observation]:
    """Observe that the target has grown by about what was moved."""
    con = run.compared.con
    size = int(str(pragma(con, "page_count"))) * int(str(pragma(con, "page_size")))
    return compare.size_reasonable(size, run.compared.inspected)


CHECKS = {
    "tables-created": tables_created,
    "indexes-created": indexes_created,
    "schema-as-planned": schema_as_planned,
    "rows-counted": rows_counted,
    "rows-expected": rows_expected,
    "rows-exact": rows_exact,
    "no-duplicates": no_duplicates,
    "foreign-keys": foreign_keys,
    "integrity": integrity,
    "neighbours-unchanged": neighbours_unchanged,
    "triggers-in-place": triggers_in_place,
    "size-reasonable": size_reasonable,
}
"""Criterion to its check."""
