"""Test which options ``--fleet`` is combined with, and how others are refused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.pytest_plugin.commands.fleet import SWITCHES
from tests.support.workspaces.fleet_run import small_fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspaces.fleet_run import Fleet

PLUGINS = (
    "-p",
    "sqlite_consolidate.pytest_plugin.options",
    "-p",
    "sqlite_consolidate.pytest_plugin.gate",
    "-p",
    "no:hypothesispytest",
)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Build three workspaces."""
    return small_fleet(tmp_path, "bonn kiel ulm")


def run_pytest(pytester: pytest.Pytester, code: int, *args: str) -> str:
    """Run pytest in this process, expect an exit code, and return its output."""
    (pytester.path / "tests/stages").mkdir(parents=True)
    pytester.makeini("[pytest]\ntestpaths = tests")
    result = pytester.runpytest_inprocess(*PLUGINS, *args)
    text = "\n".join(result.outlines + result.errlines)
    assert result.ret == code, text
    return text


def test_listing_shows_the_rounds_and_runs_nothing(pytester: pytest.Pytester, fleet: Fleet) -> None:
    """No byte is written anywhere."""
    before = [fleet.workspace(name).files() for name in ("bonn", "kiel", "ulm")]

    text = run_pytest(
        pytester, 0, "-m", "migrate", f"--fleet={fleet.file}", f"--reports={fleet.reports}", "--collect-only"
    )

    assert "canaries: bonn/workspace" in text
    assert "batch: kiel/workspace, ulm/workspace" in text
    assert [fleet.workspace(name).files() for name in ("bonn", "kiel", "ulm")] == before
    assert not fleet.reports.exists()


def test_every_option_without_a_value_reaches_each_run(pytestconfig: pytest.Config) -> None:
    """One that a fleet ignored would disclose what the operator withheld."""
    switches = {name for name, value in vars(pytestconfig.option).items() if value is False or value is True}
    of_plugin = {name.removeprefix("consolidate_") for name in switches if name.startswith("consolidate_")}

    assert of_plugin == {name.replace("-", "_") for name in SWITCHES}


@pytest.mark.parametrize("option", ["--workspace=x", "--plan=x", "--originals=x"])
def test_option_of_one_workspace_is_refused(pytester: pytest.Pytester, fleet: Fleet, option: str) -> None:
    """The fleet file names the workspaces."""
    text = run_pytest(pytester, 4, "-m", "verify", f"--fleet={fleet.file}", option)

    assert option.partition("=")[0] in text
    assert "[option-elsewhere]" in text


@pytest.mark.parametrize(("mark", "id"), [("", "no-verb"), ("migrate and not slow", "verb-in-expression")])
def test_fleet_without_a_verb_is_refused(pytester: pytest.Pytester, fleet: Fleet, mark: str, id: str) -> None:
    """A bare pytest never touches a workspace."""
    text = run_pytest(pytester, 4, "-m", mark, f"--fleet={fleet.file}")

    assert f"[{id}]" in text


def test_inventory_of_a_fleet_is_refused(pytester: pytest.Pytester, fleet: Fleet) -> None:
    """An inventory proposes a plan, and a fleet needs one already."""
    text = run_pytest(pytester, 4, "-m", "inventory", f"--fleet={fleet.file}")

    assert "[option-elsewhere]" in text


def test_mistakes_in_the_fleet_file_are_a_refusal(pytester: pytest.Pytester, fleet: Fleet) -> None:
    """All mistakes are reported, and nothing was changed."""
    fleet.file.write_text('format = 2\nworkspaces = ["nowhere"]\ncanaries = 3\n')

    text = run_pytest(pytester, 4, "-m", "migrate", f"--fleet={fleet.file}")

    assert "refused; nothing was changed" in text
    assert "fleet.toml:1:1 (format)" in text
    assert "fleet.toml:3:1 (canaries)" in text


def test_missing_dask_names_the_extra_to_install(
    pytester: pytest.Pytester, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a fleet on several hosts needs Dask."""
    fleet.file.write_text(
        'format = 1\nscheduler = "tcp://127.0.0.1:9"\n[[workspace]]\npath = "bonn"\nworker = "north"\n'
    )
    monkeypatch.setitem(sys.modules, "distributed", None)  # as Python marks a module that cannot be imported

    text = run_pytest(pytester, 4, "-m", "migrate", f"--fleet={fleet.file}")

    assert "sqlite-consolidate[fleet]" in text
    assert "[no-dask]" in text
