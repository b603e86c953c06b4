"""Every check can fail: for each criterion a fault is planted into a real run, which must refuse by that criterion."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from migration.audit.criteria import CAN_FAIL, CRITERIA, FAULTLESS, STAGES
from migration.audit.faults_table import TABLE
from migration.harness.faulted import Planter
from migration.plan.file import load
from migration.selftest.fault import Fault, NotPlantedError
from migration.selftest.table import FAULTS, faults_of
from migration.selftest.trial import Outcome, judged
from tests.thorough import thorough
from tests.whole.whole_run import REPOSITORY, Ran, Workspace

if TYPE_CHECKING:
    from migration.selftest.fault import Scene

WITHIN = {
    fault.at: fault for fault in FAULTS if fault.at and fault.verb == "migrate"
}  # one for each test that a fault can be planted before
STAGE = {criterion.id: criterion.stage for criterion in CRITERIA}
ONE_A_STAGE = {STAGE[fault.criterion]: fault for fault in WITHIN.values()}.values()
SELFTEST_DEADLINE = 600  # seconds; it takes about 25 on two free cores


def selftest(workspace: Workspace, *args: str) -> Ran:
    """Run the command that a user would; its trials have processes of their own, and time."""
    command = workspace.command("selftest", *args)
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=SELFTEST_DEADLINE
    )
    return workspace.ran(done.returncode, done.stdout + done.stderr)


def test_every_criterion_has_a_fault() -> None:
    """A criterion without one might be unable to fail."""
    assert {fault.criterion for fault in FAULTS} | {FAULTLESS} == {criterion.id for criterion in CRITERIA}


def test_every_fault_has_a_name_of_its_own() -> None:
    """The table has no line twice."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.thorough
def test_a_selftest_plants_every_fault_and_each_is_refused_by_its_criterion(workspace: Workspace) -> None:
    """It exits with 0, lists criterion and fault in terminal, bundle and evidence, and does not touch the workspace."""
    before = workspace.files()

    ran = selftest(workspace)

    assert ran.exit == 0, ran.text
    assert workspace.files() == before
    assert ran.folder is not None
    table = (ran.folder / TABLE).read_text()
    faults = faults_of(load(workspace.plan))
    proven = len({fault.criterion for fault in faults})
    assert table.startswith(f"{proven} criteria, {proven} proven able to fail here.\n")
    assert [line.split()[0] for line in table.splitlines()[3:]] == [fault.criterion.split()[0] for fault in faults]
    assert {line.split()[-1] for line in table.splitlines()[3:]} == {"yes"}
    assert all(line.rstrip() in ran.text for line in table.splitlines())
    shown = {(one["id"], one["subject"]) for one in ran.evidence["criteria"] if one["verdict"] == "shown"}
    assert shown >= {(CAN_FAIL + fault.criterion, fault.does) for fault in faults}


@pytest.mark.parametrize(
    "fault",
    [*ONE_A_STAGE, *thorough(*(fault for fault in WITHIN.values() if fault not in ONE_A_STAGE))],
    ids=lambda fault: fault.name,
)
def test_a_fault_stops_the_run_at_its_stage_and_everything_is_put_back(workspace: Workspace, fault: Fault) -> None:
    """The run ends with 1, names the criterion in words, leaves the later stages, and the workspace is as it was."""
    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=Planter(fault))

    assert ran.exit == 1, ran.text
    assert fault.criterion in ran.failed
    assert ran.evidence["verdict"] == "refused"
    assert ran.outcomes == _stopped_at(STAGE[fault.criterion])
    assert workspace.contents() == before
    assert not ran.shows_source, ran.text
    assert "put back" in ran.evidence["put_back"]


