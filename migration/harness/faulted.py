"""Faulted: pytest in a process of its own, on a private copy, with a plugin that plants one fault.

The plugin is an object that only the selftest makes and hands to pytest: no option and no environment variable can
plant a fault into a run.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from migration.plan.file import load
from migration.selftest.copies import contents, differences
from migration.selftest.fault import Look, NotPlantedError, Place, Scene
from migration.selftest.table import faults_of
from migration.selftest.trial import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from migration.selftest.fault import Fault, Undo
    from migration.selftest.trial import Trial

_BROKEN = 99  # an exit code that is none of ours


class Planter:
    """A plugin that plants a fault right before one test of a stage, and takes away afterwards what must not stay.

    Attributes:
        planted: Whether the run came as far as that.
        lacking: What the workspace lacks, where the fault could not be planted; the run fails by that at once.
    """

    def __init__(self, fault: Fault) -> None:
        self.planted, self.lacking = False, ""
        self._fault = fault

    @pytest.hookimpl(wrapper=True, trylast=True)  # right before the test, after everything of the harness
    def pytest_runtest_call(self, item: pytest.Function) -> Iterator[None]:
        """Plant in time."""
        undo = self._plant(item) if item.originalname == self._fault.at else None
        try:
            return (yield)
        finally:
            if undo:
                undo()

    def _plant(self, item: pytest.Function) -> Undo | None:
        try:
            undo = self._fault.planted(self._where(item))
        except NotPlantedError as lacking:
            self.lacking = str(lacking)
            raise
        self.planted = True
        return undo

    def _where(self, item: pytest.Function) -> Scene | Look:
        if self._fault.verb == "inventory":
            return Look(item._request.getfixturevalue("taking"))  # noqa: SLF001 -- as below
        run = item._request.getfixturevalue("run")  # noqa: SLF001 -- some tests do not ask for it by themselves
        return Scene(run, item.funcargs)


class Sheltered:
    """A plugin that keeps the applications of a run on a private copy from the workspace it is a copy of."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> None:
        """Tell the run, before its applications are known, where the workspace is that it is on a copy of."""
        if fixturedef.argname == "applications":
            run = request.getfixturevalue("run")
            run.live, run.plan_file = self._trial.live, self._trial.live_plan

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Function) -> Iterator[None]:
        """Start no application in a check, which takes the copy for the workspace and cannot keep it from the other."""
        if "copied_applications" in item.funcargs:
            item.funcargs["smoke_test"] = None
        return (yield)


def try_it(trial: Trial, answer: Connection) -> None:
    """Run a trial in this process, answer with its :class:`Outcome`, and end the process."""
    handle = os.open(trial.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.chdir(trial.folder)
    with suppress(BrokenPipeError):  # whoever asked has gone
        answer.send(_outcome(trial))
    os._exit(0)  # what pytest or a broken stage has left behind has no say


def _outcome(trial: Trial) -> Outcome:
    plan = load(trial.plan_file)
    fault = faults_of(plan)[trial.number] if trial.number is not None else None
    planter = Planter(fault) if fault else None
    undo: Undo | None = None
    if fault and planter and not fault.at:
        try:
            undo = fault.planted(Place(trial.root, plan, trial.plan_file))
        except NotPlantedError as lacking:
            return Outcome(lacking=str(lacking))
        planter.planted = True
    before = contents(trial.root, plan)
    code, report = _pytest(trial, planter)
    if undo:
        undo()
    changed = tuple(differences(before, contents(trial.root, plan)))
    facts = (planter.planted, planter.lacking) if planter else (False, "")
    return Outcome(*facts, code, _failed(report), changed, str(report or ""))


def _pytest(trial: Trial, planter: Planter | None) -> tuple[int, Path | None]:
    """Be pytest; return what it exited with, and its report's folder if there is one."""
    verb = "verify" if trial.verb == "bundle" else trial.verb
    args = ["-m", verb, f"--reports={trial.reports}", "-p", "no:cacheprovider"]
    args += ["-p", "no:hypothesispytest"]  # where it is installed it loads all of hypothesis when the run is over
    args += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # the harness was imported, and rewritten, before
    on_bundle = [f"--bundle={trial.root}"]
    args += on_bundle if trial.verb == "bundle" else [f"--workspace={trial.root}", f"--plan={trial.plan_file}"]
    plugins: list[object] = [Sheltered(trial), *([planter] if planter else [])]
    before = set(trial.reports.glob("2*/evidence.json"))
    try:
        code = int(pytest.main(args, plugins=plugins))
    except BaseException:  # noqa: BLE001 -- whatever it is, it is no refusal, and stands in the trial's output
        traceback.print_exc()
        code = _BROKEN
    sys.stdout.flush()
    made = sorted(set(trial.reports.glob("2*/evidence.json")) - before)
    return code, made[-1].parent if made else None


def _failed(report: Path | None) -> tuple[str, ...]:
    """Return the ids of the criteria that did not hold, each once."""
    criteria = json.loads((report / "evidence.json").read_bytes())["criteria"] if report else []
    return tuple(dict.fromkeys(one["id"] for one in criteria if one["verdict"] == "failed"))
