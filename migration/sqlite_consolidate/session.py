"""Open a run, take it to its end, and write its bundle, for pytest and the library."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate import atomic_files
from sqlite_consolidate.atomic_files import write_private
from sqlite_consolidate.engine.backup.backup_set import already_consolidated, recover
from sqlite_consolidate.engine.backup.manifest import INSTRUCTIONS, RECORD
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest, Settings, call
from sqlite_consolidate.engine.run.results import Context, LastRehearsal, RunResults
from sqlite_consolidate.engine.run.run_lock import RunLock
from sqlite_consolidate.engine.run.verdict import exit_code
from sqlite_consolidate.engine.sqlite.scratch_folders import remove_abandoned_folders
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.engine.verbs.judge import CheckRun, OriginalsRun
from sqlite_consolidate.engine.verbs.open_request import (
    deleted_archive_findings,
    nothing_to_undo,
    originals_request,
    refuse_deleted_set,
    refuse_unfinished_run,
    resolve_mode,
    with_files,
)
from sqlite_consolidate.engine.verbs.plan_mistakes import PlanRun
from sqlite_consolidate.engine.verbs.roll_back import RollbackRun, find_set_to_undo
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.plan.parts.masked_plan import mask_plan
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.report.attempts import earlier_attempts
from sqlite_consolidate.report.bundle import begin_bundle, update_latest, write_bundle
from sqlite_consolidate.report.evidence_json import evidence_pieces
from sqlite_consolidate.report.file_names import EVIDENCE
from sqlite_consolidate.report.html.index import write_index
from sqlite_consolidate.report.past_runs import proposed_plan, remove_old_runs
from sqlite_consolidate.report.records import RecordContext, build_record, versions
from sqlite_consolidate.report.rehearsals import last_rehearsal
from sqlite_consolidate.report.signing.plan_approval import read_approval
from sqlite_consolidate.report.signing.ssh_signatures import sign
from sqlite_consolidate.report.statements.faults_table import FAULTS_FILE, faults_table
from sqlite_consolidate.text import list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.report.evidence import Attempt, Record

_MOST_NAMED = 100  # sources in the rollback instructions, which list each archive
_ROLLBACK = """\
# Rollback

Run {run} moved {sources} into {target}. To roll it back, run where sqlite-consolidate is installed:

    {command}

The command restores the target from `databases/target.db` (through SQLite, in one transaction), gives the archives
their old names, restores the code files from `code/`, and compares all of them with `manifest.json`. It refuses if
the target was changed since, unless you pass `--discard-changes`. The changed target is then copied to this folder.
If the run changed code, `code.diff` has all changes. It may show secrets, so do not attach it to a ticket.

If the command cannot be used, stop every program that uses the databases. For each line below copy the file, and
remove the sidecar files of the restored file (the same name with -wal, -shm or -journal).

{by_hand}

