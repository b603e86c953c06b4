"""Specify the name and the start of a request."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from tests.support.workspaces.two_sources import a_request, build_two_sources

if TYPE_CHECKING:
    from pathlib import Path


def test_later_name_keeps_the_start(tmp_path: Path) -> None:
    """The evidence states when the run began, independent of its name.

    Otherwise a short run would end before it began.
    """
    started = datetime(2026, 1, 31, 12, 0, 59, tzinfo=UTC)
    request = replace(a_request(build_two_sources(tmp_path / "workspace")), started=started)

    later = replace(request, seconds_later=1)

    assert (request.stamp, later.stamp) == ("20260131_120059", "20260131_120100")
    assert later.started == started


@pytest.mark.parametrize(("verb", "demands"), [("migrate", True), ("verify", False), ("rollback", False)])
def test_next_migration_demands_the_approval_again(tmp_path: Path, verb: str, demands: bool) -> None:
    """An operator who copies the command does not leave the demand out."""
    request = a_request(build_two_sources(tmp_path / "workspace"))
    settings = replace(request.settings, allowed_signers=tmp_path / "signers")

    command = replace(request, settings=settings).command(verb)

    assert (f"--allowed-signers={tmp_path / 'signers'}" in command) is demands


def test_next_command_names_the_reports_of_the_operator(tmp_path: Path) -> None:
    """A report has the same command. The instructions in a backup set outlive the reports."""
    request = a_request(build_two_sources(tmp_path / "workspace"))
    request = replace(request, settings=replace(request.settings, names_reports=True))

    assert request.command("migrate").split()[-1] == f"--reports={request.settings.reports}"
    assert "--reports" not in request.recorded_command("rollback")


@pytest.mark.parametrize(("verb", "repeats"), [("verify", True), ("rollback", False)])
def test_next_check_names_the_same_originals(tmp_path: Path, verb: str, repeats: bool) -> None:
    """Without them a verify would rehearse."""
    request = a_request(build_two_sources(tmp_path / "workspace"))
    request = replace(
        request, mode=Mode.ORIGINALS, settings=replace(request.settings, originals=tmp_path / "the originals")
    )

    assert (f"'--originals={tmp_path / 'the originals'}'" in request.command(verb)) is repeats
