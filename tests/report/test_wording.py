"""Hold the sentences of the report, each beside what makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.html import flow
from sqlite_consolidate.report.html.inventory import terminal_lines
from sqlite_consolidate.report.records import limits
from sqlite_consolidate.report.statements.checklist import checklist
from sqlite_consolidate.report.statements.endings import Ending
from tests.support.reports import records

if TYPE_CHECKING:
    from collections.abc import Callable

_EMPTY: dict[str, object] = {
    "databases": [], "overlaps": [], "duplicates": [], "passed_over": [], "plan": "", "decisions": 0,
}  # fmt: skip
_PLAN: dict[str, object] = {
    "format": 1,
    "name": "small",
    "target": "main.db",
    "dump": False,
    "source": [{"name": "old", "file": "old.db", "table": [{"name": "tasks"}]}],
}


def _described(chart: flow.Flow | None) -> str:
    assert chart
    return chart.description


def _approved() -> str:
    change = records.accepted().change | {"approved_by": "A. Prover"}
    phases = checklist(replace(records.accepted(), change=change))
    return next(step.question for phase in phases for step in phase.steps if "A. Prover" in step.question)


@pytest.mark.parametrize(
    ("sentence", "make"),
    [
        (
            "90 rows of 2 tables in 1 database into workspace.db.",
            lambda: _described(flow.build_flow(records.accepted())),
        ),
        ("Approved by A. Prover, as the plan states; nothing verifies it", _approved),
        ("no plan: it was not written", lambda: list(terminal_lines(_EMPTY))[-1]),
    ],
)
def test_report_has_this_sentence(sentence: str, make: Callable[[], str]) -> None:
    """A better sentence changes one line here."""
    assert make() == sentence


def test_inventory_ends_with_the_reasons_against_its_plan() -> None:
    """Five of them are named and the others counted, or the reason why no rehearsal was made."""
    plan = _EMPTY | {"plan": "p.toml", "written": ["p.toml"], "untried": ["2 references"]}
    inventory = plan | {"objections": [f"criterion t{number}" for number in range(7)]}
    large = plan | {"unrehearsed": "not rehearsed, because the databases have 900 MB."}

    assert list(terminal_lines(inventory))[-7:] == [
        "the plan would be refused as it is:",
        *(f"    criterion t{number}" for number in range(5)),
        '    and 2 more (look for "# decide:")',
    ]
    assert list(terminal_lines(large))[-1] == "the plan was not rehearsed, because the databases have 900 MB."
    assert list(terminal_lines(plan))[-2:] == [
        "written: p.toml",
        "this plan passes as it stands (rehearsed on copies up to COMMIT; not tried yet: 2 references)",
    ]


@pytest.mark.parametrize(
    ("decisions", "kinds", "left"),
    [
        (2, [], "2 decisions"),
        (0, ["table-absent"], "findings to review (table-absent)"),
        (1, ["table-absent", "version-left"], "1 decision and findings to review (table-absent, version-left)"),
    ],
)
def test_inventory_ends_with_what_is_left_to_a_person(decisions: int, kinds: list[str], left: str) -> None:
    """A plan passes as it stands only if nothing is left."""
    plan = _EMPTY | {"plan": "p.toml", "written": ["p.toml"], "untried": [], "decisions": decisions}

    assert list(terminal_lines(plan | {"to_review": kinds}))[-1] == (
        f"this plan passes its rehearsal (on copies up to COMMIT), and leaves to you {left}"
    )


@pytest.mark.parametrize(("kind", "is_named"), [("unreadable", True), ("encrypted", True), ("no database", False)])
def test_passing_plan_names_databases_left_unread(kind: str, *, is_named: bool) -> None:
    """The plan does not have the rows of these files."""
    file = {"file": "south.db", "kind": kind, "role": "not read", "part": "", "why": "", "tables": {}, "size": 9}
    file |= {"features": [], "changed": "", "mentions": [], "open_in": []}
    plan = _EMPTY | {"plan": "p.toml", "written": ["p.toml"], "untried": [], "databases": [file]}

    last = list(terminal_lines(plan))[-1]

    assert last.startswith("this plan passes as it stands")
    assert ("south.db" in last) == is_named


def test_limits_name_what_was_not_examined() -> None:
    """Each part that the plan leaves out has a sentence with the reason."""
    assert limits(Plan.model_validate(_PLAN), Mode.MIGRATE) == (
        "Databases that the plan does not name were not examined.",
        "No application was run, because the plan has no smoke test ([[smoke]]).",
        "References to old databases were not searched for, because the plan names no [scan] paths.",
        "No log was watched for new errors, because the plan names no [logs] files.",
        "No SQL dump was made, because the plan states dump = false.",
        "old: the plan states no number of rows for tasks, so the run did not compare it.",
    )


def test_limits_of_a_check_name_no_migration_step() -> None:
    """It makes no dump, compares no count with the plan, and watches no log."""
    stated = limits(Plan.model_validate(_PLAN), Mode.CHECK)

    assert [text for text in stated if "dump" in text or "number of rows" in text] == []
    assert [text for text in stated if "log" in text] == [
        "No log was watched for new errors, because only a migration and its rehearsal do that."
    ]


def test_every_ending_has_a_word_of_its_own() -> None:
    """A reader, and the check of a bundle, tell endings apart by it."""
    words = [ending.word for ending in Ending]

    assert len(set(words)) == len(words)
    assert not [ending for ending in Ending if ending.word in ending.earlier]
