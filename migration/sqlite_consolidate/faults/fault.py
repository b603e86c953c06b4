"""Describe what goes wrong in a run, when it is planted, and the criterion that has to fail by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

Undo = Callable[[], object]
Plant = Callable[[Any], Undo | None]


def not_planted(reason: str) -> ProblemError:
    """Return what to raise when the workspace has nothing in which the fault could be planted.

    Args:
        reason: What it lacks: ``"no database has a row"``.
    """
    hint = "Try the fault in a workspace that has it."
    return ProblemError(Problem("not-planted", "the workspace", reason, hint))


class Moment(Enum):
    """When a fault is planted."""

    BEFORE_RUN = "before the run"
    """On the files of a :class:`WorkspaceCopy`."""
    BEFORE_CHECK = "before the check"
    """In the run, whose stage was performed, right before the check of the fault's own criterion."""


@dataclass(frozen=True)
class WorkspaceCopy:
    """A private copy of a workspace before a run.

    Attributes:
        root: Its folder; of the check of a bundle the folder with the bundle.
        plan: What is to be consolidated.
        plan_file: Its file, in the copy.
    """

    root: Path
    plan: Plan
    plan_file: Path


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        criterion: Id of the criterion that has to fail.
        description: What goes wrong, in words.
        plant: Makes it go wrong, in a :class:`WorkspaceCopy` before the run, or in the run before the check. It returns
            what removes again what no rollback could, or None, and raises what :func:`not_planted` returns.
        mode: The run that has to notice it: a migration or an inventory; of a finished consolidation its check or its
            rollback; or the check of its bundle.
        moment: When it is planted.
    """

    criterion: str
    description: str
    plant: Plant
    mode: Mode = Mode.MIGRATE
    moment: Moment = Moment.BEFORE_RUN

    @classmethod
    def in_run(cls, criterion: str, description: str, plant: Plant, mode: Mode = Mode.MIGRATE) -> Self:
        """Return a fault that is planted in a run, right before the check of its criterion."""
        return cls(criterion, description, plant, mode, Moment.BEFORE_CHECK)

    def plant_in(self, subject: object) -> Undo | None:
        """Plant it in a copy of a workspace, or in a run.

        Raises:
            ProblemError: The workspace has nothing in which it could be, or SQLite does not let it happen.
        """
        try:
            return self.plant(subject)
        except sqlite3.Error as error:
            raise not_planted(f"SQLite does not let it happen ({error})") from error

    @property
    def exit_codes(self) -> tuple[ExitCode, ...]:
        """What a run that has noticed it exits with."""
        if self.mode is Mode.ROLLBACK:
            return (ExitCode.INTERNAL,)
        if self.mode.only_judges:
            return (ExitCode.FAILED,)
        if self.moment is Moment.BEFORE_RUN:
            return (ExitCode.REFUSED,)
        # An inventory that had no plan to write has touched nothing.
        return (ExitCode.FAILED, ExitCode.REFUSED) if self.mode is Mode.INVENTORY else (ExitCode.FAILED,)

    @property
    def is_undone(self) -> bool:
        """Whether the copy has to be as it was before, once the run is over."""
        return self.mode in (Mode.MIGRATE, Mode.CHECK)

    @property
    def name(self) -> str:
        """The criterion and the fault, in one line."""
        return f"{self.criterion}: {self.description}"
