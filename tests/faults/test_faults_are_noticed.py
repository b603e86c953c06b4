"""Test that every check can fail, by planting a fault for each criterion into a real run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import CRITERIA, FAULTLESS, SMOKE
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.faults import chosen_rows, derived_data, renumbering
from sqlite_consolidate.faults.after_commit import smoke_test_faults
from sqlite_consolidate.faults.catalogue import FAULTS
from sqlite_consolidate.faults.chosen_rows import choice_faults
from sqlite_consolidate.faults.fault import Fault, Moment, not_planted
from sqlite_consolidate.faults.in_transaction import constant_faults
from sqlite_consolidate.faults.matched_rows import match_faults
from sqlite_consolidate.faults.renumbering import none_faults, stated_faults
from sqlite_consolidate.faults.trials.trial import TrialResult, judge_fault, judge_faultless
from sqlite_consolidate.faults.trials.trial_run import run_trial
from sqlite_consolidate.plan.loader import load
from tests.support.crash.new_keys_cases import fill_with_sites
from tests.support.fault_trials import trial_on, try_fault
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import (
    add_chosen_rows,
    add_derived_data,
    add_matched_tables,
    add_renumbered_tables,
    add_stated_references,
    build_one_source,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run
    from tests.support.workspaces.whole_run import Workspace

BEFORE = [fault for fault in FAULTS if fault.moment is Moment.BEFORE_RUN]
IN_RUN = [fault for fault in FAULTS if fault.moment is Moment.BEFORE_CHECK]
ONE_A_STAGE = list({(fault.mode, CRITERIA[fault.criterion].stage): fault for fault in IN_RUN}.values())
ONE_A_MODE = list({fault.mode: fault for fault in BEFORE if fault.mode is not Mode.BUNDLE}.values())
_RECEIVED = """
CREATE TABLE tasks(id TEXT PRIMARY KEY, title TEXT NOT NULL, hours REAL, raw BLOB);
INSERT INTO tasks VALUES ('a', 'one', 1.5, x'00ff'), ('b', 'two', 2.5, NULL), ('c', 'three', -0.0, x'');
"""
SMOKE_TEST = "the store reads its tasks"
PYTHON = "from app.store import titles"


def test_every_criterion_has_a_fault_in_order() -> None:
    """A criterion without a fault might never fail."""
    assert list(dict.fromkeys(fault.criterion for fault in FAULTS)) == [id for id in CRITERIA if id != FAULTLESS]


def test_every_fault_has_a_unique_name() -> None:
    """The table of faults has no line twice."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_mode_of_every_fault_demands_its_criterion() -> None:
    """A run is never refused by a criterion of another mode."""
    assert [fault.name for fault in FAULTS if fault.mode not in CRITERIA[fault.criterion].stage.modes] == []


@pytest.mark.parametrize(
    "fault",
    [*ONE_A_MODE, *thorough(*(fault for fault in BEFORE if fault not in ONE_A_MODE))],
    ids=lambda fault: fault.name,
)
def test_fault_in_files_fails_its_criterion(workspace: Workspace, fault: Fault) -> None:
    """A refused migration leaves the workspace unchanged."""
    result = try_fault(workspace, fault)

    assert result.planted, result
    assert result.exit in fault.exit_codes, result
    assert fault.criterion in result.failed
    assert not (fault.is_undone and result.changed), result.changed
    assert judge_fault(fault, result).holds


def test_derived_data_fault_needs_rows_that_arrive(workspace: Workspace) -> None:
    """A table whose rows the target already has makes nothing stale."""
    fault = next(fault for fault in BEFORE if fault.criterion == "derived-declared")
    workspace.execute("main.db", _RECEIVED)
    workspace.edit("consolidation.toml", "  rows = 3\n", '  on_conflict = "skip-identical"\n')

    assert try_fault(workspace, fault).failed == ("derived-declared",)


