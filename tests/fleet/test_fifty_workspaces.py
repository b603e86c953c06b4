"""Fifty workspaces on two hosts, and everything that can go wrong with them in turn: pytest -m long tests/fleet."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.fleet_run import break_smoke, hold, small_fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fleet.conftest import Hosts
    from tests.support.workspaces.fleet_run import Fleet, RolledUp

pytestmark = pytest.mark.long

NAMES = [f"{host}{number:02}" for host in ("north", "south") for number in range(25)]
CANARY, BROKEN, HELD = "north00", "south12", "north12"

FILE = """\
scheduler = "{scheduler}"
batch     = 60

[[workspace]]
path   = "north*/workspace"
worker = "north"

[[workspace]]
path   = "south*/workspace"
worker = "south"
"""


def mend(fleet: Fleet, name: str) -> None:
    """Undo what broke a workspace."""
    fleet.workspace(name).edit("consolidation.toml", '"^4$"', '"^3$"')


def counted(ran: RolledUp) -> Counter[str]:
    """Return how many workspaces are of each standing."""
    return Counter(ran.standings.values())


def test_fifty_workspaces_come_through_every_mishap(tmp_path: Path, hosts: Hosts) -> None:
    """A canary that fails, one that fails in the middle, a host that dies: each is named, and in the end all are in."""
    fleet = small_fleet(tmp_path, " ".join(NAMES), FILE.format(scheduler=hosts.scheduler))
    before = dict(zip(NAMES, fleet.contents(*NAMES), strict=True))
    break_smoke(fleet.workspace(CANARY))
    break_smoke(fleet.workspace(BROKEN))

    stopped = fleet.run("migrate", deadline=600)

    assert stopped.exit == 1, stopped.text
    assert counted(stopped) == {"failed": 1, "not run": 49}
    assert stopped.standings[CANARY] == "failed"

    mend(fleet, CANARY)
    held = hold(fleet.workspace(HELD))
    fleet.file.write_text(f"keep_going = true\n{fleet.file.read_text()}")
    with fleet.started("migrate") as process:
        held.read_bytes()
        hosts.kill("north")
        hit = fleet.ended(process, deadline=1200)

    lost = {name for name, standing in hit.standings.items() if standing == "unsettled"}
    assert hit.exit == 3, hit.text
    assert hit.standings[BROKEN] == "failed"
    assert HELD in lost
    assert all(name.startswith("north") for name in lost)
    assert counted(hit) == {"accepted": 49 - len(lost), "unsettled": len(lost), "failed": 1}

    held.unlink()
    hosts.start("north")
    settled = fleet.run("migrate", deadline=1200)

    assert settled.exit == 1, settled.text
    assert counted(settled) == {"accepted": 49, "failed": 1}
    again = {name for name in NAMES if not settled.row(name)["already"]}
    assert again == lost | {BROKEN}

    mend(fleet, BROKEN)
    whole = fleet.run("migrate", deadline=1200)
    back = fleet.run("rollback", deadline=1200)

    assert (whole.exit, back.exit) == (0, 0), whole.text + back.text
    assert [row["already"] for row in whole.rollup["workspaces"]].count(False) == 1
    for name in NAMES:  # the plans of three were edited in between, by this test
        after = fleet.workspace(name).contents()
        assert {**after, "consolidation.toml": ""} == {**before[name], "consolidation.toml": ""}
