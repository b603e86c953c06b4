"""Describe a mistake in a plan or fleet file, and name its place."""

from __future__ import annotations

from sqlite_consolidate.problem import Loc, Problem
from sqlite_consolidate.text import one_line

__all__ = ["Loc", "in_quotes", "key_path_text", "mistake_at", "shortened", "toml_header"]

_LONGEST = 80


def mistake_at(loc: Loc, id: str, fact: str, hint: str) -> Problem:
    """Return a mistake at a key path.

    The caller that reads the file adds its name and the line.

    Args:
        loc: Key path of the mistake. For a missing key it is the path that the key should have.
        id: Name of the message, which docs/troubleshooting.md explains: ``"unknown-key"``.
        fact: One sentence of fact.
        hint: One sentence with the next step for the author.
    """
    return Problem(id, key_path_text(loc), fact, hint, loc=loc)


def shortened(text: str) -> str:
    """Return ``text`` of a plan in one line, cut after 80 characters."""
    return one_line(text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...")


def in_quotes(text: str) -> str:
    """Return ``text`` of a plan in quotes, in one line, cut after 80 characters."""
    return f'"{shortened(text)}"'


def key_path_text(loc: Loc) -> str:
    """Return a key path in words that count from 1, as in ``source 2, table 1``."""
    steps: list[str] = []
    for step in loc:
        if isinstance(step, int) and steps:
            steps[-1] += f" {step + 1}"
        else:
            steps.append(shortened(str(step)))
    return ", ".join(steps)


def toml_header(loc: Loc, whole: str = "a plan") -> str:
    """Return the TOML header of the part at ``loc``, such as ``[[source.table]]``.

    For the top of the file return ``whole``.
    """
    name = ".".join(step for step in loc if isinstance(step, str))
    if not name:
        return whole
    return f"[[{name}]]" if isinstance(loc[-1], int) else f"[{name}]"
