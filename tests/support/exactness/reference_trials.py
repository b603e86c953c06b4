"""Run over workspaces whose tables refer to each other, and compare with the oracle."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.plan.model import Leave, Source, TableMap
from tests.support.exactness.accepting import consolidate
from tests.support.exactness.drawn_references import draw, write
from tests.support.exactness.exact import files
from tests.support.exactness.followed_references import (
    NotPredictedError,
    predict,
    read_rows,
    strays,
    triggers_on_others,
)
from tests.support.exactness.random_run import run_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.exactness.accepting import Verdict
    from tests.support.exactness.drawn_references import Drawn, Scenario
    from tests.support.exactness.followed_references import Contents


@dataclass
class ReferenceTotals:
    """Count how runs ended, and hold each failure with its seed."""

    ends: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def reference_trials(seeds: Iterable[int], folder: str) -> ReferenceTotals:
    """Run one trial for each seed, in this process."""
    totals = ReferenceTotals()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                totals.ends.update(_trial(draw(seed), Path(scratch)))
            except Exception as error:  # noqa: BLE001 -- each failure is reported with its seed, and the others go on
                totals.failures.append(f"seed {seed}: {type(error).__name__}: {error}")
    return totals


def _trial(scenario: Scenario, folder: Path) -> list[str]:
    """Run over a workspace, and return how that ended.

    Raises:
        AssertionError: A child of an accepted run reaches another row, a refusal has no reason or another subject, or
            a refused run changed a file.
    """
    root = folder / "workspace"
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
    wrong = {subject for subject, _ in strays(scenario, sources, before, after)}
    assert subjects == wrong, (sorted(subjects), sorted(wrong), verdict.words)
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
