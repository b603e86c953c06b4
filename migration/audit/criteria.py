"""The stages and the criteria: what a run does in which order, and the sentences that must hold for acceptance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["migrate", "rehearsal", "check", "rollback", "originals", "bundle", "inventory", "selftest"]


@dataclass(frozen=True)
class Stage:
    """One ordered part of a run.

    Attributes:
        id: Two digits and a name, such as ``"40-transfer"``; its file is ``tests/stages/test_<id with _>.py``.
        does: What it does, in half a sentence.
        modes: The modes of a run that contain it.
    """

    id: str
    does: str
    modes: tuple[Mode, ...]

    @property
    def file(self) -> str:
        """Name of its test file."""
        return f"test_{self.id.replace('-', '_')}.py"


@dataclass(frozen=True)
class Criterion:
    """A sentence that must hold for acceptance.

    Attributes:
        id: As in the design: ``"rows-exact"``. Smoke tests add ``smoke:<name>`` for each one in the plan.
        stage: Id of the stage that judges it.
        sentence: What holds when it is shown.
    """

    id: str
    stage: str
    sentence: str


_RUN: tuple[Mode, ...] = ("migrate", "rehearsal")

STAGES = (
    Stage("05-inventory", "finds the databases, and proposes a plan", ("inventory",)),
    Stage("10-preflight", "reads everything, changes nothing", _RUN),
    Stage("20-backup", "copies databases, dumps and code files into a backup set", _RUN),
    Stage("30-schema", "creates tables and indexes in the target, inside the transaction", _RUN),
    Stage("40-transfer", "copies the rows, source by source", _RUN),
    Stage("50-verify", "compares everything before COMMIT", _RUN),
    Stage("60-commit", "commits: the one point of no return for data", _RUN),
    Stage("70-references", "rewrites the code that named the old databases", _RUN),
    Stage("80-smoke", "runs the applications", _RUN),
    Stage("90-archive", "renames the sources", _RUN),
    Stage("94-selftest", "plants faults into runs on copies, to see that every check can fail", ("selftest",)),
    Stage("95-final", "reads everything again and writes the record", _RUN),
    Stage("96-bundle", "reads a bundle, whenever and wherever it was made, and nothing else", ("bundle",)),
    Stage("97-rollback", "puts everything back, and proves it", ("rehearsal", "rollback")),
    Stage("98-check", "looks whether a finished consolidation is still right", ("check",)),
    Stage("99-originals", "judges a consolidation made by somebody else by its originals", ("originals",)),
)

CRITERIA = (
    Criterion("databases-found", "05-inventory", "There is at least one SQLite database in the workspace."),
    Criterion(
        "plan-proposed", "05-inventory", "The proposed plan passes its own check, or marks what is to be decided."
    ),
    Criterion("only-looked", "05-inventory", "Every database, and what lies beside it, is as it was before."),
    Criterion("plan-valid", "10-preflight", "The plan is a plan of format 1, without a mistake."),
    Criterion("sources-readable", "10-preflight", "Every source is there, is a database, and can be read."),
    Criterion("integrity-before", "10-preflight", "Sources and target are intact before anything is done."),
    Criterion("no-other-process", "10-preflight", "No other process uses the target or a source."),
    Criterion("space", "10-preflight", "There is room for backups, dumps and growth, and the folders can be written."),
    Criterion("nothing-left-behind", "10-preflight", "Every table with rows is moved, or left with a reason."),
    Criterion("names-free", "10-preflight", "Every name that will be created in the target is free, or settled."),
    Criterion(
        "values-fit", "10-preflight", "Columns fit by name, and no value would be changed by the target's types."
    ),
    Criterion("keys-free", "10-preflight", "No two rows claim the same key, or the plan says which one stays."),
    Criterion("rows-as-stated", "10-preflight", "The sources hold the numbers of rows that the plan states."),
    Criterion("references-found", "10-preflight", "Every reference in the plan is in the code exactly as stated."),
    Criterion("rehearsed", "10-preflight", "A rehearsal of this very plan passed, as lately as the plan demands."),
    Criterion("backup-complete", "20-backup", "All original databases and code files are backed up."),
    Criterion("backup-digest", "20-backup", "Each backup, read again, has the content of its original."),
    Criterion(
        "dump-reloads", "20-backup", "Each SQL dump, loaded into an empty database, has the content of its original."
    ),
    Criterion("tables-created", "30-schema", "All planned tables exist in the target."),
    Criterion("indexes-created", "30-schema", "All planned indexes exist, each on its own table."),
    Criterion(
        "schema-as-planned",
        "30-schema",
        "Columns, keys and constraints are as planned; differences from the source are named.",
    ),
    Criterion("rows-counted", "40-transfer", "All record counts match: source and target, 100 %."),
    Criterion("rows-expected", "40-transfer", "The counts are those that the plan states."),
    Criterion(
        "rows-exact", "50-verify", "Every row arrived with its values, types and bytes, as often as it was there."
    ),
    Criterion("no-duplicates", "50-verify", "No row is there twice: within a source, or across sources."),
    Criterion("foreign-keys", "50-verify", "No foreign key points at nothing."),
    Criterion("integrity", "50-verify", "The target is intact (integrity_check)."),
    Criterion("neighbours-unchanged", "50-verify", "Every table that the target had before is unchanged."),
    Criterion(
        "triggers-in-place", "50-verify", "Triggers and views are there, to the letter, and none fired during the copy."
    ),
    Criterion("size-reasonable", "50-verify", "The target has grown by about what was moved."),
    Criterion("committed", "60-commit", "COMMIT returned, and a new connection reads our row of history."),
    Criterion("references-updated", "70-references", "The code uses the target."),
    Criterion("no-stale-references", "70-references", "Nothing in the scanned trees names an old database any more."),
    Criterion("code-compiles", "70-references", "Every rewritten file is valid Python."),
    Criterion("logs-clean", "80-smoke", "The logs have no new line that reports an error."),
    Criterion("no-side-effects", "80-smoke", "The applications changed no database unless the plan allows it."),
    Criterion(
        "archived", "90-archive", "The old databases are archived under their new names, and gone from the old ones."
    ),
    Criterion(
        "archive-restorable", "90-archive", "Each archive, restored to a scratch folder, has the content of its source."
    ),
    Criterion("no-late-writes", "90-archive", "Nobody wrote into a source between copy and archive."),
    Criterion("faultless", "94-selftest", "Without a fault, runs on copies of the workspace are accepted."),
    Criterion(
        "final-digest",
        "95-final",
        "Read through a new connection, the target still is what was verified before COMMIT.",
    ),
    Criterion(
        "record-written",
        "95-final",
        "Backup location, rollback procedure and the record of the run are in the backup set.",
    ),
    Criterion("bundle-whole", "96-bundle", "Every file is there as its run left it (sha256), and no other."),
    Criterion("evidence-valid", "96-bundle", "The evidence is of schema 1."),
    Criterion("verdict-follows", "96-bundle", "The verdict is the one that the criteria and the stages add up to."),
    Criterion("counts-add-up", "96-bundle", "Rows before and rows moved make rows after, table by table."),
    Criterion("files-agree", "96-bundle", "Manifest, summary, page, tests and plan say what the evidence says."),
    Criterion("restored-exact", "97-rollback", "Databases, code and file names are as they were before the run."),
    Criterion("archives-unchanged", "98-check", "The archives are there and unchanged."),
    Criterion(
        "target-right",
        "98-check",
        "The target still has everything that was moved into it; rows changed since are counted.",
    ),
    Criterion("no-old-database", "98-check", "No old database has been created again under its old name."),
    Criterion("still-no-stale-references", "98-check", "Nothing in the scanned trees names an old database."),
)

JUDGED_BY_ORIGINALS = (
    "plan-valid",
    "tables-created",
    "indexes-created",
    "schema-as-planned",
    "rows-counted",
    "rows-exact",
    "no-duplicates",
    "foreign-keys",
    "integrity",
    "neighbours-unchanged",
    "triggers-in-place",
    "references-updated",
    "no-stale-references",
)
"""Ids of the criteria that can be answered without having made the consolidation; the sentences are the same."""


FAULTLESS = "faultless"
CAN_FAIL = "can-fail:"
"""What a selftest shows of a criterion: that a run into which a fault was planted is refused by it."""


def criteria_of(stage: str) -> tuple[str, ...]:
    """Return the ids of the criteria that a stage judges; smoke tests of the plan come in addition."""
    if stage == "99-originals":
        return JUDGED_BY_ORIGINALS
    if stage == "94-selftest":
        return (FAULTLESS, *(CAN_FAIL + criterion.id for criterion in CRITERIA if criterion.id != FAULTLESS))
    return tuple(criterion.id for criterion in CRITERIA if criterion.stage == stage)


SMOKE_SENTENCE = "The application works with the consolidated database."
CAN_FAIL_SENTENCE = "A run on a copy, into which a fault was planted, is refused by this criterion:"
