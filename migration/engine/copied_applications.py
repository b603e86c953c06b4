"""Run the applications of a plan in a private copy of target and code."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from migration.engine.applications import Applications
from migration.engine.logs import LogMarks
from migration.engine.rehearse import copy_workspace, require_complete

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from migration.engine.request import RunRequest


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
    require_complete(copy_workspace(plan, live, scratch, also=(request.settings.plan,)))
    return Applications(
        plan, scratch, live, held=frozenset(), marks=LogMarks(()), say=say, plan_file=request.settings.plan
    )
