"""Test that tables of a source which refer to each other stay together."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.inventory.references.key_names import NamedTables, names_key_of, single_keys
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal

CUSTOMERS = "CREATE TABLE customers(id INTEGER PRIMARY KEY, name);"
DECLARED = "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id));"
BY_NAME = "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL);"
BY_VIEW = (
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, c INTEGER NOT NULL);"
    "CREATE VIEW by_name AS SELECT notes.id, name FROM notes JOIN customers ON customers.id = c;"
)
BY_TRIGGER = (
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL);"
    "CREATE TRIGGER gone AFTER DELETE ON customers BEGIN DELETE FROM notes WHERE customer = old.id; END;"
)


def names(refined: RefinedProposal) -> list[dict[str, str]]:
    """Return the names in the target of each source's tables."""
    return [{table_map.name: table_map.into for table_map in source.maps} for source in refined.proposal.sources]


@pytest.mark.parametrize("notes", sampled([DECLARED, BY_NAME, BY_TRIGGER, BY_VIEW], 0, 3))
def test_children_go_where_their_parents_go(tmp_path: Path, notes: str) -> None:
    """The keys of the children do not collide, those of their parents do.

    Keys of text cannot get new values.
    """
    sql = f"{CUSTOMERS}{notes}".replace("INTEGER", "TEXT")
    refined = proposal_of(
        tmp_path,
        app=f"{sql} INSERT INTO customers VALUES (1, 'Alice'); INSERT INTO notes VALUES (1, 1)",
        shop=f"{sql} INSERT INTO customers VALUES (1, 'Xaver'); INSERT INTO notes VALUES (11, 1)",
    )

    assert names(refined) == [{"customers": "shop_customers", "notes": "shop_notes"}]
    assert len(refined.proposal.sources[0].decide) == refined.proposal.decisions == 1
    assert refined.problems == ()


@pytest.mark.parametrize("name", ["Alice", "Xaver"])
def test_rows_keep_ids_if_all_tables_are_apart(tmp_path: Path, name: str) -> None:
    """What their columns refer to is a question only if rows get new ids."""
    sql = "CREATE TABLE customers(id TEXT PRIMARY KEY, name);"
    sql += "CREATE TABLE notes(id INTEGER PRIMARY KEY, c TEXT REFERENCES customers, boss_id INT);"
    rows = "INSERT INTO customers VALUES ('a', '{0}'); INSERT INTO notes VALUES (1, 'a', 77);"
    refined = proposal_of(tmp_path, app=sql + rows.format("Alice"), shop=sql + rows.format(name).replace("77", "78"))

    [source] = refined.proposal.sources
    is_apart = name == "Xaver"
    assert (source.maps[0].into == "shop_customers", source.loose) == (is_apart, ("notes.boss_id",))
    assert sum("notes.boss_id" in question for question in source.decide) == (not is_apart)


PRODUCTS = (
    "CREATE TABLE product(sku TEXT PRIMARY KEY, name TEXT); INSERT INTO product VALUES ('a', '{0}'), ('b', '{0}');"
)
TICKETS = (
    "CREATE TABLE ticket(id INTEGER PRIMARY KEY, name TEXT, code TEXT AS ('T-' || id));"
    "INSERT INTO ticket VALUES (1, '{0}');"
)
SALES = "CREATE TABLE sale(id INTEGER PRIMARY KEY, {1}); INSERT INTO sale VALUES (1, {2});"


