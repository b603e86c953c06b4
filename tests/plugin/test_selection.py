"""Specify that the stages run completely or not at all.

Other plugins or a careless edit must not change that while the gate is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import sampled, thorough
from tests.support.workspaces.staged_project import StagedProject, staged_project, whole

if TYPE_CHECKING:
    from pathlib import Path

# Stand-ins for pytest-randomly, -random-order, -reverse, -split, -repeat and -rerunfailures: what each does to the
# list, and at which place of the hook.
PLACES = {
    "first": "@pytest.hookimpl(tryfirst=True)\ndef {hook}(items):\n    {statement}\n",
    "plain": "def {hook}(items):\n    {statement}\n",
    "last": "@pytest.hookimpl(trylast=True)\ndef {hook}(items):\n    {statement}\n",
    "around": "@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef {hook}(items):\n    yield\n    {statement}\n",
}
TWICE = """
import pytest
from _pytest.runner import runtestprotocol
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for _ in range(2):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
BACKWARDS = """
import pytest
@pytest.hookimpl({position})
def {hook}(session):
    session.items.reverse()
"""
ELSEWHERE = """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    session.config.args.append({folder!r})
"""
BY_ITSELF = """
import pytest
class Own(pytest.Item):
    def runtest(self):
        pass
@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    session.items = [Own.from_parent(session, name="own")]
    session.items[0].add_marker(pytest.mark.stage("60-commit"))
    session.testscollected = 1
    return True
"""
EACH_CRITERION = """
def test_each_criterion_holds(run, criterion):
    note("test_" + criterion.replace("-", "_"))
"""
OUT_OF_TURN = "This test is out of turn: something repeats or reorders the stages."


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> StagedProject:
    """Return a project with the real stages, in which nothing has run yet.

    Modules can be imported from its root folder.
    """
    pytester.syspathinsert()
    return staged_project(pytester, monkeypatch)


def meddler(project: StagedProject, source: str) -> tuple[str, str]:
    """Write a plugin, and return the option that loads it."""
    (project.root / "meddler.py").write_text(source)
    return ("-p", "meddler")


@pytest.mark.parametrize(("place", "exit_"), [("first", 0), ("around", 4), *thorough(("plain", 0), ("last", 0))])
def test_shuffling_plugin_is_overruled_or_the_run_refused(project: StagedProject, place: str, exit_: int) -> None:
    """pytest-order corrects the order of most plugins.

    The gate refuses the run after a later plugin.
    """
    source = PLACES[place].format(hook="pytest_collection_modifyitems", statement="items.reverse()")

    ran = project.pytest("-m", "migrate", *meddler(project, f"import pytest\n{source}"))

    assert ran.exit == exit_, ran.text
    assert ran.tests == (whole("migrate") if exit_ == 0 else [])


@pytest.mark.parametrize(
    ("place", "statement"),
    sampled(
        [
            *(
                (place, statement)
                for place in PLACES
                for statement in ("del items[3]", "del items[-2:]", "items.clear()")
            ),
            # Not "first": pytest's own regrouping, which comes later, takes a double out again.
            *((place, "items.append(items[3])") for place in ("plain", "last", "around")),
        ],
        0,
        14,
    ),
)
def test_plugin_that_drops_or_doubles_tests_is_refused(project: StagedProject, place: str, statement: str) -> None:
    """A migration with missing or repeated tests is not complete."""
    source = PLACES[place].format(hook="pytest_collection_modifyitems", statement=statement)

    ran = project.pytest("-m", "migrate", *meddler(project, f"import pytest\n{source}"))

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[not-whole]" in ran.text


def test_folder_added_by_a_plugin_is_not_collected(project: StagedProject, tmp_path: Path) -> None:
    """The folder neither runs beside the stages nor stops them."""
    (tmp_path / "test_more.py").write_text("this is no Python")

    ran = project.pytest("-m", "migrate", *meddler(project, ELSEWHERE.format(folder=str(tmp_path))))

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("migrate")


