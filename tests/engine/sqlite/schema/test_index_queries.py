"""Specify the query that triggers state for the rows of a search index."""

from __future__ import annotations

from contextlib import closing

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.index_queries import query_by_triggers
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

TABLES = (
    'CREATE TABLE t(id INTEGER PRIMARY KEY, body, "a b", of)',
    "CREATE TABLE owner(id INTEGER PRIMARY KEY, of, name)",
    "INSERT INTO owner VALUES(4, 9, 'Ann')",
)
FTS5 = "CREATE VIRTUAL TABLE x USING fts5(body, more)"
FTS4 = 'CREATE VIRTUAL TABLE "x" USING fts4(body, more)'
RTREE = "CREATE VIRTUAL TABLE x USING rtree(key, low, high, +more)"
ROW = "INSERT INTO t VALUES(7, 'new', 'b;c', 4)"


def trigger(body: str, head: str = "AFTER INSERT ON t") -> str:
    """Return a trigger with one statement."""
    return f"CREATE TRIGGER fires {head} BEGIN {body}; END"


@pytest.mark.parametrize(
    ("index", "trigger_sql"),
    [
        (FTS5, trigger("INSERT INTO x(rowid, body, more) VALUES(new.id, new.body, new.[a b])")),
        (FTS5, trigger("INSERT INTO x(more, rowid) VALUES(coalesce(new.body, ';'), NEW.rowid)")),
        (
            FTS5,
            trigger(
                "insert or replace into [x](rowid, body) values(new.id, (select name from owner where id = new.of))"
            ),
        ),
        (FTS4, trigger('INSERT INTO "x"(docid, body) VALUES(new.id, new.body)', "BEFORE INSERT ON t WHEN new.id > 3")),
        (FTS4, trigger("UPDATE owner SET of = 1; REPLACE INTO x(_rowid_, body) VALUES (new.id, ')' || new.body)")),
        (RTREE, trigger("INSERT INTO x VALUES(new.id, min(new.id, 5), 8, new.body) /* one */")),
        (RTREE, trigger("INSERT INTO x(key, low, high) VALUES(new.id, 0, 8)", "INSERT ON t FOR EACH ROW")),
    ],
)
def test_query_gives_the_rows_that_a_trigger_writes(index: str, trigger_sql: str) -> None:
    """The trigger writes a row, and the query gives the same one."""
    with closing(open_memory()) as con:
        for statement in (*TABLES, index, trigger_sql):
            con.execute(statement)
        schema = read_schema(con)
        table = schema.table("x")
        assert table is not None
        con.execute(ROW)
        columns = "key, low, high, more" if index == RTREE else "rowid, body, more"

        assert (
            con.execute(query_by_triggers(schema, table)).fetchall()
            == con.execute(f"SELECT {columns} FROM x").fetchall()
        )
        assert con.execute("SELECT count(*) FROM x").fetchone() == (1,)


@pytest.mark.parametrize(
    ("index", "triggers"),
    [
        (FTS5, []),
        (FTS5, [trigger("INSERT INTO x(rowid, body) SELECT new.id, body FROM t WHERE id = new.id")]),
        (FTS5, [trigger("INSERT INTO x(body) VALUES(new.body)")]),
        (FTS5, [trigger("INSERT INTO x(rowid, body) VALUES(new.id, 1), (-new.id, 2)")]),
        (
            FTS5,
            [trigger("INSERT INTO x(rowid, body) VALUES(new.id, 1); INSERT INTO x(rowid, body) VALUES(-new.id, 2)")],
        ),
        (FTS5, [trigger("INSERT INTO x(x, rowid, body) VALUES('delete', new.id, 1)")]),
        (FTS5.replace("more)", "more, content=t, content_rowid=id)"), [trigger("INSERT INTO x(rowid) VALUES(new.id)")]),
        (FTS5, [trigger("INSERT INTO x(rowid, body) VALUES(new.id, 1)", "AFTER UPDATE ON t")]),
    ],
)
def test_no_query_is_read_from_other_triggers(index: str, triggers: list[str]) -> None:
    """A person has to write it."""
    with closing(open_memory()) as con:
        for statement in (*TABLES, index, *triggers):
            con.execute(statement)
        schema = read_schema(con)
        table = schema.table("x")
        assert table is not None

        assert query_by_triggers(schema, table) == ""


def test_query_has_the_rows_of_each_table_that_writes() -> None:
    """Two triggers of two tables write one index."""
    second = "CREATE TRIGGER also AFTER INSERT ON owner BEGIN INSERT INTO x(rowid, more) VALUES(-new.id, new.name); END"
    with closing(open_memory()) as con:
        for statement in (*TABLES[:2], FTS5, trigger("INSERT INTO x(rowid, body) VALUES(new.id, new.body)"), second):
            con.execute(statement)
        schema = read_schema(con)
        table = schema.table("x")
        assert table is not None
        con.execute(ROW)
        con.execute(TABLES[2])

        rows = sorted(con.execute(query_by_triggers(schema, table)).fetchall())
        assert rows == [(-4, None, "Ann"), (7, "new", None)]
