"""Specify which page is that of its bundle, and what of another one is named."""

from __future__ import annotations

import locale
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

import sqlite_consolidate
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.bundle_check.agreement import DOUBT
from sqlite_consolidate.report.bundle_check.drawn.page import completed, faithful
from sqlite_consolidate.report.bundle_check.parse import BundleContents
from sqlite_consolidate.report.bundle_check.reader import Bundle
from sqlite_consolidate.report.html.page import STYLES, page
from sqlite_consolidate.report.html.page_file import Surround, environment, own_styles, page_file, title
from sqlite_consolidate.report.html.page_scripts import script_digest
from sqlite_consolidate.report.records import DIGESTS, limits
from tests.support.reports import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.evidence import Record

NO_OUTPUT = "No log output captured."
PLAIN = "plain words, and no failure"
SCRIPT = "none but that of pytest-html"
GUARD = "it begins with the policy that lets no other script run"
KNOWN_TO_PYTEST = "the time of day, the times that tests took and the outputs of those that did not pass"
PLAN = {
    "format": 1,
    "name": "small",
    "target": "workspace.db",
    "source": [
        {
            "name": "task_queue",
            "file": "logs/task_queue.db",
            "risk": "high",
            "reason": "why",
            "table": [{"name": "tasks"}],
        }
    ],
    "smoke": [{"name": "WMS CLI", "run": ["true"], "answers": "It\x07 works"}],
}


@pytest.fixture
def record() -> Record:
    """An accepted run of this release, with the pytest-html that is installed."""
    versions = {"sqlite-consolidate": sqlite_consolidate.__version__, "pytest-html": version("pytest-html"), "a": "<1>"}
    return replace(records.accepted(), versions=versions)


def row_of_test(
    result: str = "Passed", test: str = "test_a.py::test_a", took: str = "7 ms", log: str = NO_OUTPUT, **keys: Any
) -> dict[str, Any]:
    """Return what pytest-html knows of a test."""
    cells = (("result", result), ("testId", test), ("duration", took))
    table_row = [f'<td class="col-{kind}">{text}</td>' for kind, text in cells]
    row = {"extras": [], "result": result, "testId": test, "duration": took, "resultsTableRow": table_row, "log": log}
    return row | keys


def surround(record: Record, *rows: dict[str, Any], **keys: Any) -> Surround:
    """Return what pytest-html writes around the page of a run, with ``data`` beside what it always has."""
    data = {
        "environment": environment(record),
        "tests": {"a": list(rows or [row_of_test()])},
        "renderCollapsed": ["none"],
        "initialSort": "original",
        "title": title(record.run, record.mode),
    }
    ours = "\n".join(style.read_text("utf-8") for style in STYLES)
    styles = (
        keys.pop("before", "") + own_styles().rstrip() + keys.pop("between", "") + "\n" + ours + keys.pop("behind", "")
    )
    data |= keys.pop("data", {})
    around = Surround("22-Nov-2026", "13:06:10", "7 ms", styles, data)
    return replace(around, **keys)


def bundle(
    record: Record | None, text: str = "", files: dict[str, bytes] | None = None, **facts: Any
) -> BundleContents:
    """Return a bundle of a record, a page and other files."""
    in_bundle = {"audit.html": text.encode()} if text else {}
    return BundleContents(Bundle("some.zip", in_bundle | (files or {})), {}, None, record, **facts)


def whole_page(record: Record, around: Surround | None = None) -> str:
    """Return the page of a bundle that has no other file."""
    return page_file(completed(bundle(record), record), around or surround(record))


def said(observations: Iterable[Observation], *subjects: str) -> list[tuple[str, str, str]]:
    """Return what is observed of some subjects of the page."""
    return [
        (seen.subject.removeprefix("audit.html: "), seen.expected, seen.observed)
        for seen in observations
        if seen.subject.removeprefix("audit.html: ") in subjects
    ]


def failing(observations: Iterable[Observation]) -> dict[str, tuple[str, str]]:
    """Return what was expected and observed of each subject that does not hold, each with its advice."""
    wrong = [seen for seen in observations if seen.holds is not True]
    assert {(seen.holds, seen.todo) for seen in wrong} <= {(False, DOUBT)}
    return {seen.subject.removeprefix("audit.html: "): (seen.expected, seen.observed) for seen in wrong}


