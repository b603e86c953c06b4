"""Every check can fail: for each criterion a fault is planted into a real run, which must refuse by that criterion."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from migration.audit.criteria import CRITERIA, STAGES, criteria_of
from tests.whole.test_bad_input import BAD_INPUT
from tests.whole.whole_run import Before, Workspace, execute, small_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.engine.run import Run

SMOKE = "smoke:the store reads its tasks"


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a run, and the criterion that has to see it.

    Attributes:
        criterion: Id of the criterion.
        test: Name of the stage's test before which it goes wrong.
        does: It in words.
        plant: Makes it go wrong; returns what takes it away again where no way back of the run could.
    """

    criterion: str
    test: str
    does: str
    plant: Callable[[Run], Callable[[], object] | None]


def _sql(statement: str) -> Callable[[Run], None]:
    """Meddle with the target inside the run's own transaction."""

    def _plant(run: Run) -> None:
        run.connection.execute(statement)

    return _plant


def _late_sql(statement: str) -> Callable[[Run], None]:
    """Meddle with the committed target, as another program would."""
    return lambda run: execute(run.root / "main.db", statement)


def _copy_sql(statement: str) -> Callable[[Run], None]:
    """Meddle with the backup of the source."""
    return lambda run: execute(run.folder / "databases" / "old.db", statement)


def _archive_sql(statement: str) -> Callable[[Run], Callable[[], object]]:
    """Meddle with the archive of the source."""

    def _plant(run: Run) -> Callable[[], object]:
        archive = next(run.root.glob("old.db.archived_*"))
        before = archive.read_bytes()
        execute(archive, statement)
        return lambda: archive.write_bytes(before)

    return _plant


def _file(name: str, text: str) -> Callable[[Run], Callable[[], object]]:
    """Leave a file where none should be."""

    def _plant(run: Run) -> Callable[[], object]:
        (run.root / name).write_text(text)
        return (run.root / name).unlink

    return _plant


def _appended(name: str, text: str) -> Callable[[Run], Callable[[], object]]:
    """Add a line to a file."""

    def _plant(run: Run) -> Callable[[], object]:
        path = run.root / name
        before = path.read_bytes()
        path.write_bytes(before + text.encode())
        return lambda: path.write_bytes(before)

    return _plant


def _truncate_code_copy(run: Run) -> None:
    next((run.folder / "code").iterdir()).write_bytes(b"")


def _cut_dump(run: Run) -> None:
    dump = run.folder / "databases" / "old.sql"
    dump.write_text(dump.read_text().replace("'three'", "'thre'"))


def _lie_about_rows(run: Run) -> None:
    run.done[0] = replace(run.done[0], rows=run.done[0].rows + 1)


def _break_a_check(run: Run) -> None:
    run.connection.execute("PRAGMA ignore_check_constraints=ON")
    run.connection.execute("UPDATE main.people SET name = '' WHERE id = 1")
    run.connection.execute("PRAGMA ignore_check_constraints=OFF")


def _lose_the_commit(run: Run) -> None:
    shutil.copyfile(run.folder / "databases" / "target.db", run.root / "main.db")


def _forget_the_rewrite(run: Run) -> None:
    (run.root / "app" / "store.py").write_bytes(run.rewrites[0].before)


def _empty_the_instructions(run: Run) -> None:
    finish = run.finish

    def _finish(record: bytes, instructions: bytes) -> None:
        finish(record, instructions)
        (run.folder / "ROLLBACK.md").write_bytes(b"")

    run.finish = _finish  # type: ignore[method-assign]  # this run only, in a process of its own


