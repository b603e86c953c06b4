"""Rehearse, consolidate, check and roll back from Python, without pytest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import let_owner_use_new_files
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.session import Hooks, open_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.engine.run.verdict import Verdict
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.report.evidence import Record
    from sqlite_consolidate.session import Session


@dataclass(frozen=True)
class Result:
    """Hold the result of one run.

    Every run has a result, whether it was accepted or not. In the record, durations are in seconds, sizes are in bytes,
    and times are in UTC, as ISO 8601 writes them.

    Attributes:
        record: All evidence of the run, as its ``evidence.json`` holds it.
        folder: Folder with the evidence of the run, or None if the caller named no folder for reports.

    Example:
        >>> from sqlite_consolidate import load_plan, rehearse
        >>> result = rehearse(load_plan("shop/consolidation.toml"), workspace="shop")
        >>> result.verdict, int(result.exit_code), result.failures
        ('accepted', 0, ())
        >>> result.counts["tasks"]
        85
        >>> {entry.criterion: entry.examined for entry in result.evidence}["backup-complete"]
        1
    """

    record: Record
    folder: Path | None

    @property
    def verdict(self) -> Verdict:
        """Return ``accepted``, ``refused`` or ``not shown``."""
        return self.record.verdict

    @property
    def accepted(self) -> bool:
        """Return whether the verdict is *accepted*.

        After a run that was not accepted, the workspace is as before the run. The exception is an :attr:`exit_code` of
        3. Then the run could not roll back a change, and :attr:`headline` names that change.
        """
        return self.record.verdict == "accepted"

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code that ``pytest`` would have for this run."""
        return ExitCode(self.record.exit_code)

    @property
    def headline(self) -> str:
        """Return the verdict in one sentence."""
        return self.record.headline

    @property
    def backup_set(self) -> str:
        """Return the path of the backup set, relative to the workspace.

        It is empty if the run left no backup set.
        """
        return self.record.backup_set

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of rows that the run moved into each table of the target."""
        counts: dict[str, int] = {}
        for move in self.record.moves:
            counts[move.into] = counts.get(move.into, 0) + (move.arrived or 0)
        return counts

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Return the evidence of each criterion, in the order of the stages."""
        return tuple(self.record.criteria)

    @property
    def failures(self) -> tuple[Evidence, ...]:
        """Return the evidence of each criterion that does not hold."""
        return tuple(entry for entry in self.record.criteria if not entry.holds)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the facts that a reader should know although no criterion fails.

        Findings that ask for attention come first.
        """
        return self.record.findings


def load_plan(path: str | PathLike[str]) -> Plan:
    """Return the plan in a TOML file of format 1.

    No database and no code file is read. Paths in a plan are relative to the workspace, durations are seconds.

    Args:
        path: The plan file. A relative path starts in the current folder.

    Returns:
        The plan, which cannot be changed. It has the path of its file, because the backup set of a run keeps a copy
            of the file.

    Raises:
        ProblemError: The file cannot be read, is not TOML, or is not a plan. ``problems`` lists every mistake with its
            line.

    Example:
        >>> from sqlite_consolidate import load_plan
        >>> plan = load_plan("shop/consolidation.toml")
        >>> plan.target, [source.name for source in plan.sources]
        ('workspace.db', ['task_queue', 'proposals', 'orchestration_decisions'])
    """
    return load(Path(path))


def rehearse(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Take a plan through all stages on private copies, and roll the copies back.

    The stages and their code are those of :func:`consolidate`.

    Args:
        plan: A plan that :func:`load_plan` returned.
        workspace: Folder with target, sources and code. It is not changed.
        reports: Folder to which the run writes a folder with its evidence, and a ZIP of it. None writes neither.
        on_progress: Called with a short text before each part of a long step, in the thread of the caller.

    Returns:
        The result. It is accepted if every criterion holds on the copies, including those of the rollback.

    Raises:
        ProblemError: The workspace is already consolidated (``nothing-to-rehearse``), a run was cut short in it
            (``cut-short``), or another process runs a consolidation (``under-way``).
        ProblemError: The plan was not loaded from a file (``plan-without-file``), the file has changed since
            (``plan-changed``), or the workspace does not exist (``no-workspace``).
        OSError: The operating system refuses an operation of the run, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read whether the workspace is consolidated.

    Example:
        >>> from sqlite_consolidate import load_plan, rehearse
        >>> result = rehearse(load_plan("shop/consolidation.toml"), workspace="shop")
        >>> result.accepted, result.record.mode, result.counts
        (True, <Mode.REHEARSAL: 'rehearsal'>, {'tasks': 85, 'task_queue_metadata': 5, 'proposals': 1})
    """
    return _run("verify", plan, workspace, _Options(reports, on_progress, only=Mode.REHEARSAL))


