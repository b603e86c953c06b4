"""Know the run of this pytest process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from migration.session import Session

SESSION: pytest.StashKey[Session] = pytest.StashKey()
