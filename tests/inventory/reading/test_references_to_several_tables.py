"""Specify to what a column refers that a trigger fills, or that has ids of several tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.plan.loader import load
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference

TABLES = (
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users VALUES (1, 'u'), (2, 'v');"
    "CREATE TABLE blog_posts(nr INTEGER PRIMARY KEY, title); INSERT INTO blog_posts VALUES (1, 'p'), (7, 'q');"
)
NOTES = "CREATE TABLE note(id INTEGER PRIMARY KEY, kind, object_id INTEGER, at TEXT DEFAULT 'x');"
LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, kind TEXT, ref INTEGER, what TEXT);"


def references(root: Path, sql: str) -> list[UnstatedReference]:
    """Return the references that no FOREIGN KEY of a database declares."""
    execute(root / "a.db", TABLES + sql)
    [candidate] = discover(root).candidates
    return list(inspect_file(root, candidate).unstated)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("('user', 2), ('blog_post', 7)", [("users", "kind = 'user'"), ("blog_posts", "kind = 'blog_post'")]),
        ("('App\\Models\\User', 2), (NULL, 0)", [("users", "kind = 'App\\Models\\User'")]),
        ("('blog.Posts', 7)", [("blog_posts", "kind = 'blog.Posts'")]),
        ("('User', 3), ('blog_post', 7)", [("", "")]),
        ("('user', 2), ('page', 7)", [("users", "kind = 'user'")]),
        ("('page', 7)", [("", "")]),
        ("(5, 2)", [("", "")]),
    ],
)
def test_column_that_names_tables_tells_the_reference(
    tmp_path: Path, rows: str, expected: list[tuple[str, str]]
) -> None:
    """A value names a table, and each number beside it is a key of that table."""
    known = references(tmp_path, f"{NOTES} INSERT INTO note(kind, object_id) VALUES {rows}")

    assert [(each.to[0] if each.to else "", each.when) for each in known] == expected


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("people", "person_id"),
        ("people", "author_person_id"),
        ("people", "people_id"),
        ("people", "peopleId"),
        ("people", "people_nr"),
        ("shop_people", "person_nr"),
        ("data", "dataid"),
        ("analyses", "analysis_id"),
        ("media", "medium_nr"),
        ("criteria", "criterion_id"),
    ],
)
def test_irregular_plural_names_a_table(tmp_path: Path, table: str, column: str) -> None:
    """So does the singular, and a table in the singular."""
    known = references(
        tmp_path,
        f"CREATE TABLE {table}(nr INTEGER PRIMARY KEY); INSERT INTO {table} VALUES (5);"
        f"CREATE TABLE visit(at TEXT, {column} INTEGER); INSERT INTO visit VALUES ('x', 5)",
    )

    assert [(each.column, each.to) for each in known] == [(column, (table, "nr"))]


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        ("parent_type TEXT, parent_id INT", "('User', 1), ('Note', 1)", {"parent_id": ["users", "note"]}),
        ("parentType TEXT, parentId INT", "('user', 1), ('note', 1)", {"parentId": ["users", "note"]}),
        ("parent_kind TEXT, parent_id INT", "('user', 1), ('x', 1)", {"parent_id": ["users"]}),
        ("parent_type INT, parent_id INT", "(1, 1), (2, 1)", {"parent_id": [""]}),
        ("parent_type TEXT, parent_id INT", "('S', 1), ('N', 1)", {"parent_id": [""]}),
        ("user_type TEXT, user_id INT", "('User', 1), ('Admin', 1)", {"user_id": ["users"]}),
        ("type TEXT, parent_id INT", "('user', 1), ('note', 1)", {"parent_id": ["note"]}),
        ("mime TEXT, user_id INT", "('user', 1), ('note', 1)", {"user_id": ["users"]}),
        ("kind TEXT, user_id INT", "('note', 1), ('note', 2)", {"user_id": ["users"]}),
        ("entity TEXT, entity_id INT", "('user', 1), ('note', 1)", {"entity_id": ["users", "note"]}),
        ("table_name TEXT, row_id INT", "('users', 1), ('note', 1)", {"row_id": ["users", "note"]}),
        ("kind TEXT, ref_id INT", "('user', 1), ('note', 1)", {"ref_id": ["users", "note"]}),
        ("kind TEXT, ref INT", "('user', 1), ('note', 1)", {"ref": ["users", "note"]}),
        ("kind TEXT, ref INT", "('user', 9), ('note', 1)", {}),
        ("kind TEXT, ref INT", "('red', 1), ('green', 1)", {}),
        ("user TEXT, user_id INT", "('Ann', 1), ('Bob', 1)", {"user_id": ["users"]}),
        ("user_type TEXT, user_id INT", "('image/png', 1), ('text/user', 1)", {"user_id": ["users"]}),
        ("user_type TEXT, kind TEXT, user_id INT", "('image/png', 'User', 1)", {"user_id": ["users"]}),
        ("user_type TEXT, user_id INT", "('blog/user', 1), ('blog/note', 1)", {"user_id": ["users", "note"]}),
    ],
)
def test_types_with_the_stem_of_ids_name_tables(
    tmp_path: Path, columns: str, rows: str, expected: dict[str, list[str]]
) -> None:
    """The name of the id alone says it only if there is no such column."""
    assert tables_of(tmp_path, columns, rows) == expected


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        (
            "parent_type TEXT, parent_id INT, writer_id INT",
            "('user', 1, 1), ('note', 1, 2)",
            {"parent_id": ["users", "note"], "writer_id": [""]},
        ),
        (
            "content_type TEXT, content_id INT, object_id INT",
            "('user', 1, 1), ('note', 1, 2)",
            {"content_id": ["users", "note"], "object_id": [""]},
        ),
        ("kind TEXT, object_id INT, row_id INT", "('user', 1, 1)", {"object_id": [""], "row_id": [""]}),
        ("kind TEXT, writer_id INT", "('user', 1), ('note', 1)", {"writer_id": [""]}),
        ("type TEXT, kind TEXT, object_id INT", "('user', 'note', 1)", {"object_id": [""]}),
        ("type TEXT, kind TEXT, object_id INT", "('user', 'x', 1)", {"object_id": ["users"]}),
        ("parent_type TEXT, parent_id INT, parent INT", "('user', 1, 1)", {"parent_id": [""], "parent": [""]}),
    ],
)
def test_types_belong_to_one_column_of_ids(
    tmp_path: Path, columns: str, rows: str, expected: dict[str, list[str]]
) -> None:
    """Others get nothing from it, and none gets anything if two have one stem."""
    assert tables_of(tmp_path, columns, rows) == expected


def tables_of(root: Path, columns: str, rows: str) -> dict[str, list[str]]:
    """Return the tables to which each column of notes refers."""
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    note = f"CREATE TABLE note(id INTEGER PRIMARY KEY, {columns});"
    tables: dict[str, list[str]] = {}
    for each in references(root, f"{note} INSERT INTO note({names}) VALUES {rows}, {rows}"):
        tables.setdefault(each.column, []).append(each.to[0] if each.to else "")
    return tables


def test_trigger_without_a_text_tells_nothing_beside_types(tmp_path: Path) -> None:
    """Other rows may have ids of other tables."""
    sql = LOG.replace("kind TEXT, ref", "ref_type TEXT, ref") + trigger("t", "users", "new.id", columns="(ref)")

    known = references(tmp_path, f"{sql} INSERT INTO log(ref_type, ref) VALUES ('p', 1)")

    assert [(each.column, each.to) for each in known if each.to] == []


def test_rows_of_unknown_types_are_a_decision(tmp_path: Path) -> None:
    """The numbers beside it stay, and a person says what they are."""
    sql = (
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name);"
        "CREATE TABLE note(id INTEGER PRIMARY KEY, parent_type TEXT, parent_id INT, body);"
        "INSERT INTO note(parent_type, parent_id, body) VALUES ('User', 1, '{0}'), ('Page', 1, '{0} page');"
        "INSERT INTO users(name) VALUES ('{0}')"
    )
    refined = proposal_of(tmp_path, main=sql.format("a"), b=sql.format("b"))

    [source] = refined.proposal.sources
    stated = [(each.column, each.to, each.when) for table in source.maps for each in table.refers]
    assert stated == [("parent_id", "users.id", "parent_type = 'User'")]
    assert [text.rpartition("[")[2] for text in source.questions] == ["refers-none]"]


def test_content_type_of_django_names_the_table(tmp_path: Path) -> None:
    """The number of a content type stands for the name of an application and a model."""
    types = (
        "CREATE TABLE django_content_type(id INTEGER PRIMARY KEY, app_label, model);"
        "INSERT INTO django_content_type VALUES (4, 'auth', 'users'), (9, 'blog', 'posts');"
    )
    notes = NOTES.replace("kind", '"order" INTEGER REFERENCES django_content_type(id)')

    known = references(tmp_path, f"{types}{notes} INSERT INTO note VALUES (1, 9, 7, 'x'), (2, 4, 2, 'x')")

    assert [(each.to, each.when) for each in known] == [
        (("blog_posts", "nr"), '"order" = 9'),
        (("users", "id"), '"order" = 4'),
    ]


def test_text_that_is_not_utf8_names_no_table(tmp_path: Path) -> None:
    """The database is read all the same."""
    known = references(tmp_path, f"{NOTES} INSERT INTO note VALUES (1, CAST(x'ff' AS TEXT), 2, 'x')")

    assert [(each.column, each.to) for each in known] == [("object_id", None)]


def trigger(name: str, table: str, values: str, event: str = "INSERT", columns: str = "(kind, ref, what)") -> str:
    """Return a trigger that inserts a row into the log."""
    return f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN INSERT INTO log{columns} VALUES ({values}); END;"


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        (trigger("t", "users", "'user', new.id, 'new'"), [("users", "kind = 'user'", "t")]),
        (trigger("t", "users", "'user', old.rowid, 'x'", "DELETE"), [("users", "kind = 'user'", "t")]),
        (trigger("t", "users", "NULL, 'user', new.id, 'x'", columns=""), [("users", "kind = 'user'", "t")]),
        (
            trigger("t", "users", "'U', new.id, 'new'") + trigger("d", "users", "'user', old.id, 'gone'", "DELETE"),
            [("", "", "")],
        ),
        (
            trigger("t", "users", "'U', new.id, 'new'") + trigger("b", "blog_posts", "'B', new.nr, 'new'"),
            [("users", "kind = 'U'", "t"), ("blog_posts", "kind = 'B'", "b")],
        ),
        (trigger("t", "users", "'K', new.id, 'x'") + trigger("b", "blog_posts", "'K', new.nr, 'x'"), [("", "", "")]),
        (
            trigger("t", "users", "").replace("VALUES ()", "SELECT 'user', new.id, lower(new.name) WHERE new.id > 1"),
            [("users", "kind = 'user'", "t")],
        ),
        (trigger("t", "users", "'user', 1, 'x'), ('user', new.id, 'y'"), [("users", "kind = 'user'", "t")]),
        (trigger("t", "users", "new.id", columns="(id)"), []),
        (trigger("t", "users", "'user', new.id + 1, 'new'"), []),
        (trigger("t", "users", "'user', new.name, 'new'"), []),
    ],
)
def test_trigger_tells_what_a_column_refers_to(
    tmp_path: Path, triggers: str, expected: list[tuple[str, str, str]]
) -> None:
    """It writes a text beside the key of its row.

    The row may be gone now.
    """
    known = references(tmp_path, f"{LOG} {triggers} INSERT INTO log(kind, ref, what) VALUES ('user', 99, 'new')")

    assert [(each.to[0] if each.to else "", each.when, each.by) for each in known] == expected


@pytest.mark.parametrize(("value", "expected"), [("2", "users"), ("99", ""), ("'2'", "users"), ("'x'", "")])
def test_key_without_a_text_needs_values_that_are_keys(tmp_path: Path, value: str, expected: str) -> None:
    """The application may write other numbers into the column."""
    wrote = trigger("t", "users", "new.id", columns="(ref)")
    known = references(tmp_path, f"{LOG} {wrote} INSERT INTO log(ref) VALUES (1), ({value})")

    assert [each.to[0] if each.to else "" for each in known] == [expected]


def test_files_with_an_audited_table_are_one_source(tmp_path: Path) -> None:
    """The column of the log is not named like a reference, and it follows the new keys."""
    wrote = trigger("t", "users", "'user', new.id, 'new'")
    sql = "CREATE TABLE users(id INTEGER PRIMARY KEY, name);" + LOG + wrote
    refined = proposal_of(
        tmp_path, **{name: f"{sql} INSERT INTO users(name) VALUES ('{name}'), ('x')" for name in ("a", "b", "c")}
    )
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = load(file).sources
    stated = [(each.column, each.to, each.when) for table in source.tables for each in table.refers]
    assert (source.file, source.keys_) == ("*.db", "renumber")
    assert stated == [("ref", "users.id", "kind = 'user'")]
    assert refined.objections == ()
