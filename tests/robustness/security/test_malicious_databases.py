"""Test that a harmful database is moved or refused within its deadline, and never run."""

from __future__ import annotations

import re
import resource
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.security.harm import HARMFUL, HARMLESS, Harm
from tests.support.security.table import Ended
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.security.table import Table
    from tests.support.workspaces.whole_run import CompletedRun

pytestmark = pytest.mark.security
_MEMORY = 1_000_000_000  # bytes that no process may have had
_ONE_A_KIND = (
    "a trigger that calls functions",
    "forty views of each other",
    "a CHECK that searches for years",
)


def marks_of(harm: Harm) -> list[pytest.MarkDecorator]:
    """Return the mark of an attack that a bare pytest leaves out."""
    if harm.long:
        return [pytest.mark.long]
    return [] if harm.name in _ONE_A_KIND else [pytest.mark.thorough]


@pytest.mark.parametrize(
    "harm",
    [pytest.param(harm, id=harm.name, marks=marks_of(harm)) for harm in (*HARMLESS, *HARMFUL)],
)
def test_malicious_database_is_moved_or_refused(tmp_path: Path, table: Table, harm: Harm) -> None:
    """The rehearsal ends, reports how, and leaves the workspace unchanged."""
    workspace = build_one_source(tmp_path)
    workspace.execute("old.db", harm.sql)
    if harm.table:
        planned = f'\n  [[source.table]]\n  name = "{harm.table}"\n\n[[reference]]'
        workspace.edit("consolidation.toml", "\n[[reference]]", planned)
    if harm.deadline is not None:
        workspace.edit("consolidation.toml", "format = 1", f"format = 1\ndeadline = {harm.deadline}")
    before = workspace.files()
    began = time.monotonic()

    ran = workspace.run("verify")

    table.ended.append(Ended(harm.name, ending(ran), time.monotonic() - began, peak() // 1_000_000))
    assert ran.exit == (4 if harm.id else 0), ran.text
    assert (f"[{harm.id}]" if harm.id else "Rehearsal passed") in ran.text
    assert not ran.shows_source, ran.text
    assert workspace.files() == before
    assert not list(tmp_path.rglob("pwned*"))
    assert peak() < _MEMORY


def ending(ran: CompletedRun) -> str:
    """Return how a rehearsal ended, with the id of a refusal."""
    ids = re.findall(r"\[([a-z]+(?:-[a-z]+)*)\]$", ran.text, re.MULTILINE)
    return "moved" if ran.exit == 0 else f"refused: {ids[0]}" if ran.exit == 4 and ids else f"exit {ran.exit}"


def peak() -> int:
    """Return the largest memory in bytes of the processes that this one has waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
