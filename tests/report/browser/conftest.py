"""Open reports in one browser, as the plugin writes them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.sample.build import build
from tests.support.reports import records
from tests.support.reports.browser_reports import write_reports
from tests.support.reports.outcomes import DRAWN_IN_BROWSER, drawn
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

_FLAGS = (
    "--no-sandbox",  # a container's root has no user namespaces; only files of these tests are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")  # its processes and threads are gone before another room forks or counts processes
def chromium() -> Iterator[Browser]:
    """Yield a headless Chromium.

    The room is skipped, with the reason, without a Chromium or its driver.
    """
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the reports."""
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def reports(chromium: Browser, folder: Path) -> dict[str, Path]:
    """Return the report of each kind of record by name.

    No report is written without a browser to open it.
    """
    assert chromium.is_connected()
    return write_reports(
        folder,
        {
            "accepted": records.accepted(),
            "refused": records.refused(),
            "unfinished": records.unfinished(),
            "hostile": records.hostile(),
            **{name: record for name, record in drawn().items() if name in DRAWN_IN_BROWSER},
        },
    )


@pytest.fixture(scope="module")
def large_report(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a thousand tables."""
    assert chromium.is_connected()
    return write_reports(tmp_path_factory.mktemp("large"), {"large": records.large()})["large"]


@pytest.fixture(scope="module")
def sample_reports(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the report of a migration of the sample for each ending."""
    assert chromium.is_connected()
    folder = tmp_path_factory.mktemp("samples")
    failing = '\n[[smoke]]\nname = "Failing"\npython = "raise SystemExit(3)"\n'
    ending = '\n[[smoke]]\nname = "Ending"\npython = "import os; os.kill(os.getppid(), 15); input()"\n'
    return {
        "accepted": _report_of_sample(folder / "accepted"),
        "failed": _report_of_sample(folder / "failed", plan=failing),
        "interrupted": _report_of_sample(folder / "interrupted", plan=ending),
        "refused": _report_of_sample(folder / "refused", lost="workspace.db"),
    }


def _report_of_sample(folder: Path, *, plan: str = "", lost: str = "") -> Path:
    """Return the report of a migration of the sample.

    Args:
        folder: Folder of workspace and reports.
        plan: Text that is added to the plan.
        lost: File that is removed from the workspace.
    """
    workspace = Workspace(build(folder / "workspace", decisions=False), folder / "reports")
    with workspace.plan.open("a", encoding="utf-8") as file:
        file.write(plan)
    if lost:
        (workspace.root / lost).unlink()
    ran = workspace.pytest("migrate")
    assert ran.folder is not None, ran.text
    return ran.folder / "audit.html"
