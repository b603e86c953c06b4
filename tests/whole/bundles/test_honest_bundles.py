"""The bundle of an accepted run is accepted, whatever its plan leaves out."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.report.bundle_check.checks import failed_observations
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.library import Result

TABLES = """
  [[source.table]]
  name = "tasks"
  [[source.table]]
  name = "tags"
"""
SOURCE = f'[[source]]\nname = "old"\nfile = "old.db"\n{TABLES}'
REFERENCE = """
[[reference]]
file = "app/store.py"
find = 'ROOT / "old.db"'
replace = 'ROOT / "main.db"'
"""
INSERT = '[[insert]]\nfile = "app/store.py"\ncode = "def root(): return 1"\n'
SCAN = '[scan]\npaths = ["app"]\n'
SMOKE = '[[smoke]]\nname = "works"\npython = "print(1)"\n'
LOGS = '[logs]\nfiles = ["*.log"]\n'
REQUIRED = '[[table]]\nname = "more"\ncreate = "CREATE TABLE more(x)"\n'
LEAVE = '  [[source.leave]]\n  tables = ["ta*"]\n  reason = "no longer used"\n'
SECOND = '[[source]]\nname = "absent"\nfile = "absent.db"\noptional = true\n[[source.table]]\nname = "x"\n'


def _no_scanned_file(root: Path) -> None:
    (root / "app" / "store.py").unlink()


def _ignored(root: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".gitignore").write_text("app/\n")


def _no_log(root: Path) -> None:
    (root / "app.log").unlink()


def _no_target(root: Path) -> None:
    (root / "main.db").unlink()


def _empty_target(root: Path) -> None:
    (root / "main.db").write_bytes(b"")


def _no_source(root: Path) -> None:
    (root / "old.db").unlink()


def _empty_source(root: Path) -> None:
    execute(root / "old.db", "DROP TABLE tags; DROP TABLE tasks; CREATE TABLE tasks(x); CREATE TABLE tags(x)")


def _no_trigger(root: Path) -> None:
    execute(root / "old.db", "DROP TRIGGER tasks_kept; DROP INDEX tasks_title")


def _receiving_tables(root: Path) -> None:
    execute(
        root / "main.db", "CREATE TABLE tasks(id TEXT PRIMARY KEY, title TEXT NOT NULL, hours REAL, raw BLOB, origin)"
    )
    execute(root / "main.db", "CREATE TABLE tags(task TEXT REFERENCES tasks(id), tag TEXT, origin)")


def _as_is(_root: Path) -> None:
    pass


PLANS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "everything": (SOURCE + REFERENCE + INSERT + SCAN + SMOKE + LOGS + REQUIRED, _as_is),
    "a source alone": (SOURCE, _as_is),
    "no trigger and no index": (SOURCE, _no_trigger),
    "references alone": (SOURCE + REFERENCE, _as_is),
    "an insertion alone": (SOURCE + INSERT, _as_is),
    "an insertion and a scan": (
        SOURCE + INSERT + SCAN + '[[scan.exempt]]\npath = "app/*"\nreason = "reads archives"\n',
        _as_is,
    ),
    "a scan of nothing": (SOURCE + SCAN, _no_scanned_file),
    "a scan of ignored code": (SOURCE + REFERENCE + SCAN, _ignored),
    "logs that are absent": (SOURCE + LOGS, _no_log),
    "a smoke test alone": (SOURCE + SMOKE, _as_is),
    "a smoke test that writes": (SOURCE + SMOKE + "writes = true\n", _as_is),
    "no dump": ("dump = false\n" + SOURCE, _as_is),
    "no copy of records": ("record_copy = false\n" + SOURCE, _as_is),
    "no target": (SOURCE, _no_target),
    "an empty target": (SOURCE, _empty_target),
    "empty tables": (SOURCE, _empty_source),
    "one table that is left": (
        SOURCE.replace('  [[source.table]]\n  name = "tags"\n', "") + LEAVE.replace("ta*", "tags"),
        _as_is,
    ),
    "all tables left": (SOURCE.replace(TABLES, "") + LEAVE, _as_is),
    "a table of the plan and a source that is left": (SOURCE.replace(TABLES, "") + LEAVE + REQUIRED, _as_is),
    "an optional source beside another": (SOURCE + SECOND, _as_is),
    "a source that is absent": (SECOND, _as_is),
    "a source that is absent with references": (SECOND + REFERENCE + SCAN, _as_is),
    "stated rows": (SOURCE.replace('"tags"', '"tags"\n  rows = 3'), _as_is),
    "constants": (SOURCE.replace('"old.db"\n', '"old.db"\nconstants = { origin = "{stem}" }\n'), _receiving_tables),
    "another name": (SOURCE.replace('"tasks"', '"tasks"\n  into = "jobs"'), _as_is),
}


def _wrong(result: Result) -> list[str]:
    assert result.folder is not None
    contents = parse_bundle(read_bundle(result.folder.with_name(f"{result.folder.name}.zip")))
    return [f"{entry.subject}: {entry.observed}" for entry in failed_observations(contents)]


QUICK = ("everything", "a source alone", "no target", "a source that is absent")


@pytest.mark.parametrize("name", [*QUICK, *thorough(*sorted(set(PLANS) - set(QUICK)))])
def test_bundle_of_an_accepted_run_is_accepted(name: str, tmp_path: Path) -> None:
    """Each optional part of a plan is absent in one of them."""
    text, change = PLANS[name]
    root = build_one_source(tmp_path).root
    change(root)
    plan = root / "consolidation.toml"
    plan.write_text(f'format = 1\nname = "small"\ntarget = "main.db"\n{text}', "utf-8")

    result = consolidate(load_plan(plan), workspace=root, reports=tmp_path / "reports")

    assert result.accepted, result.failures
    assert _wrong(result) == []
