"""Specify how findings are merged and listed.

The page docs/findings.md explains each kind.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import (
    is_amount,
    is_certain_amount,
    is_person,
    is_role,
    may_mean_own_table,
)
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import RunLog
from sqlite_consolidate.findings import LEVELS, Finding, list_findings, merge_findings
from tests.support.sources import MODULES, ROOT, nodes_of

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (ROOT / "docs" / "findings.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| (\S+) \|", PAGE, re.MULTILINE)


def left(subject: str, rows: int, reason: str = "old") -> Finding:
    """Return the finding for rows that are not moved."""
    return Finding.of("rows-left", subject, f"left behind: {reason}.", count=rows, noun="row")


def test_page_explains_each_kind_once() -> None:
    """The rows are in the order of the ids, with the level of each kind.

    Evidence of schema 1 has one more kind.
    """
    assert sorted({**LEVELS, "finding": "note"}.items()) == ROWS


def test_each_kind_is_made_somewhere() -> None:
    """No row explains a kind that no run produces.

    No module makes a finding of an unlisted kind.
    """
    texts = [
        {node.value for node in nodes_of(path) if isinstance(node, ast.Constant)}
        for path in MODULES
        if path.name != "findings.py"
    ]
    made = [
        path.name
        for path in MODULES
        if "sqlite_consolidate.findings import" in path.read_text("utf-8")
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
    ]

    assert {id for id in LEVELS if not any(id in names for names in texts)} == {"stage-error"}
    assert made == []


def test_unknown_kind_is_an_error() -> None:
    """A finding needs a kind with a level and a row on the page."""
    with pytest.raises(KeyError):
        Finding.of("something", "a.db", "it is so.")


def test_same_text_about_many_subjects_is_one_finding() -> None:
    """The count is the sum, and the list of names is cut."""
    [finding] = merge_findings(left(f"{number}.db:t", 2) for number in range(20))

    assert (finding.id, finding.level, finding.subject, finding.count) == ("rows-left", "note", "", 40)
    assert finding.text == "0.db:t, 1.db:t, 2.db:t and 17 more: 40 rows left behind: old."


def test_merged_text_begins_with_its_subjects() -> None:
    """It reads as the sentence of a finding about one subject."""
    [finding] = merge_findings(Finding.of("database-open", subject, "is open") for subject in ("a.db", "b.db"))

    assert finding.text == "a.db, b.db: is open"


def test_finding_counts_its_subject_once() -> None:
    """A finding without a number is about one thing."""
    assert Finding.of("view-left", "a.db", "left behind: old.").count == 1


def test_repeated_subject_is_counted_and_named_once() -> None:
    """The text contains the count, so that no noun is left."""
    [finding] = merge_findings([left("a.db:t", 1), left("a.db:t", 3)])

    assert (finding.subject, finding.count, finding.noun) == ("a.db:t", 4, "")
    assert finding.text == "4 rows left behind: old."


def test_other_text_or_kind_is_another_finding() -> None:
    """Only findings of the same text and kind are merged."""
    findings = merge_findings(
        [left("a.db:t", 1), left("b.db:t", 3, "new"), Finding.of("view-left", "a.db", "left behind: old.")]
    )

    assert [(finding.id, finding.subject, finding.text) for finding in findings] == [
        ("view-left", "a.db", "left behind: old."),
        ("rows-left", "a.db:t", "1 row left behind: old."),
        ("rows-left", "b.db:t", "3 rows left behind: new."),
    ]


def test_findings_of_several_numbers_stay_apart() -> None:
    """Their text states numbers of one table, which would be wrong for two."""
    text = "2 rows were not moved: 1 is identical, 1 differs."
    findings = [Finding.of("rows-not-moved", subject, text, count=2) for subject in ("a.db:t", "b.db:t")]

    assert merge_findings(findings) == tuple(findings)


def test_merged_finding_lists_the_columns_of_a_subject() -> None:
    """Another subject has a list of its own, and a long list is cut."""
    findings = [
        replace(Finding.of("numbers-kept", subject, "stays:", noun="column"), item=f"{subject}.c{number}")
        for subject, columns in (("a", 40), ("b", 2))
        for number in range(columns)
    ]

    first, second = merge_findings(findings)

    assert (first.subject, first.count, second.count, second.item) == ("a", 40, 2, "")
    assert [f"a.c{number}" in first.text for number in (29, 30)] == [True, False]
    assert re.findall(r"\w\.c\d+", second.text) == ["b.c0", "b.c1"]


def test_joined_findings_stay_as_they_are() -> None:
    """Merging merged findings changes nothing."""
    once = merge_findings([left("a.db:t", 1), left("b.db:t", 3), Finding.of("view-left", "a.db", "view v stays.")])

    assert merge_findings(once) == once


def test_first_of_each_kind_leads_a_list() -> None:
    """Many findings of one kind do not hide the others.

    The first one states how many are not shown. Notes are a separate list.
    """
    triggers = [Finding.of("trigger-left", f"{number}.db:t", "stays.") for number in range(40)]
    view = Finding.of("view-left", "a.db", "view v stays.")

    findings = [*triggers, view, left("a.db:t", 1)]
    items = list_findings(findings, "attention", 3)

    assert [(item.finding.subject, item.alike) for item in items] == [("0.db:t", 38), ("a.db", 0), ("1.db:t", 0)]
    assert [item.alike for item in list_findings(findings, "attention", 0)] == [39, 0]


def test_whole_list_counts_no_further_findings() -> None:
    """All of a kind follow the first of them."""
    triggers = [Finding.of("trigger-left", f"{number}.db:t", "stays.") for number in range(3)]

    for most in (None, 3):
        items = list_findings(triggers, "attention", most)
        assert [(item.finding, item.alike) for item in items] == [(each, 0) for each in triggers]


def test_log_gives_attention_first() -> None:
    """Earlier notes do not hide a lost constraint."""
    log = RunLog(Mode.MIGRATE)
    log.note(*(left(f"{number}.db:t", 2, str(number)) for number in range(60)))
    log.note(Finding.of("not-null-lost", "a.db:t", "1 column is NOT NULL in the source."))

    assert [finding.level for finding in log.findings] == ["attention", *["note"] * 60]


def test_list_begins_with_what_may_be_wrong() -> None:
    """What this process cannot see comes last, although it was noted first."""
    ids = ("processes-unexamined", "file-unnamed", "id-unfollowed", "processes-elsewhere", "view-shared")
    findings = [
        Finding.of(each, subject, "it is so.") for subject in "abc" for each in ids[: 5 if subject < "b" else 3]
    ]

    items = list_findings(findings, "attention", 6)

    assert [(item.finding.id, item.alike) for item in items] == [
        (ids[2], 1),
        (ids[4], 0),
        (ids[2], 0),
        (ids[1], 2),
        (ids[0], 2),
        (ids[3], 0),
    ]


def test_page_states_each_rule_in_a_short_line() -> None:
    """A cell with many rules is not read."""
    lines = PAGE.splitlines()
    cells = [cell for line in lines if line.startswith("| ") for cell in line.split(" | ")]
    rules = [line for line in lines if line.startswith("- ")]

    assert [cell for cell in cells if len(cell) > 900] == []
    assert [rule for rule in rules if len(rule) > 400] == []
    assert len(rules) > 30


@pytest.mark.parametrize(
    ("kind", "is_named_so"),
    [
        ("a relation", is_role),
        ("a person", is_person),
        ("a row of the same table", may_mean_own_table),
        ("an amount, for `id-unfollowed`", is_amount),
        ("an amount, for `numbers-kept`", is_certain_amount),
    ],
)
def test_page_names_columns_as_the_code_does(kind: str, is_named_so: Callable[[str], bool]) -> None:
    """Its examples are names of that kind, or none of it."""
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {kind} |")]
    examples, others = (re.findall(r"`(\w+)`", cell) for cell in line.split(" | ")[1:])

    assert examples
    assert [name for name in (*examples, *others) if is_named_so(name)] == examples