FAULTS = (
    Fault(
        "backup-complete",
        "test_all_originals_are_in_the_backup_set",
        "a copied code file is truncated",
        _truncate_code_copy,
    ),
    Fault(
        "backup-digest",
        "test_each_backup_has_the_content_of_its_original",
        "a row is missing in a backup",
        _copy_sql("DELETE FROM tags WHERE tag = 'blue'"),
    ),
    Fault("dump-reloads", "test_each_dump_reloads_to_the_same_content", "a text in a dump is cut", _cut_dump),
    Fault("tables-created", "test_all_planned_tables_exist", "a table is not there", _sql("DROP TABLE main.tags")),
    Fault(
        "indexes-created",
        "test_all_planned_indexes_exist_on_their_own_tables",
        "an index is not there",
        _sql("DROP INDEX main.tasks_title"),
    ),
    Fault("schema-as-planned", "test_the_schema_is_as_planned", "a stowaway", _sql("CREATE TABLE main.stowaway(x)")),
    Fault(
        "rows-counted",
        "test_all_record_counts_match",
        "a row is dropped after the copy",
        _sql("DELETE FROM main.tags WHERE tag = 'blue'"),
    ),
    Fault(
        "rows-expected", "test_the_counts_are_those_of_the_plan", "another number of rows was moved", _lie_about_rows
    ),
    Fault(
        "rows-exact",
        "test_the_target_is_read_before_commit",
        "two columns are swapped in one row",
        _sql("UPDATE main.tasks SET id = title, title = id WHERE id = 'a'"),
    ),
    Fault(
        "rows-exact",
        "test_the_target_is_read_before_commit",
        "a blob became a text",
        _sql("UPDATE main.tasks SET raw = CAST(raw AS TEXT) WHERE id = 'c'"),
    ),
    Fault(
        "no-duplicates",
        "test_no_row_is_there_twice",
        "a row without a key is there twice",
        _sql("INSERT INTO main.tags SELECT * FROM main.tags LIMIT 1"),
    ),
    Fault(
        "foreign-keys",
        "test_no_foreign_key_points_at_nothing",
        "a child lost its parent",
        _sql("UPDATE main.tags SET task = 'nobody' WHERE tag = 'blue'"),
    ),
    Fault("integrity", "test_the_target_is_intact", "a CHECK is violated", _break_a_check),
    Fault(
        "neighbours-unchanged",
        "test_every_table_the_target_had_before_is_unchanged",
        "a neighbour's row is changed",
        _sql("UPDATE main.people SET name = 'Eve' WHERE id = 2"),
    ),
    Fault(
        "triggers-in-place",
        "test_triggers_and_views_are_in_place",
        "a trigger is lost",
        _sql("DROP TRIGGER main.tasks_kept"),
    ),
    Fault(
        "size-reasonable",
        "test_the_size_is_reasonable",
        "the target has swollen",
        _sql("CREATE TABLE main.swollen AS SELECT zeroblob(9000000)"),
    ),
    Fault("committed", "test_a_new_connection_reads_the_row_of_history", "the disk lost the commit", _lose_the_commit),
    Fault("references-updated", "test_the_code_uses_the_target", "the rewrite is lost", _forget_the_rewrite),
    Fault(
        "no-stale-references",
        "test_nothing_names_an_old_database_any_more",
        "another file still names the old database",
        _file("app/other.py", 'PATH = "old.db"\n'),
    ),
    Fault(
        "code-compiles",
        "test_every_rewritten_file_compiles",
        "the rewritten file is no Python",
        _appended("app/store.py", "def\n"),
    ),
    Fault(SMOKE, "test_the_application_works", "a row is gone", _late_sql("DELETE FROM tasks WHERE id = 'b'")),
    Fault("logs-clean", "test_the_logs_have_no_new_error", "an application logs", _appended("app.log", "ERROR now\n")),
    Fault(
        "no-side-effects",
        "test_the_applications_changed_no_database",
        "an application writes",
        _late_sql("INSERT INTO people VALUES (3, 'Eve')"),
    ),
    Fault(
        "no-side-effects",
        "test_the_applications_changed_no_database",
        "an application makes a database",
        _file("second.db", ""),
    ),
    Fault("archived", "test_the_old_databases_are_archived", "an application made it again", _file("old.db", "")),
    Fault(
        "archive-restorable",
        "test_each_archive_can_be_restored",
        "the archive lost a row",
        _archive_sql("DELETE FROM tags WHERE tag = 'blue'"),
    ),
    Fault(
        "no-late-writes",
        "test_nobody_wrote_between_copy_and_archive",
        "a late write into the archive",
        _archive_sql("INSERT INTO tags VALUES ('c', 'late')"),
    ),
    Fault(
        "final-digest",
        "test_the_target_still_is_what_was_verified",
        "a row is changed after COMMIT",
        _late_sql("UPDATE tasks SET hours = 9.5 WHERE id = 'c'"),
    ),
    Fault(
        "final-digest",
        "test_the_target_still_is_what_was_verified",
        "a table is made after COMMIT",
        _late_sql("CREATE TABLE late (x)"),
    ),
    Fault(
        "record-written", "test_the_record_is_in_the_backup_set", "the instructions are empty", _empty_the_instructions
    ),
)


