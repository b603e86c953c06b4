"""Define the kinds of values that the parts of a plan hold."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
# The second argument of a ValueError is the hint of its problem.
_LONGEST_NAME = 255  # bytes; NAME_MAX of Linux and macOS
_INSIDE = "Write a path inside the workspace, relative to it."


def _seconds(value: object) -> object:
    """Convert ``"1h30m"``, ``"15m"``, ``"30s"`` or a number of seconds into seconds."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if not match or not match.group(0):
        raise ValueError(
            'a duration is written like "30s", "15m" or "1h30m"',
            'Write hours, minutes and seconds in this order, such as "1h30m", or a number of seconds.',
        )
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def inside(value: str) -> str:
    """Return a path of the workspace unchanged.

    Symbolic links are checked later, because that needs the file system.

    Raises:
        ValueError: The path is absolute, leads outside the workspace, or has a name that no file can have.
    """
    if "\0" in value:
        raise ValueError("a path cannot contain a NUL character")
    if value.startswith("/"):
        raise ValueError("an absolute path is outside the workspace", _INSIDE)
    try:
        encoded = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("a path has a surrogate that stands for no byte") from None
    if any(len(name) > _LONGEST_NAME for name in encoded.split(b"/")):
        raise ValueError(f"a name in a path has at most {_LONGEST_NAME} bytes")
    clean = posixpath.normpath(value)
    if clean == ".." or clean.startswith("../"):
        raise ValueError('the path leads outside the workspace (".." goes above it)', _INSIDE)
    return value


def _file(value: str) -> str:
    if posixpath.normpath(value) == ".":
        raise ValueError("the path names the workspace and not a file", _INSIDE)
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        hint = "Correct the pattern. A literal bracket, dot or star needs a backslash."
        raise ValueError(f"not a regular expression: {error}", hint) from None
    return value


def _key_name(value: str) -> str:
    if not all(value.rpartition(".")[::2]):
        raise ValueError('a key is written like "book.oid"', "Write the table, a dot and the column.")
    return value


def _setup(value: str) -> str:
    file, colon, name = value.rpartition(":")
    if value and not (colon and file.endswith(".py") and name.isidentifier()):
        raise ValueError("this is no Python file with a function", 'Write it like "tools/setup.py:register".')
    return f"{inside(file)}:{name}" if value else value


# For the JSON Schema a duration is a number, or a text that the validator reads.
_Duration = Annotated[str, StringConstraints(pattern=rf"^(?=.){_DURATION.pattern}$")] | Annotated[float, Field(ge=0)]
Seconds = Annotated[
    float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_seconds, json_schema_input_type=_Duration)
]
PathInside = Annotated[str, StringConstraints(min_length=1), AfterValidator(inside)]
FileInside = Annotated[PathInside, AfterValidator(_file)]
SetupFunction = Annotated[str, AfterValidator(_setup)]
Pattern = Annotated[str, AfterValidator(_pattern)]
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Name = Annotated[str, StringConstraints(min_length=1)]
KeyName = Annotated[str, AfterValidator(_key_name)]
Patterns = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v, json_schema_input_type=list[Name]),
]
"""Shell patterns of names, such as ``agent_*``."""

Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(
        lambda v: (v,) if isinstance(v, str) else tuple(v) if isinstance(v, list) else v,
        json_schema_input_type=Name | list[Name],
    ),
]
"""One name, or a list of names."""


class Part(BaseModel):
    """Define the base of every part, frozen, strictly typed, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


def none_of_parts(value: object) -> object:
    """Return None for a list of parts, which Python code passes as ``tables``."""
    return None if isinstance(value, list) and all(isinstance(each, Part) for each in value) else value
