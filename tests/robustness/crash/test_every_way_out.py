"""Every way out: killed, out of room or failed by the disk at any call, a run is completed or undone by one command."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.crash.crash_trial import MISSED, Facts, Trial, facts, fresh
from tests.support.crash.injector import FAULTS, Call, calls_of, why_no_injection
from tests.support.crash.power_cut import why_no_power_cut

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_no_injection()), reason=f"no fault can be injected: {why_no_injection()}")

WAYS = ("migrate", "rollback")
TWICE = "kill, and the recovery as well"
HAPPEN = (*FAULTS, TWICE)
FEW, CI, LONG = 1, 20, 200  # calls of each fault and way back; there are two ways


@dataclass(frozen=True)
class Undisturbed:
    """Runs in which nothing went wrong: the calls of each command, and what the workspace is before and after it."""

    calls: dict[str, list[Call]]
    before: Facts
    after: Facts

    def trials(self, number: int, what: str, way: str) -> list[Trial]:
        """Return that many, spread evenly over the run; at other calls for each way back."""
        calls, at = self.calls["migrate"], WAYS.index(way)
        step = max(1, len(calls) // number)
        fault = "kill" if what == TWICE else what
        draw = random.Random(f"{what} {way}")  # noqa: S311 -- a sample, the same one each time
        return [
            Trial(fault, call, way, draw.choice(self.calls[way]) if what == TWICE else None)
            for call in calls[at * step // 2 :: step][:number]
        ]

    def good(self, way: str) -> Facts:
        """Return what the workspace has to be after that way back."""
        return self.after if way == "migrate" else self.before


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pool: Executor) -> Undisturbed:
    """The runs that all others are compared with; made where those are: what was imported before counts no calls."""
    workspace = fresh(tmp_path_factory.mktemp("undisturbed"))
    before = facts(workspace.root)
    there = pool.submit(calls_of, workspace).result()
    after = facts(workspace.root)
    return Undisturbed(
        {"migrate": there, "rollback": pool.submit(calls_of, workspace, "rollback").result()}, before, after
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("what", "number"),
    [
        *((what, FEW) for what in ("kill", "disk full")),
        *(pytest.param(what, CI, marks=pytest.mark.crash) for what in HAPPEN),
        *(pytest.param(what, LONG, marks=pytest.mark.long) for what in HAPPEN),
    ],
)
def test_one_command_leads_out(
    tmp_path: Path, pool: Executor, undisturbed: Undisturbed, what: str, number: int, way: str
) -> None:
    """Rows, schema, code, names and modes are as after a good run, or as before; no backup is lost, nothing is left."""
    if what == "power cut" and (why := why_no_power_cut()):
        pytest.skip(f"no power can be cut: {why}")

    trials = undisturbed.trials(number, what, way)
    tried = [pool.submit(trial.wrong, tmp_path / str(at), undisturbed.good(way)) for at, trial in enumerate(trials)]
    wrong = [words for one in tried if (words := one.result())]

    assert [words for words in wrong if words != MISSED] == []
    assert len(trials) == number
    assert wrong.count(MISSED) < max(2, number / 10)
