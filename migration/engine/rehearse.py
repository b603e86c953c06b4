"""Rehearse: a private copy of the parts of a workspace that a plan names, for a whole run and its rollback."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.files import MAGIC
from migration.engine.snapshot import snapshot

if TYPE_CHECKING:
    from migration.plan.model import Plan

Identity = tuple[int, int]

_PASSED_OVER = frozenset({".git", "__pycache__", "node_modules", ".venv", ".tox", ".mypy_cache", ".pytest_cache"})
_SIDECARS = ("-wal", "-shm", "-journal")


def copy_workspace(
    plan: Plan, live: Path, scratch: Path, *, also: tuple[Path, ...] = (), leave: frozenset[Identity] = frozenset()
) -> None:
    """Copy databases, code trees, code files and logs that the plan names from ``live`` to the empty ``scratch``.

    Links stay links and hard links stay hard links, so that the preflight of a rehearsal sees what the real one would.

    Args:
        plan: The plan.
        live: The workspace; nothing in it is changed.
        scratch: An empty private folder.
        also: Further files inside the workspace, such as the plan file.
        leave: Device and inode of databases that are neither copied nor opened, because this process holds locks on
            them, which closing them would drop.

    Raises:
        EngineError: A database is locked or busy.
    """
    names = [plan.target, *(source.file for source in plan.sources)]
    names += [reference.file for reference in plan.references] + [insert.file for insert in plan.inserts]
    names += [*plan.scan.paths, *(path for test in plan.smoke for path in test.path)]
    names += [str(path.relative_to(live)) for pattern in plan.logs.files for path in live.glob(pattern)]
    names += [str(path.relative_to(live)) for path in also if path.is_relative_to(live)]
    copier = _Copier(live, scratch, leave)
    for name in dict.fromkeys(os.path.normpath(name) for name in names):
        copier.copy(Path(name))
    for name in (plan.target, *(source.file for source in plan.sources)):
        copier.copy_orphaned_sidecars(Path(os.path.normpath(name)))


@dataclass(frozen=True)
class _Copier:
    live: Path
    scratch: Path
    leave: frozenset[Identity]
    seen: dict[Identity, Path] = field(default_factory=dict)

    def copy(self, name: Path) -> None:
        """Copy what is at ``name``, a path relative to both roots, if anything is there."""
        there, copy = self.live / name, self.scratch / name
        self._make_parents(name)
        if there.is_symlink():
            self._copy_link(name)
        elif there.is_dir():
            copy.mkdir(mode=0o700, exist_ok=True)
            for entry in sorted(there.iterdir()):
                if (
                    entry.name not in _PASSED_OVER
                    and not (entry / "pyvenv.cfg").exists()
                    and not self._is_sidecar(entry)
                ):
                    self.copy(name / entry.name)
        elif there.is_file() and not os.path.lexists(copy):
            self._copy_file(there, copy)

    def copy_orphaned_sidecars(self, name: Path) -> None:
        """A sidecar without its database is a finding of the preflight: the rehearsal must see it too."""
        self._make_parents(name)
        for suffix in ("-wal", "-journal"):
            beside = name.with_name(name.name + suffix)
            if (self.live / beside).is_file() and not os.path.lexists(self.live / name):
                shutil.copy2(self.live / beside, self.scratch / beside)

    def _copy_link(self, name: Path) -> None:
        if os.path.lexists(self.scratch / name):
            return
        points = (self.live / name).readlink()
        if points.is_absolute() and points.is_relative_to(self.live):
            points = self.scratch / points.relative_to(self.live)  # a rehearsal must not reach the live workspace
        (self.scratch / name).symlink_to(points)
        real, root = (self.live / name).resolve(), self.live.resolve()
        if real.is_relative_to(root) and real.exists():
            self.copy(real.relative_to(root))

    def _copy_file(self, there: Path, copy: Path) -> None:
        if self._is_left(there):
            return
        status = there.stat()
        twin = self.seen.setdefault((status.st_dev, status.st_ino), copy)
        if twin != copy:
            os.link(twin, copy)
        elif _is_database(there):
            snapshot(there, copy)
        else:
            shutil.copy2(there, copy)

    def _is_sidecar(self, path: Path) -> bool:
        of = [path.with_name(path.name.removesuffix(suffix)) for suffix in _SIDECARS if path.name.endswith(suffix)]
        return any(self._is_left(one) or _is_database(one) for one in of)

    def _is_left(self, path: Path) -> bool:
        return path.exists() and (path.stat().st_dev, path.stat().st_ino) in self.leave

    def _make_parents(self, name: Path) -> None:
        for parent in reversed(name.parents):
            there, copy = self.live / parent, self.scratch / parent
            if there.is_dir() and not copy.exists():
                copy.mkdir(mode=(there.stat().st_mode & 0o777) | 0o700)


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
