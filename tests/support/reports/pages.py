"""Render pages of bundles, and read what the page check observes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.report.bundle_check.agreement import REPLACE_BUNDLE
from sqlite_consolidate.report.bundle_check.parse import BundleContents
from sqlite_consolidate.report.bundle_check.pytest_files.page import complete_record
from sqlite_consolidate.report.bundle_check.reader import Bundle
from sqlite_consolidate.report.html.page import STYLES
from sqlite_consolidate.report.html.page_file import (
    PytestHtmlParts,
    environment,
    pytest_html_styles,
    render_page_file,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.evidence import Record


NO_OUTPUT = "No log output captured."
PLAIN = "plain words, and no failure"
SCRIPT = "none but that of pytest-html and the one that filters"
GUARD = "it begins with the policy that lets no other script run"
KNOWN_TO_PYTEST = "the time of day, the times that tests took and the outputs of those that did not pass"


def row_of_test(
    result: str = "Passed", test: str = "test_a.py::test_a", took: str = "7 ms", log: str = NO_OUTPUT, **keys: Any
) -> dict[str, Any]:
    """Return the data of pytest-html about a test."""
    cells = (("result", result), ("testId", test), ("duration", took))
    table_row = [f'<td class="col-{kind}">{text}</td>' for kind, text in cells]
    row = {"extras": [], "result": result, "testId": test, "duration": took, "resultsTableRow": table_row, "log": log}
    return row | keys


def surround(record: Record, *rows: dict[str, Any], **keys: Any) -> PytestHtmlParts:
    """Return what pytest-html writes around the page of a run, with further ``data``."""
    data = {
        "environment": environment(record),
        "tests": {"a": list(rows or [row_of_test()])},
        "renderCollapsed": ["none"],
        "initialSort": "original",
        "title": title(record.run, record.mode),
    }
    ours = "\n".join(style.read_text("utf-8") for style in STYLES)
    styles = (
        keys.pop("before", "")
        + pytest_html_styles().rstrip()
        + keys.pop("between", "")
        + "\n"
        + ours
        + keys.pop("behind", "")
    )
    data |= keys.pop("data", {})
    around = PytestHtmlParts("22-Nov-2026", "13:06:10", "7 ms", styles, data)
    return replace(around, **keys)


def bundle(
    record: Record | None, text: str = "", files: dict[str, bytes] | None = None, **facts: Any
) -> BundleContents:
    """Return a bundle of a record, a page and other files."""
    in_bundle = {"audit.html": text.encode()} if text else {}
    return BundleContents(Bundle("some.zip", in_bundle | (files or {})), {}, None, record, **facts)


def whole_page(record: Record, around: PytestHtmlParts | None = None) -> str:
    """Return the page of a bundle that has no other file."""
    return render_page_file(complete_record(bundle(record), record), around or surround(record))


def observed_subjects(observations: Iterable[Observation], *subjects: str) -> list[tuple[str, str, str]]:
    """Return the observations about some subjects of the page."""
    return [
        (observation.subject.removeprefix("audit.html: "), observation.expected, observation.observed)
        for observation in observations
        if observation.subject.removeprefix("audit.html: ") in subjects
    ]


def failing(observations: Iterable[Observation]) -> dict[str, tuple[str, str]]:
    """Return expected and observed of each subject that failed. Each must have the hint."""
    wrong = [observation for observation in observations if observation.holds is not True]
    assert {(observation.holds, observation.todo) for observation in wrong} <= {(False, REPLACE_BUNDLE)}
    return {
        observation.subject.removeprefix("audit.html: "): (observation.expected, observation.observed)
        for observation in wrong
    }
