"""Specify what is reported of numbers of which another column names the table."""

from __future__ import annotations

import pytest

from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table

NOTE = "CREATE TABLE note(nr TEXT PRIMARY KEY, {0})"
CONTENT_TYPES = (
    "CREATE TABLE django_content_type(id INTEGER PRIMARY KEY, app_label TEXT, model TEXT)",
    "INSERT INTO django_content_type VALUES (7, 'shop', 'order'), (8, 'auth', 'user')",
)


def unfollowed(bench: Bench, *statements: str, refers: list[Refers] | None = None) -> list[tuple[str, int, str]]:
    """Return each finding about an id that stays, for orders that get new keys."""
    for file in (TARGET, "b.db"):
        bench.database(
            file, "CREATE TABLE shop_orders(id INTEGER PRIMARY KEY)", "INSERT INTO shop_orders VALUES (1), (2)"
        )
    bench.execute("b.db", *statements)
    orders = table("shop_orders", keys="renumber")
    leave = {name: "they stay" for name in ("d*", "auth*") if any(f"TABLE {name[0]}" in each for each in statements)}
    inspected = bench.survey(source("b.db", orders, table("note", refers=refers or []), leave=leave))
    assert inspected.problems == []
    return [
        (finding.subject, finding.count, finding.column)
        for finding in inspected.findings
        if finding.id == "id-unfollowed"
    ]


@pytest.mark.parametrize(
    ("columns", "values", "rows"),
    [
        ("object_type, object_id INT", "'order', 1", 1),
        ("object_type, object_id INT", "'Shop::Order', 1", 1),
        ("objectType, objectId INT", "'ShopOrder', 2", 1),
        ("kind, ref_id INT", "'shop.order', 1", 1),
        ("table_name, row_id INT", "'shop_orders', 1", 1),
        ("object_type INT, object_id INT", "4, 1", 1),
        ("kind INT, object_id INT", "4, 1", 0),
        ("note_type INT, note_id INT", "4, 1", 0),
        ("msg_type INT, msg_id INTEGER UNIQUE", "4, 1", 1),
        ("object_type, object_id INT", "'{order}', 1", 1),
        ("object_type, object_id INT", "'web_shop_order', 1", 1),
        ("object_type, object_id INT", "'Models::Order', 1", 1),
        ("content_type, content_id INT", "'text/order', 1", 0),
        ("kind, ref INT", "'order', 1", 1),
        ("kind, target INT", "'order', 1", 1),
        ("kind, obj INT", "'order', 1", 1),
        ("tbl, rowid_ INT", "'order', 1", 1),
        ("ownerType, owner INT", "'order', 1", 1),
        ("kind, quantity INT", "'order', 1", 0),
        ("content_type_id INT, object_id INT", "7, 1", 1),
        ("content_type_id INT, object_id INT", "8, 1", 0),
        ("object_type, object_id INT", "'order', 3", 0),
        ("object_type, object_id INT", "'user', 1", 0),
        ("object_type, object_id INT", "x'ff', 1", 0),
        ("object_type, amount INT", "'order', 1", 0),
        ("title, object_id INT", "'order', 1", 0),
    ],
)
def test_number_beside_a_name_is_a_finding(bench: Bench, columns: str, values: str, rows: int) -> None:
    """It is a key of the table that the other column names, or that it may name."""
    content_types = CONTENT_TYPES if "content" in columns else ()
    row = f"INSERT INTO note VALUES ('a', {values}), ('b', NULL, NULL)"

    findings = unfollowed(bench, *content_types, NOTE.format(columns), row)

    assert findings == [("b.db:note", 1, columns.split(", ")[1].split(maxsplit=1)[0])] * rows


@pytest.mark.parametrize(
    ("columns", "values", "rows"),
    [
        ("content_type_id INT, object_id TEXT", "7, '1'", 1),
        ("content_type_id INT, object_id TEXT", "8, '1'", 0),
        ("content_type_id INT, object_id TEXT", "9, '1'", 0),
        ("content_type_id INT, object_id TEXT", "10, '1'", 1),
        ("object_type, object_id TEXT", "'order', '1'", 1),
        ("object_type, object_id TEXT", "'Auth::User', '1'", 0),
        ("object_type, object_id TEXT", "'anything', '1'", 1),
        ("object_type, object_id TEXT", "NULL, '1'", 1),
        ("object_type, other_type, object_id TEXT", "'user', 'order', '1'", 1),
    ],
)
def test_text_beside_a_table_that_stays_is_no_finding(bench: Bench, columns: str, values: str, rows: int) -> None:
    """Its row has a key that does not change."""
    users = "CREATE TABLE auth_user(id INTEGER PRIMARY KEY)", "CREATE TABLE django_site(id INTEGER PRIMARY KEY)"
    more = "INSERT INTO django_content_type VALUES (9, 'sites', 'site'), (10, 'gone', 'thing')"
    row = f"INSERT INTO note VALUES ('a', {values})"

    findings = unfollowed(bench, *users, *CONTENT_TYPES, more, NOTE.format(columns), row)

    assert findings == [("b.db:note", 1, "object_id")] * rows


