"""Rename sources to their archived names and verify the archives."""

from __future__ import annotations

import os
import shutil
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import move_all
from sqlite_consolidate.engine.backup.copy_contents import recorded_contents
from sqlite_consolidate.engine.content.contents import contents_of_known_pages, digest_or_reason, read_contents
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.sqlite.sidecars import JOURNAL, SIDECARS, sidecar_path
from sqlite_consolidate.observation import Observation, equal, not_required, with_differences
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.copy_contents import KeptReadings
    from sqlite_consolidate.engine.backup.ledger import Ledger
    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.content.contents import Contents
    from sqlite_consolidate.engine.content.page_proof.proof import PageProof
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DatabaseLock


def archived_name(file: str, stamp: str) -> str:
    """Return ``<file>.archived_YYYYMMDD_HHMMSS``, the archived name of a source."""
    return f"{file}.archived_{stamp}"


def archive_all(sources: Sequence[tuple[DatabaseLock, Path, str]], ledger: Ledger) -> None:
    """Rename sources under their exclusive locks. The caller releases the locks.

    Until then no other process can read or write the archives. The ledger has all of them before the first is renamed.

    Args:
        sources: Write lock, archive and file of each source. They are read several times.
        ledger: Ledger of the run.

    Raises:
        ProblemError: Another process has a source open or has written to it, a sidecar file is left, or an archived
            name exists already. No source was renamed.
    """
    for write_lock, archived, file in sources:
        _require_archivable(write_lock, archived, ledger, file)
    ledger.note_all("archiving", _archived_files(sources))
    move_all([(write_lock.path, archived) for write_lock, archived, _ in sources])
    ledger.note_all("archived", _archived_files(sources))


def _archived_files(sources: Iterable[tuple[DatabaseLock, Path, str]]) -> Iterator[dict[str, str]]:
    """Yield the facts about each source that the ledger states."""
    return ({"file": file, "archive": archived.name} for _, archived, file in sources)


def _require_archivable(write_lock: DatabaseLock, archived: Path, ledger: Ledger, file: str) -> None:
    """Acquire the exclusive lock of a source, and raise unless it can be renamed.

    Raises:
        ProblemError: Another process has it open or has written to it, a sidecar file is left, or the archived name
            exists already.
    """
    write_lock.acquire_exclusive()
    journal = sidecar_path(write_lock.path, JOURNAL)
    # journal_mode PERSIST and TRUNCATE keep the file. Under the exclusive lock it is not needed.
    if journal.exists():
        ledger.note("settled", file=file, removed=journal.name)
        journal.unlink()
    sidecars = [suffix for suffix in SIDECARS if os.path.lexists(sidecar_path(write_lock.path, suffix))]
    if sidecars:
        raise ProblemError(
            Problem(
                "sidecar-left",
                file,
                f"still has its {' and '.join(sidecars)} beside it. It has not been renamed.",
                "Find out which process keeps it, stop it and run again.",
            )
        )
    if os.path.lexists(archived):
        raise ProblemError(
            Problem(
                "archive-name-taken",
                archived.name,
                f"exists already. It was not changed, and {file} was not renamed.",
                "Find out which program created it, and run again.",
            )
        )


def archived_observations(root: Path, manifest: Manifest) -> Iterator[Observation]:
    """Observe that old names are free, archives exist and neither has a sidecar file."""
    for file, archived in manifest.archive.items():
        old, new = root / file, root / archived
        sidecar_names = [
            path.name
            for suffix in SIDECARS
            for path in (sidecar_path(old, suffix), sidecar_path(new, suffix))
            if os.path.lexists(path)
        ]
        observed = [
            f"{old.name} {'still exists' if os.path.lexists(old) else 'is gone'}",
            f"{new.name} {'exists' if new.is_file() else 'is missing'}",
            f"sidecar files: {', '.join(sidecar_names) or 'none'}",
        ]
        expected = [f"{old.name} is gone", f"{new.name} exists", "sidecar files: none"]
        yield equal(file, "; ".join(expected), "; ".join(observed))
    if not manifest.archive:
        yield not_required("sources", "there was no source to archive")


def restorable_observations(
    root: Path,
    manifest: Manifest,
    backup_set: Path,
    archives: KeptReadings[Contents],
    limits: Limits | None = None,
    *,
    proofs: Mapping[str, PageProof | None] = MappingProxyType({}),
) -> Iterator[Observation]:
    """Observe that each archive can be restored.

    It has the content of its source under any name, and without a file beside it.

    Args:
        root: The workspace.
        manifest: Manifest of the run.
        backup_set: Its folder.
        archives: Receives the contents of the archives.
        limits: Limits of reading.
        proofs: Each source to what the page reader has proved of it before.
    """
    with scratch_folder("restore") as folder:
        for number, (file, archived) in enumerate(manifest.archive.items()):
            copy, archive = manifest.database(file), root / archived
            restored = folder / f"{number}.db"
            reader = partial(
                _read_alone, restored=restored, copy=copy, backup_set=backup_set, proof=proofs.get(file), limits=limits
            )
            digest = "no such file"
            if archive.is_file():
                digest = digest_or_reason(archive, partial(archives.read, reader=reader))
            compared = equal(archived, copy.digest if copy else "in the manifest", digest)
            backup = backup_set / copy.copy if copy else backup_set
            yield with_differences(compared, partial(compare_databases, backup, restored, limits))
            restored.unlink(missing_ok=True)
    if not manifest.archive:
        yield not_required("archives", "there was no source to archive")


def _read_alone(
    archive: Path,
    restored: Path,
    copy: DatabaseCopy | None,
    backup_set: Path,
    proof: PageProof | None,
    limits: Limits | None,
) -> Contents:
    """Return the contents of an archive without a file beside it.

    They are those that were proved before, or those of its backup, if it has the same pages. Otherwise a copy of the
    archive is read.
    """
    if not any(os.path.lexists(sidecar_path(archive, suffix)) for suffix in SIDECARS):
        contents = contents_of_known_pages(archive, proof, limits)
        if contents is None and copy:
            contents = recorded_contents(archive, copy, backup_set, limits)
        if contents:
            return contents
    shutil.copyfile(archive, restored)
    return read_contents(restored, limits)
