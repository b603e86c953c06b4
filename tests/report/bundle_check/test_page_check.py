"""Find every difference between a page and the other files of its bundle."""

from __future__ import annotations

import locale
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.bundle_check.pytest_files import page
from sqlite_consolidate.report.bundle_check.pytest_files.page import check_page, complete_record
from sqlite_consolidate.report.bundle_check.pytest_files.page_reader import OUTSIDE, PageReader
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.html.page_file import environment, title
from tests.support.reports.pages import (
    GUARD,
    KNOWN_TO_PYTEST,
    PLAIN,
    SCRIPT,
    bundle,
    failing,
    observed_subjects,
    whole_page,
)
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record


def test_page_of_its_own_bundle_passes(record: Record) -> None:
    """Each part of it is named, and so is what no other file confirms."""
    observations = check_page(bundle(record, whole_page(record)))

    assert failing(observations) == {}
    subjects = [observation.subject.removeprefix("audit.html: ") for observation in observations]
    assert subjects[:3] == ["outside of the record", "outside of its sections", "verdict"]
    data = str(["environment", "initialSort", "renderCollapsed", "tests", "title"])
    date = f"within a day of {record.finished}"
    styles = "those of pytest-html first, that of the record last"
    assert [
        (observation.subject, observation.expected, observation.observed)
        for observation in observations[subjects.index("environment") :]
    ] == [
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


def test_unchanged_section_states_its_number_of_parts(record: Record) -> None:
    """So does the order of all sections."""
    observations = check_page(bundle(record, whole_page(record)))

    ((_, expected, observed),) = observed_subjects(observations, "order of its sections")
    number = len(
        {observation.subject for observation in observations if observation.subject.startswith("audit.html: ")}
    )
    assert expected == observed
    assert expected.endswith(" parts as in the other files")
    assert int(expected.split()[0]) > number / 2


def test_bundle_without_page_or_record_has_nothing_to_compare(record: Record) -> None:
    """With ``--html`` the page may be elsewhere."""
    assert check_page(bundle(None, whole_page(record))) == []
    assert check_page(bundle(record)) == []


@pytest.mark.parametrize(
    ("text", "subject"),
    [("<div>" * 200_001, "beginnings of elements"), ("<!--" * 3, "end"), ("<p>one</p><b a='", "end")],
    ids=["long", "comments", "cut"],
)
def test_page_that_no_run_writes_is_not_read(record: Record, text: str, subject: str) -> None:
    """Reading it could take hours."""
    (observation,) = check_page(bundle(record, text))

    assert observation.subject == f"audit.html: {subject}"
    assert not observation.holds


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_page_has_at_most_twice_the_elements(
    record: Record, monkeypatch: pytest.MonkeyPatch, more: int, *, is_read: bool
) -> None:
    """A large record has a large page, so that its own page is always read."""
    monkeypatch.setattr(page, "_MANY_ELEMENTS", 1)
    elements = 2 * render_page(record).count("<") + more

    observations = check_page(bundle(record, "<p>" * elements))

    assert bool(observed_subjects(observations, "beginnings of elements")) is not is_read


def test_comment_without_end_is_a_text() -> None:
    """What follows it is read, and so is what a browser takes for a comment of its own."""
    reader = PageReader("<p>a<!--b><script>c</script><![CDATA[d><!--e>f")

    assert reader.sections[OUTSIDE] == [
        *("<p>", "a", "&lt;!--b&gt;", "<script>", "c", "</script>", "&lt;![CDATA[d&gt;", "&lt;!--e&gt;", "f")
    ]
    assert reader.scripts == ["c"]


def test_page_is_compared_alike_in_every_locale(record: Record) -> None:
    """Its styles have letters beyond those of the locale C."""
    text = whole_page(record)
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        observations = check_page(bundle(record, text))
    finally:
        locale.setlocale(locale.LC_CTYPE, before)

    assert failing(observations) == {}


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        (">Accepted<", ">Refused<", {"verdict": ("Accepted", "Refused")}),
        ("</html>", "</html>Fine.", {"outside of the record": ("nothing", "Fine.")}),
        (
            '<section aria-labelledby="people"',
            '<section aria-labelledby="more"></section><section aria-labelledby="people"',
            {
                "more": ("nothing", '<section aria-labelledby="more">'),
                "order of its sections": ("people", "more"),
            },
        ),
        *thorough(
            (">Accepted<", ">Accepted at last<", {"verdict": ("Accepted", "Accepted at last")}),
            ("<h1 id", "<h1 hidden id", {"outside of the record": ('<h1 id="title">', '<h1 hidden id="title">')}),
            ("</html>", "", {"outside of the record": ("</html>", "nothing")}),
        ),
    ],
)
def test_changed_part_is_shown_with_its_text(
    record: Record, old: str, new: str, failed: dict[str, tuple[str, str]]
) -> None:
    """It is the first difference of its section."""
    text = whole_page(record)
    assert old in text

    assert failing(check_page(bundle(record, text.replace(old, new, 1)))) == failed


def test_difference_in_a_long_text_has_its_context(record: Record) -> None:
    """The context is sixty characters before it, and three hundred in all."""
    record = replace(record, put_back=f"{'x' * 100}A{'y' * 400}")
    text = whole_page(record).replace("xA", "x\x07", 1)

    near = "x" * 60, "y" * 239
    assert failing(check_page(bundle(record, text)))["run"] == ("A".join(near), "\\x07".join(near))


def test_difference_in_an_unprintable_character_is_found(record: Record) -> None:
    """A page has the escape of a character that is not printable."""
    record = replace(record, put_back="bell \x07")
    text = whole_page(record)
    assert "bell \\x07" in text

    failed = failing(check_page(bundle(record, text.replace("bell \\x07", "bell \x07"))))

    assert failed["run"] == ("bell \\x07", "bell \\x07")


@pytest.mark.parametrize(
    ("end", "policy"), [("", []), ("<HTML>", [("content policy", GUARD, "it does not begin with it")])]
)
def test_page_of_the_record_alone_has_its_sections(
    record: Record, end: str, policy: list[tuple[str, str, str]]
) -> None:
    """It is no file of pytest-html then, in whatever case that is written."""
    text = render_page(complete_record(bundle(record), record)) + end

    observations = check_page(bundle(record, text))

    expected = "the page of pytest-html, written when its run was over"
    assert failing(observations).get("outside of the record") == ((expected, "another page") if end else None)
    assert observed_subjects(observations, "content policy", "environment") == policy
    assert bool(observed_subjects(observations, "verdict")) is not bool(end)


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ("<h1 id", "<h1 hidden id", []),
        (">Accepted<", ">Refused<", ["verdict"]),
        *thorough(
            ("</section>", "</section><p>Fine.</p>", []),
            (
                '<section aria-labelledby="people"',
                '<section aria-labelledby="more"></section><section',
                ["more", "order"],
            ),
        ),
    ],
)
def test_page_of_another_pytest_html_is_compared_in_part(record: Record, old: str, new: str, failed: list[str]) -> None:
    """What that release of pytest-html writes is not known."""
    record = replace(record, versions=record.versions | {"pytest-html": "0.1"})
    text = whole_page(record)
    assert old in text

    observations = check_page(bundle(record, text.replace(old, new, 1)))

    assert [subject for subject in ("verdict", "more") if subject in failing(observations)] == failed[:1]
    assert ("order of its sections" in failing(observations)) is ("order" in failed)
    not_here = "what pytest-html 0.1 writes, which is not here"
    assert observed_subjects(observations, "not compared", "environment") == [("not compared", "named", not_here)]
