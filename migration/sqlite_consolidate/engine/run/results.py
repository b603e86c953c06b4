"""Hold what a consolidation under way is given, and what its stages have come to."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from sqlite_consolidate.engine.apps.runner import smoke_observations
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.checks.compare import TargetComparison
from sqlite_consolidate.engine.checks.explain import OriginalRows
from sqlite_consolidate.engine.code.scanned_files import ScanScope, scan_scope
from sqlite_consolidate.engine.content.contents import Contents, ContentsCache
from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.sqlite.connections import looking
from sqlite_consolidate.engine.sqlite.files import size_with_sidecars, status_of
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlite_consolidate.engine.apps import log_watch as logs
    from sqlite_consolidate.engine.apps.runner import SmokeResult
    from sqlite_consolidate.engine.apps.smoke_tests import Applications
    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.engine.backup.rollback.steps import RollbackResult
    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.transaction import TargetTransaction
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.observation import Observation
else:
    pass


_T = TypeVar("_T")
_DOCUMENTS = {manifest.RECORD: b"{}\n", manifest.INSTRUCTIONS: b"Roll back by: pytest -m rollback\n"}


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that passed, its rollback included.

    Attributes:
        run: Its id, which is the name of its folder among the reports.
        finished: When it ended.
        digests: Content digest of each database that it copied, by the path inside the workspace.
        tables: Rows and digest of each of their tables, likewise.
        seconds: Time that each stage took, by its id.
    """

    run: str
    finished: datetime
    digests: dict[str, str]
    tables: dict[str, dict[str, tuple[int, str]]]
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


@dataclass(frozen=True)
class Preflight:
    """What is known before anything is touched.

    Attributes:
        survey: Databases, moves, the schema that is to be, and every problem.
        rewrites: Code files, and what becomes of them.
        log_marks: Where each log ended.
        unseen: Number of processes of other users, which could not be examined.
    """

    survey: InspectedDatabases
    rewrites: tuple[Rewrite, ...]
    log_marks: logs.LogPositions
    unseen: int


@dataclass(frozen=True)
class FinalReading:
    """The target, read through a new connection after everything was done.

    Attributes:
        content: Its rows.
        schema: Its tables and their header.
        size: Bytes, ``-wal`` included.
    """

    content: Contents
    schema: Schema
    size: int


@dataclass(frozen=True)
class Context:
    """What a consolidation is given beside its request.

    Attributes:
        say: Called with a few words before each part of a long step.
        rehearsal: The last rehearsal that counts for this run, or why none does.
        documents: Gives the files that are kept in the backup set at the end.
        original: The workspace that applications must not open while they run on a copy; None for that of the request.
        original_plan: The plan file in it.
    """

    say: Callable[[str], None] = lambda _words: None
    rehearsal: LastRehearsal = field(default_factory=LastRehearsal)
    documents: Callable[[RunResults], Mapping[str, bytes]] = lambda _run: _DOCUMENTS
    original: Path | None = None
    original_plan: Path | None = None


