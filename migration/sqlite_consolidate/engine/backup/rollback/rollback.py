"""Undo a run from any point.

All files are checked before the first change, so that a refusal changes nothing.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import move, replace
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.copies import remove_unfinished_copies
from sqlite_consolidate.engine.backup.copy_contents import read_contents_using_backup
from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.reserved_space import release_space
from sqlite_consolidate.engine.backup.rollback import restore
from sqlite_consolidate.engine.backup.rollback.steps import RollbackResult, Step, restored_observations, steps_or_raise
from sqlite_consolidate.engine.backup.rollback.target_state import TargetState, read_target_state
from sqlite_consolidate.engine.content.contents import digest_or_reason, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.sqlite.files import has_hot_journal
from sqlite_consolidate.engine.sqlite.processes import find_holders
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.backup.rollback.target_objects import committed_objects

_ATTEMPTS = 100


def changed_since(root: Path, folder: Path, limits: Limits | None = None) -> list[str]:
    """Return the changes of the target since COMMIT, which a rollback would discard.

    Returns:
        One sentence for each table or object. It is empty if the target is missing, or is as the run or the time before
        it has left it.

    Raises:
        ProblemError: The target is locked.
    """
    sealed, ledger = manifest.read(folder, root), Ledger(folder)
    if sealed is None or ledger.has("put-back") or not (root / sealed.target).exists():
        return []
    now = read_target_state(root / sealed.target, sealed.run, limits, committed=committed_objects(ledger))
    return list(now.changed) if _has_run_data(now, ledger) and not _as_before(now, sealed) else []


def roll_back(
    root: Path, folder: Path, verified: Mapping[str, str] | None = None, limits: Limits | None = None
) -> RollbackResult:
    """Undo a run by restoring archives, code and target, in this order.

    A step is taken only if its file is as the run has left it. A target that has changed since is copied into the
    backup set first. The rollback is idempotent and can be retried after a crash.

    Args:
        root: The workspace. This process has none of its databases open.
        folder: The run's backup set.
        verified: Database to the content digest that the caller has read while it held the lock.
        limits: Limits of reading.

    Raises:
        ProblemError: A file is in use, or is neither as it was before the run nor as the run has left it.
        OSError: The disk is full or broken. The rollback can be retried after that is fixed.
    """
    sealed, ledger, result = manifest.read(folder, root), Ledger(folder), RollbackResult()
    digests = dict(verified or {})
    if sealed is None:
        return result
    if not ledger.has("put-back"):
        checked = [
            *_archive_steps(root, folder, sealed, digests, limits),
            *_manifest_problems(folder, ledger),
            *_ledger_problems(root, sealed, ledger),
            *_code_steps(root, folder, sealed, ledger),
            *_target_steps(root, folder, sealed, ledger, digests, limits),
        ]
        steps = steps_or_raise(checked)
        for database in {step.exclusive_database for step in steps if step.exclusive_database}:
            restore.require_exclusive_access(database)
        release_space(folder)
        ledger.note("putting-back")
        for step in steps:
            result.steps.extend(text for text in (step.action(), step.text) if text)
        _restore_modes(root, sealed)
        remove_unfinished_copies(folder)
    result.observations.extend(restored_observations(root, folder, sealed, digests, limits))
    # While a hot journal is left, because the disk has failed, the next command has to try again.
    if not ledger.has("put-back") and not has_hot_journal(root / sealed.target):
        ledger.note("put-back", steps=result.steps, exact=result.holds)
    return result


def _archive_steps(
    root: Path, folder: Path, sealed: Manifest, digests: dict[str, str], limits: Limits | None
) -> Iterator[Step | Problem]:
    for copy in sealed.databases:
        if copy.file in sealed.archive:
            yield from _steps_for_archive(root, folder, copy, sealed.archive[copy.file], digests, limits)


def _steps_for_archive(
    root: Path, folder: Path, copy: DatabaseCopy, archived: str, digests: dict[str, str], limits: Limits | None
) -> Iterator[Step | Problem]:
    old, new = root / copy.file, root / archived
    with restore.translate_sqlite_errors(old):
        restore.roll_back_hot_journal(old)
    if os.path.lexists(new) and restore.is_empty_placeholder(old):
        text = f"removed the empty file that was created under the name {copy.file} since"
        yield Step(text, partial(restore.remove_empty_placeholder, old))
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
            yield from _sidecar_steps(old, folder)
        action = partial(_rename_back, new, old, folder, copy, digests, limits)
        yield Step(f"renamed {archived} back to {copy.file}", action)
    elif not os.path.lexists(old):
        yield from _sidecar_steps(old, folder)
        yield from _restore_steps(old, folder, copy)


def _rename_back(
    archive: Path, old: Path, folder: Path, copy: DatabaseCopy, digests: dict[str, str], limits: Limits | None
) -> None:
    reader = partial(read_contents_using_backup, copy=copy, folder=folder, limits=limits)
    # Read the archive before another process can open it under its old name.
    digests.setdefault(copy.file, digest_or_reason(archive, reader))
    # A process that keeps opening the old name creates an empty file each time.
    for attempts_left in reversed(range(_ATTEMPTS)):
        if restore.is_empty_placeholder(old):
            restore.remove_empty_placeholder(old)
        try:
            move(archive, old)
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
    with tempfile.TemporaryDirectory(prefix="consolidate-archive-") as scratch:
        lone_copy = Path(scratch) / "archive.db"
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
    yield from _sidecar_steps(archive, folder)


def _sidecar_steps(database: Path, folder: Path) -> Iterator[Step]:
    """Yield a step that moves each leftover sidecar file to the backup set.

    SQLite would apply a stale -wal or -journal to the restored file.
    """
    for sidecar in restore.existing_sidecars(database):
        yield Step(f"set {sidecar.name} aside in {folder.name}", partial(restore.move_to_backup_set, sidecar, folder))


def _restore_steps(path: Path, folder: Path, copy: DatabaseCopy) -> Iterator[Step | Problem]:
    yield from _damaged_copy_problems(folder, copy.copy, copy.sha256)
    text = f"restored {copy.file} from the backup set"
    yield Step(text, partial(restore.restore_file, path, folder / copy.copy, copy.mode))


def _damaged_copy_problems(folder: Path, copy: str, sha256: str) -> Iterator[Problem]:
    """Yield a problem if a copy does not have the bytes that were sealed."""
    path = folder / copy
    if not path.is_file() or digest_file(path) != sha256:
        yield Problem(
            "copy-damaged",
            f"{folder.name}/{copy}",
            f"is {'not as it was sealed' if path.is_file() else 'missing'}. Nothing was restored from it.",
            "Restore this file of the backup set from another copy, then roll back again.",
        )


def _manifest_problems(folder: Path, ledger: Ledger) -> Iterator[Problem]:
    """Yield a problem if the manifest is not the one that the run has sealed.

    A digest in it that is wrong would be noticed only after the rollback.
    """
    noted = {event["sha256"] for event in ledger.all("sealed") if "sha256" in event}
    if noted and digest_file(folder / manifest.NAME) not in noted:
        yield manifest.problem(folder, "has changed since it was sealed.")


def _ledger_problems(root: Path, sealed: Manifest, ledger: Ledger) -> Iterator[Problem]:
    """Yield a problem if ledger and manifest do not fit, or the end of the ledger is missing.

    Without its end nothing tells whether the run wrote a changed code file. A run renames its sources after it has
    rewritten the code, and notes both before.
    """
    noted = {event.get("file", "") for event in ledger.all("archiving")}
    written = {event["file"] for event in ledger.all("rewriting")}
    if unknown := sorted((written - {code.file for code in sealed.code}) | (noted - {"", *sealed.archive})):
        yield ledger.problem(f"names {join_first_names(unknown)}, which the manifest of the set does not have.")
    if not noted and not any(os.path.lexists(root / archive) for archive in sealed.archive.values()):
        return
    changed = [code for code in sealed.code if code.file not in written and _has_changed(root / code.file, code.sha256)]
    if changed:
        names = join_first_names([code.file for code in changed])
        verb = "differs" if len(changed) == 1 else "differ"
        yield ledger.problem(f"lacks steps that the run has taken, and {names} {verb} from the backup set.")


def _has_changed(path: Path, sha256: str) -> bool:
    return not path.is_file() or digest_file(path) != sha256


def _code_steps(root: Path, folder: Path, sealed: Manifest, ledger: Ledger) -> Iterator[Step | Problem]:
    written = {event["file"]: event["after"] for event in ledger.all("rewriting")}
    for code in sealed.code:
        path = root / code.file
        now = digest_file(path) if path.is_file() else "no such file"
        # An interrupted replace() leaves this file, and the next one removes it.
        is_begun = path.with_name(f".{path.name}.part").exists()
        if code.file not in written or (now == code.sha256 and not is_begun):
            continue
        if now not in (code.sha256, written[code.file]):
            yield Problem(
                "code-changed",
                code.file,
                "is neither as it was before the migration nor as the migration wrote it. It was not touched.",
                f"Compare it with {folder.name}/{code.copy}, correct it by hand, then roll back again.",
            )
        yield from _damaged_copy_problems(folder, code.copy, code.sha256)
        yield Step(f"restored {code.file}", partial(_restore_code, path, folder / code.copy, code.mode))


def _restore_code(path: Path, copy: Path, mode: int) -> None:
    replace(path, copy.read_bytes(), mode)


def _target_steps(
    root: Path, folder: Path, sealed: Manifest, ledger: Ledger, digests: dict[str, str], limits: Limits | None
) -> Iterator[Step | Problem]:
    target, copy = root / sealed.target, sealed.database(sealed.target)
    if not os.path.lexists(target):
        if copy or ledger.has("creating-target"):
            yield from _sidecar_steps(target, folder)
        if copy:
            yield from _restore_steps(target, folder, copy)
        return
    try:
        now = read_target_state(target, sealed.run, limits, committed=committed_objects(ledger))
    except ProblemError as error:
        yield from error.problems
        return
    is_begun = copy is None and now.is_empty and ledger.has("creating-target")
    if not _as_before(now, sealed) and (is_begun or _has_run_data(now, ledger)):
        yield from _without_the_run(target, folder, copy, now, ledger, digests, limits)


def _without_the_run(
    target: Path,
    folder: Path,
    copy: DatabaseCopy | None,
    now: TargetState,
    ledger: Ledger,
    digests: dict[str, str],
    limits: Limits | None,
) -> Iterator[Step | Problem]:
    if now.later_run:
        yield Problem(
            "consolidated-since",
            target.name,
            f"is also the target of the later run {now.later_run}.",
            f"Roll that run back first. If there was no such run, delete its row of {TABLE}.",
        )
    if now.read_error:
        yield Step(f"set {target.name} aside in {folder.name}", partial(restore.move_to_backup_set, target, folder))
        yield from _sidecar_steps(target, folder)
    known = None if now.changed and not now.is_empty else restore.DatabaseState(now.digest, now.file_digests)
    if copy and now.read_error:
        yield from _restore_steps(target, folder, copy)
    elif copy:
        yield from _damaged_copy_problems(folder, copy.copy, copy.sha256)
        action = partial(_restore_target, target, folder, copy, known, ledger, digests, limits)
        yield Step(f"restored {copy.file} from the backup set", action, exclusive_database=target)
    elif not now.read_error:
        text = f"removed {target.name}, which the run had created"
        yield Step(
            text,
            partial(restore.remove_database, target, folder, known=known, limits=limits),
            exclusive_database=target,
        )


def _has_run_data(now: TargetState, ledger: Ledger) -> bool:
    """Return whether the target has the run's data, or had it before the file was replaced."""
    return now.committed or (ledger.has("committed") and not ledger.has("target-restored"))