def test_page_of_its_own_bundle_is_faithful(record: Record) -> None:
    """Each part of it is named, and so is what nothing else tells."""
    observations = faithful(bundle(record, whole_page(record)))

    assert failing(observations) == {}
    subjects = [seen.subject.removeprefix("audit.html: ") for seen in observations]
    assert subjects[:3] == ["around the record", "outside of its sections", "verdict"]
    data = str(["environment", "initialSort", "renderCollapsed", "tests", "title"])
    date = f"within a day of {record.finished}"
    styles = "those of pytest-html first, that of the record last"
    assert [(seen.subject, seen.expected, seen.observed) for seen in observations[subjects.index("environment") :]] == [
        (f"audit.html: {subject}", expected, observed)
        for subject, expected, observed in (
            ("environment", str(environment(record)), str(environment(record))),
            ("data", data, data),
            ("data: title", title(record.run, record.mode), title(record.run, record.mode)),
            ("date", date, date),
            ("tests", PLAIN, PLAIN),
            ("styles", styles, styles),
            ("not compared", "named", KNOWN_TO_PYTEST),
            ("scripts", SCRIPT, SCRIPT),
            ("content policy", GUARD, GUARD),
        )
    ]


def test_section_that_is_as_drawn_says_how_many_parts(record: Record) -> None:
    """So does the order of all."""
    observations = faithful(bundle(record, whole_page(record)))

    ((_, expected, observed),) = said(observations, "order of its sections")
    number = len({seen.subject for seen in observations if seen.subject.startswith("audit.html: ")})
    assert expected == observed
    assert expected.endswith(" parts as in the other files")
    assert int(expected.split()[0]) > number / 2


def test_bundle_without_page_or_record_has_nothing_to_compare(record: Record) -> None:
    """``--html`` may have sent the page elsewhere."""
    assert faithful(bundle(None, whole_page(record))) == []
    assert faithful(bundle(record)) == []


def test_page_is_compared_alike_in_every_locale(record: Record) -> None:
    """Its styles have letters beyond those of the locale C."""
    text = whole_page(record)
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        observations = faithful(bundle(record, text))
    finally:
        locale.setlocale(locale.LC_CTYPE, before)

    assert failing(observations) == {}


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        (">Accepted<", ">Refused<", {"verdict": ("Accepted", "Refused")}),
        (">Accepted<", ">Accepted at last<", {"verdict": ("Accepted", "Accepted at last")}),
        ("<h1 id", "<h1 hidden id", {"around the record": ('<h1 id="title">', '<h1 hidden id="title">')}),
        ("</html>", "</html>Fine.", {"around the record": ("nothing", "Fine.")}),
        ("</html>", "", {"around the record": ("</html>", "nothing")}),
        (
            '<section aria-labelledby="glance"',
            '<section aria-labelledby="more"></section><section aria-labelledby="glance"',
            {
                "more": ("nothing", '<section aria-labelledby="more">'),
                "order of its sections": ("glance", "more"),
            },
        ),
    ],
)
def test_part_that_was_changed_is_told_with_its_text(
    record: Record, old: str, new: str, failed: dict[str, tuple[str, str]]
) -> None:
    """It is the first difference of its section."""
    text = whole_page(record)
    assert old in text

    assert failing(faithful(bundle(record, text.replace(old, new, 1)))) == failed


def test_difference_in_a_long_text_is_told_with_what_is_near(record: Record) -> None:
    """Sixty characters before it, and three hundred in all."""
    record = replace(record, headline=f"{'x' * 100}A{'y' * 400}")
    text = whole_page(record).replace("xA", "x\x07", 1)

    near = "x" * 60, "y" * 239
    assert failing(faithful(bundle(record, text)))["verdict"] == ("A".join(near), "\\x07".join(near))


def test_difference_that_no_text_shows_is_one_all_the_same(record: Record) -> None:
    """A character that is not printable stands in a page by its escape."""
    record = replace(record, headline="bell \x07")
    text = whole_page(record)
    assert "bell \\x07" in text

    failed = failing(faithful(bundle(record, text.replace("bell \\x07", "bell \x07"))))

    assert failed["verdict"] == ("bell \\x07", "bell \\x07")


