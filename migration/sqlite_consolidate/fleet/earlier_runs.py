"""Read the earlier roll-ups of a fleet from its reports folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.fleet.rollup import RollUp
from sqlite_consolidate.regular_files import read_regular

if TYPE_CHECKING:
    from pathlib import Path

ROLL_UP = "fleet.json"
"""Name of the file that has a roll-up."""

_RUN = re.compile(r"\d{8}_\d{6}-fleet-[a-z]+")
_MOST_BYTES = 50_000_000
_MOST_RUNS = 100


def earlier_roll_ups(reports: Path, fleet: str, before: str) -> list[RollUp]:
    """Return the earlier roll-ups of a fleet, oldest first.

    A file that is missing, damaged or of another release is left out, as are links.

    Args:
        reports: Folder with one folder for each fleet run.
        fleet: Name of the fleet file.
        before: Id of the fleet run that is not an earlier one.
    """
    folders = [folder for folder in sorted(reports.glob("*-fleet-*")) if _RUN.fullmatch(folder.name)]
    older = [folder for folder in folders if folder.name < before and not folder.is_symlink()]
    roll_ups = (_read(folder / ROLL_UP) for folder in older[-_MOST_RUNS:])
    return [each for each in roll_ups if each is not None and each.fleet == fleet]


def _read(path: Path) -> RollUp | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        roll_up = RollUp.model_validate_json(read_regular(path))
        is_possible = roll_up.elapsed >= 0
    except (OSError, ValueError, TypeError):  # pydantic raises ValueError; a time without a zone is a TypeError
        return None
    return roll_up if is_possible else None
