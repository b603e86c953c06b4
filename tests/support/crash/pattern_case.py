"""Create the workspace of a run over many files that crashes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.support.workspaces.pattern_plans import create_phones

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace

FILES = 50


def fill_with_phones(workspace: Workspace) -> None:
    """Replace a workspace by one of 50 files whose keys are renumbered."""
    shutil.rmtree(workspace.root)
    create_phones(workspace.root, FILES)
