"""Test whole fleet runs on this machine, as a user starts them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.workspaces.fleet_run import break_smoke, hold, small_fleet

if TYPE_CHECKING:
    from pathlib import Path


def test_failed_canary_stops_the_fleet(tmp_path: Path) -> None:
    """The canary is rolled back, the others are untouched, and nothing is left to roll back."""
    fleet = small_fleet(tmp_path, "bonn kiel")
    break_smoke(fleet.workspace("bonn"))
    canary, other = fleet.contents("bonn"), fleet.workspace("kiel").files()

    ran = fleet.run("migrate")

    assert ran.exit == 1, ran.text
    assert ran.standings == {"bonn": "failed", "kiel": "not run"}
    assert "bonn/workspace was not accepted" in ran.row("kiel")["headline"]
    assert ran.row("bonn")["reasons"][0].startswith("smoke:the store reads its tasks")
    assert "Everything was rolled back" in ran.text
    assert fleet.contents("bonn") == canary
    assert fleet.workspace("kiel").files() == other
    backs = [fleet.workspace(name).run("rollback") for name in ("bonn", "kiel")]
    assert [back.exit for back in backs] == [4, 4]
    assert all("[nothing-to-undo]" in back.text for back in backs)


@pytest.mark.thorough
def test_rollback_of_an_untouched_fleet_is_accepted(tmp_path: Path) -> None:
    """No workspace has anything to roll back."""
    fleet = small_fleet(tmp_path, "bonn kiel")

    back = fleet.run("rollback")

    assert back.exit == 0, back.text
    assert [row["already"] for row in back.rollup["workspaces"]] == [True, True]


@pytest.mark.thorough
def test_second_run_consolidates_only_the_failed_workspace(tmp_path: Path) -> None:
    """With ``keep_going`` the other workspaces are consolidated.

    A second run does not touch them.
    """
    fleet = small_fleet(tmp_path, "bonn kiel", 'workspaces = ["*/workspace"]\nkeep_going = true\nbatch = 1')
    break_smoke(fleet.workspace("bonn"))

    first = fleet.run("migrate")

    assert first.exit == 1, first.text
    assert first.standings == {"bonn": "failed", "kiel": "accepted"}
    assert first.rollup["rows"] == 6
    done = fleet.workspace("kiel").files()

    fleet.workspace("bonn").edit("consolidation.toml", '"^4$"', '"^3$"')
    second = fleet.run("migrate")

    assert second.exit == 0, second.text
    assert [row["already"] for row in second.rollup["workspaces"]] == [False, True]
    assert fleet.workspace("kiel").files() == done


@pytest.mark.thorough
@pytest.mark.parametrize("is_stopped", [False, True])
def test_sigterm_rolls_the_running_workspace_back(tmp_path: Path, is_stopped: bool) -> None:
    """The run in its smoke test is past COMMIT.

    It is rolled back, also if SIGSTOP has stopped it, and the others are not started.
    """
    fleet = small_fleet(tmp_path, "bonn kiel", 'workspaces = ["*/workspace"]\ncanary = 0\nparallel = 1')
    before = fleet.contents("bonn", "kiel")
    held = hold(fleet.workspace("bonn"))
    plan = fleet.workspace("bonn").plan.read_bytes()

    with fleet.started("migrate") as process:
        held.read_bytes()
        if is_stopped:
            [member] = psutil.Process(process.pid).children()
            member.suspend()
        process.send_signal(signal.SIGTERM)
        ran = fleet.ended(process)

    assert ran.exit == 143, ran.text
    assert ran.standings == {"bonn": "interrupted", "kiel": "not run"}
    assert "Interrupted. Everything was rolled back" in ran.row("bonn")["headline"]
    assert "Traceback" not in ran.text
    fleet.workspace("bonn").edit("consolidation.toml", plan.decode(), _plan(fleet.workspace("kiel").plan))
    assert fleet.contents("bonn", "kiel") == before


def _plan(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.thorough
def test_fleet_passes_the_demand_of_approvals_on(tmp_path: Path) -> None:
    """A plan without a signature is refused, in every workspace alike."""
    fleet = small_fleet(tmp_path, "bonn")
    signers = tmp_path / "signers"
    signers.write_text("")
    before = fleet.workspace("bonn").files()

    ran = fleet.run("migrate", f"--allowed-signers={signers}")

    assert ran.exit == 4, ran.text
    assert f"--allowed-signers={signers}" in ran.text.splitlines()[-1]
    assert [reason.partition(":")[0] for reason in ran.row("bonn")["reasons"]] == ["approved"]
    assert fleet.workspace("bonn").files() == before
