"""Specify which columns the SQL of code compares with the key of a table."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins, read_code_joins
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.sqlite_library import sqlite3
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.code.tables.joined_keys import JoinedKey

LEDGER = """
    CREATE TABLE account(id INTEGER PRIMARY KEY, name, owner);
    CREATE TABLE entry(id INTEGER PRIMARY KEY, memo, debit INT, credit INT, page REFERENCES page);
    CREATE TABLE page(number INTEGER PRIMARY KEY, entry_id INT);
    CREATE TABLE pair(account INT, entry INT, PRIMARY KEY (account, entry));
"""
DEBIT = ("entry", "debit", ("account", "id"))
CREDIT = ("entry", "credit", ("account", "id"))
OF_PAIR = ("pair", "account", ("account", "id"))
LINE = 'Q = "SELECT e.memo FROM entry e JOIN account a ON a.id = e.debit"'


def keys_in(joins: CodeJoins) -> list[JoinedKey]:
    """Return what the joins mean in a ledger."""
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(LEDGER)
        return list(joins.keys_in(read_schema(con)))


def joined(sql: str) -> list[tuple[str, str, tuple[str, str]]]:
    """Return the columns that a statement compares with keys."""
    return [each[:3] for each in keys_in(CodeJoins([("a.py:1", each) for each in comparisons_in(sql)]))]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 FROM entry e JOIN account d ON d.id = e.debit JOIN account c ON e.credit = c.id", [DEBIT, CREDIT]),
        ("SELECT 1 FROM entry AS e LEFT JOIN account ON (account.id IS e.debit) WHERE e.id = ?", [DEBIT]),
        ('SELECT 1 FROM "entry" AS [e], main.`account` WHERE account."id" == main.entry.debit', []),
        ('SELECT 1 FROM "entry" AS [e], main.`account` WHERE account."id" == e.debit', [DEBIT]),
        ("SELECT 1 FROM entry, account a WHERE debit = a.id AND id = credit", [DEBIT]),
        ("SELECT 1 FROM account WHERE id NOT IN (SELECT DISTINCT debit FROM entry)", [DEBIT]),
        ("DELETE FROM entry WHERE debit IN (SELECT id FROM account WHERE owner = entry.credit)", [DEBIT]),
        ("UPDATE entry SET memo = (SELECT name FROM account WHERE account.rowid = debit)", [DEBIT]),
        ("SELECT 1 FROM entry e WHERE EXISTS (SELECT 1 FROM account e WHERE e.id = debit)", [DEBIT]),
        ("SELECT 1 FROM entry e WHERE e.debit = (SELECT id FROM account)", [DEBIT]),
        ("SELECT 1 FROM (entry e JOIN account a ON a.id = e.debit) ORDER BY e.id", [DEBIT]),
        ("SELECT 1 FROM pair p JOIN (SELECT debit AS id FROM entry) d JOIN account a ON p.account = a.id", [OF_PAIR]),
        ("SELECT 1 FROM entry e JOIN json_each(e.memo) j JOIN account a ON a.id = e.debit", [DEBIT]),
        ("SELECT 1 FROM entry e JOIN account a ON a.id = CAST(e.debit AS INT)", [DEBIT]),
        ("SELECT 1 FROM entry e JOIN account a ON ifnull(e.debit, 0) = coalesce(a.id, ?, 1)", [DEBIT]),
        ("SELECT 1 FROM old.entry e JOIN OLD.account a ON a.id = e.debit JOIN main.town t ON t.id = a.owner", [DEBIT]),
        ("SELECT 1 FROM entry WHERE memo = (SELECT 1 FROM account WHERE (account.id = debit)) OR NOT credit", [DEBIT]),
        ("SELECT id FROM entry; SELECT 1 FROM page p JOIN entry ON p.entry_id = entry.id", None),
        ("SELECT 1 FROM account UNION SELECT 1 FROM page JOIN entry ON entry_id = id", None),
    ],
)
def test_comparison_with_a_key_is_found(sql: str, expected: list[tuple[str, str, tuple[str, str]]] | None) -> None:
    """Each name means the table that FROM and JOIN give to it in the same query."""
    assert joined(sql) == ([("page", "entry_id", ("entry", "id"))] if expected is None else expected)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM entry e JOIN account a ON a.id = e.debit + 1",
        "SELECT 1 FROM entry e JOIN account a ON 10 * a.id = e.debit",
        "SELECT 1 FROM entry e JOIN account a ON a.id <= e.debit AND a.id != e.credit AND a.id IS NOT e.debit",
        "SELECT 1 FROM entry e JOIN account a ON a.id = :debit AND :id = e.debit",
        "SELECT 1 FROM entry e JOIN account a ON a.id = abs(e.debit) AND 'a.id' = e.debit",
        "SELECT 1 FROM entry e JOIN account a -- ON a.id = e.debit",
        "SELECT 1 FROM entry e JOIN account a ON a.owner = e.debit",
        "SELECT 1 FROM entry e JOIN page p ON p.number = e.page",
        "SELECT 1 FROM entry a JOIN entry b ON a.id = b.id",
        "SELECT 1 FROM entry e JOIN account a ON a.id = e.debit JOIN town t ON t.id = a.owner",
        "WITH account(id) AS (SELECT 1) SELECT 1 FROM entry e JOIN account a ON a.id = e.debit",
        "SELECT 1 FROM entry e JOIN (SELECT max(id) AS id FROM account) a ON a.id = e.debit",
        "SELECT 1 FROM ? e JOIN account a ON a.id = debit",
        "SELECT 1 FROM entry e JOIN account a ON NOT a.id = e.debit OR NOT (a.id = e.credit)",
        "SELECT 1 FROM entry e JOIN account a ON (a.id = e.debit) = 0 AND ((e.credit = a.id)) IS FALSE",
        "SELECT 1 FROM entry e JOIN account a ON a.id = coalesce(max(e.debit), 1)",
        "SELECT 1 FROM entry e JOIN old.account a ON a.id = e.debit",
        "SELECT 1 FROM temp.entry e JOIN temp.account a ON a.id = e.debit",
        "SELECT 1 FROM entry e WHERE debit IN (SELECT max(id) FROM account)",
        "SELECT 1 FROM entry e JOIN account a WHERE id = debit",
    ],
)
def test_another_comparison_is_no_reference(sql: str) -> None:
    """No computed value counts, no declared reference, and no table of another database."""
    assert joined(sql) == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", True),
        ("WHERE e.memo = 'tag'", False),
        ("AND 3 <> e.owed", True),
        ("AND 3 <> e.credit", False),
        ("AND e.memo NOT IN ('tag', ?)", False),
        ("WHERE e.memo LIKE 'tag%'", False),
        ("WHERE (e.credit AND a.owner)", False),
        ("WHERE a.owner = 1 AND NOT e.credit ORDER BY e.id", False),
        ("WHERE memo = 'tag'", False),
        ("AND e.memo IS 'tag' UNION SELECT 1 FROM account WHERE owner", False),
        ("WHERE e.memo = ? AND e.credit = :credit AND e.id IN (?)", True),
        ("WHERE e.memo = '{memo}' AND e.credit = '$credit'", True),
        ("WHERE a.owner AND a.name = 'tag'", True),
        ("WHERE e.memo IS NOT NULL AND e.credit > 3", True),
        ("WHERE e.credit BETWEEN ? AND e.id", True),
        ("WHERE e.debit = 3", True),
        ("GROUP BY e.memo = 'tag'", True),
    ],
)
def test_comparison_for_some_rows_is_not_certain(rest: str, expected: bool) -> None:
    """A literal, or a column that is true or false, says for which rows of the table it holds."""
    sql = f"SELECT e.memo = 'x' AND e.credit FROM entry e JOIN account a ON a.id = e.debit {rest}"
    joins = CodeJoins([("a.py:1", each) for each in comparisons_in(sql)])

    assert [(each.column, each.is_certain) for each in keys_in(joins)] == [("debit", expected)]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["SELECT 1 FROM entry WHERE debit NOT IN (SELECT id FROM account)"], ("a.py:0", False)),
        (["DELETE FROM entry WHERE debit NOT IN (SELECT id FROM account)", LINE[5:-1]], ("a.py:1", True)),
        ([f"{LINE[5:-1]} WHERE e.memo = 1", LINE[5:-1], f"{LINE[5:-1]} AND e.memo"], ("a.py:1", True)),
        (["UPDATE entry SET memo = 1 WHERE debit = (SELECT id FROM account)"], ("a.py:0", True)),
    ],
)
def test_one_certain_statement_is_enough(statements: list[str], expected: tuple[str, bool]) -> None:
    """The place is that of the statement that is certain."""
    comparisons = [(f"a.py:{n}", each) for n, sql in enumerate(statements) for each in comparisons_in(sql)]

    assert [(each.place, each.is_certain) for each in keys_in(CodeJoins(comparisons))] == [expected]


def test_using_compares_the_columns_of_both_tables() -> None:
    """The key has the name of the column."""
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript("CREATE TABLE a(code INTEGER PRIMARY KEY); CREATE TABLE b(n, code INT)")
        joins = CodeJoins([("a.py:1", each) for each in comparisons_in("SELECT 1 FROM b JOIN a USING (code)")])
        assert [each[:3] for each in joins.keys_in(read_schema(con))] == [("b", "code", ("a", "code"))]


def test_name_of_an_attached_database_leads_to_its_file(tmp_path: Path) -> None:
    """A statement of the same file attaches it, or it is named like the file."""
    attach = "c.execute(\"ATTACH DATABASE 'file:data/north.db?mode=ro' AS Shop\")"
    write(tmp_path, "a.py", f"{attach}\n{LINE.replace('account a', 'shop.account a')}\n")

    joins = read_code_joins(ScanScope(tmp_path, ["."], []))

    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(LEDGER)
        [attached] = [each for each in joins.attached_in(read_schema(con)) if not each.database]
    assert (attached.table, attached.column, attached.to) == ("entry", "debit", ("shop", "account", "id"))
    assert joins.can_mean(attached.place, "shop", "x/north.db")
    assert not joins.can_mean(attached.place, "shop", "x/shop.db")
    assert joins.can_mean("b.py:1", "shop", "x/shop.db")


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("a.py", f"import x\n{LINE}\n", ["a.py:2"]),
        ("a.py", f'Q = """\n{LINE[5:-1]}\n    """\n', ["a.py:2"]),
        ("a.js", f"run(`{LINE[5:-1]}`)", ["a.js:1"]),
        ("a.json", f'["{LINE[5:-1]}"]', []),
        ("a.sql", f"SELECT 1;\n\n{LINE[5:-1]};", ["a.sql:3"]),
        ("a.go", f"var q = `-- name: List :many\n{LINE[5:-1]}\n`", ["a.go:2"]),
        ("a.py", f'Q = """\n/* all */ -- rows\n{LINE[5:]}""', ["a.py:3"]),
        ("A.java", f"""{LINE[:31]}" +\n  "{LINE[31:]};""", ["A.java:1"]),
        ("a.php", f"""<?php ${LINE[:31]}" . $rest . '{LINE[31:-1]}';""", ["a.php:1"]),
        ("a.js", f"""{LINE[:31]}", "{LINE[31:]};""", []),
        ("a.js", LINE.replace(" JOIN", r"\nJOIN").replace("account", r"\"account\""), ["a.js:1"]),
        ("a.pl", f"my $q = q{{{LINE[5:-1]}}};", ["a.pl:1"]),
        ("a.lua", f"db:exec([[{LINE[5:-1]}]])", ["a.lua:1"]),
        ("a.lua", f"-- db:exec([[{LINE[5:-1]}]])", []),
        ("a.sh", f"sqlite3 a.db <<EOF\n.mode csv\n{LINE[5:-1]};\nEOF", ["a.sh:2"]),
        ("a.sh", f"sqlite3 a.db <<EOF\n{LINE[5:-1]};\n" + "x\n" * 300 + "EOF", []),
        ("a.yml", f"a:\n  - |\n    {LINE[5:-1]}\n  - x", ["a.yml:3"]),
        ("a.yaml", f"a: |-\n\n    {LINE[5:31]}\n      {LINE[31:-1]}\nb: 1", ["a.yaml:4"]),
        ("a.yaml", f"a: |\n  run\n{LINE[5:-1]}", []),
        ("a.py", f"""{LINE[:31]}"\nif x:\n    Q += " {LINE[31:]}""", ["a.py:3"]),
        ("a.py", f"""{LINE[:31]}"\nQ = "SELECT 1"\nQ += " {LINE[31:]}""", []),
        ("a.py", f"# {LINE}", []),
        ("a.js", f"// {LINE}\n/* {LINE}\n*/ {LINE}", ["a.js:3"]),
        ("a.jsx", f"/** {LINE} */ {LINE}", ["a.jsx:1"]),
        ("a.mts", f"{LINE} // {LINE}", ["a.mts:1"]),
        ("a.rb", f"# {LINE}\n=begin\n{LINE}\n=end", []),
        ("a.rb", f"=begin\n{LINE}\n=end\nQ = <<~SQL\n  {LINE[5:-1]} -- all\nSQL", ["a.rb:4"]),
        ("a.go", f"// {LINE}\n/*\n{LINE}\n*/", []),
        ("a.go", f"// {LINE}\nvar q = `{LINE[5:-1]}`", ["a.go:2"]),
        ("a.php", f"<?php\n# {LINE}\n// {LINE}\n/* {LINE} */", []),
        ("a.php", f"<?php ${LINE}; // {LINE}", ["a.php:1"]),
        ("a.sh", f"# {LINE}", []),
        ("run", f"#!/bin/sh\n# {LINE}\nsqlite3 a.db {LINE[4:]} # all", ["run:3"]),
        ("a.kt", f"// {LINE}", []),
        ("a.rs", f"/// {LINE}\n#[query({LINE[4:]})]", ["a.rs:2"]),
        ("a.pl", f"#!/usr/bin/perl\n# {LINE}\nmy ${LINE};", ["a.pl:3"]),
        ("README.md", LINE, []),
    ],
)
def test_place_is_the_line_of_the_comparison(tmp_path: Path, file: str, text: str, expected: list[str]) -> None:
    """Only SQL in code counts, and no comment of any language."""
    write(tmp_path, file, text)

    assert [each.place for each in keys_in(read_code_joins(ScanScope(tmp_path, ["."], [])))] == expected
