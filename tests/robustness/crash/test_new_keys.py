"""Test that one command completes or undoes a run with new keys that fails at any call.

There are many files that are renamed together, and files whose rows match and update others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.crash.crash_trial import MISSED, CommandCase, Facts, Trial, facts
from tests.support.crash.injector import FAULTS, Call, calls_of, why_no_injection
from tests.support.crash.new_keys_cases import fill_with_phones, fill_with_sites
from tests.support.crash.power_cut import why_no_power_cut

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(bool(why_no_injection()), reason=f"no fault can be injected: {why_no_injection()}"),
    pytest.mark.crash,
]

WAYS = ("migrate", "rollback")
CASES = {"many files": CommandCase(prepare=fill_with_phones), "matched rows": CommandCase(prepare=fill_with_sites)}


@pytest.fixture(scope="module", params=CASES)
def undisturbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pool: Executor
) -> tuple[CommandCase, list[Call], dict[str, Facts]]:
    """Return a case, the calls of its run without a fault, and what is there afterwards."""
    case = CASES[request.param]
    workspace = case.begin(tmp_path_factory.mktemp("undisturbed"))
    before = facts(workspace.root)
    calls = pool.submit(calls_of, workspace).result()
    return case, calls, {"migrate": facts(workspace.root), "rollback": before}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", [4, pytest.param(40, marks=pytest.mark.long)])
def test_run_with_new_keys_recovers(
    tmp_path: Path,
    pool: Executor,
    undisturbed: tuple[CommandCase, list[Call], dict[str, Facts]],
    fault: str,
    number: int,
) -> None:
    """Each file is as before or archived, whether the next command goes on or undoes."""
    if fault == "power cut" and (reason := why_no_power_cut()):
        pytest.skip(f"no power can be cut: {reason}")
    case, calls, good = undisturbed
    step = max(1, len(calls) // number)
    chosen = calls[step // 2 :: step][:number]
    trials = [Trial(fault, call, WAYS[index % 2], journey=case) for index, call in enumerate(chosen)]

    tried = [pool.submit(trial.wrong, tmp_path / str(index), good[trial.way]) for index, trial in enumerate(trials)]
    wrong = [text for future in tried if (text := future.result())]

    assert [text for text in wrong if text != MISSED] == []
    assert wrong.count(MISSED) < max(2, number / 10)
