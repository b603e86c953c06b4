"""Specify which runs the gate refuses, and which it lets run completely."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from sqlite_consolidate.pytest_plugin import gate, refusals
from tests.support.thorough import thorough
from tests.support.workspaces.staged_project import StagedProject, staged_project, whole

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.modes import Mode

SAMPLE = "reports/sample-workspace"
TRANSFER = "tests/stages/test_40_transfer.py"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> StagedProject:
    """Return a project with the real stages, in which nothing has run yet."""
    return staged_project(pytester, monkeypatch)


@pytest.mark.parametrize(
    ("verb", "mode"),
    [("migrate", "migrate"), *thorough(("verify", "rehearsal"), ("rollback", "rollback"), ("selftest", "selftest"))],
)
def test_exact_verb_runs_every_stage_in_order(project: StagedProject, verb: str, mode: Mode) -> None:
    """Each test runs once, although the files have the tests in reverse order."""
    ran = project.pytest("-m", verb)

    assert ran.exit == 0, ran.text
    assert ran.tests == whole(mode)


def test_verify_runs_the_check_when_the_run_says_so(project: StagedProject) -> None:
    """A verify learns at its start whether it is a rehearsal or a check."""
    (project.root / "consolidated").touch()

    ran = project.pytest("-m", "verify")

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("check")


@pytest.mark.parametrize(
    "args",
    [
        ["-x", "--maxfail=3", "--setup-show", "-n", "0", "-p", "no:cacheprovider", "-m", "migrate"],
        *thorough(
            ["-m", " migrate "],
            ["-m", "not slow", "-m", "migrate"],
            ["-mmigrate"],
            ["-o", "addopts=", "-m", "migrate"],
            ["-c", "tox.ini", "-m", "migrate"],
            ["-o", "testpaths=tests/stages", "-m", "migrate"],
            ["-o", "testpaths=", "-m", "migrate"],
            ["--order-scope=session", "--order-after-ff", "--continue-on-collection-errors", "-m", "migrate"],
        ),
    ],
    ids=" ".join,
)
def test_harmless_options_are_accepted(project: StagedProject, args: list[str]) -> None:
    """Other spellings and harmless options neither stop nor weaken a migration."""
    ran = project.pytest(*args)

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("migrate")


def test_behind_the_gate_a_real_run_begins(project: StagedProject) -> None:
    """The real session refuses a rollback of nothing.

    No sample is built for it.
    """
    conftest = project.root / "conftest.py"
    conftest.write_text(conftest.read_text().replace("gate.open_run = begin", ""))

    ran = project.pytest("-m", "rollback")

    assert ran.exit == 4, ran.text
    assert f"{project.root.resolve()}/reports/sample-workspace: " in ran.text
    assert not (project.root / "reports").exists()


def test_garbage_is_collected_less_until_pytest_ends() -> None:
    """A pytest inside another process leaves that process as it was."""
    stated = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        with ExitStack() as stack:
            gate.collect_garbage_less(cast("pytest.Config", SimpleNamespace(add_cleanup=stack.callback)))
            gc.freeze()
            during = gc.get_threshold()
        assert during == (100_000, 10, 10)
        assert (gc.get_threshold(), gc.get_freeze_count()) == ((700, 10, 10), 0)
    finally:
        gc.set_threshold(*stated)


_LOOP = """
from sqlite_consolidate.pytest_plugin import gate

class Loop:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print("collected")

class Config:
    def add_cleanup(self, cleanup):
        pass

loop = Loop()
if {is_run}:
    gate.collect_garbage_less(Config())
