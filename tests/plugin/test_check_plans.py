"""Specify the check of plan files that a pre-commit hook runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from sqlite_consolidate.pytest_plugin.commands import check_plans

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "migration" / "sqlite_consolidate" / "sample" / "tree" / "consolidation.toml"


def test_valid_plans_are_accepted_without_databases() -> None:
    """A commit needs no workspace."""
    assert check_plans.main([str(SAMPLE), str(ROOT / "tests" / "plan" / "full.toml")]) == 0


def test_every_mistake_of_every_plan_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One plan with a mistake does not hide those of the next."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('format = 1\nname = "a"\ntarget = "a.db"\nsorce = 1\n')
    second.write_text("format = ")

    assert check_plans.main([str(first), str(SAMPLE), str(second)]) == 1

    text = capsys.readouterr().err
    assert all(name in text for name in ("first.toml", "sorce", "second.toml"))


def test_hook_runs_the_check_on_plans() -> None:
    """A project names this repository in its .pre-commit-config.yaml."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))

    assert shlex.split(hook["entry"])[1:] == ["-m", check_plans.__name__]
    assert hook["files"] == r"(^|/)consolidation\.toml$"
