"""Specify that databases are read and merged whose views and triggers name ``main.t``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table
from tests.support.target_schemas import planned_objects

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

PARENT = "CREATE TABLE parent(id INTEGER PRIMARY KEY, v TEXT)"
CHILD = "CREATE TABLE child(id INTEGER PRIMARY KEY, parent INT REFERENCES parent)"
SEEN = "CREATE VIEW seen AS SELECT c.id AS id, p.v FROM main.child AS c JOIN [MAIN].parent AS p ON p.id = c.parent"
OVER = "CREATE VIEW over_it AS SELECT id FROM \"main\" /* ours */ . seen WHERE v <> 'main.x'"
ORPHANS = "DELETE FROM child WHERE parent NOT IN (SELECT id FROM main.parent)"
WATCH = f"CREATE TRIGGER watch AFTER DELETE ON parent BEGIN {ORPHANS}; END"
BOTH = ("parent", "child")


def create(bench: Bench, file: str, number: int, *settings: str) -> None:
    """Create a database with one parent, one child, views and a trigger that name main."""
    bench.database(
        file, *settings, PARENT, CHILD, SEEN, OVER, WATCH,
        f"INSERT INTO parent VALUES ({number}, '{file}')", f"INSERT INTO child VALUES ({number}, {number})",
    )  # fmt: skip


def assert_merged(copied: Copied, *files: str) -> None:
    """Assert that the views work on the rows of all databases, and the references too."""
    from sqlite_consolidate.engine.checks.references.references_kept import references_kept

    assert sorted(copied.rows("SELECT v FROM seen")) == [(file,) for file in files]
    assert copied.rows("SELECT count(*) FROM over_it") == [(len(files),)]
    assert [trigger.sql for trigger in copied.schema.triggers] == [WATCH]
    assert failed_subjects(references_kept(copied.compared)) == []


def test_source_is_merged_with_views_and_trigger(bench: Bench) -> None:
    """They mean the same in the target, which is the main database there too."""
    create(bench, "a.db", 1)

    copied = bench.copied(source("a.db", *BOTH))

    assert_merged(copied, "a.db")
    assert copied.inspected.findings == []
    copied.con.execute("DELETE FROM parent")
    assert copied.rows("SELECT * FROM child") == []


@pytest.mark.parametrize("keys", [{}, {"on_conflict": "skip-identical"}, {"on_conflict": "prefer-source"}])
def test_rows_of_target_are_compared_too(bench: Bench, keys: dict[str, Any]) -> None:
    """Each check that attaches the target reads it as well."""
    create(bench, TARGET, 1)
    create(bench, "b.db", 2)
    create(bench, "c.db", 3, "PRAGMA encoding='UTF-16be'")
    tables = [table(name, **keys) for name in BOTH]

    copied = bench.copied(source("b.db", *tables), source("c.db", *tables))

    assert_merged(copied, "b.db", "c.db", TARGET)


def test_used_key_of_target_is_found(bench: Bench) -> None:
    """It is a collision and no damage."""
    create(bench, TARGET, 1)
    create(bench, "b.db", 1)

    problems = bench.survey(source("b.db", *BOTH)).problems

    assert [problem.id for problem in problems] == ["key-collision", "key-collision"]


def test_value_that_type_of_target_changes_is_found(bench: Bench) -> None:
    """The rows are copied into a scratch database for that."""
    bench.database(TARGET, PARENT.replace("TEXT", "INTEGER"))
    bench.database("b.db", PARENT, "CREATE VIEW seen AS SELECT v FROM main.parent", "INSERT INTO parent VALUES(1, '7')")

    assert [problem.id for problem in bench.survey(source("b.db", "parent")).problems] == ["value-changes"]


def test_many_sources_are_staged(bench: Bench) -> None:
    """SQLite attaches seven of them, and the others by way of a staging database."""
    files = [f"s{number:02}.db" for number in range(11)]
    for number, file in enumerate(files):
        create(bench, file, number)
    sources: list[Source] = [source(file, *BOTH) for file in files]

    copied = bench.copied(*sources)

    assert len(copied.inspected.staged) == 4
    assert_merged(copied, *files)


def test_views_follow_renamed_tables(bench: Bench) -> None:
    """SQLite rewrites the name behind ``main.``."""
    create(bench, TARGET, 1)
    create(bench, "b.db", 1)

    copied = bench.copied(source("b.db", table("parent", into="b_parent"), table("child", into="b_child")))

    assert copied.rows("SELECT v FROM b_seen") == [("b.db",)]
    assert copied.rows("SELECT count(*) FROM b_over_it") == [(1,)]
    assert copied.rows("SELECT v FROM seen") == [(TARGET,)]


def test_view_of_table_that_stays_is_left(bench: Bench) -> None:
    """The target has a table of that name, with rows of its own."""
    bench.database(TARGET, CHILD, PARENT)
    create(bench, "b.db", 1)
    apart = table("child", into="b_child", create="CREATE TABLE b_child(id INTEGER PRIMARY KEY, parent INT)")

    target_schema = bench.target_schema(source("b.db", apart, leave={"parent": "old"}))

    assert planned_objects(target_schema) == [("table", "b_child")]
    assert target_schema.left_views == {"b": {"seen", "over_it"}}
