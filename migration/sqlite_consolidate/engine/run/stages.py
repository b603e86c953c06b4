"""List the stages of a run in order."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_consolidate.engine.run.modes import Mode


@dataclass(frozen=True)
class Stage:
    """Describe one ordered part of a run.

    Attributes:
        id: Two digits and a name, such as ``"40-transfer"``.
        does: Description in half a sentence.
        modes: Modes of a run that contain the stage.
        runs_applications: Whether the smoke tests of the plan are criteria of the stage.
    """

    id: str
    does: str
    modes: tuple[Mode, ...]
    runs_applications: bool = False

    @property
    def file(self) -> str:
        """Return the name of its test file in ``tests/stages``."""
        return f"test_{self.id.replace('-', '_')}.py"


_RUN = tuple(mode for mode in Mode if mode.is_consolidation)

INVENTORY = Stage("05-inventory", "finds the databases, and proposes a plan", (Mode.INVENTORY,))
PREFLIGHT = Stage("10-preflight", "reads everything, changes nothing", _RUN)
BACKUP = Stage("20-backup", "copies databases, dumps and code files into a backup set", _RUN)
SCHEMA = Stage("30-schema", "creates tables and indexes in the target, inside the transaction", _RUN)
TRANSFER = Stage("40-transfer", "copies the rows, source by source", _RUN)
VERIFY = Stage("50-verify", "compares everything before COMMIT", _RUN)
COMMIT = Stage("60-commit", "commits the transaction", _RUN)
REFERENCES = Stage("70-references", "rewrites the code that named the old databases", _RUN)
SMOKE = Stage("80-smoke", "renames the sources, and runs the applications without them", _RUN, runs_applications=True)
ARCHIVE = Stage("90-archive", "reads the renamed sources again", _RUN)
SELFTEST = Stage(
    "94-selftest", "plants faults into runs on copies, to show that every check can fail", (Mode.SELFTEST,)
)
FINAL = Stage("95-final", "reads everything again and writes the record", _RUN)
BUNDLE = Stage("96-bundle", "reads a bundle, and nothing else", (Mode.BUNDLE,))
ROLLBACK = Stage("97-rollback", "rolls everything back, and verifies it", (Mode.REHEARSAL, Mode.ROLLBACK))
CHECK = Stage(
    "98-check", "checks whether a finished consolidation is still intact", (Mode.CHECK,), runs_applications=True
)
ORIGINALS = Stage(
    "99-originals",
    "judges a consolidation of another tool by its originals",
    (Mode.ORIGINALS,),
    runs_applications=True,
)

STAGES = (
    INVENTORY, PREFLIGHT, BACKUP, SCHEMA, TRANSFER, VERIFY, COMMIT, REFERENCES, SMOKE, ARCHIVE, SELFTEST, FINAL,
    BUNDLE, ROLLBACK, CHECK, ORIGINALS,
)  # fmt: skip


def stages_of(mode: Mode | None) -> tuple[Stage, ...]:
    """Return the stages of a mode in order.

    Without a mode there are none.
    """
    return tuple(stage for stage in STAGES if mode in stage.modes)


def stage_named(id: str) -> Stage | None:
    """Return the stage with an id, or None."""
    return next((stage for stage in STAGES if stage.id == id), None)
