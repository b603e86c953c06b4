"""An honest bundle, to be forged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.reports.forgery import Files

_CHANGE = """
[change]
id = "CHG-1042"
reason = "one database"
requested_by = "R. Asker"
approved_by = "A. Prover"  # on the phone

[[smoke]]
name = "counts lines"
python = "print(1)"
expect = { stdout = "^1$", lines = 1 }
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.zip`` of an accepted migration with a change record, after a rehearsal."""
    workspace = build_one_source(tmp_path_factory.mktemp("made"))
    plan = workspace.root / "consolidation.toml"
    plan.write_text(plan.read_text() + _CHANGE)
    workspace.execute("main.db", "CREATE TABLE empty(x); CREATE TABLE single(x); INSERT INTO single VALUES (1)")
    rehearsed = workspace.forked("verify")
    assert rehearsed.exit == 0, rehearsed.text
    ran = workspace.forked("migrate")
    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    return ran.folder.with_suffix(".zip")


@pytest.fixture
def files(made: Path) -> Files:
    """Its files, to be forged."""
    return dict(read_bundle(made).files)