def test_run_is_refused_when_a_plugin_adds_a_test(project: StagedProject) -> None:
    """While databases are open only the stages run."""
    source = """
import pytest
class Extra(pytest.Item):
    def runtest(self):
        pass
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(session, items):
    yield
    items.append(Extra.from_parent(session, name="extra"))
"""

    ran = project.pytest("-m", "migrate", *meddler(project, source))

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[not-whole]" in ran.text
    assert "\n- ::extra: " in ran.text


@pytest.mark.parametrize(
    ("hook", "position"),
    [("pytest_collection_finish", "trylast=True"), *thorough(("pytest_runtestloop", "tryfirst=True"))],
)
def test_stages_reordered_after_the_check_do_not_run(project: StagedProject, hook: str, position: str) -> None:
    """Each test is checked again when it begins."""
    source = BACKWARDS.format(hook=hook, position=position)

    ran = project.pytest("-m", "migrate", *meddler(project, source))

    assert ran.exit == 1, ran.text
    assert ran.tests == []
    assert OUT_OF_TURN in ran.text.splitlines(), "no traceback around it"


def test_stage_collected_by_a_plugin_does_not_run(project: StagedProject) -> None:
    """The list was never checked, so none of its tests has a turn."""
    ran = project.pytest("-m", "migrate", *meddler(project, BY_ITSELF))

    assert ran.exit == 1, ran.text
    assert OUT_OF_TURN in ran.text.splitlines()


def test_test_that_is_run_again_stops_the_run(project: StagedProject) -> None:
    """The repetition was set in the configuration, which no option shows."""
    ran = project.pytest("-m", "migrate", *meddler(project, TWICE))

    assert ran.exit == 1, ran.text
    assert ran.tests == whole("migrate")[:1]


def test_stage_slipped_past_the_closed_gate_fails(project: StagedProject) -> None:
    """A stage that a plugin adds after the last check fails, and does not migrate."""
    source = """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    for item in session.items:
        item.add_marker(pytest.mark.stage("60-commit"))
"""

    ran = project.pytest(*meddler(project, source))

    assert ran.exit == 1, ran.text
    assert any(line.endswith("[only-as-a-whole]") for line in ran.text.splitlines())
    assert "gate.py:" not in ran.text, "a traceback"


def test_run_without_any_test_is_refused(project: StagedProject) -> None:
    """No test was collected, so that none can have been deselected."""
    for file in (project.root / "tests/stages").glob("test_*.py"):
        file.unlink()

    ran = project.pytest("-m", "migrate")

    assert ran.exit == 4, ran.text
    assert "[not-whole]" in ran.text
    assert "was deselected" not in ran.text


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("order(4020)", "order(4010)", "(order 4010): "),
        ("import pytest", "import pytest, nothing_of_that_name", "40-transfer: "),
        *thorough(
            ("pytest.mark.migrate", "pytest.mark.slow", "test_40_transfer.py::test_rows_counted"),
            ('@pytest.mark.criterion("rows-counted")', "", " 'rows-counted'."),
            ("@pytest.mark.order(4020)\n", "", " none."),
            ("@pytest.mark.order(4020)", "@pytest.mark.skip\n@pytest.mark.order(4020)", " 'skip'."),
            ('stage("40-transfer")', 'stage("60-commit")', " stage('40-transfer'), and has stage('60-commit')."),
            ("order(4020)", "order('first')", " order('first')."),
            ("order(4020)", "order(4020, 2)", " order(4020, 2)."),
            ("order(4020)", "order(4020.5)", " order(4020.5)."),
            ("order(4020)", "order(after='test_performed')", " order()."),
            ("order(4020)", "order(4020, after='test_performed')", " order(4020)."),
            ("pytestmark = [", "pytestmark = [pytest.mark.order(4000), ", " order(4020), order(4000)."),
            ("order(4020)", "order(1015)", "(order 1015)"),
            ("order(4020)", "order(-1)", "(order -1)"),
            ("@pytest.mark.order(4020)", "@pytest.mark.order(4020)\n@pytest.mark.order(4025)", " 2 times."),
            ("@pytest.mark.order(4020)", "@pytest.mark.xfail\n@pytest.mark.order(4020)", " 'xfail'."),
            ("@pytest.mark.order(4020)", "@pytest.mark.flaky\n@pytest.mark.order(4020)", " 'flaky'."),
            (
                "@pytest.mark.order(4020)",
                "@pytest.mark.skipif(True, reason='x')\n@pytest.mark.order(4020)",
                " 'skipif'.",
            ),
            (
                "@pytest.mark.order(4020)",
                "@pytest.mark.usefixtures('run')\n@pytest.mark.order(4020)",
                " 'usefixtures'.",
            ),
            ('pytest.mark.stage("40-transfer"), ', "", " stage('40-transfer'), and has none."),
            ("rows-counted", "rows-cuonted", " 'rows-cuonted'."),
            ("rows-counted", "smoke:WMS CLI", " 'rows-counted'."),
            ("def test_rows_counted", "def rows_counted", " 'rows-counted'."),
        ),
    ],
)
def test_stage_that_is_marked_wrong_is_refused(project: StagedProject, old: str, new: str, named: str) -> None:
    """The message names the test and its mistake.

    No test of the run has run.
    """
    stage = project.stage("40-transfer")
    stage.write_text(stage.read_text().replace(old, new))

    ran = project.pytest("-m", "migrate", "--continue-on-collection-errors")

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[not-whole]" in ran.text
    assert named in ran.text


