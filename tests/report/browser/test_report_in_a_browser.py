"""Open the report in a real browser, without scripts, in the dark and on paper."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.support.reports.browser_reports import axe_violations
from tests.support.reports.outcomes import DRAWN_IN_BROWSER
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.thorough  # a bare pytest starts no browser

_SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
_CONTRAST = "color-contrast"
_MARKUP = "script, iframe, img:visible, svg[onload], [onclick], [onerror], [onmouseover], a[href*=':']"
_LEFT_ROWS = ".contents ~ section :is(tbody tr, .findings li, .checklist li):not([hidden]):not(.signatures *)"
_KINDS = ("hostile", *thorough("refused", "accepted", "unfinished"))


@contextmanager
def opened(browser: Browser, report: Path, **context: Any) -> Iterator[tuple[Page, list[str]]]:
    """Yield a page that shows the report, with its messages, requests and dialogs."""
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
def test_report_runs_no_script_and_loads_nothing(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """No console message, dialog or request appears, and no text becomes markup."""
    with opened(chromium, reports[kind]) as (page, heard):
        for scheme in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_selector("#results-table tbody", state="attached")
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
        page.wait_for_selector("#results-table tbody", state="attached")
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 800})

            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", _KINDS)
def test_report_shows_everything_without_scripts(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """Only pytest-html's own tables need a script."""
    with opened(chromium, reports[kind]) as (page, _):
        page.locator(".tools").evaluate("tools => tools.remove()")
        with_scripts = page.locator(".record").inner_text()
    with opened(chromium, reports[kind], java_script_enabled=False) as (page, heard):
        without = page.locator(".record").inner_text()

        assert without == with_scripts
        assert "The table of tests is drawn by a script" in (page.locator("noscript").text_content() or "")
        assert heard == []


