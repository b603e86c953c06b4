"""List what is wrong with the backup sets after a recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import RECORDED, Ledger
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.merge.conflict_log import CONFLICT_LOG
from sqlite_consolidate.engine.merge.rows.key_map_file import KEY_MAP
from sqlite_consolidate.engine.merge.rows.left_rows import LEFT_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OF_EACH = {"ledger.jsonl", "manifest.json", "plan.toml"}
_NO_SET = ".hot-journals"  # databases as a dead process left them, before SQLite rolled their journals back
_OF_RECORDED = {"record.json", "ROLLBACK.md"}
_OF_REFERENCES = {manifest.DIFF}


def backup_set_problems(root: Path, sealed: set[str]) -> list[str]:
    """Return the problems of all backup sets.

    No ``sealed`` set may be missing, and each must be complete, private and without other files.
    """
    wrong = [f"backup set {name} is gone" for name in sorted(sealed) if not (root / "backups" / name).is_dir()]
    for path in sorted((root / "backups").glob("[!.]*")):
        wrong += _of_set(path) if path.is_dir() else [f"{path.name} was left among the sets"]
    return wrong


_OF_GIT = {".gitignore"}
"""File of a set by which git ignores the set."""

_OF_ROWS = {CONFLICT_LOG, LEFT_ROWS, KEY_MAP}
"""Files that only some plans write, and that a run which dies may leave."""


def _of_set(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.stat().st_mode & 0o077:
            yield f"{folder.name}: {path.name} is open to others"
    if not folder.name.endswith(_NO_SET):
        yield from _not_as_listed(folder)


def _not_as_listed(folder: Path) -> Iterator[str]:
    sealed, ledger = manifest.read(folder), Ledger(folder)
    if sealed is None:
        yield f"backup set {folder.name} was left unsealed"
        return
    copies = {database.copy: database.sha256 for database in sealed.databases}
    copies |= {database.dump: database.dump_sha256 for database in sealed.databases}
    copies |= {code.copy: code.sha256 for code in sealed.code}
    for name, digest in copies.items():
        if not (folder / name).is_file() or digest_file(folder / name) != digest:
            yield f"backup set {folder.name}: {name} is not the copy that was sealed"
    named = _OF_EACH | (_OF_RECORDED if ledger.has(RECORDED) else set())
    yield from (f"backup set {folder.name}: {name} is missing" for name in named if not (folder / name).is_file())
    events = str(ledger.events())
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if (
            path.is_file()
            and name not in copies.keys() | named | _OF_RECORDED | _OF_REFERENCES | _OF_GIT | _OF_ROWS
            and name not in events
        ):
            yield f"backup set {folder.name}: {name} is named neither by the manifest nor by the ledger"
