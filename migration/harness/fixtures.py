"""Fixtures of the stages: what a run works with, given back at the end whatever happens."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migration.harness.recorder import Recorder
from migration.harness.state import STATE, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from migration.audit.told import Told
    from migration.engine.applications import Applications
    from migration.engine.facts import Facts
    from migration.engine.manifest import Manifest
    from migration.engine.originals import Judged
    from migration.engine.run import Run
    from migration.harness.selftest import Selftest
    from migration.harness.way_back import WayBack
    from migration.inventory.taking import Taking
    from migration.plan.model import Plan, Smoke


@pytest.fixture(scope="session")
def state(pytestconfig: pytest.Config) -> RunState:
    """The run's state; without the gate there is none, and no stage can do anything."""
    found = pytestconfig.stash.get(STATE, None)
    if found is None:
        pytest.fail("a stage runs only as part of a run: pytest -m migrate, -m verify or -m rollback", pytrace=False)
    return found


@pytest.fixture(scope="session")
def evidence(state: RunState) -> Recorder:
    """Records what a criterion saw."""
    return Recorder(state)


@pytest.fixture(scope="session")
def plan(state: RunState) -> Plan:
    """The plan, once it is valid."""
    if state.plan is None:
        pytest.fail("not run: the plan is not valid", pytrace=False)
    return state.plan


@pytest.fixture(scope="session")
def workspace(state: RunState) -> Iterator[Path]:
    """The folder that the run works on: the workspace, or a private scratch folder for the copies of a rehearsal."""
    if state.mode != "rehearsal":
        yield state.settings.workspace
        return
    scratch = Path(tempfile.mkdtemp(prefix="consolidate-rehearsal-")).resolve()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def run(state: RunState, plan: Plan, workspace: Path, pytestconfig: pytest.Config) -> Iterator[Run]:
    """The consolidation; at the end its locks are given back, and what it did without acceptance is undone."""
    from migration.engine.run import Run
    from migration.harness.outcome import settle
    from migration.harness.progress import teller

    one = Run(
        plan=plan,
        plan_file=state.settings.plan,
        plan_sha256=state.plan_sha256,
        root=workspace,
        stamp=state.stamp,
        live=state.settings.workspace,
        say=teller(pytestconfig),
        limits=state.limits,
    )
    try:
        yield one
    finally:
        settle(state, one)


@pytest.fixture(scope="session")
def taking(state: RunState, pytestconfig: pytest.Config) -> Taking:
    """An inventory of the workspace."""
    from migration.harness.progress import teller
    from migration.inventory.taking import Taking

    said = state.settings
    own = [path for path in (said.plan, said.reports) if path.is_relative_to(said.workspace)]
    names = tuple(path.relative_to(said.workspace).as_posix() for path in own)
    return Taking(said.workspace, said.plan, teller(pytestconfig), own=names, limits=state.limits)


@pytest.fixture(scope="session")
def backup_set(run: Run) -> Iterator[Path]:
    """The folder of the run's backup set; one that was never sealed is cleared away, for it is no backup."""
    try:
        yield run.folder
    finally:
        run.discard_unsealed()


@pytest.fixture(scope="session")
def target(run: Run) -> Iterator[Run]:
    """The one connection and transaction on the target; its teardown only ever takes the transaction back."""
    try:
        yield run
    finally:
        run.close_target()


@pytest.fixture
def attached(target: Run) -> Callable[[Facts], AbstractContextManager[str]]:
    """Attaches a source, read-only and by a bound name, for as long as it is needed."""
    from migration.engine.connections import attached as attach

    def _attached(source: Facts) -> AbstractContextManager[str]:
        return attach(target.connection, target.read_from(source), f"source {source.name}")

    return _attached


@pytest.fixture(scope="session")
def applications(run: Run) -> Iterator[Applications]:
    """The plan's applications, in the workspace or in its copy; what they made is known when the run is undone."""
    from migration.engine.applications import Applications

    applications = Applications(
        run.plan,
        run.root,
        run.live,
        held=run.databases(),
        marks=run.log_marks,
        say=run.say,
        plan_file=run.plan_file,
    )
    applications.reader = run.reader
    try:
        yield applications
    finally:
        run.made = applications.made()


