"""Refuse bad input with all its problems, and change no byte of the workspace."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import other_process
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Case:
    """Hold one mistake in a workspace or its plan.

    Attributes:
        name: Name of the mistake.
        criterion: Id of the preflight criterion that finds it.
        spoil: Makes the mistake in a good workspace.
        texts: Texts that the output must have.
    """

    name: str
    criterion: str
    spoil: Callable[[Workspace], object]
    texts: tuple[str, ...]


def _plan(old: str, new: str) -> Callable[[Workspace], None]:
    return lambda workspace: workspace.edit("consolidation.toml", old, new)


def _sql(file: str, sql: str) -> Callable[[Workspace], None]:
    return lambda workspace: workspace.execute(file, sql)


def _damage(workspace: Workspace) -> None:
    """Overwrite an index page, as a failing disk does."""
    path = workspace.root / "old.db"
    data = bytearray(path.read_bytes())
    at = data.rindex(b"three")
    data[at : at + 5] = b"seven"
    path.write_bytes(data)


def _fill_the_disk(workspace: Workspace) -> None:
    """Let a sparse file claim more than is free."""
    page = 4096
    os.truncate(workspace.root / "old.db", shutil.disk_usage(workspace.root).free // page * page + page)


BAD_INPUT = (
    Case("no plan", "plan-valid", lambda w: w.plan.unlink(), ("consolidation.toml",)),
    Case("a malformed plan", "plan-valid", _plan("format = 1", "format = "), ("consolidation.toml:1: not valid TOML",)),
    Case("an unknown key", "plan-valid", _plan("target =", "targte ="), ("targte", "target")),
    Case("a missing source", "sources-readable", lambda w: (w.root / "old.db").unlink(), ("old.db: no such file",)),
    Case(
        "a source that is no database",
        "sources-readable",
        lambda w: (w.root / "old.db").write_text("some notes"),
        ("old.db: is not a database",),
    ),
    Case("a table that is not there", "sources-readable", _plan('"tasks"', '"task"'), ("old.db:task: no such table",)),
    Case("a damaged source", "integrity-before", _damage, ("old.db: is corrupt",)),
    Case(
        "another count", "rows-as-stated", _plan("rows = 3", "rows = 4"), ("3 rows", "expected: 4 rows", "other-count")
    ),
    Case(
        "a column without a place",
        "values-fit",
        _sql("main.db", "CREATE TABLE tags(task TEXT)"),
        ("old.db:tags: column tag has no counterpart",),
    ),
    Case(
        "a key that is taken",
        "keys-free",
        _sql(
            "main.db",
            "CREATE TABLE tasks(id TEXT PRIMARY KEY, title TEXT NOT NULL, hours REAL, raw BLOB);"
            "INSERT INTO tasks VALUES ('a', 'mine', 0, NULL)",
        ),
        ("1 key (id) of tasks would occur in more than one row",),
    ),
    Case(
        "a table that the plan does not name",
        "nothing-left-behind",
        _sql("old.db", "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)"),
        ("old.db:extra: 1 row would be left behind",),
    ),
    Case(
        "a name that is taken", "names-free", _sql("main.db", "CREATE VIEW tasks AS SELECT 1"), ("a view named tasks",)
    ),
    Case(
        "a reference that is not there",
        "references-found",
        _plan('ROOT / "old.db"\'', 'HOME / "old.db"\''),
        ("is not found, and neither is",),
    ),
    Case(
        "no rehearsal",
        "rehearsed",
        _plan("format = 1", 'format = 1\nrequire_rehearsal = "24h"'),
        ("no report of a passed rehearsal of exactly this plan", "pytest -m verify"),
    ),
    Case("too little room", "space", _fill_the_disk, ("MB are needed",)),
)
TOGETHER = (
    "another count",
    "a column without a place",
    "a key that is taken",
    "a table that the plan does not name",
    "a reference that is not there",
)
LATER = (
    *TOGETHER,
    "a malformed plan",
    "an unknown key",
    "a source that is no database",
    "a table that is not there",
    "a damaged source",
    "a name that is taken",
    "no rehearsal",
)


@pytest.mark.parametrize(
    "case",
    [
        *(case for case in BAD_INPUT if case.name not in LATER),
        *thorough(*(case for case in BAD_INPUT if case.name in LATER)),
    ],
    ids=lambda case: case.name,
)
def test_bad_input_is_refused_and_changes_nothing(workspace: Workspace, case: Case) -> None:
    """It exits with 4, the reason and no traceback. There is no new file."""
    case.spoil(workspace)
    before = workspace.files()

    ran = workspace.run("migrate")

    assert ran.exit == 4, ran.text
    assert case.criterion in ran.failed
    assert [words for words in case.texts if words not in ran.text] == []
    assert not ran.shows_source, ran.text
    assert workspace.files() == before


def test_all_mistakes_are_listed_together(workspace: Workspace) -> None:
    """Not even -x cuts the list."""
    mistakes = [case for case in BAD_INPUT if case.name in TOGETHER]
    for case in mistakes:
        case.spoil(workspace)
    before = workspace.files()

    ran = workspace.forked("migrate", "-x")

    assert ran.exit == 4, ran.text
    assert ran.failed >= {case.criterion for case in mistakes}
    assert [words for case in mistakes for words in case.texts if ran.text.count(words) != 1] == []
    assert workspace.files() == before


@pytest.mark.parametrize("verb", ["migrate", "verify"])
def test_missing_workspace_is_refused_before_any_write(workspace: Workspace, verb: str) -> None:
    """It exits with 4, and makes neither the folder nor a report."""
    gone = Workspace(workspace.root / "nowhere", workspace.reports)

    ran = gone.forked(verb)

    assert ran.exit == 4
    assert f"{gone.root}: there is no workspace folder" in ran.text
    assert not ran.shows_source
    assert not gone.root.exists()
    assert ran.folder is None


def test_nothing_to_roll_back_is_said_and_leaves_nothing(workspace: Workspace) -> None:
    """Not even the lock's folder stays."""
    before = workspace.files()

    ran = workspace.forked("rollback")

    assert ran.exit == 4
    assert "[nothing-to-undo]" in ran.text
    assert "--workspace=DIR" in ran.text
    assert workspace.files() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(workspace: Workspace) -> None:
    """The target's folder has to take journals and backups."""
    workspace.root.chmod(0o500)
    before = workspace.files()

    ran = workspace.run("migrate")
    after = workspace.files()
    workspace.root.chmod(0o700)

    assert ran.exit == 4, ran.text
    assert not ran.shows_source, ran.text
    assert after == before


