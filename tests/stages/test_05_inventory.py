"""Stage 05: what lies in the workspace, and which plan it suggests; nothing but the plan file is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from migration.inventory.taking import as_data, databases_found, only_looked, plan_proposed
from migration.plan.file import sha256

if TYPE_CHECKING:
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState
    from migration.inventory.taking import Taking

pytestmark = [pytest.mark.stage("05-inventory"), pytest.mark.inventory]


@pytest.mark.order(510)
def test_everything_is_looked_at(taking: Taking, state: RunState) -> None:
    """Databases, code and processes are looked at, and nothing is changed."""
    taking.look()

    state.extra["inventory"] = as_data(taking)


@pytest.mark.order(520)
@pytest.mark.criterion("databases-found")
def test_databases_are_found(taking: Taking, state: RunState, evidence: Recorder) -> None:
    """There is at least one SQLite database below the workspace."""
    wrong = evidence("databases-found", databases_found(taking.inventory))

    state.act_failed = bool(wrong)
    assert not wrong, wrong


@pytest.mark.order(530)
def test_a_plan_is_written(taking: Taking, state: RunState) -> None:
    """The plan that they suggest is written, never over another."""
    written = taking.propose()

    if written:
        state.settings = replace(state.settings, plan=written)
        state.plan_text = written.read_bytes()
        state.plan_sha256 = sha256(written)
    state.touched = written is not None
    state.extra["inventory"] = as_data(taking)


@pytest.mark.order(540)
@pytest.mark.criterion("plan-proposed")
def test_the_plan_passes_its_own_check(taking: Taking, evidence: Recorder) -> None:
    """Plan check and preflight have nothing against it, or it says at each place what is to be decided."""
    wrong = evidence("plan-proposed", plan_proposed(taking))

    assert not wrong, wrong


@pytest.mark.order(550)
@pytest.mark.criterion("only-looked")
def test_the_databases_were_only_looked_at(taking: Taking, evidence: Recorder) -> None:
    """Every database, and what lies beside it, is as it was before."""
    wrong = evidence("only-looked", only_looked(taking.inventory))

    assert not wrong, wrong
