"""Rollback: the way back from any point of a run, step by step, each step looking at facts and not at flags."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration.engine import history, manifest
from migration.engine.backup import file_content_digest
from migration.engine.connections import leave_wal, open_existing, open_new, open_readonly
from migration.engine.digest import digest_file, digest_tables
from migration.engine.durable import move, replace, sync_folder
from migration.engine.errors import EngineError
from migration.engine.guard import looking
from migration.engine.ledger import Ledger
from migration.engine.observation import Observation, equal
from migration.engine.schema import read

if TYPE_CHECKING:
    from pathlib import Path

    from migration.engine.manifest import DatabaseCopy, Manifest

_SIDECARS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class PutBack:
    """What was put back, in the order in which it was done; empty when nothing had been changed."""

    steps: list[str] = field(default_factory=list)
    seen: list[Observation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything, looked at afterwards, is as it was."""
        return all(one.holds for one in self.seen)


def changed_since(root: Path, folder: Path) -> list[str]:
    """Name the target's tables that differ from what the run committed: what a rollback would discard.

    Returns:
        Sentences, one a table; empty when the target is as committed, or was not committed.
    """
    sealed = manifest.read(folder)
    target = root / sealed.target if sealed else None
    if sealed is None or target is None or not target.exists():
        return []
    with looking(target) as con:
        row = next((row for row in history.read(con) if row.run == sealed.run), None)
        digests = digest_tables(con, read(con))
    if row is None:
        return []
    found = []
    for name in sorted(set(row.tables) | set(digests) - {history.TABLE}):
        was = (row.tables[name][0], row.tables[name][1]) if name in row.tables else None
        now = (digests[name].rows, digests[name].sha256) if name in digests else None
        if was != now:
            found.append(f"{name}: {_rows(was)} at the migration, {_rows(now)} now")
    return found


def put_back(root: Path, folder: Path) -> PutBack:
    """Undo a run: archives, code, target, in this order; each step only where the run's own result is found.

    A target that has changed since is kept in the backup set first, so nothing is lost even then. Killed in the
    middle, it can be run again.

    Args:
        root: The workspace.
        folder: The run's backup set.

    Raises:
        EngineError: A file is neither as it was before the run nor as the run left it; it is not touched.
    """
    sealed = manifest.read(folder)
    ledger = Ledger(folder)
    done = PutBack()
    if sealed is None:
        return done
    ledger.note("putting-back")
    _restore_names(root, sealed, done)
    _restore_code(root, folder, sealed, ledger, done)
    _restore_target(root, folder, sealed, done)
    _restore_modes(root, sealed)
    done.seen.extend(restored_observations(root, sealed))
    if done.holds:
        ledger.note("put-back", steps=done.steps)
    return done


def restored_observations(root: Path, sealed: Manifest) -> list[Observation]:
    """Every database has the content, and every code file the bytes, that the manifest says; no archive is left."""
    seen = []
    for copy in sealed.databases:
        live = root / copy.file
        found = file_content_digest(live) if live.exists() else "no such file"
        seen.append(equal(copy.file, copy.digest, found))
    if not sealed.target_existed:
        there = (root / sealed.target).exists()
        seen.append(equal(sealed.target, "no such file", "there" if there else "no such file"))
    for code in sealed.code:
        path = root / code.file
        seen.append(equal(code.file, code.sha256, digest_file(path) if path.exists() else "no such file"))
    for archived in sealed.archive.values():
        there = os.path.lexists(root / archived)
        seen.append(equal(archived, "no such file", "there" if there else "no such file"))
    return seen


def _restore_names(root: Path, sealed: Manifest, done: PutBack) -> None:
    for file, archived in sealed.archive.items():
        old, new = root / file, root / archived
        if not os.path.lexists(new):
            continue
        if os.path.lexists(old) and not old.samefile(new):
            raise EngineError(
                f"{file} has been created again beside its archive {new.name}.",
                left="Both files are as they were found.",
                todo=f"Move {file} away (its rows are in no backup), then roll back again.",
            )
        move(new, old)
        done.steps.append(f"renamed {archived} back to {file}")
    for copy in sealed.databases:
        live = root / copy.file
        if copy.role == "source" and copy.journal_mode == "wal" and live.exists():
            con = open_existing(live)
            try:
                con.execute("PRAGMA journal_mode=WAL").fetchone()
            finally:
                con.close()