class RunResults(Pipeline):
    """What a consolidation under way has come to; a result is there once its stage was performed.

    Attributes:
        plan: What is to be done.
        live: The workspace.
        root: The workspace, or in a rehearsal its private copy.
        stamp: ``YYYYMMDD_HHMMSS`` of the run's start; backup set and archives are named by it.
        folder: The backup set.
        ledger: In the backup set.
        rehearsal: The last rehearsal that counts for this run, or why none does.
        reader: Reads databases that this process has closed.
        contents: Where tables were read (``backup``, ``dump``, ``archive``), to file, to what they hold.
        application_results: Each application that was run, and what it did.
        diff: Unified diff of the rewritten code.
    """

    def __init__(self, request: RunRequest, context: Context | None = None) -> None:
        """Prepare a run; nothing is opened, and in a rehearsal an empty private folder is made.

        Raises:
            ProblemError: The request has no valid plan.
        """
        super().__init__(request, (context or Context()).say)
        self._context = context or Context()
        self._resources = ExitStack()
        self.plan = request.valid_plan
        self.plan_file = request.settings.plan
        self.live = request.settings.workspace
        self.stamp = request.stamp
        self.root = self._private_folder() if self.is_rehearsal else self.live
        self.folder = self.root / self.plan.backups / f"{self.plan.name}-{self.stamp}"
        self.ledger = Ledger(self.folder)
        self.rehearsal = self._context.rehearsal
        self.reader = ContentsCache(self.limits)
        self.contents: dict[str, dict[str, dict[str, TableDigest]]] = {}
        self.application_results: list[tuple[str, SmokeResult]] = []
        self.diff = ""
        self._preflight: Preflight | None = None
        self._sealed: Manifest | None = None
        self._target: TargetTransaction | None = None
        self._applications: Applications | None = None
        self._rolled_back: RollbackResult | None = None
        self._final: FinalReading | None = None
        self._has_acted = False
        self._is_taken = self.folder.exists()  # by another run, whose ledger is none of this one's

    @property
    def workspace(self) -> Path:
        """The folder that the run works on: the workspace, or the private copy of a rehearsal."""
        return self.root

    @property
    def is_rehearsal(self) -> bool:
        """Whether this happens on copies."""
        return self.log.mode is Mode.REHEARSAL

    @property
    def plan_problems(self) -> Sequence[Problem]:
        """Why the plan cannot be carried out: it was loaded, so there is no reason."""
        return ()

    @property
    def plan_name(self) -> str:
        """Name of the plan file."""
        return self.plan_file.name

    @property
    def preflight(self) -> Preflight:
        """What the preflight has found."""
        return _performed(self._preflight, stages.PREFLIGHT)

    @property
    def found(self) -> InspectedDatabases:
        """What the preflight knows of the databases."""
        return self.preflight.survey

    @property
    def sealed(self) -> Manifest:
        """The manifest of the backup set."""
        return _performed(self._sealed, stages.BACKUP)

    @property
    def rows_before(self) -> OriginalRows:
        """The rows that the run began with, to explain a comparison that failed."""
        return OriginalRows(self.plan, self.sealed, self.folder, self.root, self.limits)

    @property
    def target(self) -> TargetTransaction:
        """The transaction on the target."""
        return _performed(self._target, stages.SCHEMA)

    @property
    def compared(self) -> TargetComparison:
        """The target as it is now inside its transaction, and what it was to be."""
        target = self.target
        return TargetComparison(
            schema=read(target.connection),
            survey=self.found,
            con=target.connection,
            digests_before=target.digests_before,
            copied=target.copied_tables,
            digest=target.digests,
            explain=partial(self.rows_before.differences_in_table, target.connection),
        )

    @property
    def applications(self) -> Applications:
        """The applications of the plan."""
        return _performed(self._applications, stages.SMOKE)

    @property
    def rollback_result(self) -> RollbackResult:
        """What was put back."""
        return _performed(self._rolled_back, stages.ROLLBACK)

    @property
    def has_preflight(self) -> bool:
        """Whether everything was looked at."""
        return self._preflight is not None

    @property
    def is_sealed(self) -> bool:
        """Whether there is a backup set, from which everything can be restored."""
        return (self.folder / manifest.NAME).exists()

    @property
    def is_archived(self) -> bool:
        """Whether the sources have been renamed."""
        return stages.ARCHIVE.id in self.log.performed

    @property
    def has_rolled_back(self) -> bool:
        """Whether the rehearsal's own rollback was performed."""
        return self._rolled_back is not None

    @property
    def final(self) -> FinalReading | None:
        """The target as it was read through a new connection after everything was done, or None before that."""
        return self._final

    @property
    def transaction(self) -> TargetTransaction | None:
        """The transaction on the target, or None before there was one."""
        return self._target

    @property
    def has_acted(self) -> bool:
        """Whether the ledger says that the run has begun to act, be it rolled back since."""
        return self._has_acted or (not self._is_taken and self.ledger.has("started"))

    @property
    def backup_set(self) -> str:
        """Path of the backup set relative to the workspace; empty while, or because, there is none."""
        return self._set_name if self.folder.exists() else ""

    def read_final(self) -> FinalReading:
        """Read the target through a new connection, and keep what is in it."""
        path = self.root / self.plan.target
        content = self.reader.contents(path)
        with looking(path) as con:
            schema = read(con)
        self._final = FinalReading(content, schema, size_with_sidecars(path))
        return self._final

    def note_contents(self, place: str, file: str, tables: dict[str, TableDigest]) -> None:
        """Keep what the tables of a database were found to hold at one more place."""
        self.contents.setdefault(place, {})[file] = tables

    def run_application(self, name: str) -> list[Observation]:
        """Run the application of a smoke test, and observe whether it did what the plan expects."""
        test = next(test for test in self.plan.smoke if test.name == name)
        result = self.applications.run(test)
        self.application_results.append((name, result))
        return smoke_observations(test, result)

    def databases(self) -> frozenset[tuple[int, int]]:
        """Return device and inode of every database of the plan.

        Do not open these files: closing them releases this process's POSIX locks on them.
        """
        files = [self.root / self.plan.target, *(self.root / source.file for source in self.plan.sources)]
        return frozenset((status.st_dev, status.st_ino) for path in files if (status := status_of(path)))

    def scan_scope(self) -> ScanScope:
        """Return where no old database may be named; plan, backup sets and reports may mention old databases."""
        own = [self.plan_file, self.request.settings.reports]
        return scan_scope(self.plan, self.root, self.live, own=own, never_open=self.databases())

    def close_target(self) -> None:
        """Roll back the transaction on the target if it is open, and close the connection."""
        if self._target is not None:
            self._target.close()

    def close(self) -> None:
        """Close the target and give back every guard and private folder; nothing is undone by this."""
        self.close_target()
        self._resources.close()

    @property
    def _set_name(self) -> str:
        return self.folder.relative_to(self.root).as_posix()

    def _private_folder(self) -> Path:
        folder = TemporaryDirectory(prefix="consolidate-rehearsal-", ignore_cleanup_errors=True)
        return Path(self._resources.enter_context(folder)).resolve()


def _performed(result: _T | None, stage: Stage) -> _T:
    if result is None:
        raise ProblemError(Problem("out-of-order", stage.id, "was not performed.", "Perform the stages in order."))
    return result
