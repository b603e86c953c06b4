"""Rows arrive with their values, types, bytes, multiplicity and rowids; what a policy does with a row is counted."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.checks import compare
from sqlite_consolidate.engine.merge.copy_rows import copy, own_digest, raise_mark, settled_keys, source_digest
from sqlite_consolidate.engine.sqlite.connections import attached, open_readonly
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, Copied, content, source, table, wrong

if TYPE_CHECKING:
    import sqlite3
    from collections import Counter

AWKWARD = [
    None, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"),
    1.0, 1e15, "", "a", "1", "01", "1.0", "é", "𝄞", "a\0b", "\n", "'", b"", b"a", b"\x00\xff",
]  # fmt: skip
INVALID_TEXT = "INSERT INTO t(v) VALUES(CAST(x'ff00fe' AS TEXT))"


def read(bench: Bench, file: str, columns: list[str], rowid: str = "") -> Counter[tuple[Any, ...]]:
    """Read table t of a source."""
    with closing(open_readonly(bench.root / file)) as con:
        return content(con, "t", columns, rowid)


def only(copied: Copied) -> tuple[int, int, int, int]:
    """Return rows, inserted, skipped and replaced of the last map."""
    one = copied.done[-1]
    return one.rows, one.inserted, one.skipped, one.replaced


def exact(copied: Copied) -> bool:
    """Whether the engine's own comparison finds every row."""
    return wrong(compare.rows_exact(copied.compared)) == []


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE t(v)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE)",
        "CREATE TABLE t(v ANY) STRICT",
        "CREATE TABLE t(v, g AS (typeof(v)) STORED, h AS (hex(v)))",
    ],
)
@pytest.mark.parametrize("columns", [{}, {"v": "w"}])
def test_every_value_arrives_with_its_type_and_bytes(bench: Bench, create: str, columns: dict[str, str]) -> None:
    """Copied as whole records, or column by column under another name."""
    values = [(v,) for v in AWKWARD if not ("UNIQUE" in create and v in (0, 1, 1.0))]
    bench.database("a.db", create, INVALID_TEXT, rows=("INSERT INTO t(v) VALUES(?)", values))

    copied = bench.copied(source("a.db", table("t", columns=columns)))

    assert content(copied.con, "t", [columns.get("v", "v")], "rowid") == read(bench, "a.db", ["v"], "rowid")
    assert only(copied) == (len(values) + 1, len(values) + 1, 0, 0)
    assert exact(copied)


def test_every_value_arrives_in_a_table_without_rowid(bench: Bench) -> None:
    """Its rows have their key alone."""
    bench.database(
        "a.db", "CREATE TABLE t(k TEXT, v, PRIMARY KEY(v, k)) WITHOUT ROWID",
        rows=("INSERT INTO t VALUES(?, ?)", [(str(at), v) for at, v in enumerate(AWKWARD) if v is not None]),
    )  # fmt: skip

    copied = bench.copied(source("a.db", "t"))

    assert content(copied.con, "t", ["k", "v"]) == read(bench, "a.db", ["k", "v"])


def test_values_of_a_utf_16_source_arrive(bench: Bench) -> None:
    """Each code point stays, in the target's encoding."""
    texts = [(v,) for v in AWKWARD if not isinstance(v, str) or "\0" not in v]
    create = ("PRAGMA encoding='UTF-16le'", "CREATE TABLE t(id INTEGER PRIMARY KEY, v, g AS (id + 1))")
    bench.database("a.db", *create, rows=("INSERT INTO t(v) VALUES(?)", texts))

    copied = bench.copied(source("a.db", "t"))

    assert content(copied.con, "t", ["id", "v", "g"]) == read(bench, "a.db", ["id", "v", "g"])
    assert exact(copied)


def statements_of(bench: Bench, *sources: Any) -> tuple[Copied, str]:
    """Copy into a target that is watched, and return the INSERT that SQLite was given."""
    copied = bench.copied(*sources)
    copied.con.execute("DELETE FROM t")
    seen: list[str] = []
    copied.con.set_trace_callback(seen.append)
    move = copied.done[0].move
    alias = next(name for _, name, _ in copied.rows("PRAGMA database_list") if name not in ("main", "temp"))
    copy(copied.con, move, source_digest(copied.con, move, alias), alias)
    copied.con.set_trace_callback(None)
    (statement,) = (one for one in seen if one.startswith("INSERT"))
    return copied, statement


def takes_whole_records(copied: Copied, statement: str) -> bool:
    """Whether SQLite's program has the instruction that takes a record as it lies in the other table."""
    return bool({row[1] for row in copied.rows(f"EXPLAIN {statement}")} & {"RowCell", "RowData"})


