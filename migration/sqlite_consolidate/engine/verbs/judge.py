"""Judge a finished consolidation without changing it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps.live_watch import LiveWatch
from sqlite_consolidate.engine.apps.log_watch import LogPositions
from sqlite_consolidate.engine.apps.smoke_observations import smoke_findings, smoke_observations
from sqlite_consolidate.engine.apps.smoke_tests import Applications
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.backup_set import last_finished, remembered, tables_not_moved
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.target_objects import committed_objects
from sqlite_consolidate.engine.backup.workspace_copy import check_room, copy_workspace, list_workspace, require_complete
from sqlite_consolidate.engine.checks import aftercare as check
from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison.compare_structure import added_object_findings
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.checks.matching.kept_key_map import KeptKeyMap, compare_key_map, find_key_map
from sqlite_consolidate.engine.code.rewrite import replacement_observations
from sqlite_consolidate.engine.code.scanning.scan import (
    attention_findings,
    find_mentions,
    mention_findings,
    stale_observations,
)
from sqlite_consolidate.engine.code.scanning.scanned_files import scan_scope
from sqlite_consolidate.engine.content.table_differences import differences_or_note
from sqlite_consolidate.engine.criteria import target
from sqlite_consolidate.engine.criteria.preflight import as_observation
from sqlite_consolidate.engine.run.criteria import CRITERIA, SMOKE, criteria_in
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import CHECK, ORIGINALS, stages_of
from sqlite_consolidate.engine.sqlite.errors import is_damaged
from sqlite_consolidate.engine.sqlite.pattern_files import files_of_patterns
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.verbs.open_request import nothing_to_check
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import NO_PROBLEM, Observation
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlite_consolidate.engine.apps.runner import SmokeResult
    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.engine.checks.aftercare import ConsolidatedTarget
    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.run.criteria import Criterion
    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.row_differences import RowDifferences
else:
    from sqlite_consolidate.sqlite_library import sqlite3


class ReadOnlyRun(Pipeline):
    """Judge a consolidation, with its applications run on a private copy.

    Attributes:
        plan: The plan.
        root: The workspace.
        application_results: Each application that was run, with its result.
    """

    def __init__(
        self,
        request: RunRequest,
        on_progress: Callable[[str], None] = lambda _words: None,
        *,
        run_applications: bool = True,
    ) -> None:
        """Prepare the run without opening a database.

        Args:
            request: Request of the run, with a valid plan.
            on_progress: Called with a short text before each part of a long step.
            run_applications: Whether to run the applications of the plan. If it is False, their criteria cannot be
                answered.
        """
        super().__init__(request, on_progress)
        self.plan = request.valid_plan
        self.root = request.settings.workspace
        self.application_results: list[tuple[str, SmokeResult]] = []
        self._resources = ExitStack()
        if not run_applications:
            reason = "no application is run here"
            self.log.unanswerable |= {f"smoke:{test.name}": reason for test in self.plan.smoke}

    @property
    def has_acted(self) -> bool:
        """Return False, because nothing is changed."""
        return False

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of each application of the plan."""
        return {f"{SMOKE}{test.name}": partial(self.run_application, test.name) for test in self.plan.smoke}

    @property
    def plan_problems(self) -> Sequence[Problem]:
        """Return why the plan cannot be used.

        The plan was loaded, so there is no reason.
        """
        return ()

    @cached_property
    def applications(self) -> Applications:
        """Return the applications of the plan, in a private copy of the workspace.

        Raises:
            ProblemError: A file of the plan cannot be copied, or there is no room for the copy.
        """
        plan, live, reports = self.plan, self.root, self.request.settings.reports
        watch = LiveWatch(live, skip=[reports])
        scratch = self._resources.enter_context(scratch_folder("check"))
        files = list_workspace(plan, live, extra_files=(self.request.settings.plan,), reports=reports)
        if problems := check_room(files, scratch, copies=1 + plan.has_writing_test):
            raise ProblemError(*problems)
        self.on_progress(f"copying the workspace ({files})")
        copy = copy_workspace(plan, live, scratch, files=files)
        require_complete(copy.problems)
        self.log.note(*copy.findings())
        watch.note_others()
        marks, progress = LogPositions(()), self.on_progress
        return Applications(
            plan,
            scratch,
            live,
            held=frozenset(),
            marks=marks,
            on_progress=progress,
            live_watch=watch,
            left_out=files.left_out,
        )

    def run_application(self, name: str) -> list[Observation]:
        """Run a smoke test on the copy, and observe whether its result is as expected."""
        test = next(test for test in self.plan.smoke if test.name == name)
        result = self.applications.run(test)
        self.application_results.append((name, result))
        self.log.note(*smoke_findings(test, result))
        return smoke_observations(test, result, self.log.disclosure)

    def close(self) -> None:
        """Remove the private copies."""
        self._resources.close()


