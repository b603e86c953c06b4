"""Specify that a failed comparison of rows names the rows that differ.

The comparison fails even if its rows cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.rollback.rollback import roll_back
from sqlite_consolidate.engine.checks.aftercare import archives_unchanged
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.content.table_differences import NOT_AVAILABLE, differences_or_note
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import (
    ARCHIVE,
    BACKUP,
    CHECK,
    FINAL,
    PREFLIGHT,
    SMOKE,
    TRANSFER,
    VERIFY,
    stages_of,
)
from sqlite_consolidate.engine.verbs.judge import CheckRun
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import MASKED, DifferenceKind, Disclosure, RowDifferences
from tests.support.rows.named_rows import named
from tests.support.workspaces.two_sources import (
    a_request,
    a_run,
    consolidated,
    execute,
    plan_of,
    reach,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.engine.verbs.consolidate import Run
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def run(root: Path) -> Iterator[Run]:
    """Lend a run whose rows are in the target, and are not verified."""
    run = a_run(root)
    reach(run, TRANSFER)
    yield run
    run.end()


def failed(run: Pipeline, criterion: str) -> list[Evidence]:
    """Check a criterion, and return what of it does not hold."""
    return [entry for entry in run.check(criterion).evidence if not entry.holds]


def rows_of(entry: Evidence) -> RowDifferences:
    """Return the rows of an observation, which must have some."""
    assert entry.rows is not None
    return entry.rows


def database_copy(run: Run, file: str) -> DatabaseCopy:
    """Return the copy of a database in the backup set of a run."""
    copy = run.sealed.database(file)
    assert copy is not None
    return copy


def test_row_that_was_changed_after_the_copy_is_named(run: Run) -> None:
    """The finding has key and column, and the observation still has the digests."""
    run.target.connection.execute("UPDATE tasks SET title = 'other' WHERE id = 2")
    run.perform(VERIFY)

    (entry,) = failed(run, "rows-exact")

    assert named(rows_of(entry)) == [(DifferenceKind.CHANGED, "tasks", ("2",), ("title",))]
    assert rows_of(entry).note == ""
    assert entry.outcome is Outcome.FAILED
    assert "id 2" in run.log.results["rows-exact"].text
    assert "title" in run.log.results["rows-exact"].text


def test_rows_that_are_gone_or_too_many_are_named(run: Run) -> None:
    """A key of text is masked, and a rowid identifies each row.

    The rowid of a missing row is that in its source.
    """
    run.target.connection.execute("DELETE FROM notes WHERE id = 'a'")
    run.target.connection.execute("INSERT INTO notes(rowid, id, body) VALUES(99, 'z', 'new')")
    run.perform(VERIFY)

    (entry,) = failed(run, "rows-exact")

    assert named(rows_of(entry)) == [
        (DifferenceKind.MISSING, "notes", (MASKED,), ()),
        (DifferenceKind.EXTRA, "notes", (MASKED,), ()),
    ]
    assert [row.rowid for row in rows_of(entry).first] == [1, 99]


def test_row_that_a_count_misses_is_named(run: Run) -> None:
    """Counts are compared first, so that a lost row is reported by them."""
    run.target.connection.execute("DELETE FROM tasks WHERE id = 3")

    (entry,) = failed(run, "rows-counted")

    assert named(rows_of(entry)) == [(DifferenceKind.MISSING, "tasks", ("3",), ())]


def test_row_of_a_neighbour_is_named(run: Run) -> None:
    """It is compared with the backup of the target."""
    run.target.connection.execute("UPDATE projects SET name = 'mine' WHERE id = 2")
    run.perform(VERIFY)

    (entry,) = failed(run, "neighbours-unchanged")

    assert named(rows_of(entry)) == [(DifferenceKind.CHANGED, "projects", ("2",), ("name",))]


def test_neighbour_with_its_rows_has_no_rows_to_name(run: Run) -> None:
    """Its statement is what has changed."""
    run.target.connection.execute("CREATE INDEX later ON projects(name)")
    run.perform(VERIFY)

    (entry,) = failed(run, "neighbours-unchanged")

    assert entry.rows is None


def test_values_are_in_the_evidence_only_on_demand(run: Run) -> None:
    """The log masks the values of an observation unless the operator asks for them."""
    run.target.connection.execute("UPDATE notes SET body = 'secret' WHERE id = 'b'")
    run.perform(VERIFY)

    masked = rows_of(failed(run, "rows-exact")[0])
    run.log.disclosure = Disclosure(show_values=True)
    shown = rows_of(failed(run, "rows-exact")[0])

    assert "secret" not in repr(masked)
    assert shown.first[0].values == "body: 'second' -> 'secret'"
    assert named(masked)[0][3] == named(shown)[0][3] == ("body",)


def test_row_of_a_passing_run_is_not_read_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is explained where nothing failed."""
    monkeypatch.setattr(OriginalRows, "differences_in_table", lambda *_: pytest.fail("rows were compared"))
    run.perform(VERIFY)

    assert [failed(run, criterion) for criterion in run.log.demanded(VERIFY)] == [[]] * len(run.log.demanded(VERIFY))


