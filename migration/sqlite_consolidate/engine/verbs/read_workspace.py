"""Read a workspace before the first change, and collect every problem."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps import log_watch as logs
from sqlite_consolidate.engine.apps.runner import absent_programs
from sqlite_consolidate.engine.backup.archive import archived_name
from sqlite_consolidate.engine.backup.workspace_copy import check_room, copy_workspace, list_workspace
from sqlite_consolidate.engine.checks.disk_space import unwritable_findings
from sqlite_consolidate.engine.checks.hot_journal import roll_back_hot_journals
from sqlite_consolidate.engine.checks.left_objects import find_unnamed_copies
from sqlite_consolidate.engine.checks.merged_files.files_told_apart import files_told_apart
from sqlite_consolidate.engine.checks.merged_files.merged_tables import find_merged_tables
from sqlite_consolidate.engine.checks.open_files import find_open_databases
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.joined_columns import columns_compared_by_code
from sqlite_consolidate.engine.checks.renumbering.kept_numbers import kept_number_findings
from sqlite_consolidate.engine.checks.renumbering.key_texts import changed_offsets
from sqlite_consolidate.engine.code.git import archive_findings, uncommitted_findings
from sqlite_consolidate.engine.code.remaining import (
    remaining_mentions,
    unreferenced_findings,
    uses_of_each,
    uses_of_target,
)
from sqlite_consolidate.engine.code.rewrite import plan_rewrites_in_part
from sqlite_consolidate.engine.code.scanning.scan import attention_findings
from sqlite_consolidate.engine.code.suggestions.shared_names import (
    find_shared_names,
    shared_name_findings,
    with_shared_names,
)
from sqlite_consolidate.engine.code.tables.joined_keys import read_code_joins
from sqlite_consolidate.engine.code.tables.opened_databases import OpenedDatabases, databases_by_code
from sqlite_consolidate.engine.code.tables.renamed_tables import old_table_findings
from sqlite_consolidate.engine.run.results import Preflight, RunResults
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import by_entry
from sqlite_consolidate.plan.positions import decision_lines
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.text import counted, join_first_names, list_names, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from sqlite_consolidate.engine.backup.copied_files import CopiedFiles
    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scan import ScanResult
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.run.results import Rehearsal
    from sqlite_consolidate.engine.sqlite.files import FileProblem
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.problem import Problem

_MOST_LINES = 10  # of a plan, in one sentence


def copy_for_rehearsal(run: RunResults, files: CopiedFiles) -> tuple[FileProblem, ...]:
    """Copy the workspace to the private folder of a rehearsal, and return the problems.

    Raises:
        ProblemError: There is no room for the copy, and for another one if a smoke test may write.
    """
    if problems := check_room(files, run.root, copies=1 + run.plan.has_writing_test):
        raise ProblemError(*problems)
    run.on_progress(f"copying the workspace ({files})")
    copy = copy_workspace(run.plan, run.live, run.root, files=files)
    run.log.note(*copy.findings())
    return copy.problems


def run_preflight(run: RunResults, write_locks: ExitStack) -> Preflight:
    """Read databases, code, logs and processes, and collect every problem.

    A file that cannot be read is a problem, and all others are still examined.

    Args:
        run: The run. A rehearsal first copies the workspace to its private folder.
        write_locks: Receives the write lock of each database that was read. The write lock excludes writers from then
            on.
    """
    plan, files = run.plan, None
    unread: list[FileProblem] = []
    if run.is_rehearsal or plan.has_writing_test:
        reports = run.request.settings.reports
        files = list_workspace(plan, run.live, extra_files=(run.plan_file,), reports=reports)
    if run.is_rehearsal and files is not None:
        unread += copy_for_rehearsal(run, files)
    setup_problems = _load_setup(run)
    others = find_open_databases(plan, run.live, rehearsal=run.is_rehearsal)
    marks = logs.record_log_positions(run.root, plan.logs.files, never_open=run.databases())
    known = {problem.file for problem in unread}
    rewrites, unfit, in_part = plan_rewrites_in_part(run.root, plan.references, plan.inserts, skip=known)
    keep = None if run.is_rehearsal else run.folder.with_name(f"{run.folder.name}.hot-journals")
    is_fine = not (others.problems or marks.problems or unfit)
    journals = roll_back_hot_journals(plan, run.root, keep, otherwise_fine=is_fine, limits=run.limits)
    run.on_progress("reading databases, code and logs")
    unread += journals.unread
    inspected = journals.inspected
    if inspected is None:
        inspected = inspect_databases(plan, run.root, write_locks, run.limits, unread=unread, live=run.live)
    if files is not None and not run.is_rehearsal:
        inspected.problems += check_room(files, Path(tempfile.gettempdir()))
    inspected.problems = [*others.merge_problems([*inspected.problems, *journals.problems]), *marks.problems, *unfit]
    inspected.problems += [*setup_problems, *absent_programs(plan.smoke, run.root, run.live)]
    inspected.findings[:0] = journals.findings
    inspected.findings += others.other_findings(inspected.problems)
    inspected.findings += _workspace_findings(run, inspected, rewrites)
    scope, planned = run.scan_scope(), [*rewrites, *in_part]
    mentions = remaining_mentions(scope, planned)
    inspected.findings += _code_findings(run, inspected, scope, planned, mentions)
    left_out = files.left_out if files and run.is_rehearsal else {}
    return Preflight(inspected, rewrites, marks, others.unexamined, mentions, str(files or ""), left_out)


def _code_findings(
    run: RunResults,
    inspected: InspectedDatabases,
    scope: ScanScope,
    planned: Sequence[Rewrite],
    mentions: ScanResult,
) -> Iterator[Finding]:
    """Yield the findings about what code reads.

    Args:
        run: The run.
        inspected: All databases.
        scope: The files that are scanned.
        planned: The rewrites of the plan.
        mentions: The old names that remain in code.
    """
    yield from attention_findings(mentions)
    stated, shared = uses_of_each(scope, mentions, planned), find_shared_names(scope)
    uses = with_shared_names(stated, shared)
    yield from unreferenced_findings(scope, mentions, planned, uses)
    yield from shared_name_findings(run.root, run.plan.target, find_shared_names(scope, planned))
    is_shifted = any(mapping.shifted for mapping in inspected.mappings)
    renamed, merged = _renamed(inspected), find_merged_tables(inspected)
    if not (is_shifted or merged or any(renamed.values())):
        return
    if is_shifted or any(renamed.values()) or any(run.plan.target in table.files for table in merged):
        beside = [each for each in shared if each.is_beside]  # any other one can mean the target as well
        uses |= uses_of_target(scope, with_shared_names(stated, beside))
    if is_shifted:
        yield from _column_findings(inspected, read_code_joins(scope, _opened_databases(scope, inspected, uses)))
    yield from old_table_findings(scope, uses, planned, renamed)
    yield from files_told_apart(inspected, merged, uses)


def _opened_databases(
    scope: ScanScope, inspected: InspectedDatabases, uses: Mapping[str, Sequence[Mention]]
) -> OpenedDatabases:
    """Return the databases of the plan that code opens.

    Args:
        scope: The files that are scanned.
        inspected: All databases.
        uses: Each database with the places that name it.
    """
    databases = [*inspected.sources.values(), *([inspected.target] if inspected.target else ())]
    schemas = {database.file: database.schema for database in databases}
    return OpenedDatabases(scope, databases_by_code(uses.items()), schemas.get)


def _column_findings(inspected: InspectedDatabases, joins: CodeJoins) -> list[Finding]:
    """Return the findings about columns that code compares with keys, and about numbers."""
    followed = FollowedKeys.of(inspected)
    compared = columns_compared_by_code(inspected, joins, followed)
    reported = {(each.subject, each.column) for each in (*inspected.findings, *compared) if each.id == "id-unfollowed"}
    return [*compared, *kept_number_findings(inspected, followed, reported)]


def _renamed(inspected: InspectedDatabases) -> dict[str, dict[str, str]]:
    """Return each source to its tables and views that have other names in the target."""
    views = inspected.target_schema.renamed_views
    return {
        source.file: {
            **{folded(table.name): table.into for table in source.tables if folded(table.name) != folded(table.into)},
            **views.get(source.name, {}),
        }
        for source in inspected.plan.sources
    }


def _workspace_findings(
    run: RunResults, inspected: InspectedDatabases, rewrites: Iterable[Rewrite]
) -> Iterator[Finding]:
    """Yield the findings about git, archives, permissions, the plan and its rehearsal."""
    yield from uncommitted_findings(run.live, [rewrite.file for rewrite in rewrites])
    archives = {facts.file: archived_name(facts.file, run.stamp) for facts in inspected.sources.values()}
    yield from archive_findings(run.live, archives)
    passed = run.rehearsal.passed
    if passed and not run.is_rehearsal:
        yield from changed_offsets(inspected.mappings, passed.run, passed.offsets)
        yield from changed_files(run.plan, passed)
    yield from find_unnamed_copies(run.plan, run.live)
    if run.is_rehearsal:
        yield from unwritable_findings(run.plan, run.live)
    yield from _open_decisions(run)


def changed_files(plan: Plan, rehearsal: Rehearsal) -> Iterator[Finding]:
    """Yield a finding for each pattern that matches other files than in the last rehearsal.

    Args:
        plan: The plan with a source for each file.
        rehearsal: A rehearsal of the same plan.
    """
    for entry, sources in by_entry(plan.sources):
        now = {printable(source.file) for source in sources if source.is_of_pattern}
        then = {file for name, file in rehearsal.sources.items() if name == f"{printable(entry.name)}:{file}"}
        for id, files, verb in (("file-appeared", now - then, "appeared"), ("file-vanished", then - now, "vanished")):
            if files:
                has = "has" if len(files) == 1 else "have"
                since = f"{has} {verb} since the rehearsal {rehearsal.run}"
                text = f"{counted(len(files), 'file')} {since}: {list_names(sorted(files))}."
                yield Finding.of(id, entry.file, text, count=len(files))


def _open_decisions(run: RunResults) -> Iterator[Finding]:
    """Yield a finding if the plan still has marks of an inventory."""
    if lines := decision_lines(run.request.plan_text.decode("utf-8", "replace")):
        count = len(lines)
        places = "1 place is" if count == 1 else f"{count} places are"
        where = f"line{'' if count == 1 else 's'} {join_first_names([str(line) for line in lines], _MOST_LINES)}"
        text = f"{places} still marked as a decision ({where}). The run takes the plan as it stands."
        yield Finding.of("decision-open", run.request.settings.plan.name, text, count=count)


def _load_setup(run: RunResults) -> list[Problem]:
    """Load the function that prepares each connection, and return why that failed."""
    try:
        run.load_setup(run.plan, run.root)
    except ProblemError as error:
        return list(error.problems)
    return []
