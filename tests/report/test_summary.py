"""Write the summary for a ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.evidence import Finding
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.questions import counts
from sqlite_consolidate.report.summary import criteria_line, summary
from tests.support.reports import records

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record


def test_summary_has_verdict_counts_and_rollback_command(accepted: Record) -> None:
    """A ticket needs these."""
    text = summary(accepted, "ab" * 32)

    assert text.startswith("sqlite-consolidate: ACCEPTED")
    for expected in (
        "CHG-1042",
        "approved by —, run by operator on db-host",
        "2026-11-22 12:06:03 UTC to 2026-11-22 12:06:09 UTC, took about 6 s, estimated 1 h 5 min",
        "62 rows before, 152 after",
        f"Criteria:  {len(records.IDS) - 2} passed, 0 failed, 0 not examined, 2 not required\n",
        "Backups:   backups/db-consolidation-20261122_120603",
        "Rollback:  pytest -m rollback --workspace /srv/workspace  (rehearsed 2026-11-21 09:00:00 UTC)",
    ):
        assert expected in text, expected


@pytest.mark.parametrize(("seconds", "took"), [(0, "less than 1 s"), (9, "about 9 s"), (75, "1 min 15 s")])
def test_time_is_as_exact_as_the_clocks(accepted: Record, seconds: int, took: str) -> None:
    """Start and end are whole seconds, in the summary and on the page."""
    finished = datetime.fromisoformat(accepted.started) + timedelta(seconds=seconds)
    record = replace(accepted, finished=finished.isoformat())

    assert f"took {took}, " in summary(record, "ab" * 32)
    assert took in render_page(record)


def test_refusal_names_failed_and_unexamined_criteria(refused: Record) -> None:
    """The first failures are named with expected and observed."""
    text = summary(refused, "ab" * 32)

    assert text.startswith("sqlite-consolidate: FAILED AND ROLLED BACK")
    assert "FAILED rows-exact: task_queue:tasks: expected 85 rows, observed 84 rows, 1 missing" in text
    assert "NOT EXAMINED: rows-chosen, keys-mapped, references-kept, no-duplicates" in text
    assert text.count("FAILED rows-exact") == 1


def test_a_summary_is_never_longer_than_twenty_lines(refused: Record) -> None:
    """However much failed, was found, or is long."""
    failures = tuple(records.failed("rows-exact", f"t{n}\n" * 99, "1\n2", "3\n4") for n in range(500))
    much = replace(refused, criteria=failures, findings=(records.finding("a\nb"),) * 500, headline="x\n" * 500)

    text = summary(much, "ab" * 32)

    assert len(text.splitlines()) <= 20
    assert "and 497 more failures" in text
    assert "and 499 more" in text


def test_first_finding_is_one_that_asks_for_a_decision(accepted: Record) -> None:
    """A note does not hide it."""
    error = Finding("stage-error", "attention", "", 1, "20-backup: no room")

    text = summary(replace(accepted, findings=(records.finding("a view was left"), error)), "ab" * 32)

    assert "To review: 20-backup: no room\nNotes:     a view was left\n" in text


def test_kinds_of_findings_are_counted_where_one_is_named(accepted: Record) -> None:
    """Many findings of one kind do not hide another kind, and twenty lines are enough."""
    triggers = tuple(Finding("trigger-left", "attention", f"t{number}", 1, "stays") for number in range(40))
    view = Finding("view-left", "attention", "v", 1, "stays")

    text = summary(replace(accepted, findings=(*triggers, view)), "ab" * 32)

    assert "To review: t0: stays (and 40 more)\n           40 trigger-left, 1 view-left\n" in text


def test_a_criterion_counts_once_by_its_worst_subject(accepted: Record) -> None:
    """However many subjects it has."""
    entries = (
        records.passed("rows-exact", "a"),
        records.failed("rows-exact", "b", "1", "2"),
        records.not_required("final-digest", "no trigger"),
        records.passed("final-digest", "c"),
        records.not_examined("integrity", "requires rows-exact, which did not pass"),
        records.passed("integrity", "target"),
    )

    line = criteria_line(counts(replace(accepted, criteria=entries)))

    assert line == "Criteria:  1 passed, 1 failed, 1 not examined, 0 not required"


def test_hostile_texts_are_printable(hostile: Record) -> None:
    """A terminal does not obey a pasted text."""
    text = summary(hostile, "ab" * 32)

    assert len(text.splitlines()) <= 20
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode("utf-8")
