"""Undo a run from any point.

All files are checked before the first change, so that a refusal changes nothing.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import replace
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.copies import remove_unfinished_copies
from sqlite_consolidate.engine.backup.copy_contents import contradicts_itself
from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.reserved_space import release_space
from sqlite_consolidate.engine.backup.rollback import restore
from sqlite_consolidate.engine.backup.rollback.archive_steps import archive_steps
from sqlite_consolidate.engine.backup.rollback.steps import (
    ArchiveChange,
    RollbackResult,
    Step,
    damaged_copy_problems,
    folded_texts,
    place_problems,
    restore_steps,
    restored_observations,
    sidecar_steps,
    space_problems,
    step_aside,
    steps_or_raise,
)
from sqlite_consolidate.engine.backup.rollback.target_objects import committed_objects
from sqlite_consolidate.engine.backup.rollback.target_state import TargetState, read_target_state
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.sqlite.files import has_hot_journal
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits


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
    root: Path,
    folder: Path,
    verified: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    *,
    change: ArchiveChange = ArchiveChange.KEPT,
    problems: Sequence[Problem] = (),
    before_acting: Callable[[], None] = lambda: None,
) -> RollbackResult:
    """Undo a run by restoring archives, code and target, in this order.

    A step is taken only if its file is as the run has left it. A target that has changed since is copied into the
    backup set first. The rollback is idempotent and can be retried after a crash.

    Args:
        root: The workspace. This process has none of its databases open.
        folder: The run's backup set.
        verified: Database to the content digest that the caller has read while it held the lock.
        limits: Limits of reading.
        change: What to do with an archive that has changed since.
        problems: Why the caller refuses the rollback. They are reported together with those that are found here.
        before_acting: Called right before the first change.

    Raises:
        ProblemError: A file is in use, or is neither as it was before the run nor as the run has left it. Nothing was
            changed.
        OSError: The disk is full or broken. The rollback can be retried after that is fixed.
    """
    sealed, ledger, result = manifest.read(folder, root), Ledger(folder), RollbackResult()
    digests = dict(verified or {})
    if sealed is None:
        return result
    if not ledger.has("put-back"):
        archived = archive_steps(root, folder, sealed, digests, limits, change)
        checked = [*problems, *archived, *_steps_after_archives(root, folder, sealed, ledger, digests, limits)]
        steps = _possible_steps(root, folder, root / sealed.target, checked, change)
        before_acting()
        release_space(folder, root / sealed.target)
        _take_steps(steps, ledger, result)
        _restore_modes(root, sealed)
        remove_unfinished_copies(folder)
    result.observations.extend(restored_observations(root, folder, sealed, digests, limits))
    # While a hot journal is left, because the disk has failed, the next command has to try again.
    if not ledger.has("put-back") and not has_hot_journal(root / sealed.target):
        ledger.note("put-back", steps=result.steps, exact=result.holds)
    return result


def _steps_after_archives(
    root: Path, folder: Path, sealed: Manifest, ledger: Ledger, digests: dict[str, str], limits: Limits | None
) -> Iterator[Step | Problem]:
    """Yield the problems of the backup set, and the steps of the code and the target."""
    yield from _manifest_problems(folder, sealed, ledger)
    yield from _ledger_problems(root, sealed, ledger)
    yield from _code_steps(root, folder, sealed, ledger)
    yield from _target_steps(root, folder, sealed, ledger, digests, limits)


def _possible_steps(
    root: Path, folder: Path, target: Path, checked: Sequence[Step | Problem], change: ArchiveChange
) -> list[Step]:
    """Return the steps if there is no problem, and each of them can be taken.

    Raises:
        ProblemError: There is at least one problem, and the error has all of them. Or a file is in use.
    """
    steps = [step for step in checked if isinstance(step, Step)]
    places = place_problems(root, steps)
    # A run that rolls itself back has reserved the space, and tries in any case.
    space = space_problems(folder, target, steps) if change is not ArchiveChange.KEPT else ()
    possible = steps_or_raise([*checked, *places, *space])
    for database in {step.exclusive_database for step in possible if step.exclusive_database}:
        restore.require_exclusive_access(database)
    return possible


def _take_steps(steps: Sequence[Step], ledger: Ledger, result: RollbackResult) -> None:
    """Take the steps in their order, and record them in the result."""
    ledger.note("putting-back")
    result.discarded.extend(step.discards for step in steps if step.discards)
    for step, listed in zip(steps, folded_texts(steps), strict=True):
        result.steps.extend(text for text in (step.action(), listed) if text)


def _manifest_problems(folder: Path, sealed: Manifest, ledger: Ledger) -> Iterator[Problem]:
    """Yield a problem if the manifest is not the one that the run has sealed.

    A digest in it that is wrong would be noticed only after the rollback.
    """
    noted = {event["sha256"] for event in ledger.all("sealed") if "sha256" in event}
    if noted and digest_file(folder / manifest.NAME) not in noted:
        yield manifest.problem(folder, "has changed since it was sealed.")
        return
    for copy in sealed.databases:
        if (folder / copy.copy).is_file() and contradicts_itself(copy, folder):
            yield manifest.problem(folder, f"states a digest of {copy.file} that is not that of its tables.")


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
        yield from damaged_copy_problems(folder, code.copy, code.sha256)
        action = partial(_restore_code, path, folder / code.copy, code.mode)
        yield Step(f"restored {code.file}", action, place=path.parent, size=code.size, kind="restored {}")


def _restore_code(path: Path, copy: Path, mode: int) -> None:
    replace(path, copy.read_bytes(), mode)


def _target_steps(
    root: Path, folder: Path, sealed: Manifest, ledger: Ledger, digests: dict[str, str], limits: Limits | None
) -> Iterator[Step | Problem]:
    target, copy = root / sealed.target, sealed.database(sealed.target)
    if not os.path.lexists(target):
        if copy or ledger.has("creating-target"):
            yield from sidecar_steps(target, folder)
        if copy:
            yield from restore_steps(target, folder, copy)
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
        yield step_aside(target, folder)
        yield from sidecar_steps(target, folder)
    known = None if now.changed and not now.is_empty else restore.DatabaseState(now.digest, now.files)
    kept = target.stat().st_size if known is None else 0
    if copy and now.read_error:
        yield from restore_steps(target, folder, copy)
    elif copy:
        yield from damaged_copy_problems(folder, copy.copy, copy.sha256)
        action = partial(_restore_target, target, folder, copy, known, ledger, digests, limits)
        yield Step(
            f"restored {copy.file} from the backup set",
            action,
            exclusive_database=target,
            place=target.parent,
            size=max(target.stat().st_size, copy.size),  # its journal has the former pages
            kept=kept,
        )
    elif not now.read_error:
        text = f"removed {target.name}, which the run had created"
        yield Step(
            text,
            partial(restore.remove_database, target, folder, known=known, limits=limits),
            exclusive_database=target,
            place=target.parent,
            kept=kept,
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
