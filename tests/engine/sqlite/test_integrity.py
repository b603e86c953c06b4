"""Specify which damage and which rows without parent SQLite finds."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite import integrity
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_memory, open_readonly
from sqlite_consolidate.engine.sqlite.integrity import (
    UNCHECKABLE,
    check_integrity,
    count_orphans,
    integrity_lines,
    lagging_indexes,
    violated_checks,
)
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_consolidate.sqlite_library import sqlite3

asks_fts4 = pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 44), reason="this SQLite does not ask FTS4")


def test_orphans_are_counted_by_child_and_parent() -> None:
    """Two of three children have no parent."""
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE c(p REFERENCES p(id))")
    con.execute("INSERT INTO p VALUES (1)")
    con.execute("INSERT INTO c VALUES (1), (2), (3)")

    assert count_orphans(con) == {("c", "p"): 2}
    assert con.limits.deadline.step == "the foreign keys of c"


def test_each_row_without_its_parent_counts_once() -> None:
    """Two rows without the same parent count as two.

    A row that violates two foreign keys to one parent counts once.
    """
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE c(one REFERENCES p, other REFERENCES P)")
    con.execute("INSERT INTO c VALUES (7, NULL), (7, NULL), (NULL, 7), (7, 8)")

    assert sum(count_orphans(con).values()) == 4


def test_orphans_count_for_each_parent() -> None:
    """A row that violates several foreign keys to two parents counts once for each of them."""
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE q(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE c(one REFERENCES p, two REFERENCES p, three REFERENCES q, four REFERENCES q)")
    con.execute("INSERT INTO c VALUES (7, 7, 7, 7)")

    assert count_orphans(con) == {("c", "p"): 1, ("c", "q"): 1}


def test_row_without_rowid_counts_for_each_foreign_key() -> None:
    """SQLite does not say which row it is."""
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE c(id PRIMARY KEY, one REFERENCES p, two REFERENCES p) WITHOUT ROWID")
    con.execute("INSERT INTO c VALUES (1, 7, 7)")

    assert count_orphans(con) == {("c", "p"): 2}


@pytest.mark.parametrize(
    ("child", "rows", "expected"),
    [
        ("p INTEGER REFERENCES p(id)", "(1), (2), (NULL), (1)", 0),
        ("p INTEGER REFERENCES p", "(1), (9), (NULL), (9)", 2),
        ("p BIGINT REFERENCES P(ID)", "(1.0), ('2'), (-1)", 1),
        ("p INT REFERENCES p(id)", "(1), (1.5), ('x'), (x'31')", 3),
        ("p REFERENCES p(id)", "('1'), (2), ('y')", 1),
        ("p INTEGER REFERENCES p(id) UNIQUE", "(1), (2), (3)", 1),
        ("p INTEGER REFERENCES k(id)", "(1), (9)", 1),
        ("p INTEGER REFERENCES w(id)", "(1), (9)", 1),
        ("p INTEGER REFERENCES p(id) REFERENCES w(id)", "(1), (2)", 1),
        ("p INTEGER REFERENCES missing(id)", "(1), (2)", 2),
    ],
)
@pytest.mark.parametrize("index", ["", "(p)", "(p DESC, id)", "(id, p)", "(p) WHERE p < 2"])
def test_orphans_of_large_databases_are_counted_alike(
    monkeypatch: pytest.MonkeyPatch, child: str, rows: str, expected: int, index: str
) -> None:
    """An index may show that there is none, and foreign_key_check counts them."""
    monkeypatch.setattr(integrity, "ORDERED_MIN_BYTES", 0)
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY, name)")
    con.execute("CREATE TABLE k(id INT PRIMARY KEY)")
    con.execute("CREATE TABLE w(id INTEGER PRIMARY KEY) WITHOUT ROWID")
    con.execute(f"CREATE TABLE c(id INTEGER PRIMARY KEY, {child})")
    for table, values in (("p(id)", "(1), (2)"), ("k(id)", "(1)"), ("w(id)", "(1)"), ("c(p)", rows)):
        con.execute(f"INSERT INTO {table} VALUES {values}")
    if index:
        con.execute(f"CREATE INDEX i ON c{index}")

    assert sum(count_orphans(con).values()) == expected


def test_foreign_key_without_parent_key_counts_once() -> None:
    """Other orphans are still counted.

    SQLite alone would stop at the first such foreign key.
    """
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY, name)")
    con.execute("CREATE TABLE odd(name REFERENCES p(name))")
    con.execute("CREATE TABLE c(p REFERENCES p(id))")
    con.execute("INSERT INTO odd VALUES ('x')")
    con.execute("INSERT INTO c VALUES (7)")

    assert count_orphans(con) == {("odd", UNCHECKABLE): 1, ("c", "p"): 1}


def test_damage_is_what_full_check_finds() -> None:
    """The quick check does not read indexes. Five lines are enough for a reader."""
    con = open_memory()
    con.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a CHECK(a > 0))")
    con.execute("CREATE INDEX by_a ON t(a)")
    assert check_integrity(con) == []
    assert con.limits.deadline.step == "integrity_check"

    con.execute("INSERT INTO t(a) VALUES (1), (2), (3), (4), (5), (6)")
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = replace(sql, '(a)', '(-a)') WHERE name = 'by_a'")
    con.execute("PRAGMA writable_schema=RESET")

    assert check_integrity(con) == [f"row {number} missing from index by_a" for number in (1, 2, 3, 4, 5)]


@asks_fts4
def test_index_without_own_content_is_no_damage() -> None:
    """It takes the place of no damage.

    An index with its own content is damaged where it differs.
    """
    con = open_memory()
    con.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, body CHECK(body > 'a'))")
    con.execute("CREATE VIRTUAL TABLE words USING fts4(body)")
    con.execute("CREATE VIRTUAL TABLE behind USING fts4(body, content='notes')")
    con.execute("CREATE VIRTUAL TABLE bare USING fts4(body, content='')")
    con.execute("INSERT INTO words VALUES ('c')")
    con.execute("INSERT INTO notes(body) VALUES ('b')")
    con.execute("INSERT INTO bare(docid, body) VALUES (1, 'd')")
    assert integrity_lines(con, 5) == []

    con.execute("UPDATE words_content SET c0body = 'other'")
    con.execute("PRAGMA ignore_check_constraints=ON")
    con.execute("UPDATE notes SET body = 'a'")
    con.execute("PRAGMA ignore_check_constraints=OFF")

    damage = ["CHECK constraint failed in notes", "malformed inverted index for FTS4 table main.words"]
    assert integrity_lines(con, 2) == integrity_lines(con, 3) == damage
    assert lagging_indexes(con, read_schema(con)) == ["behind"]


def test_fts5_index_lags_if_numbers_of_rows_differ() -> None:
    """One whose trigger has a condition has fewer rows, and one without sizes is not compared."""
    con = open_memory()
    for name in ("notes", "marks", "drafts"):
        con.execute(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, body)")
    con.execute("CREATE VIRTUAL TABLE words USING fts5(body, content='notes', content_rowid='id')")
    con.execute("CREATE VIRTUAL TABLE bare USING fts5(body, content='notes', columnsize=0)")
    con.execute("CREATE VIRTUAL TABLE lost USING fts5(body, content='gone')")
    con.execute("CREATE VIRTUAL TABLE current USING fts5(body, content='marks', content_rowid='id')")
    con.execute("CREATE VIRTUAL TABLE some USING fts5(body, content='drafts', content_rowid='id')")
    con.execute(
        "CREATE TRIGGER indexes AFTER INSERT ON drafts WHEN new.id > 1 BEGIN"
        " INSERT INTO some(rowid, body) VALUES (new.id, new.body); END"
    )
    for name in ("notes", "marks", "drafts"):
        con.execute(f"INSERT INTO {name}(body) VALUES ('b')")
    con.execute("INSERT INTO current(current) VALUES ('rebuild')")

    assert lagging_indexes(con, read_schema(con)) == ["words"]


@asks_fts4
def test_index_with_unknown_tokenizer_is_not_asked() -> None:
    """SQLite would reject the pragma."""
    con = open_memory()
    con.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, body)")
    for name in ("odd", "words"):
        con.execute(f"CREATE VIRTUAL TABLE {name} USING fts4(body, content='notes')")
    con.execute("INSERT INTO notes(body) VALUES ('b')")
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = replace(sql, ')', ', tokenize=nosuch)') WHERE name = 'odd'")
    con.execute("PRAGMA writable_schema=RESET")

    assert lagging_indexes(con, read_schema(con)) == ["words"]


def test_violated_check_is_reported_once_for_a_table(tmp_path: Path) -> None:
    """A CHECK that fails on a value cannot be evaluated."""
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as con:
        con.execute("CREATE TABLE whole(a CHECK(a > 0))")
        con.execute("CREATE TABLE broken(a CHECK(a > 0 -- positive\n), b CHECK(b > a))")
        con.execute("CREATE TABLE odd(a CHECK(json(a) IS NOT NULL))")
        con.execute("PRAGMA ignore_check_constraints=ON")
        con.execute("INSERT INTO whole VALUES (1)")
        con.execute("INSERT INTO broken VALUES (0, -1)")
        con.execute("INSERT INTO odd VALUES ('{')")

    with closing(open_readonly(tmp_path / "a.db")) as con:
        lines = violated_checks(con, read_schema(con))
        step = limits_of(con).deadline.step

    assert [re.sub(".* (broken|odd).*", r"\1", line) for line in lines] == ["broken", "odd"]
    assert step == "the CHECKs of odd"


def test_interrupted_check_is_an_error() -> None:
    """It is neither violated nor one that cannot be evaluated."""
    con = open_memory()
    con.execute("CREATE TABLE t(a CHECK(a > 0))")
    con.execute("INSERT INTO t VALUES (1)")
    schema = read_schema(con)
    con.set_progress_handler(lambda: 1, 1)

    with pytest.raises(sqlite3.OperationalError) as interrupted:
        violated_checks(con, schema)
    assert interrupted.value.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    with pytest.raises(sqlite3.OperationalError) as interrupted:
        integrity_lines(con, 5)
    assert interrupted.value.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
