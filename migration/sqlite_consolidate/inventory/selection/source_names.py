"""Name the sources of a plan after their files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def name_sources(files: Sequence[str]) -> dict[str, str]:
    """Return a short, unique name for each file.

    A name is the stem of the file, with as many folders before it as make it unique.
    """
    names: dict[str, str] = {}
    for file in files:
        *folders, stem = [slug(part) for part in re.sub(r"\.\w+$", "", file).split("/")]
        name = stem or "source"
        while name in names.values() and folders:
            name = f"{folders.pop()}_{name}".strip("_")
        number = 2
        while name in names.values():
            name, number = f"{stem or 'source'}_{number}", number + 1
        names[file] = name[:80]
    return names


def slug(text: str) -> str:
    """Return a text with only the characters that a short name may have."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")[:60]
