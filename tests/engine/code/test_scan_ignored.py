"""Specify what a scan leaves out, and how it reports mentions."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.scan import find_mentions, mention_findings, stale_observations
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.parts.programs import Exemption
from tests.support.observations import numbers_in
from tests.support.scanned_trees import DATABASES, scan, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_git_ignores_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment files, tracked files and paths of the plan are still read."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, ".gitignore", "build/\n.env\n*.gen.py\n/app/sample\n")
    for file in ["app/a.py", "app/b.gen.py", "app/c.gen.py", "app/build/d.py", "app/sample/e.py"]:
        write(tmp_path, file, "'tasks.db'")
    write(tmp_path, "app/.env", "tasks.db")
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", "app/c.gen.py"], check=True)
    monkeypatch.setenv("GIT_DIR", "/nonexistent")  # as in a hook: it is about another repository

    app = [mention[0] for mention in scan(tmp_path, "app")]
    sample = [mention[0] for mention in scan(tmp_path / "app/sample", ".")]

    assert app == ["app/.env", "app/a.py", "app/c.gen.py"]
    assert sample == ["e.py"]


def test_without_git_its_own_files_say_what_it_ignores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ignore files of the workspace and of the folders above it are read.

    An inner file takes precedence.
    """
    write(tmp_path, "repository/.git/HEAD", "ref: refs/heads/main\n")
    write(tmp_path, "repository/.gitignore", "build/\n*.gen.py\n/area/sample\n")
    write(tmp_path, "repository/area/.gitignore", "!kept.gen.py\n")
    for file in ["a.py", "b.gen.py", "kept.gen.py", "build/kept.gen.py", "deep/build/c.py", "sample/d.py", ".env"]:
        write(tmp_path, f"repository/area/{file}", "'tasks.db'")
    monkeypatch.setenv("PATH", "")

    files = [mention[0] for mention in scan(tmp_path / "repository/area", ".")]

    assert files == [".env", "a.py", "kept.gen.py"]


def test_ignore_files_are_read_when_git_cannot_answer(tmp_path: Path) -> None:
    """A workspace may hold repositories without being one itself."""
    write(tmp_path, "one/.gitignore", "build/\n")
    write(tmp_path, "one/build/a.py", "'tasks.db'")
    write(tmp_path, "one/b.py", "'tasks.db'")
    subprocess.run(["git", "init", "-q", str(tmp_path / "one")], check=True)

    assert [mention[0] for mention in scan(tmp_path, ".")] == ["one/b.py"]


def test_a_copy_follows_what_the_workspaces_git_ignores(tmp_path: Path) -> None:
    """A rehearsal must not read more than the run, although its copy is no repository."""
    subprocess.run(["git", "init", "-q", str(tmp_path / "live")], check=True)
    write(tmp_path, "live/.git/info/exclude", "local.py\n")
    for root in ("live", "copy"):
        write(tmp_path, f"{root}/local.py", "'tasks.db'")

    result = find_mentions(ScanScope(tmp_path / "copy", ["."], DATABASES, repository=tmp_path / "live"))

    assert result.mentions == ()


def test_plan_backups_and_reports_name_old_databases_by_right(tmp_path: Path) -> None:
    """Only these files of the consolidation itself are left out."""
    for file in ["plan.toml", "backups/x/plan.toml", "reports/1/audit.html", "app/plan.toml"]:
        write(tmp_path, file, "file = 'tasks.db'")

    result = find_mentions(
        ScanScope(tmp_path, ["."], DATABASES, excluded=frozenset({"plan.toml", "backups", "reports"}))
    )

    assert [mention.file for mention in result.mentions] == ["app/plan.toml"]


def test_exempt_places_are_listed_with_their_reason(tmp_path: Path) -> None:
    """Exempt mentions fail nothing.

    An exemption without a mention is a finding, because it would hide a later one.
    """
    write(tmp_path, "tools/old/import.py", "open('tasks.db')\n")
    write(tmp_path, "tools/more.sh", "cp tasks.db x\n\ncp tasks.db y\n")
    write(tmp_path, "tools/README.md", "tasks.db\n")
    write(tmp_path, "app.py", "open('tasks.db')\n")
    exempt = [
        Exemption(path="tools/old", reason="imports what is in the archives"),
        Exemption(path="*/more.sh", reason="unused"),
        Exemption(path="docs/*", reason="history"),
    ]

    result = find_mentions(ScanScope(tmp_path, ["."], DATABASES, exempt=exempt))

    assert [mention.subject for mention in stale_observations(result)] == ["app.py:1"]
    assert [(finding.id, finding.subject, finding.count) for finding in mention_findings(result, exempt)] == [
        ("mention-in-documentation", "tools/README.md:1", 1),
        ("mention-exempt", "tools/more.sh:1, 3", 2),
        ("mention-exempt", "tools/old/import.py:1", 1),
        ("exemption-idle", "docs/*", 1),
    ]
    assert exempt[1].reason in mention_findings(result, exempt)[1].text


def test_target_with_same_name_is_distinguished_by_folder(tmp_path: Path) -> None:
    """The part of the path that differs is needed for a mention.

    A text that may be either is no mention.
    """
    write(
        tmp_path, "a.py", "a = 'logs/tasks.db'\nb = Path('logs') / 'tasks.db'\nc = ROOT / 'tasks.db'\nd = 'tasks.db'\n"
    )
    write(tmp_path, "b.ini", "old = C:\\logs\\tasks.db\nnew = tasks.db\n")

    result = find_mentions(ScanScope(tmp_path, ["."], DATABASES, target="tasks.db"))

    assert [(mention.file, mention.line, mention.database) for mention in result.mentions] == [
        ("a.py", 1, "logs/tasks.db"),
        ("a.py", 2, "logs/tasks.db"),
        ("b.ini", 1, "logs/tasks.db"),
    ]


def test_each_mention_in_use_is_an_observation_that_fails(tmp_path: Path) -> None:
    """It has file, line, printable text and a hint."""
    write(tmp_path, "a.py", "x = 'tasks.db'  # \x1b[2J\n" + "y = 'task_queue.db'" + " " * 200 + "# end\n")
    write(tmp_path, "b.md", "tasks.db")

    observations = stale_observations(find_mentions(ScanScope(tmp_path, ["."], DATABASES)))

    assert [
        (observation.subject, observation.expected.split()[-1], observation.observed[:26], observation.holds)
        for observation in observations
    ] == [
        ("a.py:1", "tasks.db", "x = 'tasks.db'  # \\x1b[2J", False),
        ("a.py:2", "task_queue.db", "y = 'task_queue.db'       ", False),
    ]
    assert all(observation.todo and len(observation.observed) <= 120 for observation in observations)


def test_clean_trees_are_one_observation_that_counts_the_files(tmp_path: Path) -> None:
    """The number of files read shows what "nothing found" covers."""
    write(tmp_path, "a.py", "x = 'workspace.db'\n")
    write(tmp_path, "b.md", "tasks.db and task_queue.db")

    observations = stale_observations(find_mentions(ScanScope(tmp_path, ["."], DATABASES)))

    assert [(observation.outcome, observation.examined) for observation in observations] == [(Outcome.PASSED, 2)]
    assert numbers_in(observations[0].observed) == [2, 2]


def test_without_old_databases_nothing_is_found(tmp_path: Path) -> None:
    """An empty list of names matches nothing."""
    write(tmp_path, "a.py", "x = 'tasks.db'\n")

    result = find_mentions(ScanScope(tmp_path, ["."], []))

    assert (result.mentions, result.files_read) == ((), 1)
