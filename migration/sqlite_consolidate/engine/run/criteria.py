"""List the criteria of acceptance, with the stage and the meaning of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.stages import (
    ARCHIVE,
    BACKUP,
    BUNDLE,
    CHECK,
    COMMIT,
    FINAL,
    INVENTORY,
    ORIGINALS,
    PREFLIGHT,
    REFERENCES,
    ROLLBACK,
    SCHEMA,
    SELFTEST,
    STAGES,
    TRANSFER,
    VERIFY,
    Stage,
)
from sqlite_consolidate.engine.run.stages import SMOKE as APPLICATIONS
from sqlite_consolidate.observation import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence


class Question(Enum):
    """Name the success criteria in the user's words and order.

    The name of the target replaces ``{target}``.
    """

    BACKED_UP = "All original databases backed up"
    CREATED = "All tables created in {target}"
    COUNTED = "All record counts match 100 %"
    CODE = "Code updated to use {target}"
    APPLICATIONS = "Applications work"
    LOGS = "No new errors in the logs"
    EXACT = "No data loss or corruption"
    ARCHIVED = "Old databases archived"
    UNDONE = "Everything is as it was before"


class Step(Enum):
    """Name the lines of a change's checklist in order, each with its phase."""

    PLAN = ("Pre-migration", "The plan is valid, and the sources have the rows that it states")
    INTACT = ("Pre-migration", "Sources and target are intact")
    UNUSED = ("Pre-migration", "No other process uses the target or a source")
    SPACE = ("Pre-migration", "There is enough space for backups and growth")
    FREE = ("Pre-migration", "No table, name, value or key is in conflict")
    BACKED_UP = ("Pre-migration", "All original databases are backed up, and each copy equals its original")
    CREATED = ("Migration", "Tables and indexes are created")
    COPIED = ("Migration", "Rows are copied and counted")
    COMPARED = ("Migration", "The target is compared with the sources before COMMIT")
    DUMPED = ("Migration", "Each SQL dump, loaded again, equals its original")
    COMMITTED = ("Migration", "The transaction is committed")
    CODE = ("Migration", "The code is updated")
    QUIET = ("Post-migration", "The logs have no new error, and no application changed a database")
    ARCHIVED = ("Post-migration", "The old databases are archived, and can be restored")
    FINAL = ("Final validation", "The target, read again, equals the state that was verified")
    ARCHIVES = ("Final validation", "The archives are unchanged, and no old database exists again")
    UNNAMED = ("Final validation", "No scanned file names an old database")
    RECORDED = ("Final validation", "Backup location, rollback procedure and record are written")
    UNDONE = ("Final validation", "Everything is as it was before")

    @property
    def phase(self) -> str:
        """Return the phase of the change."""
        return self.value[0]

    @property
    def text(self) -> str:
        """Return the line of the checklist."""
        return self.value[1]


SMOKE = "smoke:"
"""Prefix of the criterion id of a smoke test, followed by the name of the test."""

CAN_FAIL = "can-fail:"
"""Prefix of a criterion id of the self-test, followed by the id of the criterion that has to refuse a fault."""

FAULTLESS = "faultless"


@dataclass(frozen=True)
class Criterion:
    """Describe a sentence that must hold for acceptance.

    Attributes:
        id: Id from the design, such as ``"rows-exact"``.
        stage: Stage whose results it judges.
        sentence: Sentence that holds if the criterion passed.
        question: Question of the user that it answers, if any.
        step: Line of the checklist that it ticks, if any.
        requires: Ids of criteria of the same stage without which it cannot pass.
        by_originals: Whether it can judge a consolidation that this project did not make.
        relations: Allowed relations of its passed entries. It is empty if any relation is allowed.
        is_open: Whether its entries may name what no other part of a bundle tells. Otherwise a ``Fact`` states each.
    """

    id: str
    stage: Stage
    sentence: str
    question: Question | None = None
    step: Step | None = None
    requires: tuple[str, ...] = ()
    by_originals: bool = False
    relations: tuple[Relation, ...] = ()
    is_open: bool = False


