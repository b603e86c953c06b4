"""Consolidate one workspace, in place or on copies, from preflight to archive."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

import sqlite_consolidate
from sqlite_consolidate.atomic_files import write_new
from sqlite_consolidate.engine.apps import database_watch as bystanders
from sqlite_consolidate.engine.apps.live_watch import LiveWatch
from sqlite_consolidate.engine.apps.smoke_tests import Applications
from sqlite_consolidate.engine.backup import archive as archives
from sqlite_consolidate.engine.backup import backup_set as sets
from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.backup.ledger import RECORDED
from sqlite_consolidate.engine.backup.reserved_space import release_space
from sqlite_consolidate.engine.backup.rollback import rollback
from sqlite_consolidate.engine.backup.rollback.steps import RollbackResult
from sqlite_consolidate.engine.backup.rollback.target_objects import objects_of
from sqlite_consolidate.engine.code.diff import diff_for_reports, secrets_of
from sqlite_consolidate.engine.code.rewrite import write_rewrites
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.criteria import backup_set, committed, preflight, target
from sqlite_consolidate.engine.merge.conflict_log import conflict_findings
from sqlite_consolidate.engine.merge.transaction import TargetTransaction
from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.engine.run.long_sequences import remade
from sqlite_consolidate.engine.run.pipeline import failure_message
from sqlite_consolidate.engine.run.results import RunResults
from sqlite_consolidate.engine.run.run_log import NO_TABLE_MOVED, UndoResult
from sqlite_consolidate.engine.run.verdict import touch_of_workspace, verdict
from sqlite_consolidate.engine.verbs.read_workspace import run_preflight
from sqlite_consolidate.engine.verbs.write_backup_set import write_backup_set
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.parts.masked_plan import mask_plan
from sqlite_consolidate.plan.patterns import by_entry
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DatabaseLock


class Run(RunResults):
    """Perform the stages of a consolidation, check its criteria, and roll back on failure."""

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action of each stage."""
        return {
            stages.PREFLIGHT: self._run_preflight,
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
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion, including the applications of the plan."""
        checks: dict[str, Check] = {
            f"{SMOKE}{test.name}": partial(self.run_application, test.name) for test in self.plan.smoke
        }
        for module in (preflight, backup_set, target, committed):
            checks |= {criterion: partial(check, self) for criterion, check in module.CHECKS.items()}
        return checks | {"restored-exact": lambda: self.rollback_result.observations}

    def put_back(self) -> RollbackResult:
        """Roll back all changes of this run.

        The process that started the run still holds the run's lock.
        """
        self.close_target()
        self.dump_loads.close()
        guarded = self.inspected.databases if self.has_preflight else []
        # Guarded databases are read first, because other processes may write again once the write locks are released.
        proved = {facts.file: _digest_under_lock(facts.write_lock) for facts in guarded if facts.write_lock.is_held}
        for facts in guarded:
            facts.write_lock.release()
        if not self.is_sealed:
            self.discard_unsealed()
            return RollbackResult()
        created = self._applications.created_databases() if self._applications else []
        renamed = self._applications.renamed_sources() if self._applications else []
        move_away = partial(bystanders.quarantine_databases, self.root, folder=self.folder / "made-by-applications")
        moved = move_away(created)
        if self._applications and not self.is_archived:  # the archives were locked, so that any change is damage
            spoiled = self._applications.changed_databases(self.sealed.archive.values())
            moved += move_away(spoiled, deed="changed")
        done = rollback.roll_back(self.root, self.folder, proved, self.limits)
        done.steps[:0] = [*moved, *move_away(renamed)]
        return done

    def discard_unsealed(self) -> None:
        """Remove the backup set if it was never sealed.

        Nothing was changed then, and the set is no backup.
        """
        if self.folder.exists() and not self.is_sealed and not self._is_taken:
            sets.discard_unsealed(self.folder)

    def roll_back_unless_accepted(self) -> UndoResult | None:
        """Keep an accepted consolidation, or roll back any other.

        An accepted result is noted in the ledger. A run that has not begun to act has no changes.
        """
        self._has_acted = self.has_acted
        if not self._has_acted:
            self.discard_unsealed()
            return None
        if self.ledger.has("finished") or self._is_kept():
            return None
        try:
            self.on_progress("rolling everything back")
        finally:  # the callback may raise, and the run is rolled back nevertheless
            self.log.rolled_back = self._roll_back()
        return self.log.rolled_back

    def _roll_back(self) -> UndoResult:
        """Roll back the run, and return the result."""
        try:
            done = self.put_back()
        except Exception as error:  # noqa: BLE001 -- the operator needs to know the state after any error
            return self._incomplete(printable(failure_message(error) or str(error)))
        if self.is_rehearsal:
            return UndoResult(touch_of_workspace(self.log))
        if done.holds:
            self.log.note(*(Finding.of("rollback-step", "", f"{step}.") for step in done.steps))
            return UndoResult("Everything was rolled back.")
        wrong = "; ".join(
            f"{entry.subject}: {entry.rows.summary if entry.rows else entry.observed}"
            for entry in done.observations
            if not entry.holds
        )
        return self._incomplete(wrong)

    def _incomplete(self, reason: str) -> UndoResult:
        return UndoResult(f"{reason.rstrip('.')}. The backup set is {self._set_name}.", complete=False)

    def _is_kept(self) -> bool:
        """Note an accepted result in the ledger, and return whether the run is kept.

        A kept run is never rolled back automatically.
        """
        if verdict(self.log) != "accepted":
            return False
        release_space(self.folder, self.root / self.plan.target)
        if not self.is_rehearsal:
            try:
                self.ledger.note("finished")
            except OSError as error:
                self.log.errors.append(f"the end of the run could not be noted: {failure_message(error)}")
                return False
        return True

    def prepare_connections(self) -> None:
        """Do nothing, because the preflight loads the setup, from the copy in a rehearsal."""

    def _run_preflight(self) -> None:
        """Read databases, code, logs and processes.

        From then on the write locks exclude writers.
        """
        original = self._context.original or self.live
        if self.plan.smoke and original != self.root:
            self._live_watch = LiveWatch(original, skip=[self.request.settings.reports])
        self._preflight = run_preflight(self, self._resources)
        self.plan = self.plan.with_sources(self.inspected.plan.sources)
        self.log.note(*self.inspected.findings)
        if not self.inspected.mappings:
            self.log.headline_suffix = NO_TABLE_MOVED

    def _back_up(self) -> None:
        """Copy databases, dumps and code files into a new backup set, and seal it."""
        self._sealed = write_backup_set(self)

    def _create_schema(self) -> None:
        """Begin the transaction on the target, and create tables and indexes in it."""
        path = self.root / self.plan.target
        self._target = TargetTransaction.begin(
            path,
            self.inspected,
            self.folder,
            self.ledger,
            self.on_progress,
            self.log.statements.append,
            self.limits,
        )
        self.target.create_schema()

    def _transfer(self) -> None:
        """Copy the rows of each source, create triggers and views, and write the history row."""
        bring = {mapping.source.name for mapping in self.inspected.mappings}
        for source in self.plan.in_order:
            if source.name in bring:
                database = self.inspected.sources[source.name]
                self.target.copy_source(database, self.inspected.path_of_source(source.name))
        self.target.derive_again()
        self.target.create_triggers()
        self.target.write_key_map()
        self.log.note(*conflict_findings(self.target.conflicts, "" if self.is_rehearsal else self.folder.name))
        expected = self.target.expected_digests()
        row = history.Row(
            run=self.stamp,
            plan=self.plan.name,
            plan_sha256=self.request.plan_sha256,
            committed=datetime.now(UTC).isoformat(timespec="seconds"),
            backup_set=self._set_name,
            version=sqlite_consolidate.__version__,
            sources={facts.file: facts.digest for facts in self.inspected.sources.values()},
            tables={name: (digest.rows, digest.sha256) for name, digest in expected.items()},
        )
        self.target.write_history(row)

    def _read_target(self) -> None:
        """Read each table of the target as COMMIT would write it.

        In a rehearsal SQLite checks all of it, because no operator waits.
        """
        check: Literal["quick_check", ""] = "quick_check" if self.plan.integrity == "pages" else ""
        self.target.digest_tables("integrity_check" if self.is_rehearsal else check)

    def _commit(self) -> None:
        """Commit, and check through a new connection that the history row of the run exists.

        Raises:
            ProblemError: The row does not exist. No change of the run is in the target.
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
        if self.target.proof:
            self.reader.note_commit(self.root / self.plan.target, self.target.proof)

    def _rewrite_code(self) -> None:
        """Rewrite the code files.

        Each file is noted in the ledger before it is changed.
        """
        write_rewrites(self.root, self.preflight.rewrites, self.ledger)
        self.diff = diff_for_reports(self.preflight.rewrites, "" if self.is_rehearsal else self._set_name)
        plan = mask_plan(self.request.plan_text).decode("utf-8", "replace")  # the check of a bundle compares it
        self.log.disclosure = self.log.disclosure.hiding(
            secret for secret in secrets_of(self.preflight.rewrites) if secret not in plan
        )

    def _note_state_before_applications(self) -> None:
        """Record logs, databases and target content before the first application runs.

        The sources have the names of their archives then, so that an application that still reads one fails.
        """
        if self.plan.smoke:
            self._rename_sources()
        self._applications = Applications(
            self.plan,
            self.root,
            self._context.original or self.live,
            held=self.databases(),
            marks=self.preflight.log_marks,
            on_progress=self.on_progress,
            reports=self.request.settings.reports,
            reader=self.reader,
            live_watch=self._live_watch,
            left_out=self.preflight.left_out,
        )
        if self._live_watch:
            self._live_watch.note_others()
        self._resources.callback(self.applications.close)
        self.applications.record_state(self.target.verified, self.text_digests, self.set_digests)

    def _archive(self) -> None:
        """Rename every source that still has its old name, and release the locks of all.

        A plan with a smoke test has renamed them before the first one.
        """
        self._rename_sources()
        for facts in self.inspected.sources.values():
            facts.write_lock.release()

    def _rename_sources(self) -> None:
        """Give each source the name of its archive, and keep its exclusive lock."""
        renamed = {event["file"] for event in self.ledger.all("archived")}
        for entry, files in by_entry(self.plan.in_order):
            known = (self.inspected.sources.get(file.name) for file in files)
            sources = [facts for facts in known if facts and facts.file not in renamed]
            if sources:
                self.on_progress(f"archiving {entry.file}")
            archives.archive_all(remade(partial(self._with_archives, sources), len(sources)), self.ledger)

    def _with_archives(self, sources: Iterable[InspectedDatabase]) -> Iterator[tuple[DatabaseLock, Path, str]]:
        """Yield write lock, archive and file of each source."""
        for source in sources:
            yield source.write_lock, self.root / self.sealed.archive[source.file], source.file

    def _write_documents(self) -> None:
        """Write the record and the rollback instructions into the backup set."""
        for name, data in self._context.documents(self).items():
            write_new(self.folder / name, data)
        self.ledger.note(RECORDED)

    def _roll_back_rehearsal(self) -> None:
        """Roll back the copies, as a rollback would do in the workspace."""
        self.on_progress("rolling everything back")
        self._rolled_back = self.put_back()


def _digest_under_lock(write_lock: DatabaseLock) -> str:
    with write_lock.held_reader() as con:
        return read_contents(con).digest
