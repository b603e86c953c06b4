"""A bench for small databases."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.engine.databases import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Lend a folder of databases; what they hold open is given back afterwards."""
    with ExitStack() as resources:
        yield Bench(tmp_path, resources)
