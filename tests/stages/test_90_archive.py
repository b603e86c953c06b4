"""Stage 90: give the sources their archived names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import ARCHIVE

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("90-archive"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(9010)
def test_sources_are_renamed(run: Pipeline) -> None:
    """Each source is renamed while it is held exclusively."""
    run.perform(ARCHIVE)


@pytest.mark.order(9020)
@pytest.mark.criterion("archived")
def test_sources_are_archived(check: Check) -> None:
    """The old names are free, the archives are there, and no sidecar file lies beside."""
    check("archived")


@pytest.mark.order(9030)
@pytest.mark.criterion("archive-restorable")
def test_archives_can_be_restored(check: Check) -> None:
    """Restored to a scratch folder, each archive has the content of its source."""
    check("archive-restorable")


@pytest.mark.order(9040)
@pytest.mark.criterion("no-late-writes")
def test_no_late_write_is_lost(check: Check) -> None:
    """Each archive has the content that was copied."""
    check("no-late-writes")
