"""Copy workspaces for faults, and compare their contents before and after."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.contents import digest_or_reason
from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan


def copy_tree(folder: Path, destination: Path) -> None:
    """Copy a folder that no other process has open. Links into the folder lead into the copy."""
    shutil.copytree(folder, destination, symlinks=True)
    for path in destination.rglob("*"):
        if path.is_symlink() and (link_target := path.readlink()).is_absolute() and link_target.is_relative_to(folder):
            path.unlink()
            path.symlink_to(destination / link_target.relative_to(folder))


def contents(root: Path, plan: Plan) -> dict[str, str]:
    """Return the contents of a workspace without its backups.

    Databases of the plan are given by rows and schema, other files by bytes.
    """
    databases = {root / plan.target, *(root / source.file for source in plan.sources)}
    backups, digests = root / plan.backups, {}
    for path in sorted(root.rglob("*")):
        if path.is_relative_to(backups) or path.name.endswith(SIDECARS):
            continue
        name = path.relative_to(root).as_posix()
        if path in databases:
            digests[name] = digest_or_reason(path)
        elif path.is_symlink():
            digests[name] = str(path.readlink())
        elif path.is_file():
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of the files that were removed, added or changed."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
