"""Build the sample workspace with ``python -m sqlite_consolidate.sample DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sqlite_consolidate.sample.build import build


def main() -> None:
    """Build the sample workspace in the folder of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sqlite_consolidate.sample", description="Build the sample workspace."
    )
    parser.add_argument("folder", type=Path, help="a folder that is empty or does not exist")
    parser.add_argument("--decisions", action="store_true", help="add logs/orchestration_decisions.db with 72 rows")
    options = parser.parse_args()
    try:
        print(build(options.folder, decisions=options.decisions))  # noqa: T201 -- the output of the command
    except OSError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
