"""Plant faults into a finished consolidation and its bundle.

The check, the rollback and the bundle check have to notice them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.backup import ledger
from sqlite_consolidate.engine.backup.backup_set import last_finished
from sqlite_consolidate.engine.backup.manifest import NAME, expand_by_manifest
from sqlite_consolidate.engine.content.digest import TableDigest, digest_database
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.faults.database_edits import first, open_unchecked
from sqlite_consolidate.faults.fault import Fault, not_planted
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST, SIGNATURE, SQL, SUMMARY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.faults.fault import WorkspaceCopy


def _create_a_table_in_an_archive(copy: WorkspaceCopy) -> None:
    archive = first(_manifest(copy).archive.values(), "no source was archived")
    with open_unchecked(copy.root / archive) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _drop_a_table(copy: WorkspaceCopy) -> None:
    plan = expand_by_manifest(copy.plan, _manifest(copy))
    names = [table_map.into for source in plan.in_order for table_map in source.tables]
    with open_unchecked(copy.root / copy.plan.target) as con:
        present = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        name = first((name for name in names if name in present), "the plan moves no table")
        con.execute(f"DROP TABLE {quoted(name)}")


def _create_a_source_again(copy: WorkspaceCopy) -> None:
    with open_unchecked(copy.root / first(_manifest(copy).archive, "no source was archived")) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _refer_to_a_source(copy: WorkspaceCopy) -> None:
    folders = (copy.root / path for path in copy.plan.scan.paths if (copy.root / path).is_dir())
    name = first(_manifest(copy).archive, "no source was archived")
    (first(folders, "the plan scans no folder") / "selftest_fault.py").write_text(f"PATH = {name!r}\n")


def _forge_the_manifest(copy: WorkspaceCopy) -> None:
    """Delete an archive and state other rows of its source in the manifest, as a forger would."""
    folder = _backup_set(copy).folder
    path, sealed_in, sealed = folder / NAME, folder / ledger.NAME, _manifest(copy)
    source = first((each for each in sealed.databases if each.file in sealed.archive), "no source was archived")
    table, digest = first(source.tables.items(), "the source has no table")
    forged = source.tables | {table: TableDigest(digest.rows, digest.total ^ 1)}
    with open_for_inspection(folder / source.copy) as con:
        content = digest_database(read_schema(con), forged, read_autoincrement_marks(con))
    before = path.read_bytes()
    document = json.loads(before)
    entry = next(entry for entry in document["databases"] if entry["file"] == source.file)
    entry["digest"], entry["tables"][table][1] = content, forged[table].sha256
    path.write_text(json.dumps(document))
    old, new = (hashlib.sha256(data).hexdigest().encode() for data in (before, path.read_bytes()))
    sealed_in.write_bytes(sealed_in.read_bytes().replace(old, new))
    (copy.root / sealed.archive[source.file]).unlink()


def _manifest(copy: WorkspaceCopy) -> Manifest:
    manifest = _backup_set(copy).sealed
    if manifest is None:
        raise not_planted("the backup set has no manifest")
    return manifest


def _backup_set(copy: WorkspaceCopy) -> BackupSet:
    last = last_finished(copy.root, copy.plan)
    if last is None:
        raise not_planted("there is no finished consolidation")
    return last


def _change_a_file(copy: WorkspaceCopy) -> None:
    path = copy.root / SQL
    path.write_bytes(path.read_bytes() + b"-- and nothing else\n")


def _delete_a_key(evidence: dict[str, Any]) -> None:
    del evidence["host"]


def _delete_a_criterion(evidence: dict[str, Any]) -> None:
    evidence["criteria"] = [entry for entry in evidence["criteria"] if entry["id"] != "rows-exact"]


def _contradict_itself(evidence: dict[str, Any]) -> None:
    entries = (entry for entry in evidence["criteria"] if entry["id"] == "integrity" and entry["outcome"] == "passed")
    first(entries, "the target was not examined")["observed"] = "row 5 missing from index x"


def _change_a_count(evidence: dict[str, Any]) -> None:
    rows = evidence["target"]["after"]["rows"]
    table = first(rows, "the target has no table")
    rows[table] += 1


def _edit_the_summary(copy: WorkspaceCopy) -> None:
    path = copy.root / SUMMARY
    path.write_bytes(path.read_bytes().replace(b" 0 failed", b" 1 failed"))
    _rewrite_digests(copy.root)


def _edit_the_signed_manifest(copy: WorkspaceCopy) -> None:
    """Sign the manifest with a new key, and then add a line end to it."""
    path = copy.root / MANIFEST
    (copy.root / SIGNATURE).write_bytes(copy.sign(path.read_bytes()))
    path.write_bytes(path.read_bytes() + b"\n")


def _with_forged_evidence(change: Callable[[dict[str, Any]], None]) -> Callable[[WorkspaceCopy], None]:
    """Return a plant that changes the evidence and updates the digests, as a forger would."""

    def _forge(copy: WorkspaceCopy) -> None:
        path = copy.root / EVIDENCE
        before = path.read_bytes()
        evidence = json.loads(before)
        change(evidence)
        path.write_text(json.dumps(evidence))
        summary = copy.root / SUMMARY
        old, new = (hashlib.sha256(data).hexdigest().encode() for data in (before, path.read_bytes()))
        summary.write_bytes(summary.read_bytes().replace(old, new))
        _rewrite_digests(copy.root)

    return _forge


def _rewrite_digests(folder: Path) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_bytes())
    for name, entry in manifest["files"].items():
        data = (folder / name).read_bytes()
        entry |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    path.write_text(json.dumps(manifest))


AFTER_RUN_FAULTS = (
    Fault("bundle-whole", "a file was changed", _change_a_file, Mode.BUNDLE),
    Fault("evidence-valid", "the evidence lacks a key", _with_forged_evidence(_delete_a_key), Mode.BUNDLE),
    Fault("verdict-follows", "the evidence lacks a criterion", _with_forged_evidence(_delete_a_criterion), Mode.BUNDLE),
    Fault("evidence-consistent", "an entry contradicts itself", _with_forged_evidence(_contradict_itself), Mode.BUNDLE),
    Fault("counts-add-up", "the evidence has another row count", _with_forged_evidence(_change_a_count), Mode.BUNDLE),
    Fault("files-agree", "the summary was edited", _edit_the_summary, Mode.BUNDLE),
    Fault("bundle-signed", "the signed manifest was edited", _edit_the_signed_manifest, Mode.BUNDLE),
    Fault("restored-exact", "an archive is gone, and the manifest was forged", _forge_the_manifest, Mode.ROLLBACK),
    Fault("archives-unchanged", "a table is created in an archive", _create_a_table_in_an_archive, Mode.CHECK),
    Fault("target-right", "a table of the target is dropped", _drop_a_table, Mode.CHECK),
    Fault("no-old-database", "a source is created again", _create_a_source_again, Mode.CHECK),
    Fault("still-no-stale-references", "a file refers to a source", _refer_to_a_source, Mode.CHECK),
)
