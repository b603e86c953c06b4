"""Rehearse, consolidate, check and roll back from Python, without pytest."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import Settings
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
    """Hold what one run came to.

    A run that was not accepted is a result as well. Durations in the record are in seconds, sizes are in bytes, and
    times are UTC in ISO 8601.

    Attributes:
        record: Everything that the run has shown, as its ``evidence.json`` holds it.
        folder: Folder of its evidence, or None where no folder for reports was named.

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
        """``accepted``, ``refused`` or ``not shown``."""
        return self.record.verdict

    @property
    def accepted(self) -> bool:
        """Whether the verdict is *accepted*.

        The workspace of any other run is as it was before, unless :attr:`exit_code` is 3: then something could not be
        rolled back, and :attr:`headline` says so.
        """
        return self.record.verdict == "accepted"

    @property
    def exit_code(self) -> ExitCode:
        """What ``pytest`` would exit with."""
        return ExitCode(self.record.exit_code)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        return self.record.headline

    @property
    def backup_set(self) -> str:
        """Path of the backup set relative to the workspace; empty where the run left none."""
        return self.record.backup_set

    @property
    def counts(self) -> dict[str, int]:
        """Table of the target to the number of rows that the run has moved into it."""
        counts: dict[str, int] = {}
        for move in self.record.moves:
            counts[move.into] = counts.get(move.into, 0) + (move.arrived or 0)
        return counts

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What each criterion saw, in the order of the stages."""
        return self.record.criteria

    @property
    def failures(self) -> tuple[Evidence, ...]:
        """The evidence that does not hold."""
        return tuple(entry for entry in self.record.criteria if not entry.holds)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know that is no failure; those that ask for attention come first."""
        return self.record.findings


def load_plan(path: str | PathLike[str]) -> Plan:
    """Return the plan in a TOML file of format 1.

    No database and no file of code is looked at. Paths in a plan are relative to the workspace, durations are seconds.

    Args:
        path: The file. A relative path starts in the current folder.

    Returns:
        The plan, frozen. It knows its file, which the backup set of a run keeps.

    Raises:
        ProblemError: The file cannot be read, is not TOML, or is no plan. ``problems`` names every mistake at once,
            each with its line.

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
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code. Nothing in it is written.
        reports: Folder in which the run leaves a folder with its evidence, and a ZIP of that. With None it leaves none.
        on_progress: Called with a few words before each part of a long step, in the thread of the caller.

    Returns:
        The result. It is accepted where every criterion holds on the copies, those of the rollback included.

    Raises:
        ProblemError: The workspace is consolidated already (``nothing-to-rehearse``), a run was cut short in it
            (``cut-short``), or another process runs one (``under-way``).
        ProblemError: The plan was not loaded from a file (``plan-without-file``), or that file has changed since
            (``plan-changed``), or there is no such folder (``no-workspace``).
        OSError: The system does not permit what the run needs, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read what tells whether the workspace is consolidated.

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
    """Move the rows of all sources into the target, all or nothing.

    What a run that was cut short has left is rolled back first. What ``on_progress`` raises ends the run, and reaches
    the caller after the rollback.

    Args:
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code. It is changed.
        reports: Folder in which the run leaves a folder with its evidence, and a ZIP of that. With None it leaves none.
        on_progress: Called with a few words before each part of a long step, in the thread of the caller.

    Returns:
        The result. Everything that a run did without being accepted was rolled back. A workspace that is consolidated
        already is accepted, with no counts.

    Raises:
        ProblemError: Another process runs a consolidation (``under-way``), or what an earlier run has left cannot be
            rolled back.
        ProblemError: The plan was not loaded from a file (``plan-without-file``), or that file has changed since
            (``plan-changed``), or there is no such folder (``no-workspace``).
        OSError: The system does not permit what the run needs, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read what tells whether the workspace is consolidated.
        KeyboardInterrupt: The operator interrupted the program; everything was rolled back before.

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
    """Check whether a finished consolidation is still right, or rehearse one that is still to be.

    Args:
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code. Nothing in it is written.
        reports: Folder in which the run leaves a folder with its evidence, and a ZIP of that. With None it leaves none.
        on_progress: Called with a few words before each part of a long step, in the thread of the caller.

    Returns:
        The result. ``record.mode`` says whether it is of a check or of a rehearsal.

    Raises:
        ProblemError: A run was cut short in the workspace (``cut-short``), or another process runs one (``under-way``).
        ProblemError: The plan was not loaded from a file (``plan-without-file``), or that file has changed since
            (``plan-changed``), or there is no such folder (``no-workspace``).
        OSError: The system does not permit what the run needs, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read what tells whether the workspace is consolidated.

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
    """Restore the state before the last consolidation, and prove it.

    Args:
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code. It is changed.
        discard_changes: Whether rows that were changed in the target since the consolidation are discarded. The target
            as it is then is kept in the backup set first.
        reports: Folder in which the run leaves a folder with its evidence, and a ZIP of that. With None it leaves none.
        on_progress: Called with a few words before each part of a long step, in the thread of the caller.

    Returns:
        The result. It is refused, and nothing was changed, where the target has changes that are not to be discarded.

    Raises:
        ProblemError: There is no consolidation to roll back (``nothing-to-undo``), or another process runs one
            (``under-way``).
        ProblemError: The plan was not loaded from a file (``plan-without-file``), or that file has changed since
            (``plan-changed``), or there is no such folder (``no-workspace``).
        OSError: The system does not permit what the run needs, such as writing to ``reports``.
        sqlite3.Error: SQLite cannot read what tells whether the workspace is consolidated.

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
    """What a call asks for beside plan and workspace; ``only`` is the mode that the verb has to mean."""

    reports: str | PathLike[str] | None
    on_progress: Callable[[str], None] | None
    discard_changes: bool = False
    only: Mode | None = None