def test_content_type_of_django_names_its_table(bench: Bench) -> None:
    """The tables of Django are not named after the labels of its models."""
    types = CONTENT_TYPES[0], "INSERT INTO django_content_type VALUES (9, 'sites', 'site')"
    for file in (TARGET, "b.db"):
        bench.database(file, "CREATE TABLE django_site(id INTEGER PRIMARY KEY)", "INSERT INTO django_site VALUES (1)")
    note = NOTE.format("content_type_id INT, object_id INT")
    bench.execute("b.db", *types, note, "INSERT INTO note VALUES ('a', 9, 1)")

    sites = table("django_site", keys="renumber")
    inspected = bench.survey(source("b.db", sites, "note", leave={"django_content_type": "it stays"}))

    assert [each.column for each in inspected.findings if each.id == "id-unfollowed"] == ["object_id"]


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        ("what, whose INT", "('a', 'order', 1), ('b', 'person', 7)", 1),
        ("what, whose", "('a', 'order', 1), ('b', 'person', 7), ('c', 'person', NULL)", 1),
        ("what, whose INT", "('a', 'order', 1), ('b', 'person', 3)", 0),
        ("what, whose INT", "('a', 'order', 1), ('b', 'order', 2)", 0),
        ("what, whose INT", "('a', 'order', 1), ('b', 'person', 7), ('c', 'blue', 1)", 0),
        ("what, whose INT", "('a', 'order', 1), ('b', 'person', NULL)", 0),
        ("what, quantity INT", "('a', 'order', 1), ('b', 'person', 7)", 0),
        ("what, whose TEXT", "('a', 'order', 1), ('b', 'person', 7)", 0),
    ],
)
def test_values_tell_which_column_names_the_tables(bench: Bench, columns: str, rows: str, expected: int) -> None:
    """Each text names a table, and each number beside it is a key of that table."""
    people = "CREATE TABLE auth_people(id INTEGER PRIMARY KEY)", "INSERT INTO auth_people VALUES (7)"
    findings = unfollowed(bench, *people, NOTE.format(columns), f"INSERT INTO note VALUES {rows}")

    assert findings == [("b.db:note", 1, "whose")] * expected


def test_key_beside_a_type_is_no_finding(bench: Bench) -> None:
    """It is the id of its own row."""
    statements = "CREATE TABLE note(_id INTEGER PRIMARY KEY, kind INT, type)", "INSERT INTO note VALUES (1, 4, 'order')"

    assert unfollowed(bench, *statements) == []


def test_typed_number_is_one_finding(bench: Bench) -> None:
    """The column is named after the table as well."""
    row = "INSERT INTO note VALUES ('a', 'order', 1)"

    assert unfollowed(bench, NOTE.format("kind, shop_order_id INT"), row) == [("b.db:note", 1, "shop_order_id")]


def test_types_of_another_column_tell_nothing(bench: Bench) -> None:
    """A person wrote it, and the other columns say of what."""
    note = NOTE.format("parent_type, parent_id INT, written_by INT")

    findings = unfollowed(bench, note, "INSERT INTO note VALUES ('a', 'order', 7, 1)")

    assert findings == [("b.db:note", 1, "written_by")]


def test_number_with_a_stated_condition_is_no_finding(bench: Bench) -> None:
    """The plan has the lines that the finding offers."""
    refers = [Refers(column="object_id", to="shop_orders.id", when="object_type = 'order'")]
    row = "INSERT INTO note VALUES ('a', 'order', 1)"

    assert unfollowed(bench, NOTE.format("object_type, object_id INT"), row, refers=refers) == []


def test_type_that_is_not_utf8_is_no_finding(bench: Bench) -> None:
    """The other rows are read all the same."""
    rows = "INSERT INTO note VALUES ('a', CAST(x'ff' AS TEXT), 1), ('b', 'order', 2)"

    assert unfollowed(bench, NOTE.format("object_type, object_id INT"), rows) == [("b.db:note", 1, "object_id")]


@pytest.mark.parametrize("is_target", [False, True])
@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [("order", 1, 1), ("Web::{Order}", 1, 1), ("order", 3, 0), ("user", 1, 0), ("local_note", 1, 0)],
)
def test_typed_number_of_another_database_is_a_finding(
    bench: Bench, is_target: bool, kind: str, number: int, expected: int
) -> None:
    """A name that means a table of its own database means no other."""
    orders = "CREATE TABLE shop_orders(id INTEGER PRIMARY KEY)", "INSERT INTO shop_orders VALUES (1), (2)"
    local = "CREATE TABLE notes(id INTEGER PRIMARY KEY)"
    note = NOTE.format("kind, object_id INT"), f"INSERT INTO note VALUES ('a', '{kind}', {number}), ('b', 'x', 7)"
    for file in ("a.db", "b.db"):
        bench.database(file, *orders)
    bench.database(TARGET, "CREATE TABLE notes_of_target(id)")
    file = TARGET if is_target else "c.db"
    bench.execute(file, local, *note)
    renumbered = table("shop_orders", keys="renumber")
    sources = [source(name, renumbered) for name in ("a.db", "b.db")]
    sources += [] if is_target else [source("c.db", "note", leave={"notes": "they stay"})]

    inspected = bench.survey(*sources)

    findings = [(each.subject, each.column) for each in inspected.findings if each.id == "id-unfollowed"]
    assert findings == [(f"{file}:note", "object_id")] * expected
