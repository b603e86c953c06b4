"""Name the questions of the user and the lines of the checklist that criteria answer."""

from __future__ import annotations

from enum import Enum


class Question(Enum):
    """The success criteria as the user asks for them, in that order; the target's name stands for ``{target}``."""

    BACKED_UP = "All original databases backed up"
    CREATED = "All tables created in {target}"
    COUNTED = "All record counts match 100 %"
    CODE = "Code updated to use {target}"
    APPLICATIONS = "Applications work"
    LOGS = "No new errors in the logs"
    EXACT = "No data loss or corruption"
    ARCHIVED = "Old databases archived"
    UNDONE = "Everything is as it was before"


class Step(Enum):
    """The checklist of a change, in order: phase and line."""

    PLAN = ("Pre-migration", "The plan is valid, the sources hold what it states")
    INTACT = ("Pre-migration", "Sources and target are intact")
    UNUSED = ("Pre-migration", "No other process uses them")
    SPACE = ("Pre-migration", "There is room for backups and growth")
    FREE = ("Pre-migration", "No table, name, value or key stands in the way")
    BACKED_UP = ("Pre-migration", "All original databases are backed up, each copy compared")
    DUMPED = ("Pre-migration", "The SQL dumps load again, with the same content")
    CREATED = ("Migration", "Tables and indexes are created")
    COPIED = ("Migration", "Rows are copied and counted")
    COMPARED = ("Migration", "Everything is compared before COMMIT")
    COMMITTED = ("Migration", "The transaction is committed")
    CODE = ("Migration", "The code is updated")
    QUIET = ("Post-migration", "The logs have no new error, and no application changed a database")
    ARCHIVED = ("Post-migration", "The old databases are archived, and can be restored")
    FINAL = ("Final validation", "The target, read again, is what was verified")
    ARCHIVES = ("Final validation", "The archives are unchanged, and no old database came back")
    UNNAMED = ("Final validation", "Nothing names an old database")
    RECORDED = ("Final validation", "Backup location, rollback procedure and record are written")
    UNDONE = ("Final validation", "Everything is as it was before")

    @property
    def phase(self) -> str:
        """The part of the checklist."""
        return self.value[0]

    @property
    def text(self) -> str:
        """The line."""
        return self.value[1]