@pytest.mark.parametrize(
    "create",
    [
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT DEFAULT 'x')",),
        *(
            (statement, "CREATE INDEX ix ON t(v)")
            for statement in (
                "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT DEFAULT 'x')",
                "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE)",
                "CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
                "CREATE TABLE t(v TEXT PRIMARY KEY)",
                "CREATE TABLE t(v)",
            )
        ),
    ],
    ids=" ".join,
)
def test_equal_tables_are_copied_as_whole_records(bench: Bench, create: tuple[str, ...]) -> None:
    """SQLite does so where it can; reading past the indexes does not stand in its way."""
    bench.database("a.db", *create)

    copied, statement = statements_of(bench, source("a.db", "t"))

    assert " NOT INDEXED" in statement
    assert takes_whole_records(copied, statement)
    assert takes_whole_records(copied, statement.replace(" AS s NOT INDEXED", ""))


@pytest.mark.parametrize(
    ("create", "keys"),
    [
        ("CREATE TABLE t(v)", {}),  # whole records would be numbered anew
        (
            "CREATE TABLE t(k TEXT PRIMARY KEY, v)",
            {"create": "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 1 CHECK (v > 0))"},
        ),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", {"create": "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT (1))"}),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", {"create": "CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER)"}),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", {"create": "CREATE TABLE t(v, id INTEGER PRIMARY KEY)"}),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v, g AS (v))", {}),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", {"on_conflict": "prefer-target"}),
        (
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)",
            {"columns": {"v": "w", "w": "v"}, "create": "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)"},
        ),
    ],
)
def test_other_tables_are_copied_by_the_names_of_their_columns(bench: Bench, create: str, keys: Any) -> None:
    """Where anything differs, or a rowid must be named."""
    bench.database("a.db", create)

    copied, statement = statements_of(bench, source("a.db", table("t", **keys)))

    assert not takes_whole_records(copied, statement)
    assert "*" not in statement


@pytest.mark.parametrize(
    ("create", "planned"),
    [
        ("CREATE TABLE t(k VARCHAR(9) PRIMARY KEY, v NOT NULL)", "CREATE TABLE t(k TEXT PRIMARY KEY, v)"),
        ("CREATE TABLE t(k TEXT, v CHECK (v > 0), UNIQUE(k))", "CREATE TABLE T(K TEXT UNIQUE, V)"),
    ],
)
def test_what_records_do_not_show_may_differ(bench: Bench, create: str, planned: str) -> None:
    """Names of types, constraints that the target drops: the stored record is the same, and so is its rowid."""
    bench.database("a.db", create, rows=("INSERT INTO t(rowid, k, v) VALUES(?, ?, ?)", [(7, "a", 1), (-2, "b", 2.5)]))

    copied, statement = statements_of(bench, source("a.db", table("t", create=planned)))

    assert takes_whole_records(copied, statement)
    assert content(copied.con, "t", ["k", "v"], "rowid") == read(bench, "a.db", ["k", "v"], "rowid")


@pytest.mark.parametrize(
    ("create", "planned"),
    [
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER)", "CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER DEFAULT 0)"),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 'it''s')", "create table t(k text primary key, v)"),
        (
            "CREATE TABLE t(k TEXT DEFAULT NULL, v DEFAULT -1.5e3, PRIMARY KEY(k)) WITHOUT ROWID",
            "CREATE TABLE t(k TEXT DEFAULT 'k', v DEFAULT x'00', PRIMARY KEY(k)) WITHOUT ROWID",
        ),
    ],
)
def test_a_default_that_differs_does_not_hinder_whole_records(bench: Bench, create: str, planned: str) -> None:
    """No record shows a DEFAULT: it is the source's while the rows come, and the plan's from then on."""
    bench.database("a.db", create, "CREATE INDEX ix ON t(v)", rows=("INSERT INTO t VALUES(?,?)", [("a", 1), ("b", 2)]))

    copied, statement = statements_of(bench, source("a.db", table("t", create=f"{planned}; CREATE INDEX ix ON t(v)")))

    assert "*" in statement
    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("a", 1), ("b", 2)]
    assert folded(copied.rows("SELECT sql FROM main.sqlite_schema WHERE name = 't'")[0][0]) == folded(planned)
    assert copied.rows("PRAGMA main.integrity_check") == [("ok",)]
    assert exact(copied)


BORROWED = "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 'it''s', w DEFAULT\n 1)"
PLANNED = "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 2, w DEFAULT\n 1)"


