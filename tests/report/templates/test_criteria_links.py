"""Link to the criteria of a report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.report.html.criteria_table import criteria_lines
from tests.support.reports import records

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record


def test_link_to_a_criterion_depends_on_its_id(accepted: Record) -> None:
    """It is the same in every report, and two smoke tests of similar names are apart."""
    entries = tuple(records.passed(id, "x") for id in ("smoke:A b", "smoke:a-b", "rows-exact"))
    anchors = [
        {line.criterion: line.anchor for line in criteria_lines(replace(accepted, criteria=each)) if line.anchor}
        for each in (entries, entries[::-1])
    ]

    assert anchors[0] == anchors[1]
    assert anchors[0]["rows-exact"] == "criterion-rows-exact"
    assert len(set(anchors[0].values())) == 3