"""


@pytest.mark.parametrize(("is_run", "printed"), [*thorough((False, "collected\n")), (True, "")])
def test_end_of_a_run_collects_no_objects(is_run: bool, printed: str) -> None:
    """The memory of the process is free then in any case."""
    assert subprocess.check_output([sys.executable, "-c", _LOOP.format(is_run=is_run)], text=True) == printed


def test_shipped_stages_run_when_a_project_has_none(project: StagedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """No path of the project leads to them."""
    shipped = project.root / "sqlite_consolidate/stages"
    shipped.parent.mkdir()
    (project.root / "tests/stages").rename(shipped)
    monkeypatch.setattr(refusals, "_SHIPPED", shipped)

    ran = project.pytest("-m", "migrate")

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("migrate")


def test_beside_the_stages_nothing_is_collected(project: StagedProject) -> None:
    """The claim also holds for a project with tests in several folders."""
    (project.root / "more").mkdir()
    (project.root / "more/test_more.py").write_text("this is no Python")

    ran = project.pytest("-o", "testpaths=tests more", "-m", "migrate")

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("migrate")


def test_project_test_that_is_broken_does_not_stop_migration(project: StagedProject) -> None:
    """While the gate is open only the stages are collected."""
    (project.root / "tests/plan/test_broken.py").write_text("this is no Python")
    (project.root / "tests/test_broken.py").write_text("this is no Python")

    ran = project.pytest("-m", "migrate")

    assert ran.exit == 0, ran.text


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["-m", "migrate or verify"],
        ["--doctest-modules"],
        *thorough(
            ["tests"],
            ["-m", "Migrate"],
            ["-p", "no:cacheprovider", "-c", "../other.ini", "-m", "migrate or verify"],
            ["-k", "rows"],
            ["-m", ""],
            ["-m", "not slow"],
            ["-m", "migrate or slow"],
            ["-m", "migrate and not slow"],
            ["-m", "(migrate)"],
            ["-o", "addopts="],
            ["-o", "addopts=", "-m", "not slow"],
            ["-o", "testpaths=tests/stages"],
            ["-p", "no:cacheprovider", "-c", "../other.ini"],
            ["-p", "no:cacheprovider", "--rootdir", "..", "-m", "not slow"],
            ["-p", "no:order"],
            ["--lf"],
        ),
    ],
    ids=" ".join,
)
def test_anything_but_the_exact_verb_runs_no_stage(project: StagedProject, args: list[str]) -> None:
    """The gate is closed.

    No stage is collected, whatever the expression selects.
    """
    (project.root.parent / "other.ini").write_text("[pytest]\n")

    ran = project.pytest(*args)

    assert ran.tests == []
    assert not ran.begun
    assert ran.exit in (0, 4, 5), ran.text
    assert "test_40_transfer" not in ran.text


def test_no_expression_in_the_environment_runs_a_stage(project: StagedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier release ran the last stage alone with ``PYTEST_ADDOPTS="-m slow"``."""
    for stage in ("10-preflight", "60-commit"):
        file = project.stage(stage)
        file.write_text(file.read_text().replace("pytestmark = [", "pytestmark = [pytest.mark.slow, "))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-m slow")

    ran = project.pytest()

    assert ran.exit == 5, ran.text
    assert ran.tests == []


@pytest.mark.parametrize(
    "args",
    [
        ["tests/stages"],
        ["tests/plan", f"{TRANSFER}::test_rows_counted[a/b]"],
        *thorough(
            [TRANSFER],
            ["-m", "migrate or slow", TRANSFER],
            ["-p", "no:cacheprovider", "-c", "../other.ini", "tests/stages"],
        ),
    ],
    ids=" ".join,
)
def test_stage_named_on_the_command_line_is_refused(project: StagedProject, args: list[str]) -> None:
    """Editors run single tests by their path, and get one message for a stage."""
    (project.root.parent / "other.ini").write_text("[pytest]\n")

    ran = project.pytest(*args)

    assert ran.exit == 4, ran.text
    assert ran.tests == []
    assert "[only-as-a-whole]" in ran.text


