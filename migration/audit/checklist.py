"""Checklist: the steps of a change as they are ticked off, each by the evidence that this run has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.audit.answers import Answer, answer, applications, standings, tests_passing

if TYPE_CHECKING:
    from migration.audit.answers import Standing
    from migration.audit.evidence import Record

_STEPS = {
    "Pre-migration": (
        ("The plan is valid, the sources hold what it states", ("plan-valid", "sources-readable", "rows-as-stated")),
        ("Sources and target are intact", ("integrity-before",)),
        ("No other process uses them", ("no-other-process",)),
        ("There is room for backups and growth", ("space",)),
        ("No table, name, value or key stands in the way", (
            "nothing-left-behind", "names-free", "values-fit", "keys-free", "references-found",
        )),
        ("All original databases are backed up, each copy compared", ("backup-complete", "backup-digest")),
        ("The SQL dumps load again, with the same content", ("dump-reloads",)),
    ),
    "Migration": (
        ("Tables and indexes are created", ("tables-created", "indexes-created", "schema-as-planned")),
        ("Rows are copied and counted", ("rows-counted", "rows-expected")),
        ("Everything is compared before COMMIT", (
            "rows-exact", "no-duplicates", "foreign-keys", "integrity", "neighbours-unchanged", "triggers-in-place",
            "size-reasonable",
        )),
        ("The transaction is committed", ("committed",)),
        ("The code is updated", ("references-updated", "no-stale-references", "code-compiles")),
    ),
    "Post-migration": (
        ("The logs have no new error, and no application changed a database", ("logs-clean", "no-side-effects")),
        ("The old databases are archived, and can be restored", ("archived", "archive-restorable", "no-late-writes")),
    ),
    "Final validation": (
        ("The target, read again, is what was verified", ("final-digest", "target-right")),
        ("The archives are unchanged, and no old database came back", ("archives-unchanged", "no-old-database")),
        ("Nothing names an old database", ("still-no-stale-references",)),
        ("Backup location, rollback procedure and record are written", ("record-written",)),
        ("Everything is as it was before", ("restored-exact",)),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """One part of the checklist, with the lines that this kind of run can tick."""

    name: str
    steps: tuple[Answer, ...]


def checklist(record: Record) -> list[Phase]:
    """Return the phases in order, those of another kind of run left out; a line is ticked only by what was shown."""
    known = standings(record)
    phases = []
    for name, steps in _STEPS.items():
        lines = [answer(step, ids, known) for step, ids in steps]
        if name == "Pre-migration" and record.mode == "migrate":
            lines += [_approved(record), _rehearsed(record)]
        if name == "Post-migration":
            lines[:0] = applications(record, known)
        if name == "Final validation":
            lines.append(tests_passing(record))
        asked = tuple(line for line in lines if line.standing)
        if asked:
            phases.append(Phase(name, asked))
    return phases


def _approved(record: Record) -> Answer:
    approved = record.change.get("approved_by")
    said = f"The change is approved, says the plan: by {approved}" if approved else "The change is approved"
    return Answer(said, _there(approved), {}, section="glance")


def _rehearsed(record: Record) -> Answer:
    return Answer(
        "The plan was rehearsed, its rollback included", _there(record.rollback.get("drilled")), {}, section="glance"
    )


def _there(value: str | None) -> Standing:
    return "shown" if value else "not shown"