@pytest.mark.parametrize(
    ("sql", "column", "value", "code", "is_related"),
    sampled(
        [
            (PRODUCTS, "sku TEXT", "'a'", "", True),
            (PRODUCTS, "product TEXT", "'b'", "", True),
            (PRODUCTS, "item TEXT", "'a'", "SELECT 1 FROM sale s JOIN product p ON p.sku = s.item", True),
            (PRODUCTS, "item TEXT", "'a'", "SELECT 1 FROM sale s JOIN product p ON p.sku = s.id", False),
            (PRODUCTS, "item TEXT", "'a'", "", False),
            (PRODUCTS, "sku TEXT", "'other'", "", False),
            (TICKETS, "code TEXT", "'T-1'", "SELECT 1 FROM sale s JOIN ticket t ON t.code = s.code", True),
        ],
        0,
        2,
        5,
    ),
    ids=["key", "table", "code", "another column", "no hint", "no key", "generated"],
)
def test_children_with_texts_of_keys_follow(
    tmp_path: Path, sql: str, column: str, value: str, code: str, is_related: bool
) -> None:
    """No reference can lead a text to the row of its own file."""
    (tmp_path / "app.py").write_text(f"con.execute('{code}')\n", "utf-8")
    refined = proposal_of(
        tmp_path, **{name: f"{sql}{SALES}".format(name, column, value) for name in ("front", "garden")}
    )

    [source] = refined.proposal.sources
    sale = next(table_map for table_map in source.maps if table_map.name == "sale")
    assert (sale.into != "sale", bool(sale.follows)) == (is_related, is_related)
    assert refined.objections == ()


def test_parent_does_not_follow_texts_of_its_keys(tmp_path: Path) -> None:
    """The texts of a child that is kept apart are keys of the rows of both files."""
    sql = "CREATE TABLE opening(eco TEXT PRIMARY KEY); INSERT INTO opening VALUES ('C20');"
    sql += "CREATE TABLE game(nr TEXT PRIMARY KEY, eco TEXT, white); INSERT INTO game VALUES ('1', 'C20', '{0}');"
    refined = proposal_of(tmp_path, a=sql.format("x"), b=sql.format("y"))

    assert names(refined) == [{"opening": "opening", "game": "b_game"}]
    assert refined.objections == ()


def test_parents_go_where_their_children_go(tmp_path: Path) -> None:
    """The children collide, and over two levels everything that they lead to stays with them."""
    sql = f"{CUSTOMERS}{DECLARED} CREATE TABLE marks(note INTEGER PRIMARY KEY REFERENCES notes(id), mark);"
    sql = sql.replace("INTEGER", "TEXT")
    rows = "INSERT INTO customers VALUES ({0}, 'n'); INSERT INTO notes VALUES ({0}, {0}); INSERT INTO marks VALUES "

    refined = proposal_of(
        tmp_path,
        app=f"{sql}{rows.format(1)}(1, 'a')",
        shop=f"{sql}{rows.format(2)}(2, 'a'); INSERT INTO marks VALUES (1, 'b')",
    )

    assert names(refined) == [{"customers": "shop_customers", "notes": "shop_notes", "marks": "shop_marks"}]
    [source] = refined.proposal.sources
    assert [(name, fact.split()[0]) for name, fact in source.maps[0].related.items()] == [("notes", "notes.customer")]
    assert {table_map.name: table_map.follows for table_map in source.maps} == {
        "customers": "notes",
        "notes": "marks",
        "marks": "",
    }
    assert source.maps[-1].apart in source.decide[0]


def test_decision_names_views_with_other_names(tmp_path: Path) -> None:
    """Code that reads the view has to change as well."""
    sql = (
        "CREATE TABLE sales(nr TEXT PRIMARY KEY, price); CREATE VIEW Revenue AS SELECT sum(price) AS total FROM sales;"
    )

    refined = proposal_of(
        tmp_path,
        app=f"{sql} INSERT INTO sales VALUES ('a', 1), ('b', 2)",
        shop=f"{sql} INSERT INTO sales VALUES ('a', 7)",
    )

    [source] = refined.proposal.sources
    assert (dict(source.views), refined.proposal.decisions) == ({"revenue": "shop_Revenue"}, 1)
    assert "shop_Revenue" in source.decide[0]


