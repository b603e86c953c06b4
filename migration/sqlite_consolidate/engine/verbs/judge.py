"""Judge a consolidation that stands, from outside: without having made it, and without changing it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps.log_watch import LogPositions
from sqlite_consolidate.engine.apps.runner import SmokeResult, smoke_observations
from sqlite_consolidate.engine.apps.smoke_tests import Applications
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.backup_set import last_finished, tables_not_moved
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.target_objects import committed_objects
from sqlite_consolidate.engine.backup.workspace_copy import copy_workspace, require_complete
from sqlite_consolidate.engine.checks import aftercare as check
from sqlite_consolidate.engine.checks import by_originals as originals
from sqlite_consolidate.engine.checks.compare_structure import added_object_findings
from sqlite_consolidate.engine.checks.explain import OriginalRows
from sqlite_consolidate.engine.code.rewrite import replacement_observations
from sqlite_consolidate.engine.code.scan import find_mentions, mention_findings, stale_observations
from sqlite_consolidate.engine.code.scanned_files import scan_scope
from sqlite_consolidate.engine.content.table_differences import differences_or_note
from sqlite_consolidate.engine.criteria import target
from sqlite_consolidate.engine.criteria.preflight import as_observation
from sqlite_consolidate.engine.run.criteria import CRITERIA, SMOKE, criteria_in
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import CHECK, ORIGINALS, stages_of
from sqlite_consolidate.engine.sqlite.errors import is_damaged
from sqlite_consolidate.observation import Observation
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.engine.checks.aftercare import ConsolidatedTarget
    from sqlite_consolidate.engine.checks.compare import TargetComparison
    from sqlite_consolidate.engine.run.criteria import Criterion
    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.row_differences import RowDifferences
else:
    from sqlite_utils.utils import sqlite3


class ReadOnlyRun(Pipeline):
    """A run that only judges; its applications run on a private copy.

    Attributes:
        plan: What was to be done.
        root: The workspace.
        application_results: Each application that was run, and what it did.
    """

    def __init__(
        self, request: RunRequest, say: Callable[[str], None] = lambda _words: None, *, run_applications: bool = True
    ) -> None:
        """Prepare to judge; nothing is opened.

        Args:
            request: What was asked for; it has a valid plan.
            say: Called with a few words before each part of a long step.
            run_applications: False: the plan's applications are not run, and their criteria cannot be answered.
        """
        super().__init__(request, say)
        self.plan = request.valid_plan
        self.root = request.settings.workspace
        self.application_results: list[tuple[str, SmokeResult]] = []
        self._resources = ExitStack()
        if not run_applications:
            why = "no application is run here"
            self.log.unanswerable |= {f"smoke:{test.name}": why for test in self.plan.smoke}

    @property
    def has_acted(self) -> bool:
        """Nothing is changed."""
        return False

    @property
    def checks(self) -> dict[str, Check]:
        """The check of each application of the plan."""
        return {f"{SMOKE}{test.name}": partial(self.run_application, test.name) for test in self.plan.smoke}

    @property
    def plan_problems(self) -> Sequence[Problem]:
        """Why the plan cannot be judged by: it was loaded, so there is no reason."""
        return ()

    @cached_property
    def applications(self) -> Applications:
        """The plan's applications, in a private copy of target and code."""
        return applications_on_copy(self.request, self._resources, self.say)

    def run_application(self, name: str) -> list[Observation]:
        """Run the application of a smoke test on the copy, and observe whether it did what the plan expects."""
        test = next(test for test in self.plan.smoke if test.name == name)
        result = self.applications.run(test)
        self.application_results.append((name, result))
        return smoke_observations(test, result)

    def close(self) -> None:
        """Remove the private copies."""
        self._resources.close()


