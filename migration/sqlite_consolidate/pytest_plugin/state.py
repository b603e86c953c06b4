"""Give access to the run of this pytest process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import Stage, stage_named

if TYPE_CHECKING:
    from sqlite_consolidate.session import Session

SESSION: pytest.StashKey[Session] = pytest.StashKey()

PROGRAM: pytest.StashKey[tuple[str, ...]] = pytest.StashKey()
"""Words of the command that called pytest, if it was not started by its own."""


ONLY_CHECKS: pytest.StashKey[bool] = pytest.StashKey()
"""Whether a verify is refused where it would be a rehearsal."""


def stage_of(item: pytest.Item) -> Stage | None:
    """Return the stage to which a test belongs, or None."""
    mark = item.get_closest_marker("stage")
    return stage_named(str(mark.args[0])) if mark and mark.args else None
