"""Specify which spellings of a statement declare the same."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.declarations import (
    check_expressions,
    column_clauses,
    column_properties,
    column_texts,
    comparable_index,
    comparable_statement,
    table_declarations,
)
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema

PARENT = "CREATE TABLE parent(id INTEGER PRIMARY KEY, code TEXT UNIQUE)"


def schema_of(*statements: str) -> Schema:
    """Return the schema that statements make beside a parent table."""
    with closing(open_memory()) as con:
        for statement in (PARENT, *statements):
            con.execute(statement)
        return read_schema(con)


def facts(table: str, options: str = "") -> dict[str, list[Any]]:
    """Return the comparable declarations of a table with these columns and constraints."""
    schema = schema_of(f"CREATE TABLE t({table}) {options}")
    t = schema.tables["t"]
    columns: dict[str, list[Any]] = {
        "columns": sorted(tuple(column_properties(column, t).items()) for column in t.columns)
    }
    return columns | {kind: sorted(texts) for kind, texts in table_declarations(t, schema).items()}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a INT, b TEXT", '"b" text , [a] int'),
        ("a INT CHECK(a > 0)", "a int, constraint positive check (( `a`>0 ))"),
        ("a INT REFERENCES parent(id)", 'a INT, FOREIGN KEY("a") REFERENCES "PARENT"'),
        ("a INT REFERENCES parent NOT DEFERRABLE", "a INT REFERENCES parent"),
        ("a TEXT COLLATE NOCASE", 'a TEXT COLLATE "nocase"'),
        ("a TEXT COLLATE BINARY", "a TEXT /* as it is */"),
        ("a TEXT UNIQUE ON CONFLICT IGNORE", "a TEXT, UNIQUE(a) ON CONFLICT IGNORE"),
        ("a TEXT UNIQUE ON CONFLICT ABORT", "a TEXT UNIQUE"),
        ("a INT, b AS (a + 1)", 'b GENERATED ALWAYS AS ("A"+1) VIRTUAL, a INT'),
        ("a INT, UNIQUE(a) CHECK(a > 1)", "a INT, UNIQUE(a), CHECK(a > 1)"),
        ('"check" TEXT COLLATE NOCASE', "[check] TEXT COLLATE NOCASE"),
        ("a INT DEFAULT (1+1)", "a INT DEFAULT ( 1 + 1 )"),
        ("a TEXT DEFAULT 'it''s'", 'a TEXT DEFAULT "it\'s"'),
        ("a TEXT DEFAULT 'q'", "a TEXT DEFAULT q"),
        ("a TEXT DEFAULT 'ab'", "a TEXT DEFAULT [ab]"),
        ("a TEXT DEFAULT CURRENT_TIMESTAMP", "a TEXT DEFAULT current_timestamp"),
        ("a VARCHAR(10), b DECIMAL(3,2)", "a varchar( 10 ), b Decimal (3, 2)"),
        ("a INT CHECK(a IS NOT NULL)", "a INT CHECK(a NOTNULL)"),
    ],
)
def test_other_words_declare_same(left: str, right: str) -> None:
    """Quotes, case, white space, comments and order do not count.

    Nor do the name of a constraint and the spelling of a default.
    """
    assert facts(left) == facts(right)


@pytest.mark.parametrize(
    ("left", "right", "kinds"),
    [
        ("a INT", "a", {"columns"}),
        ("a INT NOT NULL", "a INT", {"columns"}),
        ("a INT DEFAULT 1", "a INT DEFAULT 2", {"columns"}),
        ("a INT DEFAULT 'q'", "a INT DEFAULT 'Q'", {"columns"}),
        ("a INT DEFAULT '1 + 1'", "a INT DEFAULT (1 + 1)", {"columns"}),
        ("a INT DEFAULT CURRENT_TIMESTAMP", "a INT DEFAULT 'current_timestamp'", {"columns"}),
        ("a VARCHAR(10)", "a VARCHAR(20)", {"columns"}),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY DESC", {"columns"}),
        ("a INT CHECK(a IS NOT NULL)", "a INT CHECK(a IS NULL)", {"CHECK"}),
        ("a INT CHECK(a <> 'x not null')", "a INT CHECK(a <> 'x is not null')", {"CHECK"}),
        ("a INTEGER PRIMARY KEY AUTOINCREMENT", "a INTEGER PRIMARY KEY", {"AUTOINCREMENT"}),
        ("a INT CHECK(a > 0) CHECK(a < 9)", "a INT CHECK(a > 0)", {"CHECK"}),
        ("a TEXT CHECK(a <> 'X')", "a TEXT CHECK(a <> 'x')", {"CHECK"}),
        ("a TEXT CHECK(a IN ('b', 'c'))", "a TEXT CHECK(a IN ('b'))", {"CHECK"}),
        ("a INT REFERENCES parent", "a INT", {"FOREIGN KEY"}),
        ("a INT REFERENCES parent", "a INT REFERENCES parent(code)", {"FOREIGN KEY"}),
        ("a INT REFERENCES parent ON UPDATE CASCADE", "a INT REFERENCES parent", {"FOREIGN KEY"}),
        ("a INT REFERENCES parent DEFERRABLE INITIALLY DEFERRED", "a INT REFERENCES parent", {"DEFERRED"}),
        ("a TEXT COLLATE NOCASE", "a TEXT COLLATE RTRIM", {"COLLATE"}),
        ('"check" TEXT COLLATE NOCASE', '"check" TEXT', {"COLLATE"}),
        ("a INT NOT NULL ON CONFLICT IGNORE", "a INT NOT NULL", {"ON CONFLICT"}),
        ("a INT, UNIQUE(a) ON CONFLICT FAIL", "a INT, UNIQUE(a) ON CONFLICT IGNORE", {"ON CONFLICT"}),
        ("a INT, b AS (a + 1)", "a INT, b AS (a + 2)", {"generated"}),
        ("a INT, b AS (a + 1)", "a INT, b", {"generated"}),
        ("a INT, b AS (a + 1) STORED", "a INT, b AS (a + 1)", {"generated"}),
    ],
)  # fmt: skip
def test_what_is_declared_otherwise_is_named_by_its_kind(left: str, right: str, kinds: set[str]) -> None:
    """One difference is one kind."""
    left_facts, right_facts = facts(left), facts(right)

    assert {kind for kind in left_facts if left_facts[kind] != right_facts[kind]} == kinds


def test_text_of_check_is_declared_one() -> None:
    """A reader knows it again, whatever the words are by which it is compared."""
    t = schema_of(
        "CREATE TABLE t(a INT CHECK( A >= 0 ), b, CONSTRAINT c CHECK (b <> '(X' OR (a||b) IN (1, 2)))"
    ).tables["t"]

    assert check_expressions(t) == ["A >= 0", "b <> '(X' OR (a||b) IN (1, 2)"]


def test_options_of_table_are_declared() -> None:
    """A table that is STRICT or WITHOUT ROWID keeps its rows otherwise."""
    plain = facts("a INT PRIMARY KEY NOT NULL")
    strict = facts("a INT PRIMARY KEY NOT NULL", "STRICT")
    without = facts("a INT PRIMARY KEY NOT NULL", "WITHOUT ROWID")

    assert {kind for kind in plain if plain[kind] != strict[kind]} == {"STRICT"}
    assert {kind for kind in plain if plain[kind] != without[kind]} == {"WITHOUT ROWID"}


@pytest.mark.parametrize(
    ("left", "right", "is_equal"),
    [
        ("CREATE UNIQUE INDEX one ON t(a)", "CREATE UNIQUE INDEX two ON [t]( A )", True),
        ("CREATE UNIQUE INDEX one ON t(a)", "CREATE INDEX one ON t(a)", False),
        ("CREATE INDEX one ON t(a)", "CREATE INDEX one ON t(a DESC)", False),
        ("CREATE INDEX one ON t(a)", "CREATE INDEX one ON t(a COLLATE NOCASE)", False),
        ("CREATE INDEX one ON t(a) WHERE b > 1", 'CREATE INDEX two ON t("a") where "b">1', True),
        ("CREATE INDEX one ON t(a) WHERE b > 1", "CREATE INDEX one ON t(a) WHERE b > 2", False),
        ("CREATE INDEX one ON t(a + b)", 'CREATE INDEX two ON t("a"+B)', True),
        ("CREATE INDEX one ON t(a + b)", "CREATE INDEX one ON t(a - b)", False),
        ("CREATE INDEX one ON t(lower(a))", 'CREATE INDEX one ON t(LOWER("a") ASC)', True),
        ("CREATE INDEX one ON t(lower(a))", "CREATE INDEX one ON t(lower(a) DESC)", False),
        ("CREATE INDEX one ON t(lower(a))", "CREATE INDEX one ON t(lower(a) COLLATE NOCASE)", False),
        ("CREATE INDEX one ON t(lower(a))", "CREATE INDEX one ON t(lower(a) COLLATE BINARY)", True),
        ("CREATE INDEX one ON t(a, a + b)", "CREATE INDEX one ON t(a + b, a)", False),
        ("CREATE INDEX one ON t(a) WHERE b IS NOT NULL", 'CREATE INDEX one ON t("a" ASC) WHERE (b NOT NULL)', True),
        ("CREATE INDEX one ON t(a) WHERE b ISNULL", "CREATE INDEX one ON t(a) WHERE b IS NULL", True),
        ("CREATE INDEX one ON t(a) WHERE b IS NOT NULL", "CREATE INDEX one ON t(a) WHERE b IS NULL", False),
    ],
)
def test_index_is_told_by_what_it_does(left: str, right: str, is_equal: bool) -> None:
    """Its name and its words are no part of that."""
    tables = [schema_of("CREATE TABLE t(a, b)", statement).tables["t"] for statement in (left, right)]

    assert (
        comparable_index(tables[0].indexes[0], tables[0]) == comparable_index(tables[1].indexes[0], tables[1])
    ) is is_equal


def test_unique_constraint_is_like_unique_index() -> None:
    """Both refuse the same rows."""
    made, declared_unique = (
        schema_of("CREATE TABLE t(a)", "CREATE UNIQUE INDEX i ON t(a)"),
        schema_of("CREATE TABLE t(a UNIQUE)"),
    )
    tables = [schema.tables["t"] for schema in (made, declared_unique)]

    assert comparable_index(tables[0].indexes[0], tables[0]) == comparable_index(tables[1].indexes[0], tables[1])


def test_views_and_triggers_are_told_by_their_words() -> None:
    """The name of a view counts, that of a trigger does not. Text keeps its case."""
    schema = schema_of(
        "CREATE VIEW v AS SELECT code FROM parent WHERE code = 'X'",
        "CREATE TRIGGER a AFTER INSERT ON parent BEGIN SELECT 1; END",
    )
    respelled = schema_of(
        'CREATE VIEW "V" as select "Code" from [parent] where code=\'X\'',
        'create trigger b after insert on "parent" begin select 1; end',
    )
    changed = schema_of(
        "CREATE VIEW v AS SELECT code FROM parent WHERE code = 'x'",
        "CREATE TRIGGER a AFTER INSERT ON parent BEGIN SELECT 2; END",
    )

    assert (
        comparable_statement(schema.views[0], schema)
        == comparable_statement(respelled.views[0], respelled)
        != comparable_statement(changed.views[0], changed)
    )
    assert (
        comparable_statement(schema.triggers[0], schema)
        == comparable_statement(respelled.triggers[0], respelled)
        != comparable_statement(changed.triggers[0], changed)
    )


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ("a INT NOT NULL ON CONFLICT FAIL UNIQUE", "a INT NOT NULL UNIQUE ON CONFLICT FAIL", {"ON CONFLICT"}),
        ("a INT NOT NULL ON CONFLICT FAIL PRIMARY KEY", "a INT NOT NULL PRIMARY KEY ON CONFLICT FAIL", {"ON CONFLICT"}),
        (
            "a, b, FOREIGN KEY(a) REFERENCES parent DEFERRABLE INITIALLY DEFERRED, FOREIGN KEY(b) REFERENCES parent",
            "a, b, FOREIGN KEY(a) REFERENCES parent, FOREIGN KEY(b) REFERENCES parent DEFERRABLE INITIALLY DEFERRED",
            {"DEFERRED"},
        ),
        ("a INT UNIQUE NOT NULL ON CONFLICT FAIL", "a INT UNIQUE ON CONFLICT FAIL NOT NULL", {"ON CONFLICT"}),
        ("a INT CHECK(a > 1) UNIQUE ON CONFLICT FAIL", "a INT UNIQUE ON CONFLICT FAIL CHECK(a > 1)", set()),
        ("a INT REFERENCES parent NOT DEFERRABLE INITIALLY DEFERRED", "a INT REFERENCES parent", set()),
        (
            "a INT REFERENCES parent NOT NULL DEFERRABLE INITIALLY DEFERRED",
            "a INT REFERENCES parent NOT NULL",
            {"DEFERRED"},
        ),
        (
            "a INT DEFAULT 1 NOT NULL REFERENCES parent DEFERRABLE INITIALLY DEFERRED",
            "a INT DEFAULT 1 NOT NULL REFERENCES parent",
            {"DEFERRED"},
        ),
        ("a, b, FOREIGN KEY(a) REFERENCES parent", "a, b, FOREIGN KEY(b) REFERENCES parent", {"FOREIGN KEY"}),
        ("a REFERENCES nowhere", "a REFERENCES nowhere(id)", {"FOREIGN KEY"}),
    ],
)
def test_clause_belongs_to_its_constraint_and_columns(first: str, second: str, kinds: set[str]) -> None:
    """The same words elsewhere declare something else."""
    left_facts, right_facts = facts(first), facts(second)

    assert {kind for kind in left_facts if left_facts[kind] != right_facts[kind]} == kinds


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("fts5(a)", "fts5(a, tokenize = 'porter')"),
        ("fts4(a)", "fts4(a COLLATE NOCASE CHECK (a))"),
        ("fts4(a)", "fts4(a, matchinfo=fts3)"),
    ],
)
def test_virtual_table_declares_what_its_module_is_told(first: str, second: str) -> None:
    """Only the module reads that, so it is no clause."""
    schemas = [schema_of(f"CREATE VIRTUAL TABLE t USING {module}") for module in (first, second)]
    left_facts, right_facts = (table_declarations(schema.tables["t"], schema) for schema in schemas)

    assert {kind for kind in left_facts if left_facts[kind] != right_facts[kind]} == {"module"}


def test_option_is_declared_with_yes_or_no() -> None:
    """A reader of a difference sees both."""
    plain = facts("a INTEGER PRIMARY KEY")

    for kind, options in {"AUTOINCREMENT": "", "STRICT": "STRICT", "WITHOUT ROWID": "WITHOUT ROWID"}.items():
        chosen = facts(f"a INTEGER PRIMARY KEY {kind if not options else ''}", options)
        assert "no" in plain[kind]
        assert "yes" in chosen[kind]


def test_columns_stand_in_order_with_all_they_declare() -> None:
    """What a column does not declare has no word."""
    table = schema_of("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x', b, g AS (a))").tables["t"]

    assert column_texts(table) == ["id INTEGER key 1", "a TEXT NOT NULL default 'x'", "b", "g generated"]


def test_property_has_words_where_it_is_not_declared() -> None:
    """A reader of a difference sees both sides."""
    table = schema_of("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x', b)").tables["t"]
    key, text, plain = (column_properties(column, table) for column in table.columns)

    assert [*key.values()] == ["id", "type INTEGER", "NULL allowed", "key 1", "is the rowid", "no default"]
    assert [*text.values()] == ["a", "type TEXT", "NOT NULL", "no key", "is not the rowid", "default 'x'"]
    assert plain == {
        "name": "b",
        "type": "no type",
        "NOT NULL": "NULL allowed",
        "key": "no key",
        "rowid": "is not the rowid",
        "default": "no default",
    }


@pytest.mark.parametrize(
    ("default", "text"), [("`a``b`", "a`b"), ('"a""b"', 'a"b'), ("[a``b]", "a``b"), ("`it's`", "it''s")]
)
def test_quoted_name_is_the_default_that_sqlite_stores(default: str, text: str) -> None:
    """The same text in quotes of its own is no other default."""
    tables = [schema_of(f"CREATE TABLE t(a DEFAULT {value})").tables["t"] for value in (default, f"'{text}'")]
    named, stored = (column_properties(table.columns[0], table)["default"] for table in tables)

    assert named == stored == f"default '{text}'"


def test_quote_in_a_name_is_doubled_by_spelling_only() -> None:
    """A bracket is never doubled."""
    checks = [schema_of(f"CREATE TABLE t(a CHECK ({name} > 1), {name})") for name in ('"x""y"', '[x"y]', '[x""y]')]
    doubled, bracketed, other = (table_declarations(schema.tables["t"], schema)["CHECK"].keys() for schema in checks)

    assert doubled == bracketed != other


CLAUSES = """CREATE TABLE t(
    a TEXT COLLATE NOCASE CHECK( A>1 ) NOT NULL ON CONFLICT FAIL,
    b REFERENCES parent DEFERRABLE INITIALLY DEFERRED,
    g AS ( A+1 ), s AS (b) STORED,
    CHECK (b>0), UNIQUE(b) ON CONFLICT IGNORE
)"""


@pytest.mark.parametrize(
    ("column", "clauses"),
    [
        ("A", {"a nocase", "a > 1", "a not fail"}),
        ("b", {"b"}),
        ("g", {"g as a + 1 virtual"}),
        ("s", {"s as b stored"}),
        ("c", set()),
    ],
)
def test_clause_of_column_goes_with_it(column: str, clauses: set[str]) -> None:
    """Those of the table belong to none."""
    assert column_clauses(schema_of(CLAUSES).tables["t"], column) == clauses


def test_clause_has_its_text_as_it_is_declared() -> None:
    """Beside the words that compare."""
    schema = schema_of(CLAUSES)

    texts = table_declarations(schema.tables["t"], schema)

    assert texts["CHECK"] == {"a > 1": "A>1", "b > 0": "b>0"}
    assert texts["generated"] == {"g as a + 1 virtual": "g as (A+1) virtual", "s as b stored": "s as (b) stored"}
    assert texts["COLLATE"] == {"a nocase": "a nocase"}
    assert texts["ON CONFLICT"] == {clause: clause for clause in ("a not fail", "b unique ignore")}


def test_quoted_column_of_virtual_table_is_same_word() -> None:
    """As in a table of SQLite's own."""
    schemas = [schema_of(f"CREATE VIRTUAL TABLE t USING fts5({column})") for column in ("a", '"A"')]
    plain, quoted = (table_declarations(schema.tables["t"], schema)["module"] for schema in schemas)

    assert plain.keys() == quoted.keys()


