"""Test that an inventory tells whether the rows of a pattern name their file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.session import InventorySession
from tests.support.thorough import sampled, thorough
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAIN = "CREATE TABLE m(a); INSERT INTO m VALUES (1), (2), (3); CREATE TABLE m2(a); INSERT INTO m2 VALUES (1);"
MAIN += "CREATE TABLE m3(a); INSERT INTO m3 VALUES (1)"
EVENTS = "CREATE TABLE event(id INTEGER PRIMARY KEY, {0}); INSERT INTO event VALUES ({1}1, {2}), ({1}2, {3});"
LINES = "CREATE TABLE line(id INTEGER PRIMARY KEY, event INTEGER REFERENCES event(id));"
LINES += "INSERT INTO line VALUES ({0}1, {0}1), ({0}2, {0}1)"


def findings(root: Path, *databases: str, names: Sequence[str] = ()) -> tuple[list[tuple[str, str]], int, str]:
    """Return the findings of an inventory, the number of decisions, and the plan."""
    for number, sql in enumerate((MAIN, *databases)):
        stem = names[number - 1] if names and number else f"x{number}"
        execute(root / (f"{stem}.db" if number else "main.db"), sql)
    session = InventorySession(root, root / "plan.toml", lambda _words: None)
    session.inspect_workspace()
    written = session.write_plan()
    assert written is not None
    return [(each.id, each.subject) for each in session.findings], session.decisions, written.read_text("utf-8")


@pytest.mark.parametrize(
    ("columns", "first", "last"),
    [("line TEXT", "'a'", "'b{0}'"), ("at TEXT", "'2025-01-01'", "'2025-0{0}-02'")],
)
def test_rows_without_their_file_are_a_finding(tmp_path: Path, columns: str, first: str, last: str) -> None:
    """They are distinct, so the plan has no decision.

    A time does not help if the files have it in common.
    """
    databases = [EVENTS.format(columns, number, first, last.format(number)) for number in (1, 2, 3)]

    noted, decisions, text = findings(tmp_path, *databases)

    assert (noted, decisions) == ([("file-unnamed", "x*.db")], 0)
    assert "# constants = " in text


@pytest.mark.parametrize(
    ("columns", "first", "last"),
    sampled(
        [
            ("at TEXT", "'2025-0{0}-01'", "'2025-0{0}-02'"),
            ("shop TEXT", "'shop {0}'", "'shop {0}'"),
            ("created DATETIME", "{0}001", "{0}002"),
            ("ts TEXT", "'2025-0{0}-01 10:00:00'", "'2025-0{0}-02 10:00:00'"),
            ("created_ts INTEGER", "{0}001", "{0}002"),
        ],
        *(0, 2),
    ),
)
def test_rows_that_name_their_file_need_no_column(tmp_path: Path, columns: str, first: str, last: str) -> None:
    """A month or a shop does, and children have the file of their parents."""
    databases = [
        EVENTS.format(columns, number, first.format(number), last.format(number)) + LINES.format(number)
        for number in (1, 2, 3)
    ]

    noted, decisions, text = findings(tmp_path, *databases)

    assert (noted, decisions) == ([], 0)
    assert "constants" not in text


SHELF = "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, kind TEXT);"
SHELF += "INSERT INTO item VALUES ({0}1, 'a {0}', '{1}'), ({0}2, 'b {0}', '{2}');"


def test_shared_table_without_its_file_is_a_finding(tmp_path: Path) -> None:
    """The rows of the target and of two sources are in one table, which has one finding."""
    others = [SHELF.format(number, "x", "y") + f"CREATE TABLE own{number}(a{number})" for number in (1, 2)]
    execute(tmp_path / "main.db", SHELF.format(9, "x", "y"))

    noted, decisions, text = findings(tmp_path, *others)

    assert (noted, decisions) == ([("file-unnamed", "main.db:item")], 0)
    assert text.count('# constants = { file = "{name}" }') == 2


@pytest.mark.parametrize(
    ("number", "kinds"),
    [
        pytest.param(1, ("food", "food"), id="a column names the file"),
        pytest.param(9, ("book", "book"), id="the rows are the same"),
    ],
)
def test_shared_table_that_tells_needs_no_column(tmp_path: Path, number: int, kinds: tuple[str, str]) -> None:
    """A column has one value in each file, or the rows belong to both files."""
    execute(tmp_path / "main.db", SHELF.format(9, "book", "book"))

    noted, _, text = findings(tmp_path, SHELF.format(number, *kinds))

    assert noted == []
    assert "constants" not in text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("hplc", "massspec"), (0, 1)),
        (("hplc", "massspec", "gc"), (0, 1)),
        *thorough((("may", "june"), (1, 0)), (("runs-7", "runs-8"), (1, 0))),
    ],
)
def test_rows_of_devices_without_their_file_are_a_decision(
    tmp_path: Path, names: tuple[str, ...], expected: tuple[int, int]
) -> None:
    """One decision is about all files, whether a pattern has them or each is a source.

    Numbers and times say which rows of one thing are meant.
    """
    noted, decisions, _ = findings(
        tmp_path, *(SHELF.format(number, "x", "y") for number in range(1, len(names) + 1)), names=names
    )

    assert (len(noted), decisions) == expected


def test_rows_of_one_source_are_no_decision(tmp_path: Path) -> None:
    """They come to the rows that the target has already, whatever the file is called."""
    execute(tmp_path / "main.db", SHELF.format(2, "x", "y"))

    noted, decisions, _ = findings(tmp_path, SHELF.format(1, "x", "y"), names=("hplc",))

    assert (noted, decisions) == ([("file-unnamed", "main.db:item")], 0)
