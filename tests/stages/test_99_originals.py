"""Stage 99: a consolidation that somebody else made is judged by the databases it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import compare, originals
from migration.engine.references import updated_observations
from migration.engine.scan import listed, mentions, scope_of, stale_observations

if TYPE_CHECKING:
    from migration.engine.applications import Applications
    from migration.engine.originals import Judged
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState
    from migration.plan.model import Plan, Smoke

pytestmark = [pytest.mark.stage("99-originals"), pytest.mark.verify]


@pytest.mark.order(9910)
@pytest.mark.criterion("plan-valid")
def test_the_plan_fits_the_originals(judged: Judged, state: RunState, evidence: Recorder) -> None:
    """The plan is a plan, and the originals are what it speaks of: only then can it be judged by them."""
    state.findings += originals.changed_since(judged)

    wrong = "\n".join(
        evidence.problems(criterion, judged.survey.problems, "plan and originals")
        for criterion in dict.fromkeys(["plan-valid", *(one.criterion for one in judged.survey.problems)])
    ).strip()

    assert not wrong, wrong


@pytest.mark.order(9915)
@pytest.mark.criterion("tables-created")
def test_all_planned_tables_are_there(judged: Judged, plan: Plan, evidence: Recorder) -> None:
    """Every table that the plan names is in the target."""
    wrong = evidence("tables-created", originals.tables_created(judged, plan))

    assert not wrong, wrong


@pytest.mark.order(9920)
@pytest.mark.criterion("indexes-created")
def test_all_planned_indexes_are_on_their_own_tables(judged: Judged, evidence: Recorder) -> None:
    """Every planned index has its like on the same table, whatever its name."""
    wrong = evidence("indexes-created", originals.indexes_created(judged))

    assert not wrong, wrong


@pytest.mark.order(9925)
@pytest.mark.criterion("schema-as-planned")
def test_columns_are_as_planned_and_no_table_is_unplanned(judged: Judged, evidence: Recorder) -> None:
    """Columns are as planned, and no table is there that neither the plan nor the original target has."""
    wrong = evidence("schema-as-planned", originals.schema_as_planned(judged))

    assert not wrong, wrong


@pytest.mark.order(9930)
@pytest.mark.criterion("rows-counted")
def test_all_rows_have_arrived(judged: Judged, evidence: Recorder) -> None:
    """Each row of the originals is in the target, by its key or by its content."""
    wrong = evidence("rows-counted", originals.rows_counted(judged))

    assert not wrong, wrong


@pytest.mark.order(9935)
@pytest.mark.criterion("rows-exact")
def test_the_rows_are_exact_or_changed_since(judged: Judged, evidence: Recorder) -> None:
    """What arrived is as it was; changes made since are counted, what looks like a fault of the copy is one."""
    wrong = evidence("rows-exact", originals.rows_exact(judged))

    assert not wrong, wrong


@pytest.mark.order(9940)
@pytest.mark.criterion("no-duplicates")
def test_no_row_is_doubled(judged: Judged, evidence: Recorder) -> None:
    """No row of an original is in the target more often than it was."""
    wrong = evidence("no-duplicates", originals.no_duplicates(judged))

    assert not wrong, wrong


@pytest.mark.order(9945)
@pytest.mark.criterion("foreign-keys")
def test_no_foreign_key_dangles(judged: Judged, evidence: Recorder) -> None:
    """The foreign_key_check finds nothing."""
    wrong = evidence("foreign-keys", originals.foreign_keys(judged))

    assert not wrong, wrong


@pytest.mark.order(9950)
@pytest.mark.criterion("integrity")
def test_the_target_is_undamaged(judged: Judged, evidence: Recorder) -> None:
    """The full integrity_check says ok."""
    wrong = evidence("integrity", compare.integrity(judged.con))

    assert not wrong, wrong


@pytest.mark.order(9952)
@pytest.mark.criterion("triggers-in-place")
def test_triggers_of_the_moved_tables_are_there(judged: Judged, evidence: Recorder) -> None:
    """Each trigger that a moved table had is on the table in the target."""
    wrong = evidence("triggers-in-place", originals.triggers_in_place(judged))

    assert not wrong, wrong


@pytest.mark.order(9953)
@pytest.mark.criterion("references-updated")
def test_the_code_uses_the_result(state: RunState, plan: Plan, evidence: Recorder) -> None:
    """Each expression of the plan is gone from the code, and its replacement is there."""
    wrong = evidence("references-updated", updated_observations(state.settings.workspace, plan.references))

    assert not wrong, wrong


@pytest.mark.order(9955)
@pytest.mark.criterion("no-stale-references")
def test_no_code_names_an_original(state: RunState, plan: Plan, evidence: Recorder) -> None:
    """Nothing in the scanned trees names an original database."""
    live, own = state.settings.workspace, [state.settings.plan, state.settings.reports]
    found = mentions(scope_of(plan, live, live, own=own))

    state.findings += listed(found, plan.scan.exempt)
    wrong = evidence("no-stale-references", stale_observations(found))

    assert not wrong, wrong


def test_the_application_works_with_the_result(
    copied_applications: Applications, smoke_test: Smoke | None, evidence: Recorder
) -> None:
    """The application works on a copy of target and code."""
    if smoke_test is None:
        copied_applications.say("the plan names no smoke test")
        return

    wrong = evidence.application(smoke_test, copied_applications.run(smoke_test))

    assert not wrong, wrong


@pytest.mark.order(9990)
@pytest.mark.criterion("neighbours-unchanged")
def test_the_tables_of_before_are_still_there(judged: Judged, state: RunState, evidence: Recorder) -> None:
    """With the original target at hand: every table it had is there with its columns."""
    if not judged.had_target:
        state.unanswerable["neighbours-unchanged"] = "the original target is not among the originals"
        return

    wrong = evidence("neighbours-unchanged", originals.neighbours(judged))

    assert not wrong, wrong