def test_missing_backup_is_said_and_hides_nothing(run: Run) -> None:
    """Without the rows from before, the comparison fails and gives the reason."""
    run.target.connection.execute("UPDATE tasks SET title = 'other'")
    run.perform(VERIFY)
    copy = run.sealed.database("logs/tasks.db")
    assert copy is not None
    (run.folder / copy.copy).unlink()

    (entry,) = failed(run, "rows-exact")

    assert (entry.outcome, rows_of(entry).number) == (Outcome.FAILED, 0)
    assert NOT_AVAILABLE in rows_of(entry).note


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OSError(5, "Input/output error", "/home/user/x"), "Input/output error"),
        (OSError("/home"), "OSError"),
        (sqlite3.OperationalError("no /home/user"), "OperationalError"),
        (ValueError("/home"), "ValueError"),
    ],
)
def test_error_of_an_explanation_is_named_without_its_text(error: Exception, name: str) -> None:
    """The text of an error may hold a value or a path."""

    def explain() -> RowDifferences:
        raise error

    rows = differences_or_note(explain)

    assert rows.number == 0
    assert f"({name})" in rows.note
    assert "/home" not in rows.note


def test_each_problem_of_an_explanation_is_told() -> None:
    """The note has the subject and the fact of each problem."""
    problems = [Problem("rows-unavailable", subject, "is empty.", "Wait.") for subject in ("a.db", "b.db")]

    def explain() -> RowDifferences:
        raise ProblemError(*problems)

    assert differences_or_note(explain).note == " ".join(f"{each.subject}: {each.what}" for each in problems)


def test_damaged_backup_hides_no_failure(run: Run) -> None:
    """The comparison fails although SQLite cannot read the rows of the backup."""
    run.target.connection.execute("UPDATE tasks SET title = 'other'")
    run.perform(VERIFY)
    for copy in run.sealed.databases:
        (run.folder / copy.copy).write_bytes(b"no database at all" * 100)

    (entry,) = failed(run, "rows-exact")

    assert entry.outcome is Outcome.FAILED
    assert "SQLITE_NOTADB" in rows_of(entry).note


def test_copy_that_lacks_a_row_names_it(root: Path) -> None:
    """It is compared with the live database."""
    run = a_run(root)
    reach(run, PREFLIGHT)
    run.perform(BACKUP)
    execute(run.folder / database_copy(run, "logs/tasks.db").copy, "DELETE FROM tasks WHERE id = 2")

    (entry,) = failed(run, "backup-digest")

    assert entry.subject == "logs/tasks.db"
    assert named(rows_of(entry)) == [(DifferenceKind.MISSING, "tasks", ("2",), ())]
    run.end()


@pytest.mark.parametrize("criterion", ["archive-restorable", "no-late-writes"])
def test_archive_that_was_written_to_names_its_row(root: Path, criterion: str) -> None:
    """By its key and column, in the run that archived it."""
    run = a_run(root)
    reach(run, SMOKE)
    run.perform(ARCHIVE)
    execute(root / run.sealed.archive["logs/tasks.db"], "UPDATE tasks SET title = 'late' WHERE id = 3")

    (entry,) = failed(run, criterion)

    assert named(rows_of(entry)) == [(DifferenceKind.CHANGED, "tasks", ("3",), ("title",))]
    run.end()


def test_rollback_of_a_changed_archive_names_its_row(root: Path) -> None:
    """The source is back under its name, with a row that it did not have."""
    folder = consolidated(root)
    sealed = manifest.read(folder)
    assert sealed is not None
    execute(root / sealed.archive["logs/tasks.db"], "INSERT INTO tasks VALUES(40, 'late')")

    [entry] = [entry for entry in roll_back(root, folder).observations if not entry.holds]

    assert entry.subject == "logs/tasks.db"
    assert entry.rows is not None
    assert named(entry.rows) == [(DifferenceKind.EXTRA, "tasks", ("40",), ())]