def test_record_copy_logs_the_statements_it_executes(bench: Bench) -> None:
    """What ``sql.log`` holds is what SQLite was given, in that order, a statement of several lines included."""
    bench.database("a.db", BORROWED, rows=("INSERT INTO t VALUES(?, ?, 3)", [("a", 1), ("b", None)]))
    copied = bench.copied(source("a.db", table("t", create=PLANNED)))
    update = "UPDATE main.sqlite_schema SET sql = {} WHERE type = 'table' AND name = 't'"

    (begin,) = (at for at, statement in enumerate(copied.sql) if statement.startswith("-- a.db:t"))
    alias = re.search(r'FROM "(.*?)"\."t"', copied.sql[begin + 5])

    assert alias is not None
    assert copied.sql[begin + 1 :] == [
        "SAVEPOINT records",
        "PRAGMA main.writable_schema=ON",
        update.format("'CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT ''it''''s'', w DEFAULT\n 1)'"),
        "PRAGMA main.writable_schema=RESET",
        f'INSERT INTO main."t" SELECT * FROM "{alias[1]}"."t" AS s NOT INDEXED',
        "PRAGMA main.writable_schema=ON",
        update.format(f"'{PLANNED}'"),
        "PRAGMA main.writable_schema=RESET",
        "RELEASE records",
    ]
    assert copied.done[0].method == "records-under-other-defaults"


@pytest.mark.parametrize(
    ("create", "keys"),
    [
        (BORROWED, {"create": PLANNED}),
        (PLANNED, {}),
        ("CREATE TABLE t(k PRIMARY KEY, v, w)", {"columns": {"v": "w", "w": "v"}}),
        ("CREATE TABLE t(k PRIMARY KEY, v, w)", {"on_conflict": "prefer-source"}),
    ],
    ids=["other-defaults", "records", "columns", "policy"],
)
def test_log_holds_what_sqlite_executes(bench: Bench, create: str, keys: Any) -> None:
    """SQLite's own trace of a copy, without what only reads, is the log of that copy."""
    bench.database("a.db", create, "INSERT INTO t VALUES('a', 1, 3)")
    copied = bench.copied(source("a.db", table("t", **keys)))
    move, executed, log = copied.done[0].move, list[str](), list[str]()
    alias = next(name for _, name, _ in copied.rows("PRAGMA database_list") if name not in ("main", "temp"))
    digest = source_digest(copied.con, move, alias)
    if move.map.on_conflict == "refuse":
        copied.con.execute("DELETE FROM t")
    copied.con.set_trace_callback(executed.append)

    def execute(statement: str) -> sqlite3.Cursor:
        log.append(statement)
        return copied.con.execute(statement)

    copy(copied.con, move, digest, alias, execute=execute)
    copied.con.set_trace_callback(None)

    assert log == [sql for sql in executed if not sql.startswith(("SELECT", "EXPLAIN", "--"))]
    assert log != []


def test_record_copy_turned_off_copies_by_columns(bench: Bench) -> None:
    """The rows are the same by the engine's digest; no statement writes the schema directly."""
    bench.database("a.db", BORROWED, rows=("INSERT INTO t VALUES(?, ?, 3)", [("a", 1), ("b", None)]))
    mapped = source("a.db", table("t", create=PLANNED))
    digests, methods, logs = [], [], []

    for record_copy in (True, False):
        copied = bench.copied(mapped, record_copy=record_copy)
        digests.append(own_digest(copied.con, copied.done[0].move))
        methods.append(copied.done[0].method)
        logs.append("\n".join(copied.sql))
        assert exact(copied)
        copied.con.close()
        bench.root.joinpath(TARGET).unlink()

    assert digests[0] == digests[1]
    assert digests[0].rows == 2
    assert methods == ["records-under-other-defaults", "columns"]
    assert ["writable_schema" in log or "sqlite_schema" in log for log in logs] == [True, False]
    assert 'INSERT INTO main."t"("rowid", "k", "v", "w")' in logs[1]


def test_equal_tables_are_copied_as_records_when_record_copy_is_off(bench: Bench) -> None:
    """SQLite copies records of equal tables by itself, and the schema is not written for that."""
    bench.database("a.db", PLANNED, "INSERT INTO t VALUES('a', 1, 3)")

    copied = bench.copied(source("a.db", "t"), record_copy=False)

    assert copied.done[0].method == "records"
    assert "writable_schema" not in "".join(copied.sql)


def test_rows_older_than_their_last_column_keep_what_its_default_gave_them(bench: Bench) -> None:
    """Their records hold no value for it: under the plan's DEFAULT they would have another one."""
    create = "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 5)"
    old = ("CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t VALUES('old')", "ALTER TABLE t ADD COLUMN v DEFAULT 5")
    bench.database("a.db", *old, "INSERT INTO t VALUES('new', 6)")

    copied = bench.copied(source("a.db", table("t", create=create.replace("5", "7"))))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("new", 6), ("old", 5)]
    assert copied.done[0].method == "columns"
    assert [sql for sql in copied.sql if "records" in sql] == [
        "SAVEPOINT records",
        "ROLLBACK TO records",
        "RELEASE records",
    ]
    assert exact(copied)
    copied.con.execute("INSERT INTO t(k) VALUES('later')")
    assert copied.rows("SELECT v FROM t WHERE k = 'later'") == [(7,)]


