"""Hold what a run has shown, in the form that every report is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import Evidence, StageRecord
from sqlite_consolidate.engine.run.verdict import Verdict
from sqlite_consolidate.findings import STAGE_ERROR, Finding
from sqlite_consolidate.observation import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "STAGE_ERROR",
    "Attempt",
    "Change",
    "Comparison",
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
"""Where a table was read: the live file before the run, a copy of it, or the live file after the run."""


@dataclass(frozen=True, slots=True)
class TableContent:
    """Hold the rows of one table at one place, and their digest (64 hex digits)."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class DatabaseRecord:
    """Hold one database before and after the run.

    Attributes:
        name: Source name of the plan, or ``"target"``.
        file: Path relative to the workspace.
        size: Bytes before, sidecars included; None if the file was absent.
        size_after: Bytes after; None if absent.
        digest: Content digest before (64 hex digits), empty if unknown.
        digest_after: Content digest after, empty if unknown.
        rows: Table to number of rows, before.
        rows_after: Table to number of rows, after.
        versions: ``user_version``, ``application_id``, ``encoding``, ``journal_mode``, ``page_size``.
        contents: Place to table to the content of the table at that place.
        about: What the plan states: ``priority``, ``risk``, ``reason``, ``estimate``.
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
    """Hold one thing that the target declares otherwise than the source.

    Attributes:
        aspect: ``type``, ``NOT NULL``, ``default`` or the key; ``what`` in evidence.
    """

    subject: str
    column: str
    aspect: str
    source: str
    target: str


@dataclass(frozen=True)
class SmokeRecord:
    """Hold what an application did in the run.

    Attributes:
        name: Name of the smoke test in the plan.
        command: The command that started it.
        ended: ``"exit status 0"``, why it was ended, or why it could not be started.
        lines: Number of lines it printed; ``error_lines`` likewise.
        stdout: Its output if values may be shown, else empty; ``stderr`` likewise.
    """

    name: str
    command: str
    ended: str
    seconds: float
    lines: int = 0
    error_lines: int = 0
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """Hold the move of one table from a source into the target.

    Attributes:
        source: Name of the source in the plan.
        subject: ``file:table``.
        table: Name in the source; ``into`` is the name in the target.
        rows: Number of rows in the source.
        arrived: Rows that the target got; None if the table was not copied.
        skipped: Rows that were not moved, by the plan's conflict policy.
        replaced: Rows of the target that were replaced, by the same policy.
        method: Whether whole records or columns were copied; empty if unknown.
        identical: Number of skipped and replaced rows that are identical to the row that stays; None if unknown.
        rowids: ``kept`` where implicit rowids are compared although the rows have a key; otherwise empty.
        constants: Columns of the target that the plan fills, to their values in the plan as SQL literals.
        followed: Those of them that refer to a row of the source with a new key, to that key.
        left: Rows that the plan leaves behind, by ``where`` and ``follows``.
        unfollowed: Number of these that ``follows`` leaves behind.
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
    identical: int | None = None
    rowids: str = ""
    constants: dict[str, str] = field(default_factory=dict)
    followed: dict[str, str] = field(default_factory=dict)
    left: int = 0
    unfollowed: int = 0

    @property
    def arriving(self) -> int:
        """Return the number of rows that arrived, or that are to be moved if none was copied."""
        return self.rows if self.arrived is None else self.arrived


@dataclass(frozen=True, slots=True)
class KeyMapRecord:
    """Hold how the keys of one source table arrived in the target.

    Attributes:
        source: Name of the source in the plan.
        table: Name in the target.
        offset: Number that was added to each key.
        matched: Rows whose key is that of a row that the target had.
        column: Name in the target of a renumbered column that is not the primary key. Empty for the primary key.
    """

    source: str
    table: str
    offset: int
    matched: int = 0
    column: str = ""


