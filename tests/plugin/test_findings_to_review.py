"""Specify which findings the last lines of a run have."""

from __future__ import annotations

from sqlite_consolidate.findings import Finding
from sqlite_consolidate.pytest_plugin.output.summary import findings_to_review


def test_further_finding_has_only_its_first_sentence() -> None:
    """The advice follows the first of each kind."""
    ids = ["constraint-lost", "view-left", "view-left"]
    findings = [Finding.of(id, "a.db", "has v1.0 of it. Run `x`.") for id in ids]

    lines = list(findings_to_review(findings))

    assert [line.count("has v1.0 of it.") for line in lines] == [1, 1, 1]
    assert [line.count("Run `x`.") for line in lines] == [1, 1, 0]