def _add_late_row(workspace: Workspace) -> None:
    execute(next(workspace.root.glob("old.db.archived_*")), "INSERT INTO tags VALUES ('c', 'late')")


AFTERWARDS: dict[str, Callable[[Workspace], object]] = {
    "archives-unchanged": _add_late_row,
    "target-right": lambda workspace: workspace.execute("main.db", "DROP TABLE tags"),
    "no-old-database": lambda workspace: workspace.execute("old.db", "CREATE TABLE tasks(id)"),
    "still-no-stale-references": lambda workspace: workspace.edit("app/store.py", "main.db", "old.db"),
    SMOKE: lambda workspace: workspace.execute("main.db", "DELETE FROM tasks WHERE id = 'b'"),
}


@pytest.fixture(scope="module")
def consolidated(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that has been consolidated; to be copied."""
    workspace = small_workspace(tmp_path_factory.mktemp("consolidated"))
    ran = workspace.forked("migrate")
    assert ran.exit == 0, ran.text
    return workspace


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.criterion}: {fault.does}")
def test_a_fault_turns_its_criterion_red_and_everything_is_put_back(workspace: Workspace, fault: Fault) -> None:
    """The run ends with 1, names the criterion, leaves the later stages, and the workspace is as it was."""
    before = workspace.contents()

    ran = workspace.forked("migrate", plugin=Before(fault.test, _on_run(fault.plant)))

    assert ran.exit == 1, ran.text
    assert fault.criterion in ran.failed
    assert ran.evidence["verdict"] == "refused"
    assert ran.outcomes == _stopped_at(next((c.stage for c in CRITERIA if c.id == fault.criterion), "80-smoke"))
    assert workspace.contents() == before
    assert not ran.shows_source, ran.text
    assert "put back" in ran.evidence["put_back"]


@pytest.mark.parametrize("criterion", AFTERWARDS)
def test_what_goes_wrong_afterwards_turns_the_check_red(
    consolidated: Workspace, tmp_path: Path, criterion: str
) -> None:
    """A verify after a migration ends with 1 and names the criterion; it writes nothing."""
    workspace = _copied(consolidated, tmp_path)
    AFTERWARDS[criterion](workspace)
    before = workspace.files()

    ran = workspace.forked("verify")

    assert ran.exit == 1, ran.text
    assert criterion in ran.failed
    assert workspace.files() == before


def test_a_manifest_that_was_edited_turns_the_rollback_red(consolidated: Workspace, tmp_path: Path) -> None:
    """What is put back is compared with what the manifest says, and a difference is never called restored."""
    workspace = _copied(consolidated, tmp_path)
    manifest = workspace.sets()[0] / "manifest.json"
    digest = workspace.contents()[next(name for name in workspace.contents() if name.startswith("old.db.archived"))]
    manifest.write_text(manifest.read_text().replace(digest, digest[::-1]))

    ran = workspace.forked("rollback")

    assert ran.exit == 1, ran.text
    assert ran.failed == {"restored-exact"}
    assert "as it was before" in ran.evidence["headline"]


def test_every_criterion_has_a_fault() -> None:
    """A criterion without one might be unable to fail."""
    planted = {fault.criterion for fault in FAULTS} | AFTERWARDS.keys() | {case.criterion for case in BAD_INPUT}
    planted |= {"no-other-process", "restored-exact"}  # with tests of their own, in test_bad_input.py and above
    planted |= set(criteria_of("96-bundle"))  # bundles that were tampered with are in test_bundle_check.py
    planted |= {"databases-found", "plan-proposed", "only-looked"}  # of another verb, in test_inventory_run.py

    assert planted == {criterion.id for criterion in CRITERIA} | {SMOKE}


def _on_run(plant: Callable[[Run], object]) -> Callable[[Any], object]:
    return lambda item: plant(item.funcargs["run"] if "run" in item.funcargs else item._request.getfixturevalue("run"))  # noqa: SLF001


def _stopped_at(failed: str) -> dict[str, str]:
    """Return the outcomes of a migration in which one stage failed."""
    order = [stage.id for stage in STAGES if "migrate" in stage.modes]
    at = order.index(failed)
    return dict.fromkeys(order[:at], "passed") | {failed: "failed"} | dict.fromkeys(order[at + 1 :], "not run")


def _copied(workspace: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(workspace.root, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace", tmp_path / "reports")
