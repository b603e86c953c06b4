"""Test what the path of a database and its content tell about its role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.left_objects import find_original
from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.propose import propose_plan
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

ROLES = {
    "shop.db": "live",
    "latest.db": "live",
    "copyright.db": "live",
    "old.db": "live",
    "archive.db": "live",
    "contest.db": "live",
    "geocaching.db": "live",
    "temperature.db": "live",
    "shop.db.bak": "backup",
    "shop_copy.db": "backup",
    "shop copy 2.db": "backup",
    "shop_old.db": "backup",
    "shop.db.old": "backup",
    "backups/2024/shop.db": "backup",
    "shop.db.archived_20250131_120000": "backup",
    "shop.db~": "backup",
    "ada@example.org.db": "live",
    "template.db": "template",
    "templates/shop.db": "template",
    "examples/shop.db": "template",
    "tests/shop.db": "test",
    "shop_test.db": "test",
    "fixtures/shop.db": "test",
    "cache/http.sqlite3": "cache",
    ".cache/pip.db": "cache",
    "http_cache.db": "cache",
    "tmp/session.db": "temporary file",
    "temp/import.db": "temporary file",
    "import.db.tmp": "temporary file",
    "shop (1).db": "conflict",
    "lone (2).db": "live",
    "backups/2024/shop (1).db": "backup",
}
CONFLICTED = [
    "notes (conflicted copy).db",
    "notes (Ada's conflicted copy 2024-05-01).db",
    "notes (conflicted copy 2024-05-01 120000).db",
    "notes (Case Conflict).db",
    "notes (1).db",
    "notes.sync-conflict-20240501-120000-ABCDEFG.db",
    "notes_conflict-20240501-120000.db",
    "notes.Conflict.db",
]


def test_role_follows_from_a_word_in_the_path(tmp_path: Path) -> None:
    """A word counts only as a whole word.

    The number of a download makes no conflicted copy where its original is not beside it.
    """
    for number, file in enumerate(ROLES):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        execute(tmp_path / file, f"CREATE TABLE t(a); INSERT INTO t VALUES ({number})")

    inventory = take_inventory(tmp_path, lambda _words: None)

    assert {entry.file: entry.role for entry in inventory.entries} == ROLES


@pytest.mark.parametrize("file", CONFLICTED)
def test_original_of_a_conflicted_copy_is_found(file: str) -> None:
    """Each program that synchronizes folders has a pattern for these names."""
    assert find_original(f"data/{file}", {"data/notes.db", "notes.db", f"data/{file}"}) == "data/notes.db"
    assert find_original(f"data/{file}", {f"data/{file}"}) == ""


@pytest.mark.parametrize("file", ["conflicts.db", "conflict.db", "notes.db", "notes (draft).db"])
def test_other_names_are_no_conflicted_copies(file: str) -> None:
    """The word can be the subject of the rows."""
    assert find_original(file, {file, "notes.db", ".db"}) == ""


def test_conflicted_copy_is_a_source_with_a_decision(tmp_path: Path) -> None:
    """It is never the target, although it has more rows."""
    sql = "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES (1, 'milk')"
    execute(tmp_path / "notes.db", sql)
    execute(tmp_path / "notes (conflicted copy).db", f"{sql}, (2, 'bread')")

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    assert proposal.target == "notes.db"
    assert [(source.file, len(source.decide)) for source in proposal.sources] == [("notes (conflicted copy).db", 1)]


def test_reason_for_a_backup_has_its_place_in_code(tmp_path: Path) -> None:
    """A place with the name of two files says nothing about the backup."""
    (tmp_path / "old").mkdir()
    for name in ("main.db", "old/main.db", "old/visits.db"):
        execute(tmp_path / name, f"CREATE TABLE t(a); INSERT INTO t VALUES ('{name}')")
    (tmp_path / "store.py").write_text('A = "main.db"\nB = "old/visits.db"\n')

    entries = {entry.file: entry for entry in take_inventory(tmp_path, lambda _words: None).entries}

    assert {file: entry.role for file, entry in entries.items() if file != "main.db"} == {
        "old/main.db": "backup",
        "old/visits.db": "backup",
    }
    assert ["store.py" in entries[f"old/{name}.db"].role_reason for name in ("main", "visits")] == [False, True]


def test_conflicted_copy_follows_its_original(tmp_path: Path) -> None:
    """The original gives the tables their names, although its file comes later."""
    sql = "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES (1, '{}')"
    for file, body in (("main.db", "a"), ("notes (1).db", "b"), ("notes.db", "c")):
        execute(tmp_path / file, sql.format(body))

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    assert proposal.target == "main.db"
    assert [source.file for source in proposal.sources] == ["notes.db", "notes (1).db"]


def test_conflicted_copy_with_equal_rows_is_a_copy(tmp_path: Path) -> None:
    """Nothing has to be decided about it."""
    for file in ("notes.db", "notes (1).db"):
        execute(tmp_path / file, "CREATE TABLE note(id INTEGER PRIMARY KEY); INSERT INTO note VALUES (1)")

    inventory = take_inventory(tmp_path, lambda _words: None)

    assert {entry.file: entry.role for entry in inventory.entries} == {"notes.db": "live", "notes (1).db": "copy"}


def test_conflicted_copies_have_short_names(tmp_path: Path) -> None:
    """The date and the device in the names of their files would be in the names of tables."""
    for number, file in enumerate(("notes.db", *CONFLICTED[1:3])):
        execute(tmp_path / file, f"CREATE TABLE note(id INTEGER PRIMARY KEY); INSERT INTO note VALUES ({number})")

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    assert [source.name for source in proposal.sources] == ["notes_conflict", "notes_conflict_2"]


VISITS = "CREATE TABLE visits(at TEXT, page TEXT); INSERT INTO visits VALUES ('{0}', 'a')"
SHOP = "CREATE TABLE item(name TEXT); INSERT INTO item VALUES ('{0}')"
OPENED = 'import sqlite3\n\ndef of(year):\n    return sqlite3.connect(f"archive/visits-{year}.db")\n'


@pytest.mark.parametrize(
    ("files", "code", "decisions"),
    [
        ({"archive/visits-2024.db": VISITS, "archive/visits-2025.db": VISITS}, {"app.py": OPENED}, 1),
        ({"archive/visits-2024.db": VISITS, "visits-2025.db": VISITS}, {"app.py": OPENED}, 1),
        ({"archive/visits-2024.db": VISITS, "visits-2025.db": VISITS}, {}, 0),
        ({"archive/shop.db": SHOP}, {"app.py": 'A, B = "shop.db", "archive/shop.db"\n'}, 1),
        ({"archive/shop.db": SHOP}, {"app.py": 'A = "shop.db"\n'}, 0),
        ({"backup_tool/jobs.db": "CREATE TABLE job(a); INSERT INTO job VALUES (1)"}, {}, 1),
        ({"backup/shop.db": SHOP}, {"backup.sh": "cp shop.db backup/shop.db\n"}, 0),
        ({"tests.db": "CREATE TABLE result(a); INSERT INTO result VALUES (1)"}, {"app.py": 'DB = "tests.db"\n'}, 1),
        ({"tests/x.db": "CREATE TABLE x(a); INSERT INTO x VALUES (1)"}, {"tests/test_x.py": 'DB = "tests/x.db"\n'}, 0),
        ({"cache/page.db": "CREATE TABLE page(a); INSERT INTO page VALUES (1)"}, {"app.py": 'DB = "page.db"\n'}, 0),
    ],
    ids=[
        "archive",
        "archive of a table",
        "unnamed",
        "named alike",
        "named alike, unnamed",
        "program",
        "script",
        "laboratory",
        "test",
        "cache",
    ],
)
def test_file_that_may_be_a_source_is_a_decision(
    tmp_path: Path, files: dict[str, str], code: dict[str, str], decisions: int
) -> None:
    """A word in its path says otherwise.

    Code opens it, or no database has its tables.
    """
    for name, sql in {"shop.db": SHOP, "main.db": "CREATE TABLE m(a); INSERT INTO m VALUES (1)", **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        execute(tmp_path / name, sql.format(name))
    for name, text in code.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    assert [file.decide for file in proposal.left_out].count(True) == decisions
    assert len(proposal.left_out) == 1


def test_exception_of_a_pattern_can_be_a_decision(tmp_path: Path) -> None:
    """It is a file of an archive that code opens."""
    for name in ("a/visits.db", "b/visits.db", "c/visits.db", "archive/visits.db", "main.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        execute(tmp_path / name, VISITS.format(name) if "visits" in name else "CREATE TABLE m(a)")
    execute(tmp_path / "main.db", "INSERT INTO m VALUES (1), (2); CREATE TABLE n(a); INSERT INTO n VALUES (1)")
    (tmp_path / "app.py").write_text('OLD = "archive/visits.db"\n')

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    assert proposal is not None
    [source] = proposal.sources
    assert source.file == "*/visits.db"
    assert [(leave.table, len(leave.decide)) for leave in source.leaves] == [("archive/visits.db", 1)]


@pytest.mark.parametrize(
    ("code", "sources"),
    [
        ({"app.py": 'A = "archive/mail.db"\n'}, ["archive/mail.db"]),
        ({"backup.sh": "cp mail.db archive/mail.db\n"}, None),
        ({}, None),
    ],
)
def test_named_backup_is_a_source_of_the_only_database(
    tmp_path: Path, code: dict[str, str], sources: list[str] | None
) -> None:
    """A decision asks whether it is one, and it is never the target."""
    (tmp_path / "archive").mkdir()
    execute(tmp_path / "shop.db", SHOP.format("hat"))
    execute(tmp_path / "archive/mail.db", "CREATE TABLE mail(a); INSERT INTO mail VALUES (1), (2)")
    for file, text in code.items():
        (tmp_path / file).write_text(text)

    proposal = propose_plan(take_inventory(tmp_path, lambda _words: None))

    files = [source.file for source in proposal.sources if source.decide] if proposal else None
    assert (files, proposal and proposal.target) == (sources, sources and "shop.db")