@pytest.mark.parametrize(
    ("file", "sql"),
    [
        ("main.db", "SELECT * FROM people"),
        *thorough(("old.db", "BEGIN EXCLUSIVE"), ("old.db", "BEGIN IMMEDIATE")),
    ],
)
def test_database_in_use_is_refused_with_its_process(workspace: Workspace, file: str, sql: str) -> None:
    """It is open and idle, locked, or being written to."""
    before = workspace.files()

    with other_process(workspace.root / file, sql) as pid:
        ran = workspace.run("migrate")
        after = workspace.files()

    assert ran.exit == 4, ran.text
    assert ran.failed == {"no-other-process"}
    assert f"process {pid} (" in ran.text
    assert not ran.shows_source, ran.text
    assert after == before


@pytest.mark.parametrize(
    ("verb", "file"),
    [("migrate", "old.db"), *thorough(("verify", "main.db"), ("verify", "old.db"), ("migrate", "main.db"))],
)
def test_locked_database_is_named_once(workspace: Workspace, verb: str, file: str) -> None:
    """There is one failed entry, one line of the terminal and one failure in the summary."""
    with other_process(workspace.root / file, "BEGIN EXCLUSIVE") as pid:
        ran = workspace.forked(verb)

    failed = [entry for entry in ran.evidence["criteria"] if entry["outcome"] == "failed"]
    naming = [line for line in ran.text.splitlines() if file in line]
    assert ran.exit == 4, ran.text
    assert [(entry["id"], entry["subject"]) for entry in failed] == [("no-other-process", file)]
    assert f"process {pid} (" in failed[0]["observed"]
    assert len(naming) == 1, ran.text
    assert naming[0].endswith("[in-use]")
    assert ran.folder is not None
    assert (ran.folder / "summary.txt").read_text("utf-8").count("FAILED") == 1
    assert "database-open" not in {finding.id for finding in ran.findings}


@pytest.mark.thorough
def test_absent_databases_are_one_line_for_each(workspace: Workspace) -> None:
    """Criteria that had nothing to examine for that reason fail without a line of their own."""
    for file in ("main.db", "old.db"):
        (workspace.root / file).unlink()

    ran = workspace.forked("migrate")

    lines = [line for line in ran.text.splitlines() if line.startswith("  ") and "[no-such-file]" in line]
    outcomes = {entry["id"]: entry["outcome"] for entry in ran.evidence["criteria"]}
    assert ran.exit == 4, ran.text
    assert len(lines) == len([entry for entry in ran.evidence["criteria"] if entry["outcome"] == "failed"])
    assert outcomes["no-other-process"] == "not examined"
    assert "no-other-process:" not in ran.text


@pytest.mark.thorough
def test_locked_target_is_named_once_by_a_check(workspace: Workspace) -> None:
    """Nothing is said about its content, which was not read."""
    assert workspace.run("migrate").exit == 0

    with other_process(workspace.root / "main.db", "BEGIN EXCLUSIVE") as pid:
        ran = workspace.forked("verify")

    naming = [line for line in ran.text.splitlines() if "main.db" in line]
    assert ran.exit == 1, ran.text
    assert ran.failed == set()
    assert len(naming) == 1, ran.text
    assert f"process {pid} (" in naming[0]
    assert naming[0].endswith("[in-use]")
