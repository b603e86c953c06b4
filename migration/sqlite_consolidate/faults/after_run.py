"""Plant faults into a finished consolidation and its bundle, for its check, its rollback and the bundle's check."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.backup.backup_set import last_finished
from sqlite_consolidate.engine.backup.manifest import NAME
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.faults.database_edits import first, opened
from sqlite_consolidate.faults.fault import Fault, not_planted
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST, SQL, SUMMARY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.faults.fault import WorkspaceCopy


def _write_into_an_archive(copy: WorkspaceCopy) -> None:
    archive = first(_sealed(copy).archive.values(), "no source was archived")
    with opened(copy.root / archive) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _lose_a_table(copy: WorkspaceCopy) -> None:
    names = [table_map.into for source in copy.plan.in_order for table_map in source.tables]
    with opened(copy.root / copy.plan.target) as con:
        there = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        name = first((name for name in names if name in there), "the plan moves no table")
        con.execute(f"DROP TABLE {quoted(name)}")


def _make_a_source_again(copy: WorkspaceCopy) -> None:
    with opened(copy.root / first(_sealed(copy).archive, "no source was archived")) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _name_an_old_database(copy: WorkspaceCopy) -> None:
    folders = (copy.root / one for one in copy.plan.scan.paths if (copy.root / one).is_dir())
    name = first(_sealed(copy).archive, "no source was archived")
    (first(folders, "the plan scans no folder") / "selftest_fault.py").write_text(f"PATH = {name!r}\n")


def _edit_the_manifest(copy: WorkspaceCopy) -> None:
    """Let the list of the backup set state another content of a source."""
    path = _set(copy).folder / NAME
    sources = (database.digest for database in _sealed(copy).databases if database.role == "source")
    digest = first(sources, "no source was archived")
    path.write_text(path.read_text("utf-8").replace(digest, digest[::-1]), "utf-8")


def _sealed(copy: WorkspaceCopy) -> Manifest:
    sealed = _set(copy).sealed
    if sealed is None:
        raise not_planted("the backup set has no manifest")
    return sealed


def _set(copy: WorkspaceCopy) -> BackupSet:
    last = last_finished(copy.root, copy.plan)
    if last is None:
        raise not_planted("there is no finished consolidation")
    return last


def _change_a_file(copy: WorkspaceCopy) -> None:
    path = copy.root / SQL
    path.write_bytes(path.read_bytes() + b"-- and nothing else\n")


def _lose_a_key(evidence: dict[str, Any]) -> None:
    del evidence["host"]


def _lose_a_criterion(evidence: dict[str, Any]) -> None:
    evidence["criteria"] = [one for one in evidence["criteria"] if one["id"] != "rows-exact"]


def _contradict_itself(evidence: dict[str, Any]) -> None:
    entries = (entry for entry in evidence["criteria"] if entry["id"] == "integrity" and entry["outcome"] == "passed")
    first(entries, "the target was not examined")["observed"] = "row 5 missing from index x"


def _lose_a_count(evidence: dict[str, Any]) -> None:
    rows = evidence["target"]["after"]["rows"]
    table = first(rows, "the target has no table")
    rows[table] += 1


def _edit_the_summary(copy: WorkspaceCopy) -> None:
    path = copy.root / SUMMARY
    path.write_bytes(path.read_bytes().replace(b" 0 failed", b" 1 failed"))
    _seal_anew(copy.root)


def _forged(change: Callable[[dict[str, Any]], None]) -> Callable[[WorkspaceCopy], None]:
    """Change the evidence, and bring the digests in line with it, as a forger would."""

    def _forge(copy: WorkspaceCopy) -> None:
        path = copy.root / EVIDENCE
        before = path.read_bytes()
        evidence = json.loads(before)
        change(evidence)
        path.write_text(json.dumps(evidence))
        summary = copy.root / SUMMARY
        old, new = (hashlib.sha256(data).hexdigest().encode() for data in (before, path.read_bytes()))
        summary.write_bytes(summary.read_bytes().replace(old, new))
        _seal_anew(copy.root)

    return _forge


def _seal_anew(folder: Path) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_bytes())
    for name, listed in manifest["files"].items():
        data = (folder / name).read_bytes()
        listed |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    path.write_text(json.dumps(manifest))


AFTERWARDS = (
    Fault("bundle-whole", "a file was changed", _change_a_file, Mode.BUNDLE),
    Fault("evidence-valid", "the evidence lacks a key", _forged(_lose_a_key), Mode.BUNDLE),
    Fault("verdict-follows", "the evidence lacks a criterion", _forged(_lose_a_criterion), Mode.BUNDLE),
    Fault("evidence-consistent", "an entry contradicts itself", _forged(_contradict_itself), Mode.BUNDLE),
    Fault("counts-add-up", "the evidence states another count", _forged(_lose_a_count), Mode.BUNDLE),
    Fault("files-agree", "the summary was edited", _edit_the_summary, Mode.BUNDLE),
    Fault("restored-exact", "the manifest was edited", _edit_the_manifest, Mode.ROLLBACK),
    Fault("archives-unchanged", "something is written into an archive", _write_into_an_archive, Mode.CHECK),
    Fault("target-right", "the target has lost a table", _lose_a_table, Mode.CHECK),
    Fault("no-old-database", "an old database is made again", _make_a_source_again, Mode.CHECK),
    Fault("still-no-stale-references", "a file names an old database", _name_an_old_database, Mode.CHECK),
)
