"""Stage 40: the rows, source by source in plan order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import compare
from migration.harness.facts import done_moves

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from migration.engine.facts import Facts
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("40-transfer"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(4010)
def test_each_source_is_attached_and_copied(
    target: Run, attached: Callable[[Facts], AbstractContextManager[str]], state: RunState
) -> None:
    """Each source is attached in plan order and its tables are copied; triggers and views come after the rows."""
    for source in target.sources():
        with attached(source) as alias:
            target.transfer(source, alias)

    target.finish_schema()
    state.findings += target.settled
    state.moves = done_moves(target.done)

    assert len(target.done) == len(target.found.moves)


@pytest.mark.order(4020)
@pytest.mark.criterion("rows-counted")
def test_all_record_counts_match(target: Run, evidence: Recorder) -> None:
    """The target has gained as many rows of each table as the sources have, 100 %."""
    wrong = evidence("rows-counted", compare.rows_counted(target.connection, target.own, target.done))

    assert not wrong, wrong


@pytest.mark.order(4030)
@pytest.mark.criterion("rows-expected")
def test_the_counts_are_those_of_the_plan(target: Run, evidence: Recorder) -> None:
    """Where the plan states a count, it is the count that was moved."""
    wrong = evidence("rows-expected", compare.rows_expected(target.done))

    assert not wrong, wrong