No run ever deletes a file in this folder. You may delete it once you rely on the consolidation. Without the folder
there is no rollback, and without the archives there are no originals.
"""


@dataclass(frozen=True)
class Hooks:
    """Hold the callbacks and settings that a caller gives to a session.

    Attributes:
        on_progress: Called with a short text before each part of a long step.
        before_rollback: Called right before the first change of a rollback, which must not be interrupted.
        original: Workspace from which the session's workspace was copied, or None. No application may open it.
        run_applications: Whether a check runs applications. It is False if nothing prevents them from opening that
            workspace.
        selftest: Creates the run of a self-test, which opens sessions of its own.
    """

    on_progress: Callable[[str], None] = lambda _words: None
    before_rollback: Callable[[], None] = lambda: None
    original: Path | None = None
    run_applications: bool = True
    selftest: Callable[[RunRequest, Callable[[str], None]], Pipeline] | None = None


@dataclass
class Session:
    """Hold one run from its opening to its bundle.

    Attributes:
        run: Stages and criteria of the run.
        record_context: Further facts of its record.
        code: Exit code of the run, set by :meth:`end`.
    """

    run: Pipeline
    record_context: RecordContext
    code: ExitCode = ExitCode.ACCEPTED
    _resources: ExitStack = field(default_factory=ExitStack)
    _final: Record | None = None

    @property
    def request(self) -> RunRequest:
        """Return the request of the run."""
        return self.run.request

    def prepare(self) -> None:
        """Make the folder of the run's report, and write a first manifest to it.

        The manifest identifies a run that is killed later.

        Raises:
            OSError: The folder cannot be made.
        """
        folder = self.request.folder
        atomic_files.make_private_folders(folder)
        folder.chmod(0o700)
        begin_bundle(folder, self.record())

    def record(self) -> Record:
        """Return the record of the run in its current state, built once after its end."""
        # Because it has entries about each of very many files.
        record = self._final or build_record(self.run, self.record_context, exit_code=self.code)
        self._final = record if record.finished else None
        return record

    def close(self) -> None:
        """Release the lock of the run.

        If the run came to its end, :meth:`end` has released it.
        """
        self._resources.close()

    def end(self, *, internal: bool = False, refused: bool = False) -> ExitCode:
        """Keep or roll back the changes of the run, release its locks, and return its exit code.

        Args:
            internal: Whether an error occurred that is no part of the run.
            refused: Whether the run was refused before its first stage.
        """
        try:
            self.run.end()
        finally:
            self._resources.close()
        self.run.log.finish(datetime.now(UTC))
        acted = self.run.has_acted
        self.code = ExitCode.REFUSED if refused and not acted else exit_code(self.run.log, has_acted=acted)
        if internal and self.run.log.interrupted is None:
            self.code = ExitCode.INTERNAL
        return self.code

    def write(self) -> None:
        """Write the bundle, update the list of runs, and complete the backup set.

        Old reports are removed if the operator asked for it.

        Raises:
            OSError: A file cannot be written.
        """
        record = self.record()
        if record.mode is Mode.SELFTEST:
            write_private(self.request.folder / FAULTS_FILE, faults_table(record).encode("utf-8"))
        settings, plan = self.request.settings, mask_plan(self.request.plan_text)
        approval = self.request.approval.signature if self.request.approval else b""
        write_bundle(self.request.folder, record, plan=plan, approval=approval, key=settings.sign)
        kept = settings.workspace / record.backup_set / RECORD
        if record.mode is Mode.MIGRATE and record.backup_set and kept.is_file():
            # Stage 95 wrote it before the verdict was known.
            with (self.request.folder / EVIDENCE).open("rb") as evidence:
                atomic_files.replace(kept, iter(partial(evidence.read, 1 << 20), b""), 0o600)
        update_latest(settings.reports, self.request.run_id)
        if settings.keep is not None:
            remove_old_runs(settings.reports, record.workspace_id, settings.keep)
        write_index(settings.reports)


def open_session(settings: Settings, verb: str, hooks: Hooks | None = None) -> Session:
    """Open a run of ``verb``, and first roll back a run that was cut short.

    A plan with mistakes opens a run as well: its preflight and the report list all of them.

    Raises:
        ProblemError: The plan of a rollback, check or self-test has mistakes, or another run is under way.
        ProblemError: The run is refused. Nothing was changed.
        OSError: The operating system refuses an operation.
        sqlite3.Error: SQLite cannot read a database.
    """
    hooks = hooks or Hooks()
    atomic_files.let_owner_use_new_files()
    remove_abandoned_folders()
    if settings.sign is not None:
        sign(b"", settings.sign)  # a key that cannot sign is refused before anything is done
    if settings.bundle is not None:
        return _open_bundle(settings, settings.bundle, verb, hooks)
    if settings.sample and not settings.workspace.exists() and verb != "rollback":
        from sqlite_consolidate.sample.build import build

        build(settings.workspace)
    if not settings.workspace.is_dir():
        text = "there is no workspace folder of this name."
        raise ProblemError(Problem("no-workspace", str(settings.workspace), text, "Name it with --workspace=DIR."))
    settings = replace(settings, reports=_real_folder(settings.workspace, settings.reports))
    if verb == Mode.INVENTORY.verb:  # it needs no plan, and does not depend on earlier runs
        from sqlite_consolidate.inventory.inventory_run import InventoryRun

        attempts = earlier_attempts(settings, None)
        request = _with_unused_names(settings, RunRequest(Mode.INVENTORY, settings))
        run = InventoryRun(request, hooks.on_progress, proposed_plan(settings.reports, attempts))
        return Session(run, RecordContext(versions(), attempts))
    return _open_by_plan(settings, verb, hooks)


def _real_folder(root: Path, folder: Path) -> Path:
    """Return the real path of a folder to write to, which may not exist yet.

    Raises:
        ProblemError: The path is in the workspace, and the folder is not (``outside``). Or it is no folder, or its
            links lead in a circle (``not-a-folder``).
    """
    stated = Path(os.path.normpath(folder))  # "..": pathlib compares the parts as they are written
    is_in_workspace = stated.is_relative_to(root)
    name = stated.relative_to(root).as_posix() if is_in_workspace else str(folder)
    try:
        real = folder.resolve()
    except RuntimeError:  # pathlib reports a circle of links so (https://docs.python.org/3.11/library/pathlib.html)
        text = "is no folder, because its symbolic links lead in a circle."
        raise ProblemError(Problem("not-a-folder", name, text, "Remove the link, or name another folder.")) from None
    if is_in_workspace and not real.is_relative_to(root.resolve()):
        text = f"is outside the workspace, because a symbolic link leads to {real}."
        raise ProblemError(Problem("outside", name, text, "Name the real folder, inside the workspace."))
    if real.exists() and not real.is_dir():
        raise ProblemError(Problem("not-a-folder", name, "is a file.", "Remove it, or name another folder."))
    return real


def _open_by_plan(settings: Settings, verb: str, hooks: Hooks) -> Session:
    request = RunRequest(
        Mode.of_verb(verb),
        settings,
        plan_text=settings.plan.read_bytes() if settings.plan.is_file() else b"",
    )
    try:
        request = replace(request, plan=load(settings.plan), plan_sha256=sha256(settings.plan))
    except ProblemError as refused:
        if settings.only_checks or request.mode in (Mode.ROLLBACK, Mode.SELFTEST):
            raise
        return _with_mistakes(replace(request, plan_problems=refused.problems), hooks)
    _real_folder(settings.workspace, settings.workspace / request.valid_plan.backups)
    attempts = earlier_attempts(settings, request.plan)
    resources = ExitStack()
    try:
        return _open_in_workspace(request, attempts, hooks, resources)
    except BaseException:
        resources.close()
        raise


def _with_mistakes(request: RunRequest, hooks: Hooks) -> Session:
    """Return a run that reports the mistakes of its plan."""
    settings = request.settings
    request = _with_unused_names(settings, request)
    return Session(PlanRun(request, hooks.on_progress), RecordContext(versions(), earlier_attempts(settings, None)))


def _open_in_workspace(
    request: RunRequest, attempts: tuple[Attempt, ...], hooks: Hooks, resources: ExitStack
) -> Session:
    """Take the lock, roll back a run that was cut short, and determine the mode.

    The mode depends on whether the workspace is already consolidated.
    """
    settings, plan = request.settings, request.valid_plan
    root, findings = settings.workspace, list[Finding]()
    if settings.originals is not None:
        request = originals_request(request, settings.originals)
    elif request.mode in (Mode.REHEARSAL, Mode.SELFTEST):
        refuse_unfinished_run(request, root, plan)
        request = resolve_mode(request, root, plan)
    else:
        resources.enter_context(RunLock(root / plan.backups))
        if request.mode is Mode.MIGRATE:
            findings = recover(root, plan)
        elif find_set_to_undo(root, plan) is None:
            refuse_deleted_set(root, plan)
            raise ProblemError(nothing_to_undo(request, root, plan, recover(root, plan)))
    try:
        request = with_files(request)
    except ProblemError as refused:
        if request.mode is Mode.SELFTEST:
            raise
        mistakes = replace(request, plan=None, plan_sha256="", plan_problems=refused.problems)
        return replace(_with_mistakes(mistakes, hooks), _resources=resources)
    already = already_consolidated(root, request.valid_plan) if request.mode is Mode.MIGRATE else None
    findings += deleted_archive_findings(root, already) if already else []
    if request.mode is Mode.MIGRATE:
        request = replace(request, approval=read_approval(settings, request.plan_text))
    request = _with_unused_names(settings, request)
    rehearsal = last_rehearsal(request) if request.mode.is_consolidation else LastRehearsal()
    drilled = rehearsal.passed.finished.isoformat(timespec="seconds") if rehearsal.passed else ""
    record_context = RecordContext(versions(), attempts, drilled)
    context = Context(
        on_progress=hooks.on_progress,
        rehearsal=rehearsal,
        documents=lambda run: _documents(run, record_context),
        original=hooks.original,
    )
    run = _run(request, context, hooks)
    run.log.note(*findings)
    run.log.already_consolidated = already is not None
    return Session(run, record_context, _resources=resources)


def _run(request: RunRequest, context: Context, hooks: Hooks) -> Pipeline:
    if request.mode is Mode.CHECK:
        return CheckRun(request, hooks.on_progress, run_applications=hooks.run_applications)
    if request.mode is Mode.ORIGINALS:
        return OriginalsRun(request, hooks.on_progress, run_applications=hooks.run_applications)
    if request.mode is Mode.ROLLBACK:
        return RollbackRun(request, hooks.on_progress, before_acting=hooks.before_rollback)
    if request.mode is Mode.SELFTEST:
        if hooks.selftest is None:
            raise ValueError("a self-test is opened with Hooks.selftest")
        return hooks.selftest(request, hooks.on_progress)
    return Run(request, context)


def _open_bundle(settings: Settings, bundle: Path, verb: str, hooks: Hooks) -> Session:
    """Read a bundle, without reading a workspace.

    A file that is not a bundle or that cannot be read safely is refused.
    """
    from sqlite_consolidate.report.bundle_check.bundle_run import BundleRun

    if verb != "verify" or settings.originals is not None:
        fact = f"can only be used with {call(settings.program, 'verify')}, and without --originals."
        raise ProblemError(Problem("option-elsewhere", "--bundle", fact, "Remove the other option."))
    request = _with_unused_names(settings, RunRequest(Mode.BUNDLE, settings))
    return Session(BundleRun(request, bundle, hooks.on_progress), RecordContext(versions()))


def _with_unused_names(settings: Settings, request: RunRequest) -> RunRequest:
    """Give a run names that no other run has.

    If two runs begin in the same second, the names of the second one are a second later.
    """
    while (settings.reports / request.run_id).exists() or _has_stamp(request):
        request = replace(request, seconds_later=request.seconds_later + 1)
    return request


def _has_stamp(request: RunRequest) -> bool:
    """Return whether an earlier run already has the stamp of this run.

    The folder of reports alone cannot show that, because the operator may name another one for each run.
    """
    plan, root = request.plan, request.settings.workspace
    if plan is None or not request.mode.is_consolidation:
        return False
    # A run of another plan has other names. Its stamp would be in the history of the target, which is not read here,
    # because nothing of the workspace is opened before the preflight has looked at its files.
    return any((root / plan.backups).glob(f"*-{request.stamp}"))


def _documents(run: RunResults, record_context: RecordContext) -> dict[str, Iterable[bytes]]:
    """Return the record and the rollback instructions for the backup set."""
    record = build_record(run, record_context, exit_code=ExitCode.ACCEPTED)
    target = one_line(run.plan.target)
    by_hand = "\n".join(
        f"    {one_line(archive)}  ->  {one_line(file)}" for file, archive in run.sealed.archive.items()
    )
    text = _ROLLBACK.format(
        run=run.stamp,
        sources=one_line(list_names([source.file for source in record.sources], _MOST_NAMED)) or "nothing",
        target=target,
        command=one_line(run.request.recorded_command("rollback")),
        by_hand=f"{by_hand}\n    databases/target.db  ->  {target}",
    )
    return {RECORD: evidence_pieces(record), INSTRUCTIONS: [text.encode("utf-8")]}
