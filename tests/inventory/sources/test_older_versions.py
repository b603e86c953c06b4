"""Test that a table without a later column is one with the table that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_in, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

FIRST = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT{0}); INSERT INTO users(id, name) VALUES ({1}, '{2}');"
OTHER = "CREATE TABLE other(a); INSERT INTO other VALUES (1);"


@pytest.mark.parametrize(
    ("column", "expected"),
    sampled(
        [
            (", phone TEXT", "users"),
            (", phone TEXT NOT NULL DEFAULT ''", "users"),
            (", phone TEXT UNIQUE", "old_users"),
            (", phone TEXT, CHECK (id > 0)", "users"),
            (", other INTEGER REFERENCES other(a)", "old_users"),
        ],
        0,
        2,
    ),
)
def test_rows_of_an_older_version_join_the_table(tmp_path: Path, column: str, expected: str) -> None:
    """The later column has a default there, and no key or reference differs."""
    main, old = OTHER + FIRST.format(column, 1, "Ada"), FIRST.format("", 1, "Bob")

    refined = proposal_of(tmp_path, main=main, old=old)

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.maps[0].into) == ("main.db", expected)
    assert (source.keys, refined.proposal.decisions) == (("renumber", 0) if expected == "users" else ("", 1))
    assert refined.objections == ()


def test_rows_with_a_later_column_stay_apart(tmp_path: Path) -> None:
    """The target has no column for its values.

    The decision says what to add, after which the tables are one.
    """
    main, new = OTHER + FIRST.format("", 1, "Ada"), FIRST.format(", phone TEXT", 2, "Bob")

    refined = proposal_of(tmp_path, main=main, new=new)
    execute(tmp_path / "main.db", "ALTER TABLE users ADD COLUMN phone TEXT")
    again = proposal_in(tmp_path)

    [table_map] = refined.proposal.sources[0].maps
    assert (table_map.into, table_map.older) == ("new_users", "main.db")
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    assert "ADD COLUMN" in refined.proposal.sources[0].decide[0]
    assert [each.into for each in again.proposal.sources[0].maps] == ["users"]
    assert (again.objections, again.proposal.decisions) == ((), 0)


def test_reason_to_keep_apart_names_its_subject(tmp_path: Path) -> None:
    """The value of a later column is computed, so that no row can get it later."""
    column = ", made TEXT NOT NULL DEFAULT (datetime('now'))"
    refined = proposal_of(tmp_path, main=OTHER + FIRST.format(column, 1, "Ada"), old=FIRST.format("", 2, "Bob"))

    [source] = refined.proposal.sources
    assert source.maps[0].into == "old_users"
    assert source.maps[0].apart.partition(" ")[0] == "old.db:users:"
    assert source.decide[0].partition(" ")[0] == "old.db:users:"


def test_source_with_all_columns_is_first(tmp_path: Path) -> None:
    """It determines the table, which the target does not have."""
    versions = {"a": ("", 1), "b": (", phone TEXT", 2)}
    files = {name: FIRST.format(column, key, name) for name, (column, key) in versions.items()}
    main = OTHER + "INSERT INTO other VALUES (2), (3); CREATE TABLE more(a); INSERT INTO more VALUES (1)"

    refined = proposal_of(tmp_path, main=main, **files)

    assert refined.proposal.target == "main.db"
    assert [source.file for source in refined.proposal.sources] == ["b.db", "a.db"]
    assert [source.maps[0].into for source in refined.proposal.sources] == ["users"] * 2
    assert (refined.proposal.tables, refined.objections, refined.proposal.decisions) == ((), (), 0)
