"""Choose what page one shows beside its claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.run_log import ENDED_EARLY
from sqlite_consolidate.findings import STAGE_ERROR, list_findings
from sqlite_consolidate.observation import NO_PROBLEM, Outcome
from sqlite_consolidate.report.formatting import last_line
from sqlite_consolidate.report.html.criteria_table import Line
from sqlite_consolidate.report.questions import unexamined
from sqlite_consolidate.report.signing.plan_approval import approval_in
from sqlite_consolidate.report.statements.claim import Place
from sqlite_consolidate.report.statements.facts import rollback_command
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlite_consolidate.report.evidence import Record
    from sqlite_consolidate.report.statements.claim import Stated

_MOST_FINDINGS = 7  # a page of them is still read
_MOST_OBSTACLES = 7

_OF_PAGE_ONE = {
    "attention": Place.ATTENTION.value,
    "unchecked": "Not checked, and why",
}
"""Id and title of the sections of page one to which an answer can lead."""

SECTIONS = (
    ("pictures", "Rows from the sources to the target", "flow"),
    ("inventory", "Databases in the workspace", "inventory"),
    ("answers", "Success criteria, answered", "answers"),
    ("checklist", "Checklist", "phases"),
    ("signatures", "Signatures", "signed"),
    ("stages", "Stages", "stages"),
    ("criteria", "Criteria", "criteria"),
    ("comparison", "Since the last run", "comparison"),
    ("tables", "Tables and their copies", "tables"),
    ("derived", "Derived again", "derived"),
    ("differences", "Schema differences", "differences"),
    ("schema", "Schema of the target", "schema_diff"),
    ("smoke", "Applications", "smoke"),
    ("code", "Code that changed", "diff"),
    ("sql", "SQL that ran", "sql"),
    ("archive", "Archived databases", "archive"),
    ("notes", "Findings", "findings_below"),
    ("attempts", "Earlier runs", "attempts"),
    ("versions", "Versions", "record"),
    ("run", "The run", "record"),
)
"""Id and title of each section behind page one, and the value without which it is not shown."""


@dataclass(frozen=True)
class QuestionOnPage:
    """Hold a question with the claims that answer it, and links to what proves them.

    Attributes:
        proofs: Ids of criteria.
        sections: Ids of further sections, with their titles.
    """

    text: str
    claims: tuple[Stated, ...]
    proofs: tuple[str, ...]
    sections: tuple[tuple[str, str], ...]
    is_way_back: bool
    is_attention: bool


@dataclass(frozen=True)
class Obstacle:
    """Hold what failed of one subject, or what stopped a stage.

    Attributes:
        criterion: Its id; empty for what stopped a stage.
        subject: The subject; empty if the criterion names it.
        lines: The failed lines.
    """

    criterion: str
    subject: str
    lines: tuple[Line, ...]

    @property
    def todos(self) -> list[str]:
        """Return what to do, each once."""
        return list(dict.fromkeys(line.todo for line in self.lines if line.todo))


def questions(
    stated: Mapping[Place, list[Stated]], sections: Mapping[str, str], anchors: Mapping[str, str]
) -> list[QuestionOnPage]:
    """Return the questions that claims answer, in the order of page one."""
    titles = {**_OF_PAGE_ONE, **sections}
    return [
        QuestionOnPage(
            text=place.value,
            claims=tuple(claims),
            proofs=tuple(dict.fromkeys(id for each in claims for id in each.claim.proofs if id in anchors)),
            sections=tuple({id: titles[id] for each in claims if (id := each.claim.section) in titles}.items()),
            is_way_back=place is Place.BACK,
            is_attention=place is Place.ATTENTION,
        )
        for place, claims in stated.items()
        if place is not Place.VERDICT
    ]


def page_one_context(record: Record, urgent: list[Line], stated: Mapping[Place, list[Stated]]) -> dict[str, Any]:
    """Return what the template of page one shows beside questions.

    Args:
        record: The record, with the files of patterns summed up.
        urgent: The lines of criteria that do not hold.
        stated: The claims of page one.
    """
    obstacles = [*_stage_errors(record), *_failures(urgent)]
    findings = [finding for finding in record.findings if finding.id != STAGE_ERROR]
    review, kinds = list_findings(findings, "attention"), list_findings(findings, "attention", 0)
    shown = kinds[:_MOST_FINDINGS]
    groups = [replace(group, reason=_as_clause(group.reason)) for group in unexamined(record)]
    return {
        "verdict": stated[Place.VERDICT],
        "obstacles": obstacles[:_MOST_OBSTACLES],
        "further_obstacles": max(0, len(obstacles) - _MOST_OBSTACLES),
        "refused_at_once": record.exit_code == ExitCode.REFUSED,
        "review": shown,
        "further_review": len(kinds) - len(shown),
        "has_more_review": len(review) > len(shown),
        "all_review": review,
        "findings_below": len(review) > len(shown) or any(finding.level == "note" for finding in record.findings),
        "unexamined": groups,
        "open_groups": [group for group in groups if group.outcome is not Outcome.NOT_REQUIRED],
        "idle_groups": [group for group in groups if group.outcome is Outcome.NOT_REQUIRED],
        "limits": [*record.limits, *_untried(record)],
        "change": {field: value for field, value in record.change.items() if value},
        "approval": approval_in(record),
        "rollback_command": rollback_command(record),
    }


def _untried(record: Record) -> Iterator[str]:
    """Yield what the rehearsal of an inventory has left out."""
    inventory = record.extra.get("inventory") or {}
    if inventory.get("plan") and inventory.get("untried") and not inventory.get("unrehearsed"):
        parts = join_names(inventory["untried"])
        yield f"Not tried: {parts} of the plan, because an inventory rehearses it only up to COMMIT."


def _as_clause(reason: str) -> str:
    """Return the reason why a criterion was not examined, as the end of a sentence."""
    return reason.replace("not run: ", "not run, because ").replace(ENDED_EARLY, f"{ENDED_EARLY} this stage")


def _stage_errors(record: Record) -> list[Obstacle]:
    return [
        Obstacle("", "", (Line("", "", "", "", 0, "", NO_PROBLEM, finding.sentence, "", Outcome.FAILED),))
        for finding in record.findings
        if finding.id == STAGE_ERROR
    ]


def _failures(urgent: list[Line]) -> list[Obstacle]:
    """Return the failed lines, with those of one subject together.

    Smoke tests come last, because their failures are often symptoms of the others.
    """
    subjects: dict[tuple[str, str], list[Line]] = {}
    for line in urgent:
        if line.outcome is Outcome.FAILED:
            subjects.setdefault((line.criterion, line.subject), []).append(line)
    obstacles = [
        Obstacle(criterion, "", (_with_last_line(lines[0]),))
        if criterion.startswith(SMOKE)
        else Obstacle(criterion, subject, tuple(lines))
        for (criterion, subject), lines in subjects.items()
    ]
    return sorted(obstacles, key=lambda obstacle: obstacle.criterion.startswith(SMOKE))


def _with_last_line(line: Line) -> Line:
    """Return the line of a smoke test with only the last line of its error output.

    The table of criteria has the others.
    """
    return replace(line, observed=last_line(line.observed))
