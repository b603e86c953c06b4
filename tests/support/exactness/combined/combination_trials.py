"""Run over workspaces whose plans combine keys, and compare with the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.exactness.combined.combination_oracle import numbered, predict
from tests.support.exactness.combined.drawn_combinations import TARGET, draw, planned, read, write
from tests.support.exactness.predicted_trial import differences, run_as_predicted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def combination_trial(seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: The run ended otherwise than the oracle predicts, or a refused run changed a file.
    """
    drawn, root = draw(seed), folder / "workspace"
    root.mkdir()
    write(drawn, root)

    def predicted() -> Callable[[], list[str]]:
        state = predict(drawn)

        def compare() -> list[str]:
            after = read(root / TARGET, drawn)
            return differences(numbered(drawn, state, after), after)

        return compare

    return run_as_predicted(root, planned(drawn), predicted)