def test_foreign_key_is_told_by_columns_and_actions() -> None:
    """Where it names none of the parent's columns, these are the parent's key."""
    schema = schema_of(
        "CREATE TABLE pair(c, d, PRIMARY KEY(c, d))", "CREATE TABLE t(a, b, FOREIGN KEY(a, b) REFERENCES pair)"
    )

    words_of_key = "(a, b) references pair(c, d) on update NO ACTION on delete NO ACTION"
    assert words_of_key in table_declarations(schema.tables["t"], schema)["FOREIGN KEY"]


def test_quoted_word_that_is_no_column_keeps_its_case() -> None:
    """SQLite may read it as a text."""
    schemas = [schema_of(f"CREATE TABLE t(a CHECK(a <> '1'), b AS (a || {text}))") for text in ("'X'", "'x'")]
    quoted = [schema_of(f'CREATE VIEW v AS SELECT code AS {name} FROM "PARENT"') for name in ('"X"', '"x"')]

    assert table_declarations(schemas[0].tables["t"], schemas[0]) != table_declarations(
        schemas[1].tables["t"], schemas[1]
    )
    assert comparable_statement(quoted[0].views[0], quoted[0]) != comparable_statement(quoted[1].views[0], quoted[1])
    assert comparable_statement(quoted[0].views[0], quoted[0]).endswith("from parent")
