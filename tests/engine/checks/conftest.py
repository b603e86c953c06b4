"""A consolidation to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.rows.comparisons import consolidation

if TYPE_CHECKING:
    from tests.support.databases import Bench, Copied


@pytest.fixture
def copied(bench: Bench) -> Copied:
    """Lend a consolidation as it is before COMMIT."""
    return consolidation(bench)
