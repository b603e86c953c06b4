"""Specify whole runs beside objects that need what only their application defines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.contents import pages_equal
from tests.support.missing.kinds import INDEXES, KINDS, READERS, TABLES, VIRTUAL_TABLES, Kind
from tests.support.missing.roles import Role, build_beside, moved_rows
from tests.support.thorough import sampled

if TYPE_CHECKING:
    from pathlib import Path

STALE = """
[[stale]]
name = "odd"
reason = "rebuilt by the application"
"""
CASES = [(kind, role) for kind in KINDS for role in ("source", "target") if kind.left[1] or role == "target"]


@pytest.mark.parametrize(("kind", "role"), sampled(CASES, 21), ids=lambda value: getattr(value, "name", value))
def test_run_beside_it_is_exact_and_undone(kind: Kind, role: Role, tmp_path: Path) -> None:
    """The plain table is moved, a later check passes, and rollback restores each page."""
    is_derived = role == "target" and (kind is READERS[2] or "external" in kind.name)
    workspace = build_beside(tmp_path, kind, role, STALE if is_derived else "")
    for name in ("main", "old"):
        (tmp_path / f"{name}.db").write_bytes((workspace.root / f"{name}.db").read_bytes())

    migrated = workspace.run("migrate")

    assert migrated.exit == 0, migrated.text
    assert [row[0] for row in moved_rows(workspace)] == [1, 2, 11, 12]
    limits = {finding.subject for finding in migrated.findings if finding.id == "object-unexamined"}
    is_lacking = kind in (*TABLES, *INDEXES, *VIRTUAL_TABLES)
    assert limits == ({f"{'old' if role == 'source' else 'main'}.db:odd"} if is_lacking else set())
    assert workspace.run("verify").exit == 0
    assert workspace.run("rollback").exit == 0
    assert all(pages_equal(workspace.root / f"{name}.db", tmp_path / f"{name}.db") for name in ("main", "old"))
