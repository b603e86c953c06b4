"""State whether the page reader can be used here, and why not."""

from __future__ import annotations

import os
import subprocess

from sqlite_consolidate.page_reader.compilation import PROGRAM, first_line

PURE = "SQLITE_CONSOLIDATE_PURE"
"""Variable that leaves every database to SQLite and Python."""

_VERSION_SECONDS = 10


def reason_without_program() -> str:
    """Return why the page reader is not used here, or an empty text."""
    if os.environ.get(PURE) == "1":
        return f"{PURE}=1"
    if not PROGRAM.exists():
        return "the page reader was not compiled"
    try:
        version = subprocess.run(
            [PROGRAM, "--version"], capture_output=True, check=False, env={}, timeout=_VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return "the page reader cannot be run"
    is_right = version.stdout == f"{first_line()}\n".encode()
    return "" if is_right else "the page reader was compiled from other sources"


def page_reader_text() -> str:
    """Return what reads the pages of large databases here."""
    reason = reason_without_program()
    return f"pages: pure, read by SQLite and Python ({reason})" if reason else "pages: read by the page reader, in C"
