"""Check plan files without their databases.

A pre-commit hook runs this module with the files as arguments (``.pre-commit-hooks.yaml``). A rehearsal checks
everything else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(files: Sequence[str] | None = None) -> int:
    """Print every mistake of the files with its line, and return 1 if there is one.

    Args:
        files: Paths of plan files; the arguments of this process if None.
    """
    mistaken = [file for file in (sys.argv[1:] if files is None else files) if not _is_valid(Path(file))]
    return 1 if mistaken else 0


def _is_valid(file: Path) -> bool:
    try:
        load(file)
    except ProblemError as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
