"""Load templates that make every text printable and escape it.

Python keeps the bytecode of templates as it keeps that of modules, in the ``__pycache__`` beside them.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from sqlite_consolidate.report.formatting import duration, moment
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2.bccache import Bucket

_OPTIONS = Path(__file__).read_text("utf-8")  # bytecode depends on them


class KeptBytecode(jinja2.BytecodeCache):
    """Keep the bytecode of a template and of those that it includes.

    In a folder that cannot be written, each process compiles them.

    Args:
        template: The template's file.
    """

    def __init__(self, template: Path) -> None:
        self._template = template

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002 -- of the base class
        """Return the name of the file for one template.

        Another template can include it in another environment.
        """
        return f"{self._template.stem}-{name}.{sys.implementation.cache_tag}.jinja"

    def get_source_checksum(self, source: str) -> str:
        """Return a digest that other bytecode of this name does not have."""
        return super().get_source_checksum(f"{jinja2.__version__}\n{_OPTIONS}\n{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read the bytecode if it is there and of this source."""
        with suppress(Exception):  # a damaged file is no reason to draw no page
            bucket.bytecode_from_string(self._path(bucket).read_bytes())

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the bytecode atomically, so that another process never reads half of it."""
        if sys.dont_write_bytecode:
            return
        path = self._path(bucket)
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}")
            try:
                part.write_bytes(bucket.bytecode_to_string())
                part.chmod(self._template.stat().st_mode & 0o666)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _path(self, bucket: Bucket) -> Path:
        return self._template.parent / "__pycache__" / bucket.key


def load_template(
    path: Path, *, show: Callable[[str], str] = printable, **filters: Callable[..., object]
) -> jinja2.Template:
    """Return a template that escapes its values and has ``moment`` and ``duration``.

    Args:
        path: The template's file; it may include others of its folder.
        show: Makes a text printable; markup is passed on unchanged.
        filters: Further filters, by name.
    """

    def _shown(value: object) -> object:
        if type(value) is str:  # nearly every value
            return show(value)
        return show(value) if isinstance(value, str) and not hasattr(value, "__html__") else value

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        bytecode_cache=KeptBytecode(path),
        auto_reload=False,  # no template changes while a run draws its page after each stage
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, duration=duration, **filters)
    return environment.get_template(path.name)
