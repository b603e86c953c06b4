"""Render the roll-up as one static page in the style of a run's report.

The page loads nothing, and its only script searches the table of workspaces.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.report.file_names import PAGE
from sqlite_consolidate.report.formatting import count_of, shortened
from sqlite_consolidate.report.html.page import STYLES
from sqlite_consolidate.report.html.page_scripts import table_policy, table_script
from sqlite_consolidate.report.html.template_environment import load_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from sqlite_consolidate.fleet.rollup import RollUp, Row, Standing

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_STYLES = (*STYLES, Path(__file__).with_name("page.css"))
_MAX_TEXT = 600
_MOST_RUNS = 30
PAGE_NAME = "fleet.html"

# The CSS class of each standing, as in the report of a run.
_CSS_CLASSES: dict[Standing, str] = {
    "accepted": "passed",
    "failed": "failed",
    "refused": "failed",
    "unsettled": "failed",
    "interrupted": "not-run",
    "not run": "not-run",
}
_HINTS: dict[Standing, str] = {
    "failed": "Everything was rolled back there. Fix the problems in its report, then start the fleet again.",
    "refused": "Nothing was changed there. Fix the problems above, then start the fleet again.",
    "unsettled": "Start the fleet again. The next run there finishes this run or rolls it back first.",
    "interrupted": "Everything was rolled back there. Start the fleet again.",
}


def render_page(rollup: RollUp, folder: Path, earlier: Sequence[RollUp] = ()) -> str:
    """Return the roll-up as an HTML page.

    Args:
        rollup: The roll-up. Every text of it is made printable and escaped.
        folder: Folder of the page. Bundles on this host are linked relative to it.
        earlier: Earlier roll-ups of the fleet, oldest first.
    """
    css = "".join(style.read_text("utf-8") for style in _STYLES)
    alike = [each for each in earlier if each.verb == rollup.verb]
    context: dict[str, Any] = {
        "css": css,
        "script": table_script(),
        "policy": table_policy(css),
        "rollup": rollup,
        "groups": _by_standing(rollup),
        "before": {row.workspace: row for row in alike[-1].workspaces} if alike else {},
        "trend": _trend([*earlier, rollup]) if earlier else [],
        "title": _title(rollup),
        "tone": "good" if rollup.exit_code == ExitCode.ACCEPTED else "bad" if _has_failures(rollup) else "open",
        "elapsed": rollup.elapsed,
        "pages": {each.run for each in earlier if (folder.parent / each.run / PAGE_NAME).is_file()},
        "to_review": _to_review(rollup),
        "hints": _HINTS,
        "links": {row.workspace: _link(row, rollup.host, folder) for row in rollup.workspaces},
        "css_classes": _CSS_CLASSES,
    }
    return _template().render(context)


def _title(rollup: RollUp) -> str:
    accepted, number = rollup.totals["accepted"], len(rollup.workspaces)
    return f"All {number} accepted" if accepted == number else f"{accepted} of {number} accepted"


def _has_failures(rollup: RollUp) -> bool:
    return any(_CSS_CLASSES[row.standing] == "failed" for row in rollup.workspaces)


def _to_review(rollup: RollUp) -> list[list[Row]]:
    """Return the rows that need a person, grouped by equal standing, headline and reasons."""
    groups: dict[object, list[Row]] = {}
    for row in rollup.workspaces:
        if row.standing in _HINTS:
            groups.setdefault((row.standing, row.headline, row.reasons), []).append(row)
    return list(groups.values())


def _by_standing(rollup: RollUp) -> dict[Standing, list[Row]]:
    """Return the rows of each standing, those that need a person first."""
    groups: dict[Standing, list[Row]] = {standing: [] for standing in rollup.totals}
    for row in rollup.workspaces:
        groups[row.standing].append(row)
    return {standing: rows for standing, rows in groups.items() if rows}


def _trend(rollups: Sequence[RollUp]) -> list[tuple[RollUp, float, float]]:
    """Return fleet runs, newest first, with the time of each.

    The second number is the time in hundredths of the longest run of the same verb.
    """
    longest: dict[str, float] = {}
    for each in rollups:
        longest[each.verb] = max(longest.get(each.verb, 0.0), each.elapsed)
    newest = reversed(rollups[-_MOST_RUNS:])
    return [(each, each.elapsed, 100 * each.elapsed / (longest[each.verb] or 1)) for each in newest]


def _link(row: Row, host: str, folder: Path) -> str:
    """Return a relative link to the report of a row, or an empty text without one here."""
    report = Path(row.bundle) / PAGE
    if not row.bundle or row.host != host or not report.is_file():
        return ""
    return quote(os.path.relpath(report, folder))


def _template() -> Template:
    return load_template(_TEMPLATE, counted=count_of, shortened=lambda text: shortened(text, _MAX_TEXT))
