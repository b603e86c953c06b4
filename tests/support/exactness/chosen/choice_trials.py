"""Run over workspaces of which some rows move, and compare with the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.chosen.drawn_choices import (
    RefusedError,
    described,
    draw,
    planned,
    predict,
    predict_renumbered,
    read,
    write,
)
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.exactness.chosen.drawn_choices import Contents, Scenario

_CRITERIA = {"clash": "keys-free", "newer": "keys-free", "adopted": "parents-follow", "stray": "parents-follow"}


def choice_trial(seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: An accepted target is not as predicted, a refusal has another reason, or a refused run changed a
            file or was refused after the preflight.
    """
    scenario, root = draw(seed), folder / "workspace"
    root.mkdir()
    write(scenario, root)
    before = files(root)
    verdict = consolidate(run_of(root, planned(scenario)))
    expected, reason = _predicted(scenario)
    if not reason:
        assert verdict.accepted, verdict.words
        after = read(root / "target.db")
        assert (described(after) if scenario.renumbers else _listed(after)) == expected
        return ["accepted"]
    assert not verdict.accepted, f"accepted in spite of {reason}"
    assert verdict.untouched, verdict.words
    assert files(root) == before, verdict.words
    assert _CRITERIA[reason] in {entry.criterion for entry in verdict.problems}, verdict.words
    return [f"refused for {reason}"]


def _predicted(scenario: Scenario) -> tuple[dict[str, list[str]], str]:
    """Return the predicted target, and the reason why the plan has to be refused."""
    try:
        return predict_renumbered(scenario) if scenario.renumbers else _listed(predict(scenario)), ""
    except RefusedError as error:
        return {}, str(error)


def _listed(contents: Contents) -> dict[str, list[str]]:
    return {table: sorted(map(repr, rows.values())) for table, rows in contents.items()}
