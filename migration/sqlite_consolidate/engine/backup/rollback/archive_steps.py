"""Restore the names of archived sources, or refuse to."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import move
from sqlite_consolidate.engine.backup.copy_contents import read_contents_using_backup
from sqlite_consolidate.engine.backup.rollback import restore
from sqlite_consolidate.engine.backup.rollback.steps import (
    ArchiveChange,
    Step,
    restore_steps,
    sidecar_steps,
    step_aside,
)
from sqlite_consolidate.engine.content.contents import digest_or_reason, read_contents
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.sqlite.errors import in_use_problem, is_in_use, is_in_use_problem, is_interrupted
from sqlite_consolidate.engine.sqlite.processes import find_holders
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ATTEMPTS = 100


def archive_steps(
    root: Path,
    folder: Path,
    sealed: Manifest,
    digests: dict[str, str],
    limits: Limits | None,
    change: ArchiveChange,
) -> Iterator[Step | Problem]:
    """Yield the steps that restore each archived source, or a problem."""
    for copy in sealed.databases:
        if copy.file in sealed.archive:
            yield from _steps_for_archive(root, folder, copy, sealed.archive[copy.file], digests, limits, change)


def _steps_for_archive(
    root: Path,
    folder: Path,
    copy: DatabaseCopy,
    archived: str,
    digests: dict[str, str],
    limits: Limits | None,
    change: ArchiveChange,
) -> Iterator[Step | Problem]:
    old, new = root / copy.file, root / archived
    with restore.translate_sqlite_errors(old):
        restore.roll_back_hot_journal(old)
    if os.path.lexists(new) and restore.is_empty_placeholder(old):
        text = f"removed the empty file that was created under the name {copy.file} since"
        kind = "removed the empty files that were created under the names of {} since"
        yield Step(text, partial(restore.remove_empty_placeholder, old), kind=kind)
    elif os.path.lexists(old) and os.path.lexists(new) and not os.path.samestat(old.lstat(), new.lstat()):
        yield Problem(
            "created-again",
            copy.file,
            f"has been created again beside its archive {new.name}. Both files are unchanged.",
            f"Move {copy.file} away (its rows are in no backup), then roll back again.",
        )
        return
    if os.path.lexists(new) and not stat.S_ISREG(new.lstat().st_mode):
        yield Problem(
            "not-a-file",
            archived,
            "is not a regular file. It was not touched.",
            f"Move it away, then roll back again. {copy.file} is then restored from the backup set.",
        )
    elif os.path.lexists(new):
        yield from _archive_sidecar_steps(new, folder, copy.digest, limits)
        # If both names exist, a rename was interrupted, and the sidecar files belong to this database.
        if not os.path.lexists(old):
            yield from sidecar_steps(old, folder)
        yield from _steps_to_rename_back(old, _Archive(new, copy, folder, limits), archived, digests, change)
    elif not os.path.lexists(old):
        yield from sidecar_steps(old, folder)
        yield from restore_steps(old, folder, copy)


def _steps_to_rename_back(
    old: Path, archive: _Archive, archived: str, digests: dict[str, str], change: ArchiveChange
) -> Iterator[Step | Problem]:
    """Yield the steps that give an archive its old name.

    One that has changed is replaced by its backup.
    """
    new, copy, folder = archive.path, archive.copy, archive.folder
    # The steps for sidecar files compare an archive that has some.
    is_compared = change is not ArchiveChange.KEPT and not restore.existing_sidecars(new)
    problem = archive.problem() if is_compared else None
    if problem and (change is ArchiveChange.REFUSED or is_in_use_problem(problem)):
        yield problem
    elif problem:
        names = [new, *([old] if os.path.lexists(old) and os.path.samestat(old.lstat(), new.lstat()) else [])]
        yield from (step_aside(path, folder, archived) for path in names)
        yield from restore_steps(old, folder, copy)
    else:
        action = partial(archive.rename_back, old, digests)
        text = f"renamed {archived} back to {copy.file}"
        yield Step(text, action, place=new.parent, kind="renamed {} back")


@dataclass(frozen=True)
class _Archive:
    """Hold an archive whose first name is going to be restored.

    Attributes:
        path: The archive.
        copy: Its entry in the manifest.
        folder: The backup set.
        limits: Limits of reading.
    """

    path: Path
    copy: DatabaseCopy
    folder: Path
    limits: Limits | None

    def problem(self) -> Problem | None:
        """Return a problem if the archive does not have the content of its backup.

        Raises:
            sqlite3.Error: A signal has ended the reading, which shows nothing about the archive.
        """
        try:
            digest = read_contents_using_backup(self.path, self.copy, self.folder, self.limits).digest
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if is_in_use(error):
                return in_use_problem(self.path.name, hint="Stop the process that uses it and roll back again.")
            if is_interrupted(error):
                raise
            fact = f"cannot be read any more ({error})"
        else:
            if digest == self.copy.digest:
                return None
            rows = compare_databases(self.folder / self.copy.copy, self.path, self.limits)
            fact = f"was changed since the migration ({rows.summary or 'other declarations'})"
        hint = "To roll back anyway, pass --discard-changes. The backup set then keeps the changed archive."
        return Problem("archive-changed", self.path.name, f"{fact}. Nothing was rolled back.", hint)

    def rename_back(self, old: Path, digests: dict[str, str]) -> None:
        """Restore the first name of the archive."""
        reader = partial(read_contents_using_backup, copy=self.copy, folder=self.folder, limits=self.limits)
        # Read the archive before another process can open it under its old name.
        digests.setdefault(self.copy.file, digest_or_reason(self.path, reader))
        # A process that keeps opening the old name creates an empty file each time.
        for attempts_left in reversed(range(_ATTEMPTS)):
            if restore.is_empty_placeholder(old):
                restore.remove_empty_placeholder(old)
            try:
                move(self.path, old)
            except FileExistsError:
                if not attempts_left or not restore.is_empty_placeholder(old):
                    raise
            else:
                return


def _archive_sidecar_steps(archive: Path, folder: Path, digest: str, limits: Limits | None) -> Iterator[Step | Problem]:
    """Yield steps for the sidecar files of an archive, or a problem.

    They came after the archive was renamed. They hold nothing if the archive is unchanged and no process has it open.
    """
    if not restore.existing_sidecars(archive):
        return
    processes = [f"process {holder.pid} ({holder.program})" for holder in find_holders([archive]).entries]
    with scratch_folder("archive") as scratch:
        lone_copy = scratch / "archive.db"
        shutil.copyfile(archive, lone_copy)
        lone_digest = digest_or_reason(lone_copy, partial(read_contents, limits=limits))
    unchanged = lone_digest == digest and restore.write_version(archive) == 1  # the run took it out of WAL mode
    if processes or not unchanged:
        names = " and ".join(sidecar.name for sidecar in restore.existing_sidecars(archive))
        yield Problem(
            "archive-opened",
            archive.name,
            f"has been opened since it was archived{': by ' + ', '.join(processes) if processes else ''}; {names}"
            f" {'is' if len(restore.existing_sidecars(archive)) == 1 else 'are'} beside it. "
            "It was not touched.",
            "Close it wherever it is open, let sqlite3 open and close it once, then roll back again.",
        )
    yield from sidecar_steps(archive, folder)
