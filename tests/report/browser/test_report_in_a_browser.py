"""The report, opened by a real browser: as it is read, without scripts, in the dark, on a phone, on paper."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

_SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
_MARKUP = "script, iframe, img:visible, svg[onload], [onclick], [onerror], [onmouseover], a[href*=':']"
_KINDS = ("hostile", *thorough("refused", "accepted", "unfinished"))


@contextmanager
def opened(browser: Browser, report: Path, **context: Any) -> Iterator[tuple[Page, list[str]]]:
    """Lend a page that shows the report, and the list of all it says, asks for or does beyond showing itself."""
    heard: list[str] = []
    with browser.new_context(**context) as session:
        page = session.new_page()
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("request", lambda request: heard.append(f"request: {request.url}"))
        page.goto(report.as_uri())
        first = heard.pop(0)
        assert first == f"request: {report.as_uri()}"
        yield page, heard


@pytest.mark.parametrize("kind", _KINDS)
def test_a_report_runs_nothing_and_asks_for_nothing(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """No message on the console, no dialog, no request beside the file, in light and dark; no text becomes markup."""
    with opened(chromium, reports[kind]) as (page, heard):
        for scheme in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_selector("#results-table tbody")
            page.mouse.move(200, 200)
            page.keyboard.press("Tab")

        assert heard == []
        assert (
            page.locator(".record :is(script, img, iframe, [onclick], [onerror], [onload], a[href*=':'])").count() == 0
        )
        assert page.locator("#results-table :is(img:visible, script, svg, [onclick], [onload])").count() == 0


@pytest.mark.parametrize("kind", _KINDS)
def test_a_page_never_scrolls_sideways(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """On a phone and on a desk, only a wide table or picture scrolls, inside of itself."""
    with opened(chromium, reports[kind]) as (page, _):
        page.wait_for_selector("#results-table tbody")
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 800})

            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", _KINDS)
def test_without_scripts_everything_is_there(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """What a reader sees without scripts is what he sees with them; only pytest-html's own tables need one."""
    with opened(chromium, reports[kind]) as (page, _):
        with_scripts = page.locator(".record").inner_text()
    with opened(chromium, reports[kind], java_script_enabled=False) as (page, heard):
        without = page.locator(".record").inner_text()

        assert without == with_scripts
        assert "The table of tests is drawn by a script" in page.locator("noscript").inner_text()
        assert heard == []


@pytest.mark.parametrize("kind", ["refused", *thorough("accepted", "hostile")])
def test_nobody_is_kept_from_reading(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """Axe, which knows the rules of WCAG, finds nothing: contrast, names, landmarks, headings, tables."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = {}

    # Axe itself has to be let in past the policy that keeps every other script out.
    with opened(chromium, reports[kind], bypass_csp=True) as (page, _):
        page.wait_for_selector("#results-table tbody")
        for scheme in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            rules = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
            for one in axe.run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]:
                found[scheme, one["id"]] = [node["target"] for node in one["nodes"]][:5]

    assert found == {}


def test_the_keyboard_gets_past_the_head_and_sees_where_it_is(chromium: Browser, reports: dict[str, Path]) -> None:
    """The first stop leads to the verdict, and every stop after it is visible."""
    with opened(chromium, reports["refused"]) as (page, _):
        page.keyboard.press("Tab")
        first = page.evaluate("document.activeElement.getAttribute('href')")
        outlines = []
        for _ in range(12):
            page.keyboard.press("Tab")
            outlines.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))

    assert first == "#verdict"
    assert set(outlines) == {"solid"}


@pytest.mark.parametrize("kind", _KINDS)
def test_on_paper_every_page_names_the_run_and_nothing_is_folded(
    chromium: Browser, reports: dict[str, Path], kind: str
) -> None:
    """Each page has the run's id on top and its number of so many below; what is folded on screen is printed."""
    pypdf = pytest.importorskip("pypdf")
    with opened(chromium, reports[kind]) as (page, _):
        title = page.title()
        folded = page.locator("details:not([open]) td, details:not([open]) pre").all_text_contents()
        document = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))

    texts = [sheet.extract_text() for sheet in document.pages]
    run = title if kind != "hostile" else "sqlite-consolidate"
    assert all(run in text for text in texts)
    assert all(f"page {number} of {len(texts)}" in text for number, text in enumerate(texts, 1))
    assert all(document.pages[0].mediabox.width == sheet.mediabox.width for sheet in document.pages)
    everything = "".join("".join(texts).split())
    assert all("".join(text.split())[:12] in everything for text in folded if text.isascii())


def test_a_report_of_a_thousand_tables_and_of_long_outputs_stays_small(
    chromium: Browser, reports: dict[str, Path]
) -> None:
    """It opens whole, less than 3 MB of it; tables beyond those that a picture can show are taken together."""
    with opened(chromium, reports["large"]) as (page, heard):
        page.wait_for_selector("#results-table tbody")

        assert heard == []
        assert reports["large"].stat().st_size < 3_000_000
        assert "988 other tables" in page.locator(".pictures text").all_text_contents()
        assert "line 4999" in (page.locator(".record").text_content() or "")
