"""The summary to paste into a ticket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.audit.evidence import Evidence
from migration.audit.summary import summary

if TYPE_CHECKING:
    from migration.audit.evidence import Record


def test_a_summary_has_the_verdict_the_counts_and_the_way_back(accepted: Record) -> None:
    """What a ticket needs is there."""
    text = summary(accepted, "ab" * 32)

    assert text.startswith("sqlite-consolidate: ACCEPTED")
    for expected in (
        "CHG-1042",
        "approved by —, run by operator on db-host",
        "2026-11-22 12:06:03 UTC to 2026-11-22 12:06:09 UTC, took 6.00 s, estimated 1 h 5 min",
        "62 rows before, 152 after",
        "0 failed, 0 not shown",
        "Backups:   backups/db-consolidation-20261122_120603",
        "Rollback:  pytest -m rollback --workspace /srv/workspace  (drilled 2026-11-21 09:00:00 UTC)",
    ):
        assert expected in text, expected


def test_a_refusal_names_what_failed_and_what_was_not_shown(refused: Record) -> None:
    """The first failures are named, with what was expected and seen."""
    text = summary(refused, "ab" * 32)

    assert text.startswith("sqlite-consolidate: REFUSED")
    assert "FAILED rows-exact: task_queue:tasks: expected 85 rows, observed 84 rows, 1 missing" in text
    assert "NOT SHOWN: no-duplicates, foreign-keys" in text


def test_a_summary_is_never_longer_than_twenty_lines(refused: Record) -> None:
    """However much failed, was found, or is long."""
    failures = tuple(Evidence("rows-exact", f"t{n}\n" * 99, "1\n2", "3\n4", holds=False) for n in range(500))
    much = replace(refused, criteria=failures, findings=("a\nb",) * 500, headline="x\n" * 500)

    text = summary(much, "ab" * 32)

    assert len(text.splitlines()) <= 20
    assert "and 497 more failures" in text
    assert "and 499 more" in text


def test_hostile_texts_are_printable(hostile: Record) -> None:
    """Pasting or printing it obeys nobody."""
    text = summary(hostile, "ab" * 32)

    assert len(text.splitlines()) <= 20
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode("utf-8")
