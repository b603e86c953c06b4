"""Write the backup set of a run, and seal it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine import manifest
from migration.engine.archive import archived_name
from migration.engine.backup import copy_code, copy_database, dump_database, open_set
from migration.engine.durable import write_new

if TYPE_CHECKING:
    from migration.engine.results import RunResults


def write_backup_set(run: RunResults) -> manifest.Manifest:
    """Copy databases, dumps and code files into a new backup set, and return its manifest once that is written.

    An unsealed set is no backup: the manifest is written last, and the ledger says so afterwards.

    Raises:
        ProblemError: The set is there already, or a copy is not like its original.
        OSError: The disk is full or broken.
    """
    open_set(run.folder)
    run.ledger.note("started", run=run.stamp, plan=run.plan.name, plan_sha256=run.request.plan_sha256)
    copies = []
    for facts in run.found.databases:
        run.say(f"backing up {facts.file} ({facts.size / 1e6:.1f} MB)")
        copy = copy_database(facts, run.folder)
        if run.plan.dump:
            run.say(f"dumping {facts.file} and loading the dump again")
            copy = dump_database(copy, run.folder, run.limits)
        copies.append(copy)
    write_new(run.folder / "plan.toml", run.request.plan_text)
    sealed = manifest.Manifest(
        run=run.stamp,
        plan=run.plan.name,
        plan_sha256=run.request.plan_sha256,
        target=run.plan.target,
        target_existed=run.found.target is not None,
        databases=tuple(copies),
        code=copy_code(run.root, [rewrite.file for rewrite in run.preflight.rewrites], run.folder),
        archive={facts.file: archived_name(facts.file, run.stamp) for facts in run.found.sources.values()},
    )
    manifest.write(run.folder, sealed)
    run.ledger.note("sealed")
    return sealed
