"""Specify which numbers of a reference are counted as ones that are no key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.sources.families import find_families
from tests.support.workspaces.inventory_folder import proposal_in, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = (
    "CREATE TABLE owner(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE pet(id INTEGER PRIMARY KEY, owner_id INT);"
)
SCHEMA += "CREATE TABLE note(id INTEGER PRIMARY KEY, item_type TEXT, item_id INT);"
OWNERS = "INSERT INTO owner VALUES (1, '{0} a'), (2, '{0} b');"


def sentinels(tmp_path: Path, sql: str) -> dict[tuple[str, str], tuple[tuple[int, int], ...]]:
    """Return the numbers that are no key, with their rows, for each column and condition."""
    execute(tmp_path / "a.db", SCHEMA + OWNERS + sql)
    [candidate] = discover(tmp_path).candidates
    return {(each.column, each.when): each.sentinels for each in inspect_file(tmp_path, candidate).unstated}


def test_numbers_that_are_no_key_are_counted(tmp_path: Path) -> None:
    """A key of 0 or below is none of them."""
    rows = "INSERT INTO owner VALUES (-2, 'c'); INSERT INTO pet(owner_id) VALUES (1), (0), (0), (-1), (-2), (NULL);"

    assert sentinels(tmp_path, rows)["owner_id", ""] == ((0, 2), (-1, 1))


def test_numbers_count_only_where_the_condition_holds(tmp_path: Path) -> None:
    """Another table's rows have their own numbers."""
    rows = "INSERT INTO pet(owner_id) VALUES (2), (1);"
    rows += "INSERT INTO note(item_type, item_id) VALUES ('pet', 1), ('pet', 0), ('owner', 2), ('owner', -1);"

    assert sentinels(tmp_path, rows) == {
        ("owner_id", ""): (),
        ("item_id", "item_type = 'pet'"): ((0, 1),),
        ("item_id", "item_type = 'owner'"): ((-1, 1),),
    }


def test_numbers_of_all_files_of_a_pattern_are_counted(tmp_path: Path) -> None:
    """One of them has no other numbers."""
    (tmp_path / "phones").mkdir()
    for number, owners in enumerate(("(1), (0)", "(2), (0), (-1)", "(0)"), 1):
        rows = f"{OWNERS.format(number)} INSERT INTO pet(owner_id) VALUES {owners};"
        execute(tmp_path / "phones" / f"{number}.db", SCHEMA + rows)
    execute(tmp_path / "main.db", "CREATE TABLE a(a); CREATE TABLE b(a); CREATE TABLE c(a); INSERT INTO a VALUES (1);")

    proposal = proposal_in(tmp_path).proposal

    [refers] = [each for source in proposal.sources for table in source.maps for each in table.refers]
    assert (refers.column, refers.to, refers.sentinels) == ("owner_id", "owner.id", ((0, 3), (-1, 1)))


def pets(*owners: int) -> str:
    """Return the statement that inserts a pet of each owner."""
    return f"INSERT INTO pet(owner_id) VALUES {', '.join(f'({owner})' for owner in owners)};"


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ((1, 2, 2, 0, 99, 1, 99), (2, ((99, 2),), 2)),
        ((1, 2, 1, 2, 1, 3, 4, 5, 6), (4, (), 2)),
        ((1, 2, 1, 2), None),
        ((1, 3, 4), None),
    ],
    ids=["one number", "many numbers", "only keys", "few keys"],
)
def test_larger_numbers_that_are_no_key_are_counted(
    tmp_path: Path, owners: tuple[int, ...], expected: tuple[object, ...] | None
) -> None:
    """They say nothing if most numbers are no key."""
    execute(tmp_path / "a.db", SCHEMA + OWNERS + pets(*owners))
    [candidate] = discover(tmp_path).candidates

    [strays] = [each.strays for each in inspect_file(tmp_path, candidate).unstated if each.column == "owner_id"]

    assert (strays and (strays.rows, strays.few, strays.last_key)) == expected


@pytest.mark.parametrize(
    ("third", "expected"), [((1, 2, 0), (3, ((7, 1), (99, 2)), 2)), ((3, 4), None)], ids=["keys", "other numbers"]
)
def test_larger_numbers_of_all_files_are_counted(
    tmp_path: Path, third: tuple[int, ...], expected: tuple[object, ...] | None
) -> None:
    """A file in which most numbers are no key says nothing of the others."""
    (tmp_path / "phones").mkdir()
    for number, owners in enumerate(((1, 2, 1, 99), (2, 2, 1, 99, 7), third), 1):
        execute(tmp_path / "phones" / f"{number}.db", SCHEMA + OWNERS.format(number) + pets(*owners))

    [family] = find_families(tmp_path, take_inventory(tmp_path, lambda _words: None).entries, "")
    [strays] = [each.strays for each in family.database.unstated if each.column == "owner_id"]

    assert (strays and (strays.rows, strays.few, strays.last_key)) == expected


def test_decision_names_the_number_that_stays(tmp_path: Path) -> None:
    """A number below the last key may be that of a row which was deleted."""
    dogs = "CREATE TABLE dog(id INTEGER PRIMARY KEY, owner_id INT); INSERT INTO owner VALUES (5, '{0} c');"
    rows = pets(1, 2, 1, 5, 9, 4, 4) + pets(1, 2, 1, 8).replace("pet", "dog")
    sql = SCHEMA + OWNERS + dogs + rows
    refined = proposal_of(tmp_path, north=sql.format("n"), south=sql.format("s"))

    [question] = [text for source in refined.proposal.sources for text in source.decide if "[id-unfollowed]" in text]
    assert re.findall(r"`none = \[(.*?)\]`", question) == ["9", "8"]
    assert re.findall(r"(\d+) \((\d) rows?\)", question) == [("4", "2"), ("9", "1"), ("8", "1")]