@dataclass(frozen=True)
class Family:
    """Describe criteria of one kind, whose number depends on the plan or the run.

    Attributes:
        prefix: Prefix of each id, followed by a name.
        stage: Stage whose results they judge.
        sentence: Sentence that holds if one of them passed.
        question: Question of the user that they answer, if any.
        requires: Ids of criteria of the same stage without which none of them can pass.
        of_criteria: Whether each name is the id of a criterion, whose sentence follows that of the family.
    """

    prefix: str
    stage: Stage
    sentence: str
    question: Question | None = None
    requires: tuple[str, ...] = ()
    of_criteria: bool = False

    def member(self, name: str) -> Criterion:
        """Return the criterion with a name.

        Raises:
            KeyError: The name must be the id of a criterion, and is not.
        """
        sentence = f"{self.sentence} {criterion_named(name).sentence}" if self.of_criteria else self.sentence
        return Criterion(f"{self.prefix}{name}", self.stage, sentence, self.question, requires=self.requires)


_EQUAL, _AT_MOST = (Relation.EQUAL,), (Relation.AT_MOST,)
_PLAN = ("plan-valid",)
_READ = ("plan-valid", "sources-readable", "integrity-before")

_CRITERIA = (
    Criterion("databases-found", INVENTORY, "There is at least one SQLite database in the workspace."),
    Criterion("plan-proposed", INVENTORY, "The proposed plan is valid, or marks each decision that is open."),
    Criterion("only-looked", INVENTORY, "Every database, its -wal and its journal are as they were before."),
    Criterion("plan-valid", PREFLIGHT, "The plan has format 1 and no mistake.",
              step=Step.PLAN, by_originals=True, relations=_EQUAL),
    Criterion("sources-readable", PREFLIGHT, "Every source exists, is a database, and can be read.",
              step=Step.PLAN, requires=_PLAN),
    Criterion("integrity-before", PREFLIGHT, "Sources and target are intact before anything is done.",
              step=Step.INTACT, requires=_PLAN, relations=_EQUAL),
    Criterion("no-other-process", PREFLIGHT, "No other process uses the target or a source.",
              step=Step.UNUSED, requires=_PLAN),
    Criterion("space", PREFLIGHT, "There is enough space for backups, dumps and growth, and the folders are writable.",
              step=Step.SPACE, requires=_PLAN, is_open=True),
    Criterion("nothing-left-behind", PREFLIGHT, "Every table with rows is moved, or left with a reason.",
              Question.EXACT, Step.FREE, requires=_PLAN),
    Criterion("names-free", PREFLIGHT, "Every name that the run creates is free, or the plan states another one.",
              step=Step.FREE, requires=_READ),
    Criterion("values-fit", PREFLIGHT, "The target has every column by its name, and its types change no value.",
              Question.EXACT, Step.FREE, requires=_READ),
    Criterion("keys-free", PREFLIGHT, "No two rows have the same key, or the plan states which row stays.",
              step=Step.FREE, requires=_READ),
    Criterion("derived-declared", PREFLIGHT,
              "What triggers and search indexes derive from moved rows is current, or the plan accepts it as stale.",
              Question.EXACT, Step.FREE, requires=_READ),
    Criterion("rows-as-stated", PREFLIGHT, "Each source table has the number of rows that the plan states.",
              Question.COUNTED, Step.PLAN, requires=_PLAN, relations=_EQUAL),
    Criterion("references-found", PREFLIGHT, "Every reference in the plan is in the code exactly as stated.",
              Question.CODE, Step.FREE, requires=_PLAN),
    Criterion("references-complete", PREFLIGHT, "Every mention of an old database is replaced by the plan, or exempt.",
              Question.CODE, Step.FREE, requires=_PLAN),
    Criterion("parents-follow", PREFLIGHT, "Each moved row refers to the same row as before.",
              Question.EXACT, Step.FREE, requires=_READ),
    Criterion("rehearsed", PREFLIGHT, "A rehearsal of exactly this plan passed within the time that the plan states.",
              requires=_PLAN),
    Criterion("approved", PREFLIGHT, "An allowed signer signed the plan, and is not the one who signs the run.",
              requires=_PLAN),
    Criterion("backup-complete", BACKUP, "All original databases and code files are backed up.",
              Question.BACKED_UP, Step.BACKED_UP, relations=_EQUAL),
    Criterion("backup-digest", BACKUP, "Each backup, read again, has the content of its original.",
              Question.BACKED_UP, Step.BACKED_UP, relations=_EQUAL),
    Criterion("tables-created", SCHEMA, "All planned tables exist in the target.",
              Question.CREATED, Step.CREATED, by_originals=True, relations=_EQUAL, is_open=True),
    Criterion("indexes-created", SCHEMA, "All planned indexes exist, each on its own table.",
              Question.CREATED, Step.CREATED, by_originals=True, relations=_EQUAL, is_open=True),
    Criterion("schema-as-planned", SCHEMA,
              "Columns, keys and constraints are as planned; differences from the source are named.",
              Question.CREATED, Step.CREATED, by_originals=True, relations=_EQUAL),
    Criterion("rows-counted", TRANSFER, "All record counts of sources and target match (100 %).",
              Question.COUNTED, Step.COPIED, by_originals=True),
    Criterion("rows-expected", TRANSFER, "The run copied as many rows of each table as the plan states.",
              Question.COUNTED, Step.COPIED, relations=_EQUAL),
    Criterion("rows-exact", VERIFY, "Every row arrived with its values, types and bytes, as often as in its source.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=(*_EQUAL, Relation.AT_LEAST)),
    Criterion("rows-chosen", VERIFY, "The moved rows are exactly those that the plan chooses by where and follows.",
              Question.EXACT, Step.COMPARED, relations=_EQUAL),
    Criterion("keys-mapped", VERIFY, "New keys are above all that were taken, and each reference has the same offset.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=_EQUAL),
    Criterion("references-kept", VERIFY, "Each moved row reaches the row that its parent became.",
              Question.EXACT, Step.COMPARED, relations=_EQUAL),
    Criterion("no-duplicates", VERIFY, "No row exists twice, within a source or across sources.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=_EQUAL),
    Criterion("foreign-keys", VERIFY, "No row lost the parent row of its foreign key.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=(*_EQUAL, *_AT_MOST)),
    Criterion("integrity", VERIFY, "The target is intact (integrity_check).",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=_EQUAL),
    Criterion("neighbours-unchanged", VERIFY, "Every table that the target had before is unchanged.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=_EQUAL),
    Criterion("triggers-in-place", VERIFY,
              "Every trigger and view exists with exactly its SQL text, and no trigger fired during the copy.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=_EQUAL, is_open=True),
    Criterion("derived-right", VERIFY,
              "What the run rebuilt or set again agrees with the rows from which it is derived.",
              Question.EXACT, Step.COMPARED, by_originals=True, relations=_EQUAL),
    Criterion("size-reasonable", VERIFY, "The size of the target is within the limit for the rows that were moved.",
              step=Step.COMPARED, relations=_AT_MOST),
    Criterion("dump-reloads", VERIFY, "Each SQL dump, loaded into an empty database, has the content of its original.",
              Question.BACKED_UP, Step.DUMPED, relations=_EQUAL),
    Criterion("committed", COMMIT, "COMMIT returned, and a new connection reads the run's row of history.",
              Question.EXACT, Step.COMMITTED, relations=_EQUAL),
    Criterion("references-updated", REFERENCES, "The code uses the target.",
              Question.CODE, Step.CODE, by_originals=True),
    Criterion("no-stale-references", REFERENCES, "No scanned file names an old database any more.",
              Question.CODE, Step.CODE, by_originals=True),
    Criterion("code-compiles", REFERENCES, "Every rewritten file is valid Python.",
              Question.CODE, Step.CODE, relations=_EQUAL),
    Criterion("logs-clean", APPLICATIONS, "The logs have no new line that reports an error.",
              Question.LOGS, Step.QUIET),
    Criterion("no-side-effects", APPLICATIONS,
              "The applications changed no database unless the plan allows it, and no file on which the run relies.",
              Question.EXACT, Step.QUIET),
    Criterion("archived", ARCHIVE, "Each old database has the name of its archive, and no file has its old name.",
              Question.ARCHIVED, Step.ARCHIVED, relations=_EQUAL),
    Criterion("archive-restorable", ARCHIVE,
              "Each archive has the content of its source under any name, and without a file beside it.",
              Question.ARCHIVED, Step.ARCHIVED, relations=_EQUAL),
    Criterion("no-late-writes", ARCHIVE, "No process wrote to a source between copy and archive.",
              Question.ARCHIVED, Step.ARCHIVED, relations=_EQUAL),
    Criterion(FAULTLESS, SELFTEST, "Without a fault, runs on copies of the workspace are accepted."),
    Criterion("final-digest", FINAL,
              "The target, read through a new connection, equals the state that was verified before COMMIT.",
              Question.EXACT, Step.FINAL, relations=_EQUAL, is_open=True),
    Criterion("final-references", FINAL,
              "The code, read again, uses the target, and no scanned file names an old database.", is_open=True),
    Criterion("backup-kept", FINAL, "Every file of the backup set is still as the run has written it.",
              is_open=True),
    Criterion("record-written", FINAL,
              "Backup location, rollback procedure and the record of the run are in the backup set.",
              step=Step.RECORDED, relations=_EQUAL),
    Criterion("bundle-whole", BUNDLE, "The bundle has every file as its run left it (sha256), and no other file."),
    Criterion("evidence-valid", BUNDLE, "The evidence is valid by its schema, and this release knows that schema."),
    Criterion("verdict-follows", BUNDLE, "The verdict follows from the criteria and the stages."),
    Criterion("evidence-consistent", BUNDLE,
              "No entry contradicts itself or another entry, and no entry that the plan demands is missing."),
    Criterion("counts-add-up", BUNDLE, "For each table, the rows before and the rows moved add up to the rows after."),
    Criterion("files-agree", BUNDLE, "Manifest, summary, page, tests and plan agree with the evidence."),
    Criterion("bundle-signed", BUNDLE, "Allowed signers signed manifest and approved plan, as far as demanded."),
    Criterion("restored-exact", ROLLBACK, "Databases, code and file names are as they were before the run.",
              Question.UNDONE, Step.UNDONE, relations=_EQUAL),
    Criterion("archives-unchanged", CHECK, "Each archive exists and is unchanged.",
              Question.ARCHIVED, Step.ARCHIVES, relations=_EQUAL),
    Criterion("target-right", CHECK,
              "The target still has all that was moved into it, and the report counts rows that changed since.",
              Question.EXACT, Step.FINAL, relations=_EQUAL),
    Criterion("no-old-database", CHECK, "No old database has been created again under its old name.",
              Question.ARCHIVED, Step.ARCHIVES, relations=_EQUAL),
    Criterion("still-no-stale-references", CHECK, "No scanned file names an old database.",
              Question.CODE, Step.UNNAMED),
)  # fmt: skip

_FAMILIES = (
    Family(SMOKE, APPLICATIONS, "The application works with the consolidated database.",
           Question.APPLICATIONS),
    Family(CAN_FAIL, SELFTEST, "This criterion refuses a run on a copy into which a fault was planted:",
           requires=(FAULTLESS,), of_criteria=True),
)  # fmt: skip

CRITERIA: dict[str, Criterion] = {criterion.id: criterion for criterion in _CRITERIA}
"""Every criterion by id, in the order in which the stages judge them."""


def criterion_named(id: str) -> Criterion:
    """Return the criterion with an id, including those of smoke tests and of the self-test.

    Raises:
        KeyError: There is no such criterion.
    """
    for family in _FAMILIES:
        if id.startswith(family.prefix):
            return family.member(id.removeprefix(family.prefix))
    return CRITERIA[id]


def listed_in(stage: Stage) -> tuple[str, ...]:
    """Return the ids of the criteria that a stage judges with any plan."""
    if stage == ORIGINALS:
        return tuple(criterion.id for criterion in CRITERIA.values() if criterion.by_originals)
    return tuple(criterion.id for criterion in CRITERIA.values() if criterion.stage == stage)


def criteria_in(stage: Stage, applications: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the ids of the criteria that a stage judges.

    Args:
        stage: The stage.
        applications: Names of the plan's smoke tests. Each is a criterion of the stages that run them.
    """
    smoke = tuple(f"{SMOKE}{name}" for name in applications)
    if stage == SELFTEST:
        judged = [id for other in STAGES if other != SELFTEST for id in listed_in(other)]
        return (*listed_in(stage), *(f"{CAN_FAIL}{id}" for id in dict.fromkeys((*judged, *smoke))))
    return (*(smoke if stage.runs_applications else ()), *listed_in(stage))
