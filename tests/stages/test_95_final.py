"""Stage 95: write the record, and read everything again through new connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import FINAL

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("95-final"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(9510)
def test_record_is_written(run: Pipeline) -> None:
    """The record and the rollback instructions are written into the backup set."""
    run.perform(FINAL)


@pytest.mark.order(9515)
@pytest.mark.criterion("final-digest")
def test_target_is_as_verified(check: Check) -> None:
    """Read through a new connection, the target is what was verified before COMMIT."""
    check("final-digest")


@pytest.mark.order(9520)
@pytest.mark.criterion("record-written")
def test_backup_set_holds_the_record(check: Check) -> None:
    """Manifest, plan, record and rollback procedure are there, and the ledger says so."""
    check("record-written")
