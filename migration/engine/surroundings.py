"""One answer: with which command, which interpreter and which environment a smoke test is started."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from migration.engine.live_use import ON_A_COPY

if TYPE_CHECKING:
    from pathlib import Path

    from migration.engine.live_use import LiveUse
    from migration.plan.model import Smoke

_KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ", "SYSTEMROOT"})  # and LC_*
_ENVIRONMENTS = (".venv", "venv")


def command_of(test: Smoke, live_root: Path) -> tuple[str, ...]:
    """Return what is started; ``python`` and what a virtual environment brings are those of the live workspace."""
    interpreter = _interpreter(test, live_root.absolute())
    if test.python:
        return (interpreter, "-c", test.python)
    first = interpreter if test.run[0] in ("python", "python3") else test.run[0]
    if os.sep in first and _of_environment(live_root / first):  # a command that a virtual environment brings
        first = str(live_root.absolute() / first)
    return (first, *test.run[1:])


def _interpreter(test: Smoke, live_root: Path) -> str:
    """Return the plan's interpreter, the workspace's own, or the one that runs this, in this order."""
    # Not resolved: a virtual environment's python is a link, and what it is called is what makes it that environment's.
    if test.interpreter:
        return str(live_root / test.interpreter)
    own = (live_root / folder / "bin" / "python" for folder in _ENVIRONMENTS)
    # A link that leads nowhere counts: a broken environment is to be noticed, not replaced by another.
    return next((str(python) for python in own if os.path.lexists(python)), sys.executable)


def _of_environment(program: Path) -> bool:
    return program.parent.name == "bin" and (program.parents[1] / "pyvenv.cfg").exists()


def environment_of(test: Smoke, root: Path, use: LiveUse | None) -> dict[str, str]:
    """Keep what a program needs to run at all; what steers Python or names a workspace does not come along.

    HOME stays: an application without its user's settings would be another application.

    Raises:
        ValueError: A folder of the plan cannot stand in PYTHONPATH.
    """
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    folders = [str(ON_A_COPY)] if use else []
    folders += [str(root.absolute() / folder) for folder in test.path]
    if any(os.pathsep in folder for folder in folders):
        raise ValueError(f"PYTHONPATH cannot hold a folder with {os.pathsep!r} in its name")
    path = {"PYTHONPATH": os.pathsep.join(folders)} if folders else {}
    watched = use.environment() if use else {}
    return kept | path | watched | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
