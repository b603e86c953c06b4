"""Measure the sample, whose 91 rows leave hardly anything to copy."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.sample.build import build
from tests.support.benchmark.by_hand import SHELL
from tests.support.benchmark.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.benchmark.measuring import Measured
    from tests.support.benchmark.pairs import Pairs

pytestmark = pytest.mark.benchmark

WHOLE_SECONDS, OURS_SECONDS = 3.0, 0.7


def test_sample_takes_seconds(pairs: Pairs) -> None:
    """The whole run takes three seconds, and its stages without applications less than one."""
    built = build(pairs.folder / "built")
    runs, stages = [], []
    for _ in range(pairs.rounds):
        runs.append(pairs.ours("migrate", built))
        (newest,) = sorted((pairs.folder / "reports").glob("*/evidence.json"))[-1:]
        seconds = {stage["id"]: stage["seconds"] for stage in json.loads(newest.read_bytes())["stages"]}
        stages.append(sum(seconds.values()) - seconds["80-smoke"])

    by_hand = [pairs.sample_by_hand(built) for _ in runs] if SHELL else []
    if by_hand:
        pairs.note("sample, the whole run", runs, "by shell", by_hand, WHOLE_SECONDS / _median(by_hand))
    whole, ours = _median(runs), statistics.median(stages)
    peak = max(run.peak for run in runs)
    limits = (("the whole run", whole, WHOLE_SECONDS), ("without start and applications", ours, OURS_SECONDS))
    results = [
        Result(f"sample, {name}", taken, "limit", target, taken / target, 1.0, "s", peak, len(runs))
        for name, taken, target in limits
    ]
    pairs.results.extend(results)
    assert all(result.ratio <= 2 for result in results), results


def _median(runs: Sequence[Measured]) -> float:
    return statistics.median(run.wall for run in runs)