class CheckRun(ReadOnlyRun):
    """Check whether the last consolidation of a plan is still intact.

    Attributes:
        backup_set: Backup set of that consolidation.
        sealed: Manifest of the backup set.
    """

    def __init__(
        self,
        request: RunRequest,
        on_progress: Callable[[str], None] = lambda _words: None,
        *,
        run_applications: bool = True,
    ) -> None:
        """Find the last finished consolidation.

        Raises:
            ProblemError: There is none.
        """
        super().__init__(request, on_progress, run_applications=run_applications)
        last = last_finished(self.root, self.plan) or remembered(self.root, self.plan)
        if last is None or last.sealed is None:
            raise ProblemError(nothing_to_check(request, self.root, self.plan))
        self.backup_set: BackupSet = last
        self.sealed: Manifest = last.sealed
        if last.is_deleted:
            proof = f"The row of history in {self.plan.target} and {last.archives_left(self.root)} are left as proof."
            text = f"the backup set was deleted, so that the run cannot be rolled back. {proof}"
            self.log.note(Finding.of("backup-set-deleted", last.folder.name, text))

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action of the stage, which reads the target."""
        return {CHECK: self._read_target}

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion, including the applications of the plan."""
        return super().checks | {
            "archives-unchanged": lambda: check.archives_unchanged(
                self.root,
                self.sealed,
                self.limits,
                folder=self.backup_set.folder,
                is_deleted=self.backup_set.is_deleted,
            ),
            "target-right": self._target_right,
            "no-old-database": self._no_old_database,
            "still-no-stale-references": self._no_stale_references,
        }

    @cached_property
    def target_now(self) -> ConsolidatedTarget:
        """Return the target in its current state."""
        folder = self.backup_set.folder
        committed = committed_objects(Ledger(folder))
        return check.read_consolidated_target(self.root, self.sealed, self.limits, committed=committed, folder=folder)

    def _read_target(self) -> None:
        """Read the target before any criterion is checked.

        A target that another process has locked is then reported once, and no criterion is judged.
        """
        self.on_progress("reading archives and target")
        self.target_now  # noqa: B018 -- read and kept

    @cached_property
    def changed_since(self) -> dict[str, RowDifferences]:
        """Return the rows that differ from COMMIT, for each table of the target that changed."""
        names = self.target_now.changed_tables
        return {name: differences_or_note(partial(self._changed_since, name)) for name in names}

    def _target_right(self) -> list[Observation]:
        """Observe that the target is intact and has each table.

        Rows that were changed since the consolidation are a finding.
        """
        self.log.note(
            *self.target_now.changes_since_commit(self.sealed.target, self.changed_since, self.log.disclosure)
        )
        added = [check.not_moved(subject, self.sealed.run) for subject in tables_not_moved(self.plan, self.backup_set)]
        return check.target_right(self.target_now, self.sealed, self.changed_since) + added

    def _no_old_database(self) -> list[Observation]:
        """Observe that no file has the name of a source again.

        A file of a pattern that appeared since is a finding, because no run has moved it.
        """
        patterns = files_of_patterns(self.plan, self.root, reports=self.request.settings.reports)
        self.log.note(*check.appeared_findings(patterns, self.sealed))
        return check.no_new_source_files(self.root, self.sealed)

    def _no_stale_references(self) -> list[Observation]:
        """Observe that no scanned code or configuration names an archived database."""
        settings = self.request.settings
        scope = scan_scope(self.plan, self.root, self.root, excluded=[settings.plan, settings.reports])
        result = find_mentions(replace(scope, databases=list(self.sealed.archive)))
        self.log.note(*mention_findings(result, self.plan.scan.exempt), *attention_findings(result))
        return stale_observations(result)

    def _changed_since(self, name: str) -> RowDifferences:
        """Compare a table with its state at COMMIT, by the plan in the backup set.

        The plan in the workspace may have changed since.
        """
        folder = self.backup_set.folder
        plan = manifest.plan_of_run(folder, self.sealed)
        before = OriginalRows(plan, self.sealed, folder, self.root, self.limits)
        return before.differences_in_file(self.root / self.sealed.target, name)


