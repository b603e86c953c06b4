"""Whole fleet runs, as a user starts them, on this machine alone."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.fleet_run import break_smoke, hold, small_fleet

if TYPE_CHECKING:
    from pathlib import Path


def test_a_canary_that_fails_keeps_all_others_from_being_run(tmp_path: Path) -> None:
    """It was put back, the others are untouched; the roll-up says why, and there is nothing left to roll back."""
    fleet = small_fleet(tmp_path, "bonn kiel")
    break_smoke(fleet.workspace("bonn"))
    canary, other = fleet.contents("bonn"), fleet.workspace("kiel").files()

    ran = fleet.run("migrate")

    assert ran.exit == 1, ran.text
    assert ran.standings == {"bonn": "failed", "kiel": "not run"}
    assert "bonn/workspace was not accepted" in ran.row("kiel")["headline"]
    assert ran.row("bonn")["reasons"][0].startswith("smoke:the store reads its tasks")
    assert "Everything was put back" in ran.text
    assert fleet.contents("bonn") == canary
    assert fleet.workspace("kiel").files() == other

    back = fleet.run("rollback")

    assert back.exit == 0, back.text
    assert [row["already"] for row in back.rollup["workspaces"]] == [True, True]


@pytest.mark.thorough
def test_one_that_fails_is_reported_and_the_next_run_does_what_is_left(tmp_path: Path) -> None:
    """With keep_going those after it are consolidated, and not touched when the fleet is run again."""
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


def test_sigterm_is_passed_on_and_everything_is_put_back(tmp_path: Path) -> None:
    """A run in its smoke test is after COMMIT: it puts back, the rest is not begun, and the roll-up is written."""
    fleet = small_fleet(tmp_path, "bonn kiel", 'workspaces = ["*/workspace"]\ncanary = 0\nparallel = 1')
    before = fleet.contents("bonn", "kiel")
    held = hold(fleet.workspace("bonn"))
    plan = fleet.workspace("bonn").plan.read_bytes()

    with fleet.started("migrate") as process:
        held.read_bytes()
        process.send_signal(signal.SIGTERM)
        ran = fleet.ended(process)

    assert ran.exit == 143, ran.text
    assert ran.standings == {"bonn": "interrupted", "kiel": "not run"}
    assert "Interrupted. Everything was put back" in ran.row("bonn")["headline"]
    assert "Traceback" not in ran.text
    fleet.workspace("bonn").edit("consolidation.toml", plan.decode(), _plan(fleet.workspace("kiel").plan))
    assert fleet.contents("bonn", "kiel") == before


def _plan(path: Path) -> str:
    return path.read_text("utf-8")
