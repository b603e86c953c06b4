"""Test that the migrations of two programs are never merged without a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import MIGRATION_STAMPS
from tests.support.thorough import thorough
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.proposal import ProposedSource

OTHER = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1);"
KEYED = "CREATE TABLE {0}(version TEXT PRIMARY KEY);"
WITHOUT_KEY = "CREATE TABLE {0}(version TEXT NOT NULL);"


def propose(root: Path, table: str, target: str, source: str, other: str = "z") -> tuple[ProposedSource, int]:
    """Return the proposed source for two databases with this table, and the decisions.

    Args:
        root: The folder.
        table: Name of the table.
        target: Its declaration and its rows in the target, which has the tables ``x`` and ``y`` as well.
        source: Those in the source.
        other: The other table of the source.
    """
    main = f"{OTHER.format('x')}{OTHER.format('y')}{target.format(table)}"
    refined = proposal_of(root, main=main, second=f"{OTHER.format(other)}{source.format(table)}")
    assert refined.proposal.target == "main.db"
    assert refined.problems == ()
    return refined.proposal.sources[0], refined.proposal.decisions


@pytest.mark.parametrize("declaration", [KEYED, *thorough(WITHOUT_KEY)])
@pytest.mark.parametrize(
    "table", ["alembic_version", *thorough("room_master_table", "__EFMigrationsHistory", "SequelizeMeta")]
)
def test_migrations_that_differ_are_a_decision(tmp_path: Path, table: str, declaration: str) -> None:
    """No key collides, so that a union would be possible."""
    source, decisions = propose(
        tmp_path,
        table,
        f"{declaration}INSERT INTO {{0}} VALUES ('1a')",
        f"{declaration}INSERT INTO {{0}} VALUES ('9f')",
    )

    [stamp] = [table_map for table_map in source.maps if table_map.name == table]
    assert stamp.into == f"second_{table}"
    assert (len(source.decide), decisions) == (1, 1)


def test_migrations_declared_differently_are_a_decision(tmp_path: Path) -> None:
    """It is the decision about bookkeeping, not the one about tables in general."""
    source, decisions = propose(
        tmp_path,
        "alembic_version",
        f"{KEYED}INSERT INTO {{0}} VALUES ('1a')",
        f"{WITHOUT_KEY}INSERT INTO {{0}} VALUES ('1a')",
    )

    [stamp] = [table_map for table_map in source.maps if table_map.name != "z"]
    assert (stamp.into, stamp.is_stamp) == ("second_alembic_version", True)
    assert (len(source.decide), decisions) == (1, 1)


@pytest.mark.parametrize("versions", ["('1'), ('2')", "('2')"])
def test_migrations_that_the_target_has_are_skipped(tmp_path: Path, versions: str) -> None:
    """Another database of the same application has the same migrations, or fewer."""
    source, decisions = propose(
        tmp_path,
        "schema_migrations",
        f"{KEYED}INSERT INTO {{0}} VALUES ('1'), ('2')",
        f"{KEYED}INSERT INTO {{0}} VALUES {versions}",
        other="x",
    )

    [stamp] = [table_map for table_map in source.maps if table_map.name != "x"]
    assert (stamp.into, stamp.on_conflict, decisions) == ("schema_migrations", "skip-identical", 0)


@pytest.mark.parametrize(
    ("declaration", "rows", "expected"),
    [
        (KEYED, "INSERT INTO {0} VALUES ('2')", 1),
        (WITHOUT_KEY, "INSERT INTO {0} VALUES ('2')", 1),
        *thorough((KEYED, "", 1), (KEYED, "INSERT INTO {0} VALUES ('1'), ('2')", 0)),
    ],
)
def test_migrations_of_another_program_are_a_decision(
    tmp_path: Path, declaration: str, rows: str, expected: int
) -> None:
    """A program would go on from the version of the other one, unless both have the same rows."""
    target = "INSERT INTO {0} VALUES ('1'), ('2')"

    source, decisions = propose(tmp_path, "schema_version", f"{declaration}{target}", f"{declaration}{rows}")

    assert (len(source.decide), decisions) == (expected, expected)


def test_migrations_that_the_target_lacks_are_a_decision(tmp_path: Path) -> None:
    """The target did not run them, and after a union it never would."""
    source, decisions = propose(
        tmp_path,
        "schema_migrations",
        f"{KEYED}INSERT INTO {{0}} VALUES ('1')",
        f"{KEYED}INSERT INTO {{0}} VALUES ('1'), ('2')",
    )

    assert [table_map.into for table_map in source.maps] == ["z", "second_schema_migrations"]
    assert decisions == 1


def test_equal_migrations_without_a_key_are_left(tmp_path: Path) -> None:
    """No policy can compare rows without a key, and the target has these rows."""
    sql = f"{WITHOUT_KEY}INSERT INTO {{0}} VALUES ('en_US')"

    source, decisions = propose(tmp_path, "android_metadata", sql, sql)

    assert [table_map.name for table_map in source.maps] == ["z"]
    assert [(leave.table, leave.decide) for leave in source.leaves] == [("android_metadata", ())]
    assert decisions == 0


def test_equal_bookkeeping_with_numbers_is_no_decision(tmp_path: Path) -> None:
    """Things under such keys could be others in each file."""
    tables = "strapi_migrations", "strapi_database_schema", "migrations_lock"
    rows = "CREATE TABLE {0}(id INTEGER PRIMARY KEY, name, time); INSERT INTO {0} VALUES (1, 'a', '2024-01-01');"
    sql = "".join(rows.format(name) for name in tables)

    source, decisions = propose(tmp_path, "x1", sql + KEYED, sql + KEYED, other="x")

    assert {each.name: each.into for each in source.maps if each.name in tables} == {name: name for name in tables}
    assert decisions == 0


def test_text_that_is_not_utf8_is_compared_as_bytes(tmp_path: Path) -> None:
    """Such a row does not make the database unreadable."""
    sql = f"{KEYED}INSERT INTO {{0}} VALUES (CAST(x'ff{{1}}' AS TEXT))"

    source, decisions = propose(tmp_path, "migrations", sql.replace("{1}", "01"), sql.replace("{1}", "02"))

    assert (source.maps[-1].into, decisions) == ("second_migrations", 1)


def test_names_of_migration_tables_are_folded() -> None:
    """They are compared with folded names."""
    assert {name for name in MIGRATION_STAMPS if name != name.lower()} == set()


def test_bookkeeping_of_a_source_is_one_decision(tmp_path: Path) -> None:
    """Django and Alembic may be in one file."""
    tables = f"{KEYED.format('alembic_version')}{KEYED.format('django_migrations')}"
    rows = "INSERT INTO alembic_version VALUES ('{0}'); INSERT INTO django_migrations VALUES ('{0}');"
    refined = proposal_of(tmp_path, main=f"{OTHER.format('x')}{tables}{rows.format(1)}", second=tables + rows.format(2))

    [source] = refined.proposal.sources
    assert [table_map.is_stamp for table_map in source.maps] == [True, True]
    assert len(source.decide) == refined.proposal.decisions == 1


@pytest.mark.parametrize(("others", "expected"), [(3, "second_users"), (1, "users")])
def test_tables_of_programs_that_share_little_stay_apart(tmp_path: Path, others: int, expected: str) -> None:
    """Programs that have at least half of their tables in common are one program."""
    users = "CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users VALUES ({0}, 'a');"
    first, second = ("".join(OTHER.format(f"{name}{number}") for number in range(others)) for name in "ab")
    refined = proposal_of(tmp_path, main=users.format(1) + first, second=users.format(2) + second)

    names = {table_map.name: table_map.into for table_map in refined.proposal.sources[0].maps}
    assert names["users"] == expected
    assert refined.proposal.decisions == (expected != "users")
    assert refined.objections == ()
