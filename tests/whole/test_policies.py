"""A conflict policy does what it says, and each row that it settles is counted and listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.forgery import edit, failing_subjects
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import PLAN_OF_T, Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

PLAN = PLAN_OF_T + 'on_conflict = "{policy}"\n{further}'


@pytest.mark.parametrize(
    ("policy", "rows", "listed"),
    [
        ("prefer-target", [("a", "target"), ("b", "target"), ("c", "old")], ["'a'", "'b'"]),
        *thorough(
            ("prefer-source", [("a", "old"), ("b", "old"), ("c", "old")], ["'a'", "'b'"]),
            ("prefer-newer", [("a", "target"), ("b", "target"), ("c", "old")], ["'a'", "'b'"]),
        ),
    ],
)
def test_each_resolved_conflict_is_listed_by_its_key(
    policy: str, rows: list[tuple[str, str]], listed: list[str], tmp_path: Path
) -> None:
    """The backup set has the keys, and the report has their number and the place.

    The check of a bundle finds another number of identical rows.
    """
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "consolidation.toml").write_text(
        PLAN.format(policy=policy, further='newer = "v"' if policy == "prefer-newer" else ""), "utf-8"
    )
    for name, keys in (("main", "ab"), ("old", "abc")):
        word = "target" if name == "main" else "old"
        execute(root / f"{name}.db", "CREATE TABLE t(k TEXT PRIMARY KEY, v)")
        for key in keys:
            execute(root / f"{name}.db", f"INSERT INTO t VALUES ('{key}', '{word}')")
        execute(root / f"{name}.db", "INSERT INTO t VALUES ('same', 'same')")
    workspace = Workspace(root, tmp_path / "reports")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    with open_for_inspection(root / "main.db") as con:
        assert con.execute("SELECT k, v FROM t ORDER BY k").fetchall() == [*rows, ("same", "same")]
    [file] = root.glob("backups/*/settled-conflicts.jsonl")
    lines = [json.loads(line) for line in file.read_text("ascii").splitlines()]
    assert [(line["key"], line["identical"]) for line in lines] == [
        *(([key], False) for key in listed),
        (["'same'"], True),
    ]
    assert file.stat().st_mode & 0o077 == 0
    assert any(
        finding.subject == "old.db:t" and finding.count == 3 and file.name in finding.text for finding in ran.findings
    )
    [move] = ran.evidence["moves"]
    assert (move["skipped"] + move["replaced"], move["identical"]) == (3, 1)
    assert ran.folder is not None
    files = dict(read_bundle(ran.folder.with_suffix(".zip")).files)
    edit(files, lambda document: document["moves"][0].update(identical=2))
    assert "findings: old.db:t" in failing_subjects(tmp_path, files)["evidence-consistent"]


@pytest.mark.thorough
def test_rows_left_behind_are_counted_by_the_bundle(tmp_path: Path) -> None:
    """The check of a bundle finds other numbers, and a choice that the plan does not make."""
    root = tmp_path / "workspace"
    root.mkdir()
    chosen = 'where = "v"\nreason = "short"\nfollows = "t"\n'
    (root / "consolidation.toml").write_text(PLAN_OF_T + chosen, "utf-8")
    execute(root / "old.db", "CREATE TABLE t(k INTEGER PRIMARY KEY, v, up REFERENCES t(k))")
    execute(root / "old.db", "INSERT INTO t VALUES (1, 1, NULL), (2, 0, NULL), (3, 1, 2), (4, 1, 3), (5, 1, 1)")
    workspace = Workspace(root, tmp_path / "reports")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    [move] = ran.evidence["moves"]
    assert (move["rows"], move["arrived"], move["left"], move["unfollowed"]) == (5, 2, 3, 2)
    assert ran.folder is not None
    bundle = dict(read_bundle(ran.folder.with_suffix(".zip")).files)
    assert failing_subjects(tmp_path, dict(bundle)) == {}
    for change in ({"left": 2}, {"unfollowed": 1}):
        files = dict(bundle)
        edit(files, lambda document: document["moves"][0].update(change))  # noqa: B023 -- called before the next change
        assert failing_subjects(tmp_path, files) != {}
