"""Open reports in one browser, as the plugin writes them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.reports import records
from tests.support.reports.browser_reports import write_reports

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
        },
    )


@pytest.fixture(scope="module")
def large_report(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a thousand tables."""
    assert chromium.is_connected()
    return write_reports(tmp_path_factory.mktemp("large"), {"large": records.large()})["large"]
