"""Specify when a column such as ``parent`` or ``root`` refers to rows of its own table."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

_CHANCE = random.Random(25)  # noqa: S311 -- no secret
_FOLDERS = [None, 1, 1, 1, *(_CHANCE.choice((2, 3, 4, *range(10, row, 10))) for row in range(5, 90))]
_MOVED = [*_FOLDERS[:-3], 40, *_FOLDERS[-2:]]
_MOVED[20] = 60


def told(tmp_path: Path, column: str, values: list[int | None], power: int = 1) -> list[bool]:
    """Return whether it is known to what a column refers, or nothing.

    Args:
        tmp_path: An empty folder.
        column: The column.
        values: Its values, in the order of the rows.
        power: The power of the number of a row that is its key.
    """
    rows = ", ".join(f"({row**power}, {value or 'NULL'})" for row, value in enumerate(values, 1))
    execute(tmp_path / "a.db", f"CREATE TABLE t(id INTEGER PRIMARY KEY, {column} INTEGER); INSERT INTO t VALUES {rows}")
    [candidate] = discover(tmp_path).candidates
    return [each.to is not None for each in inspect_file(tmp_path, candidate).unstated if each.column == column]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("root", [1] * 40),
        ("root", [None, 1] * 20),
        ("parent", [1, *[row % 5 + 1 for row in range(40)]]),
        ("next", [_CHANCE.randint(1, 60) for _ in range(60)]),
        ("original", [*range(1, 61)]),
        ("prev", [*range(60, 0, -1)]),
        ("parent", [None, 1, 1]),
    ],
)
def test_flags_and_small_numbers_are_a_question(tmp_path: Path, column: str, values: list[int | None]) -> None:
    """They are keys by chance, and a flag with a new value is lost."""
    assert told(tmp_path, column, values) == [False]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("parent", _FOLDERS),
        ("parent", _MOVED),
        ("parent", [None, 1, 1, 1, 2, 2, 2, 2, 2, 4, 3, 4, 5, 3, 2, 7, 2, 3, 7, 4, 8, 4, 2, 6, 5, 8]),
        ("prev", [None, *range(1, 40)]),
        ("next", [*range(2, 41), None]),
        ("parent_id", [None, 1]),
        ("from_t", [None, 1]),
    ],
)
def test_values_of_a_tree_or_list_tell_it(tmp_path: Path, column: str, values: list[int | None]) -> None:
    """Nearly all rows lead to earlier ones, or to later ones. So does the name of an id."""
    assert told(tmp_path, column, values) == [True]


def test_large_numbers_are_keys_by_more_than_chance(tmp_path: Path) -> None:
    """An application draws them among many integers."""
    assert told(tmp_path, "root", [None, None, 2**6, 3**6, None], power=6) == [True]
