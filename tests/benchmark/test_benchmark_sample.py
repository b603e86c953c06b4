"""The 91 rows of the sample: what is left when there is hardly anything to copy."""

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


def test_the_sample_takes_seconds(pairs: Pairs) -> None:
    """The whole run takes three seconds, of which the stages without the applications take less than one."""
    built = build(pairs.folder / "built")
    runs, stages = [], []
    for _ in range(pairs.rounds):
        runs.append(pairs.ours("migrate", built))
        (newest,) = sorted((pairs.folder / "reports").glob("*/evidence.json"))[-1:]
        seconds = {one["id"]: one["seconds"] for one in json.loads(newest.read_bytes())["stages"]}
        stages.append(sum(seconds.values()) - seconds["80-smoke"])

    by_hand = [pairs.sample_by_hand(built) for _ in runs] if SHELL else []
    if by_hand:
        pairs.note("sample, the whole run", runs, "by shell", by_hand, WHOLE_SECONDS / _median(by_hand))
    whole, ours = _median(runs), statistics.median(stages)
    peak = max(one.peak for one in runs)
    limits = (("the whole run", whole, WHOLE_SECONDS), ("without start and applications", ours, OURS_SECONDS))
    results = [
        Result(f"sample, {name}", taken, "limit", target, taken / target, 1.0, "s", peak, len(runs))
        for name, taken, target in limits
    ]
    pairs.results.extend(results)
    assert all(one.ratio <= 2 for one in results), results


def _median(runs: Sequence[Measured]) -> float:
    return statistics.median(one.wall for one in runs)
