"""Describe why a run was refused or failed, and what the operator can do."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

from sqlite_consolidate.text import printable, with_message_id

# The path to a key of a TOML file, as names and indexes that count from 0: ("source", 1, "table", 0, "on_conflict").
Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """Hold one reason for a refusal or a failure, and what the operator can do.

    Attributes:
        id: Name of the message, which docs/troubleshooting.md explains: ``"key-collision"``.
        subject: File, ``file:table``, or a place in the plan file.
        what: Sentences of fact. The last one may state what is unchanged.
        hint: One sentence with the next step for the operator.
        criterion: Id of the criterion that fails for this reason, such as ``"keys-free"``. It is empty if a step could
            not be performed.
        others: Further subjects, such as the other tables that claim the same key.
        values: Values of rows that the problem is about. Reports show them only if the operator asks for them.
        loc: Key path of the mistake in a plan or fleet file. For a missing key it is the path that the key should have.

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
        """Return the hint, followed by the id of the message in brackets."""
        return with_message_id(self.hint, id=self.id)

    def of_file(self, criterion: str, place: str) -> Problem:
        """Return the problem as a problem of a plan or fleet file.

        Its subject is the position in the file, followed by the key path in brackets.
        """
        return replace(self, criterion=criterion, subject=f"{place} ({self.subject})")


class ProblemError(Exception):
    """Raise one or more problems because an operation was refused or failed.

    Attributes:
        problems: All problems, at least one, in the order in which they were found.

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
        """Return the id of each problem."""
        return tuple(problem.id for problem in self.problems)
