"""Load templates that make every text printable and escape it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.report.formatting import duration, moment
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jinja2 import Template


def load_template(path: Path, *, show: Callable[[str], str] = printable, **filters: Callable[..., object]) -> Template:
    """Return a template that escapes its values and has ``moment`` and ``duration``.

    Args:
        path: The template's file; it may include others of its folder.
        show: Makes a text printable; markup is passed on unchanged.
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
