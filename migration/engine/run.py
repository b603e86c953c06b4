"""Consolidate one workspace, for real or on copies, from preflight to archive."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import migration
from migration.engine import archive as archives
from migration.engine import bystanders, history, manifest, rollback, sets, stages
from migration.engine.applications import Applications
from migration.engine.checks.committed import RECORDED
from migration.engine.compare import Compared
from migration.engine.connections import looking
from migration.engine.content import Content, Reader, read_contents
from migration.engine.diff import unified
from migration.engine.durable import write_new
from migration.engine.explain import RowsBefore
from migration.engine.files import size_with_sidecars, status_of
from migration.engine.ledger import Ledger
from migration.engine.modes import Mode
from migration.engine.objects import objects_of
from migration.engine.pipeline import Pipeline, in_words
from migration.engine.preflight import Preflight, examine
from migration.engine.rehearsed import LastRehearsal
from migration.engine.run_log import RolledBack
from migration.engine.scan_files import Scope, scope_of
from migration.engine.schema import Schema, read
from migration.engine.smoke import observe
from migration.engine.steps import PutBack
from migration.engine.target_transaction import TargetTransaction
from migration.engine.verdict import verdict
from migration.engine.write_backups import write_backup_set
from migration.engine.write_code import write_rewrites
from migration.plan.printable import printable
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from migration.engine.digest import TableDigest
    from migration.engine.guard import Guard
    from migration.engine.manifest import Manifest
    from migration.engine.observation import Observation
    from migration.engine.request import RunRequest
    from migration.engine.smoke import SmokeResult
    from migration.engine.stages import Stage
    from migration.engine.survey import Survey
else:
    from sqlite_utils.utils import sqlite3

_T = TypeVar("_T")
_DOCUMENTS = {"record.json": b"{}\n", "ROLLBACK.md": b"Roll back by: pytest -m rollback\n"}


@dataclass(frozen=True)
class FinalReading:
    """The target, read through a new connection after everything was done.

    Attributes:
        content: Its rows.
        schema: Its tables and their header.
        size: Bytes, ``-wal`` included.
    """

    content: Content
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
    documents: Callable[[Run], Mapping[str, bytes]] = lambda _run: _DOCUMENTS
    original: Path | None = None
    original_plan: Path | None = None


class Run(Pipeline):
    """A consolidation under way.

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
        applied: Each application that was run, and what it did.
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
        self.reader = Reader(self.limits)
        self.contents: dict[str, dict[str, dict[str, TableDigest]]] = {}
        self.applied: list[tuple[str, SmokeResult]] = []
        self.diff = ""
        self._preflight: Preflight | None = None
        self._sealed: Manifest | None = None
        self._target: TargetTransaction | None = None
        self._applications: Applications | None = None
        self._rolled_back: PutBack | None = None
        self._final: FinalReading | None = None
        self._has_acted = False
        self._is_taken = self.folder.exists()  # by another run, whose ledger is none of this one's

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """What each stage does."""
        return {
            stages.PREFLIGHT: self._look_at_everything,
            stages.BACKUP: self._back_up,
            stages.SCHEMA: self._create_schema,
            stages.TRANSFER: self._transfer,
            stages.VERIFY: self._read_target,
            stages.COMMIT: self._commit,
            stages.REFERENCES: self._rewrite_code,
            stages.SMOKE: self._note_state_before_applications,
            stages.ARCHIVE: self._archive,
            stages.FINAL: self._write_documents,
            stages.ROLLBACK: self._roll_back_rehearsal,
        }

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
    def found(self) -> Survey:
        """What the preflight knows of the databases."""
        return self.preflight.survey

    @property
    def sealed(self) -> Manifest:
        """The manifest of the backup set."""
        return _performed(self._sealed, stages.BACKUP)

    @property
    def rows_before(self) -> RowsBefore:
        """The rows that the run began with, to explain a comparison that failed."""
        return RowsBefore(self.plan, self.sealed, self.folder, self.root, self.limits)

    @property
    def target(self) -> TargetTransaction:
        """The transaction on the target."""
        return _performed(self._target, stages.SCHEMA)

    @property
    def compared(self) -> Compared:
        """The target as it is now inside its transaction, and what it was to be."""
        target = self.target
        return Compared(
            schema=read(target.connection),
            survey=self.found,
            con=target.connection,
            own=target.own,
            done=target.done,
            digest=target.digest,
            explain=partial(self.rows_before.table_in, target.connection),
        )

    @property
    def applications(self) -> Applications:
        """The applications of the plan."""
        return _performed(self._applications, stages.SMOKE)

    @property
    def rollback_result(self) -> PutBack:
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
    def copied(self) -> TargetTransaction | None:
        """The transaction on the target, or None before there was one."""
        return self._target

    @property
    def has_acted(self) -> bool:
        """Whether the ledger says that the run has begun to act, be it rolled back since."""
        return self._has_acted or (not self._is_taken and self.ledger.has("started"))

    def read_final(self) -> FinalReading:
        """Read the target through a new connection, and keep what is in it."""
        path = self.root / self.plan.target
        content = self.reader.content(path)
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
        self.applied.append((name, result))
        return observe(test, result)

    def databases(self) -> frozenset[tuple[int, int]]:
        """Return device and inode of every database of the plan.

        Do not open these files: closing them releases this process's POSIX locks on them.
        """
        files = [self.root / self.plan.target, *(self.root / source.file for source in self.plan.sources)]
        return frozenset((status.st_dev, status.st_ino) for path in files if (status := status_of(path)))

    def scan_scope(self) -> Scope:
        """Return where no old database may be named; plan, backup sets and reports may mention old databases."""
        own = [self.plan_file, self.request.settings.reports]
        return scope_of(self.plan, self.root, self.live, own=own, never_open=self.databases())

    def put_back(self) -> PutBack:
        """Undo whatever this run has changed; the run's lock stays until the operator's process gives it back."""
        self.close_target()
        guarded = self.found.databases if self.has_preflight else []
        # What is still under its guard is read there: as soon as that is released, others may write again.
        proved = {facts.file: read_contents(facts.guard.writer).digest for facts in guarded if _holds(facts.guard)}
        for facts in guarded:
            facts.guard.release()
        if not self.is_sealed:
            self.discard_unsealed()
            return PutBack()
        made = self._applications.made() if self._applications else []
        aside = bystanders.put_aside(self.root, made, self.folder / "made-by-applications")
        done = rollback.put_back(self.root, self.folder, proved, self.limits)
        done.steps[:0] = aside
        return done

    def discard_unsealed(self) -> None:
        """Remove the backup set if it was never sealed: nothing had been changed, and it is no backup yet."""
        if self.folder.exists() and not self.is_sealed and not self._is_taken:
            sets.discard(self.folder)

    def close_target(self) -> None:
        """Roll back the transaction on the target if it is open, and close the connection."""
        if self._target is not None:
            self._target.close()

    def roll_back_unless_accepted(self) -> RolledBack | None:
        """Keep an accepted consolidation, and note that in the ledger; undo any other that the ledger knows of."""
        self._has_acted = self.has_acted
        if not self._has_acted:
            self.discard_unsealed()
            return None
        if self.ledger.has("finished") or self._is_kept():
            return None
        try:
            self.say("putting everything back")
        finally:  # the caller's own code may raise there, and everything is rolled back all the same
            self.log.rolled_back = self._roll_back()
        return self.log.rolled_back

    def _roll_back(self) -> RolledBack:
        """Undo the run, and return what became of it."""
        try:
            done = self.put_back()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the operator must be told what is left
            return RolledBack(
                printable(f"{in_words(error) or error} The backup set is {self._set_name}."), complete=False
            )
        if self.is_rehearsal:
            return RolledBack("The workspace was not touched.")
        if done.holds:
            return RolledBack("Everything was put back: " + ("; ".join(done.steps) or "nothing had been changed") + ".")
        wrong = "; ".join(f"{seen.subject}: {seen.observed}" for seen in done.seen if not seen.holds)
        return RolledBack(f"{wrong}. The backup set is {self._set_name}.", complete=False)

    def close(self) -> None:
        """Close the target and give back every guard and private folder; nothing is undone by this."""
        self.close_target()
        self._resources.close()

    @property
    def backup_set(self) -> str:
        """Path of the backup set relative to the workspace; empty while, or because, there is none."""
        return self._set_name if self.folder.exists() else ""

    @property
    def _set_name(self) -> str:
        return self.folder.relative_to(self.root).as_posix()

    def _is_kept(self) -> bool:
        """Note an accepted result in the ledger, and return whether there was one; from then on the run stands."""
        if verdict(self.log) != "accepted":
            return False
        if not self.is_rehearsal:
            try:
                self.ledger.note("finished")
            except OSError as error:
                self.log.errors.append(f"the end of the run could not be noted: {in_words(error)}")
                return False
        return True

    def _private_folder(self) -> Path:
        folder = TemporaryDirectory(prefix="consolidate-rehearsal-", ignore_cleanup_errors=True)
        return Path(self._resources.enter_context(folder)).resolve()

    def _look_at_everything(self) -> None:
        """Read databases, code, logs and processes, and keep writers out of the databases from now on."""
        self._preflight = examine(self, self._resources)
        self.log.note(*self.found.findings)

    def _back_up(self) -> None:
        """Copy databases, dumps and code files into a new backup set, and seal it."""
        self._sealed = write_backup_set(self)

    def _create_schema(self) -> None:
        """Open the one transaction on the target, and create tables and indexes in it."""
        path = self.root / self.plan.target
        self._target = TargetTransaction.begin(path, self.found, self.folder, self.ledger, self.say, self.limits)
        self.target.create_schema()

    def _transfer(self) -> None:
        """Copy the rows of each source, then create triggers and views, and last write the row of history."""
        bring = {move.source.name for move in self.found.moves}
        for source in self.plan.in_order:
            if source.name in bring:
                path = self.found.gathered.get(source.name, self.root / source.file)
                self.target.copy(self.found.sources[source.name], path)
        self.target.create_triggers_and_views()
        self.log.note(*self.target.settled)
        expected = self.target.expected()
        row = history.Row(
            run=self.stamp,
            plan=self.plan.name,
            plan_sha256=self.request.plan_sha256,
            committed=datetime.now(UTC).isoformat(timespec="seconds"),
            backup_set=self._set_name,
            version=migration.__version__,
            sources={facts.file: facts.digest for facts in self.found.sources.values()},
            tables={name: (digest.rows, digest.sha256) for name, digest in expected.items()},
        )
        self.target.write_history(row)

    def _read_target(self) -> None:
        """Read each table of the target as COMMIT would leave it."""
        self.target.read_all()

    def _commit(self) -> None:
        """COMMIT, and find the run's row of history through a new connection.

        Raises:
            ProblemError: It is not there; nothing of the run is in the target.
        """
        tables = {name: (digest.rows, digest.sha256) for name, digest in self.target.verified.items()}
        self.ledger.note("committing", tables=tables, objects=objects_of(self.target.connection))
        if not self.target.commit(self.stamp):
            raise ProblemError(
                Problem(
                    "not-committed",
                    self.plan.target,
                    "COMMIT returned, but a new connection does not find the run's row of history. "
                    "Nothing of the run is in the target.",
                    "Check the disk, and run again.",
                )
            )

    def _rewrite_code(self) -> None:
        """Rewrite the code files, each noted in the ledger before."""
        write_rewrites(self.root, self.preflight.rewrites, self.ledger)
        self.diff = unified(self.preflight.rewrites)

    def _note_state_before_applications(self) -> None:
        """Note logs, databases and the target's content before the first application runs."""
        self._applications = Applications(
            self.plan,
            self.root,
            self._context.original or self.live,
            held=self.databases(),
            marks=self.preflight.log_marks,
            say=self.say,
            plan_file=self._context.original_plan or self.plan_file,
            reader=self.reader,
        )
        self.applications.note(self.target.verified)

    def _archive(self) -> None:
        """Rename every source, each while it is held exclusively."""
        for facts in self.found.sources.values():
            self.say(f"archiving {facts.file}")
            archived = self.root / self.sealed.archive[facts.file]
            archives.archive(facts.guard, archived, self.ledger, file=facts.file)

    def _write_documents(self) -> None:
        """Write the record and the rollback instructions into the backup set."""
        for name, data in self._context.documents(self).items():
            write_new(self.folder / name, data)
        self.ledger.note(RECORDED)

    def _roll_back_rehearsal(self) -> None:
        """Put everything back on the copies, as a rollback would in the workspace."""
        self.say("putting everything back")
        self._rolled_back = self.put_back()


def _performed(result: _T | None, stage: Stage) -> _T:
    if result is None:
        raise ProblemError(Problem("out-of-order", stage.id, "was not performed.", "Perform the stages in order."))
    return result


def _holds(guard: Guard) -> bool:
    """Whether nobody else has been able to write since the guard was taken, nor to put another file in its place."""
    try:
        return guard.writer.in_transaction and guard.in_place
    except sqlite3.ProgrammingError:  # closed
        return False
