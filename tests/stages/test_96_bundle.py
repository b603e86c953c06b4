"""Stage 96: is a bundle what its run left, and does it agree with itself? It is all that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.audit import bundle_check, verdict_check

if TYPE_CHECKING:
    from migration.audit.told import Told
    from migration.harness.recorder import Recorder

pytestmark = [pytest.mark.stage("96-bundle"), pytest.mark.verify]


@pytest.mark.order(9610)
@pytest.mark.criterion("bundle-whole")
def test_every_file_is_as_the_run_left_it(told: Told, evidence: Recorder) -> None:
    """Size and sha256 of each file are those of the manifest; nothing is missing, nothing was added."""
    wrong = evidence.keep(bundle_check.whole(told))

    assert not wrong, wrong


@pytest.mark.order(9620)
@pytest.mark.criterion("evidence-valid")
def test_the_evidence_is_of_its_schema(told: Told, evidence: Recorder) -> None:
    """It is JSON, and of schema 1."""
    wrong = evidence.keep(bundle_check.valid(told))

    assert not wrong, wrong


@pytest.mark.order(9630)
@pytest.mark.criterion("verdict-follows")
def test_the_verdict_follows_from_the_criteria(told: Told, evidence: Recorder) -> None:
    """Accepted is only what has every demanded criterion shown, none failed, every stage passed, and exit code 0."""
    wrong = evidence.keep(verdict_check.following(told))

    assert not wrong, wrong


@pytest.mark.order(9640)
@pytest.mark.criterion("counts-add-up")
def test_the_counts_add_up(told: Told, evidence: Recorder) -> None:
    """Table by table, rows before and rows moved make rows after."""
    wrong = evidence.keep(verdict_check.adding_up(told))

    assert not wrong, wrong


@pytest.mark.order(9650)
@pytest.mark.criterion("files-agree")
def test_all_files_tell_the_same(told: Told, evidence: Recorder) -> None:
    """Manifest, summary, page, tests and plan say what the evidence says."""
    wrong = evidence.keep(bundle_check.agreeing(told))

    assert not wrong, wrong
