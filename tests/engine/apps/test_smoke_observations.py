"""Specify what a person reads about a smoke test that failed."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.apps.live_watch import LiveChanges
from sqlite_consolidate.engine.apps.runner import SmokeResult
from sqlite_consolidate.engine.apps.smoke_observations import remarks_on, smoke_observations
from sqlite_consolidate.engine.backup.copied_files import Reason
from sqlite_consolidate.plan.parts.programs import Expect, Smoke
from sqlite_consolidate.row_differences import Disclosure

TRACEBACK = """Traceback (most recent call last):
  File "app.py", line 5, in <module>
    titles()
    ^^^^^^^^
sqlite3.OperationalError: no such table: tasks
"""
LEFT_OUT = {Reason.EXCLUDED: ["media", "lib/films.txt", "app/extra.py"], Reason.VERSION_CONTROL: [".git"]}


def result_of(**fields: object) -> SmokeResult:
    """Return the result of a smoke test that failed."""
    return SmokeResult("x", ("./run",), **{"exit": 1, **fields})  # type: ignore[arg-type]  # values of several types


def excerpt(result: SmokeResult) -> str:
    """Return the output that is shown of a smoke test that failed."""
    return smoke_observations(Smoke(name="x", run=["./run"]), result)[-1].program_output


def test_last_lines_of_both_outputs_are_shown() -> None:
    """A test runner prints its failures to one, and warnings to the other."""
    shown = excerpt(result_of(stdout="line\n" * 500 + "1 failed\n", stderr=TRACEBACK))

    assert "no such table: tasks; " in shown
    assert shown.endswith("line\\n1 failed")
    assert "^^^" not in shown
    assert len(shown) < 700


@pytest.mark.parametrize("number", [50, 5000])
def test_excerpt_begins_with_a_whole_line(number: int) -> None:
    """It is cut only within a line that is longer than the excerpt."""
    shown = excerpt(result_of(stderr=f"{'x' * number}\n" * 20 + "the end\n"))

    lines = shown.removeprefix("… ").split("\\n")
    assert lines[-1] == "the end"
    assert set(lines[:-1]) <= {"x" * number}
    assert shown.startswith("… ")


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ("cat: media/a.jpg: No such file", "media"),
        ("cat: lib/films.txt: No such file", "lib/films.txt"),
        ("ModuleNotFoundError: No module named 'app.extra'", "app/extra.py"),
        ("fatal: not a git repository", ".git"),
        ("multimedia, films.txt2, gitlab, app.extras", ""),
    ],
)
def test_file_that_the_copy_lacks_is_named(output: str, named: str) -> None:
    """The person would otherwise look for a fault in the application."""
    remarks = remarks_on(result_of(stderr=output), LEFT_OUT, [])

    assert len(remarks) == bool(named)
    assert not named or f" {named} (" in remarks[0]
    assert any("[rehearsal] exclude" in remark for remark in remarks) == (named not in ("", ".git"))


def test_old_database_in_the_output_is_named() -> None:
    """The rollback has given it its old name, so that the test succeeds by hand."""
    sources = ["data/old.db", "data/other.db"]
    [named] = remarks_on(result_of(stderr="cannot open old.db"), {}, sources)
    [unnamed] = remarks_on(result_of(stderr="no rows"), {}, sources)

    assert "data/old.db" in named
    assert "data/other.db" not in named
    assert "old.db" not in unnamed
    assert remarks_on(result_of(stderr="no rows"), {}, []) == ()


def test_remarks_come_with_the_first_failure_only() -> None:
    """A result that is as expected needs no explanation."""
    test = Smoke(name="x", run=["./run"], expect=Expect(stdout="^3$"))
    remarks = ("It ran on a copy.",)

    failed = smoke_observations(test, result_of(remarks=remarks))
    passed = smoke_observations(test, result_of(exit=0, stdout="3\n", remarks=remarks))

    assert [remarks[0] in observation.todo for observation in failed if not observation.holds] == [True, False]
    assert not any(observation.todo for observation in passed)


def test_change_of_the_workspace_needs_no_remark() -> None:
    """The file that changed explains itself."""
    result = result_of(exit=0, live=LiveChanges(3, ("a.txt",)), remarks=("It ran on a copy.",))

    [failure] = [entry for entry in smoke_observations(Smoke(name="x", run=["./run"]), result) if not entry.holds]

    assert "a.txt" in failure.observed
    assert "It ran on a copy." not in failure.todo


@pytest.mark.parametrize("before", [60, 70, 75, 79])
def test_cut_output_shows_no_part_of_a_secret(before: int) -> None:
    """The secrets of the plan are masked before the middle of a long output is left out."""
    test = Smoke(name="x", run=["./run"], expect=Expect(stdout="^nothing$"))
    secret = "se3ret-" * 4

    observations = smoke_observations(
        test, result_of(exit=0, stdout="-" * before + secret + "-" * 900), Disclosure(hidden=(secret,))
    )

    assert "se3" not in observations[-1].program_output
