"""Hold a sentence that page one can state, with what has to be so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.report.statements.endings import Ending
    from sqlite_consolidate.report.statements.facts import Facts


class Place(Enum):
    """Name the places of page one that have claims, with the question that they answer."""

    VERDICT = ""
    CHANGED = "What changed?"
    LOST = "Is anything lost?"
    APPLICATIONS = "Do the applications work?"
    BACK = "How do we go back, and was that tried?"
    ATTENTION = "What needs my attention?"


@dataclass(frozen=True)
class Claim:
    """Hold a sentence that page one can state.

    Attributes:
        id: Name of the claim.
        place: The question that it answers.
        endings: Endings of a run in which it can be so. None stands for all.
        field: Field of the record on which it rests.
        text: The sentence, with names of :attr:`Facts.values` in braces.
        proofs: Criteria that have to have passed.
        section: Section of the page that shows what it rests on.
        condition: Further condition.
        is_open: Whether a reader should take it as a warning.
        has_command: Whether the sentence ends with the command that follows the run.
    """

    id: str
    place: Place
    endings: tuple[Ending, ...] | None
    field: str
    text: str
    proofs: tuple[str, ...] = ()
    section: str = ""
    condition: Callable[[Facts], bool] = lambda _: True
    is_open: bool = False
    has_command: bool = False

    def holds(self, facts: Facts) -> bool:
        """Return whether the claim is so."""
        in_ending = self.endings is None or facts.ending in self.endings
        is_complete = bool(facts.record.next_command) or not self.has_command
        return in_ending and is_complete and facts.passed(*self.proofs) and self.condition(facts)


@dataclass(frozen=True)
class Stated:
    """Hold a claim that is made of a record, and its sentence.

    Attributes:
        command: Command that the sentence ends with; empty for none.
    """

    claim: Claim
    text: str
    command: str = ""
