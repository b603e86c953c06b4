"""The folder of all kinds, built once, and its inventory: to be read only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.inventory import Inventory, take_inventory
from tests.support.inventory_folder import folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all kinds."""
    return folder(tmp_path_factory.mktemp("inventory") / "mixed")


@pytest.fixture(scope="session")
def inventory(root: Path) -> Inventory:
    """Its inventory."""
    return take_inventory(root, lambda _words: None)
