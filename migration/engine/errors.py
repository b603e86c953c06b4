"""Everything the engine raises on purpose: it could not look or act. What it disliked is an observation instead."""

from __future__ import annotations

from migration.plan.message import marked
from migration.plan.printable import printable


class EngineError(Exception):
    """A step could not be done.

    Attributes:
        id: Name of the message, which docs/troubleshooting.md explains: ``"in-use"``.
        what: One sentence of fact.
        left: What is left as it was, or half-way.
        todo: One sentence that says what to do next.
    """

    def __init__(self, what: str, *, id: str, left: str = "", todo: str = "") -> None:
        super().__init__(printable(marked(what, left, todo, id=id)))
        self.id = id
        self.what = what
        self.left = left
        self.todo = todo
