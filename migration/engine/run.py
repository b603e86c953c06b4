"""Run: one consolidation, a method for each step; steps are taken in order, and every way out leads back."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import migration
from migration.engine import archive as archives
from migration.engine import bystanders, history, logs, manifest, rollback, sets
from migration.engine.backup import content_digest, copy_code, copy_database, dump_database, open_set
from migration.engine.connections import open_existing, open_new
from migration.engine.content import Reader
from migration.engine.diff import unified
from migration.engine.durable import replace, sync_folder, write_new
from migration.engine.errors import EngineError
from migration.engine.files import FileProblem, status_of
from migration.engine.hot_journal import settle
from migration.engine.in_use import in_use
from migration.engine.ledger import Ledger
from migration.engine.limits import Limits
from migration.engine.progress import size_of
from migration.engine.reading import Reading
from migration.engine.references import Rewrite, plan_rewrites
from migration.engine.rehearse import copy_workspace
from migration.engine.scan_files import Scope, scope_of
from migration.engine.schema import read
from migration.engine.settled import list_settled
from migration.engine.sql import folded, quoted
from migration.engine.steps import PutBack
from migration.engine.survey import Survey, survey
from migration.engine.transfer import Transferred, copy, own_digest, raise_mark, source_digest
from migration.engine.version_control import noted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from migration.engine.digest import TableDigest
    from migration.engine.facts import Facts
    from migration.engine.guard import Guard
    from migration.engine.manifest import Manifest
    from migration.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

_CACHE_KB = 16_000  # each row is looked up in, or put into, each index; more helps hardly, and memory stays flat
STEPS = ("survey", "back up", "create schema", "transfer", "verify", "commit", "rewrite", "smoke", "archive", "finish")


@dataclass
class Run:
    """A consolidation under way.

    Attributes:
        plan: What is to be done; ``plan_file`` is kept in the backup set.
        root: The workspace, or its copy in a rehearsal.
        stamp: ``YYYYMMDD_HHMMSS`` of the run's start; backup set and archives are named by it.
        live: The real workspace; the same as ``root`` in a migration.
        digest: Digests the target's tables inside the transaction.
        reader: Reads databases that this process has closed.
        say: Called with a few words before each part of a long step.
        settled: Sentences about rows that a conflict policy kept from arriving, or took away.
        made: Databases that applications made; they are put aside when the run is undone.
        sql: Statements that were run on the target, names and no values.
        limits: What ends a long statement of this run, and how far its reading has come.
    """

    plan: Plan
    plan_file: Path
    plan_sha256: str
    root: Path
    stamp: str
    live: Path
    say: Callable[[str], None]
    found: Survey = field(default_factory=Survey)
    rewrites: tuple[Rewrite, ...] = ()
    sealed: Manifest | None = None
    target: sqlite3.Connection | None = None
    own: dict[str, TableDigest] = field(default_factory=dict)
    done: list[Transferred] = field(default_factory=list)
    verified: dict[str, TableDigest] = field(default_factory=dict)
    digest: Reading = field(default_factory=Reading)
    reader: Reader = field(init=False)
    log_marks: logs.LogMarks = field(default_factory=lambda: logs.LogMarks(()))
    made: list[str] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    committed: bool = False
    finished: bool = False
    _opened: bool = False
    _taken: list[str] = field(default_factory=list)
    _resources: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        """Let the reader look at the limits of this run."""
        self.reader = Reader(self.limits)

    @property
    def rehearsal(self) -> bool:
        """Whether this happens on a copy."""
        return self.root != self.live

    @property
    def folder(self) -> Path:
        """The backup set."""
        return self.root / self.plan.backups / f"{self.plan.name}-{self.stamp}"

    @property
    def ledger(self) -> Ledger:
        """The run's ledger, in the backup set."""
        return Ledger(self.folder)

    @property
    def connection(self) -> sqlite3.Connection:
        """The one connection that writes to the target.

        Raises:
            EngineError: There is none open at this point of the run.
        """
        if self.target is None:
            raise EngineError(
                "there is no open transaction on the target.", todo="Run the stages in order.", id="out-of-order"
            )
        return self.target

    def survey(self) -> Survey:
        """Look at everything and take the guards; nothing is changed.

        In a rehearsal the copies are made first. What cannot be copied or read is a problem, and everything else is
        examined.
        """
        self._step("survey")
        unread: tuple[FileProblem, ...] = ()
        if self.rehearsal:
            self.say("copying what the plan names")
            unread = copy_workspace(self.plan, self.live, self.root, also=(self.plan_file,))
        others = in_use(self.plan, self.live, rehearsal=self.rehearsal)
        self.log_marks = logs.mark(self.root, self.plan.logs.files, never_open=self.databases())
        known = {problem.file for problem in unread}
        self.rewrites, unfit = plan_rewrites(self.root, self.plan.references, self.plan.inserts, skip=known)
        problems = [*others.problems, *self.log_marks.problems, *unfit]
        keep = None if self.rehearsal else self.folder.with_name(f"{self.folder.name}.hot-journals")
        journals = settle(self.plan, self.root, keep, otherwise_fine=not problems, limits=self.limits)
        self.say("reading everything")
        unread += journals.unread
        self.found = journals.found or survey(
            self.plan, self.root, self._resources, self.limits, unread=unread, live=self.live
        )
        self.found.findings[:0] = [*others.findings, *journals.findings]
        self.found.problems += [*journals.problems, *problems]
        self.found.findings += noted(self.live, [rewrite.file for rewrite in self.rewrites])
        return self.found

    def back_up(self) -> Manifest:
        """Copy databases, dumps and code files into a new backup set, and seal it."""
        self._step("back up")
        open_set(self.folder)
        self._opened = True
        self.ledger.note("started", run=self.stamp, plan=self.plan.name, plan_sha256=self.plan_sha256)
        copies = []
        for facts in [*([self.found.target] if self.found.target else []), *self.found.sources.values()]:
            self.say(f"backing up {facts.file} ({facts.size / 1e6:.1f} MB)")
            one = copy_database(facts, self.folder)
            if self.plan.dump:
                self.say(f"dumping {facts.file} and loading the dump again")
                one = dump_database(one, self.folder, self.limits)
            copies.append(one)
        sources = [facts.file for facts in self.found.sources.values()]
        write_new(self.folder / "plan.toml", self.plan_file.read_bytes())
        sealed = manifest.Manifest(
            run=self.stamp,
            plan=self.plan.name,
            plan_sha256=self.plan_sha256,
            target=self.plan.target,
            target_existed=self.found.target is not None,
            databases=tuple(copies),
            code=copy_code(self.root, [rewrite.file for rewrite in self.rewrites], self.folder),
            archive={file: archives.archived_name(file, self.stamp) for file in sources},
        )
        manifest.write(self.folder, sealed)
        self.sealed = sealed  # not before it is written: an unsealed set is no backup
        self.ledger.note("sealed")
        return sealed

    def create_schema(self) -> None:
        """Open the one transaction on the target and create tables and indexes in it."""
        self._step("create schema")
        if self.found.target is None:
            self.ledger.note("creating-target", file=self.plan.target)
            self.target = open_new(self.root / self.plan.target, self.limits)
            (self.root / self.plan.target).chmod(self._strictest_mode())
            self.target.execute("BEGIN EXCLUSIVE")
        else:
            self.target = self.found.target.guard.alone()
        self.connection.execute("ROLLBACK")
        self.connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        # Inside a transaction this does nothing (https://sqlite.org/pragma.html#pragma_foreign_keys): off before it, so
        # that the child may come first; foreign_key_check judges the result.
        self.connection.execute("PRAGMA foreign_keys=OFF")
        self.connection.execute("BEGIN EXCLUSIVE")
        receiving = {folded(move.into.name) for move in self.found.moves if not move.new}
        for trigger in self.found.target.schema.triggers if self.found.target else ():
            if folded(trigger.table) in receiving:  # created again, to the letter, after the rows
                self._do(f"DROP TRIGGER {quoted(trigger.name)}")
        for statement in self.found.future.early:
            self._do(statement.sql)

    def sources(self) -> list[Facts]:
        """Return the sources that bring a table, in plan order."""
        bring = {move.source.name for move in self.found.moves}
        return [self.found.sources[source.name] for source in self.plan.in_order if source.name in bring]

    def read_from(self, source: Facts) -> Path:
        """Return the database that a source's rows are read from: itself, or the scratch database they are in."""
        return self.found.gathered.get(source.name, self.root / source.file)

    def transfer(self, source: Facts, alias: str) -> None:
        """Copy all tables of one source, which is attached under ``alias``."""
        con = self.connection
        for move in self.found.moves:
            if move.source.name != source.name:
                continue
            if not move.new and move.into.name not in self.own:
                self.own[move.into.name] = self.found.standing(move) or own_digest(con, move)
            rows = self.found.rows(move)
            self.say(f"copying {move.subject} ({rows} rows)")
            self.sql.append(f"-- {move.subject} -> {move.into.name}: INSERT INTO ... SELECT, {rows} rows")
            target = self.root / self.plan.target
            self.limits.progress.begin(source.size, "bytes", size_of(target, target.stat().st_size))
            if said := list_settled(con, move, alias, self.folder):
                self.settled.append(said)
            expected = self.found.arriving(move) or source_digest(con, move, alias)
            self.done.append(copy(con, move, expected, alias))
            raise_mark(con, move, self.found.mark(move))

    def finish_schema(self) -> None:
        """Create triggers and views, now that no row can make one fire."""
        self._step("transfer")
        receiving = {folded(move.into.name) for move in self.found.moves if not move.new}
        for trigger in self.found.target.schema.triggers if self.found.target else ():
            if folded(trigger.table) in receiving:
                self._do(trigger.sql)
        for statement in self.found.future.late:
            self._do(statement.sql)

    def verify(self) -> sqlite3.Connection:
        """Lend the connection for the comparisons before COMMIT, and remember what they will have seen."""
        self._step("verify")
        self.say("reading the target again")
        self.limits.progress.begin(sum(self.found.rows(move) for move in self.found.moves) + self._own_rows())
        tables = read(self.connection).movable
        self.verified = {table.name: self.digest(self.connection, table) for table in tables}
        self.verified.pop(history.TABLE, None)
        return self.connection

    def commit(self) -> None:
        """Write the row of history and COMMIT; then read that row through a new connection.

        Raises:
            EngineError: The data is not in; the transaction was taken back.
        """
        self._step("commit")
        tables = {name: (digest.rows, digest.sha256) for name, digest in self.verified.items()}
        sources = {facts.file: facts.digest for facts in self.found.sources.values()}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = history.Row(
            self.stamp,
            self.plan.name,
            self.plan_sha256,
            now,
            self._relative(self.folder),
            migration.__version__,
            sources,
            tables,
        )
        history.write(self.connection, row)
        self.ledger.note("committing", tables=tables)
        try:
            self.connection.execute("COMMIT")
        finally:
            self.close_target()
            # An error from COMMIT does not say that it did not happen, nor does its absence: the row does.
            path = self.root / self.plan.target
            self.committed = any(one.run == self.stamp for one in history.read_file(path, self.limits))
        if not self.committed:
            raise EngineError(
                "COMMIT returned, but a new connection does not find the run's row of history.",
                left="Nothing of the run is in the target.",
                todo="Check the disk, and run again.",
                id="not-committed",
            )
        sync_folder(path.parent)  # SQLite removes the journal and leaves it at that: a power cut could bring it back
        self.ledger.note("committed")
        if self.found.target and self.found.target.schema.header["journal_mode"] == "wal":
            con = open_existing(self.root / self.plan.target, self.limits)
            con.execute("PRAGMA journal_mode=WAL").fetchone()
            con.close()
            sync_folder(path.parent)

    def rewrite_code(self) -> str:
        """Rewrite the code files, each noted in the ledger before; return the unified diff."""
        self._step("rewrite")
        for rewrite in self.rewrites:
            path = self.root / rewrite.file
            if path.read_bytes() != rewrite.before:
                raise EngineError(
                    f"{rewrite.file} has changed while the run went on.",
                    left="It was not rewritten.",
                    todo="Find out who edits it, and run again.",
                    id="code-changed",
                )
            self.ledger.note("rewriting", file=rewrite.file, after=_sha256(rewrite.after))
            replace(path, rewrite.after, path.stat().st_mode & 0o777)
        return unified(self.rewrites)

    def begin_smoke(self) -> dict[str, TableDigest]:
        """Return the target's digests right before the applications run."""
        self._step("smoke")
        return self.verified

    def databases(self) -> frozenset[tuple[int, int]]:
        """Return device and inode of every database of the plan.

        Whoever reads files must not open these: closing them would drop the locks that this process has on them.
        """
        files = [self.root / self.plan.target, *(self.root / source.file for source in self.plan.sources)]
        return frozenset((status.st_dev, status.st_ino) for path in files if (status := status_of(path)))

    def scan_scope(self, reports: Path) -> Scope:
        """Return where no old database may be named any more; plan, backup sets and reports name them by right."""
        own = [self.plan_file, reports]
        return scope_of(self.plan, self.root, self.live, own=own, never_open=self.databases())

    def archive(self) -> Manifest:
        """Rename every source, each while it is held exclusively."""
        self._step("archive")
        sealed = self._manifest()
        for facts in self.found.sources.values():
            self.say(f"archiving {facts.file}")
            archives.archive(facts.guard, self.root / sealed.archive[facts.file], self.ledger, file=facts.file)
        return sealed

    def finish(self, record: bytes, instructions: bytes) -> None:
        """Write the record and the rollback instructions into the backup set; from here on the run counts as done."""
        self._step("finish")
        write_new(self.folder / "record.json", record)
        write_new(self.folder / "ROLLBACK.md", instructions)
        self.ledger.note("finished")
        self.finished = True

    def put_back(self) -> PutBack:
        """Undo whatever this run has changed; the lock of the run stays until :meth:`close`."""
        self.close_target()
        guarded = [*self.found.sources.values(), *([self.found.target] if self.found.target else [])]
        # What is still under its guard is read there: as soon as that is released, others may write again.
        proved = {one.file: content_digest(one.guard.writer) for one in guarded if _holds(one.guard)}
        for facts in guarded:
            facts.guard.release()
        if self.sealed is None:
            self.discard_unsealed()
            return PutBack()
        aside = bystanders.put_aside(self.root, self.made, self.folder / "made-by-applications")
        done = rollback.put_back(self.root, self.folder, proved, self.limits)
        done.steps[:0] = aside
        return done

    def close_target(self) -> None:
        """Take back the transaction if there is one, and close the connection; it never commits."""
        if self.target is not None:
            if self.target.in_transaction:
                self.target.execute("ROLLBACK")
            self.target.close()
            self.target = None

    def discard_unsealed(self) -> None:
        """Remove the backup set if it was never sealed: nothing had been changed, and it is no backup yet."""
        if self._opened and self.folder.exists() and not (self.folder / manifest.NAME).exists():
            sets.discard(self.folder)

    def close(self) -> None:
        """Give back every lock; nothing is undone by this."""
        self._resources.close()

    def _own_rows(self) -> int:
        return sum(self.found.target.rows.values()) if self.found.target else 0

    def _strictest_mode(self) -> int:
        modes = [facts.guard.path.stat().st_mode & 0o777 for facts in self.found.sources.values()]
        mode = 0o666
        for one in modes:
            mode &= one
        return mode | 0o600

    def _do(self, statement: str) -> None:
        self.sql.append(statement)
        self.connection.execute(statement)

    def _manifest(self) -> Manifest:
        if self.sealed is None:
            raise EngineError("there is no sealed backup set.", todo="Run the stages in order.", id="out-of-order")
        return self.sealed

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _step(self, step: str) -> None:
        due = STEPS[len(self._taken)] if len(self._taken) < len(STEPS) else "none: the run is finished"
        if due != step:
            raise EngineError(
                f"{step!r} cannot be done now: the next step is {due!r}.",
                todo="Run the stages in order.",
                id="out-of-order",
            )
        self._taken.append(step)


def _holds(guard: Guard) -> bool:
    """Whether nobody else has been able to write since the guard was taken, nor to put another file in its place."""
    try:
        return guard.writer.in_transaction and guard.in_place
    except sqlite3.ProgrammingError:  # closed
        return False


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
