"""Hold the context of a consolidation and the results of its stages."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlite_consolidate.engine.apps.smoke_observations import smoke_findings, smoke_observations
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.copy_contents import KeptReadings
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope, scan_scope
from sqlite_consolidate.engine.content.contents import Contents, ContentsCache
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.worker import DumpLoads
from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.files import file_status, size_with_sidecars
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlite_consolidate.engine.apps import log_watch as logs
    from sqlite_consolidate.engine.apps.live_watch import LiveWatch
    from sqlite_consolidate.engine.apps.runner import SmokeResult
    from sqlite_consolidate.engine.apps.smoke_tests import Applications
    from sqlite_consolidate.engine.backup.copied_files import Reason
    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.engine.backup.rollback.steps import RollbackResult
    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.code.scanning.scan import ScanResult
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.transaction import TargetTransaction
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.observation import Observation


_T = TypeVar("_T")
_DOCUMENTS = {manifest.RECORD: [b"{}\n"], manifest.INSTRUCTIONS: [b"Roll back by: pytest -m rollback\n"]}


@dataclass(frozen=True)
class Rehearsal:
    """Hold a rehearsal that passed, including its rollback.

    Attributes:
        run: Id of the run, which is the name of its folder among the reports.
        finished: Time when it ended.
        states: The :func:`database_state` of each database that it copied, by path inside the workspace.
        seconds: Time that each stage took, by stage id.
        offsets: Number that it added to each renumbered key, by source, and table and column of the target.
        sources: File of each source that it read, by name.
    """

    run: str
    finished: datetime
    states: dict[str, bytes]
    seconds: dict[str, float]
    offsets: dict[tuple[str, str, str], int] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LastRehearsal:
    """Hold the last rehearsal that counts for a run, or the reason why none counts.

    Attributes:
        passed: The rehearsal, or None.
        refusal: Why the best of the others does not count, or empty.
        unmet: Demand that it does not meet, such as ``plan``, ``version`` or a criterion of bundles; or ``reader``.
    """

    passed: Rehearsal | None = None
    refusal: str = ""
    unmet: str = ""


@dataclass(frozen=True)
class Preflight:
    """Hold the facts that are known before the run changes anything.

    Attributes:
        survey: Databases, moves, the planned schema, and every problem.
        rewrites: Code files, with their new content.
        log_marks: Where each log ended.
        unexamined_processes: Number of processes of other users, which could not be examined.
        mentions: Mentions of old databases in the code as it will be after the rewrites.
        copied: Files and bytes of a copy of the workspace, in words. It is empty if the run makes no copy.
        left_out: Files that the copy on which the run works does not have, by reason.
    """

    survey: InspectedDatabases
    rewrites: tuple[Rewrite, ...]
    log_marks: logs.LogPositions
    unexamined_processes: int
    mentions: ScanResult
    copied: str = ""
    left_out: Mapping[Reason, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FinalReading:
    """Hold the target as a new connection read it at the end of the run.

    Attributes:
        content: Rows of the target.
        schema: Tables and header of the target.
        size: Size in bytes, including ``-wal``.
    """

    content: Contents
    schema: Schema
    size: int


@dataclass(frozen=True)
class Context:
    """Hold what a consolidation needs beside its request.

    Attributes:
        on_progress: Called with a short text before each part of a long step.
        rehearsal: The last rehearsal that counts for this run, or why none counts.
        documents: Returns the files that are written to the backup set at the end.
        original: Workspace that applications must not open while they run on a copy. None is the workspace of the
            request.
    """

    on_progress: Callable[[str], None] = lambda _words: None
    rehearsal: LastRehearsal = field(default_factory=LastRehearsal)
    documents: Callable[[RunResults], Mapping[str, Iterable[bytes]]] = lambda _run: _DOCUMENTS
    original: Path | None = None


class RunResults(Pipeline):
    """Hold the results of a consolidation, each from the time when its stage was performed.

    Attributes:
        plan: The plan.
        live: The workspace.
        root: The workspace, or the private copy of a rehearsal.
        stamp: Start of the run as ``YYYYMMDD_HHMMSS``, which names the backup set and the archives.
        folder: Folder of the backup set.
        ledger: Ledger of the backup set.
        rehearsal: The last rehearsal that counts for this run, or why none counts.
        reader: Reads databases that this process has closed.
        backup_digests: Digests of the files of the backup set.
        dump_loads: Loads the dumps while the run goes on.
        archives: Contents of the archives.
        contents: Digests of tables by place (``backup``, ``dump``, ``archive``) and file.
        application_results: Each application that was run, with its result.
        diff: Unified diff of the rewritten code, as reports show it.
    """

    def __init__(self, request: RunRequest, context: Context | None = None) -> None:
        """Prepare a run without opening a database.

        A rehearsal makes an empty private folder.

        Raises:
            ProblemError: The request has no valid plan.
        """
        super().__init__(request, (context or Context()).on_progress)
        self._context = context or Context()
        self._resources = ExitStack()
        self.plan = request.valid_plan
        self.plan_file = request.settings.plan
        self.live = request.settings.workspace
        self.stamp = request.stamp
        self.root = self._resources.enter_context(scratch_folder("rehearsal")) if self.is_rehearsal else self.live
        self.folder = self.root / self.plan.backups / f"{self.plan.name}-{self.stamp}"
        self.ledger = Ledger(self.folder)
        self.rehearsal = self._context.rehearsal
        self.reader = ContentsCache(self.limits)
        self.backup_digests = KeptReadings[str]()
        self.dump_loads = self._resources.enter_context(closing(DumpLoads(self.limits)))
        self.archives = KeptReadings[Contents]()
        self.contents: dict[str, dict[str, dict[str, TableDigest]]] = {}
        self.application_results: list[tuple[str, SmokeResult]] = []
        self.diff = ""
        self._preflight: Preflight | None = None
        self._sealed: Manifest | None = None
        self._target: TargetTransaction | None = None
        self._applications: Applications | None = None
        self._rolled_back: RollbackResult | None = None
        self._final: FinalReading | None = None
        self._live_watch: LiveWatch | None = None
        self._has_acted = False
        self._is_taken = self.folder.exists()  # by another run, whose ledger is not that of this run

    @property
    def workspace(self) -> Path:
        """Return the workspace, or the private copy of a rehearsal."""
        return self.root

    @property
    def is_rehearsal(self) -> bool:
        """Return whether the run works on copies."""
        return self.log.mode is Mode.REHEARSAL

    @property
    def plan_problems(self) -> Sequence[Problem]:
        """Return no reason why the plan cannot be carried out, because it was loaded."""
        return ()

    @property
    def plan_name(self) -> str:
        """Return the name of the plan file."""
        return self.plan_file.name

    @property
    def preflight(self) -> Preflight:
        """Return the facts that the preflight found."""
        return _performed(self._preflight, stages.PREFLIGHT)

    @property
    def inspected(self) -> InspectedDatabases:
        """Return the facts about the databases that the preflight found."""
        return self.preflight.survey

    @property
    def sealed(self) -> Manifest:
        """Return the manifest of the backup set."""
        return _performed(self._sealed, stages.BACKUP)

    @property
    def rows_before(self) -> OriginalRows:
        """Return the rows before the run, which explain a comparison that failed."""
        return OriginalRows(self.plan, self.sealed, self.folder, self.root, self.limits)

    @property
    def target(self) -> TargetTransaction:
        """Return the transaction on the target."""
        return _performed(self._target, stages.SCHEMA)

    @property
    def compared(self) -> TargetComparison:
        """Return the target inside its transaction, with its planned state."""
        target, copy = self.target, self.sealed.database(self.plan.target)
        return TargetComparison(
            schema=target.schema(target.connection),
            inspected=self.inspected,
            con=target.connection,
            digests_before=target.digests_before,
            copied=target.copied_tables,
            digest=target.digests,
            explain=partial(self.rows_before.differences_in_table, target.connection),
            refreshed=target.refreshed_tables,
            undone=target.undone,
            target_before=self.folder / copy.copy if copy else None,
            key_map=target.key_map,
            damage=target.damage,
            checked=target.checked,
        )

    @property
    def text_digests(self) -> dict[str, str]:
        """Return the digest of each rewritten file and of a plan in the workspace."""
        digests = {rewrite.file: hashlib.sha256(rewrite.after).hexdigest() for rewrite in self.preflight.rewrites}
        if self.plan_file.is_relative_to(self.live):
            digests[self.plan_file.relative_to(self.live).as_posix()] = self.request.plan_sha256
        return digests

    @property
    def set_digests(self) -> dict[str, str]:
        """Return the digest of each document and each sealed copy of the backup set."""
        names = (manifest.NAME, manifest.PLAN, self.ledger.path.name)
        digests = {name: digest_file(self.folder / name) for name in names} | self.sealed.file_digests
        return {f"{self._set_name}/{name}": digest for name, digest in digests.items()}

    @property
    def applications(self) -> Applications:
        """Return the applications of the plan."""
        return _performed(self._applications, stages.SMOKE)

    @property
    def rollback_result(self) -> RollbackResult:
        """Return the result of the rollback."""
        return _performed(self._rolled_back, stages.ROLLBACK)

    @property
    def has_preflight(self) -> bool:
        """Return whether the preflight was performed."""
        return self._preflight is not None

    @property
    def is_sealed(self) -> bool:
        """Return whether there is a backup set from which all files can be restored."""
        return (self.folder / manifest.NAME).exists()

    @property
    def is_archived(self) -> bool:
        """Return whether the sources have been renamed."""
        return stages.ARCHIVE.id in self.log.performed

    @property
    def has_rolled_back(self) -> bool:
        """Return whether the rehearsal has performed its rollback."""
        return self._rolled_back is not None

    @property
    def final(self) -> FinalReading | None:
        """Return the target as a new connection read it at the end, or None before."""
        return self._final

    @property
    def transaction(self) -> TargetTransaction | None:
        """Return the transaction on the target, or None before it began."""
        return self._target

    @property
    def has_acted(self) -> bool:
        """Return whether the run has begun to act, by its ledger."""
        return self._has_acted or (not self._is_taken and self.ledger.has("started"))

    @property
    def backup_set(self) -> str:
        """Return the path of the backup set, relative to the workspace.

        It is empty if there is no backup set.
        """
        return self._set_name if self.folder.exists() else ""

    def read_final(self) -> FinalReading:
        """Read the target through a new connection, and keep the result."""
        path = self.root / self.plan.target
        content = self.reader.contents(path)
        with open_for_inspection(path, self.limits) as con:
            schema = read_schema(con)
        self._final = FinalReading(content, schema, size_with_sidecars(path))
        return self._final

    def note_contents(self, place: str, file: str, tables: dict[str, TableDigest]) -> None:
        """Keep the digests of a database as they were read at one place. Equal ones are kept once."""
        equal = (read[file] for read in self.contents.values() if read.get(file) == tables)
        self.contents.setdefault(place, {})[file] = next(equal, tables)

    def run_application(self, name: str) -> list[Observation]:
        """Run a smoke test, and observe whether its result is as the plan expects."""
        test = next(test for test in self.plan.smoke if test.name == name)
        result = self.applications.run(test)
        self.application_results.append((name, result))
        self.log.note(*smoke_findings(test, result))
        return smoke_observations(test, result, self.log.disclosure)

    def databases(self) -> frozenset[tuple[int, int]]:
        """Return device and inode of every database of the plan.

        Do not open these files: closing them releases this process's POSIX locks on them.
        """
        archives = self._sealed.archive.values() if self._sealed else ()
        names = (self.plan.target, *(source.file for source in self.plan.sources), *archives)
        statuses = (file_status(self.root / name) for name in names)
        return frozenset((status.st_dev, status.st_ino) for status in statuses if status)

    def scan_scope(self) -> ScanScope:
        """Return the files in which no old database may be named.

        Plan, backup sets and reports may name old databases.
        """
        excluded = [self.plan_file, self.request.settings.reports]
        return scan_scope(self.plan, self.root, self.live, excluded=excluded, never_open=self.databases())

    def close_target(self) -> None:
        """Roll back the transaction on the target if it is open, and close the connection."""
        if self._target is not None:
            self._target.close()

    def close(self) -> None:
        """Close the target, and release all write locks and private folders.

        No committed change is rolled back.
        """
        self.close_target()
        self._resources.close()

    @property
    def _set_name(self) -> str:
        return self.folder.relative_to(self.root).as_posix()


def _performed(result: _T | None, stage: Stage) -> _T:
    if result is None:
        raise ProblemError(Problem("out-of-order", stage.id, "was not performed.", "Perform the stages in order."))
    return result
