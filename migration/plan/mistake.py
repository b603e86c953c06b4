"""Mistake: one thing that is wrong in a plan, at a key path; the file and the line are added by who reads the file."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from migration.plan.printable import one_line

# A key path in TOML names; indexes count from 0: ("source", 1, "table", 0, "on_conflict").
Loc = tuple[str | int, ...]

_LONGEST = 80


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong in a plan.

    Attributes:
        id: Name of the message, which docs/troubleshooting.md explains: ``"unknown-key"``.
        loc: Key path of what is wrong; of something that is missing, the path it should have.
        what: One sentence of fact.
        todo: One sentence that says what to do next.
    """

    loc: Loc
    what: str
    todo: str
    _: KW_ONLY
    id: str


def short(text: str) -> str:
    """Return ``text`` from a plan fit to stand inside a sentence: on one line, cut after 80 characters."""
    return one_line(text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...")


def quoted(text: str) -> str:
    """Return :func:`short` text in quotes."""
    return f'"{short(text)}"'


def spoken(loc: Loc) -> str:
    """Return a key path in words, counting from 1: ``source 2, table 1, on_conflict``."""
    words: list[str] = []
    for step in loc:
        if isinstance(step, int) and words:
            words[-1] += f" {step + 1}"
        else:
            words.append(short(str(step)))
    return ", ".join(words)


def heading(loc: Loc, whole: str = "a plan") -> str:
    """Return the TOML header of the part at ``loc``: ``[[source.table]]``, ``[change]``; of the top, ``whole``."""
    name = ".".join(step for step in loc if isinstance(step, str))
    if not name:
        return whole
    return f"[[{name}]]" if isinstance(loc[-1], int) else f"[{name}]"
