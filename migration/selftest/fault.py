"""Fault: what goes wrong in a run, where it is planted, and the criterion that has to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.engine.run import Run
    from migration.inventory.taking import Taking
    from migration.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3

Verb = Literal["migrate", "verify", "rollback", "bundle", "inventory"]
Undo = Callable[[], object]
Plant = Callable[[Any], Undo | None]


class NotPlantedError(Exception):
    """This workspace has nothing in which the fault could be planted; the text says what it lacks."""


@dataclass(frozen=True)
class Place:
    """A copy of a workspace before a run, or an unpacked bundle as ``root``, in which a fault is planted."""

    root: Path
    plan: Plan
    plan_file: Path


@dataclass(frozen=True)
class Scene:
    """A run under way, right before the test of a stage in which a fault is planted.

    Attributes:
        run: The run; what it knows and has open is there to be meddled with.
        given: What the test will get, by the names of its arguments; what is put here instead, it gets instead.
    """

    run: Run
    given: dict[str, Any]


@dataclass(frozen=True)
class Look:
    """An inventory under way, right before the test in which a fault is planted."""

    taking: Taking


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        criterion: Id of the criterion that has to refuse.
        does: It in words.
        plant: Makes it go wrong, in a :class:`Scene` (of an inventory a :class:`Look`) where ``at`` is named, else in
            a :class:`Place`. Returns what takes away again what no way back of a run could, or None. Raises
            :class:`NotPlantedError`.
        verb: The run that has to notice: a migration or an inventory; or, of a finished consolidation, its check or its
            rollback; or the check of its bundle.
        at: Name of the stage's test right before which it goes wrong; empty: before the run begins.
    """

    criterion: str
    does: str
    plant: Plant
    verb: Verb = "migrate"
    at: str = ""

    def planted(self, where: Scene | Look | Place) -> Undo | None:
        """Plant it.

        Raises:
            NotPlantedError: The workspace has nothing in which it could be, or SQLite does not let it happen.
        """
        try:
            return self.plant(where)
        except sqlite3.Error as error:
            raise NotPlantedError(f"SQLite does not let it happen ({error})") from error

    @property
    def exit(self) -> int:
        """What the run has to exit with: refused before anything was touched, or failed."""
        return 4 if self.verb in ("migrate", "inventory") and not self.at else 1

    @property
    def name(self) -> str:
        """The criterion and the fault, in one line."""
        return f"{self.criterion}: {self.does}"
