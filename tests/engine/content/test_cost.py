"""Specify for which schemas the cost of reading is linear."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.cost import has_linear_cost

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3


def _foreseen(sql: str) -> bool:
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(sql)
        return has_linear_cost(con)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "CREATE TABLE t(a CHECK (length(a) > 0), b TEXT DEFAULT (datetime('now')), as_of TEXT)",
        "CREATE TABLE t(a CHECK (a IN ('instr(', '||')), b AS (a + 1), c AS (b * 2))",
        "CREATE TABLE t(a); CREATE INDEX by_a ON t(lower(a)) WHERE a IS NOT NULL; CREATE TABLE u(a, b)",
        "CREATE TABLE t(a); CREATE VIEW v AS SELECT replace(a, 'x', 'y') FROM t; CREATE VIEW w AS SELECT * FROM v",
        "CREATE TABLE t(a); CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT instr(a, 'with') FROM t; END",
        "CREATE VIRTUAL TABLE t USING fts5(a); CREATE TABLE u(a ANY) STRICT; CREATE TABLE v(a PRIMARY KEY)",
    ],
)
def test_schema_with_linear_functions_has_linear_cost(sql: str) -> None:
    """No second process is started for most databases."""
    assert _foreseen(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t(a CHECK (instr(a, 'x') = 0))",
        """CREATE TABLE t(a CHECK ("instr"(a, 'x') = 0))""",
        "CREATE TABLE t(a CHECK (a LIKE '%x%'))",
        "CREATE TABLE t(a CHECK (a -> 'x' IS NULL))",
        "CREATE TABLE t(a, b AS (a || a))",
        "CREATE TABLE t(a, b AS (a + a), c AS (b + b), d AS (c + c))",
        "CREATE TABLE t(a); CREATE INDEX by_a ON t(replace(a, 'x', 'y'))",
        "CREATE TABLE t(a); CREATE INDEX by_a ON t(a) WHERE hex(a) > 'x'",
        "CREATE VIEW v AS WITH c AS (SELECT 1 AS x) SELECT x FROM c",
        "CREATE TABLE t(a); CREATE TRIGGER x INSERT ON t BEGIN INSERT INTO t WITH c AS (SELECT 1) SELECT * FROM c; END",
        "CREATE VIEW u AS SELECT 1 AS x; CREATE VIEW v AS SELECT x FROM u; CREATE VIEW w AS SELECT x FROM v",
    ],
)
def test_schema_that_expands_values_has_unknown_cost(sql: str) -> None:
    """It calls other functions, concatenates text, or nests three expressions."""
    assert not _foreseen(sql)
