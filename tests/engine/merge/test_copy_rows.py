"""Test that rows arrive with their values, types, bytes, duplicates and rowids."""

from __future__ import annotations

from contextlib import ExitStack
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.checks.comparison import compare
from sqlite_consolidate.engine.merge.copy_rows import existing_rows_digest, raise_autoincrement, source_digest
from sqlite_consolidate.engine.sqlite.connections import attached, limits_of
from tests.support.databases import TARGET, Bench, content, failed_subjects, source, table
from tests.support.rows.copied_rows import last_counts, read, rows_are_exact
from tests.support.thorough import thorough

AWKWARD = [
    None, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"),
    1.0, 1e15, "", "a", "1", "01", "1.0", "é", "𝄞", "a\0b", "\n", "'", b"", b"a", b"\x00\xff",
]  # fmt: skip
INVALID_TEXT = "INSERT INTO t(v) VALUES(CAST(x'ff00fe' AS TEXT))"


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
def test_values_keep_type_and_bytes(bench: Bench, create: str, columns: dict[str, str]) -> None:
    """They are copied as whole records, or by columns under another name."""
    values = [(v,) for v in AWKWARD if not ("UNIQUE" in create and v in (0, 1, 1.0))]
    bench.database("a.db", create, INVALID_TEXT, rows=("INSERT INTO t(v) VALUES(?)", values))

    copied = bench.copied(source("a.db", table("t", columns=columns)))

    assert content(copied.con, "t", [columns.get("v", "v")], "rowid") == read(bench, "a.db", ["v"], "rowid")
    assert last_counts(copied) == (len(values) + 1, len(values) + 1, 0, 0)
    assert rows_are_exact(copied)


def test_values_arrive_in_table_without_rowid(bench: Bench) -> None:
    """The key is the only identity of a row."""
    bench.database(
        "a.db", "CREATE TABLE t(k TEXT, v, PRIMARY KEY(v, k)) WITHOUT ROWID",
        rows=("INSERT INTO t VALUES(?, ?)", [(str(at), v) for at, v in enumerate(AWKWARD) if v is not None]),
    )  # fmt: skip

    copied = bench.copied(source("a.db", "t"))

    assert content(copied.con, "t", ["k", "v"]) == read(bench, "a.db", ["k", "v"])


def test_utf_16_source_keeps_code_points(bench: Bench) -> None:
    """The target has another text encoding."""
    texts = [(v,) for v in AWKWARD if not isinstance(v, str) or "\0" not in v]
    create = ("PRAGMA encoding='UTF-16le'", "CREATE TABLE t(id INTEGER PRIMARY KEY, v, g AS (id + 1))")
    bench.database("a.db", *create, rows=("INSERT INTO t(v) VALUES(?)", texts))

    copied = bench.copied(source("a.db", "t"))

    assert content(copied.con, "t", ["id", "v", "g"]) == read(bench, "a.db", ["id", "v", "g"])
    assert rows_are_exact(copied)


@pytest.mark.parametrize(
    ("first", "second"), [(("a", "b.c"), ("a.b", "c")), (("s", "t"), ("S", "t"))], ids=["dots", "case"]
)
def test_staged_tables_of_two_sources_never_collide(
    bench: Bench, first: tuple[str, str], second: tuple[str, str]
) -> None:
    """Joined by a dot, a and b.c have the same name as a.b and c."""
    sources = []
    for number, (name, moved) in enumerate((first, second)):
        file = f"{number}.db"
        create = f'CREATE TABLE "{moved}"(id INTEGER PRIMARY KEY, v)'
        bench.database(file, "PRAGMA encoding='UTF-16le'", create, f'INSERT INTO "{moved}" VALUES({number}, {number})')
        sources.append(source(file, moved).model_copy(update={"name": name}))

    copied = bench.copied(*sources)

    assert [row for into in sorted({first[1], second[1]}) for row in copied.rows(f'SELECT v FROM "{into}"')] == [
        (0,),
        (1,),
    ]
    assert rows_are_exact(copied)


