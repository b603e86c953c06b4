"""Specify that permitted differences and later changes are no failure."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.row_differences import DifferenceKind
from tests.support.thorough import thorough
from tests.support.workspaces.consolidated_by_hand import ByHand, consolidated, failed

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

else:
    from sqlite_utils.utils import sqlite3


def test_consolidation_by_hand_with_other_statements_passes(tmp_path: Path) -> None:
    """Names, quotes, white space, column order and the place of a constraint may differ."""
    log = consolidated(tmp_path).judge()

    assert failed(log) == set()
    assert log.findings == ()


def test_later_changes_are_findings_and_no_failure(tmp_path: Path) -> None:
    """Changed rows are counted, added objects are named, and user_version may be higher."""
    by_hand = consolidated(tmp_path)
    by_hand.change(
        "UPDATE people SET age = 37 WHERE id = 1",
        "INSERT INTO people(first, name, age) VALUES('new', 'new', 20)",
        "INSERT INTO log VALUES(3, 'new')",
        "UPDATE own SET v = 'c' WHERE id = 2",
        "CREATE INDEX since ON people(last)",
        "CREATE UNIQUE INDEX since_too ON people(id, last)",
        "CREATE VIEW since_seen AS SELECT 1",
        "PRAGMA user_version = 8",
    )

    log = by_hand.judge()

    assert failed(log) == set()
    assert [(finding.id, finding.subject) for finding in log.findings] == [
        ("rows-changed-since", "a.db:people"),
        ("rows-added-since", "people"),
        ("rows-added-since", "log"),
        ("object-added-since", "People"),
        ("object-added-since", "People"),
        ("object-added-since", "since_seen"),
        ("table-changed-since", "own"),
    ]


@pytest.mark.parametrize("show_values", [False, True])
def test_changed_row_is_named_by_its_key(tmp_path: Path, show_values: bool) -> None:
    """A key of text is a value, which a finding names on demand."""
    by_hand = consolidated(tmp_path)
    by_hand.change("UPDATE people SET age = 37 WHERE id = 2", "UPDATE pets SET owner = 2 WHERE name = 'tom'")

    texts = {finding.subject: finding.text for finding in by_hand.judge(show_values=show_values).findings}

    assert "row id 2 of" in texts["a.db:people"]
    assert ("'tom'" in texts["a.db:pets"]) is show_values
    assert ("(masked)" in texts["a.db:pets"]) is not show_values


def test_lost_row_without_key_is_named_by_rowid(tmp_path: Path) -> None:
    """Nothing else tells an operator which one it is."""
    by_hand = consolidated(tmp_path)
    by_hand.change("DELETE FROM log WHERE msg = 'other'")

    log = by_hand.judge()

    (entry,) = (entry for entry in log.results["rows-exact"].evidence if not entry.holds)
    assert entry.rows is not None
    assert [(row.kind, row.key, row.rowid) for row in entry.rows.first] == [(DifferenceKind.MISSING, (), 30)]
    assert all(counted.rows is None for counted in log.results["rows-counted"].evidence)


def test_doubled_row_is_named(tmp_path: Path) -> None:
    """Its rowid tells which one to delete."""
    by_hand = consolidated(tmp_path)
    by_hand.change("INSERT INTO log(rowid, msg, level) SELECT 77, msg, level FROM log WHERE rowid = 30")

    log = by_hand.judge()

    (entry,) = (entry for entry in log.evidence() if entry.outcome is Outcome.FAILED)
    assert entry.criterion == "no-duplicates"
    assert entry.rows is not None
    assert [(row.kind, row.rowid) for row in entry.rows.first] == [(DifferenceKind.EXTRA, 77)]
    assert entry.rows.number == 1


@pytest.mark.parametrize(
    "statement",
    ["UPDATE log SET msg = 'new' WHERE rowid = 20", "UPDATE log SET msg = 'other', level = 2 WHERE rowid = 20"],
)
def test_changed_row_without_key_is_named_by_rowid(tmp_path: Path, statement: str) -> None:
    """The one it was equal to, and the one it is equal to now, are others."""
    by_hand = consolidated(tmp_path)
    by_hand.change(statement)

    log = by_hand.judge()

    assert failed(log) == set()
    (finding,) = log.findings
    assert (finding.id, finding.subject, finding.count) == ("rows-changed-since", "a.db:log", 1)
    assert "rowid 20" in finding.text


def test_row_whose_key_is_null_may_have_been_changed(tmp_path: Path) -> None:
    """As many rows may be added as are missing, but one more missing row is lost."""
    by_hand = keyed_by_email(tmp_path)
    by_hand.change("UPDATE people SET first = 'new' WHERE email IS NULL AND first = 'a'")
    log = by_hand.judge()
    by_hand.change("DELETE FROM people WHERE email IS NULL AND first = 'b'")
    later = by_hand.judge()

    assert failed(log) == set()
    assert [(finding.id, finding.count) for finding in log.findings] == [("rows-changed-since", 1)]
    assert failed(later) == {"rows-counted", "rows-exact"}
    (entry,) = (entry for entry in later.results["rows-exact"].evidence if not entry.holds)
    assert entry.rows is not None
    assert (entry.rows.missing, entry.rows.extra, entry.rows.changed) == (1, 0, 1)


def test_rows_that_no_original_has_are_counted_and_named(tmp_path: Path) -> None:
    """The rows that the target had before are not counted."""
    by_hand = consolidated(tmp_path)
    by_hand.change("INSERT INTO scores VALUES(8, 8.0), (9, 9.0)", "DELETE FROM scores WHERE n = 1")

    log = by_hand.judge()

    assert [(finding.id, finding.subject, finding.count) for finding in log.findings] == [
        ("rows-added-since", "scores", 2)
    ]
    assert "n 8" in log.findings[0].text
    (entry,) = (entry for entry in log.results["rows-exact"].evidence if not entry.holds)
    assert entry.rows is not None
    assert (entry.rows.missing, entry.rows.extra, entry.rows.changed) == (1, 2, 0)


def test_table_that_has_lost_all_rows_asks_for_attention(tmp_path: Path) -> None:
    """Whether its application deleted them only a reader can tell."""
    by_hand = consolidated(tmp_path)
    by_hand.change("DELETE FROM own")

    log = by_hand.judge()

    assert failed(log) == set()
    assert [(finding.id, finding.level, finding.count) for finding in log.findings] == [
        ("table-emptied-since", "attention", 2)
    ]


@pytest.mark.parametrize(
    ("statement", "criteria"),
    [
        ("DELETE FROM scores WHERE n = 50", {"rows-counted", "rows-exact"}),
        *thorough(("UPDATE scores SET value = 9 WHERE n = 1", set())),
    ],
)
def test_earlier_rows_of_receiving_table_are_matched(tmp_path: Path, statement: str, criteria: set[str]) -> None:
    """None of them is in addition, and one that is gone is missing."""
    by_hand = consolidated(tmp_path)
    create = "CREATE TABLE scores(n INTEGER PRIMARY KEY, value REAL, UNIQUE(value, n) ON CONFLICT IGNORE) STRICT"
    with closing(sqlite3.connect(by_hand.originals / "target.db", isolation_level=None)) as con:
        con.execute(create)
        con.execute("INSERT INTO scores VALUES(50, 5.0), (60, 6.0)")
    by_hand.change("INSERT INTO scores VALUES(50, 5.0), (60, 6.0)")
    untouched = by_hand.judge()

    by_hand.change(statement)

    assert failed(untouched) == set()
    assert untouched.findings == ()
    assert failed(by_hand.judge()) == criteria


def test_equal_rows_of_two_originals_are_not_doubled(tmp_path: Path) -> None:
    """A third equal row is doubled, and a removed one is missing."""
    by_hand = consolidated(tmp_path)
    with closing(sqlite3.connect(by_hand.originals / "b.db", isolation_level=None)) as con:
        con.execute("CREATE TABLE log(msg, level)")
        con.execute("INSERT INTO log VALUES('other', 2)")
    with (by_hand.workspace / "consolidation.toml").open("a") as plan:
        plan.write('[[source]]\nname = "b"\nfile = "b.db"\n[[source.table]]\nname = "log"\n')
    by_hand.change("INSERT INTO log(rowid, msg, level) VALUES(1, 'other', 2)")
    right = by_hand.judge()

    by_hand.change("INSERT INTO log(rowid, msg, level) VALUES(2, 'other', 2)")
    doubled = by_hand.judge()
    by_hand.change("DELETE FROM log WHERE rowid < 3")

    assert failed(right) == set()
    assert right.findings == ()
    assert failed(doubled) == {"no-duplicates"}
    assert "rows-exact" in failed(by_hand.judge())


def keyed_by_email(root: Path) -> ByHand:
    """Return a consolidation whose people have no key but an email, which may be NULL."""
    by_hand = consolidated(root)
    for folder in (by_hand.originals / "a.db", by_hand.workspace / "target.db"):
        with closing(sqlite3.connect(folder, isolation_level=None)) as con:
            con.executescript(
                "DROP VIEW elders; DROP TABLE pets; DROP TABLE people; CREATE TABLE people(first, email UNIQUE);"
                "CREATE TABLE pets(name TEXT PRIMARY KEY);"
                "INSERT INTO people VALUES('a', NULL), ('b', NULL), ('c', 'c@x')"
            )
    return by_hand


def test_without_the_original_target_its_neighbours_are_not_shown(tmp_path: Path) -> None:
    """The reason is given, and the sources show the other criteria."""
    by_hand = consolidated(tmp_path)
    (by_hand.originals / "target.db").unlink()

    log = by_hand.judge()

    assert failed(log) == set()
    assert log.outcome("neighbours-unchanged") is Outcome.NOT_EXAMINED
    assert "original target" in log.unanswerable["neighbours-unchanged"]
    assert set(log.unanswerable) >= {"committed", "backup-complete", "rows-expected", "size-reasonable"}


def test_orphans_of_originals_are_no_failure(tmp_path: Path) -> None:
    """An orphan of an original is accepted, and one more is a failure."""
    by_hand = consolidated(tmp_path)
    with closing(sqlite3.connect(by_hand.originals / "a.db", isolation_level=None)) as con:
        con.execute("INSERT INTO pets VALUES('lost', 77)")
    by_hand.change("INSERT INTO pets VALUES('lost', 77)")
    right = failed(by_hand.judge())

    by_hand.change("INSERT INTO pets VALUES('more', 78)")

    assert right == set()
    assert failed(by_hand.judge()) == {"foreign-keys"}
