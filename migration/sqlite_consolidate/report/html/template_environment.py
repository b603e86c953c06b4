"""Drawing: the one way a template becomes a page: every text escaped, and printable before that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.report.formatting import duration, moment
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jinja2 import Template


def load_template(path: Path, *, show: Callable[[str], str] = printable, **filters: Callable[..., object]) -> Template:
    """Return a template that escapes what it is given, and knows ``moment`` and ``duration``.

    Args:
        path: The template's file; it may include others of its folder.
        show: Makes a text harmless to look at; what is markup already passes as it is.
        filters: Further filters, by name.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    def _shown(value: object) -> object:
        if type(value) is str:  # nearly every value
            return show(value)
        return show(value) if isinstance(value, str) and not hasattr(value, "__html__") else value

    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        auto_reload=False,  # no template changes while a run draws its page after each stage
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, duration=duration, **filters)
    return environment.get_template(path.name)
