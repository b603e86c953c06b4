"""Draw the record of a run as static HTML.

The page states everything without a script, above pytest-html's own table of tests.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.findings import list_findings
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.evidence_json import SCHEMA_1_FINDING
from sqlite_consolidate.report.formatting import (
    last_characters,
    shortened,
    size,
    stage_does,
    time_taken,
)
from sqlite_consolidate.report.html import inventory
from sqlite_consolidate.report.html.charts import bars, flow, timeline
from sqlite_consolidate.report.html.code import diff_lines, sql_lines
from sqlite_consolidate.report.html.criteria_table import criteria_lines
from sqlite_consolidate.report.html.many_files import sum_up_files
from sqlite_consolidate.report.html.table_contents import database_tables
from sqlite_consolidate.report.html.template_environment import load_template
from sqlite_consolidate.report.questions import answers, counts, unexamined
from sqlite_consolidate.report.statements.checklist import checklist
from sqlite_consolidate.report.statements.endings import ending_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.report.evidence import Attempt, Record
    from sqlite_consolidate.report.html.criteria_table import Line
    from sqlite_consolidate.report.questions import Answer

_FOLDER = Path(__file__).with_name("templates")
STYLES = tuple(_FOLDER / name for name in ("page.css", "pictures.css", "print.css"))

_OPEN_ROWS = 40  # a stage with more criteria than that starts folded
_LONG_TEXT = 600
_LONG_NAME = 34  # characters that fit beside a picture
_MOST_ATTEMPTS = 200
_LONG_OUTPUT = 400_000  # characters of all applications together
_CHANGE_FIELDS = (
    ("id", "Change"), ("requested_by", "Requested by"), ("approved_by", "Approved by"), ("reason", "Reason"),
)  # fmt: skip


def render_page(record: Record) -> str:
    """Return the record as one element of class ``record``, for a page with ``STYLES``.

    Every text of the record is made printable and escaped. There is no script, no event handler and nothing remote.
    """
    return _template().render(_context(*sum_up_files(record)))


def compile_templates() -> None:
    """Compile all templates in a process whose forks will draw pages."""
    environment = _template().environment
    for name in environment.list_templates(["j2"]):
        environment.get_template(name)
    diff_lines("")
    sql_lines(("",))


def _context(record: Record, files: Mapping[str, int]) -> dict[str, Any]:
    """Return everything that the templates show.

    The templates decide only where to show it.

    Args:
        record: The record, with the files of patterns summed up.
        files: Number of files of each source that stands for several.
    """
    all_lines = criteria_lines(record)
    by_outcome: defaultdict[Outcome, list[Line]] = defaultdict(list)
    for line in all_lines:
        by_outcome[line.outcome].append(line)
    holding = [line for line in all_lines if line.outcome.holds]
    groups_unexamined = unexamined(record)
    estimates = [stage.estimate for stage in record.stages if stage.estimate]
    return {
        "record": record,
        "ending": ending_of(record),
        "counts": counts(record),
        "change": [(label, record.change.get(field, "")) for field, label in _CHANGE_FIELDS],
        "took": time_taken(record),
        "rollback_command": _rollback_command(record),
        "estimate": sum(estimates) if estimates else None,
        "moved": _describe_moves(record, files),
        "stages": [(stage, stage_does(stage.id)) for stage in record.stages],
        "answers": _answers(record),
        "phases": [] if record.already else checklist(record),
        "anchors": {line.criterion: line.anchor for line in reversed(all_lines) if line.anchor},
        "failed": by_outcome[Outcome.FAILED],
        "urgent": by_outcome[Outcome.FAILED] + by_outcome[Outcome.NOT_EXAMINED],
        "groups": _by_stage(holding),
        "unexamined": [
            (title, outcome, groups)
            for title, outcome in (("Not examined", Outcome.NOT_EXAMINED), ("Not required", Outcome.NOT_REQUIRED))
            if (groups := [group for group in groups_unexamined if group.outcome is outcome])
        ],
        "review": list_findings(record.findings, "attention"),
        "notes": list_findings(record.findings, "note"),
        "open_rows": _OPEN_ROWS,
        "tables": database_tables(record),
        "diff": diff_lines(record.diff),
        "sql": sql_lines(record.sql),
        "each_output": _LONG_OUTPUT // max(1, 2 * len(record.smoke)),
        "attempts": [_attempt_row(attempt) for attempt in reversed(record.attempts)][:_MOST_ATTEMPTS],
        **_pictures(record, files),
        "inventory": inventory.inventory_context(record.extra.get("inventory")),
    }


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
        groups.append((stage, f"{flow.count_of(len(stage_lines), 'line')}, {outcomes}", stage_lines))
    return groups


def _pictures(record: Record, files: Mapping[str, int]) -> dict[str, Any]:
    return {
        "flow": flow.build_flow(record, files),
        "timeline": timeline.build_timeline(record),
        "charts": [
            (id_, title, chart)
            for id_, title, chart in (
                ("rows", "Rows of the target's tables, before and after", bars.rows_chart(record)),
                ("sizes", "Sizes of the files, before and after", bars.sizes_chart(record, files)),
            )
            if chart
        ],
        "draw": flow,
        "clock": timeline,
        "scale": bars,
    }


def _rollback_command(record: Record) -> str:
    """Return the rollback command, or an empty text if nothing can be rolled back."""
    can_roll_back = record.verdict == "accepted" or not record.finished or record.exit_code == ExitCode.INTERNAL
    return record.rollback.get("command", "") if can_roll_back else ""


def _describe_moves(record: Record, files: Mapping[str, int]) -> str:
    """Return what was moved, or was to be moved, in half a sentence.

    The text is empty if the record does not know it.
    """
    if not record.flow:
        return ""
    sources = sum(files.get(name, 1) for name in {move.source for move in record.flow})
    rows = sum(move.moved for move in record.flow)
    into = record.target.file if record.target else "the target"
    counted = (
        flow.count_of(sources, "database"),
        flow.count_of(len(record.flow), "table"),
        flow.count_of(rows),
    )
    return f"{', '.join(counted)} into {into}"


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


@cache
def _template() -> Template:
    return load_template(
        _FOLDER / "page.html.j2",
        size=size,
        beside=_short_name,
        last=last_characters,
        counted=flow.count_of,
        times=_occurrences,
        shortened=lambda text: shortened(text, _LONG_TEXT),
    )