@pytest.fixture(scope="session")
def sealed(state: RunState, plan: Plan) -> Manifest:
    """The manifest of the consolidation that stands."""
    from migration.engine.sets import last_finished

    last = last_finished(state.settings.workspace, plan)
    if last is None or last.sealed is None:
        pytest.fail("there is no consolidation of this plan to check", pytrace=False)
    state.backup_set = last.folder.relative_to(state.settings.workspace).as_posix()
    state.archive = dict(last.sealed.archive)
    return last.sealed


@pytest.fixture(scope="session")
def told(state: RunState) -> Told:
    """What the bundle that is checked tells of its run; nothing in it is trusted."""
    if state.told is None:
        pytest.fail("there is no bundle to check: pytest -m verify --bundle FILE.zip", pytrace=False)
    return state.told


@pytest.fixture(scope="session")
def judged(state: RunState, plan: Plan) -> Iterator[Judged]:
    """A consolidation made by somebody else, beside the originals it was made from, both on private copies."""
    from migration.engine import originals

    with tempfile.TemporaryDirectory(prefix="consolidate-originals-") as folder, ExitStack() as stack:
        scratch = Path(folder).resolve()
        where = state.settings.originals or scratch
        target = originals.lay_out(plan, where, state.settings.workspace, scratch)
        yield originals.judge(plan, scratch, target, stack, state.limits)


@pytest.fixture(scope="session")
def selftest(state: RunState, plan: Plan, pytestconfig: pytest.Config) -> Iterator[Selftest]:
    """The trials of this workspace, on private copies that are gone afterwards."""
    from migration.harness.progress import teller
    from migration.harness.selftest import Selftest

    folder, say = pytestconfig.invocation_params.dir, teller(pytestconfig)
    one = Selftest(plan, state.settings.plan, state.settings.workspace, folder, say, state.limits.interrupted)
    try:
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def copied_applications(state: RunState, plan: Plan, pytestconfig: pytest.Config) -> Iterator[Applications]:
    """The plan's applications in a private copy of target and code, gone afterwards."""
    from migration.engine.applications import Applications
    from migration.engine.content import Reader
    from migration.engine.logs import LogMarks
    from migration.engine.rehearse import copy_workspace, require_complete
    from migration.harness.progress import teller

    live = state.settings.workspace
    with tempfile.TemporaryDirectory(prefix="consolidate-check-") as folder:
        scratch = Path(folder).resolve()
        require_complete(copy_workspace(plan, live, scratch, also=(state.settings.plan,)))
        applications = Applications(
            plan,
            scratch,
            live,
            held=frozenset(),
            marks=LogMarks(()),
            say=teller(pytestconfig),
            plan_file=state.settings.plan,
        )
        applications.reader = Reader(state.limits)
        yield applications


@pytest.fixture(scope="session")
def way_back(state: RunState, plan: Plan, request: pytest.FixtureRequest) -> WayBack:
    """The way back: of the rehearsal's own run, or of the consolidation that stands."""
    from migration.harness.progress import teller
    from migration.harness.way_back import WayBack

    run: Run | None = request.getfixturevalue("run") if state.mode == "rehearsal" else None
    return WayBack(state, plan, run, teller(request.config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``smoke_test`` is there once for each smoke test of the plan, each with its own place."""
    if "smoke_test" not in metafunc.fixturenames:
        return
    found = metafunc.config.stash.get(STATE, None)
    tests: list[Smoke] = found.plan.smoke if found and found.plan else []
    first = _FIRST_SMOKE[str(next(mark.args[0] for mark in metafunc.definition.iter_markers("stage")))]
    metafunc.parametrize(
        "smoke_test",
        [
            pytest.param(
                one,
                id=f"smoke-{at + 1}",
                marks=[pytest.mark.order(first + at), pytest.mark.criterion(f"smoke:{one.name}")],
            )
            for at, one in enumerate(tests)
        ]
        or [pytest.param(None, id="none", marks=pytest.mark.order(first))],
    )


_FIRST_SMOKE = {"80-smoke": 8020, "98-check": 9850, "99-originals": 9960}
