"""State what an earlier rehearsal of a plan has shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that passed, its rollback included.

    Attributes:
        run: Its id, which is the name of its folder among the reports.
        finished: When it ended.
        digests: Content digest of each database that it copied, by the path inside the workspace.
        seconds: Time that each stage took, by its id.
    """

    run: str
    finished: datetime
    digests: dict[str, str]
    seconds: dict[str, float]