def test_rowids_are_kept_where_neither_records_nor_defaults_are_the_same(bench: Bench) -> None:
    """The target gets an index that the source does not have: no record is copied whole then, under any DEFAULT."""
    bench.database(
        "a.db", "CREATE TABLE t(v DEFAULT 1)", "CREATE INDEX ix ON t(v)", "INSERT INTO t(rowid, v) VALUES(7, 'a')"
    )
    create = "CREATE TABLE t(v DEFAULT 2); CREATE UNIQUE INDEX ix ON t(v)"

    copied = bench.copied(source("a.db", table("t", create=create)))

    assert copied.rows("SELECT rowid, v FROM t") == [(7, "a")]
    assert exact(copied)


def test_only_an_empty_table_gets_whole_records(bench: Bench) -> None:
    """The rows of a second source are inserted one by one, under rowids that are free."""
    for file, key in (("a.db", "a"), ("b.db", "b")):
        bench.database(file, "CREATE TABLE t(k TEXT PRIMARY KEY)", f"INSERT INTO t VALUES('{key}')")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

    assert copied.rows("SELECT rowid, k FROM t") == [(1, "a"), (2, "b")]
    assert exact(copied)


def test_columns_go_by_name_and_not_by_place(bench: Bench) -> None:
    """The most damaging mistake of a copy by hand: counts agree, and integrity_check says ok."""
    bench.database("a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, name, mail)", "INSERT INTO t VALUES(1, 'n', 'm')")
    bench.database(TARGET, "CREATE TABLE t(Mail, NAME, id INTEGER PRIMARY KEY, more DEFAULT 7)")

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT id, name, mail, more FROM t") == [(1, "n", "m", 7)]
    assert exact(copied)


def test_the_plan_may_let_columns_change_places(bench: Bench) -> None:
    """Even where both tables have the same statement."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)"
    bench.database("a.db", create, "INSERT INTO t VALUES(1, 'a', 'b')")

    copied = bench.copied(source("a.db", table("t", columns={"a": "b", "b": "a"}, create=create)))

    assert copied.rows("SELECT a, b FROM t") == [("b", "a")]
    assert exact(copied)


def test_implicit_rowids_are_kept_with_their_gaps(bench: Bench) -> None:
    """In a table without a key, also where columns have taken the usual names."""
    create = "CREATE TABLE t(rowid, oid)"
    bench.database("a.db", create, "INSERT INTO t(_rowid_, rowid) VALUES(-7, 1), (3, 1), (9223372036854775807, 2)")

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT _rowid_, rowid FROM t") == [(-7, 1), (3, 1), (2**63 - 1, 2)]
    assert exact(copied)


def test_rowids_of_a_new_table_with_a_key_are_kept_too(bench: Bench) -> None:
    """Some application may have noted them."""
    bench.database("a.db", "CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t(rowid, k) VALUES(40, 'x')")

    assert bench.copied(source("a.db", "t")).rows("SELECT rowid, k FROM t") == [(40, "x")]


def test_two_sources_of_a_table_with_a_key_may_use_the_same_rowids(bench: Bench) -> None:
    """The key identifies the rows; the second source's get free numbers."""
    bench.database("a.db", "CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t(rowid, k) VALUES(40, 'x')")
    bench.database("b.db", "CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t(rowid, k) VALUES(40, 'y')")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

    assert copied.rows("SELECT rowid, k FROM t ORDER BY k") == [(40, "x"), (41, "y")]
    assert exact(copied)


def test_equal_rows_without_a_key_stay_as_many_as_they_are(bench: Bench) -> None:
    """From two sources, and beside the target's own."""
    for file, rowids in ((TARGET, "(1), (2)"), ("a.db", "(3), (4)"), ("b.db", "(5)")):
        bench.database(file, "CREATE TABLE t(v)", f"INSERT INTO t(rowid) VALUES{rowids}", "UPDATE t SET v = 'same'")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

    assert copied.rows("SELECT rowid, v FROM t") == [(rowid, "same") for rowid in range(1, 6)]
    assert exact(copied)


@pytest.mark.parametrize(("own", "brought", "mark"), [(5, 9, 9), (9, 5, 9), (None, 7, 7), (7, None, 7)])
def test_the_autoincrement_mark_is_the_larger_one(
    bench: Bench, own: int | None, brought: int | None, mark: int
) -> None:
    """So that no deleted id is given out again."""
    for file, highest in ((TARGET, own), ("a.db", brought)):
        insert = [f"INSERT INTO t VALUES({highest}, 1)", "DELETE FROM t"] if highest else []
        bench.database(file, "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)", *insert)

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT seq FROM sqlite_sequence WHERE name = 't'") == [(mark,)]
    assert wrong(compare.marks_carried(copied.compared)) == []


