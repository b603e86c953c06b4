"""Hold the wording of the fleet's messages in one place.

The other tests of this folder compare ids, places and standings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.fleet.fleet_file import load_fleet
from sqlite_consolidate.fleet.members import Member, WorkspaceMatch, find_workspaces, resolve_members
from sqlite_consolidate.fleet.rollup import not_run_row, row_from_run, unsettled_row
from sqlite_consolidate.fleet.worker import WorkspaceRun
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.problem import Problem

REMOTE = 'format = 1\nscheduler = "tcp://a:1"\n'
MEMBER = Member("shops/bonn", "bonn-1", "/srv/shops/bonn")


def problem_of(folder: Path, text: str) -> Problem:
    """Return the last problem of a fleet file that is refused."""
    (folder / "fleet.toml").write_text(text)
    with pytest.raises(ProblemError) as raised:
        resolve_members(load_fleet(folder / "fleet.toml"), find_workspaces)
    return raised.value.problems[-1]


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        (
            "format = 1",
            "no workspace is listed.",
            'Add workspaces = ["..."] with folders or patterns, or a [[workspace]] for each.',
        ),
        (
            f'{REMOTE}workspaces = ["a"]',
            "with a scheduler, each workspace names the worker that holds its files.",
            "Write a [[workspace]] with path and worker for each.",
        ),
        (
            f'{REMOTE}[[workspace]]\npath = "a"',
            "with a scheduler, each workspace names the worker that holds its files.",
            'Add worker = "..." with the name it was started with (--name).',
        ),
        (
            f"{REMOTE}parallel = 2",
            '"parallel" has no meaning with a scheduler.',
            "Start each worker with as many threads as runs it may have at a time (--nthreads), and leave this out.",
        ),
        (
            'format = 1\n[[workspace]]\npath = "a"\nworker = "north"',
            'without a scheduler there is no worker "north".',
            'Add scheduler = "tcp://..." at the top, or remove it.',
        ),
        (
            'format = 1\nworkspaces = ["shop/*"]',
            '"shop/*" leads to no folder.',
            "Correct it. It is relative to this file.",
        ),
    ],
)
def test_mistake_in_a_fleet_file_is_worded(tmp_path: Path, text: str, fact: str, hint: str) -> None:
    """A message is a fact and a hint."""
    problem = problem_of(tmp_path, text)

    assert (problem.what, problem.hint) == (fact, hint)


def test_host_that_cannot_be_searched_is_worded(tmp_path: Path) -> None:
    """The message has the error of the host."""
    (tmp_path / "fleet.toml").write_text(f'{REMOTE}[[workspace]]\npath = "/srv/*"\nworker = "north"\n')

    with pytest.raises(ProblemError) as raised:
        resolve_members(load_fleet(tmp_path / "fleet.toml"), lambda *_: WorkspaceMatch(error="it is away"))

    assert raised.value.problems[0].what == '"/srv/*" could not be searched: it is away.'


def test_headlines_of_rows_are_worded() -> None:
    """A run without a bundle gets its headline from its exit code."""
    rows = [
        unsettled_row(MEMBER, "the worker was lost."),
        not_run_row(MEMBER, "the fleet run was interrupted."),
        row_from_run(MEMBER, "migrate", WorkspaceRun("h")),
        row_from_run(MEMBER, "migrate", WorkspaceRun("h", -9)),
        row_from_run(MEMBER, "migrate", WorkspaceRun("h", ExitCode.INTERNAL)),
    ]

    assert [row.headline for row in rows] == [
        "Unfinished: the worker was lost.",
        "Not run: the fleet run was interrupted.",
        "Not run: the fleet run was stopped before.",
        "Unfinished: its process was ended by signal 9.",
        "Exit code 3.",
    ]
