"""Build a tiny project behind the real gate.

Its stages have the names of the real ones, and only record that they ran.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlite_consolidate
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.stages import STAGES, Stage
from sqlite_consolidate.pytest_plugin import gate

if TYPE_CHECKING:
    import pytest
    from _pytest.pytester import RunResult  # pytest has no public name for it

# Options of plugins that need not be installed, with their default values: these must not stop a run.
CONFTEST = """
from types import SimpleNamespace
import pytest
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest
from sqlite_consolidate.pytest_plugin import gate
from sqlite_consolidate.pytest_plugin.options import settings

pytest_plugins = ["sqlite_consolidate.pytest_plugin.options", "sqlite_consolidate.pytest_plugin.gate"]

def begin(config, verb):
    (config.rootpath / "begun.log").write_text(verb)
    mode = Mode.CHECK if (config.rootpath / "consolidated").exists() else Mode.of_verb(verb)
    return SimpleNamespace(request=RunRequest(mode, settings(config)))

gate.open_run = begin

def pytest_addoption(parser):
    parser.addoption("--reruns", type=int, default=0)
    parser.addoption("--count", type=int, default=1)
    parser.addoption("--random-order-bucket", default="module")

@pytest.fixture
def run(pytestconfig):
    return pytestconfig
"""

INI = """
[pytest]
strict_markers = true
testpaths = tests
addopts = -ra
markers =
    slow: a mark of the project's own
    flaky: as pytest-rerunfailures and flaky have it
"""

STAGE = """
from pathlib import Path
import pytest

pytestmark = [{marks}]

def note(test):
    with (Path(__file__).parents[2] / "ran.log").open("a") as log:
        print(Path(__file__).name, test, file=log)
"""

TEST = """
@pytest.mark.order({index})
{criterion}
def {name}(run):
    note("{name}")
"""


@dataclass(frozen=True)
class CompletedRun:
    """Hold the exit code, the tests of stages that ran in order, and the output of pytest."""

    exit: int
    tests: list[str]
    begun: bool
    text: str


@dataclass(frozen=True)
class StagedProject:
    """Hold the folder of the project, and start pytest in it."""

    pytester: pytest.Pytester

    @property
    def root(self) -> Path:
        """Return the root folder."""
        return self.pytester.path

    def stage(self, id_: str) -> Path:
        """Return the file of a stage."""
        return next(self.root / "tests" / "stages" / stage.file for stage in STAGES if stage.id == id_)

    def pytest(self, *args: str) -> CompletedRun:
        """Run pytest in this process, which is quick.

        hypothesis is switched off, because it would be loaded every time.
        """
        return self._ran(self.pytester.runpytest_inprocess("-p", "no:hypothesispytest", *args))

    def python(self, *args: str) -> CompletedRun:
        """Run pytest in a separate interpreter."""
        return self._ran(self.pytester.run(sys.executable, *args, "-p", "no:hypothesispytest"))

    def _ran(self, result: RunResult) -> CompletedRun:
        log = self.root / "ran.log"
        tests = log.read_text().splitlines() if log.exists() else []
        text = "\n".join(result.outlines + result.errlines)
        return CompletedRun(int(result.ret), tests, (self.root / "begun.log").exists(), text)


def staged_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> StagedProject:
    """Write the project. Its conftest replaces the start of a run until the test ends."""
    monkeypatch.setattr(gate, "open_run", gate.open_run)
    monkeypatch.setenv("PYTHONPATH", str(Path(sqlite_consolidate.__file__).parents[1]))
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    for folder in ("tests/stages", "tests/plan"):
        (pytester.path / folder).mkdir(parents=True)
    (pytester.path / "tests/plan/test_own.py").write_text("def test_own():\n    pass\n")
    for stage in STAGES:
        (pytester.path / "tests/stages" / stage.file).write_text(_source(stage))
    return StagedProject(pytester)


def whole(mode: str) -> list[str]:
    """Return the log of a whole run."""
    return [f"{stage.file} {name}" for stage in STAGES if mode in stage.modes for name, _ in _tests(stage)]


def _tests(stage: Stage) -> list[tuple[str, str]]:
    judged = criteria_in(stage)
    return [
        ("test_performed", ""),
        *((f"test_{re.sub(r'[-:]', '_', id_)}", f'@pytest.mark.criterion("{id_}")') for id_ in judged),
    ]


def _source(stage: Stage) -> str:
    """Return the source of a stage file, with its functions in reverse order.

    Only their marks put them in order.
    """
    verbs = {
        "migrate": "migrate",
        "rehearsal": "verify",
        "check": "verify",
        "originals": "verify",
        "bundle": "verify",
        "selftest": "selftest",
        "rollback": "rollback",
        "inventory": "inventory",
    }
    marks = [f'pytest.mark.stage("{stage.id}")', *(f"pytest.mark.{verbs[mode]}" for mode in stage.modes)]
    number = int(stage.id[:2]) * 100
    tests = [
        TEST.format(index=number + 10 * place, criterion=criterion, name=name)
        for place, (name, criterion) in enumerate(_tests(stage), start=1)
    ]
    return STAGE.format(marks=", ".join(marks)) + "".join(reversed(tests))
