"""Specify that names with any characters stay names in SQL."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.sql import (
    folded,
    identifier_list,
    quoted,
    rename_in_statement,
    strip_literals,
    strip_trailing_comments,
    virtual_table_module,
)

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda name: not name.lower().startswith("sqlite_")
)
HOSTILE = ["t", "select", 'a"b', "a'b", "a]b", "a`b", "x); DROP TABLE t; --", "line\nbreak", "", " ", "\U0001f600"]


@settings(max_examples=150, deadline=None)
@given(NAMES)
def test_quoted_name_is_that_name(name: str) -> None:
    """SQLite reads back exactly the name that was given, as a table and as a column."""
    con = open_memory()

    con.execute(f"CREATE TABLE {quoted(name)}({quoted(name)})")

    assert con.execute("SELECT name FROM sqlite_schema").fetchall() == [(name,)]
    assert con.execute(f"SELECT * FROM {quoted(name)}").description[0][0] == name


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_that_name(name: str) -> None:
    """Quotes, reserved words and whole statements are characters of a name."""
    con = open_memory()

    con.execute(f"CREATE TABLE {quoted(name)}(a)")

    assert con.execute("SELECT name FROM sqlite_schema").fetchall() == [(name,)]


def test_listed_names_are_quoted_one_by_one() -> None:
    """A comma in a name does not make two of it."""
    assert identifier_list(["a,b", 'c"']) == '"a,b", "c"""'
    assert identifier_list(()) == ""


@settings(max_examples=150, deadline=None)
@given(NAMES, NAMES)
def test_names_are_folded_as_sqlite_compares_them(left: str, right: str) -> None:
    """Two names fold to the same exactly when SQLite compares them as equal."""
    con = open_memory()
    for text in (left, right.upper(), right):
        same = con.execute("SELECT ? = ? COLLATE NOCASE", (right, text)).fetchone()[0]
        assert (folded(right) == folded(text)) is bool(same)


@pytest.mark.parametrize("name", ["i", '"i"', "[i]", "`i`", "'i'", "'i''j'", "é", "i$1", '"CREATE INDEX x"', '"a\nb"'])
@pytest.mark.parametrize("between", [" ", "/* ON */ ", "--c\n", "\n\t"])
@pytest.mark.parametrize("unique", ["", "UNIQUE "])
def test_index_gets_another_name_and_stays_same(name: str, between: str, unique: str) -> None:
    """Only the name is another one, however it was written and whatever follows it."""
    con = open_memory()
    con.execute("CREATE TABLE t(a)")
    con.execute(f"CREATE {unique}INDEX {name}{between}ON t(a) WHERE a <> 'INDEX i'")
    stored = con.execute("SELECT sql FROM sqlite_schema WHERE type = 'index'").fetchone()[0]

    con.execute(rename_in_statement(stored, 'an"other'))

    rows = con.execute("SELECT sql FROM sqlite_schema WHERE name = 'an\"other'").fetchall()
    assert rows == [(stored.replace(f"INDEX {name}", 'INDEX "an""other"', 1),)]


def test_trigger_gets_another_name() -> None:
    """Its body, which may hold the old name, is left alone."""
    renamed = rename_in_statement("create trigger g after insert on t begin select 'g'; end", "h")

    assert renamed == "create trigger \"h\" after insert on t begin select 'g'; end"


@pytest.mark.parametrize("text", ["CREATE TABLE t(a)", "DROP INDEX i", "", "CREATE INDEX"])
def test_only_index_or_trigger_can_be_given_another_name(text: str) -> None:
    """Any other statement is refused."""
    with pytest.raises(ValueError, match="not a CREATE INDEX"):
        rename_in_statement(text, "x")


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("A 'b''c' D", "a   d"),
        ('A "b" [c] `d` E', "a       e"),
        ("A -- b\nC", "a  \nc"),
        ("A /* b */ C", "a   c"),
        ("A /* b", "a  "),
        ("A '/*' B '*/'", "a   b  "),
    ],
)
def test_comments_and_strings_are_no_keywords(sql: str, left: str) -> None:
    """Comments, strings and quoted names hold no keywords."""
    assert strip_literals(sql) == left


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1 -- a", "SELECT 1"),
        ("SELECT 1 -- a\n", "SELECT 1"),
        ("SELECT 1 /* a */ -- b\n /* c", "SELECT 1"),
        ("SELECT 1 /* a */ AS b", "SELECT 1 /* a */ AS b"),
        ("SELECT ' -- a'", "SELECT ' -- a'"),
        ("SELECT '/*' AS b", "SELECT '/*' AS b"),
    ],
)
def test_only_trailing_comments_are_removed(sql: str, left: str) -> None:
    """SQLite keeps a comment inside of a statement."""
    assert strip_trailing_comments(sql) == left


@pytest.mark.parametrize(
    ("sql", "module"),
    [
        ("CREATE VIRTUAL TABLE f USING fts5(a)", "fts5"),
        ("CREATE VIRTUAL TABLE f using FTS5(a, b)", "fts5"),
        ("CREATE VIRTUAL TABLE f\nUSING\n\tfts5\n(a)", "fts5"),
        ("CREATE VIRTUAL TABLE f -- using rtree\n USING /* x */ fts5(a)", "fts5"),
        ('CREATE VIRTUAL TABLE "a using rtree"USING"FTS5"(a)', "fts5"),
        ("CREATE VIRTUAL TABLE 'f' USING [rtree](id, a, b)", "rtree"),
        ("CREATE VIRTUAL TABLE f USING dbstat", "dbstat"),
        ("CREATE TABLE t(a)", ""),
    ],
)
def test_module_of_virtual_table_is_found(sql: str, module: str) -> None:
    """However the statement is written."""
    assert virtual_table_module(sql) == module
