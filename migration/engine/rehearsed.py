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


@dataclass(frozen=True)
class LastRehearsal:
    """The last rehearsal that counts for a run.

    Attributes:
        passed: It, or None.
        refusal: Why the best of those that do not count does not; empty where no report of one is there.
        unmet: The demand that it does not meet: mode, plan, workspace, version, verdict, time, or a criterion of
            bundles.
    """

    passed: Rehearsal | None = None
    refusal: str = ""
    unmet: str = ""
