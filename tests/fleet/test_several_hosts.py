"""Test workspaces on several hosts.

Each run is on the host of its files, and the next run recovers a host that died.
"""

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
def test_killed_worker_is_recovered_by_the_next_run(tmp_path: Path, hosts: Hosts) -> None:
    """The lost run is unsettled and not repeated. It is consolidated once the worker is back."""
    fleet = small_fleet(tmp_path, "bonn ulm", FILE.format(scheduler=hosts.scheduler))
    bonn, ulm = (str(fleet.workspace(name).root) for name in ("bonn", "ulm"))
    held = hold(fleet.workspace("bonn"))

    with fleet.started("migrate") as process:
        held.read_bytes()
        commands = {name: hosts.commands(name) for name in ("north", "south")}
        hosts.kill("north")
        first = fleet.ended(process)

    assert f"--workspace={bonn}" in commands["north"]
    assert bonn not in commands["south"]
    assert ulm not in commands["north"]
    assert first.exit == 3, first.text
    assert first.standings == {"bonn": "unsettled", "ulm": "accepted"}
    assert "'north' was lost" in first.text

    held.unlink()
    away = fleet.run("migrate")

    assert away.exit == 4, away.text
    assert "'north' is not connected" in away.text

    hosts.start("north")
    recovered = fleet.run("migrate")

    assert recovered.exit == 0, recovered.text
    assert recovered.standings == {"bonn": "accepted", "ulm": "accepted"}
    assert [row["already"] for row in recovered.rollup["workspaces"]] == [False, True]
    assert recovered.row("bonn")["rows"] == 6
