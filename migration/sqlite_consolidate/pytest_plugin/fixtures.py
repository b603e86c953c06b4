"""Provide the fixtures of the stages, and release what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run import stages
from sqlite_consolidate.engine.run.stages import stage_named
from sqlite_consolidate.pytest_plugin.state import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from _pytest.mark import ParameterSet  # pytest has no public name for it

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.session import Session


class Check:
    """Check criteria of a run, and fail the test if one does not hold."""

    def __init__(self, run: Pipeline) -> None:
        self._run = run

    def __call__(self, *criteria: str) -> None:
        """Check each criterion and keep its evidence.

        The test fails unless all of them passed or are not required. The method does not use ``assert``, because pytest
        adds a comparison to the message of an assertion.
        """
        results = [self._run.check(criterion) for criterion in criteria]
        wrong = [result.text for result in results if not result.outcome.holds]
        if wrong:
            pytest.fail("\n".join(wrong), pytrace=False)

    def rest(self, stage: Stage) -> None:
        """Check each criterion of a stage that was not checked yet."""
        self(*(criterion for criterion in self._run.log.demanded(stage) if criterion not in self._run.log.results))


@pytest.fixture(scope="session")
def session(pytestconfig: pytest.Config) -> Session:
    """Return the session of the run.

    If the gate opened no run, the test fails.
    """
    current = pytestconfig.stash.get(SESSION, None)
    if current is None:
        pytest.fail("a stage runs only as part of a run: pytest -m migrate, -m verify or -m rollback", pytrace=False)
    return current


@pytest.fixture(scope="session")
def run(session: Session) -> Pipeline:
    """Return the run, which performs stages and checks criteria."""
    return session.run


@pytest.fixture(scope="session")
def check(run: Pipeline) -> Check:
    """Return the object that checks criteria and asserts that they hold."""
    return Check(run)


@pytest.fixture(scope="session")
def evidence(run: Pipeline) -> RunLog:
    """Return the log with the evidence of each criterion."""
    return run.log


@pytest.fixture(scope="session")
def plan(session: Session) -> Plan:
    """Return the plan."""
    return session.request.valid_plan


@pytest.fixture(scope="session")
def workspace(session: Session) -> Path:
    """Return the workspace, or the private copy of a rehearsal."""
    return session.run.workspace


@pytest.fixture(scope="session")
def backup_set(run: Run) -> Iterator[Run]:
    """Return the run, and afterwards remove a backup set that was never sealed.

    An unsealed set is no backup.
    """
    try:
        yield run
    finally:
        run.discard_unsealed()


@pytest.fixture(scope="session")
def target(run: Run) -> Iterator[Run]:
    """Return the run with its transaction on the target.

    Afterwards an uncommitted transaction is rolled back.
    """
    try:
        yield run
    finally:
        run.close_target()


@pytest.fixture
def attached(target: Run) -> Run:
    """Return the run whose sources are attached to the target.

    They are attached one after the other, read-only and by bound names.
    """
    return target


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test for each criterion of its stage, or for each smoke test of the plan.

    Each repetition has its own place in the order.
    """
    marks = metafunc.definition.iter_markers("stage")
    stage = stage_named(str(next((mark.args[0] for mark in marks if mark.args), "")))
    if stage is not None and "criterion" in metafunc.fixturenames:
        metafunc.parametrize("criterion", _criteria(stage))
    if stage is not None and "application" in metafunc.fixturenames:
        session = metafunc.config.stash.get(SESSION, None)
        metafunc.parametrize("application", _applications(stage, session.run.log.demanded(stage) if session else ()))


def _criteria(stage: Stage) -> list[ParameterSet]:
    from sqlite_consolidate.engine.run.criteria import listed_in

    return [
        pytest.param(criterion, id=criterion, marks=[pytest.mark.order(place), pytest.mark.criterion(criterion)])
        for place, criterion in enumerate(listed_in(stage), _first_place(stage, "criterion"))
    ]


def _applications(stage: Stage, demanded: Sequence[str]) -> list[ParameterSet]:
    from sqlite_consolidate.engine.run.criteria import SMOKE

    first = _first_place(stage, "application")
    criteria = [criterion for criterion in demanded if criterion.startswith(SMOKE)]
    return [
        pytest.param(
            (criterion,),
            id=f"smoke-{index + 1}",
            marks=[pytest.mark.order(first + index), pytest.mark.criterion(criterion)],
        )
        for index, criterion in enumerate(criteria)
    ] or [pytest.param((), id="none", marks=pytest.mark.order(first))]


def _first_place(stage: Stage, kind: str) -> int:
    """Return the order of the first test of a kind in a stage.

    In the stage of the smoke tests these precede the criteria, in other stages they follow them.
    """
    places = {"application": 20, "criterion": 910} if stage == stages.SMOKE else {"criterion": 20, "application": 50}
    return int(stage.id[:2]) * 100 + places[kind]
