"""Test that the bundle of a random run agrees with itself."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.report.bundle_check.checks import failed_observations
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.exactness.drawn_databases import Workspace, corpus_settings, workspaces
from tests.support.exactness.oracle import read_copy
from tests.support.exactness.writing import build
from tests.support.workspaces.whole_run import bundle_path

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.verdict import Verdict


def _plan_of(workspace: Workspace, root: Path) -> str:
    """Return a plan that moves every table of each source.

    TOML reads JSON's strings.
    """
    lines = ["format = 1", 'name = "random"', 'target = "target.db"']
    for source in workspace.sources:
        lines += ["[[source]]", f'name = "{source.file.removesuffix(".db")}"', f'file = "{source.file}"']
        for name in read_copy(root / source.file).tables:
            lines += ["[[source.table]]", f"name = {json.dumps(name, ensure_ascii=False)}".replace("\x7f", "\\u007f")]
            lines += [f'on_conflict = "{workspace.policy}"'] if workspace.policy and name == "shared" else []
    return "\n".join(lines) + "\n"


def _verdict_of(workspace: Workspace, folder: Path) -> Verdict:
    """Build the files, consolidate them, and compare each file of the bundle with the others."""
    root, plan = folder / "workspace", folder / "plan.toml"
    root.mkdir()
    build(workspace, root)
    plan.write_text(_plan_of(workspace, root), "utf-8")

    result = consolidate(load_plan(plan), workspace=root, reports=folder / "reports")

    assert result.folder is not None
    contents = parse_bundle(read_bundle(bundle_path(result.folder)))
    assert failed_observations(contents) == []
    return result.verdict


def _verdicts_of(folder: Path, examples: int, *, derandomize: bool) -> Counter[Verdict]:
    """Count the verdicts of runs over random workspaces."""
    verdicts: Counter[Verdict] = Counter()

    @corpus_settings(examples, derandomize=derandomize)
    @given(workspaces())
    def holds(workspace: Workspace) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            verdicts[_verdict_of(workspace, Path(made))] += 1

    holds()
    return verdicts


@pytest.mark.thorough
def test_bundles_of_a_sample_of_random_runs_agree(scratch: Path) -> None:
    """Most of the ten workspaces are accepted."""
    verdicts = _verdicts_of(scratch, 10, derandomize=True)

    assert verdicts["accepted"] >= 0.7 * verdicts.total(), verdicts


@pytest.mark.long
def test_bundles_of_a_thousand_random_runs_agree(scratch: Path) -> None:
    """Each run has other workspaces."""
    verdicts = _verdicts_of(scratch, 1000, derandomize=False)

    assert verdicts["accepted"] >= 0.7 * verdicts.total(), verdicts
