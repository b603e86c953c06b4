"""Check the constants of a source, and fill in their placeholders."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Annotated

from pydantic import PlainValidator

PLACEHOLDERS = ("stem", "name", "file")
"""What ``{...}`` may name in the text of a constant."""

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# SQLite ends a text at NUL, and replaces the other two when it converts between UTF-8 and UTF-16.
_REPLACED = re.compile("[\0\ufffe\uffff]")
_INT64 = range(-(1 << 63), 1 << 63)


def _constant(value: object) -> object:
    """Return the constant of a plan unchanged.

    Raises:
        ValueError: It cannot be stored, or it has a placeholder that is not known.
    """
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if value not in _INT64:
            raise ValueError("a number of SQLite has at most 64 bits", "Write a smaller number, or a text.")
    elif not isinstance(value, float):
        # pydantic makes a mistake of a ValueError only.
        raise ValueError("a constant is a text, a number, or true or false", "Write one of these.")  # noqa: TRY004
    elif math.isnan(value):
        raise ValueError("SQLite would store NULL in place of nan", "Write a number, or leave the constant out.")
    return value


def _check_text(text: str) -> None:
    for match in _BRACES.finditer(text):
        if match.group(1) is None and match.group() in "{}":
            raise ValueError(f"a {match.group()} stands alone", 'A brace is written twice: "{{" and "}}".')
        if match.group(1) is not None and match.group(1) not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(
                f"{match.group()} is no placeholder",
                f'Write one of {known}. A brace is written twice: "{{{{" and "}}}}".',
            )
    if _REPLACED.search(text):
        raise ValueError("it has a character that SQLite would not keep", "Write U+0000, U+FFFE and U+FFFF otherwise.")


Constant = Annotated[
    bool | int | float | str, PlainValidator(_constant, json_schema_input_type=bool | int | float | str)
]
"""Value that fills a column of the target. In a text, ``{stem}``, ``{name}`` and ``{file}`` are placeholders."""


def uses_placeholder(constant: object, name: str) -> bool:
    """Return whether a constant is a text with a placeholder."""
    return isinstance(constant, str) and any(match.group(1) == name for match in _BRACES.finditer(constant))


def fill_in(constant: bool | float | str, *, name: str, file: str) -> int | float | str:  # noqa: FBT001 -- a value
    """Return the value of a constant for one file.

    Args:
        constant: As the plan states it.
        name: Name of the source.
        file: Path of the database inside the workspace.
    """
    if not isinstance(constant, str):
        return int(constant) if isinstance(constant, bool) else constant
    path = normpath(file)
    values = {"stem": PurePosixPath(path).stem, "name": name, "file": path}
    return _BRACES.sub(lambda match: values[match.group(1)] if match.group(1) else match.group()[0], constant)
