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
from sqlite_consolidate.report.formatting import elapsed, time_taken
from sqlite_consolidate.report.html.page_scripts import script_digest
from sqlite_consolidate.report.html.template_environment import load_template
from sqlite_consolidate.report.past_runs import past_runs
from sqlite_consolidate.report.statements.endings import ending_of
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from jinja2 import Template

    from sqlite_consolidate.report.evidence import Attempt

NAME = "index.html"
_FOLDER = Path(__file__).with_name("templates")
_CSS, _SCRIPT = _FOLDER / "page.css", _FOLDER / "index.js"
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
class Group:
    """Hold the runs of one workspace, newest first.

    Attributes:
        workspace: Name of its folder; empty for runs whose manifest cannot be read.
        id: Tells two workspaces of the same name apart.
    """

    workspace: str
    id: str
    rows: list[Row]


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
    from markupsafe import Markup

    style, script = (path.read_text("utf-8") for path in (_CSS, _SCRIPT))
    # Style and script are files of this project, and the digests are over their exact characters.
    digests = {f"{name}_digest": Markup(script_digest(text)) for name, text in (("style", style), ("script", script))}  # noqa: S704 -- see above
    return _template().render(groups=groups, style=Markup(style), script=Markup(script), **digests)  # noqa: S704 -- see above


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


@cache
def _template() -> Template:
    return load_template(_FOLDER / "index.html.j2", show=one_line)
