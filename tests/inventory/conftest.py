"""Build the folder with databases of every kind once and take its inventory.

Tests only read both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.inventory import Inventory, take_inventory
from tests.support.workspaces.inventory_folder import folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the folder with databases of every kind."""
    return folder(tmp_path_factory.mktemp("inventory") / "mixed")


@pytest.fixture(scope="session")
def inventory(root: Path) -> Inventory:
    """Take the inventory of the folder."""
    return take_inventory(root, lambda _words: None)