class CheckRun(ReadOnlyRun):
    """A check whether the last consolidation of a plan is still right.

    Attributes:
        backup_set: Its backup set.
        sealed: The manifest of that.
    """

    def __init__(
        self, request: RunRequest, say: Callable[[str], None] = lambda _words: None, *, run_applications: bool = True
    ) -> None:
        """Find the consolidation that stands.

        Raises:
            ProblemError: There is none.
        """
        super().__init__(request, say, run_applications=run_applications)
        last = last_finished(self.root, self.plan)
        if last is None or last.sealed is None:
            raise ProblemError(
                Problem(
                    "nothing-to-check",
                    self.plan.name,
                    "there is no consolidation of this plan to check.",
                    "Consolidate first: pytest -m migrate.",
                )
            )
        self.backup_set: BackupSet = last
        self.sealed: Manifest = last.sealed

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """The target is read."""
        return {CHECK: self._read_target}

    @property
    def checks(self) -> dict[str, Check]:
        """The check of each criterion, the plan's applications included."""
        return super().checks | {
            "archives-unchanged": lambda: check.archives_unchanged(
                self.root, self.sealed, self.limits, folder=self.backup_set.folder
            ),
            "target-right": self._target_right,
            "no-old-database": lambda: check.no_new_source_files(self.root, self.sealed),
            "still-no-stale-references": self._no_stale_references,
        }

    @cached_property
    def target_now(self) -> ConsolidatedTarget:
        """The target as it is now."""
        committed = committed_objects(Ledger(self.backup_set.folder))
        return check.read_consolidated_target(self.root, self.sealed, self.limits, committed=committed)

    def _read_target(self) -> None:
        """Read the target first: one that another process has locked is named once, and nothing is judged by it."""
        self.say("reading archives and target")
        self.target_now  # noqa: B018 -- read and kept

    @cached_property
    def changed_since(self) -> dict[str, RowDifferences]:
        """Each table of the target with other rows than at COMMIT, and which rows differ from then."""
        names = self.target_now.changed_tables
        return {name: differences_or_note(partial(self._changed_since, name)) for name in names}

    def _target_right(self) -> list[Observation]:
        """Observe that the target is intact and has each table; rows changed since are a finding."""
        self.log.note(
            *self.target_now.changes_since_commit(self.sealed.target, self.changed_since, self.log.disclosure)
        )
        added = [_not_moved(subject, self.sealed.run) for subject in tables_not_moved(self.plan, self.backup_set)]
        return check.target_right(self.target_now, self.sealed, self.changed_since) + added

    def _no_stale_references(self) -> list[Observation]:
        """Observe that no code or configuration in the scanned trees names an archived database."""
        settings = self.request.settings
        scope = scan_scope(self.plan, self.root, self.root, own=[settings.plan, settings.reports])
        result = find_mentions(replace(scope, databases=list(self.sealed.archive)))
        self.log.note(*mention_findings(result, self.plan.scan.exempt))
        return stale_observations(result)

    def _changed_since(self, name: str) -> RowDifferences:
        """Compare by the plan that was carried out: that of the workspace may be another one by now."""
        folder = self.backup_set.folder
        before = OriginalRows(load(folder / manifest.PLAN), self.sealed, folder, self.root, self.limits)
        return before.differences_in_file(self.root / self.sealed.target, name)


