"""Test which databases of an inventory the terminal lists, and which it counts."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.report.html.inventory import terminal_lines

HEADER, LAST = 1, 1  # lines before the databases, and after them


def database(file: str, part: str, **facts: Any) -> dict[str, Any]:
    """Return a database with 1 row as it is in the evidence."""
    return {
        "file": file,
        "kind": "database",
        "role": "live",
        "part": part,
        "why": "",
        "size": 4096,
        "changed": "",
        "features": [],
        "tables": {"t": "1"},
        "mentions": [],
        "open_in": [],
        **facts,
    }


def lines_of(databases: list[dict[str, Any]], duplicates: list[list[str]] | None = None) -> list[str]:
    """Return the lines about the databases of an inventory."""
    inventory = {"databases": databases, "overlaps": [], "duplicates": duplicates or [], "passed_over": [], "plan": ""}
    return list(terminal_lines(inventory))[HEADER:-LAST]


@pytest.mark.parametrize(
    ("part", "facts"), [("source", {"pattern": "x/*.db"}), ("", {"role": "backup", "why": "its path has a word"})]
)
def test_terminal_counts_files_of_one_kind_beyond_three(part: str, facts: dict[str, str]) -> None:
    """The reason why they are no sources is stated once."""
    kind = [database(f"x/{number:03}.db", part, **facts) for number in range(500)]

    lines = lines_of([database("main.db", "target"), *kind])

    assert [line.split()[0] for line in lines[:4]] == ["main.db", "x/000.db", "x/001.db", "x/002.db"]
    assert "497 more" in lines[4]
    assert lines[5:] == ([] if part else ["    its path has a word"])


def test_terminal_lists_a_file_that_is_open_beyond_three() -> None:
    """The operator has to end that process."""
    kind = [database(f"x/{number}.db", "source", pattern="x/*.db") for number in range(9)]
    kind[7]["open_in"] = [{"pid": 77, "command": "app"}]

    lines = lines_of(kind)

    assert [line.split()[0] for line in lines[:4]] == ["x/0.db", "x/1.db", "x/2.db", "x/7.db"]
    assert "77" in lines[4]
    assert "5 more" in lines[5]


@pytest.mark.parametrize("united", [True, False])
def test_terminal_tells_which_tables_the_plan_unites(united: bool) -> None:
    """The files declare them differently."""
    overlap = {"table": "users", "same": False, "united": united, "filled": 2, "rows": {"a.db": "1", "b.db": "1"}}
    inventory = {"databases": [], "overlaps": [overlap], "duplicates": [], "passed_over": [], "plan": ""}

    [line, _] = terminal_lines(inventory)
    assert ("by the plan" in line, "users" in line, "2 files" in line) == (united, True, True)


def test_terminal_counts_groups_beyond_forty() -> None:
    """Sources without a pattern are a group each."""
    lines = lines_of([database(f"{number}.db", "source") for number in range(45)])

    assert len(lines) == 41
    assert "5 more" in lines[-1]


def test_terminal_counts_equal_files_beyond_ten_groups() -> None:
    """A folder of five hundred files and their copies has five hundred groups."""
    lines = lines_of([database("a.db", "source")], [[f"{number}.db", f"{number}c.db"] for number in range(15)])

    assert len(lines) == 12
    assert "5 more" in lines[-1]
