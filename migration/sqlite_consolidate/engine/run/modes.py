"""Name the modes of a run, and the texts that describe each."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self, get_args

VERBS = {
    "migrate": "consolidate for real, all or nothing",
    "verify": "rehearse on copies before a migration, or check the result after it",
    "rollback": "restore the state before the last migration",
    "inventory": "find the databases, and propose a plan",
    "selftest": "plant faults into runs on copies, to show that every check can fail",
}
"""Each verb of ``pytest -m <verb>``, with its meaning."""

_OTHER_WORDS = {
    **dict.fromkeys(("check", "rehearse", "rehearsal", "judge"), "verify"),
    **dict.fromkeys(("consolidate", "merge", "apply"), "migrate"),
    **dict.fromkeys(("undo", "revert", "restore"), "rollback"),
    **dict.fromkeys(("plan", "propose", "scan"), "inventory"),
}
"""Words that other programs, or the pages of this one, use for what a verb does."""


def meant_verb(word: str, *further: str) -> str:
    """Return the verb that was probably meant by a word that is none, or an empty text.

    Args:
        word: What the operator wrote.
        further: Names that the caller accepts as a verb too.
    """
    from difflib import get_close_matches

    similar = get_close_matches(word.lower(), [*VERBS, *further], n=1)
    return similar[0] if similar else _OTHER_WORDS.get(word.lower(), "")


FleetVerb = Literal["verify", "migrate", "rollback"]
"""A verb that a fleet can run in each of its workspaces."""

FLEET_VERBS: tuple[FleetVerb, ...] = get_args(FleetVerb)


class Mode(StrEnum):
    """Name a mode of a run, with the value that reports and evidence use.

    Attributes:
        verb: Verb that starts the run.
        means: Description for the first lines on the terminal.
        word: The verdict *accepted* in one to three words.
        accepted: The verdict *accepted* in one sentence.
        next_verb: Verb that follows an accepted run, or empty.
        only_judges: Whether the run only judges a result and changes no workspace. Every failure then has exit code 1,
            and no run is "refused before anything was touched".
        is_consolidation: Whether the run has the stages 10 to 95.
    """

    verb: str
    means: str
    word: str
    accepted: str
    next_verb: str
    only_judges: bool
    is_consolidation: bool

    def __new__(
        cls,
        value: str,
        verb: str,
        means: str,
        word: str,
        accepted: str,
        next_verb: str = "",
        flags: tuple[str, ...] = (),
    ) -> Self:
        """Return a string that is equal to the value."""
        mode = str.__new__(cls, value)
        mode._value_ = value
        mode.verb, mode.means, mode.word, mode.accepted, mode.next_verb = verb, means, word, accepted, next_verb
        mode.only_judges, mode.is_consolidation = "only judges" in flags, "consolidation" in flags
        return mode

    MIGRATE = (
        "migrate",
        "migrate",
        "migrate, for real",
        "Accepted",
        "Accepted: consolidated, every required criterion passed.",
        "verify",
        ("consolidation",),
    )
    REHEARSAL = (
        "rehearsal",
        "verify",
        "rehearsal, on copies: the workspace is not written to",
        "Rehearsal passed",
        "Rehearsal passed: every required criterion passed on copies, and the rollback restored them.",
        "migrate",
        ("consolidation",),
    )
    CHECK = (
        "check",
        "verify",
        "check of a finished consolidation: nothing is written to the workspace",
        "Still intact",
        "Still intact: every required criterion passed, and the workspace was not written to.",
        "",
        ("only judges",),
    )
    ROLLBACK = (
        "rollback",
        "rollback",
        "rollback, for real",
        "Rolled back",
        "Rolled back: everything is as it was before the migration.",
        "verify",
    )
    ORIGINALS = (
        "originals",
        "verify",
        "comparison with the originals: nothing is written to the workspace",
        "Confirmed by its originals",
        "Confirmed by its originals: each criterion that they can answer passed, and the workspace was not written to.",
        "",
        ("only judges",),
    )
    BUNDLE = (
        "bundle",
        "verify",
        "check of a bundle: no workspace is read",
        "Bundle consistent",
        "The bundle is complete and consistent.",
        "",
        ("only judges",),
    )
    INVENTORY = (
        "inventory",
        "inventory",
        "inventory: only a proposed plan and its JSON Schema are written to the workspace",
        "Inventory taken",
        "Inventory taken: no database was changed.",
        "verify",
    )
    SELFTEST = (
        "selftest",
        "selftest",
        "selftest, on copies: the workspace is not written to",
        "Checks can fail",
        "Every fault that was planted into a run on a copy was noticed.",
        "",
        ("only judges",),
    )

    @classmethod
    def of_verb(cls, verb: str) -> Mode:
        """Return the mode of a verb before a workspace is opened.

        The mode of ``verify`` is a rehearsal here. It becomes a check if the opened workspace is consolidated.
        """
        return next(mode for mode in cls if mode.verb == verb)

    @classmethod
    def named(cls, value: str) -> Mode:
        """Return the mode with a value.

        Raises:
            KeyError: No mode has this value.
        """
        return {mode.value: mode for mode in cls}[value]

    @property
    def in_evidence(self) -> str:
        """Return the name of the mode in ``evidence.json``.

        A check by originals and a check of a bundle are called a check there.
        """
        return Mode.CHECK if self in (Mode.ORIGINALS, Mode.BUNDLE) else self
