"""Stage 10: reads everything, changes nothing; all that stands in the way is found here, at once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from migration.engine.space import needs
from migration.harness.facts import database_record, planned_moves, schema_differences
from migration.harness.rehearsals import last_passed, standing

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("10-preflight"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(1010)
@pytest.mark.criterion("plan-valid")
def test_the_plan_is_valid(state: RunState, evidence: Recorder) -> None:
    """The plan is a plan of format 1, without a mistake."""
    wrong = evidence.problems("plan-valid", state.plan_problems, state.settings.plan.name)

    state.act_failed = bool(wrong)
    assert not wrong, wrong


@pytest.mark.order(1020)
def test_everything_is_read_and_nothing_is_changed(run: Run, state: RunState) -> None:
    """Sources, target and code are read; from now on writers are kept out of the databases."""
    found = run.survey()

    state.sources = [
        database_record(found.sources[source.name], source)
        for source in run.plan.sources
        if source.name in found.sources
    ]
    state.target = database_record(found.target) if found.target else None
    rehearsal = last_passed(state.settings.reports, state.plan_sha256)
    state.rollback = {"drilled": rehearsal.finished.isoformat(timespec="seconds") if rehearsal else ""}
    state.planned, state.differences = planned_moves(found), schema_differences(found)
    state.findings += found.findings


@pytest.mark.order(1030)
@pytest.mark.criterion("sources-readable")
def test_every_source_can_be_read(run: Run, evidence: Recorder) -> None:
    """Every source is there, is a database, and can be read."""
    wrong = evidence.problems("sources-readable", run.found.problems, f"{len(run.found.sources)} sources, target")

    assert not wrong, wrong


@pytest.mark.order(1040)
@pytest.mark.criterion("integrity-before")
def test_sources_and_target_are_intact(run: Run, evidence: Recorder) -> None:
    """The full integrity_check of every database says ok before anything is done."""
    wrong = evidence.problems("integrity-before", run.found.problems, "integrity_check of every database: ok")

    assert not wrong, wrong


@pytest.mark.order(1050)
@pytest.mark.criterion("no-other-process")
def test_no_other_process_uses_the_databases(run: Run, evidence: Recorder) -> None:
    """Nobody else has the target or a source open or locked; whoever does is named."""
    wrong = evidence.problems("no-other-process", run.found.problems, "open files and locks of all processes")

    assert not wrong, wrong


@pytest.mark.order(1060)
@pytest.mark.criterion("space")
def test_there_is_room(run: Run, evidence: Recorder, state: RunState) -> None:
    """Backups, dumps and growth fit on the disk, and every folder can be written."""
    wanted = needs(run.plan, run.live)
    state.space = f"{wanted}; {shutil.disk_usage(run.root).free / 1e6:.1f} MB are free"

    wrong = evidence.problems("space", run.found.problems, f"{state.space}; permissions")

    assert not wrong, wrong


@pytest.mark.order(1070)
@pytest.mark.criterion("nothing-left-behind")
def test_nothing_is_left_behind_unseen(run: Run, evidence: Recorder) -> None:
    """Every table with rows is in a table map, or left with a reason that the plan states."""
    tables = sum(len(facts.digests) for facts in run.found.sources.values())
    wrong = evidence.problems("nothing-left-behind", run.found.problems, f"{tables} tables of all sources")

    assert not wrong, wrong


@pytest.mark.order(1080)
@pytest.mark.criterion("names-free")
def test_every_name_is_free_or_settled(run: Run, evidence: Recorder) -> None:
    """Tables, indexes, triggers and views can be created in the target; every clash of names is settled visibly."""
    made = len(run.found.future.early) + len(run.found.future.late)
    wrong = evidence.problems("names-free", run.found.problems, f"{made} statements, tried in memory")

    assert not wrong, wrong


@pytest.mark.order(1090)
@pytest.mark.criterion("values-fit")
def test_every_value_fits(run: Run, evidence: Recorder) -> None:
    """Every column has its place, and no type or constraint of the target would change or refuse a value."""
    wrong = evidence.problems("values-fit", run.found.problems, f"{len(run.found.moves)} table maps, column by column")

    assert not wrong, wrong


@pytest.mark.order(1100)
@pytest.mark.criterion("keys-free")
def test_no_key_is_claimed_twice(run: Run, evidence: Recorder) -> None:
    """No two rows, of whatever sources or of the target, claim one key, or the plan says which stays."""
    wrong = evidence.problems("keys-free", run.found.problems, "keys over all sources and the target")

    assert not wrong, wrong


@pytest.mark.order(1110)
@pytest.mark.criterion("rows-as-stated")
def test_the_sources_hold_what_the_plan_states(run: Run, evidence: Recorder) -> None:
    """Where the plan states a number of rows, the source has it."""
    wrong = evidence.problems("rows-as-stated", run.found.problems, "the plan's rows")

    assert not wrong, wrong


@pytest.mark.order(1120)
@pytest.mark.criterion("references-found")
def test_every_reference_is_in_the_code(run: Run, evidence: Recorder) -> None:
    """Every expression that is to be rewritten is there once, or is rewritten already."""
    wrong = evidence.problems("references-found", run.found.problems, f"{len(run.plan.references)} references")

    assert not wrong, wrong


@pytest.mark.order(1130)
@pytest.mark.criterion("rehearsed")
def test_it_was_rehearsed_as_the_plan_demands(state: RunState, evidence: Recorder) -> None:
    """A rehearsal of this very plan on these very databases passed within the time that the plan states, if it does."""
    wrong = evidence("rehearsed", [standing(state)])

    assert not wrong, wrong
