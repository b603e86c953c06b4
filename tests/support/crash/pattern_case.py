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
    for path in workspace.root.iterdir():  # the folder itself may be a disk
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    create_phones(workspace.root, FILES)
