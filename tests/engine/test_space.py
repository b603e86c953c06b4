"""What a run will write is computed before it writes anything, and a disk that is too small is a refusal."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from migration.engine.space import needs, room
from migration.engine.survey import survey
from tests.engine.small_workspace import a_run, build, consolidate, plan_of

if TYPE_CHECKING:
    from pathlib import Path

    from migration.engine.survey import Survey


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The small workspace."""
    return build(tmp_path / "workspace")


@pytest.fixture
def found(root: Path) -> Survey:
    """What the survey knows of it."""
    with ExitStack() as guards:
        return survey(plan_of(root), root, guards)


def test_what_is_kept_is_no_more_than_was_foretold(root: Path, found: Survey) -> None:
    """Backups, dumps and growth of a whole run fit into the sum that was said before, with 5 % for everything else."""
    wanted = needs(plan_of(root), list(found.sources.values()), found.target)
    before = (root / "workspace.db").stat().st_size

    run = consolidate(a_run(root))

    databases = sum(path.stat().st_size for path in (run.folder / "databases").iterdir())
    growth = (root / "workspace.db").stat().st_size - before
    assert databases + growth <= wanted.kept * 1.05
    assert wanted.scratch == max(facts.size for facts in (*found.sources.values(), found.target) if facts)


def test_a_plan_without_dumps_needs_less(root: Path, found: Survey) -> None:
    """The sum names its parts."""
    plan = plan_of(root).model_copy(update={"dump": False})

    wanted = needs(plan, list(found.sources.values()), found.target)

    assert wanted.dumps == 0
    assert "dumps 0.0 MB" in str(wanted)


def test_a_disk_that_is_too_small_is_a_problem(root: Path, found: Survey) -> None:
    """A target of half of what is free fits neither twice with its dump nor beside the scratch; it says what fails."""
    free = shutil.disk_usage(root).free
    assert found.target is not None
    small, large = (replace(found.target, size=size) for size in (1000, free // 2 + 1))

    fits = room(plan_of(root), root, list(found.sources.values()), small)
    problems = room(plan_of(root), root, list(found.sources.values()), large)

    assert fits == []
    assert {one.criterion for one in problems} == {"space"}
    assert "are needed (backups " in problems[0].what