def test_a_mark_follows_a_renamed_table_and_is_dropped_where_the_target_keeps_none(bench: Bench) -> None:
    """The mark belongs to the target's table."""
    bench.database("a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO t VALUES(8)")

    copied = bench.copied(source("a.db", table("t", into="u")))
    raise_mark(copied.con, copied.done[0].move, 3)

    assert copied.rows("SELECT name, seq FROM sqlite_sequence") == [("u", 8)]


def test_generated_columns_are_computed_again(bench: Bench) -> None:
    """They are no part of what is inserted."""
    create = "CREATE TABLE t(g AS (v + 1), v, h AS (v + 2) STORED UNIQUE)"
    bench.database("a.db", create, "INSERT INTO t(v) VALUES(1), (5)")

    assert bench.copied(source("a.db", "t")).rows("SELECT g, v, h FROM t") == [(2, 1, 3), (6, 5, 7)]


@pytest.mark.parametrize("policy", ["refuse", "skip-identical", "prefer-source"])
def test_two_thousand_columns_are_no_limit(bench: Bench, policy: str) -> None:
    """SQLite takes no expression of more than a thousand terms in a chain."""
    names = ", ".join(f"c{at}" for at in range(1999))
    row = f"INSERT INTO t VALUES({', '.join(str(at) for at in range(2000))})"
    bench.database("a.db", f"CREATE TABLE t(k INTEGER UNIQUE, {names})", row)
    if policy != "refuse":
        bench.database(TARGET, f"CREATE TABLE t(k INTEGER UNIQUE, {names})", row)

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT count(*), sum(c1998) FROM t") == [(1, 1999)]
    assert only(copied)[0] == 1
    assert exact(copied)


def test_an_fts5_table_is_copied_through_itself(bench: Bench) -> None:
    """With its rowids; afterwards it finds what it should."""
    create = "CREATE VIRTUAL TABLE t USING fts5(title, content, tokenize = 'porter')"
    bench.database("a.db", create, "INSERT INTO t(rowid, title, content) VALUES(7, 'run', 'é'), (9, NULL, 'running')")

    copied = bench.copied(source("a.db", table("t", into="u")))

    assert copied.rows("SELECT rowid, title, content FROM u WHERE u MATCH 'runs'") == [
        (7, "run", "é"),
        (9, None, "running"),
    ]
    assert only(copied) == (2, 2, 0, 0)
    assert exact(copied)
    assert wrong(compare.integrity(copied.con)) == []


def test_an_rtree_is_copied_through_itself(bench: Bench) -> None:
    """Its coordinates are small floats, which must not be rounded again."""
    create = "CREATE VIRTUAL TABLE t USING rtree(id, x0, x1, +label)"
    bench.database("a.db", create, "INSERT INTO t VALUES(7, 0.1, 0.3, 'a'), (9, -1.1, 2.2, NULL)")

    copied = bench.copied(source("a.db", "t"))

    assert content(copied.con, "t", ["id", "x0", "x1", "label"]) == read(bench, "a.db", ["id", "x0", "x1", "label"])
    assert copied.rows("SELECT id FROM t WHERE x1 < 1") == [(7,)]
    assert exact(copied)


def test_no_trigger_fires_during_the_copy(bench: Bench) -> None:
    """Triggers come after the rows, whether they change rows or drop them."""
    bench.database(
        "a.db", "CREATE TABLE t(v)", "INSERT INTO t VALUES('a'), ('b')",
        "CREATE TRIGGER up AFTER INSERT ON t BEGIN UPDATE t SET v = upper(v); END",
        "CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(IGNORE); END",
    )  # fmt: skip

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT v FROM t") == [("a",), ("b",)]
    assert {trigger.name for trigger in copied.schema.triggers} == {"up", "no"}


KEYED = "CREATE TABLE t(k TEXT PRIMARY KEY, v)"