@pytest.mark.parametrize(
    ("end", "policy"), [("", []), ("<HTML>", [("content policy", GUARD, "it does not begin with it")])]
)
def test_page_of_the_record_alone_has_its_sections(
    record: Record, end: str, policy: list[tuple[str, str, str]]
) -> None:
    """It is no file of pytest-html then, in whatever case that is written."""
    text = page(completed(bundle(record), record)) + end

    observations = faithful(bundle(record, text))

    expected = "the page of pytest-html, written when its run was over"
    assert failing(observations).get("around the record") == ((expected, "another page") if end else None)
    assert said(observations, "content policy", "environment") == policy
    assert bool(said(observations, "verdict")) is not bool(end)


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ("<h1 id", "<h1 hidden id", []),
        ("</section>", "</section><p>Fine.</p>", []),
        (">Accepted<", ">Refused<", ["verdict"]),
        ('<section aria-labelledby="glance"', '<section aria-labelledby="more"></section><section', ["more", "order"]),
    ],
)
def test_page_of_another_pytest_html_is_compared_without_its_surround(
    record: Record, old: str, new: str, failed: list[str]
) -> None:
    """What that release writes is not here."""
    record = replace(record, versions=record.versions | {"pytest-html": "0.1"})
    text = whole_page(record)
    assert old in text

    observations = faithful(bundle(record, text.replace(old, new, 1)))

    assert [subject for subject in ("verdict", "more") if subject in failing(observations)] == failed[:1]
    assert ("order of its sections" in failing(observations)) is ("order" in failed)
    not_here = "what pytest-html 0.1 writes, which is not here"
    assert said(observations, "not compared", "environment") == [("not compared", "named", not_here)]


@pytest.mark.parametrize(
    ("facts", "failed"),
    [
        ({"data": {"environment": {"a": "2"}}}, {"environment": "{'a': '2'}"}),
        ({"data": {"environment": None}}, {"environment": "None"}),
        (
            {"data": {"more": 1}},
            {"data": "['environment', 'initialSort', 'more', 'renderCollapsed', 'tests', 'title']"},
        ),
        ({"data": {"title": "Fine."}}, {"data: title": "Fine."}),
        ({"before": "p {}"}, {"styles": "others before or behind them"}),
        ({"behind": "p {}"}, {"styles": "others before or behind them"}),
        ({"date": "31-Feb-2026"}, {"date": "31-Feb-2026 13:06:10"}),
        ({"date": "20-Nov-2026"}, {"date": "20-Nov-2026 13:06:10"}),
    ],
)
def test_what_pytest_html_alone_knows_has_to_be_possible(
    record: Record, facts: dict[str, Any], failed: dict[str, str]
) -> None:
    """Each fact is told as it is there."""
    observations = faithful(bundle(record, whole_page(record, surround(record, **facts))))

    assert {subject: observed for subject, (_, observed) in failing(observations).items()} == failed


@pytest.mark.parametrize(("styles", "number"), [("}", 1), (" p {}", 5)])
def test_styles_of_the_operator_are_not_compared(record: Record, styles: str, number: int) -> None:
    """Their length is told."""
    observations = faithful(bundle(record, whole_page(record, surround(record, between=styles))))

    assert failing(observations) == {}
    of_the_operator = f"{KNOWN_TO_PYTEST}, and {number} characters of styles that the operator named"
    assert said(observations, "not compared") == [("not compared", "named", of_the_operator)]


@pytest.mark.parametrize(
    ("finished", "date", "time", "holds"),
    [
        ("2026-11-22T12:06:09+00:00", "21-Nov-2026", "12:06:09", True),
        ("2026-11-22T12:06:09+00:00", "21-Nov-2026", "12:06:08", False),
        ("2026-11-22T12:06:09+00:00", "23-Nov-2026", "12:06:09", True),
        ("2026-11-22T12:06:09+00:00", "23-Nov-2026", "12:06:10", False),
        ("2026-11-22T23:30:00-10:00", "24-Nov-2026", "09:30:00", True),
        ("", "22-Nov-2026", "12:06:09", False),
    ],
)
def test_page_is_written_within_a_day_of_its_run(
    record: Record, finished: str, date: str, time: str, *, holds: bool
) -> None:
    """In the time of its machine, which nobody knows."""
    record = replace(record, finished=finished)

    observations = faithful(bundle(record, whole_page(record, surround(record, date=date, time=time))))

    expected = f"within a day of {finished}"
    assert said(observations, "date") == [("date", expected, expected if holds else f"{date} {time}")]