def test_columns_are_matched_by_name(bench: Bench) -> None:
    """A copy by position would be wrong without an error.

    The counts would agree, and integrity_check would report ok.
    """
    bench.database("a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, name, mail)", "INSERT INTO t VALUES(1, 'n', 'm')")
    bench.database(TARGET, "CREATE TABLE t(Mail, NAME, id INTEGER PRIMARY KEY, more DEFAULT 7)")

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT id, name, mail, more FROM t") == [(1, "n", "m", 7)]
    assert rows_are_exact(copied)


def test_plan_can_exchange_two_columns(bench: Bench) -> None:
    """Both tables have the same statement."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)"
    bench.database("a.db", create, "INSERT INTO t VALUES(1, 'a', 'b')")

    copied = bench.copied(source("a.db", table("t", columns={"a": "b", "b": "a"}, create=create)))

    assert copied.rows("SELECT a, b FROM t") == [("b", "a")]
    assert rows_are_exact(copied)


def test_implicit_rowids_are_kept(bench: Bench) -> None:
    """The table has no key, and its columns have the usual names of the rowid."""
    create = "CREATE TABLE t(rowid, oid)"
    bench.database("a.db", create, "INSERT INTO t(_rowid_, rowid) VALUES(-7, 1), (3, 1), (9223372036854775807, 2)")

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT _rowid_, rowid FROM t") == [(-7, 1), (3, 1), (2**63 - 1, 2)]
    assert rows_are_exact(copied)


def test_rowids_are_kept_in_new_keyed_table(bench: Bench) -> None:
    """An application may have stored them."""
    bench.database("a.db", "CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t(rowid, k) VALUES(40, 'x')")

    assert bench.copied(source("a.db", "t")).rows("SELECT rowid, k FROM t") == [(40, "x")]


def test_keyed_rows_of_two_sources_may_share_rowids(bench: Bench) -> None:
    """The key identifies the rows. SQLite assigns new rowids to the second source."""
    bench.database("a.db", "CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t(rowid, k) VALUES(40, 'x')")
    bench.database("b.db", "CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t(rowid, k) VALUES(40, 'y')")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

    assert copied.rows("SELECT rowid, k FROM t ORDER BY k") == [(40, "x"), (41, "y")]
    assert rows_are_exact(copied)


def test_equal_rows_without_key_keep_their_number(bench: Bench) -> None:
    """They come from two sources and from the target itself."""
    for file, rowids in ((TARGET, "(1), (2)"), ("a.db", "(3), (4)"), ("b.db", "(5)")):
        bench.database(file, "CREATE TABLE t(v)", f"INSERT INTO t(rowid) VALUES{rowids}", "UPDATE t SET v = 'same'")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

    assert copied.rows("SELECT rowid, v FROM t") == [(rowid, "same") for rowid in range(1, 6)]
    assert rows_are_exact(copied)


@pytest.mark.parametrize(("before", "brought", "mark"), [(5, 9, 9), (9, 5, 9), (None, 7, 7), (7, None, 7)])
def test_autoincrement_value_is_the_larger_one(
    bench: Bench, before: int | None, brought: int | None, mark: int
) -> None:
    """SQLite must not assign a deleted id again."""
    for file, highest in ((TARGET, before), ("a.db", brought)):
        insert = [f"INSERT INTO t VALUES({highest}, 1)", "DELETE FROM t"] if highest else []
        bench.database(file, "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)", *insert)

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT seq FROM sqlite_sequence WHERE name = 't'") == [(mark,)]
    assert failed_subjects(compare.marks_carried(copied.compared)) == []


def test_autoincrement_value_follows_a_renamed_table(bench: Bench) -> None:
    """A smaller value does not replace it."""
    bench.database("a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO t VALUES(8)")

    copied = bench.copied(source("a.db", table("t", into="u")))
    raise_autoincrement(copied.copied_tables[0].mapping, 3, copied.con.execute)

    assert copied.rows("SELECT name, seq FROM sqlite_sequence") == [("u", 8)]


def test_generated_columns_are_computed_by_target(bench: Bench) -> None:
    """They are not inserted."""
    create = "CREATE TABLE t(g AS (v + 1), v, h AS (v + 2) STORED UNIQUE)"
    bench.database("a.db", create, "INSERT INTO t(v) VALUES(1), (5)")

    assert bench.copied(source("a.db", "t")).rows("SELECT g, v, h FROM t") == [(2, 1, 3), (6, 5, 7)]


@pytest.mark.parametrize("policy", ["refuse", *thorough("prefer-source", "skip-identical")])
def test_two_thousand_columns_are_copied(bench: Bench, policy: str) -> None:
    """SQLite limits the depth of an expression to 1,000."""
    names = ", ".join(f"c{at}" for at in range(1999))
    row = f"INSERT INTO t VALUES({', '.join(str(at) for at in range(2000))})"
    bench.database("a.db", f"CREATE TABLE t(k INTEGER UNIQUE, {names})", row)
    if policy != "refuse":
        bench.database(TARGET, f"CREATE TABLE t(k INTEGER UNIQUE, {names})", row)

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT count(*), sum(c1998) FROM t") == [(1, 1999)]
    assert last_counts(copied)[0] == 1
    assert rows_are_exact(copied)


def test_fts5_table_is_copied_with_its_rowids(bench: Bench) -> None:
    """A search in the target returns the rows."""
    create = "CREATE VIRTUAL TABLE t USING fts5(title, content, tokenize = 'porter')"
    bench.database("a.db", create, "INSERT INTO t(rowid, title, content) VALUES(7, 'run', 'é'), (9, NULL, 'running')")

    copied = bench.copied(source("a.db", table("t", into="u")))

    assert copied.rows("SELECT rowid, title, content FROM u WHERE u MATCH 'runs'") == [
        (7, "run", "é"),
        (9, None, "running"),
    ]
    assert last_counts(copied) == (2, 2, 0, 0)
    assert rows_are_exact(copied)
    assert failed_subjects(compare.integrity(copied.con)) == []


def test_rtree_is_copied_without_rounding(bench: Bench) -> None:
    """Its coordinates are 32-bit floats."""
    create = "CREATE VIRTUAL TABLE t USING rtree(id, x0, x1, +label)"
    bench.database("a.db", create, "INSERT INTO t VALUES(7, 0.1, 0.3, 'a'), (9, -1.1, 2.2, NULL)")

    copied = bench.copied(source("a.db", "t"))

    assert content(copied.con, "t", ["id", "x0", "x1", "label"]) == read(bench, "a.db", ["id", "x0", "x1", "label"])
    assert copied.rows("SELECT id FROM t WHERE x1 < 1") == [(7,)]
    assert rows_are_exact(copied)


def test_triggers_do_not_fire_during_copy(bench: Bench) -> None:
    """They are created after the rows."""
    bench.database(
        "a.db", "CREATE TABLE t(v)", "INSERT INTO t VALUES('a'), ('b')",
        "CREATE TRIGGER up AFTER INSERT ON t BEGIN UPDATE t SET v = upper(v); END",
        "CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(IGNORE); END",
    )  # fmt: skip

    copied = bench.copied(source("a.db", "t"))

    assert copied.rows("SELECT v FROM t") == [("a",), ("b",)]
    assert {trigger.name for trigger in copied.schema.triggers} == {"up", "no"}


def test_copied_table_has_its_duration(bench: Bench) -> None:
    """It is not longer than the time that the test has measured."""
    bench.database("a.db", "CREATE TABLE t(k TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES('x', 1)")
    began = monotonic()

    copied = bench.copied(source("a.db", "t"))

    assert 0 <= copied.copied_tables[0].seconds <= monotonic() - began


NAMES = st.sampled_from(["a", "B", "select", 'qu"ote', "per%cent", "rowid", "é", "new\nline", "-dash"])
TYPES = st.sampled_from(["", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "VARCHAR(3)", "ANY"])
VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4), st.sampled_from(AWKWARD),
)  # fmt: skip
KEYS = st.sampled_from(["", "k INTEGER PRIMARY KEY", "k INTEGER PRIMARY KEY AUTOINCREMENT", "k UNIQUE", "WITHOUT"])


@st.composite
def table_and_rows(draw: st.DrawFn) -> tuple[str, list[str], list[list[Any]]]:
    """Draw the statement of a table t, its columns, and rows.

    The first value of a row is its key or its rowid.
    """
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


@settings(max_examples=25, deadline=None, database=None)
@given(made=table_and_rows(), split=st.integers(0, 6), target_has=st.booleans(), data=st.data())
def test_target_has_all_rows_of_two_sources(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[str, list[str], list[list[Any]]],
    split: int,
    *,
    target_has: bool,
    data: st.DataObject,
) -> None:
    """Tables and rows are random.

    The oracle compares only storage classes, bytes and rowids.
    """
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

        names = [column.strip('"') for column in columns]  # the oracle adds the outer quotes
        expected = read(bench, "a.db", names) + read(bench, "b.db", names)
        assert content(copied.con, "t", names) == expected
        assert rows_are_exact(copied)


def test_oracle_distinguishes_values_and_duplicates(bench: Bench) -> None:
    """All values are different, and two equal rows count as two."""
    values = [1, 1.0, "1", b"1", None, 0.0, -0.0, "a\0b", "a"]
    bench.database("a.db", "CREATE TABLE t(v)", rows=("INSERT INTO t VALUES(?)", [(v,) for v in values]))
    bench.database("b.db", "CREATE TABLE t(v)", "INSERT INTO t VALUES(1), (1)")

    assert len(read(bench, "a.db", ["v"])) == len(values)
    assert list(read(bench, "b.db", ["v"]).values()) == [2]


@pytest.mark.parametrize(
    ("create", "target", "keys", "known"),
    [
        ("CREATE TABLE t(v PRIMARY KEY)", "", {}, True),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", "", {}, False),  # its keys are NULL, so its rowids count
        ("CREATE TABLE t(v)", "", {}, True),  # its rowids are read with it
        ("CREATE TABLE t(v)", "CREATE TABLE t(V)", {}, True),
        ("CREATE TABLE t(v)", "", {"rowids": "renumber"}, False),
        ("CREATE TABLE t(v)", "CREATE TABLE t(v UNIQUE)", {}, False),
        ("CREATE TABLE t(v)", "CREATE TABLE t(w)", {"columns": {"v": "w"}}, False),
        ("CREATE TABLE t(v)", "CREATE TABLE t(v, more DEFAULT 7)", {}, False),
    ],
)
def test_preflight_digest_is_reused_for_equal_columns(
    bench: Bench, create: str, target: str, keys: Any, known: bool
) -> None:
    """It is not reused if other columns or rowids count in the target.

    The digest is the same in both cases.
    """
    rows = "(7, 'a')" if "PRIMARY KEY" in create else "(7, 'a'), (9, 2.5)"
    bench.database("a.db", create, f"INSERT INTO t(rowid, v) VALUES{rows}")
    if target:
        bench.database(TARGET, target)

    copied = bench.copied(source("a.db", table("t", **keys)))
    mapping = copied.copied_tables[0].mapping
    alias = next(name for _, name, _ in copied.rows("PRAGMA database_list") if name not in ("main", "temp"))

    assert (copied.inspected.expected_digest(mapping) is not None) == known
    assert copied.inspected.expected_digest(mapping) in (None, source_digest(copied.con, mapping, alias))
    assert copied.inspected.digest_before(mapping) in (None, copied.digests_before.get("t"))
    assert rows_are_exact(copied)


def test_each_read_table_is_a_step_of_the_deadline(bench: Bench) -> None:
    """If the deadline passes, the problem names the table."""
    bench.database("a.db", "CREATE TABLE t(v)")
    copied = bench.copied(source("a.db", table("t", into="u")))
    mapping, deadline = copied.inspected.mappings[0], limits_of(copied.con).deadline

    existing_rows_digest(copied.con, mapping)
    first = deadline.step
    with attached(copied.con, bench.root / "a.db", "again") as alias:
        source_digest(copied.con, mapping, alias)

    assert (first.split()[-1], deadline.step.split()[-1]) == ("u", "t")
