"""Specify that no object pairs rows of two databases unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.plan.model import TableMap

USERS = "CREATE TABLE users(id INTEGER PRIMARY KEY, n TEXT)"
POSTS = "CREATE TABLE posts(id INTEGER PRIMARY KEY, u INT)"
VIEW = "CREATE VIEW pu AS SELECT posts.id, users.n FROM posts JOIN users ON users.id = posts.u"
NESTED = (
    "CREATE VIEW pc AS SELECT u, count(*) AS c FROM posts GROUP BY u",
    "CREATE VIEW pu AS SELECT n, c FROM users LEFT JOIN pc ON pc.u = users.id",
)
CASCADE = "CREATE TRIGGER dp AFTER DELETE ON users BEGIN DELETE FROM posts WHERE u = old.id; END"
LOG = "CREATE TRIGGER lp AFTER DELETE ON posts BEGIN INSERT INTO users(n) VALUES ('gone'); END"
INSTEAD = (
    "CREATE VIEW pu AS SELECT id FROM users",
    "CREATE TRIGGER it INSTEAD OF DELETE ON pu BEGIN DELETE FROM posts WHERE u = old.id; END",
)
APART = (table("users", into="b_users"), "posts")


def shop(bench: Bench, file: str, number: int, *objects: str) -> None:
    """Create a database with a user 1 and a post of that user."""
    inserts = (f"INSERT INTO users VALUES (1, '{file}')", f"INSERT INTO posts VALUES ({number}, 1)")
    bench.database(file, USERS, POSTS, *objects, *inserts)


def findings(inspected: InspectedDatabases, *ids: str) -> list[tuple[str, str, str]]:
    """Return id, level and subject of each finding of these kinds."""
    assert inspected.problems == []
    return [(each.id, each.level, each.subject) for each in inspected.findings if each.id in ids]


@pytest.mark.parametrize("views", [(VIEW,), NESTED], ids=["view", "nested view"])
def test_view_of_merged_and_separate_tables_stays_behind(bench: Bench, views: tuple[str, ...]) -> None:
    """It would show posts of one source under users of the other."""
    shop(bench, "a.db", 1, *views)
    shop(bench, "b.db", 2, *views)
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", *APART))

    names = {view.name for view in inspected.target_schema.schema.views}
    assert names <= {"pc"}
    expected = [("view-left", "attention", "a.db"), ("view-left", "attention", "b.db")]
    assert findings(inspected, "view-left") == expected


def test_view_of_tables_kept_apart_together_is_moved(bench: Bench) -> None:
    """It reads rows of its own source only."""
    shop(bench, "a.db", 1, VIEW)
    shop(bench, "b.db", 2, VIEW)
    both = (table("users", into="b_users"), table("posts", into="b_posts"))
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", *both))

    assert [view.name for view in inspected.target_schema.schema.views] == ["pu", "b_pu"]


def test_view_of_tables_that_exchange_their_names_is_moved(bench: Bench) -> None:
    """All its rows are those of one database."""
    shop(bench, "a.db", 1, VIEW)
    exchanged = (table("users", into="posts"), table("posts", into="users"))
    inspected = bench.survey(source("a.db", *exchanged))

    assert findings(inspected, "view-left") == []


def test_view_is_moved_if_another_source_lacks_table(bench: Bench) -> None:
    """Posts without users of their own can only be meant for the users of the first source."""
    shop(bench, "a.db", 1, VIEW)
    bench.database("b.db", POSTS, "INSERT INTO posts VALUES (2, 1)")
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", "posts"))

    assert findings(inspected, "view-left", "view-shared") == [("view-shared", "attention", f"{TARGET}:pu")]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("users.id = posts.u", []), ("users.n = posts.id", [("view-shared", "attention", f"{TARGET}:pu")])],
)
def test_view_by_a_foreign_key_pairs_no_rows(
    bench: Bench, condition: str, expected: list[tuple[str, str, str]]
) -> None:
    """Each post leads to a user of its own database, as long as the view compares that key."""
    posts = POSTS.replace("u INT", "u INT REFERENCES users")
    view = f"CREATE VIEW pu AS SELECT posts.id, users.n FROM posts JOIN users ON {condition}"
    bench.database("a.db", USERS, posts, view, "INSERT INTO users VALUES (1, 'a')", "INSERT INTO posts VALUES (1, 1)")
    bench.database("b.db", USERS, "INSERT INTO users VALUES (2, 'b')")
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", "users"))

    assert findings(inspected, "view-left", "view-shared") == expected


def test_view_is_no_finding_where_no_database_has_both(bench: Bench) -> None:
    """It can only be meant for posts of one database and users of the other."""
    bench.database("a.db", USERS, POSTS, VIEW, "INSERT INTO users VALUES (1, 'a')")
    bench.database("b.db", POSTS, "INSERT INTO posts VALUES (2, 1)")
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", "posts"))

    assert findings(inspected, "view-left", "view-shared") == []


def test_view_stays_behind_if_other_table_is_left(bench: Bench) -> None:
    """The users of the merged posts stay in the archive."""
    shop(bench, "a.db", 1, VIEW)
    shop(bench, "b.db", 2)
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", "posts", leave={"users": "old"}))

    assert findings(inspected, "view-left") == [("view-left", "attention", "a.db")]


def test_instead_of_trigger_stays_behind_without_its_view(bench: Bench) -> None:
    """The view reads one table, and its trigger would delete posts of the other source."""
    shop(bench, "a.db", 1, *INSTEAD)
    shop(bench, "b.db", 2)
    inspected = bench.survey(source("a.db", "users", "posts"), source("b.db", *APART))

    assert [view.name for view in inspected.target_schema.schema.views] == ["pu"]
    assert inspected.target_schema.schema.triggers == ()
    assert findings(inspected, "trigger-left") == [("trigger-left", "attention", "a.db")]


@pytest.mark.parametrize(
    ("objects", "id", "subject"),
    [
        ((VIEW,), "view-shared", "pu"),
        (NESTED, "view-shared", "pu"),
        ((CASCADE,), "trigger-shared", "users"),
        (INSTEAD, "trigger-shared", "pu"),
    ],
    ids=["view", "nested view", "trigger", "INSTEAD OF trigger"],
)
def test_object_of_target_that_pairs_rows_is_named(
    bench: Bench, objects: tuple[str, ...], id: str, subject: str
) -> None:
    """The run does not change it, and it now means something else."""
    shop(bench, TARGET, 1, *objects)
    shop(bench, "b.db", 2)
    inspected = bench.survey(source("b.db", *APART))

    shared = findings(inspected, "view-shared", "trigger-shared")
    assert shared == [(id, "attention", f"{TARGET}:{subject}")]


@pytest.mark.parametrize("tables", [("users", "posts"), (table("users", into="b_users"), table("posts", into="b_p"))])
def test_object_over_rows_kept_together_is_no_finding(bench: Bench, tables: tuple[str | TableMap, ...]) -> None:
    """Either both tables are merged, or both are kept apart."""
    bench.database(TARGET, USERS, POSTS, VIEW, CASCADE, "INSERT INTO users VALUES (7, 'target')")
    shop(bench, "b.db", 2)
    inspected = bench.survey(source("b.db", *tables))

    assert findings(inspected, "view-shared", "trigger-shared") == []


def test_trigger_that_only_appends_rows_is_no_finding(bench: Bench) -> None:
    """The rows that it appends are paired with none."""
    shop(bench, TARGET, 1, LOG)
    shop(bench, "b.db", 2)
    inspected = bench.survey(source("b.db", *APART))

    assert findings(inspected, "trigger-shared") == []
