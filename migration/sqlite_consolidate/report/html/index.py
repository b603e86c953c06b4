"""Write ``index.html``, which lists every run of a reports folder.

It is one static file without a script.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import write_private
from sqlite_consolidate.report.file_names import PAGE, zip_of
from sqlite_consolidate.report.formatting import time_taken
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
_STYLE_BY_TONE = {"good": "passed", "bad": "failed", "open": "not-examined"}


@dataclass(frozen=True)
class Row:
    """Hold one run of the index.

    Attributes:
        run: Name of its folder.
        attempt: The run by its manifest, or None if that cannot be read.
        word: The verdict, or ``"Unreadable"``; ``style`` is its class.
        took: Its time in words, or empty.
        page: Link to its report, relative to the index; empty if there is none.
        bundle: Link to its zip, likewise.
    """

    run: str
    attempt: Attempt | None
    word: str
    style: str
    took: str
    page: str
    bundle: str


def write_index(reports: Path) -> None:
    """Write ``index.html`` into the reports folder, readable only by its owner.

    Folders that are not named like a run are left out. A run whose manifest cannot be read is listed as unreadable.

    Raises:
        OSError: The file cannot be written. An earlier one is unchanged.
    """
    rows = [_row(folder, attempt) for folder, attempt in past_runs(reports)]
    write_private(reports / NAME, render_index(rows[::-1]).encode("utf-8"))


def render_index(rows: list[Row]) -> str:
    """Return the page for these rows, with every text printable and escaped."""
    from markupsafe import Markup

    style = _CSS.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    # The style is a file of this project, and its digest is over its exact characters, so it must not be escaped.
    return _template().render(rows=rows, style=Markup(style), style_digest=Markup(digest))  # noqa: S704 -- see above


def _row(folder: Path, attempt: Attempt | None) -> Row:
    page_file, zip_file = folder / PAGE, zip_of(folder)
    return Row(
        run=folder.name,
        attempt=attempt,
        word=ending_of(attempt).word if attempt else "Unreadable",
        style=_STYLE_BY_TONE[ending_of(attempt).tone] if attempt else "not-examined",
        took=time_taken(attempt) if attempt else "",
        page=f"{folder.name}/{page_file.name}" if page_file.is_file() else "",
        bundle=zip_file.name if zip_file.is_file() else "",
    )


@cache
def _template() -> Template:
    return load_template(_FOLDER / "index.html.j2", show=one_line)