def test_a_fault_that_changes_nothing_is_not_called_noticed(workspace: Workspace) -> None:
    """The selftest can fail as well: a run that a fault did not stop is no proof."""
    fault = Fault("rows-exact", "nothing", lambda _scene: None, at="test_the_target_is_read_before_commit")
    planter = Planter(fault)

    ran = workspace.forked("migrate", plugin=planter)

    assert ran.exit == 0, ran.text
    assert not judged(fault, Outcome(planted=True, exit=ran.exit, failed=tuple(ran.failed))).holds


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(planted=True, exit=1, failed=("rows-counted",)), "refused by rows-counted"),
        (Outcome(planted=True, exit=1, failed=("rows-exact",), changed=("main.db",)), "not as before: main.db"),
        (Outcome(planted=True, exit=4, failed=("rows-exact",)), "exit 4"),
        (Outcome(planted=False, exit=1, failed=("rows-exact",)), "before the fault was planted"),
        (Outcome(), "it took too long"),
    ],
    ids=["another criterion", "not put back", "another exit code", "never planted", "without an end"],
)
def test_only_its_own_criterion_proves_a_fault_noticed(outcome: Outcome, said: str) -> None:
    """What else may have stopped the run is said, and does not count."""
    fault = next(one for one in FAULTS if one.criterion == "rows-exact")
    noticed = Outcome(planted=True, exit=1, failed=("rows-exact",))

    seen = judged(fault, outcome)

    assert judged(fault, noticed).holds
    assert not seen.holds
    assert said in seen.observed


def test_a_workspace_that_is_refused_without_a_fault_proves_nothing(workspace: Workspace) -> None:
    """Exit 1; the criteria that refused are named, and no fault is planted."""
    workspace.execute("old.db", "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)")
    before = workspace.files()

    ran = selftest(workspace)

    assert ran.exit == 1, ran.text
    assert ran.failed == {FAULTLESS}
    assert "refused by nothing-left-behind" in ran.text
    assert "0 proven able to fail here" in ran.text
    assert workspace.files() == before


def test_a_finished_consolidation_is_not_selftested(workspace: Workspace) -> None:
    """Exit 4, with what to do instead."""
    assert workspace.forked("migrate").exit == 0
    before = workspace.files()

    ran = workspace.forked("selftest")

    assert ran.exit == 4
    assert "consolidated already" in ran.text
    assert not ran.shows_source
    assert workspace.files() == before


@pytest.mark.long
def test_what_a_workspace_lacks_is_said_and_is_not_called_proven(workspace: Workspace) -> None:
    """A plan without code, logs and index: each fault that cannot be planted says why, and none of them is green."""
    text = workspace.plan.read_text()
    workspace.plan.write_text(text[: text.index("[[reference]]")].replace("  rows = 3\n", ""))
    workspace.execute("old.db", "DROP TRIGGER tasks_kept; DROP INDEX tasks_title; DROP TABLE tags")
    workspace.edit("consolidation.toml", '\n  [[source.table]]\n  name = "tags"\n', "")

    ran = selftest(workspace)

    assert ran.exit == 0, ran.text
    lacking = {one["id"]: one["observed"] for one in ran.evidence["criteria"] if one["verdict"] == "not shown"}
    assert lacking == {
        "can-fail:rows-as-stated": "not planted: the plan states no number of rows",
        "can-fail:references-found": "not planted: the plan names no reference",
        "can-fail:indexes-created": "not planted: the plan creates no index",
        "can-fail:rows-expected": "not planted: the plan states no number of rows",
        "can-fail:references-updated": "not planted: the plan rewrites no code",
        "can-fail:no-stale-references": "not planted: the plan scans no folder",
        "can-fail:code-compiles": "not planted: the plan rewrites no Python file",
        "can-fail:logs-clean": "not planted: the plan names no log",
        "can-fail:still-no-stale-references": "not planted: the plan scans no folder",
    }
    assert "51 criteria, 42 proven able to fail here" in ran.text


def test_a_planter_says_what_the_workspace_lacks(workspace: Workspace) -> None:
    """A run in which nothing could be planted is left at once, and puts everything back."""

    def _lacking(_scene: Scene) -> None:
        raise NotPlantedError("no trigger")

    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=Planter(Fault("integrity", "x", _lacking, at="test_the_target_is_intact")))

    assert ran.exit == 1
    assert "no trigger" in ran.text
    assert workspace.contents() == before


def _stopped_at(failed: str) -> dict[str, str]:
    """Return the outcomes of a migration in which one stage failed."""
    order = [stage.id for stage in STAGES if "migrate" in stage.modes]
    at = order.index(failed)
    return dict.fromkeys(order[:at], "passed") | {failed: "failed"} | dict.fromkeys(order[at + 1 :], "not run")