def test_stage_reached_around_its_folder_is_refused(project: StagedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module name or a symbolic link avoids the check of folders.

    The final list is checked as well.
    """
    monkeypatch.syspath_prepend(str(project.root / "tests/stages"))
    (project.root / "link").symlink_to(project.root / "tests/stages")
    unmarked = project.stage("60-commit")
    unmarked.write_text(unmarked.read_text().replace("pytest.mark.stage", "pytest.mark.criterion"))

    by_name = project.pytest("--pyargs", "test_40_transfer")
    by_name_unmarked = project.pytest("--pyargs", "test_60_commit")
    by_link = project.pytest("link")

    assert (by_name.exit, by_name_unmarked.exit, by_link.exit) == (4, 4, 4), by_name_unmarked.text
    assert by_link.tests == []


@pytest.mark.parametrize(
    "args",
    [
        ["--setup-plan"],
        *thorough(["--co"], ["--fixtures"], ["--co", "-q"], ["--cache-show"], ["--markers"], ["--help"]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("verb", ["migrate", *thorough("verify")])
def test_listing_begins_no_run(project: StagedProject, verb: str, args: list[str]) -> None:
    """A listing neither opens nor writes a file."""
    ran = project.pytest("-m", verb, *args)

    assert ran.exit == 0, ran.text
    assert (ran.tests, ran.begun) == ([], False)


def test_collect_only_numbers_and_describes_the_stages(project: StagedProject) -> None:
    """The listing describes the run without starting it.

    A bare pytest lists no stages.
    """
    preflight = sum("test_10_preflight" in test for test in whole("rehearsal"))

    listed = project.pytest("-m", "verify", "--co", "-q")
    bare = project.pytest("--co")
    run = project.pytest("-m", "verify")

    assert re.search(rf"^ 1\. 10-preflight .*\({preflight} tests\)$", listed.text, re.MULTILINE)
    assert re.search(r"^11\. 97-rollback .*\(2 tests\)$", listed.text, re.MULTILINE)
    assert "98-check" not in listed.text
    assert "10-preflight" not in bare.text + run.text


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (
            [],
            {
                "workspace": "reports/sample-workspace (the sample)",
                "plan": "reports/sample-workspace/consolidation.toml",
            },
        ),
        (["--workspace=shop"], {"workspace": "shop", "plan": "shop/consolidation.toml"}),
        (
            ["--workspace=shop", "--originals=old"],
            {"workspace": "shop", "plan": "shop/consolidation.toml", "originals": "old"},
        ),
        (["--bundle=run.zip"], {"bundle": "run.zip"}),
    ],
    ids=["sample", "workspace", "originals", "bundle"],
)
def test_header_names_all_that_is_read(project: StagedProject, args: list[str], names: dict[str, str]) -> None:
    """Without a workspace it is the sample."""
    (project.root / "shop").mkdir()
    (project.root / "old").mkdir()
    (project.root / "run.zip").touch()

    ran = project.pytest("-m", "verify", "--co", *args)

    assert ran.exit == 0, ran.text
    header = dict(re.findall(r"^(mode|workspace|plan|originals|bundle): (.*)$", ran.text, re.MULTILINE))
    assert header.pop("mode")
    assert header == {name: f"{project.root.resolve()}/{path}" for name, path in names.items()}


@pytest.mark.parametrize(
    ("args", "id", "hint"),
    [
        (["-m", "migrat"], "unknown-verb", "pytest -m migrate?"),
        (["-m", "migrate and not slow"], "verb-in-expression", "pytest -m migrate"),
        (["-m", "migrate or verify"], "verb-in-expression", "pytest -m migrate or pytest -m verify"),
        (["--workspace=shop"], "no-verb", "-m migrate, -m verify"),
        *thorough(
            (["-m", "Migrate"], "verb-in-expression", "pytest -m migrate"),
            (["-m", "not verify"], "verb-in-expression", "pytest -m verify"),
            (["-m", "rollbak"], "unknown-verb", "pytest -m rollback?"),
            (["-m", "rehearse"], "unknown-verb", "pytest -m verify?"),
            (["-m", "birds", "--workspace=shop"], "no-verb", "-m migrate, -m verify"),
            (["--bundle=x.zip"], "no-verb", "-m migrate, -m verify"),
            (["--fleet=fleet.toml", "-m", "undo"], "unknown-verb", "pytest -m rollback?"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistaken_verb_is_refused_before_collection(
    project: StagedProject, args: list[str], id: str, hint: str
) -> None:
    """A test that cannot be collected would otherwise hide the answer."""
    (project.root / "tests/test_broken.py").write_text("this is no Python")

    ran = project.pytest(*args)

    assert ran.exit == 4, ran.text
    assert f"[{id}]" in ran.text
    assert hint in ran.text
    assert "test_broken" not in ran.text


@pytest.mark.parametrize(("expression", "code"), [("slow", 5), *thorough(("not slow", 0), ("vary", 5))])
def test_expression_of_the_project_is_no_mistake(project: StagedProject, expression: str, code: int) -> None:
    """A mark that the project registers may resemble a verb."""
    (project.root / "tox.ini").write_text("[pytest]\nmarkers =\n    slow: takes long\n    vary: changes\n")

    ran = project.pytest("-m", expression)

    assert ran.exit == code, ran.text


@pytest.mark.thorough
def test_without_the_conftest_no_stage_can_run(project: StagedProject) -> None:
    """There is no gate, but also no fixture."""
    ran = project.python("-m", "pytest", "-m", "migrate", "--noconftest")

    assert ran.exit != 0
    assert ran.tests == []


@pytest.mark.thorough
def test_workers_run_the_projects_own_tests_only(project: StagedProject) -> None:
    """Each worker has its own closed gate."""
    ran = project.python("-m", "pytest", "-n", "1", "-m", "not slow")

    assert ran.exit == 0, ran.text
    assert ran.tests == []


@pytest.mark.thorough
def test_run_of_its_own_process_is_whole(project: StagedProject) -> None:
    """The test runs the command as an operator types it."""
    ran = project.python("-m", "pytest", "-m", "migrate")

    assert ran.exit == 0, ran.text
    assert ran.tests == whole("migrate")
