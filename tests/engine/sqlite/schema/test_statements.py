"""Specify which statements SQLite reads as the same."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import (
    Statement,
    is_same_object,
    same_except_defaults,
    same_statement,
    schema_statements,
    words_of,
)


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        pytest.param("CREATE TABLE t(a)", "create table T ( A )", True, id="case-and-gaps"),
        pytest.param("CREATE TABLE t(a)", "CREATE TABLE t(a) -- the end", True, id="comment"),
        pytest.param("CREATE TABLE t(a)", "CREATE TABLE t/* as it\nwas */(a)", True, id="comment-of-lines"),
        pytest.param("CREATE TABLE t(a)", 'CREATE TABLE "t"(`a`)', True, id="quotes"),
        pytest.param("CREATE TABLE t(a)", "CREATE TABLE [t](a)", True, id="brackets"),
        pytest.param("CREATE TABLE t(a)", "CREATE TABLE t(b)", False, id="other-name"),
        pytest.param("CREATE TABLE t(a DEFAULT 'x')", "CREATE TABLE t(a DEFAULT 'X')", False, id="case-of-text"),
        pytest.param("CREATE TABLE t(a DEFAULT 'x')", "CREATE TABLE t(a DEFAULT 'x ')", False, id="gap-in-text"),
    ],
)
def test_statements_differ_by_names_and_texts(first: str, second: str, is_same: bool) -> None:
    """Case, gaps, comments and quotes around names do not count. The content of a text counts."""
    assert same_statement(first, second) == is_same


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        pytest.param("CREATE TABLE t(a DEFAULT 1, b)", "CREATE TABLE t(a, b)", True, id="at-one-end"),
        pytest.param("CREATE TABLE t(a default -1.5e3, b)", "CREATE TABLE t(a DEFAULT 'it''s', b)", True, id="other"),
        pytest.param("CREATE TABLE t(a DEFAULT 1, b DEFAULT NULL)", "CREATE TABLE t(a, b)", True, id="two"),
        pytest.param("CREATE TABLE t(a DEFAULT x'00' NOT NULL)", "CREATE TABLE t(a NOT NULL)", True, id="more-behind"),
        pytest.param("CREATE TABLE t(a DEFAULT'x'NOT NULL)", "CREATE TABLE t(a NOT NULL)", True, id="without-gaps"),
        pytest.param("CREATE TABLE t(a DEFAULT 'x'DEFAULT 2)", "CREATE TABLE t(a)", True, id="two-of-one-column"),
        pytest.param("CREATE TABLE t(a DEFAULT 1 NOT NULL)", "CREATE TABLE t(a DEFAULT 1)", False, id="not-null"),
        pytest.param("CREATE TABLE t(a DEFAULT 1)", "CREATE TABLE t(b DEFAULT 1)", False, id="other-column"),
        pytest.param("CREATE TABLE t(a DEFAULT 1)", "CREATE TABLE t(a DEFAULT (1))", False, id="an-expression"),
        pytest.param("CREATE TABLE t(a DEFAULT (1))", "CREATE TABLE t(a DEFAULT (1))", False, id="both-expressions"),
        pytest.param("CREATE TABLE t(a 'default' 1)", "CREATE TABLE t(a)", False, id="a-text"),
    ],
)
def test_statements_differ_by_more_than_literal_defaults(first: str, second: str, is_same: bool) -> None:
    """A DEFAULT that is an expression makes no two statements the same."""
    assert same_except_defaults(first, second) == is_same
    assert same_except_defaults(second, first) == is_same


def test_words_have_no_quotes_and_no_case() -> None:
    """Gaps and comments are no words."""
    assert words_of("SELECT \"Ab\", `cd`, [ef], 'Gh' -- the end\nFROM T") == [
        "select", "ab", ",", "cd", ",", "ef", ",", "gh", "from", "t",
    ]  # fmt: skip


def test_schema_statements_have_the_table_of_each_object() -> None:
    """Tables come first, then indexes, views and triggers.

    An index of a constraint has no statement.
    """
    con = open_memory()
    con.execute("CREATE TABLE t(a UNIQUE)")
    con.execute("CREATE INDEX i ON t(a)")
    con.execute("CREATE VIEW v AS SELECT 1")
    con.execute("CREATE TRIGGER w AFTER INSERT ON t BEGIN SELECT 1; END")

    statements = [(each.kind, each.name, each.table) for each in schema_statements(read_schema(con))]

    assert statements == [("table", "t", "t"), ("index", "i", "t"), ("view", "v", "v"), ("trigger", "w", "t")]


@pytest.mark.parametrize(
    ("second", "is_same"),
    [
        pytest.param(Statement("index", "i", "T", "create index I on T(a)"), True, id="spelling"),
        pytest.param(Statement("trigger", "i", "t", "CREATE INDEX i ON t(a)"), False, id="kind"),
        pytest.param(Statement("index", "i", "u", "CREATE INDEX i ON t(a)"), False, id="table"),
        pytest.param(Statement("index", "i", "t", "CREATE INDEX i ON t(b)"), False, id="statement"),
    ],
)
def test_objects_differ_by_kind_table_and_statement(second: Statement, is_same: bool) -> None:
    """The spelling of names does not count."""
    assert is_same_object(Statement("index", "i", "t", "CREATE INDEX i ON t(a)"), second) == is_same