def consolidate(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Move the rows of all sources into the target, or change nothing.

    If an earlier run was cut short, its changes are rolled back first. If ``on_progress`` raises an exception, the run
    ends and is rolled back. Then the caller gets the exception.

    Args:
        plan: A plan that :func:`load_plan` returned.
        workspace: Folder with target, sources and code. It is changed.
        reports: Folder to which the run writes a folder with its evidence, and a ZIP of it. None writes neither.
        on_progress: Called with a short text before each part of a long step, in the thread of the caller.

    Returns:
        The result. The changes of a run that was not accepted were rolled back. A workspace that is already
        consolidated is accepted, without counts.

    Raises:
        ProblemError: Another process runs a consolidation (``under-way``), or the changes of an earlier run cannot be
            rolled back.
        ProblemError: The plan was not loaded from a file (``plan-without-file``), the file has changed since
            (``plan-changed``), or the workspace does not exist (``no-workspace``).
        OSError: The operating system refuses an operation of the run, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read whether the workspace is consolidated.
        KeyboardInterrupt: The operator interrupted the program. The run has already rolled back all changes.

    Example:
        >>> from sqlite_consolidate import consolidate, load_plan
        >>> plan = load_plan("shop/consolidation.toml")
        >>> result = consolidate(plan, workspace="shop", reports="reports")
        >>> result.accepted, result.counts
        (True, {'tasks': 85, 'task_queue_metadata': 5, 'proposals': 1})
        >>> result.backup_set.startswith("backups/db-consolidation-"), (result.folder / "evidence.json").is_file()
        (True, True)
    """
    return _run("migrate", plan, workspace, _Options(reports, on_progress))


def verify(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Check a finished consolidation, or rehearse a consolidation that is still to come.

    Args:
        plan: A plan that :func:`load_plan` returned.
        workspace: Folder with target, sources and code. It is not changed.
        reports: Folder to which the run writes a folder with its evidence, and a ZIP of it. None writes neither.
        on_progress: Called with a short text before each part of a long step, in the thread of the caller.

    Returns:
        The result. ``record.mode`` is the mode of the run, a check or a rehearsal.

    Raises:
        ProblemError: A run was cut short in the workspace (``cut-short``), or another process runs a consolidation
            (``under-way``).
        ProblemError: The plan was not loaded from a file (``plan-without-file``), the file has changed since
            (``plan-changed``), or the workspace does not exist (``no-workspace``).
        OSError: The operating system refuses an operation of the run, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read whether the workspace is consolidated.

    Example:
        >>> from sqlite_consolidate import consolidate, load_plan, verify
        >>> plan = load_plan("shop/consolidation.toml")
        >>> before, done, after = (call(plan, workspace="shop") for call in (verify, consolidate, verify))
        >>> [(str(result.record.mode), result.accepted) for result in (before, done, after)]
        [('rehearsal', True), ('migrate', True), ('check', True)]
    """
    return _run("verify", plan, workspace, _Options(reports, on_progress))


def rollback(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    discard_changes: bool = False,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Restore the state before the last consolidation, and verify it.

    Args:
        plan: A plan that :func:`load_plan` returned.
        workspace: Folder with target, sources and code. It is changed.
        discard_changes: Whether to discard changes of the target and of archives since the consolidation. The backup
            set keeps what was changed.
        reports: Folder to which the run writes a folder with its evidence, and a ZIP of it. None writes neither.
        on_progress: Called with a short text before each part of a long step, in the thread of the caller.

    Returns:
        The result. If the target or an archive has changes and ``discard_changes`` is False, the rollback is refused
        and has changed nothing.

    Raises:
        ProblemError: There is no consolidation to roll back (``nothing-to-undo``), or another process runs a
            consolidation (``under-way``).
        ProblemError: The plan was not loaded from a file (``plan-without-file``), the file has changed since
            (``plan-changed``), or the workspace does not exist (``no-workspace``).
        OSError: The operating system refuses an operation of the run, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read whether the workspace is consolidated.

    Example:
        >>> from sqlite_consolidate import consolidate, load_plan, rollback
        >>> plan = load_plan("shop/consolidation.toml")
        >>> done = consolidate(plan, workspace="shop")
        >>> undone = rollback(plan, workspace="shop")
        >>> undone.accepted, undone.backup_set == done.backup_set
        (True, True)
    """
    return _run("rollback", plan, workspace, _Options(reports, on_progress, discard_changes=discard_changes))


@dataclass(frozen=True)
class _Options:
    """Hold the arguments of a call other than plan and workspace.

    Attributes:
        only: The only mode that the caller allows, or None for any mode.
    """

    reports: str | PathLike[str] | None
    on_progress: Callable[[str], None] | None
    discard_changes: bool = False
    only: Mode | None = None


@dataclass
class _Progress:
    """Pass progress texts on to the caller until the run ends.

    While the run ends, the callback is not called, because its exception would stop the rollback.

    Attributes:
        on_progress: Callback of the caller, or None.
        over: Whether the run is ending. Then no text is passed on.
    """

    on_progress: Callable[[str], None] | None
    over: bool = False

    def __call__(self, words: str) -> None:
        if self.on_progress is not None and not self.over:
            self.on_progress(words)


def _run(verb: str, plan: Plan, workspace: str | PathLike[str], options: _Options) -> Result:
    """Open a run, perform its stages, and end it."""
    progress = _Progress(options.on_progress)
    let_owner_use_new_files()
    with scratch_folder("reports") as scratch:
        reports = Path(options.reports or scratch).absolute()
        root, named = Path(workspace).resolve(), options.reports is not None
        settings = Settings(root, _file_of(plan), reports, options.discard_changes, names_reports=named)
        session = open_session(settings, verb, Hooks(on_progress=progress))
        try:
            _refuse_another_mode(session, options.only)
            session.prepare()
            _run_stages(session)
        finally:
            progress.over = True
            session.end()
            if session.request.folder.is_dir():  # also after an interruption, as pytest does
                session.write()
        return Result(session.record(), session.request.folder if options.reports else None)


def _refuse_another_mode(session: Session, only: Mode | None) -> None:
    """Refuse a run whose mode in this workspace is not the mode that the caller asks for."""
    if only is not None and session.request.mode is not only:
        raise ProblemError(
            Problem(
                "nothing-to-rehearse",
                session.request.settings.workspace.name,
                f"this workspace is already consolidated, so there is no {only}.",
                "Check it with verify(plan, workspace).",
            )
        )


def _run_stages(session: Session) -> None:
    """Perform the stages of a run, and note an interruption.

    The caller of this function rolls back an interrupted run.
    """
    try:
        run_stages(session.run)
    except KeyboardInterrupt:
        session.run.log.interrupted = ExitCode.INTERRUPTED
        raise


def _file_of(plan: Plan) -> Path:
    """Return the file of a plan, and check that it still holds the loaded plan.

    Raises:
        ProblemError: The plan was not loaded from a file, the file has changed since, or it now has mistakes.
    """
    if plan.file is None:
        raise ProblemError(
            Problem(
                "plan-without-file",
                plan.name,
                "the plan was not loaded from a file, which the backup set must keep.",
                "Load it with load_plan(path).",
            )
        )
    if load(plan.file) != plan:
        raise ProblemError(
            Problem(
                "plan-changed",
                plan.file.name,
                "has changed since it was loaded.",
                "Load it again with load_plan(path).",
            )
        )
    return plan.file.resolve()
