"""Specify the check of a finished consolidation."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.checks import aftercare as check
from sqlite_consolidate.observation import Outcome, says_all
from tests.support.observations import numbers_in
from tests.support.workspaces.two_sources import STAMP, execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.observation import Observation
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def root(consolidated_copy: Path) -> Path:
    """The workspace of two sources, consolidated."""
    return consolidated_copy


@pytest.fixture
def sealed(root: Path) -> Manifest:
    """The manifest of its run."""
    stored = manifest.read(root / f"backups/small-{STAMP}")
    assert stored is not None
    return stored


def wrong(root: Path, sealed: Manifest) -> list[Observation]:
    """Return every observation of a check that does not hold.

    Each that failed says what to do.
    """
    observations = [
        *check.archives_unchanged(root, sealed),
        *check.target_right(check.read_consolidated_target(root, sealed), sealed),
        *check.no_new_source_files(root, sealed),
    ]
    assert all(observation.todo for observation in observations if observation.holds is False)
    return [observation for observation in observations if not observation.holds]


def test_intact_consolidation_passes_the_check(root: Path, sealed: Manifest) -> None:
    """Nothing is wrong, and nothing has changed."""
    assert wrong(root, sealed) == []
    assert check.read_consolidated_target(root, sealed).changes_since_commit("workspace.db") == []


def test_check_changes_no_byte(root: Path, sealed: Manifest) -> None:
    """The same files with the same bytes are there afterwards."""
    before = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    wrong(root, sealed)

    assert {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()} == before


def test_rows_that_changed_since_are_counted_and_not_failed(root: Path, sealed: Manifest) -> None:
    """Rows that the application has changed are findings and no failure."""
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")
    execute(root / "workspace.db", "UPDATE projects SET name = 'x' WHERE id = 1")

    findings = check.read_consolidated_target(root, sealed).changes_since_commit("workspace.db")

    assert wrong(root, sealed) == []
    assert [(finding.id, finding.level, finding.subject) for finding in findings] == [
        ("table-changed-since", "note", "workspace.db:projects"),
        ("table-changed-since", "note", "workspace.db:tasks"),
    ]
    assert numbers_in(findings[1].text)[:2] == [3, 4]


def test_a_table_that_was_dropped_is_missing(root: Path, sealed: Manifest) -> None:
    """It is named."""
    execute(root / "workspace.db", "DROP TABLE tasks")

    [observation] = wrong(root, sealed)

    assert (observation.subject, observation.observed) == ("workspace.db: tasks", check.MISSING_TABLE)
    assert says_all(observation.expected)


def test_row_that_breaks_its_check_is_damage(root: Path, sealed: Manifest) -> None:
    """An application can violate a CHECK that it ignores.

    The check changes neither the file nor its folder.
    """
    with closing(sqlite3.connect(root / "workspace.db", isolation_level=None)) as con:
        con.execute("CREATE TABLE ages(age INT CHECK(age >= 0 /* ')' */ -- )\n), n CHECK(n <> 'x'))")
        con.execute("INSERT INTO ages VALUES(1, 'y'), (NULL, NULL)")
        right = wrong(root, sealed)
        con.execute("PRAGMA ignore_check_constraints=ON")
        con.execute("INSERT INTO ages VALUES(-1, 'y')")
    before = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    [broken] = wrong(root, sealed)

    assert right == []
    assert broken.subject == "workspace.db: integrity_check"
    assert "ages" in broken.observed
    assert {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()} == before


def test_check_that_cannot_be_evaluated_is_not_examined(root: Path, sealed: Manifest) -> None:
    """A CHECK whose function only the application has is a limit and no damage."""
    with closing(sqlite3.connect(root / "workspace.db", isolation_level=None)) as con:
        con.create_function("own", 1, bool, deterministic=True)
        con.execute("CREATE TABLE ages(age INT CHECK(own(age)))")

    integrity = check.target_right(check.read_consolidated_target(root, sealed), sealed)[0]

    assert wrong(root, sealed) == []
    assert integrity.observed == "ok; not examined: ages"


def test_replaced_target_has_no_history_row(root: Path, sealed: Manifest) -> None:
    """The backup copied over it by hand is not the consolidated target."""
    (root / "workspace.db").write_bytes((root / f"backups/small-{STAMP}/databases/target.db").read_bytes())

    [observation] = wrong(root, sealed)

    assert (observation.subject, observation.outcome) == ("workspace.db: row of history", Outcome.FAILED)


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        ("plan = 'other'", "(plan)"),
        ("plan_sha256 = '00', sources = '{}'", "(plan_sha256, sources)"),
        ("sources = replace(sources, 'tasks', 'other')", "(sources)"),
    ],
)
def test_edited_row_of_history_is_a_finding(root: Path, sealed: Manifest, edit: str, changed: str) -> None:
    """The manifest has the same values."""
    execute(root / "workspace.db", f"UPDATE _consolidation_history SET {edit}")

    [finding] = check.read_consolidated_target(root, sealed).changes_since_commit("workspace.db")

    assert (finding.id, finding.subject) == ("object-changed-since", "workspace.db")
    assert f"the row of run {STAMP} in _consolidation_history" in finding.text
    assert changed in finding.text


def test_unreadable_row_of_history_is_not_called_replaced(root: Path, sealed: Manifest) -> None:
    """The target is not the one that the run has written, and it was not replaced."""
    execute(root / "workspace.db", "UPDATE _consolidation_history SET sources = 'no JSON'")

    [observation] = wrong(root, sealed)

    assert observation.subject == "workspace.db: row of history"
    assert "replaced" not in observation.observed


@pytest.mark.parametrize("content", [None, b"", b"x" * 9000], ids=["missing", "empty", "no database"])
def test_unreadable_target_is_an_observation_and_no_error(root: Path, sealed: Manifest, content: bytes | None) -> None:
    """Missing, cut to nothing or overwritten, it is wrong in words."""
    (root / "workspace.db").unlink()
    if content is not None:
        (root / "workspace.db").write_bytes(content)

    subjects = [observation.subject for observation in wrong(root, sealed)]

    assert subjects[-1] == "workspace.db: row of history"
    assert (root / "workspace.db").exists() == (content is not None)


def test_a_damaged_target_is_noticed(root: Path, sealed: Manifest) -> None:
    """SQLite's integrity_check finds the damage."""
    data = bytearray((root / "workspace.db").read_bytes())
    data[4096 * 2 + 8 : 4096 * 3] = b"\xff" * (4096 - 8)
    (root / "workspace.db").write_bytes(data)

    assert "workspace.db: integrity_check" in [observation.subject for observation in wrong(root, sealed)]


