"""Check what pytest-html writes around the record, and pages of other releases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.bundle_check.pytest_files.page import check_page, complete_record
from sqlite_consolidate.report.html.page_file import parse_page_file, render_page_file
from sqlite_consolidate.report.html.page_scripts import script_digest
from sqlite_consolidate.report.records import DIGEST_LIMITS, limits
from tests.support.reports import records
from tests.support.reports.pages import (
    GUARD,
    KNOWN_TO_PYTEST,
    NO_OUTPUT,
    PLAIN,
    SCRIPT,
    bundle,
    failing,
    observed_subjects,
    row_of_test,
    surround,
    whole_page,
)
from tests.support.thorough import sampled, thorough

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record

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


@pytest.mark.parametrize(
    ("facts", "failed"),
    [
        ({"data": {"environment": {"a": "2"}}}, {"environment": "{'a': '2'}"}),
        (
            {"data": {"more": 1}},
            {"data": "['environment', 'initialSort', 'more', 'renderCollapsed', 'tests', 'title']"},
        ),
        ({"before": "p {}"}, {"styles": "others before or behind them"}),
        ({"date": "31-Feb-2026"}, {"date": "31-Feb-2026 13:06:10"}),
        *thorough(
            ({"data": {"environment": None}}, {"environment": "None"}),
            ({"data": {"title": "Fine."}}, {"data: title": "Fine."}),
            ({"behind": "p {}"}, {"styles": "others before or behind them"}),
            ({"date": "20-Nov-2026"}, {"date": "20-Nov-2026 13:06:10"}),
        ),
    ],
)
def test_facts_of_pytest_html_must_be_possible(record: Record, facts: dict[str, Any], failed: dict[str, str]) -> None:
    """The observation shows each fact as the page has it."""
    observations = check_page(bundle(record, whole_page(record, surround(record, **facts))))

    assert {subject: observed for subject, (_, observed) in failing(observations).items()} == failed


def test_honest_page_is_drawn_again_exactly(record: Record) -> None:
    """A page that is equal character by character is parsed once."""
    text = whole_page(record)
    parts = parse_page_file(text)

    assert parts is not None
    assert render_page_file(complete_record(bundle(record), record), parts) == text


@pytest.mark.parametrize(("styles", "number"), [("}", 1), (" p {}", 5)])
def test_styles_of_the_operator_are_not_compared(record: Record, styles: str, number: int) -> None:
    """Only their length is stated."""
    observations = check_page(bundle(record, whole_page(record, surround(record, between=styles))))

    assert failing(observations) == {}
    of_the_operator = f"{KNOWN_TO_PYTEST}, and {number} characters of styles that the operator named"
    assert observed_subjects(observations, "not compared") == [("not compared", "named", of_the_operator)]


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
    """It has the local time of its machine, whose zone is not known."""
    record = replace(record, finished=finished)

    observations = check_page(bundle(record, whole_page(record, surround(record, date=date, time=time))))

    expected = f"within a day of {finished}"
    assert observed_subjects(observations, "date") == [("date", expected, expected if holds else f"{date} {time}")]


CAPTURED = f"{' Captured stdout call ':-^80}\nseven"


@pytest.mark.parametrize(
    ("row", "holds"),
    sampled(
        [
            *(
                (row_of_test(result, log="wrong"), True)
                for result in ("Skipped", "XFailed", "XPassed", "Rerun", "Retried")
            ),
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
        0,
        5,
        7,
        14,
        21,
    ),
)
def test_table_of_tests_has_plain_words(record: Record, row: dict[str, Any], *, holds: bool) -> None:
    """It has an outcome, a name and a time, and no failure after an acceptance."""
    observations = check_page(bundle(record, whole_page(record, surround(record, row))))

    assert failing(observations) == ({} if holds else {"tests": (PLAIN, row["testId"])})


def test_refused_run_may_have_failed_tests(record: Record) -> None:
    """Their texts are plain all the same."""
    record = replace(record, exit_code=1, verdict="refused")
    rows = [row_of_test("Failed", log="wrong"), row_of_test("Error", log="wrong")]
    other = [row_of_test("Approved", test) for test in ("a", "b", "a")]

    right = check_page(bundle(record, whole_page(record, surround(record, *rows))))
    wrong = check_page(bundle(record, whole_page(record, surround(record, *rows, *other))))

    assert observed_subjects(right, "tests") == [("tests", "plain words", "plain words")]
    assert observed_subjects(wrong, "tests") == [("tests", "plain words", "a; b")]


def script(text: str) -> str:
    """Return what is observed of a foreign script."""
    return f"script sha256-{script_digest(text)}"


@pytest.mark.parametrize(
    ("old", "new", "observed"),
    [
        ("</body>", "<script>go()</script></body>", f"{script('go()')}; 3 scripts"),
        ("<main>", '<main onclick="go()"><img src="x.png"><img src="x.png">', "<main onclick=go()>; <img src=x.png>"),
        ("</body>", f"{'<p onclick=go()>' * 2}<i onload={'x' * 60}>" * 9 + "</body>", None),
    ],
)
def test_active_content_is_named_once(record: Record, old: str, new: str, observed: str | None) -> None:
    """The text of the observation stays bounded."""
    text = whole_page(record).replace(old, new, 1)

    ((_, expected, told),) = observed_subjects(check_page(bundle(record, text)), "scripts")

    assert expected == SCRIPT
    assert told == (observed or f"<p onclick=go()>; <i onload={'x' * 60}>")


def test_list_of_foreign_elements_is_cut(record: Record) -> None:
    """A page may have any number of them."""
    handlers = "".join(f"<p onload{number}=go()>" for number in range(99))
    text = whole_page(record).replace("</body>", handlers, 1)

    ((_, _, told),) = observed_subjects(check_page(bundle(record, text)), "scripts")

    assert len(told) == 300


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("<p>Fine.</p>", []),
        ("<script>go()</script>", [("content policy", GUARD, "it does not begin with it")]),
        ("<HTML>", [("content policy", GUARD, "it does not begin with it")]),
    ],
)
def test_page_with_a_script_begins_with_a_policy(
    record: Record, text: str, observed: list[tuple[str, str, str]]
) -> None:
    """This holds for a page of another release as well."""
    assert observed_subjects(check_page(bundle(older(record), text)), "content policy") == observed


def older(record: Record) -> Record:
    """Return the record of a run that another release made."""
    return replace(record, versions=record.versions | {"sqlite-consolidate": "0.0.1"})


def test_page_of_another_release_has_verdict_run_and_counts(record: Record) -> None:
    """How that release drew the rest is not known."""
    record = older(record)
    counts = "51 passed, 0 failed, 0 not examined, 2 not required"
    number = sum(outcome is Outcome.PASSED for outcome in {e.criterion: e.outcome for e in record.criteria}.values())
    counts = counts.replace("51", str(number))

    observations = check_page(bundle(record, whole_page(record).replace("<h1 id", "<h1 hidden id")))

    assert failing(observations) == {}
    assert observed_subjects(observations, "verdict", "run", "counts", "environment") == [
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
            page_one(
                "Refused",
                (7, "criteria", "shown"),
                (3, "rows", "gone"),
                (1, "criteria", "failed"),
                (1, "criterion", "passed"),
            ),
            {"verdict": "Refused", "run": "not named", "counts": "7 shown, 1 failed, 1 passed"},
        ),
    ],
)
def test_contradiction_in_a_page_of_another_release_is_found(record: Record, text: str, failed: dict[str, str]) -> None:
    """Each of the three is shown as the page has it."""
    observations = check_page(bundle(older(record), text))

    assert {subject: observed for subject, (_, observed) in failing(observations).items()} == failed


def test_page_of_the_first_schema_counts_in_its_words(record: Record) -> None:
    """That schema did not know the fourth outcome."""
    counted = (1, "criteria", "shown"), (0, "criteria", "failed"), (1, "criteria", "not shown")
    text = page_one("Accepted", *counted) + record.run
    criteria = (records.passed("a", "a"), records.not_examined("b", "why"))

    observations = check_page(bundle(replace(older(record), criteria=criteria), text, schema=1))

    counts = "1 shown, 0 failed, 1 not shown"
    assert observed_subjects(observations, "counts") == [("counts", counts, counts)]
    assert failing(observations) == {}


def test_record_is_completed_from_the_other_files(record: Record) -> None:
    """By the plan, the diff and the log of SQL."""
    record = replace(record, sources=(*record.sources, replace(record.sources[0], name="other")), diff="", sql=())
    files = {"code.diff": b"+\xff", "sql.log": b"BEGIN;\nSELECT 1;\n"}
    plan = Plan.model_validate(PLAN)

    whole = complete_record(bundle(record, files=files, plan=plan), record)

    assert [source.about for source in whole.sources] == [{"risk": "high", "reason": "why"}, record.sources[0].about]
    assert whole.asked == {"smoke:WMS CLI": "It\\x07 works"}
    assert whole.limits == limits(plan, record.mode)
    assert (whole.diff, whole.sql) == ("+\udcff", ("BEGIN;", "SELECT 1;"))


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"mode": Mode.INVENTORY}, ()),
        ({"plan": {"sha256": ""}}, ()),
        ({"mode": Mode.BUNDLE, "plan": {"sha256": ""}}, (DIGEST_LIMITS,)),
    ],
)
def test_record_without_a_plan_is_completed_without_it(
    record: Record, facts: dict[str, Any], shown: tuple[str, ...]
) -> None:
    """The plan in the bundle of an inventory is the one that it proposes."""
    whole = complete_record(bundle(record, plan=Plan.model_validate(PLAN)), replace(record, **facts))

    assert [source.about for source in whole.sources] == [source.about for source in record.sources]
    assert (whole.asked, whole.limits, whole.diff, whole.sql) == ({}, shown, "", ())
