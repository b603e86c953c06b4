"""Problem: one reason why a plan cannot be carried out, in words for the person at the keyboard."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from migration.plan.message import marked
from migration.plan.printable import printable


@dataclass(frozen=True)
class Problem:
    """One thing that stands in the way, and what to do about it.

    Attributes:
        id: Name of the message, which docs/troubleshooting.md explains: ``"key-collision"``.
        criterion: Id of the criterion that does not hold because of it, such as ``"keys-free"``.
        subject: What it is about: a file, ``file:table``, or a place in the plan file.
        what: One sentence of fact.
        todo: One sentence that says what to do next.
        values: Some of the rows' values that it is about; they are shown only to whoever asks for them.
    """

    criterion: str
    subject: str
    what: str
    todo: str
    values: str = ""
    _: KW_ONLY
    id: str

    def __str__(self) -> str:
        return printable(f"{self.subject}: {self.what} {self.next}")

    @property
    def next(self) -> str:
        """What to do next, and the id under which more is said about it."""
        return marked(self.todo, id=self.id)


class Refused(Exception):  # noqa: N818 -- "refused" is a verdict of the glossary, not a mishap
    """Raised when something must not be started; nothing was changed.

    Attributes:
        problems: Every reason found, at least one, in the order of the plan.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
