"""Run over workspaces whose tables refer to each other, and compare with the oracle."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.plan.model import Leave, Source, TableMap
from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of
from tests.support.exactness.referring.drawn_references import draw, write
from tests.support.exactness.referring.followed_references import (
    NotPredictedError,
    predict,
    read_rows,
    strays,
    triggers_on_others,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.exactness.accepting import Verdict
    from tests.support.exactness.referring.drawn_references import Drawn, Scenario
    from tests.support.exactness.referring.followed_references import Contents


def reference_trial(seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: A child of an accepted run reaches another row, a refusal has no reason or another subject, or
            a refused run changed a file.
    """
    scenario, root = draw(seed), folder / "workspace"
    root.mkdir()
    write(scenario, root)
    bytes_before = files(root)
    sources = {source.file: read_rows(root / source.file) for source in scenario.sources}
    before = read_rows(root / "target.db") if scenario.target else {}
    verdict = consolidate(run_of(root, [_planned(scenario, source) for source in scenario.sources]))
    if verdict.accepted:
        after = read_rows(root / "target.db")
        wrong = [*strays(scenario, sources, before, after)]
        assert not wrong, wrong
        triggers = triggers_on_others(scenario, root, sources, before)
        assert not triggers, triggers
        assert _as_counters(after) == _as_counters(predict(scenario, sources, before)), "not as predicted"
        return ["accepted"]
    kept = {name: data for name, data in files(root).items() if not name.startswith("backups/")}
    assert kept == bytes_before, verdict.words
    return _refused(scenario, verdict, sources, before)


def _refused(scenario: Scenario, verdict: Verdict, sources: dict[str, Contents], before: Contents) -> list[str]:
    criteria = {entry.criterion for entry in verdict.wrong}
    subjects = {entry.subject for entry in verdict.problems if entry.criterion == "parents-follow"}
    assert not criteria & {"foreign-keys", "references-kept"}, f"refused after preflight: {verdict.words}"
    ends = ["refused after preflight: " + " ".join(sorted(criteria))] if not verdict.untouched else []
    try:
        after = predict(scenario, sources, before)
    except NotPredictedError:
        return [*ends, "refused for keys"]
    if criteria - {"parents-follow"} and not subjects:
        return [*ends, f"refused for {' '.join(sorted(criteria))}"]
    # A table that is refused for another reason has no further problem about its references.
    otherwise = {entry.subject for entry in verdict.problems if entry.criterion != "parents-follow"}
    wrong = {subject for subject, _ in strays(scenario, sources, before, after)}
    assert wrong - otherwise <= subjects <= wrong, (sorted(subjects), sorted(wrong), verdict.words)
    return [*ends, "refused for references"]


def _planned(scenario: Scenario, source: Drawn) -> Source:
    moves = scenario.moves[source.file]
    maps = [
        TableMap.model_validate(
            {
                "name": move.table,
                "on_conflict": move.policy,
                **({} if move.into == move.table else {"into": move.into}),
                **({"create": move.create} if move.create else {}),
            }
        )
        for move in moves
    ]
    left = [Leave(tables=(name,), reason="drawn") for name in scenario.shapes if name not in {m.table for m in moves}]
    return Source(name=source.file.removesuffix(".db"), file=source.file, tables=maps, leave=left)


def _as_counters(contents: Contents) -> dict[str, Counter[str]]:
    return {name: Counter(repr(sorted(row.items())) for row in rows) for name, rows in contents.items() if rows}
