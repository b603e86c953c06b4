"""Keep what a run has shown in the form that every report is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import Evidence, StageRecord
from sqlite_consolidate.engine.run.verdict import Verdict
from sqlite_consolidate.findings import STAGE_ERROR, Finding
from sqlite_consolidate.observation import Outcome

__all__ = [
    "STAGE_ERROR",
    "Attempt",
    "DatabaseRecord",
    "Evidence",
    "Finding",
    "Mode",
    "MoveRecord",
    "Place",
    "Record",
    "SchemaDifference",
    "SmokeRecord",
    "StageRecord",
    "TableContent",
    "Verdict",
]  # fmt: skip

Place = Literal["live", "backup", "dump", "archive", "after"]
"""Where a table was read: in the live file before the run, in its copies, and in the live file after the run."""


@dataclass(frozen=True)
class TableContent:
    """What one table was found to hold at one place: its rows, and their digest (64 hex digits)."""

    rows: int
    digest: str


@dataclass(frozen=True)
class DatabaseRecord:
    """One database before and after: what an auditor compares.

    Attributes:
        name: Source name of the plan, or ``"target"``.
        file: Path relative to the workspace.
        size: Bytes before, sidecars included; None when the file was absent.
        size_after: Bytes after; None when absent.
        digest: Content digest before (64 hex digits), empty when unknown.
        digest_after: Content digest after, empty when unknown.
        rows: Table to number of rows, before.
        rows_after: Table to number of rows, after.
        versions: ``user_version``, ``application_id``, ``encoding``, ``journal_mode``, ``page_size``.
        contents: Where it was read, to table, to what that table held there.
        about: What the plan says of it: ``priority``, ``risk``, ``reason``, ``estimate``.
    """

    name: str
    file: str
    size: int | None = None
    size_after: int | None = None
    digest: str = ""
    digest_after: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    rows_after: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    contents: dict[Place, dict[str, TableContent]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SchemaDifference:
    """One thing that the target declares otherwise than the source: ``type``, ``NOT NULL``, ``default``, key."""

    subject: str
    column: str
    aspect: str
    source: str
    target: str


@dataclass(frozen=True)
class SmokeRecord:
    """What an application did when it was run.

    Attributes:
        name: Of the smoke test in the plan; ``command`` is as it was started.
        ended: How: ``"exit status 0"``, why it was ended, or why it could not be started.
        lines: How many it printed; ``error_lines`` likewise.
        stdout: Its output, if values may be shown, else empty; ``stderr`` likewise.
    """

    name: str
    command: str
    ended: str
    seconds: float
    lines: int = 0
    error_lines: int = 0
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True)
class MoveRecord:
    """One table on its way from a source into the target.

    Attributes:
        source: Name of the source in the plan.
        subject: ``file:table``.
        table: In the source; ``into`` is the one in the target.
        rows: In the source.
        arrived: Rows that the target got; None as long as it was not copied.
        skipped: Rows that stayed behind because of the plan's conflict policy.
        replaced: Rows of the target that made place because of it.
        method: Whether whole records or columns were copied; empty where that is not known.
    """

    source: str
    subject: str
    table: str
    into: str
    rows: int
    arrived: int | None = None
    skipped: int = 0
    replaced: int = 0
    method: str = ""


@dataclass(frozen=True)
class Attempt:
    """One run as its report's manifest tells of it, or, where there is no report, its backup set's ledger.

    Attributes:
        run: Its id: ``<UTC stamp>-<mode>``.
        verdict: As it was when the run ended; ``not shown`` for a run that has no end.
        headline: The verdict in one sentence; empty when only a backup set tells of the run.
        exit_code: What pytest exited with, or None when that is not known.
        started: UTC, ISO 8601; ``finished`` is empty for a run that has no end, or when that is not known.
        already: True when there was nothing to be done.
        plan: Name of the plan file; empty when not known.
        workspace: Name of the workspace's folder; ``workspace_id`` tells two of the same name apart.
        backup_set: Path relative to the workspace; empty when it made none.
        report: Name of its folder under reports; empty when there is none.
        cut_short: How one can tell that it was cut short; empty for a run that came to its end.
    """

    run: str
    mode: Mode
    verdict: Verdict
    headline: str
    exit_code: int | None
    started: str
    finished: str
    already: bool = False
    plan: str = ""
    workspace: str = ""
    workspace_id: str = ""
    backup_set: str = ""
    report: str = ""
    cut_short: str = ""


@dataclass(frozen=True)
class Record:
    """A whole run, as ``evidence.json`` holds it and every report is drawn from it.

    Attributes:
        run: Id of the run: ``<UTC stamp>-<mode>``.
        verdict: ``accepted`` only if every demanded criterion passed or is not required.
        headline: The verdict in one sentence for people ("Accepted: ...", "Refused: nothing was changed").
        exit_code: What pytest exits with.
        started: UTC, ISO 8601; ``finished`` is empty while the run goes on.
        plan: ``path`` and ``sha256`` of the plan file.
        criteria: All evidence; a criterion that nobody examined has an entry that says why.
        findings: What a reader should know that is no failure; those that ask for attention come first.
        backup_set: Path relative to the workspace, empty before there is one.
        archive: Old file name to archived file name.
        rollback: ``command`` (exact), ``drilled`` (UTC or empty).
        put_back: What the run did after a failure, empty if nothing was to be put back.
        unanswerable: Criteria that cannot be answered in this mode, and why.
        extra: Further keys of ``evidence.json``, such as ``inventory``.
        already: True when the workspace was consolidated before this run and nothing was to be done.
        workspace: Name of the workspace's folder; ``workspace_id`` tells two of the same name apart, without a path.
        attempts: Every earlier run on this workspace that is known, oldest first, failed ones too.
        planned: The tables that are to be moved; ``moves`` are those that were copied.
        asked: Criterion id to the success criterion that it answers by name, where the plan names one.
        limits: Sentences about what was not looked at, because the plan does not ask for it.
    """

    run: str
    mode: Mode
    verdict: Verdict
    headline: str
    exit_code: int
    started: str
    finished: str
    host: str
    user: str
    versions: dict[str, str]
    plan: dict[str, str]
    change: dict[str, str]
    workspace: str
    sources: tuple[DatabaseRecord, ...] = ()
    target: DatabaseRecord | None = None
    stages: tuple[StageRecord, ...] = ()
    criteria: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()
    backup_set: str = ""
    archive: dict[str, str] = field(default_factory=dict)
    rollback: dict[str, str] = field(default_factory=dict)
    put_back: str = ""
    already: bool = False
    unanswerable: dict[str, str] = field(default_factory=dict)
    workspace_id: str = ""
    attempts: tuple[Attempt, ...] = ()
    diff: str = ""
    sql: tuple[str, ...] = ()
    moves: tuple[MoveRecord, ...] = ()
    planned: tuple[MoveRecord, ...] = ()
    differences: tuple[SchemaDifference, ...] = ()
    smoke: tuple[SmokeRecord, ...] = ()
    asked: dict[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def not_shown(self) -> tuple[str, ...]:
        """Ids of the criteria that nobody examined, in the order of the evidence."""
        unexamined = (entry.criterion for entry in self.criteria if entry.outcome is Outcome.NOT_EXAMINED)
        return tuple(dict.fromkeys(unexamined))

    @property
    def flow(self) -> tuple[MoveRecord, ...]:
        """The tables that were copied, and before that those that are to be."""
        return self.moves or self.planned
