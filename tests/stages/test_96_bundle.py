"""Stage 96: judge a bundle by what is in it, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import BUNDLE

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("96-bundle"), pytest.mark.verify]


@pytest.mark.order(9605)
def test_bundle_is_read(run: Pipeline) -> None:
    """The files of the bundle are read; nothing in them is trusted."""
    run.perform(BUNDLE)


@pytest.mark.order(9610)
@pytest.mark.criterion("bundle-whole")
def test_files_are_as_their_run_left_them(check: Check) -> None:
    """Size and sha256 of each file are those of the manifest."""
    check("bundle-whole")


@pytest.mark.order(9620)
@pytest.mark.criterion("evidence-valid")
def test_evidence_is_of_its_schema(check: Check) -> None:
    """The evidence is JSON of a schema that this release knows."""
    check("evidence-valid")


@pytest.mark.order(9630)
@pytest.mark.criterion("verdict-follows")
def test_verdict_follows_from_the_criteria(check: Check) -> None:
    """The verdict is that of the engine's own function over the evidence."""
    check("verdict-follows")


@pytest.mark.order(9635)
@pytest.mark.criterion("evidence-consistent")
def test_evidence_is_consistent(check: Check) -> None:
    """What passed is what was expected, and each entry that the plan demands is there."""
    check("evidence-consistent")


@pytest.mark.order(9640)
@pytest.mark.criterion("counts-add-up")
def test_counts_add_up(check: Check) -> None:
    """Table by table, rows before and rows moved make rows after."""
    check("counts-add-up")


@pytest.mark.order(9650)
@pytest.mark.criterion("files-agree")
def test_files_agree_with_the_evidence(check: Check) -> None:
    """Manifest, summary, page, tests and plan say what the evidence says."""
    check("files-agree")