@pytest.mark.parametrize(
    ("policy", "rows", "counts"),
    [
        ("skip-identical", [("a", 1), ("x", 1), ("y", 2)], (2, 1, 1, 0)),
        ("prefer-target", [("a", 1), ("x", 1), ("y", 2)], (2, 1, 1, 0)),
        ("prefer-source", [("a", 1), ("x", 1), ("y", 2)], (2, 2, 0, 1)),
    ],
)
def test_each_policy_counts_what_it_does_to_equal_rows(
    bench: Bench, policy: str, rows: list[tuple[Any, ...]], counts: tuple[int, ...]
) -> None:
    """Rows, inserted, skipped, replaced."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES('a', 1), ('x', 1)")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1), ('y', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == rows
    assert only(copied) == counts
    assert exact(copied)
    assert wrong(compare.rows_counted(copied.compared)) == []


@pytest.mark.parametrize(("policy", "stays"), [("prefer-target", "target"), ("prefer-source", "source")])
@pytest.mark.parametrize(
    ("create", "columns"),
    [
        (KEYED, "k, v"),
        ("CREATE TABLE t(k TEXT, v, PRIMARY KEY(k COLLATE NOCASE)) WITHOUT ROWID", "k, v"),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, k UNIQUE, v)", "k, v, id"),
        ("CREATE TABLE t(k, v, more DEFAULT 1, UNIQUE(k, more))", "k, v"),
    ],
)
def test_a_preference_decides_between_different_rows(
    bench: Bench, create: str, columns: str, policy: str, stays: str
) -> None:
    """Under every kind of key; the source needs no index of its own."""
    rows = ["('x', 'source', 8)", "('y', 1, 9)"] if "id" in columns else ["('x', 'source')", "('y', 1)"]
    bench.database(TARGET, create, "INSERT INTO t(k, v) VALUES('x', 'target')")
    bench.database("a.db", f"CREATE TABLE t({columns})", f"INSERT INTO t VALUES{', '.join(rows)}")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT v FROM t ORDER BY k") == [(stays,), (1,)]
    assert only(copied) == ((2, 1, 1, 0) if stays == "target" else (2, 2, 0, 1))
    assert exact(copied)


@pytest.mark.parametrize(("policy", "stays"), [("prefer-target", ("x", 1)), ("prefer-source", ("X", 2))])
def test_keys_are_compared_under_the_collation_of_their_key(bench: Bench, policy: str, stays: tuple[str, int]) -> None:
    """Which need not be that of the column."""
    bench.database(TARGET, "CREATE TABLE t(k, v, UNIQUE(k COLLATE NOCASE))", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", "CREATE TABLE t(k, v)", "INSERT INTO t VALUES('X', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT k, v FROM t") == [stays]
    assert exact(copied)


def test_rows_with_null_in_their_key_are_moved_under_every_policy(bench: Bench) -> None:
    """A NULL equals nothing, not even another NULL."""
    bench.database(TARGET, "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t VALUES(NULL, 1)")
    bench.database("a.db", "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t VALUES(NULL, 1), (NULL, 2)")

    for policy in ("skip-identical", "prefer-target", "prefer-source"):
        copied = bench.copied(source("a.db", table("t", on_conflict=policy)))
        assert only(copied) == (2, 2, 0, 0)
        assert copied.rows("SELECT count(*) FROM t") == [(3,)]
        copied.con.execute("ROLLBACK")


def test_the_last_source_that_is_preferred_stays(bench: Bench) -> None:
    """Between two sources the policy of the later one decides, in the order of the plan."""
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 'a'), ('y', 'a')")
    bench.database("b.db", KEYED, "INSERT INTO t VALUES('x', 'b')")

    copied = bench.copied(source("a.db", "t"), source("b.db", table("t", on_conflict="prefer-source")))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("x", "b"), ("y", "a")]
    assert only(copied) == (1, 1, 0, 1)
    assert exact(copied)


def test_different_rows_under_skip_identical_stop_the_copy(bench: Bench) -> None:
    """Preflight finds them; the copy does not rely on that. Text is read as before afterwards."""
    bench.database(TARGET, KEYED)
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 0.0), ('y', 1), ('z', 2)")
    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))
    copied.con.execute("UPDATE t SET v = -0.0 WHERE k = 'x'")
    move, alias = copied.done[0].move, copied.rows("PRAGMA database_list")[-1][1]

    with pytest.raises(ProblemError) as caught:
        copy(copied.con, move, source_digest(copied.con, move, alias), alias)

    assert str(caught.value) == (
        'a.db:t: on_conflict = "skip-identical", but 1 of 3 rows under a key that t already has are different.'
        ' Mend the rows, or choose "prefer-target" or "prefer-source". [rows-differ]'
    )
    assert copied.rows("SELECT k FROM t ORDER BY k") == [("x",), ("y",), ("z",)]


def test_identical_rows_are_found_under_other_names_of_columns(bench: Bench) -> None:
    """Also where the names stand in another order at the two ends, and where the source declares no key."""
    bench.database(TARGET, "CREATE TABLE t(k TEXT PRIMARY KEY, a)", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", "CREATE TABLE t(k TEXT, z)", "INSERT INTO t(rowid, k, z) VALUES(7, 'x', 1), (8, 'y', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical", columns={"z": "a"})))

    assert only(copied) == (2, 1, 1, 0)
    assert exact(copied)


@pytest.mark.parametrize("policy", ["skip-identical", "prefer-target", "prefer-source"])
def test_without_a_key_a_policy_settles_nothing(bench: Bench, policy: str) -> None:
    """No row is in another's way, however equal they are."""
    bench.database(TARGET, "CREATE TABLE t(v)", "INSERT INTO t(rowid, v) VALUES(1, 'x')")
    bench.database("a.db", "CREATE TABLE t(v)", "INSERT INTO t(rowid, v) VALUES(2, 'x'), (3, 'y')")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert only(copied) == (2, 2, 0, 0)
    assert copied.rows("SELECT rowid, v FROM t") == [(1, "x"), (2, "x"), (3, "y")]
    assert exact(copied)
    with attached(copied.con, bench.root / "a.db", "again") as alias:
        assert list(settled_keys(copied.con, copied.done[0].move, alias)) == []


