"""Hold what bounds one run, and what it has read so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from migration.engine.deadline import Deadline
from migration.engine.progress import Progress


@dataclass(frozen=True)
class Limits:
    """Bound one run, and count what it reads; every connection of the run carries the same limits.

    Attributes:
        deadline: How long reading one database may take.
        progress: How far the part that is under way has come.
        interrupted: Set by another thread or a signal handler, to end long statements of this run.
    """

    deadline: Deadline = field(default_factory=Deadline)
    progress: Progress = field(default_factory=Progress)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def is_over(self) -> bool:
        """Tell whether a statement that runs now has to end."""
        return self.interrupted.is_set() or self.deadline.passed