def test_target_that_is_changed_after_commit_names_the_row(root: Path) -> None:
    """The last comparison reads through a new connection."""
    run = a_run(root)
    stages = stages_of(Mode.MIGRATE)
    reach(run, stages[stages.index(FINAL) - 1])
    execute(root / "workspace.db", "UPDATE tasks SET title = NULL WHERE id = 1")
    execute(root / "workspace.db", "DELETE FROM projects WHERE id = 1")
    run.perform(FINAL)

    entries = failed(run, "final-digest")

    assert [named(rows_of(entry)) for entry in entries] == [
        [(DifferenceKind.MISSING, "projects", ("1",), ())],
        [(DifferenceKind.CHANGED, "tasks", ("1",), ("title",))],
    ]
    run.end()


def test_check_names_rows_that_changed_since(root: Path) -> None:
    """Changed rows are a finding without values and no failure.

    The evidence has their records.
    """
    consolidated(root)
    execute(root / "workspace.db", "UPDATE notes SET body = 'secret words' WHERE id = 'b'")
    execute(root / "workspace.db", "INSERT INTO tasks VALUES(40, 'new')")
    run = CheckRun(a_request(root, mode=Mode.CHECK))
    run.perform(CHECK)

    result = run.check("target-right")

    rows = {entry.subject: named(entry.rows) for entry in result.evidence if entry.rows}
    assert result.outcome is Outcome.PASSED
    assert rows == {
        "workspace.db: notes": [(DifferenceKind.CHANGED, "notes", (MASKED,), ("body",))],
        "workspace.db: tasks": [(DifferenceKind.EXTRA, "tasks", ("40",), ())],
    }
    assert any("id 40" in finding.text for finding in run.log.findings)
    assert "secret words" not in repr((run.log.findings, result))


def test_keys_are_shown_when_operator_asks_for_values(root: Path) -> None:
    """A key of text is shown, but a key that sounds like a secret stays masked."""
    execute(root / "workspace.db", "CREATE TABLE tags(tag TEXT PRIMARY KEY, n) WITHOUT ROWID")
    execute(root / "workspace.db", "CREATE TABLE logins(token TEXT PRIMARY KEY, n) WITHOUT ROWID")
    execute(root / "workspace.db", "CREATE TABLE pins(pin INTEGER PRIMARY KEY, n)")
    consolidated(root)
    execute(root / "workspace.db", "INSERT INTO tags VALUES('blue', 1)")
    execute(root / "workspace.db", "INSERT INTO logins VALUES('hush', 1)")
    execute(root / "workspace.db", "INSERT INTO pins VALUES(4711, 1)")
    texts = {}
    for show_values in (False, True):
        run = CheckRun(a_request(root, mode=Mode.CHECK))
        run.log.disclosure = Disclosure(show_values=show_values)
        run.perform(CHECK)
        texts[show_values] = repr((run.check("target-right"), run.log.findings))

    assert {show: "blue" in text for show, text in texts.items()} == {False: False, True: True}
    assert not any(secret in text for text in texts.values() for secret in ("hush", "4711"))


def test_check_uses_archives_where_backups_are_gone(root: Path) -> None:
    """An archive has the rows of its source as well."""
    folder = consolidated(root)
    execute(root / "workspace.db", "DELETE FROM tasks WHERE id = 1")
    sealed = manifest.read(folder)
    assert sealed is not None
    for copy in sealed.databases:
        if copy.role == "source":
            (folder / copy.copy).unlink()

    rows = OriginalRows(plan_of(root), sealed, folder, root).differences_in_file(root / "workspace.db", "tasks")

    assert named(rows) == [(DifferenceKind.MISSING, "tasks", ("1",), ())]


def test_added_column_is_named_and_others_are_compared(root: Path) -> None:
    """An application may have changed its table."""
    folder = consolidated(root)
    execute(root / "workspace.db", "ALTER TABLE projects ADD COLUMN since")
    execute(root / "workspace.db", "UPDATE projects SET name = 'mine' WHERE id = 1")
    sealed = manifest.read(folder)
    assert sealed is not None

    rows = OriginalRows(plan_of(root), sealed, folder, root).differences_in_file(root / "workspace.db", "projects")

    assert named(rows) == [(DifferenceKind.CHANGED, "projects", ("1",), ("name",))]
    assert "since" in rows.note


def test_archive_that_was_changed_names_its_rows(root: Path) -> None:
    """It is compared with the backup of its source."""
    folder = consolidated(root)
    sealed = manifest.read(folder)
    assert sealed is not None
    execute(root / sealed.archive["logs/tasks.db"], "DELETE FROM tasks WHERE id = 2")

    failures = [observation for observation in archives_unchanged(root, sealed, folder=folder) if not observation.holds]

    assert [named(observation.rows) for observation in failures if observation.rows] == [
        [(DifferenceKind.MISSING, "tasks", ("2",), ())]
    ]
