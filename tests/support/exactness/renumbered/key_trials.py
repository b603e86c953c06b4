"""Run over workspaces whose keys are renumbered, and compare with the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of
from tests.support.exactness.renumbered.drawn_keys import draw, planned, read, sentinels_at_rows, write, wrong_rows

if TYPE_CHECKING:
    from pathlib import Path


def key_trial(seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: A row of an accepted run is not as it was or reaches another row, or a refused run changed a
            file, was refused after the preflight, or was refused without need.
    """
    keyed, root = draw(seed), folder / "workspace"
    root.mkdir()
    write(keyed, root)
    before = files(root)
    verdict = consolidate(run_of(root, planned(keyed)))
    if verdict.accepted:
        wrong = [*wrong_rows(keyed, read(root / "target.db", keyed))]
        assert not wrong, wrong
        return ["accepted"]
    assert verdict.untouched, verdict.words
    assert files(root) == before, verdict.words
    criteria = {entry.criterion for entry in verdict.problems}
    assert criteria == {"parents-follow"}, verdict.words
    assert any(sentinels_at_rows(keyed)), verdict.words
    return ["refused for references"]
