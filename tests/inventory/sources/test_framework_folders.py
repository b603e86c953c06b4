"""Test that the plan for databases of ten frameworks passes, or asks one question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import load_plan, rehearse
from sqlite_consolidate.inventory.plan_writer import render_plan
from tests.support.shapes.framework_folders import FOLDERS
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", sampled(list(FOLDERS), 1))
def test_plan_passes_or_asks_one_question(tmp_path: Path, name: str) -> None:
    """It passes unedited, and with the answer of a person."""
    folder = FOLDERS[name]
    refined = proposal_in(folder.build(tmp_path))
    text = render_plan(refined.proposal, "2026-11-27")

    assert (refined.objections, refined.unrehearsed_reason) == ((), "")
    assert text.count("# decide: ") == refined.proposal.decisions == folder.decisions
    for number, plan in enumerate(dict.fromkeys((text, folder.answered(text)))):
        file = tmp_path / f"plan{number}.toml"
        file.write_text(plan, "utf-8")
        assert rehearse(load_plan(file), tmp_path).accepted


def test_counter_of_core_data_follows_the_rows(tmp_path: Path) -> None:
    """Otherwise the next note would get a number that a note has."""
    refined = proposal_in(FOLDERS["Core Data"].build(tmp_path))

    [refresh] = refined.proposal.refreshes
    assert (refresh.table, refresh.column) == ("Z_PRIMARYKEY", "Z_MAX")
    assert refined.objections == ()
