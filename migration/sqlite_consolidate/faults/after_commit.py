"""Plant faults after COMMIT, so that a run has to roll back data, code and file names."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.manifest import INSTRUCTIONS, PLAN
from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS, sidecar_path
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.faults.database_edits import (
    drop_last_row,
    first,
    open_unchecked,
    tables_with_rows,
    with_times_kept,
)
from sqlite_consolidate.faults.fault import Fault, not_planted
from sqlite_consolidate.plan.parts.programs import Smoke

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.faults.fault import Plant, Undo
    from sqlite_consolidate.plan.model import Plan

_ERRORS = ("ERROR", "CRITICAL", "Traceback (most recent call last):", "FATAL", "Error", "error", "panic", "failed")
_OUTPUTS = ("selftest", "0", "")


def _undo_the_commit(run: Run) -> None:
    """Give the target its content from before, as if the disk had lost a confirmed write."""
    path = run.root / run.plan.target
    for suffix in SIDECARS:
        sidecar_path(path, suffix).unlink(missing_ok=True)
    copy = run.sealed.database(run.plan.target)
    if copy is None:
        path.unlink()
    else:
        shutil.copyfile(run.folder / copy.copy, path)


def _undo_a_rewrite(run: Run) -> None:
    rewrite = first(run.preflight.rewrites, "the plan rewrites no code")
    (run.root / rewrite.file).write_bytes(rewrite.before)


def _refer_to_a_source(run: Run) -> Undo:
    root, plan = run.root, run.plan
    folder = first((root / path for path in plan.scan.paths if (root / path).is_dir()), "the plan scans no folder")
    return _create_file(folder / "selftest_fault.py", f"PATH = {plan.sources[0].file!r}\n")


def _break_the_code(run: Run) -> Undo:
    written = (rewrite.file for rewrite in run.preflight.rewrites if rewrite.file.endswith(".py"))
    return _append_text(run.root / first(written, "the plan rewrites no Python file"), "\ndef\n")


def _log_an_error(run: Run) -> Undo:
    logs, root = run.plan.logs, run.root
    line = first(
        (error for error in _ERRORS if re.search(logs.errors, error)), "no known error line matches the plan's pattern"
    )
    pattern = first(logs.files, "the plan names no log")
    log = next((path for path in sorted(root.glob(pattern)) if path.is_file() and not path.is_symlink()), None)
    path = log or root / re.sub(r"[*?\[\]]+", "selftest", pattern)
    if not path.parent.is_dir():
        raise not_planted("the folder of the plan's logs does not exist")
    return _append_text(path, f"{line} of a selftest\n") if log else _create_file(path, f"{line} of a selftest\n")


def _create_a_table(run: Run) -> None:
    path = run.root / run.plan.target
    with with_times_kept(path), open_unchecked(path) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _create_a_database(run: Run) -> Undo:
    return _create_file(run.root / "selftest_fault.db", "")


def _delete_a_backup(run: Run) -> None:
    (run.folder / first(run.sealed.file_digests, "nothing is backed up")).unlink()


def _change_the_plan_in_the_backup(run: Run) -> Undo:
    return _append_text(run.folder / PLAN, "# selftest\n")


def _create_a_source_again(run: Run) -> Undo:
    source = first(run.inspected.sources.values(), "no source exists")
    return _create_file(run.root / source.file, "")


def _delete_an_archived_row(run: Run) -> Undo:
    """Delete a row from the first archive that has rows."""
    for archive in run.sealed.archive.values():
        path = run.root / archive
        before = path.read_bytes()
        with open_unchecked(path) as con:
            tables = list(tables_with_rows(con))
            if tables:
                drop_last_row(con, tables, "")
                return lambda path=path, before=before: path.write_bytes(before)  # type: ignore[misc]  # bound in a loop
    raise not_planted("no archived source has a row")


def _create_a_table_in_an_archive(run: Run) -> Undo:
    path = run.root / first(run.sealed.archive.values(), "no source was archived")
    before = path.read_bytes()
    with with_times_kept(path), open_unchecked(path) as con:
        con.execute("CREATE TABLE selftest_fault(x)")
    return lambda: path.write_bytes(before)


def _delete_a_row(run: Run) -> None:
    """Delete a row that was committed."""
    names = dict.fromkeys(
        copied_table.mapping.into.name for copied_table in run.target.copied_tables if copied_table.inserted
    )
    with open_unchecked(run.root / run.plan.target) as con:
        drop_last_row(con, tables_with_rows(con, names), "the plan moves no ordinary table with rows")


def _add_an_index(run: Run) -> None:
    with open_unchecked(run.root / run.plan.target) as con:
        table = first(tables_with_rows(con), "no table of the target has a row")
        con.execute(f"CREATE INDEX selftest_fault ON {quoted(table.name)}({quoted(table.columns[0].name)})")


def _empty_the_instructions(run: Run) -> None:
    (run.folder / INSTRUCTIONS).write_bytes(b"")


def _cut_the_ledger(run: Run) -> None:
    path = run.ledger.path
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _other_status(test: Smoke) -> Plant:
    """Make the application of a smoke test exit with a status that the plan does not expect."""
    return _replace_smoke_test(test, f"raise SystemExit({0 if test.expect.exit else 1})")


def _other_output(test: Smoke) -> Plant:
    """Make the application of a smoke test print something that the plan does not expect.

    Its exit status is the expected one.
    """
    output = next((text for text in _OUTPUTS if not re.search(test.expect.stdout, text, re.MULTILINE)), None)
    if output is None and test.expect.lines is None:
        return _no_expected_output
    text = f"{output or 'selftest'}\n" * ((test.expect.lines or 0) + 1)
    return _replace_smoke_test(test, f"print({text!r}); raise SystemExit({test.expect.exit})")


def _no_expected_output(_: Run) -> None:
    raise not_planted("the plan expects no output of the application")


def _replace_smoke_test(test: Smoke, python: str) -> Plant:
    """Give the run a plan in which a smoke test runs other code."""
    replacement = Smoke(name=test.name, python=python, expect=test.expect, timeout=test.timeout)

    def _plant(run: Run) -> None:
        tests = [replacement if planned.name == test.name else planned for planned in run.plan.smoke]
        run.plan = run.plan.model_copy(update={"smoke": tests})

    return _plant


def smoke_test_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the faults of each smoke test of a plan."""
    return tuple(
        Fault.in_run(f"{SMOKE}{test.name}", description, plant(test))
        for test in plan.smoke
        for description, plant in (
            ("the application fails", _other_status),
            ("the application prints something else", _other_output),
        )
    )


