"""Specify what a verb cannot be combined with."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.sqlite import connections
from tests.support.thorough import sampled
from tests.support.workspaces.staged_project import StagedProject, staged_project, whole

TRANSFER = "tests/stages/test_40_transfer.py"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> StagedProject:
    """Return a project with the real stages, in which nothing has run yet."""
    return staged_project(pytester, monkeypatch)


@pytest.mark.parametrize("where", ["environment", "configuration"])
def test_verb_outside_the_command_line_is_refused(
    project: StagedProject, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A variable of the shell must not turn a bare pytest into a migration."""
    if where == "environment":
        monkeypatch.setenv("PYTEST_ADDOPTS", "-m migrate")
    else:
        ini = project.root / "tox.ini"
        ini.write_text(ini.read_text().replace("-ra", "-m migrate"))

    ran = project.pytest()

    assert ran.exit == 4, ran.text
    assert (ran.tests, ran.begun) == ([], False)
    assert "[verb-elsewhere]" in ran.text


def test_sqlite_that_does_not_list_tables_is_refused(project: StagedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a library would report no tables, so no table would be reported as left.

    No library of that age is available for the test.
    """
    monkeypatch.setattr(connections, "MIN_SQLITE_VERSION", (4, 1))

    ran = project.pytest("-m", "migrate")

    assert ran.exit == 4, ran.text
    assert (ran.tests, ran.begun) == ([], False)
    assert "[sqlite-too-old]" in ran.text
    assert "4.1" in ran.text


def test_target_is_refused_by_all_but_an_inventory(project: StagedProject) -> None:
    """Every other verb has it from the plan."""
    ran = project.pytest("-m", "verify", "--target=shop.db")

    assert ran.exit == 4, ran.text
    assert (ran.tests, ran.begun) == ([], False)
    assert "[option-elsewhere]" in ran.text


@pytest.mark.parametrize(
    ("named", "args"),
    sampled(
        [
            ("--lf", ["--lf"]),
            ("--ff", ["--ff"]),
            ("--nf", ["--nf"]),
            ("--sw", ["--sw"]),
            ("--sw-skip", ["--sw-skip"]),
            ("-k", ["-k", "rows"]),
            ("--deselect", ["--deselect", f"{TRANSFER}::test_rows_counted"]),
            ("--ignore", ["--ignore", TRANSFER]),
            ("--ignore-glob", ["--ignore-glob", "*transfer*"]),
            ("-n", ["-n", "2"]),
            ("-n", ["-n", "1"]),
            ("-n", ["-n", "auto"]),
            ("-n", ["-n", "2", "--dist", "loadgroup"]),
            ("--tx", ["--tx", "popen"]),
            ("-d", ["-d"]),
            ("--looponfail", ["-f"]),
            ("--setup-only", ["--setup-only"]),
            ("--reruns", ["--reruns", "2"]),
            ("--count", ["--count", "2"]),
            ("--order-scope", ["--order-scope", "module"]),
            ("--order-scope-level", ["--order-scope-level", "2"]),
            ("--order-group-scope", ["--order-group-scope", "module"]),
            ("--indulgent-ordering", ["--indulgent-ordering", "--random-order-bucket=global"]),
            ("--sparse-ordering", ["--sparse-ordering"]),
            ("--runxfail", ["--runxfail"]),
            ("--assert=plain", ["--assert=plain"]),
            ("[path-given]", ["tests"]),
            ("[path-given]", ["."]),
            ("[path-given]", [f"{TRANSFER}::test_rows_counted"]),
            ("[no-stages]", ["-o", f"testpaths={TRANSFER}"]),
            ("[no-stages]", ["-o", "testpaths=tests/plan"]),
            ("[no-stages]", ["-p", "no:cacheprovider", "-c", "../other.ini"]),
            ("[no-stages]", ["-p", "no:cacheprovider", "--rootdir", ".."]),
            ("[plugin-off]", ["-p", "no:order"]),
            ("gate is switched off", ["-p", "no:sqlite_consolidate.pytest_plugin.gate"]),
            ("[plugin-off]", ["-p", "no:sqlite_consolidate.pytest_plugin.outcome"]),
            ("[plugin-off]", ["-p", "no:sqlite_consolidate.pytest_plugin.options"]),
            ("::test_schema_as_planned: ", ["-o", "python_functions=test_p* test_r*"]),
            ("40-transfer: ", ["-o", "python_files=check_*.py"]),
        ],
        *(0, 6, 9, 25, 29, 33, 37),
    ),
    ids=str,
)
def test_option_that_makes_a_run_incomplete_is_refused(project: StagedProject, named: str, args: list[str]) -> None:
    """The exit code is 4, no test has run, and the message names option or reason."""
    (project.root.parent / "other.ini").write_text("[pytest]\n")

    ran = project.pytest("-m", "migrate", *args)

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert named in ran.text


def test_refusal_lists_all_reasons_and_begins_no_run(project: StagedProject) -> None:
    """The operator need not find them one by one."""
    (project.root / "tests/stages/test_45_extra.py").write_text("def test_extra():\n    pass\n")

    ran = project.pytest("-m", "rollback", "--lf", "--reruns=2", "-n", "2", "tests/plan")

    assert ran.exit == 4
    assert not ran.begun
    for reason in ("--lf", "--reruns", "-n,", "tests/plan", "tests/stages/test_45_extra.py: "):
        assert f"\n- {reason}" in ran.text
    assert "[strange-stage]" in ran.text


def test_run_is_refused_when_started_below_the_root(project: StagedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """From there pytest would collect only that folder.

    From the folder of stages it collects all of them.
    """
    monkeypatch.chdir(project.root / "tests/plan")
    elsewhere = project.pytest("-m", "migrate")
    monkeypatch.chdir(project.root / "tests/stages")
    closed = project.pytest()
    at_stages = project.pytest("-m", "migrate")

    assert (elsewhere.exit, closed.exit, at_stages.exit) == (4, 5, 0), elsewhere.text + closed.text + at_stages.text
    assert "[no-stages]" in elsewhere.text
    assert closed.tests == []
    assert at_stages.tests == whole("migrate")


def test_run_without_assertions_is_refused(project: StagedProject) -> None:
    """An earlier release passed a failing check and committed with ``python -O``."""
    ran = project.python("-O", "-m", "pytest", "-m", "migrate")

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[python-optimizes]" in ran.text


@pytest.mark.thorough
def test_without_any_plugin_of_others_a_run_is_refused(project: StagedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pytest-order nothing would keep the order."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    ran = project.python("-m", "pytest", "-m", "migrate")

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[plugin-off]" in ran.text
    assert "pytest-order" in ran.text


def test_worker_of_xdist_begins_no_run(project: StagedProject) -> None:
    """The claim holds even if the process that started it has no gate."""
    project.pytester.syspathinsert()
    worker = "def pytest_load_initial_conftests(early_config):\n    early_config.workerinput = {}\n"
    (project.root / "worker.py").write_text(worker)

    ran = project.pytest("-p", "worker", "-m", "migrate")

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[option-unfit]" in ran.text
