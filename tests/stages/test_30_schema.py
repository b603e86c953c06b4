"""Stage 30: tables and indexes in the target, inside the one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import compare, schema

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder

pytestmark = [pytest.mark.stage("30-schema"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(3010)
def test_tables_and_indexes_are_created(target: Run) -> None:
    """The one transaction is open, alone on the target, and holds the planned tables and indexes."""
    target.create_schema()

    assert target.connection.in_transaction


@pytest.mark.order(3020)
@pytest.mark.criterion("tables-created")
def test_all_planned_tables_exist(target: Run, evidence: Recorder) -> None:
    """Every table that the plan names is in the target, with its columns."""
    wrong = evidence(
        "tables-created", compare.tables_created(schema.read(target.connection), target.found.future, target.plan)
    )

    assert not wrong, wrong


@pytest.mark.order(3030)
@pytest.mark.criterion("indexes-created")
def test_all_planned_indexes_exist_on_their_own_tables(target: Run, evidence: Recorder) -> None:
    """Every planned index is there, by table: a name that another table uses has not swallowed it."""
    wrong = evidence(
        "indexes-created", compare.indexes_created(schema.read(target.connection), target.found.future.early)
    )

    assert not wrong, wrong


@pytest.mark.order(3040)
@pytest.mark.criterion("schema-as-planned")
def test_the_schema_is_as_planned(target: Run, evidence: Recorder) -> None:
    """No table is there that was not foretold, and each is as foretold, column by column."""
    wrong = evidence(
        "schema-as-planned", compare.schema_as_foretold(schema.read(target.connection), target.found.future)
    )

    assert not wrong, wrong
