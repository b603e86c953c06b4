"""Draw the record of a run as static HTML.

The page states everything without a script, above pytest-html's own table of tests.
"""

from __future__ import annotations

import gc
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.findings import list_findings
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.evidence_json import SCHEMA_1_FINDING
from sqlite_consolidate.report.formatting import (
    count_of,
    last_characters,
    shortened,
    size,
    stage_does,
    time_taken,
    with_moments,
)
from sqlite_consolidate.report.html import flow, inventory
from sqlite_consolidate.report.html.code import diff_lines, schema_diff, sql_lines
from sqlite_consolidate.report.html.criteria_table import criteria_lines
from sqlite_consolidate.report.html.many_files import sum_up_files
from sqlite_consolidate.report.html.page_one import SECTIONS, page_one_context, questions
from sqlite_consolidate.report.html.table_contents import database_tables, move_lines
from sqlite_consolidate.report.html.template_environment import load_template
from sqlite_consolidate.report.questions import answers, counts
from sqlite_consolidate.report.statements.checklist import checklist
from sqlite_consolidate.report.statements.claims import claims_of
from sqlite_consolidate.report.statements.endings import ending_of
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template
    from markupsafe import Markup

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.report.evidence import Attempt, Record
    from sqlite_consolidate.report.html.criteria_table import Line
    from sqlite_consolidate.report.questions import Answer
    from sqlite_consolidate.report.statements.claim import Place, Stated

_FOLDER = Path(__file__).with_name("templates")
STYLES = tuple(_FOLDER / name for name in ("page.css", "pictures.css", "print.css"))

_OPEN_ROWS = 40  # a stage with more criteria than that starts folded
_LONG_TEXT = 600
_LONG_NAME = 34  # characters that fit beside a picture
_MOST_ATTEMPTS = 200
_MOST_IN_CYCLES = 200  # sources
_LONG_OUTPUT = 400_000  # characters of all applications together
_WITH_HYPHEN = re.compile(r"((?<![^\s/])[^\s/]{0,17}-[^\s/]{0,17}/?(?![^\s/]))")  # a longer part may be divided
_SIGNED = (Mode.MIGRATE, Mode.REHEARSAL, Mode.ROLLBACK, Mode.CHECK, Mode.ORIGINALS)


def render_page(record: Record) -> str:
    """Return the record as one element of class ``record``, for a page with ``STYLES``.

    Every text of the record is made printable and escaped. There is no script, no event handler and nothing remote.
    """
    text = _template().render(_context(*sum_up_files(record), claims_of(record)))
    if len(record.sources) > _MOST_IN_CYCLES:
        gc.collect()  # Jinja's context refers to itself, and would keep what is known of each file
    return text


def compile_templates() -> None:
    """Compile all templates in a process whose forks will draw pages."""
    environment = _template().environment
    for name in environment.list_templates(["j2"]):
        environment.get_template(name)
    diff_lines("+++ code.py")
    sql_lines(("",))