@pytest.mark.parametrize(
    "fault",
    [*ONE_A_STAGE, *thorough(*(fault for fault in IN_RUN if fault not in ONE_A_STAGE))],
    ids=lambda fault: fault.name,
)
def test_fault_in_a_run_fails_its_criterion_first(workspace: Workspace, fault: Fault) -> None:
    """No later stage is performed, and everything is rolled back."""
    if fault.plant.__module__ == renumbering.__name__:
        add_renumbered_tables(workspace)
    if fault.plant.__module__ == derived_data.__name__:
        add_derived_data(workspace)
    if fault.plant.__module__ == chosen_rows.__name__:
        add_chosen_rows(workspace)
    result = try_fault(workspace, fault)

    assert result.planted, result
    assert result.exit in fault.exit_codes, result
    assert result.failed[0] == fault.criterion
    assert not (fault.is_undone and result.changed), result.changed
    assert outcomes_of(result) == stopped_at(fault)
    assert judge_fault(fault, result).holds


@pytest.mark.thorough
@pytest.mark.parametrize("plant", [derived_data.remove_a_document, derived_data.empty_an_index])
@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("fts3(body)", "SELECT id, body FROM notes"),
        ("fts4(body, content='')", "SELECT id, body FROM notes"),
        ("fts5(body, content='')", "SELECT id, body FROM notes"),
        ("rtree(id, low, high, +body)", "SELECT id, 0, 1, body FROM notes"),
    ],
    ids=["own content", "FTS4 without content", "FTS5 without content", "R-tree"],
)
def test_fault_in_any_index_is_noticed(
    workspace: Workspace, plant: Callable[[Run], None], index: str, query: str
) -> None:
    """A document is missing, or all of them."""
    add_derived_data(workspace, index, query)
    fault = next(fault for fault in IN_RUN if fault.plant is plant)

    result = try_fault(workspace, fault)

    assert result.planted, result
    assert (result.failed[0], result.changed) == ("derived-right", ())


@pytest.mark.parametrize("index", [0, *thorough(1)], ids=["fails", "lies"])
def test_faulty_application_fails_its_own_criterion(workspace: Workspace, index: int) -> None:
    """The fault replaces the smoke test only in the plan of the run."""
    plan = load(workspace.plan)
    fault = smoke_test_faults(plan)[index]

    result = run_trial(trial_on(workspace, Mode.MIGRATE), plan, fault)

    assert (result.exit, result.failed, result.changed) == (ExitCode.FAILED, (f"{SMOKE}{SMOKE_TEST}",), ())
    assert plan == load(workspace.plan)


def test_row_that_follows_none_is_noticed(workspace: Workspace) -> None:
    """The fault belongs to plans with follows."""
    add_chosen_rows(workspace)
    (fault,) = choice_faults(load(workspace.plan))

    result = try_fault(workspace, fault)

    assert result.planted, result
    assert result.failed[0] == fault.criterion
    assert judge_fault(fault, result).holds


def test_older_row_that_stays_is_noticed(workspace: Workspace) -> None:
    """The fault belongs to plans with prefer-newer."""
    assert choice_faults(load(workspace.plan)) == ()
    workspace.execute("main.db", _RECEIVED)
    workspace.execute("main.db", "UPDATE tasks SET hours = 0.5 WHERE id = 'a'")
    workspace.edit("consolidation.toml", "  rows = 3\n", '  on_conflict = "prefer-newer"\n  newer = "hours"\n')
    (fault,) = choice_faults(load(workspace.plan))

    result = try_fault(workspace, fault)

    assert result.planted, result
    assert result.failed[0] == fault.criterion
    assert judge_fault(fault, result).holds


@pytest.mark.parametrize(
    "index",
    [0, *thorough(1, 2, 3, 4, 5)],
    ids=["another row", "identical", "no line", "other update", "old id", "lost parent"],
)
def test_fault_in_matched_rows_is_noticed(workspace: Workspace, index: int) -> None:
    """The faults belong to plans with match."""
    assert match_faults(load(workspace.plan)) == ()
    add_matched_tables(workspace)
    fault = match_faults(load(workspace.plan))[index]

    result = try_fault(workspace, fault)

    assert result.planted, result
    assert (result.failed[0], result.changed) == (fault.criterion, ())
    assert judge_fault(fault, result).holds


