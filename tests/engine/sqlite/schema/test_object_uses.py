"""Specify which triggers and views use the implicit rowid of a table."""

from __future__ import annotations

from contextlib import closing

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.object_uses import RowidUse, UseReader
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

TABLES = """
CREATE TABLE x(k TEXT PRIMARY KEY, v);
CREATE TABLE y(id INTEGER PRIMARY KEY, xr INT);
CREATE TABLE named(rowid TEXT PRIMARY KEY, v);
CREATE TABLE without(k TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE f USING fts5(k, content='x');
CREATE VIRTUAL TABLE g USING fts5(k);
"""
USES = {
    "join": ("CREATE VIEW o AS SELECT y.id, x.v FROM y JOIN x ON x.rowid = y.xr", "view"),
    "other name": ('CREATE VIEW o AS SELECT "OID" AS id FROM x', "view"),
    "common table expression": ("CREATE VIEW o AS WITH q AS (SELECT _rowid_ AS r FROM x) SELECT r FROM q", "view"),
    "old row": ("CREATE TRIGGER o AFTER DELETE ON x BEGIN DELETE FROM y WHERE xr = old.rowid; END", "trigger"),
    "other table": ("CREATE TRIGGER o AFTER DELETE ON y BEGIN DELETE FROM x WHERE rowid = old.xr; END", "trigger"),
    "given rowid": (
        "CREATE TRIGGER o AFTER INSERT ON y BEGIN INSERT INTO x(rowid, k) VALUES(new.id, 1); END",
        "trigger",
    ),
    "changed rowid": ("CREATE TRIGGER o AFTER INSERT ON y BEGIN UPDATE x SET rowid = new.id; END", "trigger"),
    "equal rowids": ("CREATE TRIGGER o AFTER DELETE ON x BEGIN DELETE FROM y WHERE rowid = old.rowid; END", "trigger"),
    "latest rows": (
        "CREATE TRIGGER o AFTER INSERT ON x BEGIN DELETE FROM x WHERE rowid < new.rowid - 9; END",
        "trigger",
    ),
    "index of its own": (
        "CREATE TRIGGER o AFTER INSERT ON x BEGIN INSERT INTO g(rowid, k) VALUES(new.rowid, 1); END",
        "trigger",
    ),
}
NO_USES = {
    "columns": "CREATE VIEW o AS SELECT k, count(*) FROM x GROUP BY v",
    "a text": "CREATE VIEW o AS SELECT 'rowid' AS t FROM x",
    "key": "CREATE VIEW o AS SELECT rowid FROM y",
    "column of that name": "CREATE VIEW o AS SELECT rowid FROM named",
    "its row": "CREATE TRIGGER o AFTER UPDATE ON x BEGIN UPDATE x SET v = 1 WHERE x.rowid = new.rowid; END",
    "its row, reversed": "CREATE TRIGGER o AFTER UPDATE ON x BEGIN UPDATE x SET v = 1 WHERE new.oid = oid; END",
    "index": "CREATE TRIGGER o AFTER INSERT ON x BEGIN INSERT INTO f(rowid, k) VALUES(new.rowid, new.k); END",
}


def uses(create: str) -> list[RowidUse]:
    """Return the uses of implicit rowids by one object beside the tables."""
    with closing(open_memory()) as con:
        con.executescript(f"{TABLES}{create};")
        reader = UseReader(read_schema(con))
    with closing(reader):
        return list(reader.rowid_uses())


@pytest.mark.parametrize(("create", "kind"), USES.values(), ids=USES)
def test_use_of_an_implicit_rowid_is_found(create: str, kind: str) -> None:
    """Another rowid of the row would change what the object means."""
    assert [(use.kind, use.name, use.table) for use in uses(create)] == [(kind, "o", "x")]


def test_use_names_the_other_tables() -> None:
    """They may hold the rowids."""
    (create, kind), *_ = USES.values()

    assert uses(create) == [RowidUse(kind, "o", "x", frozenset({"y"}))]


@pytest.mark.parametrize("create", NO_USES.values(), ids=NO_USES)
def test_object_has_the_same_meaning_under_any_rowid(create: str) -> None:
    """It reads no implicit rowid, or only that of the row which fires it."""
    assert uses(create) == []


def test_tables_of_a_trigger_are_listed() -> None:
    """The table of the trigger is among them only if the body uses it."""
    with closing(open_memory()) as con:
        con.executescript(f"{TABLES}CREATE TRIGGER o AFTER DELETE ON x BEGIN DELETE FROM y WHERE xr = 1; END;")
        reader = UseReader(read_schema(con))
    with closing(reader):
        assert reader.tables_of(reader.schema.triggers[0]) == {"y"}