def _context(record: Record, files: Mapping[str, int], stated: Mapping[Place, list[Stated]]) -> dict[str, Any]:
    """Return everything that the templates show.

    The templates decide only where to show it.

    Args:
        record: The record, with the files of patterns summed up.
        files: Number of files of each source that stands for several.
        stated: The claims of page one.
    """
    lines = criteria_lines(record)
    urgent = [line for line in lines if not line.outcome.holds]
    groups = _by_stage([line for line in lines if line.outcome.holds])
    context: dict[str, Any] = {
        "record": record,
        "ending": ending_of(record),
        "counts": counts(record),
        "took": time_taken(record),
        "estimate": sum(stage.estimate for stage in record.stages if stage.estimate) or None,
        "stages": [(stage, stage_does(stage.id)) for stage in record.stages],
        "measured": any(stage.read is not None for stage in record.stages),
        "answers": _answers(record),
        "comparison": record.last_run,
        "last_seconds": record.last_run.seconds if record.last_run else {},
        "last_attempt": _last_attempt(record),
        "phases": [] if record.already else checklist(record),
        "anchors": {line.criterion: line.anchor for line in reversed(lines) if line.anchor},
        "urgent": urgent,
        "groups": groups,
        "signed": record.mode in _SIGNED,
        "notes": list_findings(record.findings, "note"),
        "open_rows": _OPEN_ROWS,
        "tables": database_tables(record),
        "diff": diff_lines(record.diff),
        "sql": sql_lines(record.sql),
        "schema_diff": diff_lines(_schema_diff(record)),
        "statements": sum(not text.startswith("--") for text in record.sql),
        "each_output": _LONG_OUTPUT // max(1, 2 * len(record.smoke)),
        "attempts": [_attempt_row(attempt) for attempt in reversed(record.attempts)][:_MOST_ATTEMPTS],
        "flow": flow.build_flow(record, files),
        "moves": move_lines(record),
        "draw": flow,
        "inventory": inventory.inventory_context(record.extra.get("inventory")),
    }
    context |= page_one_context(record, urgent, stated)
    sections = {id: title for id, title, shown in SECTIONS if context.get(shown) or getattr(record, shown, None)}
    return context | {"sections": sections, "questions": questions(stated, sections, context["anchors"])}


def _schema_diff(record: Record) -> str:
    """Return the diff of the target's schema if the run has changed it, on copies or for good."""
    is_changed = record.verdict == "accepted" and record.mode.is_consolidation
    return schema_diff(record.sql, record.target.file) if is_changed and record.target else ""


def _by_stage(lines: list[Line]) -> list[tuple[str, str, list[Line]]]:
    """Return the lines of each stage, with the number of each outcome in words."""
    stages: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        stages[line.stage].append(line)
    groups = []
    for stage, stage_lines in stages.items():
        not_required = sum(line.outcome is Outcome.NOT_REQUIRED for line in stage_lines)
        passed = len(stage_lines) - not_required
        outcomes = f"{passed} passed, {not_required} not required" if not_required else "all passed"
        groups.append((stage, f"{count_of(len(stage_lines), 'line')}, {outcomes}", stage_lines))
    return groups


def _last_attempt(record: Record) -> dict[str, Any] | None:
    """Return the run with which this one was compared, or None."""
    last = record.last_run.run if record.last_run else ""
    return next((_attempt_row(attempt) for attempt in record.attempts if attempt.run == last), None)


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {
        "run": attempt.run,
        "ending": ending_of(attempt),
        "started": attempt.started,
        "finished": attempt.finished,
        "outcome": attempt.cut_short or attempt.headline,
    }


def _answers(record: Record) -> list[Answer]:
    all_answers = answers(record)
    known = any(answer.outcome and answer.criteria for answer in all_answers)
    if record.mode is Mode.ROLLBACK:
        return [answer for answer in all_answers if answer.outcome]
    return all_answers if known and not record.already else []


def _occurrences(finding: Finding) -> str:
    """Return how often a finding of schema 1 occurred.

    The text of a later finding has its number.
    """
    return f" ({finding.count} times)" if finding.id == SCHEMA_1_FINDING and finding.count > 1 else ""


def _short_name(name: str) -> str:
    """Return the end of a name that is too long to stand beside a picture.

    Names differ in their ends.
    """
    return name if len(name) <= _LONG_NAME else "…" + name[1 - _LONG_NAME :]


def whole_words(text: str) -> Markup:
    """Return a text in which no option and no part of a path is divided at its hyphens."""
    from markupsafe import Markup, escape

    parts = (
        Markup('<b class="word">{}</b>').format(printable(part)) if number % 2 else escape(printable(part))
        for number, part in enumerate(_WITH_HYPHEN.split(text))
    )
    return Markup().join(parts)


@cache
def _template() -> Template:
    return load_template(
        _FOLDER / "page.html.j2",
        size=size,
        beside=_short_name,
        last=last_characters,
        counted=count_of,
        moments=with_moments,
        whole_words=whole_words,
        grouped=lambda number: f"{number:,}",
        times=_occurrences,
        shortened=lambda text: shortened(text, _LONG_TEXT),
    )