CAPTURED = f"{' Captured stdout call ':-^80}\nseven"


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        *((row_of_test(result, log="wrong"), True) for result in ("Skipped", "XFailed", "XPassed", "Rerun", "Retried")),
        (row_of_test("Failed", log="wrong"), False),
        (row_of_test("Error", log="wrong"), False),
        (row_of_test("Approved"), False),
        (row_of_test(took="00:01:02"), True),
        (row_of_test(took="100:01:02"), True),
        (row_of_test(took="0:01:02"), False),
        (row_of_test(took="7 s"), False),
        (row_of_test(took="7 ms."), False),
        (row_of_test(log=CAPTURED), True),
        (row_of_test(log="approved"), False),
        (row_of_test(log=f"approved {NO_OUTPUT}"), False),
        (row_of_test(log=f"{NO_OUTPUT}<b>"), False),
        (row_of_test(test="<b>"), False),
        (row_of_test(extras=["approved"]), False),
        (row_of_test(resultsTableRow=[]), False),
        (row_of_test(more=1), False),
        ({"result": "Passed", "testId": "a"}, False),
    ],
)
def test_table_of_tests_has_plain_words(record: Record, row: dict[str, Any], *, holds: bool) -> None:
    """As pytest-html makes them of an outcome, a name and a time; an acceptance has no failure."""
    observations = faithful(bundle(record, whole_page(record, surround(record, row))))

    assert failing(observations) == ({} if holds else {"tests": (PLAIN, row["testId"])})


def test_refused_run_may_have_failed_tests(record: Record) -> None:
    """Their words are plain all the same."""
    record = replace(record, exit_code=1, verdict="refused")
    rows = [row_of_test("Failed", log="wrong"), row_of_test("Error", log="wrong")]
    other = [row_of_test("Approved", test) for test in ("a", "b", "a")]

    right = faithful(bundle(record, whole_page(record, surround(record, *rows))))
    wrong = faithful(bundle(record, whole_page(record, surround(record, *rows, *other))))

    assert said(right, "tests") == [("tests", "plain words", "plain words")]
    assert said(wrong, "tests") == [("tests", "plain words", "a; b")]


def script(text: str) -> str:
    """Return what is told of a foreign script."""
    return f"script sha256-{script_digest(text)}"


@pytest.mark.parametrize(
    ("old", "new", "observed"),
    [
        ("</body>", "<script>go()</script></body>", f"{script('go()')}; 2 scripts"),
        ("<main>", '<main onclick="go()"><img src="x.png"><img src="x.png">', "<main onclick=go()>; <img src=x.png>"),
        ("</body>", f"{'<p onclick=go()>' * 2}<i onload={'x' * 60}>" * 9 + "</body>", None),
    ],
)
def test_whatever_could_act_is_named_once(record: Record, old: str, new: str, observed: str | None) -> None:
    """In a text that stays bounded."""
    text = whole_page(record).replace(old, new, 1)

    ((_, expected, told),) = said(faithful(bundle(record, text)), "scripts")

    assert expected == SCRIPT
    assert told == (observed or f"<p onclick=go()>; <i onload={'x' * 60}>")


def test_list_of_foreign_elements_is_cut(record: Record) -> None:
    """A page may have any number of them."""
    handlers = "".join(f"<p onload{number}=go()>" for number in range(99))
    text = whole_page(record).replace("</body>", handlers, 1)

    ((_, _, told),) = said(faithful(bundle(record, text)), "scripts")

    assert len(told) == 300


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("<p>Fine.</p>", []),
        ("<script>go()</script>", [("content policy", GUARD, "it does not begin with it")]),
        ("<HTML>", [("content policy", GUARD, "it does not begin with it")]),
    ],
)
def test_page_that_could_run_a_script_begins_with_a_policy(
    record: Record, text: str, observed: list[tuple[str, str, str]]
) -> None:
    """Also one that another release has drawn."""
    assert said(faithful(bundle(older(record), text)), "content policy") == observed


