"""Stage 50: compare everything before COMMIT, inside the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import VERIFY

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("50-verify"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(5010)
def test_target_is_read(run: Pipeline) -> None:
    """Every table of the target is digested as COMMIT would leave it."""
    run.perform(VERIFY)


@pytest.mark.order(5020)
@pytest.mark.criterion("rows-exact")
def test_rows_arrived_exactly(check: Check) -> None:
    """Values, storage classes, bytes and multiplicity are those of the sources."""
    check("rows-exact")


@pytest.mark.order(5030)
@pytest.mark.criterion("no-duplicates")
def test_no_row_is_duplicated(check: Check) -> None:
    """No key is there twice, and equal rows without a key are as many as before."""
    check("no-duplicates")


@pytest.mark.order(5040)
@pytest.mark.criterion("foreign-keys")
def test_foreign_keys_hold(check: Check) -> None:
    """The foreign_key_check finds nothing that was not so in the sources."""
    check("foreign-keys")


@pytest.mark.order(5050)
@pytest.mark.criterion("integrity")
def test_target_is_intact(check: Check) -> None:
    """The full integrity_check says ok."""
    check("integrity")


@pytest.mark.order(5060)
@pytest.mark.criterion("neighbours-unchanged")
def test_neighbours_are_unchanged(check: Check) -> None:
    """Tables into which nothing was moved have the statement and the digest they had."""
    check("neighbours-unchanged")


@pytest.mark.order(5070)
@pytest.mark.criterion("triggers-in-place")
def test_triggers_and_views_are_in_place(check: Check) -> None:
    """Triggers and views are there to the letter."""
    check("triggers-in-place")


@pytest.mark.order(5080)
@pytest.mark.criterion("size-reasonable")
def test_size_is_reasonable(check: Check) -> None:
    """The target has grown by about what was moved."""
    check("size-reasonable")
