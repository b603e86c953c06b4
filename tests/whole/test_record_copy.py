"""State how each table was copied, and let the plan turn record copy off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlite_consolidate import consolidate, load_plan
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from pathlib import Path


def consolidated(folder: Path, *, record_copy: bool) -> tuple[dict[str, Any], str]:
    """Return evidence and SQL log of a run with another DEFAULT in one table."""
    workspace = build_one_source(folder)
    workspace.execute("old.db", "CREATE TABLE notes(k TEXT PRIMARY KEY, v DEFAULT 1); INSERT INTO notes VALUES('a', 5)")
    create = 'create = "CREATE TABLE notes(k TEXT PRIMARY KEY, v DEFAULT 2)"'
    workspace.edit(
        "consolidation.toml", 'name = "tags"', f'name = "tags"\n\n  [[source.table]]\n  name = "notes"\n  {create}'
    )
    workspace.edit("consolidation.toml", "format = 1", f"format = 1\nrecord_copy = {str(record_copy).lower()}")

    result = consolidate(load_plan(workspace.plan), workspace.root, reports=workspace.reports)

    assert result.accepted, result.failures
    assert result.folder is not None
    evidence = json.loads((result.folder / "evidence.json").read_bytes())
    return evidence, (result.folder / "sql.log").read_text("utf-8")


def test_plan_turns_record_copy_off(tmp_path: Path) -> None:
    """The target has the same rows either way, and the SQL log names the way."""
    runs = {switch: consolidated(tmp_path / str(switch), record_copy=switch) for switch in (True, False)}

    digests = [evidence["target"]["contents"]["after"]["notes"] for evidence, _ in runs.values()]
    methods = [{move["into"]: move["method"] for move in evidence["moves"]}["notes"] for evidence, _ in runs.values()]
    statements = [log.count("PRAGMA main.writable_schema=ON;\nUPDATE main.sqlite_schema") for _, log in runs.values()]

    assert digests[0] == digests[1]
    assert methods == ["records-under-other-defaults", "columns"]
    assert statements == [2, 0]
    assert "writable_schema" not in runs[False][1]
