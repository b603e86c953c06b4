"""Workspaces on several hosts: each run is where its files are, and a host that dies is settled by the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.fleet_run import hold, small_fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fleet.conftest import Hosts

FILE = """\
scheduler  = "{scheduler}"
keep_going = true
canary     = 0

[[workspace]]
path   = "bonn/*"
worker = "north"

[[workspace]]
path   = "ulm/workspace"
worker = "south"
"""


@pytest.mark.thorough
def test_a_worker_that_is_killed_leaves_what_the_next_run_settles(tmp_path: Path, hosts: Hosts) -> None:
    """Unsettled, not run again by itself; reported while the host is away; consolidated once when it is back."""
    fleet = small_fleet(tmp_path, "bonn ulm", FILE.format(scheduler=hosts.scheduler))
    bonn, ulm = (str(fleet.workspace(name).root) for name in ("bonn", "ulm"))
    held = hold(fleet.workspace("bonn"))

    with fleet.started("migrate") as process:
        held.read_bytes()
        where = {name: hosts.commands(name) for name in ("north", "south")}
        hosts.kill("north")
        first = fleet.ended(process)

    assert f"--workspace={bonn}" in where["north"]
    assert bonn not in where["south"]
    assert ulm not in where["north"]
    assert first.exit == 3, first.text
    assert first.standings == {"bonn": "unsettled", "ulm": "accepted"}
    assert "'north' was lost" in first.text

    held.unlink()
    away = fleet.run("migrate")

    assert away.exit == 4, away.text
    assert "'north' is not connected" in away.text

    hosts.start("north")
    settled = fleet.run("migrate")

    assert settled.exit == 0, settled.text
    assert settled.standings == {"bonn": "accepted", "ulm": "accepted"}
    assert [row["already"] for row in settled.rollup["workspaces"]] == [False, True]
    assert settled.row("bonn")["rows"] == 6
