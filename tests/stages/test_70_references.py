"""Stage 70: the code that named the old databases is rewritten, and a diff is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine.observation import Observation
from migration.engine.references import compile_observations, updated_observations
from migration.engine.scan import listed, mentions, stale_observations

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("70-references"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(7010)
def test_the_code_is_rewritten(run: Run, state: RunState) -> None:
    """Every reference is rewritten through its syntax; comments and formatting are kept."""
    state.diff = run.rewrite_code()

    assert bool(state.diff) == bool(run.rewrites)


@pytest.mark.order(7020)
@pytest.mark.criterion("references-updated")
def test_the_code_uses_the_target(run: Run, evidence: Recorder) -> None:
    """Each expression of the plan is gone, and its replacement is there."""
    seen = updated_observations(run.root, run.plan.references)

    wrong = evidence(
        "references-updated", seen or [Observation("plan", "its references", "the plan names none", holds=True)]
    )

    assert not wrong, wrong


@pytest.mark.order(7030)
@pytest.mark.criterion("no-stale-references")
def test_nothing_names_an_old_database_any_more(run: Run, evidence: Recorder, state: RunState) -> None:
    """No code or configuration in the scanned trees names an archived database; documentation that does is listed."""
    found = mentions(run.scan_scope(state.settings.reports))

    state.findings += listed(found, run.plan.scan.exempt)
    wrong = evidence("no-stale-references", stale_observations(found))

    assert not wrong, wrong


@pytest.mark.order(7040)
@pytest.mark.criterion("code-compiles")
def test_every_rewritten_file_compiles(run: Run, evidence: Recorder) -> None:
    """Each rewritten Python file is valid Python."""
    files = [rewrite.file for rewrite in run.rewrites]

    seen = compile_observations(run.root, files)

    wrong = evidence(
        "code-compiles", seen or [Observation("code", "valid Python", "no Python file was rewritten", holds=True)]
    )

    assert not wrong, wrong
