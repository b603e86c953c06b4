"""Run the workspace management system from the command line.

For example ``python -m workspace.wms.cli task list --limit 5``.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def database() -> Path:
    """Return the path of the workspace's database, relative to this file."""
    return Path(__file__).resolve().parents[2] / "workspace.db"


def list_tasks(limit: int, status: str | None) -> list[str]:
    """Return one line a task, the newest first, at most ``limit``."""
    query = (
        "SELECT id, status, priority, title FROM workspace_tasks"
        " WHERE ?1 IS NULL OR status = ?1 ORDER BY created_at DESC, id LIMIT ?2"
    )
    with closing(sqlite3.connect(f"{database().as_uri()}?mode=rw", uri=True)) as db:
        return ["{:<8}  {:<11}  {:<8}  {}".format(*row) for row in db.execute(query, (status, limit))]


def main(argv: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    parser = argparse.ArgumentParser(prog="wms", description="Look into the workspace.")
    task = parser.add_subparsers(required=True).add_parser("task", help="tasks of the workspace")
    listing = task.add_subparsers(required=True).add_parser("list", help="list tasks, the newest first")
    listing.add_argument("--limit", type=int, default=20)
    listing.add_argument("--status")
    wanted = parser.parse_args(argv)
    sys.stdout.writelines(f"{line}\n" for line in list_tasks(wanted.limit, wanted.status))
    return 0


if __name__ == "__main__":
    sys.exit(main())
