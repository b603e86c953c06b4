"""Let SQLite roll back hot journals, keep the files as they were, and report it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks import hot_journal
from sqlite_consolidate.engine.sqlite.files import JOURNAL_MAGIC, has_hot_journal
from sqlite_consolidate.plan.loader import load
from tests.support.processes import connected, die_in_a_transaction
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.workspaces.whole_run import CompletedRun, Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs fork and SIGKILL")


def findings(ran: CompletedRun) -> str:
    """Return the findings of the report that ask for attention."""
    return "\n".join(finding.sentence for finding in ran.findings)


@pytest.mark.parametrize("file", ["old.db", *thorough("main.db")])
def test_hot_journal_is_rolled_back_and_reported(workspace: Workspace, file: str) -> None:
    """The run is accepted without that transaction. The original files are kept."""
    die_in_a_transaction(workspace.root / file)
    contents = {name: (workspace.root / name).read_bytes() for name in (file, f"{file}-journal")}

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert f"{file}: a process died in a transaction" in findings(ran)
    (kept,) = workspace.root.glob("backups/small-*.hot-journals")
    assert {path.name: path.read_bytes() for path in kept.iterdir() if path.name != ".gitignore"} == contents
    assert {oct(path.stat().st_mode & 0o777) for path in kept.iterdir()} == {"0o600"}
    assert not (workspace.root / f"{file}-journal").exists()


@pytest.mark.thorough
def test_a_rehearsal_takes_it_back_on_the_copies_only(workspace: Workspace) -> None:
    """It passes, and not a byte of the workspace changes."""
    die_in_a_transaction(workspace.root / "old.db")
    before = workspace.files()

    ran = workspace.run("verify")

    assert ran.exit == 0, ran.text
    assert "old.db: a process died in a transaction" in findings(ran)
    assert workspace.files() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: w.edit("consolidation.toml", "rows = 3", "rows = 4"),
        *thorough(lambda w: w.edit("app/store.py", "old.db", "gone.db")),
    ],
    ids=["seen in the databases", "seen in the code"],
)
def test_hot_journal_is_kept_when_the_run_is_refused(workspace: Workspace, spoil: object) -> None:
    """A refusal changes nothing, not even what SQLite would change. Both reasons are listed."""
    die_in_a_transaction(workspace.root / "old.db")
    assert callable(spoil)
    spoil(workspace)
    before = workspace.files()

    ran = workspace.run("migrate")

    assert ran.exit == 4, ran.text
    assert ran.failed & {"rows-as-stated", "references-found"}
    assert workspace.files() == before


def test_journal_over_several_databases_is_refused(workspace: Workspace) -> None:
    """Its rollback depends on a file that the plan does not know."""
    die_in_a_transaction(workspace.root / "old.db")
    name = os.fsencode(workspace.root / "main.db-mj12345678")
    with (workspace.root / "old.db-journal").open("ab") as journal:
        journal.write(b"\0\0\0\0" + name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + JOURNAL_MAGIC)
    before = workspace.files()

    ran = workspace.run("migrate")

    assert ran.exit == 4, ran.text
    assert "old.db: has a hot journal" in ran.text
    assert workspace.files() == before


def test_journal_that_disappears_was_not_hot(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was of a busy writer, which can then be named."""
    looks = iter([True, False])  # there at the first look, gone at the second: and with it the file between them
    monkeypatch.setattr(hot_journal, "has_hot_journal", lambda path: path.name == "old.db" and next(looks))

    assert hot_journal.list_hot_journals(load(workspace.plan), workspace.root) == []


def test_open_transaction_is_left_alone(workspace: Workspace) -> None:
    """Its files look the same, but the living process is named and goes on."""
    with in_a_transaction(workspace.root / "old.db") as process:
        ran = workspace.run("migrate")
        process.communicate("COMMIT")

    assert ran.exit == 4, ran.text
    assert str(process.pid) in ran.text
    assert process.returncode == 0
    assert not has_hot_journal(workspace.root / "old.db")


@contextlib.contextmanager
def in_a_transaction(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that has written half of a transaction, and commits on request."""
    statements = ("PRAGMA cache_size=1", "BEGIN", "CREATE TABLE big AS SELECT randomblob(100000)")
    with connected(database, *statements) as other:
        assert other.answer == "ready"
        assert has_hot_journal(database)
        yield other.process
