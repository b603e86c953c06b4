"""Test random schemas and rows against the oracle.

An accepted run is exact, and a refused run has changed nothing.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.drawn_databases import Workspace, corpus_settings, workspaces
from tests.support.exactness.exact import differences, files
from tests.support.exactness.oracle import read_copy
from tests.support.exactness.random_run import run_over
from tests.support.exactness.writing import build
from tests.support.pages.program import need_page_reader, use_pages_for_every_size
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from tests.support.exactness.accepting import Verdict


def _one(workspace: Workspace, folder: Path) -> Verdict:
    """Build the files, consolidate them, and compare."""
    root = folder / "workspace"
    root.mkdir()
    build(workspace, root)
    before = files(root)
    sources = [read_copy(root / database.file) for database in workspace.sources]
    target = read_copy(root / "target.db") if workspace.target else None
    tables = {
        database.file: list(contents.tables) for database, contents in zip(workspace.sources, sources, strict=True)
    }
    run = run_over(root, tables, policy=workspace.policy)

    verdict = consolidate(run)

    if verdict.accepted:
        wrong = differences(target, sources, read_copy(root / "target.db"), policy=workspace.policy)
        assert not wrong, wrong
    else:
        assert verdict.untouched, verdict.words
        assert files(root) == before
        assert verdict.problems, verdict.words
        assert all(entry.observed and entry.todo for entry in verdict.problems)
    return verdict


def _many(folder: Path, examples: int, *, derandomize: bool) -> Counter[str]:
    """Count the examples that were accepted, and those refused by each criterion."""
    verdicts: Counter[str] = Counter()

    @corpus_settings(examples, derandomize=derandomize)
    @given(workspaces())
    def consolidated(workspace: Workspace) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            verdict = _one(workspace, Path(made))
        verdicts["accepted" if verdict.accepted else " ".join(sorted({p.criterion for p in verdict.problems}))] += 1

    consolidated()
    return verdicts


@pytest.mark.parametrize("number", [2, *thorough(20)])
def test_sample_of_random_workspaces_is_exact_or_refused(scratch: Path, number: int) -> None:
    """At least seven of ten workspaces are accepted."""
    verdicts = _many(scratch, number, derandomize=True)

    assert verdicts["accepted"] >= 0.7 * verdicts.total(), verdicts


@pytest.mark.thorough
def test_random_workspaces_are_exact_by_the_page_reader(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle, which knows no page reader, finds no difference."""
    need_page_reader(monkeypatch)
    use_pages_for_every_size(monkeypatch)

    verdicts = _many(scratch, 10, derandomize=True)

    assert verdicts["accepted"] >= 0.7 * verdicts.total(), verdicts


@pytest.mark.long
def test_two_thousand_random_workspaces_are_exact_or_refused(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run has other workspaces."""
    verdicts = _many(scratch, 2000, derandomize=False)

    with capsys.disabled():
        print(verdicts)  # noqa: T201 -- a long run is made for its figures
    assert verdicts["accepted"] >= 0.7 * verdicts.total(), verdicts
