"""Test fifty workspaces on two hosts through one failure after the other.

Run it with ``pytest -m long tests/fleet``.
"""

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
    """Return the number of workspaces of each standing."""
    return Counter(ran.standings.values())


def test_fifty_workspaces_are_consolidated_after_every_failure(tmp_path: Path, hosts: Hosts) -> None:
    """A canary fails, a workspace fails, and a host dies.

    Each is named, and all are accepted in the end.
    """
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
        after_loss = fleet.ended(process, deadline=1200)

    lost = {name for name, standing in after_loss.standings.items() if standing == "unsettled"}
    assert after_loss.exit == 3, after_loss.text
    assert after_loss.standings[BROKEN] == "failed"
    assert HELD in lost
    assert all(name.startswith("north") for name in lost)
    assert counted(after_loss) == {"accepted": 49 - len(lost), "unsettled": len(lost), "failed": 1}

    held.unlink()
    hosts.start("north")
    recovered = fleet.run("migrate", deadline=1200)

    assert recovered.exit == 1, recovered.text
    assert counted(recovered) == {"accepted": 49, "failed": 1}
    again = {name for name in NAMES if not recovered.row(name)["already"]}
    assert again == lost | {BROKEN}

    mend(fleet, BROKEN)
    whole = fleet.run("migrate", deadline=1200)
    back = fleet.run("rollback", deadline=1200)

    assert (whole.exit, back.exit) == (0, 0), whole.text + back.text
    assert [row["already"] for row in whole.rollup["workspaces"]].count(False) == 1
    for name in NAMES:  # this test has edited the plans of three
        after = fleet.workspace(name).contents()
        assert {**after, "consolidation.toml": ""} == {**before[name], "consolidation.toml": ""}
