"""Test that one command completes or undoes a run that fails at any system call.

The run is killed, its disk is full, or the disk fails.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.crash.crash_trial import MISSED, Facts, Trial, facts, fresh
from tests.support.crash.injector import FAULTS, Call, calls_of, why_no_injection
from tests.support.crash.power_cut import why_no_power_cut
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_no_injection()), reason=f"no fault can be injected: {why_no_injection()}")

WAYS = ("migrate", "rollback")
TWICE = "kill, and the recovery as well"
FAULT_NAMES = (*FAULTS, TWICE)
FEW, CI, LONG = 1, 20, 200  # calls of each fault and recovery; there are two recoveries


@dataclass(frozen=True)
class Undisturbed:
    """Hold the calls of runs without a fault, and the workspace before and after them."""

    calls: dict[str, list[Call]]
    before: Facts
    after: Facts

    def trials(self, number: int, fault_name: str, way: str) -> list[Trial]:
        """Return trials that are spread evenly over the run, at other calls for each recovery."""
        calls, at = self.calls["migrate"], WAYS.index(way)
        step = max(1, len(calls) // number)
        fault = "kill" if fault_name == TWICE else fault_name
        draw = random.Random(f"{fault_name} {way}")  # noqa: S311 -- a sample, the same one each time
        return [
            Trial(fault, call, way, draw.choice(self.calls[way]) if fault_name == TWICE else None)
            for call in calls[at * step // 2 :: step][:number]
        ]

    def good(self, way: str) -> Facts:
        """Return what the workspace has to be after that recovery."""
        return self.after if way == "migrate" else self.before


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pool: Executor) -> Undisturbed:
    """Run each command without a fault, in the pool.

    Modules that are imported already cause no calls.
    """
    workspace = fresh(tmp_path_factory.mktemp("undisturbed"))
    before = facts(workspace.root)
    calls = pool.submit(calls_of, workspace).result()
    after = facts(workspace.root)
    return Undisturbed(
        {"migrate": calls, "rollback": pool.submit(calls_of, workspace, "rollback").result()}, before, after
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fault", "number"),
    [
        *thorough(("kill", FEW), ("disk full", FEW)),
        *(pytest.param(fault, CI, marks=pytest.mark.crash) for fault in FAULT_NAMES),
        *(pytest.param(fault, LONG, marks=pytest.mark.long) for fault in FAULT_NAMES),
    ],
)
def test_one_command_recovers_from_a_fault(
    tmp_path: Path, pool: Executor, undisturbed: Undisturbed, fault: str, number: int, way: str
) -> None:
    """Rows, schema, code, names and modes are as after or before a good run.

    No backup is lost, and no file is left over.
    """
    if fault == "power cut" and (reason := why_no_power_cut()):
        pytest.skip(f"no power can be cut: {reason}")

    trials = undisturbed.trials(number, fault, way)
    tried = [
        pool.submit(trial.wrong, tmp_path / str(index), undisturbed.good(way)) for index, trial in enumerate(trials)
    ]
    wrong = [text for future in tried if (text := future.result())]

    assert [text for text in wrong if text != MISSED] == []
    assert len(trials) == number
    assert wrong.count(MISSED) < max(2, number / 10)
