"""Check that the page of a bundle follows from its other files and is harmless.

A page of this release is drawn again and compared element by element. What only pytest-html knows cannot be drawn
again: when it wrote the page, how long the tests took, what they printed, and the styles of the operator.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Observation
from sqlite_consolidate.report.bundle import statements_of
from sqlite_consolidate.report.bundle_check.agreement import REPLACE_BUNDLE, agreement
from sqlite_consolidate.report.bundle_check.pytest_files.page_reader import OUTSIDE, PageReader
from sqlite_consolidate.report.evidence_json import SCHEMA, SCHEMA_1_OUTCOMES, printable_record
from sqlite_consolidate.report.file_names import DIFF, PAGE, SQL
from sqlite_consolidate.report.html.page import STYLES, render_page
from sqlite_consolidate.report.html.page_file import (
    environment,
    parse_page_file,
    pytest_html_styles,
    render_page_file,
    title,
    uses_installed_pytest_html,
)
from sqlite_consolidate.report.html.page_scripts import has_policy, known_scripts, own_script, script_digest
from sqlite_consolidate.report.questions import counts
from sqlite_consolidate.report.records import DIGEST_LIMITS, describe_source, limits, questions_by_criterion
from sqlite_consolidate.report.statements.endings import ending_of
from sqlite_consolidate.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record
    from sqlite_consolidate.report.html.page_file import PytestHtmlParts

_MANY_ELEMENTS = 200_000  # as many are read in seconds
_SHOWN = 300
_MOST_SCRIPTS = 2
_CONTEXT = 60  # characters that are shown before a difference
_LATE = timedelta(days=1)  # between the end of a run in UTC and its page in local time
_DATA = {"environment", "tests", "renderCollapsed", "initialSort", "title"}
_RESULTS = ("Passed", "Failed", "Skipped", "XFailed", "XPassed", "Error", "Rerun", "Retried")
_DURATION = re.compile(r"\d+ ms|\d{2,}:\d{2}:\d{2}")
_NO_OUTPUT = re.compile(r"No log output captured\.|-+ Captured [a-z]+ [a-z]+ -+\n")


def check_page(contents: BundleContents) -> list[Observation]:
    """Observe that the page, if any, follows from the other files and is harmless."""
    if PAGE not in contents.bundle.files or contents.record is None:  # with --html it may be elsewhere
        return []
    text = contents.bundle.text(PAGE)
    if endless := [*_endless(text, contents.record)]:
        return endless
    reader = PageReader(text)
    if contents.of_this_release:
        return [
            *_compare_page(text, reader, complete_record(contents, contents.record)),
            *_active_content(text, reader),
        ]
    return [*_page_one(contents, contents.record, text, reader), *_active_content(text, reader)]


def _endless(text: str, record: Record) -> Iterator[Observation]:
    """Yield why a page is not read that would take too long."""
    if "<" in text[text.rfind(">") + 1 :]:
        yield agreement(f"{PAGE}: end", "behind its last element", "within an element")
    elif (number := text.count("<")) > _MANY_ELEMENTS:
        most = max(_MANY_ELEMENTS, 2 * render_page(record).count("<"))
        if number > most:
            yield agreement(f"{PAGE}: beginnings of elements", f"at most {most:,}", f"{number:,}")


def complete_record(contents: BundleContents, record: Record) -> Record:
    """Return a record with what only plan, diff and SQL log of its bundle hold."""
    plan = (
        contents.plan if record.plan["sha256"] and record.mode is not Mode.INVENTORY else None
    )  # an inventory proposes its plan
    by_name = {printable(source.name): source for source in plan.sources} if plan else {}
    sources = tuple(
        replace(source, about=describe_source(by_name[source.name])) if source.name in by_name else source
        for source in record.sources
    )
    complete = replace(
        record,
        sources=sources,
        asked=questions_by_criterion(plan) if plan else {},
        limits=limits(plan, record.mode) if plan else (DIGEST_LIMITS,) if record.mode is Mode.BUNDLE else (),
        diff=contents.bundle.files.get(DIFF, b"").decode("utf-8", "surrogateescape"),
        sql=tuple(statements_of(contents.bundle.text(SQL))),
    )
    return printable_record(complete)


def _compare_page(text: str, reader: PageReader, record: Record) -> Iterator[Observation]:
    """Yield for each section, and for the rest, whether it equals the page drawn again."""
    parts = parse_page_file(text)
    if "<html" not in text.lower():  # the page of the record alone, as a run without pytest may write it
        yield from _compare_sections(PageReader(render_page(record)), reader, set())
    elif parts is None:
        expected = "the page of pytest-html, written when its run was over"
        yield agreement(f"{PAGE}: {OUTSIDE}", expected, "another page")
    elif not uses_installed_pytest_html(record):
        yield from _compare_sections(PageReader(render_page(record)), reader, {"", OUTSIDE})
        yield _not_compared(f"what pytest-html {record.versions.get('pytest-html')} writes, which is not here")
    else:
        page = render_page_file(record, parts)
        yield from _compare_sections(reader if page == text else PageReader(page), reader, set())
        yield from _compare_pytest_html_parts(parts, record)


def _compare_sections(expected: PageReader, reader: PageReader, unknown: set[str]) -> Iterator[Observation]:
    for section in dict.fromkeys([*expected.sections, *reader.sections]):
        if section not in unknown:
            pair = (sections.get(section, []) for sections in (expected.sections, reader.sections))
            yield _compare_lists(f"{PAGE}: {section or 'outside of its sections'}", *pair)
    order = ([name for name in page.order if name not in unknown] for page in (expected, reader))
    yield _compare_lists(f"{PAGE}: order of its sections", *order)


def _compare_lists(subject: str, expected: list[str], observed: list[str]) -> Observation:
    """Observe that two lists are the same, or show their first difference."""
    for expected_part, observed_part in zip_longest(expected, observed, fillvalue="nothing"):
        if expected_part != observed_part:
            pairs = enumerate(zip_longest(expected_part, observed_part))
            begin = max(0, next(index for index, pair in pairs if pair[0] != pair[1]) - _CONTEXT)
            texts = (one_line(text[begin : begin + _SHOWN]) for text in (expected_part, observed_part))
            return replace(agreement(subject, *texts), holds=False, todo=REPLACE_BUNDLE)
    same = f"{len(expected)} parts as in the other files"
    return agreement(subject, same, same)


def _compare_pytest_html_parts(parts: PytestHtmlParts, record: Record) -> Iterator[Observation]:
    """Yield whether the parts that only pytest-html knows are plausible.

    A last observation names what nothing else confirms.
    """
    yield agreement(f"{PAGE}: environment", str(environment(record)), str(parts.data.get("environment")))
    yield agreement(f"{PAGE}: data", str(sorted(_DATA)), str(sorted(parts.data)))
    yield agreement(f"{PAGE}: data: title", title(record.run, record.mode), str(parts.data.get("title")))
    yield agreement(f"{PAGE}: date", *_date(parts, record))
    yield agreement(f"{PAGE}: tests", *_tests(parts, record))
    texts = (pytest_html_styles(), _styles(), parts.styles)
    pytest_html, record_styles, styles = (" ".join(text.split()) for text in texts)
    expected = "those of pytest-html first, that of the record last"
    in_place = styles.startswith(pytest_html) and styles.endswith(record_styles)
    yield agreement(f"{PAGE}: styles", expected, expected if in_place else "others before or behind them")
    further = len(styles) - len(pytest_html) - len(record_styles) - 1
    by_operator = f", and {further} characters of styles that the operator named" if further > 0 else ""
    times = "the time of day, the times that tests took and the outputs of those that did not pass"
    yield _not_compared(f"{times}{by_operator}")


def _styles() -> str:
    return " ".join(style.read_text("utf-8") for style in STYLES)


def _not_compared(text: str) -> Observation:
    return Observation(f"{PAGE}: not compared", "named", text, holds=True)


def _date(parts: PytestHtmlParts, record: Record) -> tuple[str, str]:
    expected = f"within a day of {record.finished}"
    try:
        written = datetime.strptime(f"{parts.date} {parts.time}", "%d-%b-%Y %H:%M:%S").replace(tzinfo=UTC)
        near = abs(written - datetime.fromisoformat(record.finished).astimezone(UTC)) <= _LATE
    except ValueError:
        near = False
    return expected, expected if near else f"{parts.date} {parts.time}"


def _tests(parts: PytestHtmlParts, record: Record) -> tuple[str, str]:
    """Return what the table of tests may hold.

    It has plain words, and no failure after an acceptance.
    """
    expected = "plain words" if record.exit_code else "plain words, and no failure"
    bad = [str(row.get("testId")) for row in parts.results if not _is_plain(row)]
    if not record.exit_code:
        bad += [str(row["testId"]) for row in parts.results if row.get("result") in ("Failed", "Error")]
    return expected, _joined(bad) or expected


def _is_plain(row: dict[str, Any]) -> bool:
    """Return whether a row is as pytest-html writes it, without markup."""
    result, test, took, log = (str(row.get(name)) for name in ("result", "testId", "duration", "log"))
    cells = [
        f'<td class="col-{kind}">{text}</td>'
        for kind, text in (("result", result), ("testId", test), ("duration", took))
    ]
    return (
        row.keys() == {"extras", "result", "testId", "duration", "resultsTableRow", "log"}
        and (row["extras"], row["resultsTableRow"]) == ([], cells)
        and result in _RESULTS
        and _DURATION.fullmatch(took) is not None
        and "<" not in f"{test}{log}"
        and (result != "Passed" or _NO_OUTPUT.match(log) is not None)
    )


def _page_one(contents: BundleContents, record: Record, text: str, reader: PageReader) -> Iterator[Observation]:
    """Yield verdict, run and counts on page one.

    It is not known how other releases drew the rest.
    """
    texts = reader.texts("verdict")
    ending = ending_of(record)
    written = texts[0] if texts else "none"
    yield agreement(f"{PAGE}: verdict", written if written in ending.earlier else ending.word, written)
    yield agreement(f"{PAGE}: run", record.run, record.run if record.run in text else "not named")
    number: dict[str, int] = {str(outcome): count for outcome, count in counts(record).items()}
    if contents.schema != SCHEMA:
        number = {word: number[outcome] for word, outcome in SCHEMA_1_OUTCOMES.items()}
    expected = ", ".join(f"{count} {word}" for word, count in number.items())
    observed = [
        f"{count} {word}"
        for count, noun, word in zip(texts, texts[1:], texts[2:], strict=False)
        if noun in ("criterion", "criteria")
    ]
    yield agreement(f"{PAGE}: counts", expected, ", ".join(observed) or "none")


def _active_content(text: str, reader: PageReader) -> Iterator[Observation]:
    """Yield everything of a page that could act and is not from a run."""
    known, ours = known_scripts(), script_digest(own_script())
    digests = [script_digest(script) for script in reader.scripts]
    foreign = [f"script sha256-{digest}" for digest in digests if digest not in known | {ours}] + reader.active
    if len(digests) > _MOST_SCRIPTS:
        foreign.append(f"{len(digests)} scripts")
    expected = "none but that of pytest-html and the one that filters"
    yield agreement(f"{PAGE}: scripts", expected, _joined(foreign) or expected)
    if "<html" in text.lower() or digests:
        allowed = any(has_policy(text, digest, ours) or has_policy(text, digest) for digest in known)
        guarded = "it begins with the policy that lets no other script run"
        yield agreement(f"{PAGE}: content policy", guarded, guarded if allowed else "it does not begin with it")


def _joined(foreign: list[str]) -> str:
    return one_line("; ".join(dict.fromkeys(foreign)))[:_SHOWN]
