"""Specify how much memory the files of a pattern take."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import tracemalloc
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.source_keys import SourceKeys
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.plan.loader import load
from tests.support.workspaces.pattern_plans import create_phones

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

PROGRAM = "import sys; from sqlite_consolidate.pytest_plugin.commands.console import main; sys.exit(main(sys.argv[1:]))"


def peak_of_migration(root: Path) -> int:
    """Migrate a workspace in a process, and return the most memory that the process had."""
    command = [sys.executable, "-c", PROGRAM, "migrate", f"--workspace={root}", f"--reports={root}-reports"]
    output = [(os.POSIX_SPAWN_OPEN, 1, f"{root}.txt", os.O_WRONLY | os.O_CREAT, 0o600)]
    _, status, used = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=output), 0)
    assert status == 0
    return used.ru_maxrss


def kept_by_preflight(root: Path, files: int) -> int:
    """Inspect a pattern of files, and return the bytes of the objects that a run then keeps."""
    create_phones(root, files)
    plan = expand_by_files(load(root / "consolidation.toml"), root)
    with ExitStack() as resources:
        tracemalloc.start()
        resources.callback(tracemalloc.stop)
        inspected = inspect_databases(plan, root, resources)
        gc.collect()
        assert len(inspected.sources) == files
        return tracemalloc.get_traced_memory()[0]


@pytest.mark.thorough
def test_preflight_keeps_little_of_each_file(tmp_path: Path) -> None:
    """Files with equal tables share all but their names, digests, locks and offsets."""
    kept_by_preflight(tmp_path / "first", 50)  # fills the caches

    few, many = (kept_by_preflight(tmp_path / str(files), files) for files in (50, 150))

    assert many - few <= 100 * 2_700


def test_files_with_equal_tables_share_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without rows in one of these tables has keys of its own."""
    create_phones(tmp_path, 5)
    with closing(sqlite3.connect(tmp_path / "phones/00003.db")) as con:
        con.executescript("DELETE FROM call; DELETE FROM person")
    plan = expand_by_files(load(tmp_path / "consolidation.toml"), tmp_path)
    computed: list[str] = []
    compute = SourceKeys.of

    def of(databases: InspectedDatabases, mappings: Sequence[TableMapping]) -> SourceKeys:
        computed.append(mappings[0].source.file)
        return compute(databases, mappings)

    with ExitStack() as resources:
        inspected = inspect_databases(plan, tmp_path, resources)
        monkeypatch.setattr(SourceKeys, "of", of)
        followed = FollowedKeys.of(inspected)
        calls = [mapping for mapping in inspected.mappings if mapping.table_map.name == "call"]
        owners = [followed.owners(mapping, "person") for mapping in calls]

    assert computed == ["phones/00000.db", "phones/00003.db"]
    assert owners == [{((mapping.source.name, "person"), "id")} for mapping in calls]


@pytest.mark.thorough
def test_ten_times_the_files_need_little_memory(tmp_path: Path) -> None:
    """A process with 100 files has some 80 MB, of which most is code."""
    peaks = {}
    for number in (100, 1000):
        create_phones(tmp_path / str(number), number)
        peaks[number] = peak_of_migration(tmp_path / str(number))

    assert peaks[1000] <= 1.2 * peaks[100]
