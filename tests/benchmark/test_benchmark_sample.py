"""Measure the sample, whose 91 rows leave hardly anything to copy."""

from __future__ import annotations

import json
import statistics
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.sample.build import build
from tests.support.benchmark.by_hand import SHELL
from tests.support.benchmark.measuring import measured
from tests.support.benchmark.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.benchmark.measuring import Measured
    from tests.support.benchmark.pairs import Pairs

pytestmark = pytest.mark.benchmark

WHOLE_SECONDS, OURS_SECONDS = 1.5, 1.0


def test_sample_takes_seconds(pairs: Pairs) -> None:
    """The whole run is compared with starts of Python as well."""
    built = build(pairs.folder / "built")
    runs, ours_alone, starts = [], [], []
    for _ in range(pairs.rounds):
        runs.append(pairs.ours("migrate", built))
        (newest,) = sorted((pairs.folder / "reports").glob("*/evidence.json"))[-1:]
        seconds = {stage["id"]: stage["seconds"] for stage in json.loads(newest.read_bytes())["stages"]}
        ours_alone.append(runs[-1].wall - seconds["80-smoke"])
        starts.append(measured([sys.executable, "-c", "pass"], pairs.folder))

    by_hand = [pairs.sample_by_hand(built) for _ in runs] if SHELL else []
    if by_hand:
        pairs.note("sample, the whole run", runs, "by shell", by_hand, WHOLE_SECONDS / _median(by_hand))
    pairs.note("sample, the whole run", runs, "python -c pass", starts, WHOLE_SECONDS / _median(starts))
    whole, ours = _median(runs), statistics.median(ours_alone)
    peak = max(run.peak for run in runs)
    limits = (("the whole run", whole, WHOLE_SECONDS), ("without applications", ours, OURS_SECONDS))
    results = [
        Result(f"sample, {name}", taken, "limit", target, taken / target, 1.0, "s", peak, len(runs))
        for name, taken, target in limits
    ]
    pairs.benchmark.results.extend(results)
    assert all(result.ratio <= 2 for result in results), results


def _median(runs: Sequence[Measured]) -> float:
    return statistics.median(run.wall for run in runs)
