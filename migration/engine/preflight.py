"""Examine everything that a plan names before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine import logs
from migration.engine.hot_journal import settle
from migration.engine.in_use import in_use
from migration.engine.rehearse import copy_workspace
from migration.engine.results import Preflight
from migration.engine.rewriting import plan_rewrites
from migration.engine.survey import survey
from migration.engine.version_control import noted

if TYPE_CHECKING:
    from contextlib import ExitStack

    from migration.engine.files import FileProblem
    from migration.engine.results import RunResults


def examine(run: RunResults, guards: ExitStack) -> Preflight:
    """Read databases, code, logs and processes; what cannot be read is a problem, and all else is examined.

    Args:
        run: The run; in a rehearsal the workspace is copied to its private folder first.
        guards: Gets the guard of each database that was read; it keeps writers out from now on.
    """
    plan = run.plan
    unread: list[FileProblem] = []
    if run.is_rehearsal:
        run.say("copying what the plan names")
        unread += copy_workspace(plan, run.live, run.root, also=(run.plan_file,))
    others = in_use(plan, run.live, rehearsal=run.is_rehearsal)
    marks = logs.mark(run.root, plan.logs.files, never_open=run.databases())
    known = {problem.file for problem in unread}
    rewrites, unfit = plan_rewrites(run.root, plan.references, plan.inserts, skip=known)
    keep = None if run.is_rehearsal else run.folder.with_name(f"{run.folder.name}.hot-journals")
    is_fine = not (others.problems or marks.problems or unfit)
    journals = settle(plan, run.root, keep, otherwise_fine=is_fine, limits=run.limits)
    run.say("reading everything")
    unread += journals.unread
    found = journals.found or survey(plan, run.root, guards, run.limits, unread=unread, live=run.live)
    found.problems = [*others.named_once([*found.problems, *journals.problems]), *marks.problems, *unfit]
    found.findings[:0] = journals.findings
    found.findings += others.findings_beside(found.problems)
    found.findings += noted(run.live, [rewrite.file for rewrite in rewrites])
    return Preflight(found, rewrites, marks, others.unseen)
