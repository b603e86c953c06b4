"""Patch this process so that it takes a step in a wrong way or in the wrong order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate import atomic_files as durable
from sqlite_consolidate.engine.backup import archive, manifest
from sqlite_consolidate.engine.backup import copies as backup
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback import rollback, steps
from sqlite_consolidate.engine.code import rewrite as rewriting
from sqlite_consolidate.engine.merge.transaction import TargetTransaction
from sqlite_consolidate.engine.verbs import write_backup_set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from sqlite_consolidate.engine.backup.manifest import CodeCopy, Manifest
    from sqlite_consolidate.engine.backup.rollback.steps import Step
    from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
    from sqlite_consolidate.problem import Problem


def overwrite_in_place() -> None:
    """Overwrite code files instead of replacing them."""

    def _overwrite(path: Path, data: bytes, mode: int) -> None:
        path.write_bytes(data)
        path.chmod(mode)

    _patch(rewriting, "replace_file", _overwrite)


def rewrite_before_the_ledger_says_so() -> None:
    """Rewrite a code file before the ledger has the event."""
    note, replace = Ledger.note, durable.replace
    held: list[Callable[[], None]] = []

    def _hold(ledger: Ledger, event: str, **noted: object) -> None:
        if event == "rewriting":
            held.append(lambda: note(ledger, event, **noted))
        else:
            note(ledger, event, **noted)

    def _replace(path: Path, data: bytes, mode: int) -> None:
        replace(path, data, mode)
        held.pop()()

    type.__setattr__(Ledger, "note", _hold)
    _patch(rewriting, "replace_file", _replace)


def seal_before_the_code_is_copied() -> None:
    """Write the manifest before the copies that it lists."""
    copy, write = backup.copy_code, manifest.write
    held: dict[Path, bytes] = {}

    def _copy(root: Path, files: list[str], folder: Path) -> tuple[CodeCopy, ...]:
        copies = copy(root, files, folder)
        for code_copy in copies:
            held[folder / code_copy.copy] = (folder / code_copy.copy).read_bytes()
            (folder / code_copy.copy).unlink()
        return copies

    def _write(folder: Path, sealed: Manifest) -> None:
        write(folder, sealed)
        for path, data in held.items():
            durable.write_new(path, data)

    _patch(write_backup_set, "copy_code", _copy)
    _patch(manifest, "write", _write)


def archive_before_commit() -> None:
    """Rename a source while the transaction is still open."""
    commit, archived = TargetTransaction.commit, archive.archive_all

    def _archive_and_commit(target: TargetTransaction, stamp: str) -> bool:
        first = next(iter(target.inspected.sources.values()))
        durable.move(first.write_lock.path, target.path.parent / archive.archived_name(first.file, stamp))
        return commit(target, stamp)

    def _archive_the_others(sources: Sequence[tuple[WriteLock, Path, str]], ledger: Ledger) -> None:
        archived([source for source in sources if not source[1].exists()], ledger)

    type.__setattr__(TargetTransaction, "commit", _archive_and_commit)
    _patch(archive, "archive_all", _archive_the_others)


def say_finished_after_commit() -> None:
    """Record that the run is finished before the sources are archived."""
    _say_along("finished", "committed")


def say_put_back_before() -> None:
    """Record that everything is rolled back before the rollback begins."""
    _say_along("put-back", "putting-back")


def restore_before_the_sidecars_are_gone() -> None:
    """Restore a database while its name still has sidecar files."""
    steps_of = steps.steps_or_raise

    def _sidecars_last(looked: list[Step | Problem]) -> list[Step]:
        return sorted(steps_of(looked), key=lambda step: "aside" in step.text)

    _patch(rollback, "steps_or_raise", _sidecars_last)


def sync_nothing() -> None:
    """Leave all written data to the kernel."""
    _patch(durable, "_sync", lambda _descriptor: None)


def _patch(module: ModuleType, name: str, value: object) -> None:
    """Replace a name that the module has. A missing name would patch nothing."""
    assert name in vars(module), f"{module.__name__} has no {name}"
    vars(module)[name] = value


def _say_along(early: str, event: str) -> None:
    note = Ledger.note

    def _note(ledger: Ledger, event_now: str, **noted: object) -> None:
        note(ledger, event_now, **noted)
        if event_now == event:
            note(ledger, early)

    type.__setattr__(Ledger, "note", _note)
