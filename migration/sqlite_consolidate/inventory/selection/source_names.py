"""Name the sources of a plan after their files."""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_SAYS_NOTHING = frozenset(
    {
        "",
        "app",
        "data",
        "database",
        "databases",
        "db",
        "default",
        "instance",
        "local",
        "main",
        "sqlite",
        "storage",
        "var",
    }
)
_SUFFIXES = re.compile(r"(\.(s?db3?|sqlite3?|s3db))?\.\w+$", re.IGNORECASE)
_LENGTH = 60


def name_sources(files: Sequence[str], others: Collection[str] = ()) -> list[str]:
    """Return a short, unique name for each file, in the same order.

    SQL needs no quotes for a table whose name contains it. A name is the stem of the file, or that of its folder where
    the stem says nothing, with as many folders before it as make it unique.

    Args:
        files: The files.
        others: Names that other sources have.
    """
    names: list[str] = []
    taken = set(map(folded, others))
    for file in files:
        names.append(_unique_name(file, taken))
        taken.add(folded(names[-1]))
    return names


def _unique_name(file: str, taken: set[str]) -> str:
    parts = [_identifier(part) for part in _SUFFIXES.sub("", file).split("/")]
    folders = [part for part in parts if folded(part) not in _SAYS_NOTHING] or [parts[-1]]
    name = folders.pop() or "source"
    while (folded(name) in taken or name[0].isdigit()) and folders:
        name = f"{folders.pop()}_{name}"
    name = (f"source_{name}" if name[0].isdigit() else name)[:_LENGTH].rstrip("_")
    numbered = (name if number == 1 else f"{name}_{number}" for number in count(1))
    return next(candidate for candidate in numbered if folded(candidate) not in taken)


def _identifier(text: str) -> str:
    """Return a text with only letters, digits and underscores of ASCII."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")


def slug(text: str) -> str:
    """Return a text with only the characters that the name of a folder may have everywhere."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")[:_LENGTH]
