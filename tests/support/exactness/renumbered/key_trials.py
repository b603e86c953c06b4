"""Run over workspaces whose keys are renumbered, and compare with the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of
from tests.support.exactness.reference_trials import ReferenceTotals
from tests.support.exactness.renumbered.drawn_keys import draw, planned, read, sentinels_at_rows, write, wrong_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.exactness.renumbered.drawn_keys import Keyed


def key_trials(seeds: Iterable[int], folder: str) -> ReferenceTotals:
    """Run one trial for each seed, in this process."""
    totals = ReferenceTotals()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                totals.ends[_trial(draw(seed), Path(scratch))] += 1
            except Exception as error:  # noqa: BLE001 -- each failure is reported with its seed, and the others go on
                totals.failures.append(f"seed {seed}: {type(error).__name__}: {error}")
    return totals


def _trial(keyed: Keyed, folder: Path) -> str:
    """Run over a workspace, and return how that ended.

    Raises:
        AssertionError: A row of an accepted run is not as it was or reaches another row, or a refused run changed a
            file, was refused after the preflight, or was refused without need.
    """
    root = folder / "workspace"
    root.mkdir()
    write(keyed, root)
    before = files(root)
    verdict = consolidate(run_of(root, planned(keyed)))
    if verdict.accepted:
        wrong = [*wrong_rows(keyed, read(root / "target.db", keyed))]
        assert not wrong, wrong
        return "accepted"
    assert verdict.untouched, verdict.words
    assert files(root) == before, verdict.words
    criteria = {entry.criterion for entry in verdict.problems}
    assert criteria == {"parents-follow"}, verdict.words
    assert any(sentinels_at_rows(keyed)), verdict.words
    return "refused for references"
