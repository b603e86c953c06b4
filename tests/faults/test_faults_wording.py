"""Hold the wording of the self-test's evidence in one place.

The other tests of this folder compare criteria, exit codes and changes.
"""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.faults.catalogue import FAULTS
from sqlite_consolidate.faults.trials.trial import TrialResult, judge_fault, judge_faultless

FAULT = next(fault for fault in FAULTS if fault.criterion == "rows-exact")


@pytest.mark.parametrize(
    ("result", "observed"),
    [
        (
            TrialResult(planted=True, exit=ExitCode.FAILED, failed=("rows-exact",)),
            "exit 1, refused by rows-exact, nothing changed",
        ),
        (
            TrialResult(planted=True, exit=ExitCode.FAILED, failed=("rows-exact",), changed=("main.db",)),
            "exit 1, refused by rows-exact, changed: main.db",
        ),
        (TrialResult(exit=ExitCode.REFUSED), "exit 4, no criterion refused, before the fault was planted"),
        (TrialResult(broken="it took more than 60 s"), "no exit code: it took more than 60 s"),
    ],
    ids=["noticed", "changed", "not planted", "timed out"],
)
def test_evidence_of_a_fault_is_worded(result: TrialResult, observed: str) -> None:
    """Expected and observed have the same parts."""
    evidence = judge_fault(FAULT, result)

    assert evidence.expected == "exit 1, refused by rows-exact, nothing changed"
    assert evidence.observed == observed


def test_hints_of_the_selftest_are_worded() -> None:
    """A hint is an imperative sentence."""
    unnoticed = judge_fault(FAULT, TrialResult(planted=True, exit=ExitCode.ACCEPTED))
    refused = judge_faultless("migrate", TrialResult(exit=ExitCode.REFUSED))

    assert unnoticed.todo == "Do not rely on this criterion here. Report it with this bundle."
    assert refused.todo == "Fix the problems that a rehearsal reports first."
