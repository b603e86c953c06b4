"""Everything the engine raises on purpose: it could not look or act. What it disliked is an observation instead."""

from __future__ import annotations

from migration.plan.printable import printable


class EngineError(Exception):
    """A step could not be done.

    Attributes:
        what: One sentence of fact.
        left: What is left as it was, or half-way.
        todo: One sentence that says what to do next.
    """

    def __init__(self, what: str, *, left: str = "", todo: str = "") -> None:
        super().__init__(printable(" ".join(part for part in (what, left, todo) if part)))
        self.what = what
        self.left = left
        self.todo = todo
