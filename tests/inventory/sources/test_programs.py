"""Specify which files with equal tables may be of two programs, which is a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.sources.programs import ask_about_programs, reason_of_programs, shared_table
from tests.support.scanned_trees import write
from tests.support.workspaces.inventory_folder import proposal_in
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO item VALUES ({0}, 'x');"
TABLES = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1);"


def reason(root: Path, first: str, second: str, code: dict[str, str], further: tuple[str, ...] = ("", "")) -> str:
    """Return why two files of a workspace may be of two programs."""
    for file, text in code.items():
        write(root, file, text)
    for number, (file, sql) in enumerate(zip((first, second), further, strict=True), 1):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        execute(root / file, ITEMS.format(number) + sql)
    entries = {entry.file: entry for entry in take_inventory(root, lambda _words: None).entries}
    return reason_of_programs(entries[first], entries[second])


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("kitchen/pantry.db", "library/lib.db", {}),
        ("blog/data.db", "shop/data.db", {"blog/a.py": 'DB = "blog/data.db"', "shop/b.py": 'DB = "shop/data.db"'}),
    ],
)
def test_files_of_two_programs_are_told_apart(tmp_path: Path, first: str, second: str, code: dict[str, str]) -> None:
    """Their folders and names differ, or code of different folders names them."""
    assert reason(tmp_path, first, second, code)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("tenants/acme/app.db", "tenants/bolt/app.db", {}),
        ("berlin/berlin.db", "paris/paris.db", {}),
        ("a/log-2024.db", "b/log-2025.db", {}),
        ("phones/ann.db", "phones/bob.db", {}),
        ("main.db", "data/users.db", {}),
        ("kitchen/pantry.db", "library/lib.db", {"house.py": 'A, B = "pantry.db", "lib.db"'}),
        ("data/one.db", "data/two.db", {"app/a.py": 'DB = "one.db"', "app/web/b.py": 'DB = "two.db"'}),
    ],
)
def test_files_of_one_kind_need_no_decision(tmp_path: Path, first: str, second: str, code: dict[str, str]) -> None:
    """These are tenants, years and shards, or one program names both."""
    assert reason(tmp_path, first, second, code) == ""


def test_further_tables_of_both_files_are_a_sign(tmp_path: Path) -> None:
    """Only one file of a program would have them, or both the same."""
    further = (TABLES.format("recipe"), TABLES.format("loan"))

    assert reason(tmp_path, "pantry.db", "lib.db", {}, further)


def test_united_programs_are_one_decision(tmp_path: Path) -> None:
    """The plan unites the tables, because they are declared alike."""
    for file, number in (("kitchen/pantry.db", 1), ("library/lib.db", 2)):
        (tmp_path / file).parent.mkdir()
        execute(tmp_path / file, ITEMS.format(number))
    refined = proposal_in(tmp_path)

    asked = ask_about_programs(take_inventory(tmp_path, lambda _words: None), refined)

    [source] = asked.proposal.sources
    assert [each.into for each in source.maps] == ["item"]
    assert asked.proposal.decisions == refined.proposal.decisions + 1


@pytest.mark.parametrize(
    ("columns", "others", "expected"),
    [
        (["a", "B"], ["A", "b"], (2, 0, 0)),
        (["a"], ["a", "b", "c"], (1, 2, 0)),
        (["a", "d"], ["a", "b"], (1, 1, 1)),
    ],
)
def test_columns_of_both_files_are_counted(
    tmp_path: Path, columns: list[str], others: list[str], expected: tuple[int, int, int]
) -> None:
    """A table with the name of another one may have fewer columns or further ones."""
    for file, names in (("one.db", columns), ("two.db", others)):
        execute(tmp_path / file, f"CREATE TABLE t({', '.join(names)}); INSERT INTO t DEFAULT VALUES")
    first, second = (entry.database for entry in take_inventory(tmp_path, lambda _words: None).entries)

    shared = shared_table("t", [first], second)

    assert (shared.common, shared.missing, shared.further) == expected


def test_pattern_of_another_program_is_a_decision(tmp_path: Path) -> None:
    """The files of the pattern are of one kind."""
    (tmp_path / "phones").mkdir()
    (tmp_path / "library").mkdir()
    execute(tmp_path / "main.db", TABLES.format("a") + TABLES.format("b"))
    for number, file in enumerate(("phones/a.db", "phones/b.db", "phones/c.db", "zoo.db")):
        execute(tmp_path / file, ITEMS.format(number))
    (tmp_path / "zoo.db").rename(tmp_path / "library" / "zoo.db")
    refined = proposal_in(tmp_path)

    asked = ask_about_programs(take_inventory(tmp_path, lambda _words: None), refined)

    numbers = {source.file: len(source.questions) for source in asked.proposal.sources}
    assert sum(numbers.values()) == sum(len(source.questions) for source in refined.proposal.sources) + 1
