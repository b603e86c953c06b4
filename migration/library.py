"""Rehearse, consolidate, check and roll back from Python, without pytest."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.exit_codes import ExitCode
from migration.engine.modes import Mode
from migration.engine.pipeline import go_through
from migration.engine.request import Settings
from migration.plan.file import load
from migration.plan.problem import Problem, ProblemError
from migration.session import Hooks, open_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from migration.audit.evidence import Record
    from migration.engine.findings import Finding
    from migration.engine.run_log import Evidence
    from migration.engine.verdict import Verdict
    from migration.plan.model import Plan
    from migration.session import Session


@dataclass(frozen=True)
class Result:
    """What one run came to.

    Attributes:
        record: Everything that the run has shown, as its ``evidence.json`` holds it.
        folder: Folder of its evidence, or None where no folder for reports was named.
    """

    record: Record
    folder: Path | None

    @property
    def verdict(self) -> Verdict:
        """``accepted``, ``refused`` or ``not shown``."""
        return self.record.verdict

    @property
    def accepted(self) -> bool:
        """Whether the verdict is *accepted*; the workspace of any other run is as it was before."""
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
    """Return the plan in a TOML file.

    Args:
        path: The file.

    Raises:
        ProblemError: It has mistakes; ``problems`` names all of them, each with its place.
    """
    return load(Path(path))


def rehearse(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Take a plan through all stages on private copies, rollback included; the workspace is not written to.

    Args:
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code.
        reports: Folder that gets a folder with the evidence; None: none is kept.
        on_progress: Called with a few words before each part of a long step.

    Raises:
        ProblemError: The workspace is consolidated already, a run was cut short in it, or one is under way.
        OSError: The system does not allow it.
    """
    return _run("verify", plan, workspace, _Options(reports, on_progress, only=Mode.REHEARSAL))


def consolidate(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Move the rows of all sources into the target, all or nothing; a run that was cut short is rolled back first.

    Args:
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code.
        reports: Folder that gets a folder with the evidence; None: none is kept.
        on_progress: Called with a few words before each part of a long step.

    Returns:
        The result; whatever it did without being accepted was rolled back. A workspace that is consolidated already
        is accepted.

    Raises:
        ProblemError: Another run is under way.
        ProblemError: What an earlier run has left cannot be rolled back.
        OSError: The system does not allow it.
        KeyboardInterrupt: The caller was interrupted, or ``on_progress`` raised it; everything was rolled back before.
    """
    return _run("migrate", plan, workspace, _Options(reports, on_progress))


def verify(
    plan: Plan,
    workspace: str | PathLike[str],
    *,
    reports: str | PathLike[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Result:
    """Check whether the consolidation that stands is still right; before there is one, rehearse it.

    Args:
        plan: As :func:`load_plan` returned it.
        workspace: Folder that holds target, sources and code; it is not written to.
        reports: Folder that gets a folder with the evidence; None: none is kept.
        on_progress: Called with a few words before each part of a long step.

    Raises:
        ProblemError: A run was cut short in the workspace, or one is under way.
        OSError: The system does not allow it.
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
        workspace: Folder that holds target, sources and code.
        discard_changes: Rows that were changed in the target since are discarded; it is kept in the backup set first.
        reports: Folder that gets a folder with the evidence; None: none is kept.
        on_progress: Called with a few words before each part of a long step.

    Raises:
        ProblemError: Another run is under way.
        ProblemError: There is no consolidation to roll back.
        OSError: The system does not allow it.
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
            _go_through(session)
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
                f"this workspace is consolidated already: there is no {only} of what is done. Nothing was changed.",
                "Check it: verify(plan, workspace).",
            )
        )


def _go_through(session: Session) -> None:
    """Take the run through its stages; an interruption is noted, so that everything is rolled back."""
    try:
        go_through(session.run)
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
                "has changed since it was loaded. Nothing was changed.",
                "Load it again: load_plan(path).",
            )
        )
    return plan.file.resolve()