class OriginalsRun(ReadOnlyRun):
    """Judge a consolidation by the databases from which it was made.

    Attributes:
        problems: Why the originals are not the databases that the plan names.
    """

    problems: tuple[Problem, ...] = ()
    _compared: TargetComparison | None = None
    _key_map: KeptKeyMap = KeptKeyMap()

    def __init__(
        self,
        request: RunRequest,
        on_progress: Callable[[str], None] = lambda _words: None,
        *,
        run_applications: bool = True,
    ) -> None:
        """Prepare the run, and mark the criteria that it cannot answer.

        Only the run that makes a consolidation can show them.
        """
        super().__init__(request, on_progress, run_applications=run_applications)
        answered = self.log.criteria[ORIGINALS.id]
        others = [id for stage in stages_of(Mode.MIGRATE) for id in criteria_in(stage) if id not in answered]
        self.log.criteria[ORIGINALS.id] = (*answered, *others)
        self.log.unanswerable |= dict.fromkeys(others, "only the run that makes a consolidation can show it")

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action of the stage, which copies and reads originals and target."""
        return {ORIGINALS: self._lay_out}

    def observations_of(self, criterion: Criterion) -> Iterable[Observation]:
        """Return the observations of a criterion.

        Raises:
            ProblemError: The target is damaged.
        """
        try:
            return list(super().observations_of(criterion))
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
            problem = originals.damaged_target_problem(self.plan.target, error)
            if criterion.id != "integrity":
                raise ProblemError(problem) from error
            return [as_observation(problem)]

    @property
    def compared(self) -> TargetComparison:
        """Return the target in its current state, with the state that its originals imply.

        Raises:
            ProblemError: The originals have not been read.
        """
        if self._compared is None:
            raise ProblemError(
                Problem("out-of-order", ORIGINALS.id, "the originals were not read.", "Perform the stage first.")
            )
        return self._compared

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion that originals and target can answer."""
        of_target: dict[str, Check] = {
            id: partial(check, self) for id, check in target.CHECKS.items() if CRITERIA[id].by_originals
        }
        return (
            super().checks
            | of_target
            | {
                "plan-valid": self._plan_valid,
                "keys-mapped": self._keys_mapped,
                "references-updated": lambda: replacement_observations(self.root, self.plan.references),
                "no-stale-references": self._no_stale_references,
            }
        )

    def _plan_valid(self) -> list[Observation]:
        """Observe that the plan is valid, and that the originals are the ones it names."""
        problems = [as_observation(problem) for problem in (*self.plan_problems, *self.problems)]
        return problems or [Observation("plan and originals", NO_PROBLEM, NO_PROBLEM, holds=True)]

    def _keys_mapped(self) -> list[Observation]:
        """Observe that the key map of the run has the lines that the originals give."""
        problem = self._key_map.problem
        return [as_observation(problem)] if problem else compare_key_map(self.compared.inspected, self._key_map)

    def _no_stale_references(self) -> list[Observation]:
        """Observe that no scanned file names an original database."""
        settings = self.request.settings
        result = find_mentions(scan_scope(self.plan, self.root, self.root, excluded=[settings.plan, settings.reports]))
        self.log.note(*mention_findings(result, self.plan.scan.exempt), *attention_findings(result))
        return stale_observations(result)

    def _lay_out(self) -> None:
        scratch = self._resources.enter_context(scratch_folder("originals"))
        where = self.request.settings.originals or scratch
        target = originals.copy_originals(self.plan, where, self.root, scratch)
        self._compared = originals.compare_with_originals(self.plan, scratch, target, self._resources, self.limits)
        self.plan = self.plan.with_sources(self._compared.inspected.plan.sources)
        self.problems = tuple(self._compared.inspected.problems)
        self.log.note(*originals.changed_row_findings(self._compared.row_matches, self.log.disclosure))
        self.log.note(*originals.added_row_findings(self._compared.row_matches, self.log.disclosure))
        self.log.note(*added_object_findings(self._compared))
        self.log.note(*(each for each in self._compared.inspected.findings if each.id == "table-absent"))
        self._key_map = find_key_map(self._compared.inspected, target, where, self.root)
        if self._key_map.unknown:
            self.log.unanswerable["keys-mapped"] = self._key_map.unknown
        if not self._compared.knows_neighbours:
            is_damaged = self.plan.target in self._compared.inspected.unread
            reason = (
                "the original target cannot be read" if is_damaged else "the original target is not among the originals"
            )
            self.log.unanswerable["neighbours-unchanged"] = reason
