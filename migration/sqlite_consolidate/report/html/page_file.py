"""Harden the file that pytest-html writes around the page of a record.

The file can be written again from its variable parts.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.html.page_scripts import own_script, policy_element, script_digest
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from jinja2 import Template

    from sqlite_consolidate.report.evidence import Record

_TEST_TABLE_BEGIN = (
    '</div>\n    </div>\n    <details class="test-by-test" id="tests">\n    <summary><h2>Test by test</h2></summary>\n'
    "    <noscript><p>The table of tests is drawn by a script. Everything that matters is above.</p></noscript>\n"
    "    <p>{credit}</p>\n    <div>\n      <div>\n        "
)
"""Replaces the end of what precedes the table, and takes over its open elements."""
_LABELS = {
    "failed": "Failed",
    "passed": "Passed",
    "skipped": "Skipped",
    "xfailed": "Expected failures",
    "xpassed": "Unexpected passes",
    "error": "Errors",
    "rerun": "Reruns",
    "retried": "Retried",
}
"""Labels of pytest-html for the tests of each outcome, in its order."""
_COUNTED = ("passed", "failed", "xpassed", "xfailed")
_HEADERS = [
    f'<th class="sortable" data-column-type="{kind}">{label}</th>'
    for kind, label in (("result", "Result"), ("testId", "Test"), ("duration", "Duration"))
]
_TIME = re.compile(r"Report generated on (\d{2}-[A-Z][a-z]{2}-\d{4}) at (\d{2}:\d{2}:\d{2}) by")
_TOOK = re.compile(r'<p class="run-count">\d+ tests? took (\d+ ms|\d{2,}:\d{2}:\d{2})\.</p>')
# Browsers also end the element at `</style >` and `</STYLE/`.
_STYLES = re.compile(r'<style type="text/css">((?:(?!</style).)*)</style>', re.DOTALL | re.IGNORECASE)
_BEFORE_END_OF_STYLES = "\n      "  # written by the template of pytest-html
_CREDIT = re.compile(r'\n\s*<p>(Report generated on .*?by <a href="[^"]*">pytest-html</a>\s*v[^<]*)</p>', re.DOTALL)
_RELOAD = re.compile(r'<div class="summary__reload">(?:\s*<div\b.*?</div>)+\s*</div>\s*', re.DOTALL)
_DATA = re.compile(r'data-jsonblob="([^"]*)"')


@dataclass(frozen=True)
class PytestHtmlParts:
    """Hold what only pytest-html's part of a page states, and no other file of a bundle.

    Attributes:
        date: When the page was written, in the local time of its machine; ``time`` likewise.
        took: Time that the tests took.
        styles: Styles of pytest-html, of the operator and of the record, in this order.
        data: The tests with their outcomes and outputs, and the environment.
    """

    date: str
    time: str
    took: str
    styles: str
    data: dict[str, Any]

    @property
    def results(self) -> list[dict[str, Any]]:
        """Return the rows of the table of tests."""
        tests = self.data.get("tests")
        lists = [rows for rows in tests.values() if isinstance(rows, list)] if isinstance(tests, dict) else []
        return [row for rows in lists for row in rows if isinstance(row, dict)]


def parse_page_file(text: str) -> PytestHtmlParts | None:
    """Return the variable parts of a page, or None if pytest-html did not write them so."""
    matches = [pattern.search(text) for pattern in (_TIME, _TOOK, _STYLES)]
    blobs = _DATA.findall(text)
    if not blobs or not all(matches):
        return None
    written, took, styles = (match for match in matches if match)
    try:
        data = json.loads(unescape(blobs[-1]))
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    return PytestHtmlParts(written[1], written[2], took[1], styles[1].removesuffix(_BEFORE_END_OF_STYLES), data)


def render_page_file(record: Record, parts: PytestHtmlParts) -> str:
    """Return the hardened file that pytest-html writes around the page of a record."""
    number = Counter(str(row.get("result")).lower() for row in parts.results)
    tests = sum(number[outcome] for outcome in _COUNTED)
    text = _template().render(
        title=title(record.run, record.mode),
        date=parts.date,
        time=parts.time,
        version=record.versions.get("pytest-html", ""),
        styles=parts.styles,
        run_count=f"{tests} {'tests' if tests > 1 else 'test'} took {parts.took}.",
        running_state="finished",
        self_contained=True,
        outcomes={name: {"label": label, "value": number[name]} for name, label in _LABELS.items()},
        test_data=json.dumps(parts.data),
        table_head=_HEADERS,
        additional_summary={"prefix": [render_page(record)], "summary": [], "postfix": []},
    )
    return harden(text)


def title(run: str, mode: str) -> str:
    """Return the title of the page of a run."""
    return one_line(f"sqlite-consolidate: {mode} {run}")


def environment(record: Record) -> dict[str, str]:
    """Return the environment table of the page."""
    return {name: escape(one_line(value)) for name, value in record.versions.items()}


def uses_installed_pytest_html(record: Record) -> bool:
    """Return whether the run of a record used the installed version of pytest-html."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return record.versions.get("pytest-html") == version("pytest-html")
    except PackageNotFoundError:
        return False


