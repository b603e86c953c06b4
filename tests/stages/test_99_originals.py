"""Stage 99: judge a consolidation that others made by the databases it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import ORIGINALS

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("99-originals"), pytest.mark.verify]


@pytest.mark.order(9905)
def test_originals_and_target_are_read(run: Pipeline) -> None:
    """Originals and target are copied to a private folder and read."""
    run.perform(ORIGINALS)


@pytest.mark.order(9910)
@pytest.mark.criterion("plan-valid")
def test_plan_fits_the_originals(check: Check) -> None:
    """The plan is valid, and the originals are what it names."""
    check("plan-valid")


@pytest.mark.order(9913)
@pytest.mark.criterion("tables-created")
def test_planned_tables_exist(check: Check) -> None:
    """Every table that the plan names is in the target."""
    check("tables-created")


@pytest.mark.order(9916)
@pytest.mark.criterion("indexes-created")
def test_planned_indexes_exist(check: Check) -> None:
    """Every planned index has its like on the same table, whatever its name."""
    check("indexes-created")


@pytest.mark.order(9919)
@pytest.mark.criterion("schema-as-planned")
def test_schema_is_as_planned(check: Check) -> None:
    """Each table declares what was planned, in whatever words, and no table is unplanned."""
    check("schema-as-planned")


@pytest.mark.order(9922)
@pytest.mark.criterion("rows-counted")
def test_rows_have_arrived(check: Check) -> None:
    """Each row of the originals is in the target, by its key or by its content."""
    check("rows-counted")


@pytest.mark.order(9925)
@pytest.mark.criterion("rows-exact")
def test_rows_are_exact_or_changed_since(check: Check) -> None:
    """What arrived is as it was, AUTOINCREMENT marks as well; rows changed since are counted."""
    check("rows-exact")


@pytest.mark.order(9928)
@pytest.mark.criterion("no-duplicates")
def test_no_row_is_duplicated(check: Check) -> None:
    """No row of an original is in the target more often than it was."""
    check("no-duplicates")


@pytest.mark.order(9931)
@pytest.mark.criterion("foreign-keys")
def test_foreign_keys_hold(check: Check) -> None:
    """The foreign_key_check finds nothing that it would not have found in the originals."""
    check("foreign-keys")


@pytest.mark.order(9934)
@pytest.mark.criterion("integrity")
def test_target_is_intact(check: Check) -> None:
    """The full integrity_check says ok."""
    check("integrity")


@pytest.mark.order(9937)
@pytest.mark.criterion("neighbours-unchanged")
def test_neighbours_are_still_there(check: Check) -> None:
    """Every table that the original target had is there with all that it declares."""
    check("neighbours-unchanged")


@pytest.mark.order(9940)
@pytest.mark.criterion("triggers-in-place")
def test_triggers_are_in_place(check: Check) -> None:
    """Each trigger and view that target and moved tables had is in the target."""
    check("triggers-in-place")


@pytest.mark.order(9943)
@pytest.mark.criterion("references-updated")
def test_code_uses_the_target(check: Check) -> None:
    """Each expression of the plan is gone from the code, and its replacement is there."""
    check("references-updated")


@pytest.mark.order(9946)
@pytest.mark.criterion("no-stale-references")
def test_no_stale_reference_is_left(check: Check) -> None:
    """Nothing in the scanned trees names an original database."""
    check("no-stale-references")


def test_each_application_works(check: Check, application: tuple[str, ...]) -> None:
    """The application works on a copy of target and code."""
    check(*application)
