"""Specify what a verb says in a workspace whose backups were deleted by hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.backup_set import already_consolidated
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import PROGRAMS
from sqlite_consolidate.engine.run.stages import CHECK, TRANSFER
from sqlite_consolidate.engine.verbs.judge import CheckRun
from sqlite_consolidate.engine.verbs.open_request import (
    deleted_archive_findings,
    originals_request,
    refuse_deleted_set,
    refuse_unfinished_run,
    resolve_mode,
)
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from tests.support.workspaces.killed_runs import die_after
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    CREATE_TASKS,
    SET,
    SET_NAME,
    a_request,
    consolidated,
    execute,
    plan_of,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_deleted_archive_beside_its_backup_is_a_finding(root: Path) -> None:
    """The workspace is consolidated, so that no source is missing."""
    consolidated(root)
    finished = already_consolidated(root, plan_of(root))
    assert finished is not None
    assert deleted_archive_findings(root, finished) == []

    (root / ARCHIVED).unlink()

    assert already_consolidated(root, plan_of(root)) == finished
    [finding] = deleted_archive_findings(root, finished)
    assert (finding.id, finding.subject, finding.count) == ("archive-deleted", SET_NAME, 1)


def test_check_names_deleted_set_and_recreated_source(root: Path) -> None:
    """A rehearsal would move the new rows and say nothing of the earlier consolidation."""
    consolidated(root)
    shutil.rmtree(root / SET)
    execute(root / "logs/tasks.db", CREATE_TASKS)

    request = resolve_mode(a_request(root, mode=Mode.REHEARSAL), root, plan_of(root))
    run = CheckRun(request)
    run_stages(run)
    run.end()

    assert request.mode is Mode.CHECK
    assert [id for id in run.log.demanded(CHECK) if run.log.outcome(id) is Outcome.FAILED] == ["no-old-database"]
    assert [finding.id for finding in run.log.findings if finding.level == "attention"] == ["backup-set-deleted"]


def test_rollback_without_set_names_recreated_source(root: Path) -> None:
    """No archive can be renamed by hand while another file has its old name."""
    consolidated(root)
    shutil.rmtree(root / SET)
    execute(root / "logs/tasks.db", CREATE_TASKS)

    with pytest.raises(ProblemError) as caught:
        refuse_deleted_set(root, plan_of(root))

    assert caught.value.ids == ("no-backup-set",)
    assert "logs/tasks.db" in caught.value.problems[0].hint


@pytest.mark.parametrize("program", PROGRAMS)
def test_cut_short_run_names_commands_of_the_caller(root: Path, program: tuple[str, ...]) -> None:
    """Those of pytest need a workspace that is named, and so do those of another folder."""
    die_after(root, TRANSFER)
    request = a_request(root, mode=Mode.REHEARSAL)
    request = replace(request, settings=replace(request.settings, program=program))

    with pytest.raises(ProblemError) as refused:
        refuse_unfinished_run(request, root, plan_of(root))

    [problem] = refused.value.problems
    assert problem.id == "cut-short"
    assert request.command("rollback") in problem.hint
    assert request.command("migrate") in problem.hint


@pytest.mark.parametrize("program", PROGRAMS)
def test_originals_elsewhere_name_the_program(root: Path, program: tuple[str, ...]) -> None:
    """The hint is a command that this operator can type."""
    request = a_request(root)
    request = replace(request, settings=replace(request.settings, program=program))

    with pytest.raises(ProblemError) as caught:
        originals_request(request, root)

    [problem] = caught.value.problems
    assert (problem.id, problem.hint) == ("option-elsewhere", f"Run {' '.join(program)} verify.")