def pytest_html_styles() -> str:
    """Return the styles of the installed pytest-html."""
    return (_resources() / "style.css").read_text("utf-8")


def harden(text: str) -> str:
    """Return pytest-html's page with a language and a strict content policy.

    The page has only the script of pytest-html and the one that filters, both known by their digests. It has no other
    script, no event handler, and loads nothing. It also has what keyboards, screen readers and printers need beyond
    what pytest-html writes.
    """
    if "<html>" not in text:  # not pytest-html's page, or hardened already
        return text
    text = _fold_tests(text).replace(' onclick="location.reload()"', "")
    text = re.sub(r"\n/\*{30}\n \* CUSTOM CSS\n \* .*\n \*{30}/\n", "\n", text)  # names the path of a file
    text = _make_accessible(text)
    head = (
        f"{_policy(text)}\n"
        '    <meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"    <style>{_running_head(text)}</style>"
    )
    text = text.replace("<html>", '<html lang="en">', 1)
    text = text.replace("\n  </footer>", f"\n    <script>{own_script()}</script>\n  </footer>", 1)
    return text.replace('<meta charset="utf-8"/>', f'<meta charset="utf-8"/>\n    {head}', 1)


def _fold_tests(text: str) -> str:
    """Return the page with pytest-html's table of tests last and folded.

    Its other texts around the record are removed.
    """
    credit = _CREDIT.search(text)
    text = _RELOAD.sub("", _CREDIT.sub("", text, count=1), count=1)
    text = text.replace("        <h2>Summary</h2>\n", "", 1)
    begin = _TEST_TABLE_BEGIN.format(credit=credit[1] if credit else "")
    text = text.replace('<p class="run-count">', f'{begin}<p class="run-count">', 1)
    return text.replace("</table>\n  <footer>", "</table>\n    </details>\n  <footer>", 1)


def _make_accessible(text: str) -> str:
    """Return the page with landmarks, a link past its head, and names of all controls."""
    text = text.replace("<body>", '<body>\n    <a class="skip" href="#verdict">Skip to the verdict</a>', 1)
    text = re.sub(r'(<h1 id="title">.*?</h1>)', r"<header>\1</header>\n    <main>", text, count=1)
    text = text.replace("\n  <footer>", "\n    </main>\n  <footer>", 1)
    text = re.sub(r'(type="checkbox" data-test-result="(\w+)")', r'\1 aria-label="Show the \2"', text)
    text = text.replace('<img src="" />', '<img src="" alt=""/>')
    return text.replace('<table id="results-table">', '<table id="results-table" aria-label="Test by test">', 1)


def _running_head(text: str) -> str:
    """Return the style that prints the report's title with the run id on every page."""
    match = re.search(r'<title id="head-title">([^<]*)</title>', text)
    title_text = re.sub(r"[^\w .:-]", "", match.group(1)) if match else ""
    return f'@page {{ @top-left {{ content: "{title_text}"; font: 8pt system-ui, sans-serif; color: #444c56; }} }}'


def _policy(text: str) -> str:
    script = text[text.rfind("<script>") + len("<script>") : text.rfind("</script>")]
    return policy_element(script_digest(script), script_digest(own_script()))


def _resources() -> Path:
    spec = importlib.util.find_spec("pytest_html")
    return Path(spec.origin).parent / "resources" if spec and spec.origin else Path()


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(_resources()), autoescape=select_autoescape(enabled_extensions=("jinja2",))
    )
    return environment.get_template("index.jinja2")
