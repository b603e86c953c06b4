"""Rows whose foreign key points at nothing are counted, and a key that cannot be checked is no reason to stop."""

from __future__ import annotations

from migration.engine.connections import open_memory
from migration.engine.sqlite_checks import UNCHECKABLE, orphans


def test_orphans_are_counted_by_child_and_parent() -> None:
    """Two of three children have no parent."""
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY)")
    con.execute("CREATE TABLE c(p REFERENCES p(id))")
    con.execute("INSERT INTO p VALUES (1)")
    con.execute("INSERT INTO c VALUES (1), (2), (3)")

    assert orphans(con) == {("c", "p"): 2}


def test_a_foreign_key_to_what_is_no_key_counts_once_and_hides_no_other() -> None:
    """Decades of schema changes leave such foreign keys; SQLite alone would stop at the first."""
    con = open_memory()
    con.execute("CREATE TABLE p(id INTEGER PRIMARY KEY, name)")
    con.execute("CREATE TABLE odd(name REFERENCES p(name))")
    con.execute("CREATE TABLE c(p REFERENCES p(id))")
    con.execute("INSERT INTO odd VALUES ('x')")
    con.execute("INSERT INTO c VALUES (7)")

    assert orphans(con) == {("odd", UNCHECKABLE): 1, ("c", "p"): 1}