@pytest.mark.thorough
def test_old_id_is_left_where_content_tells(workspace: Workspace) -> None:
    """Other children of matched rows follow a row, or a policy decides about them."""
    fill_with_sites(workspace)

    result = try_fault(workspace, _fault(workspace, "its old id"))

    assert result.planted, result
    assert (result.failed[0], result.changed) == ("references-kept", ())


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("add", "table", "end"),
    [(add_matched_tables, "visits", "its old id"), (add_renumbered_tables, "pets", "the old id of its parent")],
    ids=["matched", "renumbered"],
)
def test_old_id_is_not_left_where_a_policy_decides(
    workspace: Workspace, add: Callable[[Workspace], None], table: str, end: str
) -> None:
    """The digests of rows prove such references."""
    add(workspace)
    name = f'  name = "{table}"\n'
    workspace.edit("consolidation.toml", f'{name}  keys = "renumber"\n', f'{name}  on_conflict = "prefer-source"\n')

    result = try_fault(workspace, _fault(workspace, end))

    assert (result.skip_reason, result.changed) == (renumbering.NO_CONTENT, ())


@pytest.mark.parametrize("index", [2, *thorough(0, 1)], ids=["old id", "off by one", "sentinel"])
def test_faulty_stated_reference_is_noticed(workspace: Workspace, index: int) -> None:
    """The faults belong to plans with new keys and stated references."""
    assert stated_faults(load(workspace.plan)) == ()
    add_stated_references(workspace)
    fault = stated_faults(load(workspace.plan))[index]

    result = try_fault(workspace, fault)

    assert result.planted, result
    assert result.failed[0] == fault.criterion
    assert judge_fault(fault, result).holds


def test_moved_number_of_none_is_noticed(workspace: Workspace) -> None:
    """The fault belongs to plans with none."""
    add_renumbered_tables(workspace)
    assert none_faults(load(workspace.plan)) == ()
    workspace.edit("consolidation.toml", '  name = "pets"\n', '  name = "pets"\n  none = [999]\n')
    workspace.execute("old.db", "UPDATE pets SET owner = 999 WHERE owner <= 0")
    (fault,) = none_faults(load(workspace.plan))

    result = try_fault(workspace, fault)

    assert result.planted, result
    assert (result.failed[0], result.changed) == (fault.criterion, ())
    assert judge_fault(fault, result).holds


def test_constant_of_a_row_is_changed_and_noticed(workspace: Workspace) -> None:
    """The fault belongs to plans with a constant."""
    assert constant_faults(load(workspace.plan)) == ()
    workspace.edit("consolidation.toml", 'file = "old.db"\n', 'file = "old.db"\nconstants = { origin = "{stem}" }\n')
    create = "CREATE TABLE tags(task TEXT REFERENCES tasks(id), tag TEXT, origin TEXT)"
    workspace.edit("consolidation.toml", 'name = "tags"\n', f'name = "tags"\n  create = "{create}"\n')
    (fault,) = constant_faults(load(workspace.plan))

    result = try_fault(workspace, fault)

    assert (result.planted, result.failed[:1], result.changed) == (True, ("rows-exact",), ())


@pytest.mark.parametrize("mode", [Mode.MIGRATE, *thorough(Mode.CHECK, Mode.REHEARSAL, Mode.INVENTORY, Mode.ROLLBACK)])
def test_run_without_a_fault_is_accepted(workspace: Workspace, mode: Mode) -> None:
    """Otherwise a fault would prove nothing."""
    result = try_fault(workspace, None, mode)

    assert (result.exit, result.failed, result.planted) == (ExitCode.ACCEPTED, (), False)
    assert judge_faultless(mode, result).holds