def _restore_code(root: Path, folder: Path, sealed: Manifest, ledger: Ledger, done: PutBack) -> None:
    written = {event["file"]: event["after"] for event in ledger.all("rewriting")}
    for code in sealed.code:
        path = root / code.file
        now = digest_file(path) if path.exists() else ""
        if now == code.sha256 or code.file not in written:
            continue
        if now != written[code.file]:
            raise EngineError(
                f"{code.file} is neither as it was before the migration nor as the migration wrote it.",
                left="It was not touched.",
                todo=f"Compare it with {folder.name}/{code.copy}, settle it by hand, then roll back again.",
            )
        replace(path, (folder / code.copy).read_bytes(), code.mode)
        done.steps.append(f"restored {code.file}")


def _restore_target(root: Path, folder: Path, sealed: Manifest, done: PutBack) -> None:
    target = root / sealed.target
    copy = sealed.database(sealed.target)
    if copy is None:
        _remove_made_target(target, folder, sealed, done)
        return
    committed = any(row.run == sealed.run for row in history.read_file(target)) if target.exists() else False
    if committed or not target.exists():
        _keep(target, folder, done)
        _overwrite(folder / copy.copy, target, copy)
        done.steps.append(f"restored {sealed.target} from the backup set")
    elif copy.journal_mode == "wal":
        con = open_existing(target)
        try:
            con.execute("PRAGMA journal_mode=WAL").fetchone()
        finally:
            con.close()


def _remove_made_target(target: Path, folder: Path, sealed: Manifest, done: PutBack) -> None:
    """A target that this run created goes; what was in it stays in the backup set."""
    if not target.exists():
        return
    rows = history.read_file(target) if target.stat().st_size else []
    if rows and rows[0].run != sealed.run:
        raise EngineError(f"{sealed.target} was made by another run.", todo="Roll that run back first.")
    if rows:
        _keep(target, folder, done)
    for suffix in ("", *_SIDECARS):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    sync_folder(target.parent)
    done.steps.append(f"removed {sealed.target}, which the run had created")


def _keep(target: Path, folder: Path, done: PutBack) -> None:
    """Keep the target as it is now in the backup set: a rollback loses nothing, not even what came after."""
    if not target.exists():
        return
    kept = folder / "databases" / "target-before-rollback.db"
    kept.unlink(missing_ok=True)
    source, con = open_readonly(target), open_new(kept)
    try:
        source.backup(con)
        con.execute("PRAGMA journal_mode=DELETE").fetchone()
    finally:
        con.close()
        source.close()
    done.steps.append(f"kept the target as it was in {folder.name}/databases/{kept.name}")


def _overwrite(backup: Path, target: Path, copy: DatabaseCopy) -> None:
    """Restore through SQLite, in one transaction on the live file: whoever has it open sees old or new, never both."""
    if not target.exists():
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(backup, part)
        part.chmod(copy.mode)
        for suffix in _SIDECARS:
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        part.rename(target)
        sync_folder(target.parent)
    source, con = open_readonly(backup), open_existing(target)
    try:
        leave_wal(con, target)
        source.backup(con)
        if copy.journal_mode == "wal":
            con.execute("PRAGMA journal_mode=WAL").fetchone()
    finally:
        con.close()
        source.close()


def _restore_modes(root: Path, sealed: Manifest) -> None:
    modes = {copy.file: copy.mode for copy in sealed.databases} | {code.file: code.mode for code in sealed.code}
    for file, mode in modes.items():
        path = root / file
        if path.exists() and path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)


def _rows(found: tuple[int, str] | None) -> str:
    return "not there" if found is None else f"{found[0]} rows ({found[1][:8]})"
