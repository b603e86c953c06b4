"""Check that the backup set is complete and has the content of the originals."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.copy_contents import contents_of_copy, contents_of_dump, dump_differences
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.observation import Observation, equal, not_required, with_differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import CodeCopy, DatabaseCopy
    from sqlite_consolidate.engine.run.results import RunResults


def backup_complete(run: RunResults) -> Iterator[Observation]:
    """Observe that each database and code file is in the backup set, as sealed.

    No other user may read the backup set.
    """
    sealed, folder = run.sealed, run.folder
    files: dict[str, DatabaseCopy | CodeCopy] = {copy.file: copy for copy in sealed.databases}
    files |= {copy.file: copy for copy in sealed.code}
    for file in [
        *(facts.file for facts in run.inspected.databases),
        *(rewrite.file for rewrite in run.preflight.rewrites),
    ]:
        expected, observed, copy = "in the set", "not in the set", files.get(file)
        if copy and (path := folder / copy.copy).is_file():
            expected = f"{copy.size} bytes, {copy.sha256}"
            observed = f"{path.stat().st_size} bytes, {run.backup_digests.read(path, digest_file)}"
        yield equal(file, expected, observed)
    private = "readable by the operator alone"
    others = ", ".join(_names_open_to_others(folder)) or private
    yield equal("permissions of the backup set", private, others)


def _names_open_to_others(folder: Path) -> Iterator[str]:
    """Yield the name of each file and folder of a backup set that another user may use."""
    if folder.stat().st_mode & 0o077:
        yield folder.name
    for parent, folders, files in os.walk(folder):  # a search by Path would keep a path of each file
        for name in (*folders, *files):
            with suppress(FileNotFoundError):  # a dump was loaded, and its scratch database is gone
                if os.stat(f"{parent}/{name}").st_mode & 0o077:  # noqa: PTH116 -- a path takes more memory
                    yield name


def backup_digest(run: RunResults) -> Iterator[Observation]:
    """Observe that each copy has the content of the live database.

    The bytes of the copy must be the verified ones, or else its rows must be equal. The bytes of a large copy are
    read again if the file system reports a change since the check before.
    """
    live = {facts.file: facts for facts in run.inspected.databases}
    for copy in run.sealed.databases:
        content = contents_of_copy(copy, run.folder, run.limits, run.backup_digests)
        run.note_contents("backup", copy.file, content.tables)
        original = live[copy.file]
        compared = equal(copy.file, original.digest, content.digest)
        yield with_differences(
            compared, partial(compare_databases, original.write_lock.reader, run.folder / copy.copy, run.limits)
        )
    if not run.sealed.databases:
        yield not_required("databases", "no database of the plan exists")


def dump_reloads(run: RunResults) -> Iterator[Observation]:
    """Observe that each SQL dump restores the content of its original.

    Large dumps are loaded while the run goes on, so this check is one of the last before COMMIT.
    """
    if not run.plan.dump:
        yield not_required("SQL dumps", "the plan asks for none (dump = false)")
        return
    run.on_progress("waiting until the dumps are loaded again")
    for copy in run.sealed.databases:
        content = contents_of_dump(copy, run.folder, run.limits, run.dump_loads, run.backup_digests)
        run.note_contents("dump", copy.file, content.tables)
        compared = equal(copy.dump, copy.digest, content.digest)
        yield with_differences(compared, partial(dump_differences, copy, run.folder, run.limits))
    if not run.sealed.databases:
        yield not_required("databases", "no database of the plan exists")


CHECKS = {
    "backup-complete": backup_complete,
    "backup-digest": backup_digest,
    "dump-reloads": dump_reloads,
}
"""Check of each criterion, by criterion id."""
