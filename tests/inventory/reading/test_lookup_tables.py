"""Specify which of two tables refers to the other, if one is a lookup table of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

STATES = "CREATE TABLE states(state_id INTEGER PRIMARY KEY, {0}); INSERT INTO states VALUES (1, 2), (2, 1), (3, 2);"
META = "CREATE TABLE states_meta({0} INTEGER PRIMARY KEY, name); INSERT INTO states_meta VALUES (1, 'a'), (2, 'b');"
NAMED = META.format("metadata_id")
NUMBERED = META.format("id")
USERS = "CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users VALUES (1, 'a'), (2, 'b'), (5, 'c');"


def known(tmp_path: Path, sql: str, joins: CodeJoins | None = None) -> dict[str, str]:
    """Return each column that looks like a reference, to its key or to an empty text."""
    execute(tmp_path / "a.db", sql)
    [candidate] = discover(tmp_path).candidates
    unstated = inspect_file(tmp_path, candidate, joins=joins).unstated
    return {f"{each.table}.{each.column}": ".".join(each.to or ()) for each in unstated}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (NAMED + STATES.format("metadata_id INT"), {"states.metadata_id": "states_meta.metadata_id"}),
        (NAMED + STATES.format("metadata_id INT REFERENCES states_meta(metadata_id)"), {}),
        (NAMED + STATES.format("metadata_id INT").replace("(3, 2)", "(3, 9)"), {"states.metadata_id": ""}),
        (NUMBERED + STATES.format("states_meta_id INT"), {"states.states_meta_id": "states_meta.id"}),
        (NUMBERED + STATES.format("meta INT REFERENCES states_meta(id)"), {}),
        (NUMBERED + STATES.format("metadata_id INT"), {"states.metadata_id": ""}),
        (
            NUMBERED + STATES.format("kind_id INT") + META.replace("states_meta", "kinds").format("kind_id"),
            {"states.kind_id": "kinds.kind_id", "states_meta.id": ""},
        ),
        (
            NUMBERED + STATES.format("metadata_id INT") + META.replace("states_meta", "sizes").format("metadata_id"),
            {"states.metadata_id": ""},
        ),
    ],
)
def test_table_refers_to_its_lookup_table(tmp_path: Path, sql: str, expected: dict[str, str]) -> None:
    """The key of the lookup table is its own number, and what may refer to it is a question."""
    assert known(tmp_path, sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE {0}(bug INTEGER PRIMARY KEY, name);", {"notes.bug": "bugs.bug"}),
        ("CREATE TABLE {0}(bug INTEGER PRIMARY KEY, name); CREATE TABLE more(bug INTEGER PRIMARY KEY);", {}),
    ],
)
def test_name_of_a_key_means_its_only_table(tmp_path: Path, sql: str, expected: dict[str, str]) -> None:
    """The column of two tables with such a key is a question, or none."""
    table = "things" if not expected else "bugs"
    rows = f"INSERT INTO {table} VALUES (1, 'a'), (4, 'b'); CREATE TABLE notes(body, bug INT);"

    assert known(tmp_path, f"{sql.format(table)} {rows} INSERT INTO notes VALUES ('x', 4), ('y', 1)") == expected


@pytest.mark.parametrize("name", ["id", "version"])
def test_names_of_many_things_mean_no_table(tmp_path: Path, name: str) -> None:
    """Many tables have an ``id``, and a version is a number."""
    sql = f"CREATE TABLE parts({name} INTEGER PRIMARY KEY, name); INSERT INTO parts VALUES (1, 'a'), (4, 'b');"

    assert known(tmp_path, f"{sql} CREATE TABLE notes(body, {name} INT); INSERT INTO notes VALUES ('x', 4)") == {}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("(1, 'x'), (2, 'y')", {"user_groups.id": ""}),
        ("(2, 'x'), (5, 'y')", {"user_groups.id": "users.id"}),
        ("(1, 'x'), (2, 'y'), (5, 'z')", {"user_groups.id": "users.id"}),
        ("(3, 'x')", {}),
    ],
)
def test_numbers_without_gaps_may_be_those_of_a_table(tmp_path: Path, rows: str, expected: dict[str, str]) -> None:
    """Its name begins with that of another table, and each number is a key there."""
    groups = f"CREATE TABLE user_groups(id INTEGER PRIMARY KEY, name); INSERT INTO user_groups VALUES {rows};"

    assert known(tmp_path, USERS + groups) == expected


def test_key_of_a_third_reference_is_its_own(tmp_path: Path) -> None:
    """Its numbers could be those of the other table as well."""
    groups = (
        "CREATE TABLE user_groups(id INTEGER PRIMARY KEY, name); INSERT INTO user_groups VALUES (1, 'x'), (2, 'y');"
    )
    members = "CREATE TABLE member(name, user_group_id INT); INSERT INTO member VALUES ('a', 2);"

    assert known(tmp_path, USERS + groups + members) == {"member.user_group_id": "user_groups.id"}


@pytest.mark.parametrize(("key", "expected"), [("group_id", {}), ("number", {"user_groups.number": "users.id"})])
def test_key_named_after_its_table_is_its_own(tmp_path: Path, key: str, expected: dict[str, str]) -> None:
    """The name of the table begins with that of another one."""
    groups = (
        f"CREATE TABLE user_groups({key} INTEGER PRIMARY KEY, name); INSERT INTO user_groups VALUES (1, 'x'), (5, 'y');"
    )

    assert known(tmp_path, USERS + groups) == expected


GROUPS = "CREATE TABLE user_groups(id INTEGER PRIMARY KEY, name); INSERT INTO user_groups VALUES {0};"
PEOPLE = "CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c');"
MEMBERS = "CREATE TABLE members(user_id INT, {0}); INSERT INTO members VALUES (1, 1), (3, 1);"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (PEOPLE + GROUPS.format("(1, 'x'), (2, 'y'), (3, 'z')"), {}),
        (PEOPLE + GROUPS.format("(1, 'x')"), {}),
        (PEOPLE + GROUPS.format("(1, 'x')").replace("name", "title"), {"user_groups.id": ""}),
        (PEOPLE + GROUPS.format("(1, 'x'), (2, 'y'), (3, 'z')").replace("name", "title"), {"user_groups.id": ""}),
        (PEOPLE + GROUPS.format("(1, 'x'), (3, 'z')"), {"user_groups.id": "users.id"}),
        (
            PEOPLE + GROUPS.format("(1, 'x'), (3, 'z')") + MEMBERS.format("user_group_id INT"),
            {"members.user_id": "users.id", "members.user_group_id": "user_groups.id"},
        ),
        (
            PEOPLE + GROUPS.format("(3, 'z')") + MEMBERS.format("user_group_id INT"),
            {"members.user_id": "users.id", "members.user_group_id": ""},
        ),
        (
            PEOPLE + GROUPS.format("(1, 'x'), (3, 'z')") + MEMBERS.format("g INT REFERENCES user_groups(id)"),
            {"members.user_id": "users.id"},
        ),
    ],
)
def test_table_with_children_has_keys_of_its_own(tmp_path: Path, sql: str, expected: dict[str, str]) -> None:
    """So has one with the columns and the numbers of the other table."""
    assert known(tmp_path, sql) == expected


def test_reference_is_none_back(tmp_path: Path) -> None:
    """The column of the one table has the name of the key of the other one."""
    sql = "CREATE TABLE damage(fid INTEGER PRIMARY KEY, {0} INT); INSERT INTO damage VALUES (1, 1), (2, 1), (3, 3);"
    kinds = (
        "CREATE TABLE damage_kind(kind INTEGER PRIMARY KEY, label); INSERT INTO damage_kind VALUES (1, 'a'), (3, 'b');"
    )

    assert known(tmp_path, sql.format("kind") + kinds) == {}


def test_code_that_joins_says_which_table_refers(tmp_path: Path) -> None:
    """The other one does not refer back, although each of its keys is a key there."""
    sql = "CREATE TABLE damage(fid INTEGER PRIMARY KEY, what INT); INSERT INTO damage VALUES (1, 1), (2, 1), (3, 3);"
    kinds = (
        "CREATE TABLE damage_kind(kind INTEGER PRIMARY KEY, label); INSERT INTO damage_kind VALUES (1, 'a'), (3, 'b');"
    )
    query = "SELECT 1 FROM damage d JOIN damage_kind k ON k.kind = d.what"

    assert known(tmp_path, sql + kinds) == {"damage_kind.kind": "damage.fid"}
    (tmp_path / "b").mkdir()
    joins = CodeJoins([("a.py:1", each) for each in comparisons_in(query)])
    assert known(tmp_path / "b", sql + kinds, joins) == {"damage.what": "damage_kind.kind"}
