"""Test how sources are named after their files, and which database becomes the target."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.sqlite.schema.objects import Table
from sqlite_consolidate.inventory.inspection import CountedTable, Database
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


def database_with(file: str, rows: int, tables: int) -> Database:
    """Return a database with tables of which the first has most rows."""
    counts = [rows, *[1] * (tables - 1)]
    names = [Table(f"t{number}", "table", "", False, False, (), (), "", "", "") for number in range(tables)]  # noqa: FBT003
    counted = [CountedTable(table, count, False, frozenset()) for table, count in zip(names, counts, strict=True)]  # noqa: FBT003
    return Database(file, "database", 1, "", tables=tuple(counted))


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


def test_reason_names_a_database_that_has_it_as_well() -> None:
    """What the target has beside it makes the difference."""
    files = {"data/a.db": 5, "data/b.db": 7, "data/c.db": 1}
    databases = [database_with(file, rows, 1 if rows == 1 else 2) for file, rows in files.items()]
    mentions = dict.fromkeys(files, 0)

    target, reason = choose_target(databases, mentions, "office")
    by_mentions, further_reason = choose_target(databases, {**mentions, "data/a.db": 1, "data/c.db": 1}, "office")

    assert (target.file, "data/a.db" in reason, "8" in reason) == ("data/b.db", True, True)
    assert (by_mentions.file, "data/b.db" in further_reason or "data/c.db" in further_reason) == ("data/a.db", True)