@dataclass(frozen=True)
class DerivedRecord:
    """Hold what the run has derived again in one table of the target.

    Attributes:
        table: Name in the target.
        action: ``rebuild`` of a search index, or ``refresh`` of columns.
        rows: Rows that the index has, or rows whose columns have changed.
        columns: The columns of a refresh.
        reason: The plan's reason for a refresh.
    """

    table: str
    action: str
    rows: int
    columns: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Attempt:
    """Hold one earlier run, as its manifest or the ledger of its backup set describes it.

    Attributes:
        run: Id of the run: ``<UTC stamp>-<mode>``.
        verdict: The verdict at its end; ``not shown`` for a run without an end.
        headline: The verdict in one sentence; empty if only a backup set knows the run.
        exit_code: Exit code of pytest, or None if unknown.
        started: UTC, ISO 8601.
        finished: Likewise; empty for a run without an end, or if unknown.
        already: True if the workspace was consolidated before.
        plan: Name of the plan file; empty if unknown.
        workspace: Name of the workspace's folder; ``workspace_id`` tells two of the same name apart.
        backup_set: Path relative to the workspace; empty if it made none.
        report: Name of its folder under reports; empty if there is none.
        cut_short: Why it is known to be interrupted; empty for a run that came to its end.
        has_failed_criterion: Whether a criterion failed; None if its manifest does not state it.
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
    has_failed_criterion: bool | None = None


@dataclass(frozen=True)
class Change:
    """Hold what a run has otherwise than the last one.

    Attributes:
        kind: ``criterion``, ``finding`` or ``table``, and of an inventory ``database`` or ``number``.
        subject: Id of the criterion or finding, name of the table in the target, or database or number.
        before: Outcome, sentence, number of rows or number in the last run; empty if it had none.
        after: Likewise in this run.
    """

    kind: str
    subject: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """Hold how a run differs from the last one of its kind on the workspace.

    Attributes:
        run: Id of the last run.
        obstacle: Why it cannot be compared; empty if it was.
        changes: The first changes of each kind.
        numbers: Kind to the number of all its changes.
        seconds: Stage to its time in the last run.
    """

    run: str
    obstacle: str = ""
    changes: tuple[Change, ...] = ()
    numbers: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """Hold a whole run, from which ``evidence.json`` and every report are made.

    Attributes:
        run: Id of the run: ``<UTC stamp>-<mode>``.
        verdict: ``accepted`` only if every demanded criterion passed or is not required.
        headline: The verdict in one sentence for people ("Accepted: ...", "Refused: nothing was changed").
        exit_code: Exit code of pytest.
        started: UTC, ISO 8601.
        finished: Likewise; empty while the run goes on.
        plan: ``path`` and ``sha256`` of the plan file.
        criteria: All evidence; the entry of a criterion that was not examined gives the reason.
        findings: What a reader should know and is no failure; attention comes first.
        backup_set: Path relative to the workspace, empty before it is written.
        archive: Old file name to archived file name.
        rollback: ``command`` (exact), ``drilled`` (UTC or empty).
        put_back: How the run was rolled back after a failure; empty if nothing was to be rolled back.
        unanswerable: Criteria that cannot be answered in this mode, with the reason.
        extra: Further keys of ``evidence.json``, such as ``inventory``.
        already: True if the workspace was consolidated before this run.
        workspace: Name of the workspace's folder.
        workspace_id: Tells two workspaces of the same name apart, without a path.
        attempts: Every known earlier run on this workspace, oldest first, failed ones included.
        planned: The tables that are to be moved; ``moves`` are those that were copied.
        key_maps: The tables whose keys were renumbered.
        derived: What was derived again after the copy.
        asked: Criterion id to the success criterion that the plan names for it.
        last_run: How it differs from the last run of its kind; None if there is none.
        limits: Sentences about what was not examined because the plan does not ask for it.
        next_command: The exact shell command that follows the run; empty if none does.
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
    sources: Sequence[DatabaseRecord] = ()
    target: DatabaseRecord | None = None
    stages: tuple[StageRecord, ...] = ()
    criteria: Sequence[Evidence] = ()
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
    sql: Sequence[str] = ()
    moves: Sequence[MoveRecord] = ()
    planned: Sequence[MoveRecord] = ()
    differences: tuple[SchemaDifference, ...] = ()
    smoke: tuple[SmokeRecord, ...] = ()
    key_maps: Sequence[KeyMapRecord] = ()
    derived: tuple[DerivedRecord, ...] = ()
    asked: dict[str, str] = field(default_factory=dict)
    last_run: Comparison | None = None
    limits: tuple[str, ...] = ()
    next_command: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def has_failed_criterion(self) -> bool:
        """Return whether a criterion failed."""
        return any(entry.outcome is Outcome.FAILED for entry in self.criteria)

    @property
    def not_shown(self) -> tuple[str, ...]:
        """Return the ids of criteria that were not examined, in the order of the evidence."""
        unexamined = (entry.criterion for entry in self.criteria if entry.outcome is Outcome.NOT_EXAMINED)
        return tuple(dict.fromkeys(unexamined))

    @property
    def flow(self) -> Sequence[MoveRecord]:
        """Return the tables that were copied, or those that are planned if none was."""
        return self.moves or self.planned
