"""Hold the sentences of the report, each beside what makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.html.charts import bars, flow, timeline
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


def _described(chart: bars.Chart | flow.Flow | timeline.Timeline | None) -> str:
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
        (
            "The stages took 5.00 s in all. The longest was 10-preflight. The plan estimated 1 h 5 min.",
            lambda: _described(timeline.build_timeline(records.accepted())),
        ),
        (
            "workspace.db had 62 rows in 1 table before, and has 152 rows in 3 tables after.",
            lambda: _described(bars.rows_chart(records.accepted())),
        ),
        (
            "2 databases had 492.0 KiB before; the target has 452.0 KiB after.",
            lambda: _described(bars.sizes_chart(records.accepted())),
        ),
        ("The plan states that A. Prover approved the change", _approved),
        ("no plan: a consolidation needs at least two databases", lambda: list(terminal_lines(_EMPTY))[-1]),
    ],
)
def test_report_has_this_sentence(sentence: str, make: Callable[[], str]) -> None:
    """A better sentence changes one line here."""
    assert make() == sentence


def test_inventory_ends_with_the_reasons_against_its_plan() -> None:
    """Five of them are named and the others counted, or the reason why no rehearsal was made."""
    inventory = _EMPTY | {"plan": "p.toml", "objections": [f"criterion t{number}" for number in range(7)]}
    large = _EMPTY | {"plan": "p.toml", "unrehearsed": "not rehearsed, because the databases have 900 MB."}

    assert list(terminal_lines(inventory))[-7:] == [
        "the plan would be refused as it is:",
        *(f"    criterion t{number}" for number in range(5)),
        '    and 2 more (look for "# decide:")',
    ]
    assert list(terminal_lines(large))[-1] == "the plan was not rehearsed, because the databases have 900 MB."


def test_limits_name_what_was_not_examined() -> None:
    """Each part that the plan leaves out has a sentence with the reason."""
    assert limits(Plan.model_validate(_PLAN)) == (
        "No application was run, because the plan names no [[smoke]].",
        "References to old databases were not searched for, because the plan names no [scan] paths.",
        "No log was watched for new errors, because the plan names no [logs] files.",
        "No SQL dump was made, because the plan states dump = false.",
        "old: the number of rows was not compared with the plan, because it states none for tasks.",
    )


def test_every_ending_has_a_word_of_its_own() -> None:
    """A reader, and the check of a bundle, tell endings apart by it."""
    words = [ending.word for ending in Ending]

    assert len(set(words)) == len(words)
    assert not [ending for ending in Ending if ending.word in ending.earlier]
