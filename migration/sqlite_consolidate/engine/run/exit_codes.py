"""Name the exit codes of a run."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What pytest, the console script and a fleet exit with (design, section 1)."""

    ACCEPTED = 0
    """The verdict is accepted, or the workspace was consolidated already."""
    FAILED = 1
    """A criterion failed after the run had begun to act; everything was rolled back."""
    INTERRUPTED = 2
    """Ctrl-C ended the run; everything was rolled back."""
    INTERNAL = 3
    """Something broke that is no criterion, or something could not be rolled back."""
    REFUSED = 4
    """The run was refused before anything was touched."""
    NOTHING_SELECTED = 5
    """No test was selected; pytest's own code."""
    HUNG_UP = 129
    """The terminal was closed (SIGHUP)."""
    TERMINATED = 143
    """SIGTERM ended the run."""


INTERRUPTIONS = (ExitCode.INTERRUPTED, ExitCode.HUNG_UP, ExitCode.TERMINATED)
"""The codes of a run that a signal ended."""
