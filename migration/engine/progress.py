"""Progress: how far the long part of a step has come that is under way; the engine counts, somebody else shows it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNTED = 1024
"""Rows that are read before they are counted: counting each would cost more than reading it."""


@dataclass
class Progress:
    """One part of a step: what is done of how much. Written by one thread, read by another; both only set numbers.

    Attributes:
        counted: Rows that were read since the part began.
        total: How much there is; 0 where nobody knows.
        unit: ``rows`` or ``bytes``.
    """

    counted: int = 0
    total: int = 0
    unit: str = "rows"
    _look: Callable[[], int] | None = None

    def begin(self, total: int = 0, unit: str = "rows", look: Callable[[], int] | None = None) -> None:
        """From now on another part is under way.

        Args:
            total: Of it; 0 where nobody knows.
            unit: ``rows`` are counted as they are read; ``bytes`` are looked up.
            look: Says how much is done, in any thread; else it is what is ``counted``.
        """
        self._look = look
        self.counted, self.total, self.unit = 0, total, unit

    @property
    def done(self) -> int:
        """How much is done by now, and never more than the total."""
        seen = self.counted
        if self._look is not None:
            with contextlib.suppress(OSError):  # the file has not been made yet, or has been finished and renamed
                seen = self._look()
        return min(seen, self.total) if self.total else seen


def size_of(path: Path, less: int = 0) -> Callable[[], int]:
    """Return what looks up the bytes of a file that grows, without opening it."""
    return lambda: max(0, path.stat().st_size - less)
