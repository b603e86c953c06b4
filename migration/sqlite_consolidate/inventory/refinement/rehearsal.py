"""Rehearse a proposal on copies, up to the verification before COMMIT."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.files_told_apart import files_told_apart
from sqlite_consolidate.engine.checks.merged_files.merged_tables import find_merged_tables
from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.joined_columns import columns_compared_by_code
from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import EXPECTED_ERRORS, failure_message
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.run.results import Context
from sqlite_consolidate.engine.sqlite.errors import is_in_use_problem
from sqlite_consolidate.engine.sqlite.integrity import count_orphans
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.refinement.shared_rows import SharedRows, count_shared_rows
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.inventory.proposal import Proposal
else:
    from sqlite_consolidate.sqlite_library import sqlite3

STAGES_AFTER_PREFLIGHT = (stages.BACKUP, stages.SCHEMA, stages.TRANSFER, stages.VERIFY)
_STATED_OTHERWISE = frozenset({"copy-unnamed", "decision-open", "processes-elsewhere", "processes-unexamined"})
"""Ids of findings that each inventory states in any case."""


@dataclass(frozen=True)
class CheckedProposal:
    """Hold the result of a preflight.

    Attributes:
        shared: Subject of each collision of keys, to the rows that two files have under them.
        renamed_views: Name of each source to its views with other names in the target, by folded name.
    """

    problems: list[Problem]
    shared: Mapping[str, SharedRows] = field(default_factory=dict)
    renamed_views: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class RehearsalResult:
    """Hold what the rehearsal of a proposal has shown.

    Attributes:
        failures: A line for each subject of a criterion that does not hold.
        skipped: Subject of each table to the number of rows that were there already.
        orphaned_tables: Tables of the target, folded, with rows whose parents are missing.
        seconds: Time that the stages took; None if one failed.
        unfit_statements: Statements of smoke tests that the consolidated target cannot execute alone.
    """

    failures: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    orphaned_tables: frozenset[str] = frozenset()
    seconds: float | None = None
    unfit_statements: frozenset[str] = frozenset()


@contextmanager
def rehearsal_of(
    root: Path,
    proposal: Proposal,
    on_progress: Callable[[str], None],
    uses: Mapping[str, Sequence[Mention]] = MappingProxyType({}),
    joins: CodeJoins | None = None,
) -> Iterator[Rehearsal]:
    """Lend the rehearsal of a proposal on a private copy.

    It ends with the verification before COMMIT. Dumps are not made. Code, applications and logs are left to the
    rehearsal of the operator.

    Args:
        root: The workspace.
        proposal: The proposal.
        on_progress: Called with the name of each step before it begins.
        uses: Each database to the places in code and settings that name it.
        joins: The columns that code compares. None if no code was read.
    """
    with scratch_folder("inventory") as folder:
        file = folder / "proposal.toml"
        data = replace(proposal, references=(), smoke=(), test_command=(), scan=())
        file.write_text(render_plan(data, "rehearsal"), "utf-8")
        plan = expand_by_files(load(file), root).model_copy(update={"dump": False})
        settings = Settings(workspace=root, plan=file, reports=folder / "reports")
        request = RunRequest(Mode.REHEARSAL, settings, plan, plan_sha256=sha256(file), plan_text=file.read_bytes())
        run = Run(request, Context(on_progress))
        try:
            yield Rehearsal(run, uses, joins, [statement for test in proposal.smoke for statement in test.statements])
        finally:
            run.close()


class Rehearsal:
    """Rehearse a proposal in two steps, so that a preflight with problems ends it."""

    def __init__(
        self,
        run: Run,
        uses: Mapping[str, Sequence[Mention]],
        joins: CodeJoins | None = None,
        statements: Sequence[str] = (),
    ) -> None:
        self._run = run
        self._uses = uses
        self._joins = joins
        self._statements = statements

    def check(self) -> CheckedProposal:
        """Perform the preflight and return its problems.

        A value that SQLite computes from a key may be in texts elsewhere, as the number of a ticket is. So a proposal
        that changes it has a problem, although a plan may do so.

        Raises:
            ProblemError: Another process uses a database, or the preflight cannot be performed.
        """
        self._run.perform(stages.PREFLIGHT)
        inspected = self._run.inspected
        problems = [*inspected.problems, *_computed_anew(inspected.findings)]
        if in_use := [problem for problem in problems if is_in_use_problem(problem)]:
            raise ProblemError(*in_use)
        self._run.log.note(*files_told_apart(inspected, find_merged_tables(inspected), self._uses))
        if self._joins and any(mapping.shifted for mapping in inspected.mappings):
            self._run.log.note(*columns_compared_by_code(inspected, self._joins, FollowedKeys.of(inspected)))
        shared = count_shared_rows(inspected, problems, self._run.limits)
        return CheckedProposal(problems, shared, inspected.target_schema.renamed_views)

    def perform(self) -> RehearsalResult:
        """Perform the stages after a preflight without problems, and check all criteria."""
        failures = self._failures(stages.PREFLIGHT)
        for stage in STAGES_AFTER_PREFLIGHT:
            if not failures:
                try:
                    self._run.perform(stage)
                except EXPECTED_ERRORS as error:
                    failures = (f"{stage.id}: {one_line(failure_message(error))}",)
                else:
                    failures = self._failures(stage)
        if failures:
            return RehearsalResult(failures, orphaned_tables=self._orphaned_tables())
        copied = self._run.transaction.copied_tables if self._run.transaction else ()
        skipped = {table.mapping.subject: table.skipped for table in copied if table.skipped}
        seconds = sum(stage.seconds for stage in self._run.log.stages.values())
        unfit = _unfit_statements(self._run.transaction.connection, self._statements) if self._run.transaction else ()
        return RehearsalResult(skipped=skipped, seconds=seconds, unfit_statements=frozenset(unfit))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the findings so far that a person has to judge, each for one subject."""
        noted = self._run.log.noted
        return tuple(each for each in noted if each.level == "attention" and each.id not in _STATED_OTHERWISE)

    def _failures(self, stage: Stage) -> tuple[str, ...]:
        """Return a line for everything in a stage that does not hold."""
        results = [self._run.check(criterion) for criterion in self._run.log.demanded(stage)]
        return tuple(line for result in results for line in result.text.splitlines())

    def _orphaned_tables(self) -> frozenset[str]:
        if self._run.transaction is None:
            return frozenset()
        return frozenset(folded(child) for child, _ in count_orphans(self._run.transaction.connection))


def _computed_anew(findings: Iterable[Finding]) -> Iterator[Problem]:
    """Yield a problem for each table in which SQLite would compute other values from new keys."""
    for finding in findings:
        if finding.id == "computed-anew":
            yield Problem(finding.id, finding.subject, finding.text, "", criterion="values-fit")


def _unfit_statements(con: sqlite3.Connection, statements: Sequence[str]) -> Iterator[str]:
    """Yield each statement that SQLite cannot prepare on the target alone.

    A program that attaches another database, or has functions of its own, prepares more.
    """
    creates = con.execute("SELECT sql FROM main.sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    with closing(sqlite3.connect(":memory:")) as alone:
        for (create,) in creates if statements else ():
            with suppress(sqlite3.Error):  # a table of SQLite itself, or one that a search index has created
                alone.execute(create)
        for statement in statements:
            try:
                alone.execute(f"EXPLAIN {statement}")
            except sqlite3.Error:
                yield statement