def test_application_of_a_trial_cannot_open_the_original(workspace: Workspace, tmp_path: Path) -> None:
    """An attempt to open a file of the original is refused, and the run fails."""
    original = build_one_source(tmp_path / "live")
    workspace.edit("consolidation.toml", PYTHON, f"open({str(original.root / 'main.db')!r}); {PYTHON}")

    result = run_trial(trial_on(workspace, Mode.MIGRATE, original.root), load(workspace.plan), None)

    assert (result.exit, result.failed) == (ExitCode.FAILED, (f"{SMOKE}{SMOKE_TEST}",))
    assert not judge_faultless("migrate", result).holds


def test_fault_without_effect_is_not_noticed(workspace: Workspace) -> None:
    """A run that is accepted despite its fault is no proof."""
    fault = Fault.in_run("rows-exact", "nothing", lambda _run: None)

    result = try_fault(workspace, fault)

    assert (result.planted, result.exit) == (True, ExitCode.ACCEPTED)
    assert not judge_fault(fault, result).holds


@pytest.mark.parametrize("moment", Moment)
def test_fault_that_cannot_be_planted_changes_nothing(workspace: Workspace, moment: Moment) -> None:
    """The run is rolled back."""

    def _lack(_place: object) -> None:
        raise not_planted("no trigger")

    before = workspace.contents()

    result = try_fault(workspace, Fault("integrity", "nothing", _lack, moment=moment))

    assert result == TrialResult(skip_reason="no trigger")
    assert workspace.contents() == before


def test_unexpected_error_is_raised_after_the_rollback(workspace: Workspace) -> None:
    """The workspace is unchanged, and the error is no refusal."""

    def _break(_run: object) -> None:
        raise ZeroDivisionError

    before = workspace.contents()

    with pytest.raises(ZeroDivisionError):
        try_fault(workspace, Fault.in_run("final-digest", "an error", _break))

    assert workspace.contents() == before


@pytest.mark.parametrize(
    "result",
    [
        TrialResult(planted=True, exit=ExitCode.FAILED, failed=("rows-counted",)),
        TrialResult(planted=True, exit=ExitCode.FAILED, failed=("rows-exact",), changed=("main.db",)),
        TrialResult(planted=True, exit=ExitCode.REFUSED, failed=("rows-exact",)),
        TrialResult(planted=False, exit=ExitCode.FAILED, failed=("rows-exact",)),
        TrialResult(broken="it took more than 60 s"),
    ],
    ids=["another criterion", "not rolled back", "another exit code", "never planted", "without an end"],
)
def test_fault_is_noticed_only_by_its_own_criterion(result: TrialResult) -> None:
    """Another reason for the end of the run does not count."""
    fault = next(fault for fault in FAULTS if fault.criterion == "rows-exact")
    noticed = TrialResult(planted=True, exit=ExitCode.FAILED, failed=("rows-exact",))

    assert judge_fault(fault, noticed).holds
    assert not judge_fault(fault, result).holds


def _fault(workspace: Workspace, end: str) -> Fault:
    """Return the fault whose description has an end."""
    faults = (*FAULTS, *match_faults(load(workspace.plan)))
    return next(fault for fault in faults if fault.description.endswith(end))


def outcomes_of(result: TrialResult) -> dict[str, str]:
    """Return the outcome of each stage from the evidence of the run."""
    assert result.folder is not None
    evidence = json.loads((result.folder / "evidence.json").read_bytes())
    return {stage["id"]: stage["outcome"] for stage in evidence["stages"]}


def stopped_at(fault: Fault) -> dict[str, str]:
    """Return the outcomes of a run that fails at the stage of a fault."""
    order = [stage.id for stage in stages_of(fault.mode)]
    index = order.index(CRITERIA[fault.criterion].stage.id)
    return (
        dict.fromkeys(order[:index], "passed") | {order[index]: "failed"} | dict.fromkeys(order[index + 1 :], "not run")
    )
