"""Specify in which order a run dumps its databases, and how many loads there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.copies import begin_dump
from sqlite_consolidate.engine.run.stages import BACKUP
from sqlite_consolidate.engine.verbs import write_backup_set
from tests.support.workspaces.two_sources import a_run, build_two_sources, consolidate, execute

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits


@dataclass
class Loads:
    """Record the loads of dumps that a run begins and finishes.

    Attributes:
        begun: The name of each database, in the order in which the loads of their dumps begin.
        pending: The names of those whose load has not finished.
        most: The most loads at the same time.
    """

    begun: list[str] = field(default_factory=list)
    pending: set[str] = field(default_factory=set)
    most: int = 0

    def begin(
        self, copy: DatabaseCopy, folder: Path, limits: Limits, loadings: contextlib.ExitStack
    ) -> Callable[[], DatabaseCopy]:
        """Begin a dump as the run does, and record its load."""
        finish = begin_dump(copy, folder, limits, loadings)
        self.begun.append(copy.name)
        self.pending.add(copy.name)
        self.most = max(self.most, len(self.pending))

        def finish_and_record() -> DatabaseCopy:
            self.pending.remove(copy.name)
            return finish()

        return finish_and_record


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Loads, Manifest]:
    """Write the backup set of a workspace whose last source is the largest database."""
    root = build_two_sources(tmp_path_factory.mktemp("backed_up") / "workspace")
    execute(root / "logs/notes.db", "INSERT INTO notes VALUES ('large', zeroblob(300000))")
    execute(root / "workspace.db", "CREATE TABLE spare AS SELECT zeroblob(100000) AS data")
    loads = Loads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_backup_set, "begin_dump", loads.begin)
        run = consolidate(a_run(root), until=BACKUP)
    run.end()
    return loads, run.sealed


def test_largest_database_is_dumped_first(backed_up: tuple[Loads, Manifest]) -> None:
    """The load of its dump takes longest."""
    assert backed_up[0].begun == ["notes", "target", "tasks"]


def test_two_dumps_are_loaded_at_most(backed_up: tuple[Loads, Manifest]) -> None:
    """Each process that loads needs memory."""
    assert (backed_up[0].most, backed_up[0].pending) == (2, set())


def test_copies_are_sealed_in_order_of_plan(backed_up: tuple[Loads, Manifest]) -> None:
    """The sizes of the databases do not change the manifest, whose entries have their dumps."""
    copies = backed_up[1].databases

    assert [copy.name for copy in copies] == ["target", "tasks", "notes"]
    assert [copy.dump for copy in copies] == [f"databases/{copy.name}.sql" for copy in copies]