def test_rowids_that_do_not_count_are_left_out_of_what_the_target_had(bench: Bench) -> None:
    """The target's table is told apart by them, the source's is not."""
    bench.database(TARGET, "CREATE TABLE t(k, v)", "INSERT INTO t(rowid, k) VALUES(7, 'a')")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1)")

    copied = bench.copied(source("a.db", "t"))

    assert exact(copied)


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        ("refuse", []),
        ("skip-identical", [["'A'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
        ("prefer-target", [["'A'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
        ("prefer-source", [["'a'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
    ],
)
def test_the_keys_that_a_policy_settles_are_named(bench: Bench, policy: str, keys: list[list[str]]) -> None:
    """As literals of SQL: those of the rows that stay behind, or that make place; text is read as before afterwards."""
    create = "CREATE TABLE t(k COLLATE NOCASE, n, v, PRIMARY KEY(k, n))"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('A', 1, 5), (CAST(x'ff' AS TEXT), 2, 6), ('new', 3, 7)")
    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))
    copied.con.execute("DELETE FROM t WHERE k = 'new'")
    copied.con.execute("UPDATE t SET k = 'a' WHERE n = 1")
    move, alias = copied.done[0].move, copied.rows("PRAGMA database_list")[-1][1]

    settled = list(settled_keys(copied.con, move, alias))

    assert settled == keys
    assert copied.rows("SELECT k FROM t WHERE n = 1") == [("a",)]


def test_rows_are_compared_byte_by_byte_even_where_text_is_no_utf_8(bench: Bench) -> None:
    """One row is the same, one differs in a byte that cannot be decoded."""
    bench.database(TARGET, KEYED)
    rows = "INSERT INTO t VALUES('x', CAST(x'ff' AS TEXT)), ('y', CAST(x'fe' AS TEXT))"
    bench.database("a.db", KEYED, rows)
    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))
    move, alias = copied.done[0].move, copied.rows("PRAGMA database_list")[-1][1]
    digest = source_digest(copied.con, move, alias)
    assert copy(copied.con, move, digest, alias).skipped == 2

    copied.con.execute("UPDATE t SET v = CAST(x'fd' AS TEXT) WHERE k = 'y'")

    with pytest.raises(ProblemError, match="1 of 2 rows"):
        copy(copied.con, move, digest, alias)


def colliding(bench: Bench, clause: str) -> Copied:
    """Copy a row into a table with a clause ON CONFLICT, beside a row that came after the preflight."""
    create = f"CREATE TABLE t(k TEXT UNIQUE ON CONFLICT {clause}, v)"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('x', 'new')")
    found = bench.survey(source("a.db", "t"))
    assert found.problems == []
    assert found.target is not None
    copied = Copied(found.target.guard.alone(), bench.plan(source("a.db", "t")), found)
    copied.con.execute("INSERT INTO t VALUES('x', 'old')")
    copied.own["t"] = own_digest(copied.con, found.moves[0])
    with attached(copied.con, bench.root / "a.db", "a") as alias:
        digest = source_digest(copied.con, found.moves[0], alias)
        copied.done.append(copy(copied.con, found.moves[0], digest, alias))
    return copied


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE"])
def test_a_row_that_a_clause_drops_is_noticed(bench: Bench, clause: str) -> None:
    """SQLite says nothing; the comparison does."""
    copied = colliding(bench, clause)

    assert wrong(compare.rows_counted(copied.compared)) != []
    assert wrong(compare.rows_exact(copied.compared)) == ["t <- a.db:t"]


@pytest.mark.parametrize(
    ("clause", "left"),
    [("ROLLBACK", " Its ON CONFLICT ROLLBACK gave the whole transaction back."), ("ABORT", ""), ("FAIL", "")],
)
def test_a_constraint_that_fails_is_said_in_words(bench: Bench, clause: str, left: str) -> None:
    """Also that the whole transaction is gone, if it is."""
    with pytest.raises(ProblemError) as caught:
        colliding(bench, clause)

    assert str(caught.value) == (
        f"a.db:t: a row cannot stand in t: UNIQUE constraint failed: t.k.{left}"
        " Mend the rows, or choose another table or policy. [row-refused]"
    )


def test_a_copy_says_how_long_it_took(bench: Bench) -> None:
    """It is a part of the time that passed here."""
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1)")
    began = monotonic()

    copied = bench.copied(source("a.db", "t"))

    assert 0 <= copied.done[0].seconds <= monotonic() - began


NAMES = st.sampled_from(["a", "B", "select", 'qu"ote', "per%cent", "rowid", "é", "new\nline", "-dash"])
TYPES = st.sampled_from(["", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "VARCHAR(3)", "ANY"])
VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4), st.sampled_from(AWKWARD),
)  # fmt: skip
KEYS = st.sampled_from(["", "k INTEGER PRIMARY KEY", "k INTEGER PRIMARY KEY AUTOINCREMENT", "k UNIQUE", "WITHOUT"])