def older(record: Record) -> Record:
    """Return the record of a run that another release made."""
    return replace(record, versions=record.versions | {"sqlite-consolidate": "0.0.1"})


def test_page_of_another_release_has_verdict_run_and_counts(record: Record) -> None:
    """How that release drew the rest is not known."""
    record = older(record)
    counts = "51 criteria passed, 0 criteria failed, 0 criteria not examined, 1 criteria not required"
    number = sum(outcome is Outcome.PASSED for outcome in {e.criterion: e.outcome for e in record.criteria}.values())
    counts = counts.replace("51", str(number))

    observations = faithful(bundle(record, whole_page(record).replace("<h1 id", "<h1 hidden id")))

    assert failing(observations) == {}
    assert said(observations, "verdict", "run", "counts", "environment") == [
        ("verdict", "Accepted", "Accepted"),
        ("run", record.run, record.run),
        ("counts", counts, counts),
    ]


def page_one(verdict: str, *counts: tuple[int, str, str]) -> str:
    """Return a first section as another release may draw it."""
    texts = [f"<b>{number}</b><i>{noun}</i><b>{word}</b>" for number, noun, word in counts]
    return f'<div class="record"><section aria-labelledby="verdict"><p>{verdict}</p>{"".join(texts)}</section></div>'


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("<p>Fine.</p>", {"verdict": "none", "run": "not named", "counts": "none"}),
        (
            page_one("Refused", (7, "criteria", "shown"), (3, "rows", "gone"), (1, "criteria", "failed")),
            {"verdict": "Refused", "run": "not named", "counts": "7 criteria shown, 1 criteria failed"},
        ),
    ],
)
def test_page_of_another_release_that_says_else_is_found(record: Record, text: str, failed: dict[str, str]) -> None:
    """Each of the three is told as it is there."""
    observations = faithful(bundle(older(record), text))

    assert {subject: observed for subject, (_, observed) in failing(observations).items()} == failed


def test_page_of_the_first_schema_counts_in_its_words(record: Record) -> None:
    """Of the fourth outcome that schema knew nothing."""
    counted = (1, "criteria", "shown"), (0, "criteria", "failed"), (1, "criteria", "not shown")
    text = page_one("Accepted", *counted) + record.run
    criteria = (records.passed("a", "a"), records.not_examined("b", "why"))

    observations = faithful(bundle(replace(older(record), criteria=criteria), text, schema=1))

    counts = "1 criteria shown, 0 criteria failed, 1 criteria not shown"
    assert said(observations, "counts") == [("counts", counts, counts)]
    assert failing(observations) == {}


def test_record_is_completed_from_the_other_files(record: Record) -> None:
    """By the plan, the diff and the log of SQL."""
    record = replace(record, sources=(*record.sources, replace(record.sources[0], name="other")), diff="", sql=())
    files = {"code.diff": b"+\xff", "sql.log": b"BEGIN;\nSELECT 1;\n"}
    plan = Plan.model_validate(PLAN)

    whole = completed(bundle(record, files=files, plan=plan), record)

    assert [source.about for source in whole.sources] == [{"risk": "high", "reason": "why"}, record.sources[0].about]
    assert whole.asked == {"smoke:WMS CLI": "It\\x07 works"}
    assert whole.limits == limits(plan)
    assert (whole.diff, whole.sql) == ("+\udcff", ("BEGIN;", "SELECT 1;"))


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"mode": Mode.INVENTORY}, ()),
        ({"plan": {"sha256": ""}}, ()),
        ({"mode": Mode.BUNDLE, "plan": {"sha256": ""}}, (DIGESTS,)),
    ],
)
def test_record_of_a_run_without_a_plan_is_completed_without_it(
    record: Record, facts: dict[str, Any], shown: tuple[str, ...]
) -> None:
    """An inventory proposes the plan that is in its bundle."""
    whole = completed(bundle(record, plan=Plan.model_validate(PLAN)), replace(record, **facts))

    assert [source.about for source in whole.sources] == [source.about for source in record.sources]
    assert (whole.asked, whole.limits, whole.diff, whole.sql) == ({}, shown, "", ())