@pytest.fixture
def generated(project: StagedProject) -> tuple[StagedProject, tuple[str, str]]:
    """Return the project with one test function for all criteria of a stage.

    The result also has the option that loads the plugin which repeats it.
    """
    stage = project.stage("40-transfer")
    head, *tests = stage.read_text().split("\n@pytest.mark.order")
    performing = next(test for test in tests if "test_performed" in test)
    stage.write_text(f"{head}{EACH_CRITERION}\n@pytest.mark.order{performing}")
    return project, ("-p", "sqlite_consolidate.pytest_plugin.fixtures")


def test_one_function_is_a_test_of_each_criterion(generated: tuple[StagedProject, tuple[str, str]]) -> None:
    """They follow the test that performs the stage.

    Their order is that of the list of criteria.
    """
    project, option = generated

    ran = project.pytest("-m", "migrate", *option)

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("migrate")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("items.remove(test)", " 'rows-counted'."),
        *thorough(("items.append(test)", "test_each_criterion_holds[rows-counted]: "), ("items.reverse()", "(order ")),
    ],
)
def test_run_is_refused_when_plugin_drops_or_doubles_criterion(
    generated: tuple[StagedProject, tuple[str, str]], statement: str, named: str
) -> None:
    """Generated tests are checked like written ones."""
    project, option = generated
    chosen = "test = next(item for item in items if 'rows-counted' in item.name)"
    source = PLACES["around"].format(hook="pytest_collection_modifyitems", statement=f"{chosen}; {statement}")

    ran = project.pytest("-m", "migrate", *option, *meddler(project, f"import pytest\n{source}"))

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[not-whole]" in ran.text
    assert named in ran.text


def test_smoke_test_may_be_named_by_its_plan(project: StagedProject) -> None:
    """The plan adds criteria to the stage of smoke tests, with names that only it knows."""
    stage = project.stage("80-smoke")
    added = '\n@pytest.mark.order(8005)\n@pytest.mark.criterion("smoke:*")\ndef test_applications():\n    pass\n'
    stage.write_text(stage.read_text() + added)

    ran = project.pytest("-m", "migrate")

    assert ran.exit == 0, ran.text


def test_missing_stage_is_refused(project: StagedProject) -> None:
    """A run without its backup is not complete."""
    project.stage("20-backup").unlink()

    ran = project.pytest("-m", "migrate")

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[not-whole]" in ran.text
    assert "\n- 20-backup: " in ran.text
