"""Test that one command completes or undoes a run over many files that fails at any call.

Their keys are renumbered, and all of them are renamed together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.crash.crash_trial import MISSED, CommandCase, Facts, Trial, facts
from tests.support.crash.injector import FAULTS, Call, calls_of, why_no_injection
from tests.support.crash.pattern_case import fill_with_phones
from tests.support.crash.power_cut import why_no_power_cut

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(bool(why_no_injection()), reason=f"no fault can be injected: {why_no_injection()}"),
    pytest.mark.crash,
]

WAYS = ("migrate", "rollback")
CASE = CommandCase(prepare=fill_with_phones)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pool: Executor) -> tuple[list[Call], dict[str, Facts]]:
    """Return the calls of a run without a fault, and the workspace after and before it."""
    workspace = CASE.begin(tmp_path_factory.mktemp("undisturbed"))
    before = facts(workspace.root)
    calls = pool.submit(calls_of, workspace).result()
    return calls, {"migrate": facts(workspace.root), "rollback": before}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", [4, pytest.param(40, marks=pytest.mark.long)])
def test_run_over_many_files_recovers(
    tmp_path: Path, pool: Executor, undisturbed: tuple[list[Call], dict[str, Facts]], fault: str, number: int
) -> None:
    """Each file is as before or archived, whether the next command goes on or undoes."""
    if fault == "power cut" and (reason := why_no_power_cut()):
        pytest.skip(f"no power can be cut: {reason}")
    calls, good = undisturbed
    step = max(1, len(calls) // number)
    chosen = calls[step // 2 :: step][:number]
    trials = [Trial(fault, call, WAYS[index % 2], journey=CASE) for index, call in enumerate(chosen)]

    tried = [pool.submit(trial.wrong, tmp_path / str(index), good[trial.way]) for index, trial in enumerate(trials)]
    wrong = [text for future in tried if (text := future.result())]

    assert [text for text in wrong if text != MISSED] == []
    assert wrong.count(MISSED) < max(2, number / 10)