def test_tables_without_relation_are_merged_all_the_same(tmp_path: Path) -> None:
    """Only what leads to a table that is kept apart is kept apart."""
    sql = f"{CUSTOMERS}CREATE TABLE logs(id INTEGER PRIMARY KEY, line);".replace("INTEGER", "TEXT")

    refined = proposal_of(
        tmp_path,
        app=f"{sql} INSERT INTO customers VALUES (1, 'Alice'); INSERT INTO logs VALUES (1, 'a')",
        shop=f"{sql} INSERT INTO customers VALUES (1, 'Xaver'); INSERT INTO logs VALUES (2, 'b')",
    )

    assert names(refined) == [{"customers": "shop_customers", "logs": "logs"}]


def test_child_whose_parent_is_elsewhere_is_not_joined(tmp_path: Path) -> None:
    """The table notes of the first source belongs to its own customers, which are kept apart."""
    parent = "INSERT INTO customers VALUES ({}, '{}');"

    refined = proposal_of(
        tmp_path,
        main=f"{CUSTOMERS} CREATE TABLE other(a); INSERT INTO other VALUES (1); {parent.format(1, 'Alice')}",
        one=f"{CUSTOMERS}{DECLARED}{parent.format(1, 'Xaver')} INSERT INTO notes VALUES (1, 1)",
        two=f"{CUSTOMERS}{DECLARED}{parent.format(2, 'Zoe')} INSERT INTO notes VALUES (2, 2)",
    )

    assert names(refined) == [
        {"customers": "one_customers", "notes": "notes"},
        {"customers": "two_customers", "notes": "two_notes"},
    ]


@pytest.mark.parametrize(
    ("column", "table", "expected"),
    [
        ("user_id", "users", True),
        ("userId", "user", True),
        ("userid", "users", True),
        ("from_recipient_id", "recipient", True),
        ("place_id", "moz_places", True),
        ("category_id", "categories", True),
        ("class_id", "classes", True),
        ("modelId", "models", True),
        ("id", "users", False),
        ("user_id", "orders", False),
        ("unpaid", "pa", False),
        ("valid_from", "val", False),
    ],
)
def test_columns_are_named_after_tables(column: str, table: str, expected: bool) -> None:
    """The plural, a prefix, and both spellings of the suffix count."""
    assert names_key_of(column, table) is expected


@pytest.mark.parametrize(
    ("column", "table", "key", "expected"),
    [
        ("user_uuid", "users", "uuid", True),
        ("userUuid", "app_users", "uuid", True),
        ("order_no", "orders", "no", True),
        ("by_customer_code", "customers", "code", True),
        ("uuid", "users", "uuid", False),
        ("user_uuid", "users", "user_uuid", True),
        ("user_name", "orders", "name", False),
        ("user_name", "users", "uuid", False),
    ],
)
def test_columns_are_named_after_keys(column: str, table: str, key: str, expected: bool) -> None:
    """A table with another key than an id has it in the names of the columns that refer to it."""
    assert names_key_of(column, table, [key]) is expected


def test_words_of_names_miss_no_possible_parent(tmp_path: Path) -> None:
    """A comparison of each column with each table finds no further one."""
    names = ["users", "app_users", "user", "orders", "orderLine", "order_lines", "Boxes", "countries", "x", "line"]
    statements = [f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, code TEXT UNIQUE)" for name in names]
    execute(tmp_path / "a.db", ";".join(statements))
    with closing(open_readonly(tmp_path / "a.db")) as con:
        tables = read_schema(con).movable
    ends = ["", "id", "_id", "Id", "ID", "_code", "Code", "_x", "s_id"]
    stems = ["user", "users", "fromUser", "app_user", "order_line", "orderline", "box", "country", "x", "my_line"]

    named = NamedTables(tables)

    for column in (f"{stem}{end}" for stem in stems for end in ends):
        compared = {table.name for table in tables if names_key_of(column, table.name, single_keys(table))}
        assert compared <= {table.name for table, _ in named.possible_parents(column)}, column