@st.composite
def table_and_rows(draw: st.DrawFn) -> tuple[str, list[str], list[list[Any]]]:
    """Draw the statement of a table t, its columns, and rows; the first value of a row is its key or its rowid."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names]
    declared = ", ".join(f"{name} {draw(TYPES)}" for name in quoted)
    key = draw(KEYS)
    rows = draw(st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), max_size=6))
    if not key:
        return f"CREATE TABLE t({declared})", ["_rowid_", *quoted], rows
    without = key == "WITHOUT"
    body = f"{declared}, {'k PRIMARY KEY' if without else key}"
    return f"CREATE TABLE t({body}){' WITHOUT ROWID' if without else ''}", ["k", *quoted], rows


@settings(max_examples=50, deadline=None, database=None)
@given(made=table_and_rows(), split=st.integers(0, 6), target_has=st.booleans(), data=st.data())
def test_whatever_two_sources_hold_is_in_the_target(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[str, list[str], list[list[Any]]],
    split: int,
    *,
    target_has: bool,
    data: st.DataObject,
) -> None:
    """Random tables and rows, compared by an oracle that knows storage classes, bytes and rowids alone."""
    create, columns, rows = made
    numbers = data.draw(st.lists(st.integers(1, 99), min_size=len(rows), max_size=len(rows), unique=True))
    numbered = [(number, *row) for number, row in zip(numbers, rows, strict=True)]
    insert = f"INSERT INTO t({', '.join(columns)}) VALUES({', '.join('?' for _ in columns)})"
    with ExitStack() as resources:
        bench = Bench(tmp_path_factory.mktemp("example"), resources)
        bench.database("a.db", create, rows=(insert, numbered[:split]))
        bench.database("b.db", create, rows=(insert, numbered[split:]))
        if target_has:
            bench.database(TARGET, create)

        copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

        names = [column.strip('"') for column in columns]  # the oracle puts the outer quotes back
        expected = read(bench, "a.db", names) + read(bench, "b.db", names)
        assert content(copied.con, "t", names) == expected
        assert exact(copied)


def test_the_oracle_tells_what_it_should(bench: Bench) -> None:
    """Each of these is different from all others, and two equal rows are not one."""
    values = [1, 1.0, "1", b"1", None, 0.0, -0.0, "a\0b", "a"]
    bench.database("a.db", "CREATE TABLE t(v)", rows=("INSERT INTO t VALUES(?)", [(v,) for v in values]))
    bench.database("b.db", "CREATE TABLE t(v)", "INSERT INTO t VALUES(1), (1)")

    assert len(read(bench, "a.db", ["v"])) == len(values)
    assert list(read(bench, "b.db", ["v"]).values()) == [2]


@pytest.mark.parametrize(
    ("create", "target", "keys", "known"),
    [
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", "", {}, True),
        ("CREATE TABLE t(v)", "", {}, True),  # its rowids are read with it
        ("CREATE TABLE t(v)", "CREATE TABLE t(V)", {}, True),
        ("CREATE TABLE t(v)", "", {"rowids": "renumber"}, False),
        ("CREATE TABLE t(v)", "CREATE TABLE t(v UNIQUE)", {}, False),
        ("CREATE TABLE t(v)", "CREATE TABLE t(w)", {"columns": {"v": "w"}}, False),
        ("CREATE TABLE t(v)", "CREATE TABLE t(v, more DEFAULT 7)", {}, False),
    ],
)
def test_rows_are_not_digested_again_where_the_survey_has_read_the_same(
    bench: Bench, create: str, target: str, keys: Any, known: bool
) -> None:
    """Where columns or rowids count otherwise than in the source by itself, they are; the digest is the same."""
    bench.database("a.db", create, "INSERT INTO t(rowid, v) VALUES(7, 'a'), (9, 2.5)")
    if target:
        bench.database(TARGET, target)

    copied = bench.copied(source("a.db", table("t", **keys)))
    move = copied.done[0].move
    alias = next(name for _, name, _ in copied.rows("PRAGMA database_list") if name not in ("main", "temp"))

    assert (copied.found.arriving(move) is not None) == known
    assert copied.found.arriving(move) in (None, source_digest(copied.con, move, alias))
    assert copied.found.standing(move) in (None, copied.own.get("t"))
    assert exact(copied)
