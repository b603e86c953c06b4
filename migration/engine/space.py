"""Space: whether everything that the run will write fits on the disk, and may be written."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from migration.plan.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from migration.engine.facts import Facts
    from migration.plan.model import Plan


def needed(plan: Plan, sources: Sequence[Facts], target: Facts | None) -> int:
    """Return the bytes that a run writes at most: backups, their dumps, and what the target grows by."""
    moved = sum(facts.size for facts in sources)
    backups = moved + (target.size if target else 0)
    return backups * (2 if plan.dump else 1) + moved


def room(plan: Plan, root: Path, sources: Sequence[Facts], target: Facts | None) -> list[Problem]:
    """Return what keeps the run from writing: too little space, and folders that this user may not write to."""
    wanted, free = needed(plan, sources, target), shutil.disk_usage(root).free
    problems = []
    if free < wanted:
        what = f"{wanted / 1e6:.1f} MB are needed for backups, dumps and growth, {free / 1e6:.1f} MB are free."
        problems.append(Problem("space", plan.backups, what, "Free some space and run again."))
    files = [facts.file for facts in (*sources, *([target] if target else []))]
    for folder in sorted({(root / file).parent for file in (*files, plan.backups, plan.target)}):
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            what = "is read-only for the user who runs this: no permission to write there."
            name = str(folder.relative_to(root))
            problems.append(Problem("space", name, what, "Give write permission and run again."))
    return problems
