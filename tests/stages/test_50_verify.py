"""Stage 50: everything is compared before COMMIT, inside the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import compare
from migration.engine.connections import pragma

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder

pytestmark = [pytest.mark.stage("50-verify"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(5010)
def test_the_target_is_read_before_commit(target: Run) -> None:
    """Every table of the target is digested as COMMIT would leave it."""
    target.verify()

    assert target.connection.in_transaction


@pytest.mark.order(5020)
@pytest.mark.criterion("rows-exact")
def test_every_row_arrived_exactly(target: Run, evidence: Recorder) -> None:
    """Values, storage classes, bytes and multiplicity are those of the sources."""
    con, found = target.connection, target.found
    wrong = evidence(
        "rows-exact",
        [*compare.rows_exact(con, target.own, target.done, target.digest), *compare.marks_carried(con, found)],
    )

    assert not wrong, wrong


@pytest.mark.order(5030)
@pytest.mark.criterion("no-duplicates")
def test_no_row_is_there_twice(target: Run, evidence: Recorder) -> None:
    """No key is there twice, and without a key equal rows are as many as the sources have together."""
    wrong = evidence("no-duplicates", compare.no_duplicates(target.connection, target.own, target.done))

    assert not wrong, wrong


@pytest.mark.order(5040)
@pytest.mark.criterion("foreign-keys")
def test_no_foreign_key_points_at_nothing(target: Run, evidence: Recorder) -> None:
    """The foreign_key_check finds nothing that was not so in the sources."""
    wrong = evidence("foreign-keys", compare.foreign_keys(target.connection, target.found))

    assert not wrong, wrong


@pytest.mark.order(5050)
@pytest.mark.criterion("integrity")
def test_the_target_is_intact(target: Run, evidence: Recorder) -> None:
    """The full integrity_check says ok."""
    target.say("checking the integrity of the target")

    wrong = evidence("integrity", compare.integrity(target.connection))

    assert not wrong, wrong


@pytest.mark.order(5060)
@pytest.mark.criterion("neighbours-unchanged")
def test_every_table_the_target_had_before_is_unchanged(target: Run, evidence: Recorder) -> None:
    """Tables into which nothing was moved have the statement and the digest they had."""
    wrong = evidence("neighbours-unchanged", compare.neighbours(target.connection, target.found, target.digest))

    assert not wrong, wrong


@pytest.mark.order(5070)
@pytest.mark.criterion("triggers-in-place")
def test_triggers_and_views_are_in_place(target: Run, evidence: Recorder) -> None:
    """The target's own triggers and views are there to the letter, and those of the moved tables as well."""
    wrong = evidence("triggers-in-place", compare.triggers_in_place(target.connection, target.found))

    assert not wrong, wrong


@pytest.mark.order(5080)
@pytest.mark.criterion("size-reasonable")
def test_the_size_is_reasonable(target: Run, evidence: Recorder) -> None:
    """The target has grown by about what was moved."""
    con = target.connection
    size = int(str(pragma(con, "page_count"))) * int(str(pragma(con, "page_size")))

    wrong = evidence("size-reasonable", compare.size_reasonable(size, target.found))

    assert not wrong, wrong
