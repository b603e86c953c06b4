"""Run over workspaces whose rows match, and compare with the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import files
from tests.support.exactness.matched.drawn_matches import TARGET, draw, planned, read, write
from tests.support.exactness.matched.match_oracle import Refused, differences, numbered, predict
from tests.support.exactness.random_run import run_of
from tests.support.exactness.reference_trials import ReferenceTotals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.exactness.matched.drawn_matches import Drawn


def match_trials(seeds: Iterable[int], folder: str) -> ReferenceTotals:
    """Run one trial for each seed, in this process."""
    totals = ReferenceTotals()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                totals.ends[_trial(draw(seed), Path(scratch))] += 1
            except Exception as error:  # noqa: BLE001 -- each failure is reported with its seed, and the others go on
                totals.failures.append(f"seed {seed}: {type(error).__name__}: {error}")
    return totals


def _trial(drawn: Drawn, folder: Path) -> str:
    """Run over a workspace, and return how that ended.

    Raises:
        AssertionError: The run ended otherwise than the oracle predicts, or a refused run changed a file.
    """
    root = folder / "workspace"
    root.mkdir()
    write(drawn, root)
    before = files(root)
    try:
        state, reason = predict(drawn), ""
    except Refused as refusal:
        state, reason = {}, str(refusal)
    verdict = consolidate(run_of(root, planned(drawn)))
    if verdict.accepted:
        assert not reason, f"accepted, and {reason}"
        after = read(root / TARGET, drawn)
        wrong = differences(numbered(drawn, state, after), after)
        assert not wrong, wrong
        return "accepted"
    assert reason, verdict.words
    assert verdict.untouched, verdict.words
    assert files(root) == before, verdict.words
    return f"refused: {reason}"
