"""Specify what a column refers to that code compares with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.plan_writer import render_plan
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """
    CREATE TABLE account(id INTEGER PRIMARY KEY, name); CREATE TABLE town(id INTEGER PRIMARY KEY, name);
    CREATE TABLE owner(account_id INTEGER PRIMARY KEY REFERENCES account);
    CREATE TABLE entry(memo, debit INTEGER, account INTEGER, kind);
    INSERT INTO account VALUES (1, '{0}'), (2, '{0}'), (3, '{0}');
    INSERT INTO town VALUES (1, 1), (2, 2); INSERT INTO owner VALUES (1), (2);
"""
JOIN = "SELECT 1 FROM entry e JOIN {} t ON e.{} = t.{};"
OF_ACCOUNT = JOIN.format("account", "debit", "id")


@pytest.mark.parametrize(
    ("rows", "code", "expected"),
    [
        ("('a', 1, NULL, 2), ('b', 2, NULL, 2)", OF_ACCOUNT, [("debit", ("account", "id"), False)]),
        ("('a', 7, NULL, 2), ('b', 2, NULL, 2)", OF_ACCOUNT, [("debit", None, False)]),
        ("('a', 0, NULL, 2)", OF_ACCOUNT, [("debit", None, True)]),
        ("('a', 1, NULL, 'town')", OF_ACCOUNT, [("debit", None, False)]),
        ("('a', 1, NULL, 2)", OF_ACCOUNT + JOIN.format("town", "debit", "id"), [("debit", None, False)]),
        ("('a', 3, NULL, 2)", OF_ACCOUNT + JOIN.format("town", "debit", "id"), [("debit", None, False)]),
        ("('a', 3, NULL, 2)", f"{OF_ACCOUNT[:-1]} AND e.kind = 2", [("debit", None, False)]),
        ("('a', 3, NULL, 2)", f"{OF_ACCOUNT[:-1]} WHERE kind IN (1, 2)", [("debit", None, False)]),
        ("('a', 3, NULL, 2)", f"{OF_ACCOUNT} {OF_ACCOUNT[:-1]} AND kind = 2", [("debit", ("account", "id"), False)]),
        ("('a', 3, NULL, 2)", f"{OF_ACCOUNT[:-1]} AND memo = 'a'", [("debit", None, False)]),
        ("('a', 3, NULL, 2)", f"{OF_ACCOUNT} {OF_ACCOUNT[:-1]} AND memo = 'a'", [("debit", ("account", "id"), False)]),
        (
            "('a', 1, NULL, 2)",
            JOIN.format("owner", "debit", "account_id") + OF_ACCOUNT,
            [("debit", ("account", "id"), False)],
        ),
        ("('a', NULL, 3, 2)", JOIN.format("account", "account", "id"), [("account", ("account", "id"), False)]),
        ("('a', NULL, 3, 2)", "", [("account", None, False)]),
    ],
    ids=[
        "keys",
        "no keys",
        "no number",
        "typed",
        "two tables",
        "one of two",
        "a kind",
        "kinds",
        "any kind",
        "some rows",
        "some and all rows",
        "key of a key",
        "plain name",
        "no code",
    ],
)
def test_values_of_a_compared_column_have_to_be_keys(
    tmp_path: Path, rows: str, code: str, expected: list[tuple[str, tuple[str, str] | None, bool]]
) -> None:
    """If code means several tables, or the values are no keys, a person decides."""
    execute(tmp_path / "a.db", f"{TABLES.format('x')} INSERT INTO entry VALUES {rows}")
    [candidate] = discover(tmp_path).candidates
    joins = CodeJoins([("a.py:1", each) for each in comparisons_in(code)])

    unstated = inspect_file(tmp_path, candidate, joins=joins).unstated

    columns = [each for each in unstated if each.column in ("debit", "account") and (each.to or not each.is_empty)]
    columns += [each for each in unstated if each.column == "debit" and each.is_empty]
    assert [(each.column, each.to, each.is_empty) for each in columns] == expected


@pytest.mark.parametrize(
    ("rows", "beside", "expected"),
    [
        ("('account', 3, 1, 1), ('town', 2, 1, 1)", "memo", {"account": "memo = 'account'", "town": "memo = 'town'"}),
        ("('account', 3, 1, 1), ('town', 3, 1, 1)", "memo", {}),
        ("('a', 3, 1, 1), ('b', 2, 1, 1)", "memo", {}),
        ("('account', 3, 1, 1), ('town', 2, 1, 1)", "kind", {}),
    ],
    ids=["names", "no key", "other names", "other column"],
)
def test_value_beside_a_comparison_names_the_table(
    tmp_path: Path, rows: str, beside: str, expected: dict[str, str]
) -> None:
    """Code compares a column with it, whatever the name of that column is."""
    execute(tmp_path / "a.db", f"{TABLES.format('x')} INSERT INTO entry VALUES {rows}")
    [candidate] = discover(tmp_path).candidates
    code = "".join(
        f"{JOIN.format(name, 'debit', 'id')[:-1]} AND e.{beside} = '{name}';" for name in ("account", "town")
    )
    joins = CodeJoins([("a.py:1", each) for each in comparisons_in(code)])

    unstated = inspect_file(tmp_path, candidate, joins=joins).unstated

    assert {each.to[0]: each.when for each in unstated if each.column == "debit" and each.to} == expected


@pytest.mark.parametrize(
    ("row", "parent", "expected"),
    [("1, 1", "town", None), ("1, 3", "town", "account"), ("1, 1", "account", "account"), ("1, 1", "owner", "account")],
)
def test_code_that_contradicts_a_name_is_a_decision(
    tmp_path: Path, row: str, parent: str, expected: str | None
) -> None:
    """The name and the values say ``account``, and the key of an owner is that of an account."""
    sql = f"{TABLES.format('x')} CREATE TABLE n(id INTEGER PRIMARY KEY, account_id INT); INSERT INTO n VALUES ({row})"
    execute(tmp_path / "a.db", sql)
    [candidate] = discover(tmp_path).candidates
    key = "account_id" if parent == "owner" else "id"
    joins = CodeJoins(
        [("a.py:1", each) for each in comparisons_in(f"SELECT 1 FROM n JOIN {parent} p ON n.account_id = p.{key}")]
    )

    [reference] = [each for each in inspect_file(tmp_path, candidate, joins=joins).unstated if each.table == "n"]

    assert reference.to == (expected and (expected, "id"))


@pytest.mark.parametrize(
    ("keys", "sign", "expected"),
    [
        ("(1), (3)", "", [("detail", ("account", "id"))]),
        ("(1), (2), (3)", "", [("detail", ("account", "id"))]),
        ("(1), (2), (3), (4)", "", [("account", ("detail", "id"))]),
        ("(3), (4)", "", []),
        ("(1), (3)", " AUTOINCREMENT", []),
    ],
)
def test_compared_key_numbers_rows_of_the_other_table(
    tmp_path: Path, keys: str, sign: str, expected: list[tuple[str, tuple[str, str]]]
) -> None:
    """A row under the key of another one is about that row."""
    detail = f"CREATE TABLE detail(id INTEGER PRIMARY KEY{sign}, text); INSERT INTO detail(id) VALUES {keys}"
    execute(tmp_path / "a.db", f"{TABLES.format('x')} {detail}")
    [candidate] = discover(tmp_path).candidates
    sql = "SELECT 1 FROM detail JOIN account USING (id)"
    joins = CodeJoins([("a.py:1", each) for each in comparisons_in(sql)])

    unstated = inspect_file(tmp_path, candidate, joins=joins).unstated

    assert [(each.table, each.to) for each in unstated if each.column == "id"] == expected


@pytest.mark.parametrize(
    ("debit", "is_key", "file", "code", "line"),
    [
        (2, True, "app.py", f'Q = "{OF_ACCOUNT}"', 2),
        (9, False, "app.py", f'Q = "{OF_ACCOUNT}"', 2),
        (2, True, "entry.rb", "class Entry < Model\n  belongs_to :account, foreign_key: :debit", 3),
    ],
)
def test_plan_names_the_line_of_code(tmp_path: Path, debit: int, is_key: bool, file: str, code: str, line: int) -> None:
    """A reference of which the values are keys is stated, and any other is a decision."""
    (tmp_path / file).write_text(f'DB = "shop.db", "app.db"\n{code}\n', "utf-8")
    sql = f"{TABLES} INSERT INTO entry VALUES ('{{0}}', {debit}, NULL, NULL);"

    refined = proposal_of(tmp_path, app=sql.format("x"), shop=sql.format("y"))

    [source] = refined.proposal.sources
    place = f"{file}:{line}"
    stated = [(each.column, each.to, each.joined) for table in source.maps for each in table.refers]
    assert stated == ([("debit", "account.id", place)] if is_key else [])
    assert source.loose == (() if is_key else ("entry.debit",))
    assert place in render_plan(refined.proposal, "2026-11-29")


TILL = "CREATE TABLE account(id INTEGER PRIMARY KEY, name); CREATE TABLE entry(debit INTEGER, {});"
TILL += "INSERT INTO account VALUES (1, 'x'), (2, 'y'), (3, 'z'); INSERT INTO entry(debit) VALUES (2), (3);"
TEXT = f'Q = "{OF_ACCOUNT}"\n'


@pytest.mark.parametrize(
    ("code", "columns", "expected"),
    [
        ({"a/app.py": f'D = "a.db"\n{TEXT}'}, "deal", {"a/a.db": True, "b/b.db": None, "b/c.db": None}),
        ({"a/app.py": f'D = "a.db"\n{TEXT}'}, "memo, deal", {"a/a.db": True, "b/b.db": True, "b/c.db": True}),
        ({"a/set.py": 'D = "a.db"', "a/app.py": TEXT}, "deal", {"a/a.db": True, "b/b.db": None, "b/c.db": None}),
        ({"b/app.py": f'D = "c.db"\n{TEXT}'}, "deal", {"a/a.db": None, "b/b.db": True, "b/c.db": True}),
        ({"app.py": TEXT}, "deal", {"a/a.db": False, "b/b.db": False, "b/c.db": False}),
        ({"app.py": TEXT}, "memo, deal", {"a/a.db": True, "b/b.db": True, "b/c.db": True}),
        ({"app.py": f'D = "a/a.db", "b/b.db"\n{TEXT}'}, "deal", {"a/a.db": False, "b/b.db": False, "b/c.db": False}),
        ({"app.py": f'D = "d.db"\n{TEXT}'}, "memo", {"a/a.db": True, "b/b.db": True, "b/c.db": True}),
        ({"app.py": f'D = "/srv/e.db"\n{TEXT}'}, "memo", {"a/a.db": False, "b/b.db": False, "b/c.db": False}),
        ({"old/app.py": TEXT}, "memo", {"a/a.db": False, "b/b.db": False, "b/c.db": False}),
        ({"old/app.py": TEXT, "app.py": TEXT}, "memo", {"a/a.db": True, "b/b.db": True, "b/c.db": True}),
        ({"vendor/lib/app.py": TEXT}, "memo", {"a/a.db": False, "b/b.db": False, "b/c.db": False}),
        ({"scold/app.py": TEXT}, "memo", {"a/a.db": True, "b/b.db": True, "b/c.db": True}),
    ],
    ids=[
        "own database",
        "same tables",
        "settings of the folder",
        "other program",
        "any database",
        "versions",
        "two databases",
        "database without the tables",
        "unknown database",
        "old code",
        "old and new code",
        "code of others",
        "other word",
    ],
)
def test_statement_means_tables_of_opened_databases(
    tmp_path: Path, code: dict[str, str], columns: str, expected: dict[str, bool | None]
) -> None:
    """Another program can have other tables of the same names."""
    databases = {"a/a.db": TILL.format(columns), "b/b.db": TILL.format("memo"), "b/c.db": TILL.format("memo")}
    for file, sql in {**databases, "d.db": "CREATE TABLE town(a); INSERT INTO town VALUES (1)"}.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        execute(tmp_path / file, sql)
    for file, text in code.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, "utf-8")

    entries = take_inventory(tmp_path, lambda _words: None).entries

    joined = {entry.file: [each for each in entry.database.unstated if each.joined] for entry in entries}
    assert {file: bool(joined[file][0].to) if joined[file] else None for file in databases} == expected


@pytest.mark.parametrize(("further", "is_stated"), [("deal", False), ("visit", True)], ids=["other", "same"])
def test_another_program_leaves_a_reference_open(tmp_path: Path, further: str, is_stated: bool) -> None:
    """Two programs can have two equal tables, and each has further ones."""
    for file, name in {"a.db": further, "b.db": "visit"}.items():
        execute(tmp_path / file, f"{TILL.format('memo')} CREATE TABLE {name}(x); INSERT INTO {name} VALUES (1);")
    (tmp_path / "app.py").write_text(f'D = "a.db"\n{TEXT}', "utf-8")

    entries = take_inventory(tmp_path, lambda _words: None).entries

    stated = {entry.file: [bool(each.to) for each in entry.database.unstated if each.joined] for entry in entries}
    assert stated == {"a.db": [True], "b.db": [is_stated]}


def test_text_joined_with_a_key_is_a_decision(tmp_path: Path) -> None:
    """No reference follows it."""
    (tmp_path / "app.py").write_text(
        f"DB = 'shop.db', 'app.db'\nQ = '{OF_ACCOUNT.replace('debit', 'memo')}'\n", "utf-8"
    )
    sql = f"{TABLES} INSERT INTO entry(memo) VALUES ('1'), ('2');"

    refined = proposal_of(tmp_path, app=sql.format("x"), shop=sql.format("y"))

    [source] = refined.proposal.sources
    assert [text for text in source.questions if "app.py:2" in text and "[id-unfollowed]" in text] != []
