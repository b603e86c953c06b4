"""Test how sources are named after their files, and which database becomes the target."""

from __future__ import annotations

import pytest

from sqlite_consolidate.inventory.inspection import Database
from sqlite_consolidate.inventory.selection.source_names import name_sources
from sqlite_consolidate.inventory.selection.target import choose_target

NAMES = {
    "events-2025-07.db": "events_2025_07",
    "shop.db.old": "shop",
    "notes (conflicted copy).db": "notes_conflicted_copy",
    "office/db.sqlite3": "office",
    "legacy/data/main.db": "legacy",
    "logs/2025.db": "logs_2025",
    "2024.db": "source_2024",
    "Büro.db": "Buro",
    "日記.db": "source",
    "db.sqlite3": "db",
}


@pytest.mark.parametrize(("file", "name"), NAMES.items())
def test_name_of_a_source_needs_no_quotes(file: str, name: str) -> None:
    """The folder gives the name where the stem of the file says nothing."""
    assert name_sources([file]) == [name]


def test_names_of_sources_are_unique() -> None:
    """SQLite compares names without regard to case."""
    files = ["a/shop.db", "b/Shop.db", "shop.db", "SHOP.sqlite"]

    assert name_sources(files) == ["shop", "b_Shop", "shop_2", "SHOP_3"]
    assert name_sources(["log.db", "log.db"]) == ["log", "log_2"]
    assert name_sources(["a/log.db"], ["LOG"]) == ["a_log"]


def test_target_is_chosen_by_code_schema_and_path() -> None:
    """The word "master" is no point, and the reason is the one that fewest databases share."""
    databases = [Database(file, "database", 1, "") for file in ("data/shop.db", "master.db", "files_master.db")]

    target, reason = choose_target(databases, {"data/shop.db": 3, "master.db": 1, "files_master.db": 0}, "office")
    by_path, path_reason = choose_target(databases, dict.fromkeys((each.file for each in databases), 0), "office")

    assert (target.file, "3" in reason) == ("data/shop.db", True)
    assert (by_path.file, "root" in path_reason) == ("files_master.db", True)


def test_name_counts_first_where_points_are_equal() -> None:
    """A person chose the name, and the number of mentions is what happened to be written."""
    databases = [Database(file, "database", 1, "") for file in ("data/shop.db", "data/workspace.db")]

    target, reason = choose_target(databases, {"data/shop.db": 3, "data/workspace.db": 1}, "office")

    assert (target.file, "workspace.db" in reason) == ("data/workspace.db", True)
