"""Specify which damage and which rows without parent SQLite finds."""

from __future__ import annotations

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.integrity import UNCHECKABLE, check_integrity, count_orphans


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

    con.execute("INSERT INTO t(a) VALUES (1), (2), (3)")
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = replace(sql, '(a)', '(-a)') WHERE name = 'by_a'")
    con.execute("PRAGMA writable_schema=RESET")

    assert check_integrity(con) == [f"row {number} missing from index by_a" for number in (1, 2, 3)]
