"""Write ``index.html``, which lists every run of a reports folder by workspace.

It is one static file. Its only script is a search.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import write_private
from sqlite_consolidate.report.file_names import PAGE, zip_of
from sqlite_consolidate.report.formatting import elapsed, rough_duration, time_taken
from sqlite_consolidate.report.html.page_scripts import table_policy, table_script
from sqlite_consolidate.report.html.template_environment import load_template
from sqlite_consolidate.report.past_runs import past_runs
from sqlite_consolidate.report.statements.endings import ending_of
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from jinja2 import Template

    from sqlite_consolidate.report.evidence import Attempt

NAME = "index.html"
_FOLDER = Path(__file__).with_name("templates")
_CSS = _FOLDER / "page.css"
_MOST_POINTS = 40  # of the newest runs in a trend
_STYLE_BY_TONE = {"good": "passed", "bad": "failed", "open": "not-examined"}


@dataclass(frozen=True)
class Row:
    """Hold one run of the index.

    Attributes:
        run: Name of its folder.
        attempt: The run by its manifest, or None if that cannot be read.
        word: The verdict, or ``"Unreadable"``; ``style`` is its class.
        took: Its time in words, or empty.
        bar: Its time in hundredths of the longest run of this kind in its workspace; 0 if it is not known.
        page: Link to its report, relative to the index; empty if there is none.
        bundle: Link to its zip, likewise.
    """

    run: str
    attempt: Attempt | None
    word: str
    style: str
    took: str
    bar: float
    page: str
    bundle: str


@dataclass(frozen=True)
class Trend:
    """Hold the times of the accepted runs of one kind, oldest first.

    Attributes:
        kind: Mode of the runs.
        text: Number, shortest, longest and last time in words.
        points: Times as points of a line in a picture of 100 by 20.
    """

    kind: str
    text: str
    points: str


@dataclass(frozen=True)
class Group:
    """Hold the runs of one workspace, newest first.

    Attributes:
        workspace: Name of its folder; empty for runs whose manifest cannot be read.
        id: Tells two workspaces of the same name apart.
    """

    workspace: str
    id: str
    rows: list[Row]

    @property
    def trends(self) -> list[Trend]:
        """Return the trend of each kind that has two accepted runs or more."""
        times: defaultdict[str, list[float]] = defaultdict(list)
        for attempt in (row.attempt for row in reversed(self.rows)):
            if attempt and attempt.verdict == "accepted" and not attempt.already:
                times[attempt.mode].append(elapsed(attempt) or 0)
        return [_trend(kind, seconds) for kind, seconds in times.items() if len(seconds) > 1]


def write_index(reports: Path) -> None:
    """Write ``index.html`` into the reports folder, readable only by its owner.

    Folders that are not named like a run are left out. A run whose manifest cannot be read is listed as unreadable.

    Raises:
        OSError: The file cannot be written. An earlier one is unchanged.
    """
    runs = list(past_runs(reports))[::-1]
    write_private(reports / NAME, render_index(_groups(runs)).encode("utf-8"))


def render_index(groups: list[Group]) -> str:
    """Return the page for these workspaces, with every text printable and escaped."""
    style = _CSS.read_text("utf-8")
    return _template().render(groups=groups, style=style, script=table_script(), policy=table_policy(style))


def _groups(runs: list[tuple[Path, Attempt | None]]) -> list[Group]:
    """Return the runs by workspace. The workspace of the newest run is the first."""
    longest: defaultdict[tuple[str, str], float] = defaultdict(float)
    for _, attempt in runs:
        if attempt:
            kind = attempt.workspace_id, attempt.mode
            longest[kind] = max(longest[kind], elapsed(attempt) or 0)
    groups: dict[tuple[str, str], Group] = {}
    for folder, attempt in runs:
        workspace = (attempt.workspace, attempt.workspace_id) if attempt else ("", "")
        most = longest[attempt.workspace_id, attempt.mode] if attempt else 0
        groups.setdefault(workspace, Group(*workspace, [])).rows.append(_row(folder, attempt, most))
    return list(groups.values())


def _row(folder: Path, attempt: Attempt | None, most: float) -> Row:
    page_file, zip_file = folder / PAGE, zip_of(folder)
    seconds = elapsed(attempt) if attempt else None
    return Row(
        run=folder.name,
        attempt=attempt,
        word=ending_of(attempt).word if attempt else "Unreadable",
        style=_STYLE_BY_TONE[ending_of(attempt).tone] if attempt else "not-examined",
        took=time_taken(attempt) if attempt else "",
        bar=100 * seconds / most if seconds and most else 0,
        page=f"{folder.name}/{page_file.name}" if page_file.is_file() else "",
        bundle=zip_file.name if zip_file.is_file() else "",
    )


def _trend(kind: str, seconds: list[float]) -> Trend:
    shown = seconds[-_MOST_POINTS:]
    longest, step = max(shown) or 1, 100 / (len(shown) - 1)
    points = " ".join(f"{place * step:.1f},{19 - 18 * value / longest:.1f}" for place, value in enumerate(shown))
    least, most, last = map(rough_duration, (min(seconds), max(seconds), seconds[-1]))
    return Trend(kind, f"{len(seconds)} accepted, {least} to {most}, last {last}", points)


@cache
def _template() -> Template:
    return load_template(_FOLDER / "index.html.j2", show=one_line)