def _create_file(path: Path, text: str) -> Undo:
    path.write_text(text)
    return path.unlink


def _append_text(path: Path, text: str) -> Undo:
    before = path.read_bytes()
    path.write_bytes(before + text.encode())
    return lambda: path.write_bytes(before)


AFTER_COMMIT_FAULTS = (
    Fault.in_run("committed", "the disk loses the commit", _undo_the_commit),
    Fault.in_run("references-updated", "a rewrite is lost", _undo_a_rewrite),
    Fault.in_run("no-stale-references", "another file refers to a source", _refer_to_a_source),
    Fault.in_run("code-compiles", "a rewritten file is no valid Python", _break_the_code),
    Fault.in_run("logs-clean", "an application logs an error", _log_an_error),
    Fault.in_run("no-side-effects", "an application creates a table", _create_a_table),
    Fault.in_run("no-side-effects", "an application creates a database", _create_a_database),
    Fault.in_run("no-side-effects", "an application restores the old code", _undo_a_rewrite),
    Fault.in_run("no-side-effects", "an application deletes the backup of a database", _delete_a_backup),
    Fault.in_run("archived", "a source is created again", _create_a_source_again),
    Fault.in_run("archive-restorable", "a row is deleted from an archive", _delete_an_archived_row),
    Fault.in_run("no-late-writes", "a table is created in an archive", _create_a_table_in_an_archive),
    Fault.in_run("final-digest", "a row is deleted after COMMIT", _delete_a_row),
    Fault.in_run("final-digest", "an index is created after COMMIT", _add_an_index),
    Fault.in_run("final-references", "a file that refers to a source is created", _refer_to_a_source),
    Fault.in_run("backup-kept", "the plan in the backup set is changed", _change_the_plan_in_the_backup),
    Fault.in_run("record-written", "the restore instructions are empty", _empty_the_instructions),
    Fault.in_run("record-written", "the ledger lacks its last line", _cut_the_ledger),
)
