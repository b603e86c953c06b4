"""Provide an empty database."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_memory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@pytest.fixture
def con() -> Iterator[sqlite3.Connection]:
    """Lend an empty database."""
    with closing(open_memory()) as con:
        yield con
