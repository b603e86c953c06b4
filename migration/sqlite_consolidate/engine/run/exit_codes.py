"""Name the exit codes of a run."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Name the exit codes of pytest, the console script and a fleet (design, section 1)."""

    ACCEPTED = 0
    """The verdict is accepted, or the workspace was already consolidated."""
    FAILED = 1
    """A criterion failed after the run had begun to act. All changes were rolled back."""
    INTERRUPTED = 2
    """Ctrl-C ended the run. All changes were rolled back."""
    INTERNAL = 3
    """An internal error occurred, or a change could not be rolled back."""
    REFUSED = 4
    """The run was refused before it changed anything."""
    NOTHING_SELECTED = 5
    """No test was selected. This code belongs to pytest."""
    HUNG_UP = 129
    """The terminal was closed (SIGHUP)."""
    TERMINATED = 143
    """SIGTERM ended the run."""


INTERRUPTIONS = (ExitCode.INTERRUPTED, ExitCode.HUNG_UP, ExitCode.TERMINATED)
"""The codes of a run that a signal ended."""
