"""Stage 30: create tables and indexes in the target, inside the one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import SCHEMA

if TYPE_CHECKING:
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("30-schema"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(3010)
def test_schema_is_created(target: Run) -> None:
    """The transaction is open, alone on the target, and holds the planned tables and indexes."""
    target.perform(SCHEMA)


@pytest.mark.order(3020)
@pytest.mark.criterion("tables-created")
def test_planned_tables_exist(check: Check) -> None:
    """Every table that the plan names is in the target, with its columns."""
    check("tables-created")


@pytest.mark.order(3030)
@pytest.mark.criterion("indexes-created")
def test_planned_indexes_exist(check: Check) -> None:
    """Every planned index is on its own table."""
    check("indexes-created")


@pytest.mark.order(3040)
@pytest.mark.criterion("schema-as-planned")
def test_schema_is_as_planned(check: Check) -> None:
    """Each table is as planned, column by column, and no other is there."""
    check("schema-as-planned")
