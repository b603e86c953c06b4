"""Run over workspaces whose plans combine keys, and compare with the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.combined.combination_oracle import Refused, differences, numbered, predict
from tests.support.exactness.combined.drawn_combinations import TARGET, draw, planned, read, write
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of

if TYPE_CHECKING:
    from pathlib import Path


def combination_trial(seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: The run ended otherwise than the oracle predicts, or a refused run changed a file.
    """
    drawn, root = draw(seed), folder / "workspace"
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
        return ["accepted"]
    assert reason, verdict.words
    assert verdict.untouched, verdict.words
    assert files(root) == before, verdict.words
    return [f"refused: {reason}"]
