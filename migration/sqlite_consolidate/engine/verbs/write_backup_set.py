"""Write the backup set of a run and seal it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import write_new
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.archive import archived_name
from sqlite_consolidate.engine.backup.copies import (
    copy_code,
    copy_database,
    create_backup_set,
    dump_database,
    sync_copies,
)
from sqlite_consolidate.engine.backup.reserved_space import reserve_space
from sqlite_consolidate.engine.checks.disk_space import disk_space_needed
from sqlite_consolidate.engine.code.diff import write_whole_diff
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.plan.patterns import backup_names

if TYPE_CHECKING:
    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.run.results import RunResults


def write_backup_set(run: RunResults) -> manifest.Manifest:
    """Copy databases, dumps and code files into a new backup set, and return its manifest.

    An unsealed set is no backup. The manifest is therefore written last, and then noted in the ledger.

    Raises:
        ProblemError: The set already exists, or a copy differs from its original.
        OSError: The disk is full or broken.
    """
    create_backup_set(run.folder)
    run.ledger.note("started", run=run.stamp, plan=run.plan.name, plan_sha256=run.request.plan_sha256)
    copies = _copy_databases(run)
    write_new(run.folder / manifest.PLAN, run.request.plan_text)
    write_whole_diff(run.folder, run.preflight.rewrites)
    sealed = manifest.Manifest(
        run=run.stamp,
        plan=run.plan.name,
        plan_sha256=run.request.plan_sha256,
        target=run.plan.target,
        target_existed=run.inspected.target is not None,
        databases=copies,
        code=copy_code(run.root, [rewrite.file for rewrite in run.preflight.rewrites], run.folder),
        archive={facts.file: archived_name(facts.file, run.stamp) for facts in run.inspected.sources.values()},
    )
    sync_copies(run.folder)
    manifest.write(run.folder, sealed)
    run.ledger.note("sealed", sha256=digest_file(run.folder / manifest.NAME))
    reserve_space(run.folder, run.root / run.plan.target, disk_space_needed(run.plan, run.live).rollback)
    return sealed


def _copy_databases(run: RunResults) -> tuple[DatabaseCopy, ...]:
    """Copy the databases, and dump them if the plan says so.

    The largest database comes first, because the load of its dump takes longest.
    """
    copies: dict[str, DatabaseCopy] = {}
    names = backup_names(facts.name for facts in run.inspected.databases)
    for facts in sorted(run.inspected.databases, key=lambda facts: facts.size, reverse=True):
        run.on_progress(f"backing up {facts.file} ({facts.size / 1e6:.1f} MB)")
        copy = copy_database(facts, run.folder, names[facts.name])
        if run.plan.dump:
            run.on_progress(f"dumping {facts.file}")
            copy = dump_database(copy, run.folder, run.limits, run.dump_loads)
        copies[facts.name] = copy
    return tuple(copies[facts.name] for facts in run.inspected.databases)
