"""Check the target, the code, the applications and the archives after COMMIT."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import archive, history, ledger, manifest
from sqlite_consolidate.engine.backup.copy_contents import SMALL, read_contents_using_backup
from sqlite_consolidate.engine.backup.ledger import RECORDED, Ledger
from sqlite_consolidate.engine.checks.comparison import compare, compare_structure, compare_triggers
from sqlite_consolidate.engine.code.rewrite import compile_observations, replacement_observations
from sqlite_consolidate.engine.code.scanning.scan import find_mentions, mention_findings, stale_observations
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.integrity import check_integrity
from sqlite_consolidate.observation import Observation, equal, not_required, with_differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.results import FinalReading, RunResults

DOCUMENTS = (manifest.NAME, manifest.PLAN, manifest.RECORD, manifest.INSTRUCTIONS, ledger.NAME)
"""Names of the files of a backup set that describe its run."""


def committed(run: RunResults) -> list[Observation]:
    """Observe that a new connection reads the history row of this run."""
    if not (run.root / run.plan.target).exists():
        return [Observation(run.plan.target, run.stamp, "no such file", holds=False)]
    with open_for_inspection(run.root / run.plan.target, run.limits) as con:
        runs = history.runs(con)
    return [equal(run.plan.target, run.stamp, runs[-1] if runs else "no row")]


def references_updated(run: RunResults) -> list[Observation]:
    """Observe that the code contains the replacement of each expression of the plan."""
    return replacement_observations(run.root, run.plan.references)


def no_stale_references(run: RunResults) -> list[Observation]:
    """Observe that no scanned code or configuration names an old database."""
    result = find_mentions(run.scan_scope())
    run.log.note(*mention_findings(result, run.plan.scan.exempt))
    return stale_observations(result)


def code_compiles(run: RunResults) -> list[Observation]:
    """Observe that each rewritten Python file is valid Python."""
    return compile_observations(run.root, [rewrite.file for rewrite in run.preflight.rewrites])


def logs_clean(run: RunResults) -> list[Observation]:
    """Observe that no log has a new line that reports an error."""
    return run.applications.new_log_errors()


def no_side_effects(run: RunResults) -> list[Observation]:
    """Observe that the applications changed no database.

    A change that an allowed test made on a copy is a finding.
    """
    observations = run.applications.side_effects()
    run.log.note(*run.applications.changes_on_copies())
    return observations


def archived(run: RunResults) -> Iterator[Observation]:
    """Observe that the old names are free and the archives exist.

    Neither name may have a sidecar file.
    """
    return archive.archived_observations(run.root, run.sealed)


def archive_restorable(run: RunResults) -> Iterator[Observation]:
    """Observe that each archive equals its source under any name, without a file beside it."""
    proofs = {source.file: source.proof for source in run.inspected.sources.values()}
    return archive.restorable_observations(run.root, run.sealed, run.folder, run.archives, run.limits, proofs=proofs)


def no_late_writes(run: RunResults) -> Iterator[Observation]:
    """Observe that each archive has the content that was copied.

    A large archive is read again if the file system reports a change since it was restored.
    """
    for source in run.inspected.sources.values():
        path, copy = run.root / run.sealed.archive[source.file], run.sealed.database(source.file)
        reader = partial(read_contents, limits=run.limits)
        if copy:
            reader = partial(read_contents_using_backup, copy=copy, folder=run.folder, limits=run.limits)
        content = run.archives.read(path, reader)
        run.note_contents("archive", source.file, content.tables)
        backup = run.folder / copy.copy if copy else run.folder
        compared = equal(source.file, source.digest, content.digest)
        yield with_differences(compared, partial(compare_databases, backup, path, run.limits))
    if not run.inspected.sources:
        yield not_required("sources", "there was no source to archive")


def final_digest(run: RunResults) -> list[Observation]:
    """Observe that the target still has the content that was verified before COMMIT.

    The target is read through a new connection.
    """
    final = run.read_final()
    explain = partial(run.rows_before.differences_in_file, run.root / run.plan.target)
    structure = compare_structure.SchemaComparison(schema=final.schema, inspected=run.inspected)
    return [
        *compare.final(final.content.tables, run.target.verified, explain),
        *compare_structure.schema_as_planned(structure),
        *compare_triggers.triggers_in_place(structure),
        *_pages_observations(run, final),
    ]


def _pages_observations(run: RunResults, final: FinalReading) -> list[Observation]:
    """Observe that COMMIT has left an intact file.

    It is observed where the page reader has judged the file before COMMIT. If the page reader does not prove the whole
    file now, SQLite's integrity_check decides.
    """
    if run.target.damage is None:
        return []
    lines: list[str] = []
    if not final.content.is_proved:
        with open_for_inspection(run.root / run.plan.target, run.limits) as con:
            lines = check_integrity(con)
    return [equal("target: integrity_check", "ok", "; ".join(lines) or "ok")]


def final_references(run: RunResults) -> list[Observation]:
    """Observe that the code still uses the target.

    The scan is repeated if a file has changed since the code was rewritten.
    """
    observations = replacement_observations(run.root, run.plan.references)
    if run.applications.has_changed_files:
        return [*observations, *stale_observations(find_mentions(run.scan_scope()))]
    unchanged = "no file has changed since the scan"
    return [*observations, Observation("scanned files", unchanged, unchanged, holds=True)]


def backup_kept(run: RunResults) -> list[Observation]:
    """Observe that each file of the backup set is as the run has written it.

    A large file is read again only if the file system reports a change since it was read for the criteria before.
    """
    expected, files = "as the run has written it", run.applications.backed_up
    changes = [
        Observation(file, expected, "changed or removed", holds=False, todo="Find out which program did it.")
        for file, digest in files.items()
        if file != f"{run.backup_set}/{ledger.NAME}" and not _is_as_written(run, file, digest)
    ]
    return changes or [Observation(run.backup_set, expected, expected, holds=True, examined=len(files) - 1)]


def _is_as_written(run: RunResults, file: str, digest: str) -> bool:
    """Return whether a file of the backup set is as the run has written it.

    What the applications found is no evidence, because the file can have changed before they were started.
    """
    if not run.applications.files.is_as_at_first(file, digest):
        return False
    path = run.root / file
    return path.stat().st_size <= SMALL or run.backup_digests.read(path, digest_file) == digest


def record_written(run: RunResults) -> list[Observation]:
    """Observe that the backup set has manifest, plan, record and rollback instructions.

    The ledger must state that they were written.
    """
    where = run.folder.relative_to(run.root).as_posix()
    sizes = {name: (run.folder / name).stat().st_size if (run.folder / name).is_file() else 0 for name in DOCUMENTS}
    observations = [equal(f"{where}/{name}", "written", "written" if sizes[name] else "empty") for name in DOCUMENTS]
    return [*observations, equal("ledger", RECORDED, Ledger(run.folder).last_event())]


CHECKS = {
    "committed": committed,
    "references-updated": references_updated,
    "no-stale-references": no_stale_references,
    "code-compiles": code_compiles,
    "logs-clean": logs_clean,
    "no-side-effects": no_side_effects,
    "archived": archived,
    "archive-restorable": archive_restorable,
    "no-late-writes": no_late_writes,
    "final-digest": final_digest,
    "final-references": final_references,
    "backup-kept": backup_kept,
    "record-written": record_written,
}
"""Check of each criterion, by criterion id."""
