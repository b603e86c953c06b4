"""Test that a fleet file is loaded whole, or refused with the position of every mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.fleet.fleet_file import load_fleet
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.problem import Problem

WRONG = """\
format = 2
canary = -1
batchsize = 3
  workspaces = ["shops/*", 7]

[[workspace]]
path = ""
worker = "north"

[[workspace]]
plan = "shop.toml"
"""


def written(folder: Path, text: str) -> Path:
    """Write a fleet file."""
    path = folder / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> tuple[Problem, ...]:
    """Load a fleet file that must be refused, and return its problems."""
    with pytest.raises(ProblemError) as raised:
        load_fleet(path)
    return raised.value.problems


def test_three_lines_are_a_fleet(tmp_path: Path) -> None:
    """A few workspaces on one machine only have to be listed."""
    path = written(tmp_path, 'format = 1\nplan = "shop.toml"\nworkspaces = ["shops/*", "/srv/main"]\n')

    fleet = load_fleet(path).fleet

    assert [entry.path for _, entry in fleet.listed] == ["shops/*", "/srv/main"]
    assert (fleet.plan, fleet.canary, fleet.batch, fleet.keep_going) == ("shop.toml", 1, None, False)


def test_every_mistake_is_reported_with_line_and_column(tmp_path: Path) -> None:
    """The mistakes come in the order of the file."""
    mistakes = refusal(written(tmp_path, WRONG))

    assert [mistake.subject for mistake in mistakes] == [
        "fleet.toml:1:1 (format)",
        "fleet.toml:2:1 (canary)",
        "fleet.toml:3:1 (batchsize)",
        "fleet.toml:4:28 (workspaces 2)",
        "fleet.toml:7:1 (workspace 1, path)",
        "fleet.toml:8:1 (workspace 1, worker)",
        "fleet.toml:10:1 (workspace 2, path)",
    ]
    assert mistakes[2].id == "unknown-key"
    assert '"batch"' in mistakes[2].hint


@pytest.mark.parametrize(
    ("text", "id_", "subject"),
    [
        ("format = 1", "empty-fleet", "fleet.toml (workspaces)"),
        ('format = 1\nscheduler = "127.0.0.1:8786"', "bad-value", "fleet.toml:2:1 (scheduler)"),
        ('format = 1\nscheduler = "tcp://a:1"\nworkspaces = ["a"]', "worker-unfit", "fleet.toml:3:1 (workspaces)"),
        (
            'format = 1\nscheduler = "tcp://a:1"\n[[workspace]]\npath = "a"',
            "worker-unfit",
            "fleet.toml:3:1 (workspace 1)",
        ),
        ('format = 1\nscheduler = "tcp://a:1"\nparallel = 2', "parallel-elsewhere", "fleet.toml:3:1 (parallel)"),
        (
            'format = 1\n[[workspace]]\npath = "a"\nworker = "north"',
            "worker-unfit",
            "fleet.toml:4:1 (workspace 1, worker)",
        ),
        ("format = 1\nworkspaces = [", "not-toml", "fleet.toml:2"),
        ('format = 1\nworkspaces = "a"', "wrong-type", "fleet.toml:2:1 (workspaces)"),
        ('format = 1\nworkspaces = ["a\\u0000b"]', "bad-value", "fleet.toml:2:15 (workspaces 1)"),
    ],
)
def test_each_mistake_has_its_id_and_place(tmp_path: Path, text: str, id_: str, subject: str) -> None:
    """The place is line and column of the key, or the key that is missing."""
    problems = refusal(written(tmp_path, text))

    assert (id_, subject) in [(problem.id, problem.subject) for problem in problems]
    assert all(problem.hint for problem in problems)


def test_missing_fleet_file_says_how_to_write_one(tmp_path: Path) -> None:
    """Three lines are enough to begin with."""
    [problem] = refusal(tmp_path / "fleet.toml")

    assert problem.id == "no-plan-file"
    assert "format = 1" in problem.hint
