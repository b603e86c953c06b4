"""State what stands in the way of a run, and what to do about it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

from sqlite_consolidate.text import printable, with_message_id

# A key path in TOML names; indexes count from 0: ("source", 1, "table", 0, "on_conflict").
Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """State one reason of a refusal or a failure, and what to do about it.

    Attributes:
        id: Name of the message, which docs/troubleshooting.md explains: ``"key-collision"``.
        subject: What it is about: a file, ``file:table``, or a place in the plan file.
        what: Sentences of fact; the last one may say what is left as it was.
        hint: One sentence that says what to do next.
        criterion: Id of the criterion that does not hold because of it, such as ``"keys-free"``; empty where a step
            could not be done.
        others: Further subjects, such as the other tables that claim the same key.
        values: Values of rows that it is about. Reports show them only if the operator asks for them.
        loc: Key path of what is wrong in a plan or fleet file; of something that is missing, the path it should have.

    Example:
        >>> from sqlite_consolidate import ProblemError, load_plan
        >>> try:
        ...     load_plan("shop/other.toml")
        ... except ProblemError as error:
        ...     problem = error.problems[0]
        >>> problem.id, problem.criterion, problem.subject
        ('no-plan-file', 'plan-valid', 'shop/other.toml')
    """

    id: str
    subject: str
    what: str
    hint: str
    _: KW_ONLY
    criterion: str = ""
    others: tuple[str, ...] = ()
    values: str = ""
    loc: Loc = ()

    def __str__(self) -> str:
        return printable(f"{self.subject}: {self.what} {self.next}")

    @property
    def next(self) -> str:
        """What to do next, and the id under which more is said about it."""
        return with_message_id(self.hint, id=self.id)

    def of_file(self, criterion: str, place: str) -> Problem:
        """Return the problem as one of a plan or fleet file, its key path behind the place in the file."""
        return replace(self, criterion=criterion, subject=f"{place} ({self.subject})")


class ProblemError(Exception):
    """Raised when something must not be started, or could not be done.

    Attributes:
        problems: Every reason, at least one, in the order in which they were found.

    Example:
        >>> from sqlite_consolidate import ProblemError, load_plan, rollback
        >>> plan = load_plan("shop/consolidation.toml")
        >>> try:
        ...     rollback(plan, workspace="shop")
        ... except ProblemError as error:
        ...     print(error.ids)
        ('nothing-to-undo',)
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each problem."""
        return tuple(problem.id for problem in self.problems)
