"""Open the index of the reports and the page of a fleet in a real browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.fleet.bundle_summary import BundleSummary
from sqlite_consolidate.fleet.fleet_file import FleetFile
from sqlite_consolidate.fleet.members import Member
from sqlite_consolidate.fleet.model import Fleet
from sqlite_consolidate.fleet.page import PAGE_NAME, render_page
from sqlite_consolidate.fleet.rollup import roll_up, row_from_run
from sqlite_consolidate.fleet.worker import WorkspaceRun
from sqlite_consolidate.report.bundle import begin_bundle, write_bundle
from sqlite_consolidate.report.html.index import NAME, write_index
from tests.support.reports import records
from tests.support.reports.browser_reports import axe_violations

if TYPE_CHECKING:
    from typing import Literal

    from playwright.sync_api import Browser

    from sqlite_consolidate.fleet.rollup import RollUp

pytestmark = pytest.mark.thorough  # a bare pytest starts no browser

_GOOD = BundleSummary("/r", "ab" * 32, "migrate", "accepted", "Accepted: every required criterion passed.", rows=6)
_BAD = replace(_GOOD, verdict="refused", headline="Refused. Everything was rolled back.")


@pytest.fixture(scope="module")
def lists(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the index of three runs, and the page of a fleet that ran twice."""
    assert chromium.is_connected()
    reports, fleet = (tmp_path_factory.mktemp(name) for name in ("reports", "fleet"))
    for number, record in enumerate((records.accepted(), records.refused(), records.accepted())):
        run = f"2026112{number}_120603-migrate"
        write_bundle(reports / run, replace(record, run=run), plan=b"")
    unfinished = reports / "20261124_120603-migrate"
    unfinished.mkdir()
    begin_bundle(unfinished, records.unfinished())
    write_index(reports)
    last = _fleet_of("20261121_120000-fleet-migrate", 1, 1)
    page = render_page(_fleet_of("20261122_120000-fleet-migrate", 0, 4), fleet, [last])
    (fleet / PAGE_NAME).write_text(page, "utf-8")
    return {"index": reports / NAME, "fleet": fleet / PAGE_NAME}


def _fleet_of(run: str, *codes: int) -> RollUp:
    """Return the roll-up of a fleet whose workspaces have these exit codes."""
    bundles = {0: _GOOD, 1: _BAD}
    rows = [
        row_from_run(
            Member(f"shops/{number}", f"shop-{number}", f"/srv/shops/{number}"),
            "migrate",
            WorkspaceRun("h", code, 1.5, bundles.get(code), "shop.db: no such file. [no-such-file]"),
        )
        for number, code in enumerate(codes)
    ]
    file = FleetFile(Path("/srv/fleet.toml"), "format = 1", Fleet(format=1))
    return roll_up(run, "migrate", file, tuple(rows), datetime.now(UTC), None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["index", "fleet"])
def test_list_follows_the_rules_of_accessibility(
    chromium: Browser, lists: dict[str, Path], kind: str, scheme: Literal["light", "dark"]
) -> None:
    """Axe checks names, landmarks, headings, tables and the contrast of each text."""
    with chromium.new_context(bypass_csp=True, color_scheme=scheme) as session:
        page = session.new_page()
        page.goto(lists[kind].as_uri())

        assert axe_violations(page) == {}


@pytest.mark.parametrize("kind", ["index", "fleet"])
def test_list_never_scrolls_sideways(chromium: Browser, lists: dict[str, Path], kind: str) -> None:
    """On a phone and on a desk, only a wide table scrolls, inside of itself."""
    with chromium.new_context() as session:
        page = session.new_page()
        page.goto(lists[kind].as_uri())
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 800})

            assert page.evaluate("document.documentElement.scrollWidth") <= width
