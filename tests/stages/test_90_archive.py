"""Stage 90: the sources get their archived names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from migration.engine import archive
from migration.engine.backup import file_content, likened_content
from migration.engine.observation import Observation, equal
from migration.harness.facts import contents

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("90-archive"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(9010)
def test_the_sources_are_renamed(run: Run, state: RunState) -> None:
    """Each source is renamed while it is held exclusively; a write since the copy would have been noticed."""
    sealed = run.archive()

    state.archive = dict(sealed.archive)
    assert len(state.archive) == len(run.found.sources)


@pytest.mark.order(9020)
@pytest.mark.criterion("archived")
def test_the_old_databases_are_archived(run: Run, evidence: Recorder) -> None:
    """The old names are free, the archives are there, and no sidecar was left beside either."""
    assert run.sealed is not None

    wrong = evidence("archived", archive.archived_observations(run.root, run.sealed))

    assert not wrong, wrong


@pytest.mark.order(9030)
@pytest.mark.criterion("archive-restorable")
def test_each_archive_can_be_restored(run: Run, evidence: Recorder) -> None:
    """Restored to a scratch folder, each archive opens and has the content of its source."""
    assert run.sealed is not None

    wrong = evidence(
        "archive-restorable", archive.restorable_observations(run.root, run.sealed, run.folder, run.limits)
    )

    assert not wrong, wrong


@pytest.mark.order(9040)
@pytest.mark.criterion("no-late-writes")
def test_nobody_wrote_between_copy_and_archive(run: Run, evidence: Recorder, state: RunState) -> None:
    """Each archive has the content that was copied."""
    assert run.sealed is not None
    seen = []
    for facts in run.found.sources.values():
        archived, copy = run.root / run.sealed.archive[facts.file], run.sealed.database(facts.file)
        read = partial(likened_content, copy=copy, folder=run.folder) if copy else file_content
        found = read(archived, limits=run.limits)
        state.read_at("archive", facts.file, contents(found.tables))
        seen.append(equal(facts.file, facts.digest, found.digest))

    wrong = evidence(
        "no-late-writes", seen or [Observation("sources", "unchanged", "there was no source to archive", holds=True)]
    )

    assert not wrong, wrong
