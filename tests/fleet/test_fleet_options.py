"""What ``--fleet`` goes with, and what it says when it cannot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

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
    """Three workspaces."""
    return small_fleet(tmp_path, "bonn kiel ulm")


def run_pytest(pytester: pytest.Pytester, code: int, *args: str) -> str:
    """Run pytest in this process, expect an exit code, and return everything it printed."""
    (pytester.path / "tests/stages").mkdir(parents=True)
    pytester.makeini("[pytest]\ntestpaths = tests")
    result = pytester.runpytest_inprocess(*PLUGINS, *args)
    text = "\n".join(result.outlines + result.errlines)
    assert result.ret == code, text
    return text


def test_a_listing_says_who_goes_when_and_runs_nothing(pytester: pytest.Pytester, fleet: Fleet) -> None:
    """Not a byte is written anywhere."""
    before = [fleet.workspace(name).files() for name in ("bonn", "kiel", "ulm")]

    text = run_pytest(
        pytester, 0, "-m", "migrate", f"--fleet={fleet.file}", f"--reports={fleet.reports}", "--collect-only"
    )

    assert "canaries: bonn/workspace" in text
    assert "batch: kiel/workspace, ulm/workspace" in text
    assert [fleet.workspace(name).files() for name in ("bonn", "kiel", "ulm")] == before
    assert not fleet.reports.exists()


@pytest.mark.parametrize("option", ["--workspace=x", "--plan=x", "--originals=x"])
def test_options_of_one_workspace_are_refused(pytester: pytest.Pytester, fleet: Fleet, option: str) -> None:
    """The fleet file names them; a run that was started by a fleet cannot start one."""
    text = run_pytest(pytester, 4, "-m", "verify", f"--fleet={fleet.file}", option)

    assert "with --fleet the fleet file names the workspaces" in text


@pytest.mark.parametrize("mark", ["", "migrate and not slow"])
def test_without_one_of_the_verbs_it_is_refused(pytester: pytest.Pytester, fleet: Fleet, mark: str) -> None:
    """A bare pytest never touches a workspace, let alone many."""
    text = run_pytest(pytester, 4, "-m", mark, f"--fleet={fleet.file}")

    assert "\n- --fleet goes with one of these verbs.\n" in f"{text}\n"


def test_an_inventory_is_of_one_workspace(pytester: pytest.Pytester, fleet: Fleet) -> None:
    """It proposes a plan, which a fleet has to have already."""
    text = run_pytest(pytester, 4, "-m", "inventory", f"--fleet={fleet.file}")

    assert "--fleet goes with pytest -m verify, -m migrate, -m rollback" in text


def test_mistakes_of_the_fleet_file_are_a_refusal(pytester: pytest.Pytester, fleet: Fleet) -> None:
    """All of them, and nothing was touched."""
    fleet.file.write_text('format = 2\nworkspaces = ["nowhere"]\ncanaries = 3\n')

    text = run_pytest(pytester, 4, "-m", "migrate", f"--fleet={fleet.file}")

    assert "refused; nothing was changed" in text
    assert "fleet.toml:1:1 (format)" in text
    assert "fleet.toml:3:1 (canaries)" in text


def test_without_the_extra_it_is_said_what_to_install(
    pytester: pytest.Pytester, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has one workspace does not need it."""
    monkeypatch.setitem(sys.modules, "distributed", None)  # as Python itself marks what cannot be imported

    text = run_pytest(pytester, 4, "-m", "migrate", f"--fleet={fleet.file}")

    assert "pip install 'sqlite-consolidate[fleet]'" in text
