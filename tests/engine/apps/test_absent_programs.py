"""Specify which programs of smoke tests are known to be absent before they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.runner import absent_programs
from sqlite_consolidate.plan.parts.programs import Smoke

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("run", "is_absent"),
    [
        (["nosuchprogram"], True),
        (["./tool"], True),
        (["/usr/bin/nosuchprogram"], True),
        (["python", "src/absent.py"], True),
        (["python3", "-X", "dev", "-u", "absent.py", "x"], True),
        (["python", "-m", "absent.mod"], True),
        (["python", "-m", "app.absent"], False),
        (["sh", "-c", "nosuchprogram"], False),
        (["src/tool"], False),
        (["python", "src/app.py", "absent"], False),
        (["python", "-u", "-c", "pass"], False),
        (["python", "-"], False),
        (["python", "-m", "json.tool"], False),
        (["python", "-m", "src.app"], False),
        (["python", "-m", "app"], False),
        (["python", "--version"], False),
    ],
)
def test_absent_program_is_a_problem_before_it_runs(tmp_path: Path, run: list[str], *, is_absent: bool) -> None:
    """What only the copy of the workspace lacks is no problem yet."""
    copy, live = tmp_path / "copy", tmp_path / "live"
    (live / "src").mkdir(parents=True)
    copy.mkdir()
    (live / "src/tool").touch(0o755)
    (live / "src/app.py").touch()
    test = Smoke(name="it runs", run=run, path=["src"])

    problems = absent_programs([test, Smoke(name="other", python="pass")], copy, live)

    assert [(problem.id, problem.subject) for problem in problems] == [("no-program", "it runs")] * is_absent