def _as_before(now: TargetState, sealed: Manifest) -> bool:
    copy = sealed.database(sealed.target)
    return copy is not None and now.digest == copy.digest


def _restore_target(
    target: Path,
    folder: Path,
    copy: DatabaseCopy,
    known: restore.DatabaseState | None,
    ledger: Ledger,
    digests: dict[str, str],
    limits: Limits | None,
) -> str:
    restored, kept = restore.restore_in_place(target, folder / copy.copy, folder, known=known, limits=limits)
    if restored != copy.digest:
        raise ProblemError(
            Problem(
                "copy-differs",
                target.name,
                f"has been restored, and does not have the content of its backup: {restored}. "
                f"The backup is {folder / copy.copy}.",
                "Check the disk, and roll back again.",
            )
        )
    ledger.note("target-restored")
    digests[copy.file] = restored
    return kept


def _restore_modes(root: Path, sealed: Manifest) -> None:
    """Restore the permission bits of every file and the journal mode of every database."""
    for copy in sealed.databases:
        path, was_wal = root / copy.file, copy.journal_mode == "wal"
        if path.is_file() and (was_wal or copy.role == "target"):  # the run writes to no other database
            restore.remove_stale_journal(path)
        if path.is_file() and was_wal:
            restore.restore_wal_mode(path)
    modes = {copy.file: copy.mode for copy in sealed.databases} | {code.file: code.mode for code in sealed.code}
    for file, mode in modes.items():
        path = root / file
        if path.is_file() and path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)