@pytest.mark.parametrize("kind", ["refused", "accepted", "hostile", *DRAWN_IN_BROWSER])
def test_report_follows_the_rules_of_accessibility(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """Axe checks the rules of WCAG for names, landmarks, headings and tables."""
    with opened(chromium, reports[kind], bypass_csp=True) as (page, _):
        assert violations(page, rules={_CONTRAST: {"enabled": False}}) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("kind", ["refused", "accepted", "hostile"])
def test_every_text_has_enough_contrast(
    chromium: Browser, reports: dict[str, Path], kind: str, scheme: Literal["light", "dark"]
) -> None:
    """Axe measures each text. The colours of the style have a test of their own."""
    with opened(chromium, reports[kind], bypass_csp=True) as (page, _):
        page.emulate_media(color_scheme=scheme)

        assert violations(page, runOnly=[_CONTRAST]) == {}


def test_filter_leaves_failed_lines(chromium: Browser, reports: dict[str, Path]) -> None:
    """Sections without one are hidden, and Escape shows everything again."""
    with opened(chromium, reports["refused"]) as (page, _):
        tables = page.locator("section[aria-labelledby=tables]")
        page.get_by_label("Show only lines of a kind").select_option(label="Only failed")
        failed = page.locator(_LEFT_ROWS).count()

        assert failed == page.locator(f"{_LEFT_ROWS}:is(.failed, :has(.failed))").count() > 0
        assert tables.is_hidden()

        page.keyboard.press("Escape")

        assert tables.is_visible()
        assert page.locator(_LEFT_ROWS).count() > failed


def test_search_finds_a_table_by_keyboard(chromium: Browser, reports: dict[str, Path]) -> None:
    """A slash leads to the search, and each line that stays has every word."""
    with opened(chromium, reports["accepted"]) as (page, _):
        page.keyboard.press("/")
        page.keyboard.type("tasks rows")
        rows = [text.lower() for text in page.locator(_LEFT_ROWS).all_text_contents()]

    assert rows
    assert all("tasks" in row and "rows" in row for row in rows)


def test_link_to_a_criterion_takes_off_the_filter(chromium: Browser, reports: dict[str, Path]) -> None:
    """Each proof on page one leads to the line of its criterion."""
    with opened(chromium, reports["accepted"]) as (page, _):
        link = page.locator(".proof a[href^='#criterion-']").first
        line = page.locator(link.get_attribute("href") or "")
        page.get_by_label("Show only lines with").fill("no such line")
        assert line.is_hidden()

        link.click()

        line.wait_for()
        assert line.locator("code").text_content() == link.text_content()


def violations(page: Page, **options: object) -> dict[str, list[object]]:
    """Return the elements of a report that violate each rule of axe."""
    page.wait_for_selector("#results-table tbody", state="attached")
    return axe_violations(page, **options)


def test_keyboard_focus_skips_the_head_and_stays_visible(chromium: Browser, reports: dict[str, Path]) -> None:
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


@pytest.mark.parametrize("kind", ["hostile", *thorough("accepted", "refused", "unfinished")])
def test_printed_pages_name_the_run_and_their_number(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """Each page has the run's id at its top and the number of pages at its bottom."""
    with opened(chromium, reports[kind]) as (page, _):
        run = page.title() if kind != "hostile" else "sqlite-consolidate"
        texts = printed(page)

    assert all(run in text for text in texts)
    assert all(f"page {number} of {len(texts)}" in text for number, text in enumerate(texts, 1))


@pytest.mark.thorough
@pytest.mark.parametrize(("ending", "most"), [("accepted", 12), ("failed", 4), ("interrupted", 4), ("refused", 4)])
def test_printed_sample_has_few_and_whole_pages(
    chromium: Browser, sample_reports: dict[str, Path], ending: str, most: int
) -> None:
    """No heading is at the foot of a page, no page has one row, and four pages are to sign."""
    with opened(chromium, sample_reports[ending]) as (page, _):
        headings = set(page.locator("h2, h3, summary").all_inner_texts())
        texts = printed(page)

    pages = [_lines(text) for text in texts]
    signed = [number for number, lines in enumerate(pages, 1) if "Signatures" in lines]
    assert len(pages) <= most
    assert [lines[-1] for lines in pages if lines[-1] in headings] == []
    assert min(map(len, pages)) > 4
    assert max(signed) <= 4


@pytest.mark.parametrize("kind", ["refused", "not intact", "unfinished"])
def test_paper_heads_only_what_it_has(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """What was not examined is on page one, and a link to a part on a screen says so."""
    with opened(chromium, reports[kind]) as (page, _):
        text = " ".join("".join(printed(page)).split())

    assert "Failed or not examined" not in text
    assert ("Applications (not printed)" in text) is (kind == "not intact")
    assert ("are not printed" in text) is (kind != "not intact")


@pytest.mark.parametrize("media", ["screen", "print"])
def test_commands_of_page_one_look_alike(
    chromium: Browser, reports: dict[str, Path], media: Literal["screen", "print"]
) -> None:
    """The rollback command and the next step have one size and one padding."""
    style = "blocks => blocks.map(block => [getComputedStyle(block).fontSize, getComputedStyle(block).padding])"
    with opened(chromium, reports["accepted"]) as (page, _):
        page.emulate_media(media=media)
        blocks = page.locator("#questions ~ .question :is(.command, .run)").evaluate_all(style)

    assert len(blocks) == 2
    assert blocks[0] == blocks[1]


@pytest.mark.thorough
def test_paper_names_where_folded_parts_are(chromium: Browser, sample_reports: dict[str, Path]) -> None:
    """The SQL is not printed, and its line says so."""
    with opened(chromium, sample_reports["accepted"]) as (page, _):
        text = "".join(printed(page))

    assert "in one transaction (not printed" in text
    assert "CREATE INDEX" not in text


def printed(page: Page) -> list[str]:
    """Return the text of each printed page."""
    pypdf = pytest.importorskip("pypdf")
    document = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert {sheet.mediabox.width for sheet in document.pages} == {document.pages[0].mediabox.width}
    return [sheet.extract_text() for sheet in document.pages]


def _lines(text: str) -> list[str]:
    """Return the lines of a printed page without its head and foot."""
    return [line.strip() for line in text.splitlines() if not line.startswith(("page ", "sqlite-consolidate: "))]


@pytest.mark.parametrize("kind", ["accepted", *thorough("hostile")])
def test_table_of_tests_is_last_and_folded(chromium: Browser, reports: dict[str, Path], kind: str) -> None:
    """Of pytest-html nothing is seen but a folded table."""
    with opened(chromium, reports[kind]) as (page, _):
        page.wait_for_selector("#results-table tbody", state="attached")
        visible = page.locator("body").inner_text()
        whole = page.locator("body").text_content() or ""
        last = page.locator("main > :last-child").get_attribute("id")
        page.locator("#tests > summary").click()

        assert page.locator("#results-table").is_visible()

    assert last == "tests"
    assert "pytest-html" not in visible.replace("pytest-html\n", "")
    assert "still tests running" not in whole


@pytest.mark.thorough
def test_report_of_a_thousand_tables_stays_small(chromium: Browser, large_report: Path) -> None:
    """It is less than 2 MB, and tables beyond those of a picture are summed up."""
    with opened(chromium, large_report) as (page, heard):
        page.wait_for_selector("#results-table tbody", state="attached")

        assert heard == []
        assert large_report.stat().st_size < 2_000_000
        assert "988 other tables" in page.locator(".pictures text").all_text_contents()
        assert "line 4999" in (page.locator(".record").text_content() or "")
