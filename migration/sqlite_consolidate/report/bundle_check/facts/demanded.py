"""List the entries that the evidence of an accepted consolidation must have.

The plan and the moved tables determine them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.checks.matching.matched_rows_proof import matched_subject
from sqlite_consolidate.engine.criteria.committed import DOCUMENTS
from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.plan.patterns import backup_names
from sqlite_consolidate.report.bundle_check.facts.database_facts import (
    is_proved_by_pages,
    moved_into,
    moved_rows,
    uncompared_indexes,
)
from sqlite_consolidate.report.bundle_check.facts.key_facts import table_map_of
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.report.evidence import MoveRecord, Record


@dataclass(frozen=True, slots=True)
class Demand:
    """Hold one entry that must be in the evidence.

    Attributes:
        criterion: Id of the criterion.
        subject: Subject of the entry, as the check names it; empty if any subject will do.
        number: Smallest number of such entries.
        begins: Whether ``subject`` is only the beginning of the subject of the entry.
    """

    criterion: str
    subject: str
    number: int = 1
    begins: bool = False

    def is_met_at_once(self, known: Collection[tuple[str, str]]) -> bool:
        """Return whether this demand needs only one entry, and the known entries have it.

        Args:
            known: Criterion and folded subject of each entry that passed.
        """
        return self.number == 1 and (self.criterion, folded(printable(self.subject))) in known

    def is_met_by(self, subjects: Iterable[str]) -> bool:
        """Return whether enough passed entries of the criterion have this subject.

        The case of letters is ignored, as SQLite ignores it in names.
        """
        wanted = folded(printable(self.subject))
        same = str.startswith if self.begins or not wanted else str.__eq__
        return sum(same(folded(subject), wanted) for subject in subjects) >= self.number


def demanded_entries(plan: Plan, record: Record) -> Iterator[Demand]:
    """Yield each entry that the evidence must have, and that must have passed."""
    present = [source.file for source in record.sources]
    existed = record.target is not None and record.target.size is not None
    databases = [plan.target, *present] if existed else present
    yield from _of_databases(plan, record, databases)
    yield from _of_tables(plan, record)
    yield from _of_target(plan, record)
    yield from _of_applications(plan)
    for file in present:
        yield Demand("nothing-left-behind", file)
        yield Demand("archived", file)
        yield Demand("no-late-writes", file)
        yield Demand("archive-restorable", record.archive.get(file, f"archive of {file}"))
    for name in DOCUMENTS if record.backup_set else ():  # a rehearsal has rolled back its backup set
        yield Demand("record-written", f"{record.backup_set}/{name}")
    yield Demand("record-written", "", len(DOCUMENTS) + 1)


def absent_sources(plan: Plan, record: Record) -> list[str]:
    """Return the files of required sources that the record does not know."""
    known = {source.name for source in record.sources}
    return [source.file for source in plan.sources if not source.optional and printable(source.name) not in known]


def absent_moves(plan: Plan, record: Record) -> list[str]:
    """Return file and table of each planned table that was not moved.

    Tables of sources that are not in the record are not listed.
    """
    known = {source.name: set(map(folded, source.rows)) for source in record.sources}
    moved = {(move.source, folded(move.table), folded(move.into)) for move in record.moves}
    rebuilt = {_compared_name(entry.table) for entry in plan.rebuilds}  # no row of an index is copied
    return [
        f"{source.file}:{table.name}"
        for source in plan.sources
        if printable(source.name) in known
        for table in source.tables
        if (printable(source.name), _compared_name(table.name), _compared_name(table.into)) not in moved
        and _compared_name(table.into) not in rebuilt
        and not (source.is_of_pattern and _compared_name(table.name) not in known[printable(source.name)])
    ]


def _compared_name(name: str) -> str:
    """Return the name of a table in the form in which plan and evidence are compared.

    Evidence has only printable texts, and SQLite ignores the case of letters in names.
    """
    return folded(printable(name))


def _of_databases(plan: Plan, record: Record, present: list[str]) -> Iterator[Demand]:
    for file in dict.fromkeys([plan.target, *(source.file for source in plan.sources)]):
        yield Demand("sources-readable", file)
    for file in present:
        yield Demand("integrity-before", file)
        yield Demand("backup-complete", file)
        yield Demand("backup-digest", file)
        if record.mode is Mode.REHEARSAL:
            yield Demand("restored-exact", file)
    known = set(present)
    databases = [database for database in (record.target, *record.sources) if database and database.file in known]
    names = backup_names(database.name for database in databases).values()
    yield from (Demand("dump-reloads", f"databases/{name}.sql") for name in names if plan.dump)


def _of_tables(plan: Plan, record: Record) -> Iterator[Demand]:
    by_target: defaultdict[str, list[MoveRecord]] = defaultdict(list)
    for move in record.moves:
        by_target[move.into].append(move)
        yield Demand("rows-counted", f"{move.subject} -> {move.into}")
        table_map = table_map_of(plan, move)
        if table_map and table_map.moves_some_rows:
            yield Demand("rows-chosen", f"{move.subject} -> {move.into}")
        if table_map and table_map.match:
            yield Demand("keys-mapped", matched_subject(move.subject, move.into, table_map.match))
    for stated, _ in moved_rows(plan, record):
        yield Demand("rows-as-stated", stated.subject)
        yield Demand("rows-expected", stated.subject)
    for into, moves in by_target.items():
        yield Demand("tables-created", into)
        yield Demand("rows-counted", f"target: {into}")
        yield Demand("rows-exact", moved_into(plan, moves))
        yield Demand("no-duplicates", f"{into} (", begins=True)
    if record.moves:
        yield Demand("references-kept", "")
    yield from (Demand("tables-created", table.name) for table in plan.tables)


def _of_target(plan: Plan, record: Record) -> Iterator[Demand]:
    yield Demand("schema-as-planned", "target: tables")
    yield Demand("integrity", "target: integrity_check")
    if is_proved_by_pages(plan, record):
        yield Demand("final-digest", "target: integrity_check")
    yield Demand("size-reasonable", "target")
    yield Demand("committed", plan.target)
    yield Demand("final-digest", "target: tables")
    receiving = {folded(move.into) for move in record.moves} | {HISTORY} | uncompared_indexes(record)
    for table in record.target.rows if record.target else ():
        if folded(table) not in receiving:
            yield Demand("neighbours-unchanged", table)
    for table in record.target.rows_after if record.target else ():
        if folded(table) != HISTORY:
            yield Demand("final-digest", f"target: {table}")
    for file in dict.fromkeys(reference.file for reference in plan.references):
        yield Demand("references-updated", file, sum(reference.file == file for reference in plan.references))


def _of_applications(plan: Plan) -> Iterator[Demand]:
    """Yield the demands of each smoke test.

    A smoke test has one entry for its end within the time limit, one for its exit status, and one for each output that
    the plan expects.
    """
    for test in plan.smoke:
        expected = (test.expect.stdout, test.expect.lines)
        number = 2 + sum(bool(text) or text == 0 for text in expected)
        yield Demand(f"{SMOKE}{printable(test.name)}", "", number)
