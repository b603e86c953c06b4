"""Test that a fleet file is loaded whole, or refused with the position of every mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.fleet.fleet_file import load_fleet
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

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


def refusal(path: Path) -> list[str]:
    """Load a fleet file that must be refused, and return its problems."""
    with pytest.raises(ProblemError) as raised:
        load_fleet(path)
    return [str(problem) for problem in raised.value.problems]


def test_three_lines_are_a_fleet(tmp_path: Path) -> None:
    """A few workspaces on one machine only have to be listed."""
    path = written(tmp_path, 'format = 1\nplan = "shop.toml"\nworkspaces = ["shops/*", "/srv/main"]\n')

    fleet = load_fleet(path).fleet

    assert [entry.path for _, entry in fleet.listed] == ["shops/*", "/srv/main"]
    assert (fleet.plan, fleet.canary, fleet.batch, fleet.keep_going) == ("shop.toml", 1, None, False)


def test_every_mistake_is_reported_with_line_and_column(tmp_path: Path) -> None:
    """The mistakes come in the order of the file."""
    mistakes = refusal(written(tmp_path, WRONG))

    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "fleet.toml:1:1 (format)",
        "fleet.toml:2:1 (canary)",
        "fleet.toml:3:1 (batchsize)",
        "fleet.toml:4:28 (workspaces 2)",
        "fleet.toml:7:1 (workspace 1, path)",
        "fleet.toml:8:1 (workspace 1, worker)",
        "fleet.toml:10:1 (workspace 2, path)",
    ]
    assert 'Did you mean "batch"?' in mistakes[2] or '"batch"' in mistakes[2]
    assert "is not a key of a fleet" in mistakes[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = 1", "no workspace is listed"),
        ('format = 1\nscheduler = "127.0.0.1:8786"', "begins with tcp:// or tls://"),
        ('format = 1\nscheduler = "tcp://a:1"\nworkspaces = ["a"]', "names the worker that holds its files"),
        ('format = 1\nscheduler = "tcp://a:1"\n[[workspace]]\npath = "a"', "names the worker that holds its files"),
        ('format = 1\nscheduler = "tcp://a:1"\nparallel = 2', '"parallel" has no meaning with a scheduler'),
        ('format = 1\n[[workspace]]\npath = "a"\nworker = "north"', "without a scheduler there is no worker"),
        ("format = 1\nworkspaces = [", "not valid TOML"),
        ('format = 1\nworkspaces = "a"', "needs a list"),
        ('format = 1\nworkspaces = ["a\\u0000b"]', "NUL"),
    ],
)
def test_each_mistake_has_its_text(tmp_path: Path, text: str, words: str) -> None:
    """Each mistake has an id and a text for the author of the file."""
    assert words in "\n".join(refusal(written(tmp_path, text)))


def test_missing_fleet_file_says_how_to_write_one(tmp_path: Path) -> None:
    """Three lines are enough to begin with."""
    assert 'format = 1, and workspaces = ["..."]' in refusal(tmp_path / "fleet.toml")[0]
