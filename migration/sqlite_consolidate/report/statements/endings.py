"""Name the ways in which a run can end, each with a word of its own."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.verdict import (
    AFTER_ACTING,
    BEFORE_ACTING,
    FAILED_CHECK,
    FAILED_ROLLBACK,
    UNCONFIRMED,
    refusal_word,
)

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Attempt, Record

Tone = Literal["good", "bad", "open"]
"""Only an acceptance is ``good``. Where nothing was decided, the tone is ``open``."""


class Ending(Enum):
    """Name how a run ended, with its word and the words that earlier releases wrote for it."""

    ACCEPTED = (Mode.MIGRATE.word, "good")
    REHEARSED = (Mode.REHEARSAL.word, "good")
    INTACT = (Mode.CHECK.word, "good", "Still right")
    ROLLED_BACK = (Mode.ROLLBACK.word, "good", "Put back")
    CONFIRMED = (Mode.ORIGINALS.word, "good", "Right by its originals")
    CONSISTENT = (Mode.BUNDLE.word, "good")
    FOUND = (Mode.INVENTORY.word, "good")
    NOTICED = (Mode.SELFTEST.word, "good")
    ALREADY = ("Already consolidated", "good")
    REFUSED = (BEFORE_ACTING, "bad", "Refused before anything was touched")
    FAILED = (AFTER_ACTING[Mode.MIGRATE], "bad", "Refused", "Refused and rolled back", "Refused and put back")
    STRANDED = ("Failed, not rolled back", "bad", "Refused", "Not shown", "Refused, not rolled back",
                "Refused, not put back")  # fmt: skip
    UNREHEARSED = (AFTER_ACTING[Mode.REHEARSAL], "bad", "Refused")
    NOT_INTACT = (FAILED_CHECK, "bad", "Refused")
    NOT_CONFIRMED = (UNCONFIRMED, "bad", "Refused")
    NOT_ROLLED_BACK = (FAILED_ROLLBACK, "bad", "Refused")
    INTERRUPTED = ("Interrupted", "open")
    NOT_SHOWN = ("Not shown", "open")
    UNFINISHED = ("Unfinished", "open")

    def __init__(self, word: str, tone: Tone, *earlier: str) -> None:
        self.word = word
        self.tone = tone
        self.earlier = earlier


def earlier_words(word: str) -> tuple[str, ...]:
    """Return the words that earlier releases wrote for a word of this release."""
    return next((ending.earlier for ending in Ending if ending.word == word), ())


_ACCEPTED = {ending.word: ending for ending in Ending if ending.tone == "good"}


def ending_of(run: Record | Attempt) -> Ending:
    """Return how a run ended, by its verdict, mode and exit code.

    A check of a consolidation that was not made differs from one that failed by its criteria.
    """
    if not run.finished:
        return Ending.UNFINISHED
    if run.verdict == "accepted":
        return Ending.ALREADY if run.already else _ACCEPTED[run.mode.word]
    if run.exit_code == ExitCode.INTERNAL and run.mode in (Mode.MIGRATE, Mode.ROLLBACK):
        return Ending.STRANDED
    if run.exit_code in INTERRUPTIONS:
        return Ending.INTERRUPTED
    return _refusal(run) if run.verdict == "refused" else Ending.NOT_SHOWN


def _refusal(run: Record | Attempt) -> Ending:
    word = refusal_word(run.mode, run.exit_code, has_failed_criterion=bool(run.has_failed_criterion))
    return next(ending for ending in Ending if ending.word == word)
