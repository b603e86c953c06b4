"""Faults after COMMIT: what makes a run put back data, code and file names that it had changed already."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from migration.engine.ledger import Ledger
from migration.engine.sql import quoted
from migration.plan.model import Smoke
from migration.selftest.fault import Fault, NotPlantedError, Scene
from migration.selftest.meddling import drop_last_row, filled, first, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.engine.run import Run
    from migration.plan.model import Plan
    from migration.selftest.fault import Undo

_ERRORS = ("ERROR", "CRITICAL", "Traceback (most recent call last):", "FATAL", "Error", "error", "panic", "failed")
_LIES = ("selftest", "0", "")


def _lose_the_commit(scene: Scene) -> None:
    """Let the target be what it was before, as if the disk had only said that it wrote."""
    path = scene.run.root / scene.run.plan.target
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    copy = scene.run.sealed.database(scene.run.plan.target) if scene.run.sealed else None
    if copy is None:
        path.unlink()
    else:
        shutil.copyfile(scene.run.folder / copy.copy, path)


def _lose_the_rewrite(scene: Scene) -> None:
    rewrite = first(scene.run.rewrites, "the plan rewrites no code")
    (scene.run.root / rewrite.file).write_bytes(rewrite.before)


def _name_an_old_database(scene: Scene) -> Undo:
    root, plan = scene.run.root, scene.run.plan
    folder = first((root / one for one in plan.scan.paths if (root / one).is_dir()), "the plan scans no folder")
    return _made(folder / "selftest_fault.py", f"PATH = {plan.sources[0].file!r}\n")


def _break_the_code(scene: Scene) -> Undo:
    written = (rewrite.file for rewrite in scene.run.rewrites if rewrite.file.endswith(".py"))
    return _appended(scene.run.root / first(written, "the plan rewrites no Python file"), "\ndef\n")


def _log_an_error(scene: Scene) -> Undo:
    logs, root = scene.run.plan.logs, scene.run.root
    line = first((one for one in _ERRORS if re.search(logs.errors, one)), "no error that we know matches the plan's")
    pattern = first(logs.files, "the plan names no log")
    there = next((path for path in sorted(root.glob(pattern)) if path.is_file() and not path.is_symlink()), None)
    path = there or root / re.sub(r"[*?\[\]]+", "selftest", pattern)
    if not path.parent.is_dir():
        raise NotPlantedError("the folder of the plan's logs is not there")
    return _appended(path, f"{line} of a selftest\n") if there else _made(path, f"{line} of a selftest\n")


def _write_a_table(scene: Scene) -> None:
    with opened(scene.run.root / scene.run.plan.target) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _make_a_database(scene: Scene) -> Undo:
    return _made(scene.run.root / "selftest_fault.db", "")


def _make_a_source_again(scene: Scene) -> Undo:
    source = first(scene.run.found.sources.values(), "no source is there")
    return _made(scene.run.root / source.file, "")


def _lose_an_archived_row(scene: Scene) -> Undo:
    """Let the first archive with rows have one less."""
    sealed = scene.run.sealed
    for archive in sealed.archive.values() if sealed else ():
        path = scene.run.root / archive
        before = path.read_bytes()
        with opened(path) as con:
            tables = list(filled(con))
            if tables:
                drop_last_row(con, tables, "")
                return lambda path=path, before=before: path.write_bytes(before)  # type: ignore[misc]  # bound in a loop
    raise NotPlantedError("no archived source has a row")


def _write_into_an_archive(scene: Scene) -> Undo:
    archives = list(scene.run.sealed.archive.values()) if scene.run.sealed else []
    path = scene.run.root / first(archives, "no source was archived")
    before = path.read_bytes()
    with opened(path) as con:
        con.execute("CREATE TABLE selftest_fault(x)")
    return lambda: path.write_bytes(before)


def _lose_a_row(scene: Scene) -> None:
    """Let a table have lost a row since COMMIT."""
    names = dict.fromkeys(one.move.into.name for one in scene.run.done if one.inserted)
    with opened(scene.run.root / scene.run.plan.target) as con:
        drop_last_row(con, filled(con, names), "the plan moves no ordinary table with rows")


def _add_an_index(scene: Scene) -> None:
    with opened(scene.run.root / scene.run.plan.target) as con:
        table = first(filled(con), "no table of the target has a row")
        con.execute(f"CREATE INDEX selftest_fault ON {quoted(table.name)}({quoted(table.columns[0].name)})")


def _empty_the_instructions(scene: Scene) -> None:
    _after_finish(scene.run, lambda: (scene.run.folder / "ROLLBACK.md").write_bytes(b""))


def _lose_a_line_of_the_ledger(scene: Scene) -> None:
    ledger = Ledger(scene.run.folder).path
    _after_finish(scene.run, lambda: ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1])))


def _after_finish(run: Run, act: Callable[[], object]) -> None:
    """Let something happen as soon as the run has written its record."""
    finish = run.finish

    def _finish(record: bytes, instructions: bytes) -> None:
        finish(record, instructions)
        act()

    run.finish = _finish  # type: ignore[method-assign]  # of this run only, in a process of its own


def _failing(test: Smoke) -> Callable[[Scene], None]:
    """Let the application of a smoke test end with another status than the plan expects."""
    return _instead(test, f"raise SystemExit({0 if test.expect.exit else 1})")


def _lying(test: Smoke) -> Callable[[Scene], None]:
    """Let the application say something else than the plan expects, and end as if all were well."""
    says = next((one for one in _LIES if not re.search(test.expect.stdout, one, re.MULTILINE)), None)
    if says is None and test.expect.lines is None:
        return _unplanted
    text = f"{says or 'selftest'}\n" * ((test.expect.lines or 0) + 1)
    return _instead(test, f"print({text!r}); raise SystemExit({test.expect.exit})")


def _unplanted(_: Scene) -> None:
    raise NotPlantedError("the plan expects nothing of what the application prints")


def _instead(test: Smoke, python: str) -> Callable[[Scene], None]:
    """Let something else be run in the place of a smoke test."""
    other = Smoke(name=test.name, python=python, expect=test.expect, timeout=test.timeout)

    def _plant(scene: Scene) -> None:
        if scene.given["smoke_test"].name == test.name:
            scene.given["smoke_test"] = other

    return _plant


def of_smoke_tests(plan: Plan) -> tuple[Fault, ...]:
    """Return the faults of each smoke test of a plan."""
    return tuple(
        Fault(f"smoke:{test.name}", does, plant(test), at="test_the_application_works")
        for test in plan.smoke
        for does, plant in (("the application fails", _failing), ("the application lies", _lying))
    )


def _made(path: Path, text: str) -> Undo:
    path.write_text(text)
    return path.unlink


def _appended(path: Path, text: str) -> Undo:
    before = path.read_bytes()
    path.write_bytes(before + text.encode())
    return lambda: path.write_bytes(before)


_SIDE_EFFECTS = "test_the_applications_changed_no_database"
_FINAL = "test_the_target_still_is_what_was_verified"
_RECORD = "test_the_record_is_in_the_backup_set"

COMMITTED = (
    Fault(
        "committed",
        "the disk has lost the commit",
        _lose_the_commit,
        at="test_a_new_connection_reads_the_row_of_history",
    ),
    Fault("references-updated", "a rewrite is lost", _lose_the_rewrite, at="test_the_code_uses_the_target"),
    Fault(
        "no-stale-references",
        "another file names an old database",
        _name_an_old_database,
        at="test_nothing_names_an_old_database_any_more",
    ),
    Fault("code-compiles", "a rewritten file is no Python", _break_the_code, at="test_every_rewritten_file_compiles"),
    Fault("logs-clean", "an application logs an error", _log_an_error, at="test_the_logs_have_no_new_error"),
    Fault("no-side-effects", "an application makes a table", _write_a_table, at=_SIDE_EFFECTS),
    Fault("no-side-effects", "an application makes a database", _make_a_database, at=_SIDE_EFFECTS),
    Fault("archived", "an old database is made again", _make_a_source_again, at="test_the_old_databases_are_archived"),
    Fault(
        "archive-restorable", "an archive has lost a row", _lose_an_archived_row, at="test_each_archive_can_be_restored"
    ),
    Fault(
        "no-late-writes",
        "something is written into an archive",
        _write_into_an_archive,
        at="test_nobody_wrote_between_copy_and_archive",
    ),
    Fault("final-digest", "a row is lost after COMMIT", _lose_a_row, at=_FINAL),
    Fault("final-digest", "an index is made after COMMIT", _add_an_index, at=_FINAL),
    Fault("record-written", "the instructions are empty", _empty_the_instructions, at=_RECORD),
    Fault("record-written", "the ledger lacks its last line", _lose_a_line_of_the_ledger, at=_RECORD),
)
