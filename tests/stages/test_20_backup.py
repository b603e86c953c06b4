"""Stage 20: copy databases, dumps and code files into one set, and read each again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import BACKUP

if TYPE_CHECKING:
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("20-backup"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(2010)
def test_backup_set_is_written(backup_set: Run) -> None:
    """A new backup set is opened, filled and sealed."""
    backup_set.perform(BACKUP)


@pytest.mark.order(2020)
@pytest.mark.criterion("backup-complete")
def test_backup_set_is_complete(check: Check) -> None:
    """Target, sources and code files are in the set, private to the operator."""
    check("backup-complete")


@pytest.mark.order(2030)
@pytest.mark.criterion("backup-digest")
def test_backups_equal_their_originals(check: Check) -> None:
    """Each copy has the content digest of the live database."""
    check("backup-digest")


@pytest.mark.order(2040)
@pytest.mark.criterion("dump-reloads")
def test_dumps_load_to_the_same_content(check: Check) -> None:
    """Each SQL dump, loaded into an empty database, has the content of its original."""
    check("dump-reloads")