@dataclass
class _Progress:
    """Pass words on to the caller while a run acts; a callback that raises must not stop the rollback.

    Attributes:
        on_progress: What the caller has given, or None.
        over: The run ends now, and no more words are passed on.
    """

    on_progress: Callable[[str], None] | None
    over: bool = False

    def __call__(self, words: str) -> None:
        if self.on_progress is not None and not self.over:
            self.on_progress(words)


def _run(verb: str, plan: Plan, workspace: str | PathLike[str], options: _Options) -> Result:
    """Open a run, take it through its stages, and end it."""
    progress = _Progress(options.on_progress)
    with tempfile.TemporaryDirectory(prefix="consolidate-reports-") as scratch:
        reports = Path(options.reports or scratch).resolve()
        settings = Settings(
            workspace=Path(workspace).resolve(),
            plan=_file_of(plan),
            reports=reports,
            discard_changes=options.discard_changes,
        )
        session = open_session(settings, verb, Hooks(say=progress))
        try:
            _refuse_another_mode(session, options.only)
            session.prepare()
            _run_stages(session)
        finally:
            progress.over = True
            session.end()
            if session.request.folder.is_dir():  # also for a run that was interrupted, as by pytest
                session.write()
        return Result(session.record(), session.request.folder if options.reports else None)


def _refuse_another_mode(session: Session, only: Mode | None) -> None:
    """Refuse a run whose verb means another mode in this workspace than the caller asks for.

    Raises:
        ProblemError: It does.
    """
    if only is not None and session.request.mode is not only:
        raise ProblemError(
            Problem(
                "nothing-to-rehearse",
                session.request.settings.workspace.name,
                f"this workspace is consolidated already: there is no {only} of what is done.",
                "Check it: verify(plan, workspace).",
            )
        )


def _run_stages(session: Session) -> None:
    """Take the run through its stages; an interruption is noted, so that everything is rolled back."""
    try:
        run_stages(session.run)
    except KeyboardInterrupt:
        session.run.log.interrupted = ExitCode.INTERRUPTED
        raise


def _file_of(plan: Plan) -> Path:
    """Return the file of a plan, which still has to say what the caller has loaded.

    Raises:
        ProblemError: The plan was not loaded from a file, or that has changed since.
        ProblemError: The file has mistakes by now.
    """
    if plan.file is None:
        raise ProblemError(
            Problem(
                "plan-without-file",
                plan.name,
                "the plan was not loaded from a file: the backup set keeps that file.",
                "Load it: load_plan(path).",
            )
        )
    if load(plan.file) != plan:
        raise ProblemError(
            Problem(
                "plan-changed",
                plan.file.name,
                "has changed since it was loaded.",
                "Load it again: load_plan(path).",
            )
        )
    return plan.file.resolve()
