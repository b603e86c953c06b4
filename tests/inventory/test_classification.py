"""Test which databases are duplicates, and which tables several of them have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.inventory.classification import find_duplicates
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.inventory import Inventory

_ROWS = "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'x'), (2, 'y');"


def test_equal_rows_make_a_copy_when_bytes_differ(tmp_path: Path) -> None:
    """A vacuumed copy in WAL mode with another page size is a copy.

    One more row makes it none.
    """
    execute(tmp_path / "shop.db", _ROWS)
    execute(tmp_path / "twin.db", f"PRAGMA page_size=8192; {_ROWS} PRAGMA journal_mode=WAL; VACUUM;")
    execute(tmp_path / "other.db", _ROWS.replace("'y'", "'z'"))
    execute(tmp_path / "longer.db", f"{_ROWS} INSERT INTO t VALUES (3, 'z');")

    groups = find_duplicates(
        tmp_path, [inspect_file(tmp_path, candidate) for candidate in discover(tmp_path).candidates]
    )

    assert groups == [["shop.db", "twin.db"]]


def test_duplicate_in_a_backup_folder_is_the_copy(inventory: Inventory) -> None:
    """A backup folder, a template or a longer path marks the copy."""
    assert inventory.duplicates == (("north.db", "north_again.db"), ("shop.db", "backups/shop-2024.db"))


def test_overlaps_leave_out_backups_copies_and_templates(inventory: Inventory) -> None:
    """Backups, copies and templates do not count.

    The overlap records whether the tables are declared alike.
    """
    rows = {overlap.table: (overlap.same, overlap.rows) for overlap in inventory.overlaps}

    assert rows == {
        "sales": (True, {"north.db": "2", "south.db": "1", "west.db": "2"}),
        "users": (False, {"shop.db": "2", "crm/crm.sqlite3": "2"}),
    }
