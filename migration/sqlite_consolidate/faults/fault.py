"""Describe a fault, when it is planted, and the criterion that has to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.report.signing.ssh_signatures import make_key, sign

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_consolidate.sqlite_library import sqlite3

Undo = Callable[[], object]
Plant = Callable[[Any], Undo | None]


ALLOWED_SIGNERS = "allowed_signers"
"""File beside the copy of a trial. If it exists, the trial demands a signature of one of its signers."""


def not_planted(reason: str) -> ProblemError:
    """Return the error for a workspace in which the fault cannot be planted.

    Args:
        reason: What the workspace lacks, such as ``"no database has a row"``.
    """
    hint = "Run the self-test in a workspace that has it."
    return ProblemError(Problem("not-planted", "the workspace", reason, hint))


class Moment(Enum):
    """Tell when a fault is planted."""

    BEFORE_RUN = "before the run"
    """Into the files of a :class:`WorkspaceCopy`."""
    BEFORE_CHECK = "before the check"
    """Into the run, after its stage and right before the check of the criterion of the fault."""


@dataclass(frozen=True)
class WorkspaceCopy:
    """Hold a private copy of a workspace before a run.

    Attributes:
        root: Folder of the copy. For the check of a bundle it is the folder with the bundle.
        plan: The plan.
        plan_file: File of the plan, in the copy.
    """

    root: Path
    plan: Plan
    plan_file: Path

    def sign(self, data: bytes) -> bytes:
        """Sign data by a new key, and demand signatures of its signer in the trial.

        Raises:
            ProblemError: There is no ``ssh-keygen``.
        """
        key = self.root.with_name("key")
        try:
            make_key(key)
        except FileNotFoundError:
            raise not_planted("there is no ssh-keygen") from None
        signer = f"selftest {key.with_suffix('.pub').read_text('utf-8')}"
        self.root.with_name(ALLOWED_SIGNERS).write_text(signer, "utf-8")
        return sign(data, key)


@dataclass(frozen=True)
class Fault:
    """Hold one fault.

    Attributes:
        criterion: Id of the criterion that has to fail.
        description: What goes wrong, as a text.
        plant: Plants the fault in a :class:`WorkspaceCopy` before the run, or in the run before the check. It returns a
            function that removes what no rollback removes, or None. It raises what :func:`not_planted` returns.
        mode: The run that has to notice the fault.
        moment: When the fault is planted.
    """

    criterion: str
    description: str
    plant: Plant
    mode: Mode = Mode.MIGRATE
    moment: Moment = Moment.BEFORE_RUN

    @classmethod
    def in_run(cls, criterion: str, description: str, plant: Plant, mode: Mode = Mode.MIGRATE) -> Self:
        """Return a fault that is planted in a run, right before its criterion is checked."""
        return cls(criterion, description, plant, mode, Moment.BEFORE_CHECK)

    def plant_in(self, subject: object) -> Undo | None:
        """Plant the fault in a copy of a workspace, or in a run.

        Raises:
            ProblemError: The workspace has nothing in which the fault can be planted, or SQLite refuses the change.
        """
        try:
            return self.plant(subject)
        except sqlite3.Error as error:
            raise not_planted(f"SQLite refuses the change ({error})") from error

    @property
    def exit_codes(self) -> tuple[ExitCode, ...]:
        """Return the exit codes of a run that has noticed the fault."""
        if self.mode is Mode.ROLLBACK:
            return (ExitCode.INTERNAL,)
        if self.mode.only_judges:
            return (ExitCode.FAILED,)
        if self.moment is Moment.BEFORE_RUN:
            return (ExitCode.REFUSED,)
        # An inventory that writes no plan changes nothing.
        return (ExitCode.FAILED, ExitCode.REFUSED) if self.mode is Mode.INVENTORY else (ExitCode.FAILED,)

    @property
    def is_undone(self) -> bool:
        """Return whether the copy has to be unchanged once the run is over."""
        return self.mode in (Mode.MIGRATE, Mode.CHECK)

    @property
    def name(self) -> str:
        """Return the criterion and the fault in one line."""
        return f"{self.criterion}: {self.description}"
