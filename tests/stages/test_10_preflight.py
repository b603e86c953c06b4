"""Stage 10: read everything, change nothing, and name every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import PREFLIGHT

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("10-preflight"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(1010)
def test_everything_is_read(run: Pipeline) -> None:
    """Databases, code, logs and processes are read; from now on writers are kept out."""
    run.perform(PREFLIGHT)


@pytest.mark.order(1015)
@pytest.mark.criterion("plan-valid")
def test_plan_is_valid(check: Check) -> None:
    """The plan is a plan of format 1, without a mistake."""
    check("plan-valid")


@pytest.mark.order(1030)
@pytest.mark.criterion("sources-readable")
def test_sources_are_readable(check: Check) -> None:
    """Every source is there, is a database, and was read."""
    check("sources-readable")


@pytest.mark.order(1040)
@pytest.mark.criterion("integrity-before")
def test_databases_are_intact(check: Check) -> None:
    """The full integrity_check of every database says ok."""
    check("integrity-before")


@pytest.mark.order(1050)
@pytest.mark.criterion("no-other-process")
def test_no_other_process_interferes(check: Check) -> None:
    """No other process has the target or a source open or locked."""
    check("no-other-process")


@pytest.mark.order(1060)
@pytest.mark.criterion("space")
def test_disk_space_suffices(check: Check) -> None:
    """Backups, dumps and growth fit on the disk, and every folder can be written."""
    check("space")


@pytest.mark.order(1070)
@pytest.mark.criterion("nothing-left-behind")
def test_nothing_is_left_behind(check: Check) -> None:
    """Every table with rows is moved, or left with a reason that the plan states."""
    check("nothing-left-behind")


@pytest.mark.order(1080)
@pytest.mark.criterion("names-free")
def test_names_are_free(check: Check) -> None:
    """Tables, indexes, triggers and views can be created in the target."""
    check("names-free")


@pytest.mark.order(1090)
@pytest.mark.criterion("values-fit")
def test_values_fit_the_target(check: Check) -> None:
    """No type or constraint of the target changes or refuses a value."""
    check("values-fit")


@pytest.mark.order(1100)
@pytest.mark.criterion("keys-free")
def test_keys_are_free(check: Check) -> None:
    """No two rows claim one key, or the plan says which stays."""
    check("keys-free")


@pytest.mark.order(1110)
@pytest.mark.criterion("rows-as-stated")
def test_row_counts_are_as_stated(check: Check) -> None:
    """Where the plan states a number of rows, the source has it."""
    check("rows-as-stated")


@pytest.mark.order(1120)
@pytest.mark.criterion("references-found")
def test_references_are_in_the_code(check: Check) -> None:
    """Every expression to be rewritten is there once, or is rewritten already."""
    check("references-found")


@pytest.mark.order(1130)
@pytest.mark.criterion("rehearsed")
def test_rehearsal_is_recent_enough(check: Check) -> None:
    """A rehearsal of this plan on these databases passed as lately as the plan demands."""
    check("rehearsed")
