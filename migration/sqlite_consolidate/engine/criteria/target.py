"""Check the target inside the transaction before COMMIT.

The same checks judge a consolidation of another tool by its originals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.chosen import rows_chosen as chosen
from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure, compare_triggers
from sqlite_consolidate.engine.checks.derived import derived_right as derived
from sqlite_consolidate.engine.checks.references import references_kept as references
from sqlite_consolidate.engine.checks.renumbering import keys_mapped as mapped
from sqlite_consolidate.engine.content.inspection import pages_finding
from sqlite_consolidate.engine.sqlite.connections import pragma

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.plan.model import Plan

    class Compares(Protocol):
        """Describe a run that compares a target with its planned state."""

        plan: Plan
        log: RunLog
        on_progress: Callable[[str], None]

        @property
        def compared(self) -> TargetComparison:
            """Return the target with its planned state."""


def tables_created(run: Compares) -> list[Observation]:
    """Observe that each table of the plan is in the target with its columns."""
    return compare_structure.tables_created(run.compared, run.plan)


def indexes_created(run: Compares) -> list[Observation]:
    """Observe that each planned index is on its table."""
    return compare_structure.indexes_created(run.compared)


def schema_as_planned(run: Compares) -> list[Observation]:
    """Observe that each table is declared as planned.

    The target must have no other table.
    """
    return compare_structure.schema_as_planned(run.compared)


def rows_counted(run: Compares) -> list[Observation]:
    """Observe that each table has gained the rows that the sources have."""
    return compare.rows_counted(run.compared)


def rows_expected(run: Compares) -> list[Observation]:
    """Observe that the counts are those that the plan states, if any."""
    return compare.rows_expected(run.compared)


def rows_exact(run: Compares) -> list[Observation]:
    """Observe that values, types, bytes, multiplicity and AUTOINCREMENT values are equal."""
    compared = run.compared
    return [*compare.rows_exact(compared), *compare.marks_carried(compared)]


def keys_mapped(run: Compares) -> Iterator[Observation]:
    """Observe that new keys are above all that were taken, and that references follow."""
    return mapped.keys_mapped(run.compared)


def rows_chosen(run: Compares) -> list[Observation]:
    """Observe that the rows that moved are exactly those that the plan chooses."""
    return chosen.rows_chosen(run.compared)


def references_kept(run: Compares) -> list[Observation]:
    """Observe that each moved row reaches the row that its parent became."""
    return references.references_kept(run.compared)


def no_duplicates(run: Compares) -> list[Observation]:
    """Observe that no key occurs twice.

    Equal rows without a key must be as many as in the sources.
    """
    return compare.no_duplicates(run.compared)


def foreign_keys(run: Compares) -> list[Observation]:
    """Observe that no row lacks a parent that it had."""
    return compare.foreign_keys(run.compared)


def integrity(run: Compares) -> list[Observation]:
    """Observe that SQLite's full integrity_check returns ok.

    Where the page reader has compared each index with its rows, SQLite proves the rest. That is a finding.
    """
    run.on_progress("checking the integrity of the target")
    compared = run.compared
    if compared.damage is not None:
        run.log.note(pages_finding(run.plan.target))
    return compare.integrity(compared.con, compared.damage, compared.checked)


def neighbours_unchanged(run: Compares) -> list[Observation]:
    """Observe that each table into which no row was moved is unchanged.

    Rows that were changed after the consolidation are a finding.
    """
    observations = compare_neighbours.neighbours(run.compared)
    run.log.note(
        *(
            compare_neighbours.changed_neighbour_finding(run.compared, neighbour)
            for neighbour in observations
            if neighbour.holds and neighbour.changed_since
        )
    )
    return observations


def triggers_in_place(run: Compares) -> list[Observation]:
    """Observe that the triggers and views of the target and of the moved tables exist."""
    return compare_triggers.triggers_in_place(run.compared)


def derived_right(run: Compares) -> list[Observation]:
    """Observe that each rebuilt index agrees with its content."""
    return derived.derived_right(run.compared)


def size_reasonable(run: Compares) -> list[Observation]:
    """Observe that the target has grown by about the size of the moved rows."""
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
    "rows-chosen": rows_chosen,
    "keys-mapped": keys_mapped,
    "references-kept": references_kept,
    "no-duplicates": no_duplicates,
    "foreign-keys": foreign_keys,
    "integrity": integrity,
    "neighbours-unchanged": neighbours_unchanged,
    "triggers-in-place": triggers_in_place,
    "derived-right": derived_right,
    "size-reasonable": size_reasonable,
}
"""Check of each criterion, by criterion id."""
