"""Check that the disk has space for a run, and that the run may write to its folders."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.errors import file_of, is_full
from sqlite_consolidate.engine.sqlite.files import existing_folder, file_status, may_exist, size_with_sidecars
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Plan


@dataclass(frozen=True)
class DiskSpaceNeeded:
    """Hold the largest number of bytes that a run can write.

    Attributes:
        backups: Copies of target and sources.
        dumps: SQL text of target and sources. It is seldom longer than the database, because it contains no index.
        growth: Bytes by which the target grows.
        scratch: Size of the largest database. The run needs this space while it loads a dump or restores an archive.
        rollback: Largest number of bytes that a rollback can write, which is the size of the target at COMMIT.
    """

    backups: int
    dumps: int
    growth: int
    scratch: int
    rollback: int

    @property
    def kept(self) -> int:
        """Return the number of bytes that remain after the run."""
        return self.backups + self.dumps + self.growth

    def __str__(self) -> str:
        parts = f"backups {_mb(self.backups)}, dumps {_mb(self.dumps)}, growth {_mb(self.growth)}"
        return f"{_mb(self.kept)} are needed ({parts}), and {_mb(self.scratch + self.rollback)} temporarily"


def disk_space_needed(plan: Plan, folder: Path) -> DiskSpaceNeeded:
    """Return the largest number of bytes that a run can write, computed from file sizes.

    Args:
        plan: The plan.
        folder: The workspace with its databases. This function opens none of them.
    """
    sources = dict.fromkeys(source.file for source in plan.sources)
    moved = sum(size_with_sidecars(folder / file) for file in sources)
    sizes = [size_with_sidecars(folder / file) for file in dict.fromkeys([plan.target, *sources])]
    target = size_with_sidecars(folder / plan.target)
    return DiskSpaceNeeded(
        backups=sum(sizes),
        dumps=sum(sizes) if plan.dump else 0,
        growth=moved,
        scratch=max(sizes),
        rollback=target + moved if target else 0,  # a rollback only removes a new target
    )


@dataclass(frozen=True)
class Disk:
    """Hold what a run needs of one disk, in bytes.

    Attributes:
        name: What of the run is on it, such as the backups.
        wanted: Largest number that the run can need there at one time.
        free: What it has.
    """

    name: str
    wanted: int
    free: int


def disks_of(plan: Plan, root: Path, needed: DiskSpaceNeeded) -> list[Disk]:
    """Return each disk that a run writes to, that of the backups first.

    Args:
        plan: The plan.
        root: The folder that the run writes to: the workspace, or its copy.
        needed: What the run can write.
    """
    backups, temporary = existing_folder(root / plan.backups), Path(tempfile.gettempdir())
    # A dump is loaded beside the backups; an archive is restored later, in the temporary folder. Meanwhile the space
    # for the rollback is reserved on the disk of the target.
    names: dict[int, tuple[str, Path]] = {}
    wanted: Counter[int] = Counter()
    for name, folder, size in (
        (plan.backups, backups, needed.backups + needed.dumps),
        (plan.target, existing_folder((root / plan.target).parent), needed.growth + needed.rollback),
        (str(temporary), temporary, needed.scratch),
    ):
        names.setdefault(folder.stat().st_dev, (name, folder))
        wanted[folder.stat().st_dev] += size
    if plan.dump and temporary.stat().st_dev != backups.stat().st_dev:
        wanted[backups.stat().st_dev] += needed.scratch
    return [Disk(name, wanted[disk], shutil.disk_usage(folder).free) for disk, (name, folder) in names.items()]


def state_disk_space(plan: Plan, root: Path, live: Path) -> str:
    """Return what a run needs and what is free on each disk that it writes to.

    The arguments are those of :func:`check_disk_space`.
    """
    needed = disk_space_needed(plan, live)
    disks = disks_of(plan, root, needed)
    if len(disks) == 1:
        return f"{needed}; {_mb(disks[0].free)} are free"
    places = (f"{_mb(disk.wanted)} on the disk of {disk.name}, where {_mb(disk.free)} are free" for disk in disks)
    return "; ".join([str(needed), *places])


def check_disk_space(plan: Plan, root: Path, live: Path) -> list[Problem]:
    """Return a problem for each disk with too little space and each read-only folder.

    Args:
        plan: The plan.
        root: The folder that the run writes to: the workspace, or its copy.
        live: The workspace, with every database.
    """
    needed = disk_space_needed(plan, live)
    problems = [_too_small(disk, needed) for disk in disks_of(plan, root, needed) if disk.free < disk.wanted]
    for name in _read_only_folders(plan, root):
        fact = "is read-only for the user who runs this: no permission to write there."
        problems.append(Problem("read-only", name, fact, "Give write permission and run again.", criterion="space"))
    return problems


def full_disk_problem(error: BaseException, workspace: Path) -> Problem | None:
    """Return the problem that a disk was full, or None for any other error.

    SQLite does not tell which disk. It has deleted its temporary files since, so that there may be space again.
    """
    if not is_full(error):
        return None
    file = file_of(error)
    folders = {"the folder for temporary files": Path(tempfile.gettempdir()), "the workspace": workspace}
    if file:
        its_folder = {"its folder": existing_folder(file.absolute().parent)}
        folders = its_folder if isinstance(error, OSError) else its_folder | folders
    free = " and ".join(f"{_mb(shutil.disk_usage(folder).free)} in {name}" for name, folder in folders.items())
    subject = file.name if file else tempfile.gettempdir()
    hint = "Free some space, or set TMPDIR to a folder on a larger disk, and run again."
    return Problem("no-space", subject, f"could not be written, because a disk is full. Now {free} are free.", hint)


def unwritable_findings(plan: Plan, live: Path) -> list[Finding]:
    """Return what the user of a rehearsal may not write to in the workspace.

    The rehearsal itself writes only to its copy. A migration by this user would be refused.
    """
    files = dict.fromkeys((plan.target, plan.backups, *(source.file for source in plan.sources)))
    read_only = [file for file in files if may_exist(live / file) and not os.access(live / file, os.W_OK)]
    text = "is read-only for the user who rehearses. A migration by this user would be refused."
    return [Finding.of("read-only-here", name, text) for name in (*_read_only_folders(plan, live), *read_only)]


def _read_only_folders(plan: Plan, root: Path) -> list[str]:
    """Return the folders of databases, code and backups that this user may not write to."""
    files = [source.file for source in plan.sources]
    files += [*(reference.file for reference in plan.references), *(insert.file for insert in plan.inserts)]
    existing = [file for file in files if may_exist(root / file)]
    folders = sorted({(root / file).parent for file in (*existing, plan.backups, plan.target)})
    return [
        root.name if folder == root else str(folder.relative_to(root)) for folder in folders if _is_read_only(folder)
    ]


def _is_read_only(folder: Path) -> bool:
    status = file_status(folder)
    return bool(status and stat.S_ISDIR(status.st_mode) and not os.access(folder, os.W_OK | os.X_OK))


def _too_small(disk: Disk, needed: DiskSpaceNeeded) -> Problem:
    fact = f"{needed}; {_mb(disk.free)} are free, {_mb(disk.wanted)} should be."
    return Problem("no-space", disk.name, fact, "Free some space and run again.", criterion="space")


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
