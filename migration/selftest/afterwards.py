"""Faults of a finished consolidation and of its bundle: what its check, its rollback and the bundle's check refuse."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from migration.engine.manifest import NAME
from migration.engine.sets import last_finished
from migration.engine.sql import quoted
from migration.selftest.fault import Fault, NotPlantedError
from migration.selftest.meddling import first, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.engine.manifest import Manifest
    from migration.engine.sets import BackupSet
    from migration.selftest.fault import Place


def _write_into_an_archive(place: Place) -> None:
    archive = first(_sealed(place).archive.values(), "no source was archived")
    with opened(place.root / archive) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _lose_a_table(place: Place) -> None:
    names = [table_map.into for source in place.plan.in_order for table_map in source.tables]
    with opened(place.root / place.plan.target) as con:
        there = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        name = first((name for name in names if name in there), "the plan moves no table")
        con.execute(f"DROP TABLE {quoted(name)}")


def _make_a_source_again(place: Place) -> None:
    with opened(place.root / first(_sealed(place).archive, "no source was archived")) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


def _name_an_old_database(place: Place) -> None:
    folders = (place.root / one for one in place.plan.scan.paths if (place.root / one).is_dir())
    name = first(_sealed(place).archive, "no source was archived")
    (first(folders, "the plan scans no folder") / "selftest_fault.py").write_text(f"PATH = {name!r}\n")


def _edit_the_manifest(place: Place) -> None:
    """Let the list of the backup set state another content of a source."""
    path = _set(place).folder / NAME
    sources = (copy.digest for copy in _sealed(place).databases if copy.role == "source")
    digest = first(sources, "no source was archived")
    path.write_text(path.read_text("utf-8").replace(digest, digest[::-1]), "utf-8")


def _sealed(place: Place) -> Manifest:
    sealed = _set(place).sealed
    if sealed is None:
        raise NotPlantedError("the backup set has no manifest")
    return sealed


def _set(place: Place) -> BackupSet:
    last = last_finished(place.root, place.plan)
    if last is None:
        raise NotPlantedError("there is no finished consolidation")
    return last


def _change_a_file(place: Place) -> None:
    path = place.root / "sql.log"
    path.write_bytes(path.read_bytes() + b"-- and nothing else\n")


def _lose_a_key(evidence: dict[str, Any]) -> None:
    del evidence["host"]


def _lose_a_criterion(evidence: dict[str, Any]) -> None:
    evidence["criteria"] = [one for one in evidence["criteria"] if one["id"] != "rows-exact"]


def _lose_a_count(evidence: dict[str, Any]) -> None:
    rows = evidence["target"]["after"]["rows"]
    table = first(rows, "the target has no table")
    rows[table] += 1


def _edit_the_summary(place: Place) -> None:
    path = place.root / "summary.txt"
    path.write_bytes(path.read_bytes().replace(b" 0 failed", b" 1 failed"))
    _seal_anew(place.root)


def _forged(change: Callable[[dict[str, Any]], None]) -> Callable[[Place], None]:
    """Change the evidence, and bring the digests in line with it, as a forger would."""

    def _forge(place: Place) -> None:
        path = place.root / "evidence.json"
        before = path.read_bytes()
        evidence = json.loads(before)
        change(evidence)
        path.write_text(json.dumps(evidence))
        summary = place.root / "summary.txt"
        old, new = (hashlib.sha256(data).hexdigest().encode() for data in (before, path.read_bytes()))
        summary.write_bytes(summary.read_bytes().replace(old, new))
        _seal_anew(place.root)

    return _forge


def _seal_anew(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for name, listed in manifest["files"].items():
        data = (folder / name).read_bytes()
        listed |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    path.write_text(json.dumps(manifest))


AFTERWARDS = (
    Fault("archives-unchanged", "something is written into an archive", _write_into_an_archive, "verify"),
    Fault("target-right", "the target has lost a table", _lose_a_table, "verify"),
    Fault("no-old-database", "an old database is made again", _make_a_source_again, "verify"),
    Fault("still-no-stale-references", "a file names an old database", _name_an_old_database, "verify"),
    Fault("restored-exact", "the manifest was edited", _edit_the_manifest, "rollback"),
    Fault("bundle-whole", "a file was changed", _change_a_file, "bundle"),
    Fault("evidence-valid", "the evidence lacks a key", _forged(_lose_a_key), "bundle"),
    Fault("verdict-follows", "the evidence lacks a criterion", _forged(_lose_a_criterion), "bundle"),
    Fault("counts-add-up", "the evidence states another count", _forged(_lose_a_count), "bundle"),
    Fault("files-agree", "the summary was edited", _edit_the_summary, "bundle"),
)