class OriginalsRun(ReadOnlyRun):
    """A judgement of a consolidation by the databases it was made from.

    Attributes:
        problems: Why the originals are not what the plan names.
    """

    problems: tuple[Problem, ...] = ()
    _compared: TargetComparison | None = None

    def __init__(
        self, request: RunRequest, say: Callable[[str], None] = lambda _words: None, *, run_applications: bool = True
    ) -> None:
        """Prepare to judge; what only the run that makes a consolidation can show is noted as unanswerable."""
        super().__init__(request, say, run_applications=run_applications)
        answered = self.log.criteria[ORIGINALS.id]
        others = [id for stage in stages_of(Mode.MIGRATE) for id in criteria_in(stage) if id not in answered]
        self.log.criteria[ORIGINALS.id] = (*answered, *others)
        self.log.unanswerable |= dict.fromkeys(others, "only the run that makes a consolidation can show it")

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Originals and target are copied and read."""
        return {ORIGINALS: self._lay_out}

    def look(self, criterion: Criterion) -> Sequence[Observation]:
        """Return what the check of a criterion sees.

        Raises:
            ProblemError: The target is damaged.
        """
        try:
            return super().look(criterion)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
            problem = originals.damaged_target_problem(self.plan.target, error)
            if criterion.id != "integrity":
                raise ProblemError(problem) from error
            return [as_observation(problem)]

    @property
    def compared(self) -> TargetComparison:
        """The target as it is today, and what it was to be by its originals.

        Raises:
            ProblemError: They have not been read.
        """
        if self._compared is None:
            raise ProblemError(
                Problem("out-of-order", ORIGINALS.id, "the originals were not read.", "Perform the stage first.")
            )
        return self._compared

    @property
    def checks(self) -> dict[str, Check]:
        """The check of each criterion that originals and target can show, the plan's applications included."""
        of_target: dict[str, Check] = {
            id: partial(check, self) for id, check in target.CHECKS.items() if CRITERIA[id].by_originals
        }
        return (
            super().checks
            | of_target
            | {
                "plan-valid": self._plan_valid,
                "references-updated": lambda: replacement_observations(self.root, self.plan.references),
                "no-stale-references": self._no_stale_references,
            }
        )

    def _plan_valid(self) -> list[Observation]:
        """Observe that the plan is one, and that the originals are what it names."""
        problems = [as_observation(problem) for problem in (*self.plan_problems, *self.problems)]
        return problems or [Observation("plan and originals", "no problem", "no problem", holds=True)]

    def _no_stale_references(self) -> list[Observation]:
        """Observe that nothing in the scanned trees names an original database."""
        settings = self.request.settings
        result = find_mentions(scan_scope(self.plan, self.root, self.root, own=[settings.plan, settings.reports]))
        self.log.note(*mention_findings(result, self.plan.scan.exempt))
        return stale_observations(result)

    def _lay_out(self) -> None:
        folder = self._resources.enter_context(TemporaryDirectory(prefix="consolidate-originals-"))
        scratch = Path(folder).resolve()
        where = self.request.settings.originals or scratch
        target = originals.copy_originals(self.plan, where, self.root, scratch)
        self._compared = originals.compare_with_originals(self.plan, scratch, target, self._resources, self.limits)
        self.problems = tuple(self._compared.survey.problems)
        self.log.note(*originals.changed_row_findings(self._compared.row_matches, self.log.disclosure))
        self.log.note(*originals.added_row_findings(self._compared.row_matches, self.log.disclosure))
        self.log.note(*added_object_findings(self._compared))
        if not self._compared.knows_neighbours:
            is_damaged = self.plan.target in self._compared.survey.unread
            why = (
                "the original target cannot be read" if is_damaged else "the original target is not among the originals"
            )
            self.log.unanswerable["neighbours-unchanged"] = why


def applications_on_copy(request: RunRequest, resources: ExitStack, say: Callable[[str], None]) -> Applications:
    """Copy the workspace to a private folder, and return the applications that run there.

    Args:
        request: Names workspace and plan.
        resources: Gets the folder, and removes it at its end.
        say: Called with a few words before each part of a long step.

    Raises:
        ProblemError: A database is locked or busy.
    """
    plan, live = request.valid_plan, request.settings.workspace
    scratch = Path(resources.enter_context(TemporaryDirectory(prefix="consolidate-check-"))).resolve()
    require_complete(copy_workspace(plan, live, scratch, extra_files=(request.settings.plan,)))
    return Applications(
        plan, scratch, live, held=frozenset(), marks=LogPositions(()), say=say, plan_file=request.settings.plan
    )


def _not_moved(subject: str, run: str) -> Observation:
    """State that the plan names a table that the run did not move."""
    observed = f"the plan names this table, and run {run} did not move it"
    todo = "Take it out of the plan, or roll back and consolidate again."
    return Observation(subject, f"moved by run {run}", observed, holds=False, todo=todo)