def test_an_archive_that_changed_is_noticed(root: Path, sealed: Manifest) -> None:
    """One changed value fails the check although the number of rows is equal."""
    archive = f"logs/tasks.db.archived_{STAMP}"
    execute(root / archive, "UPDATE tasks SET title = 'x' WHERE id = 1")

    [observation] = wrong(root, sealed)

    assert observation.subject == archive


def test_an_archive_that_is_gone_is_noticed(root: Path, sealed: Manifest) -> None:
    """A rollback needs the archive."""
    archive = f"logs/tasks.db.archived_{STAMP}"
    (root / archive).unlink()

    [observation] = wrong(root, sealed)

    assert (observation.subject, observation.observed) == (archive, "the archive is gone")


def test_an_old_database_that_was_created_again_is_noticed(root: Path, sealed: Manifest) -> None:
    """An application that still uses the old path writes rows that no other one reads."""
    execute(root / "logs/tasks.db", "CREATE TABLE tasks(id)")

    [observation] = wrong(root, sealed)

    assert (observation.subject, observation.observed) == ("logs/tasks.db", "created again")


def test_archive_deleted_with_backups_is_not_required(root: Path, sealed: Manifest) -> None:
    """The README allows the operator to delete both."""
    (root / f"logs/tasks.db.archived_{STAMP}").unlink()

    observations = check.archives_unchanged(root, sealed, is_deleted=True)

    assert {observation.outcome for observation in observations} == {Outcome.PASSED, Outcome.NOT_REQUIRED}
