"""List the criteria of an accepted consolidation that may be "not required"."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.chosen.rows_chosen import ALL_ROWS_MOVE
from sqlite_consolidate.engine.checks.comparison.compare_neighbours import REBUILT_INDEX, STALE_INDEX
from sqlite_consolidate.engine.checks.derived.derived_right import NOTHING_DERIVED
from sqlite_consolidate.engine.checks.renumbering.key_texts import NO_NEW_KEY, UNSTATED_KEYS
from sqlite_consolidate.engine.code.remaining import NOTHING_SCANNED, SCANNED
from sqlite_consolidate.engine.code.source_files import is_python
from sqlite_consolidate.engine.criteria.preflight import NO_APPROVAL
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.plan.patterns import stated_rows
from sqlite_consolidate.report.bundle_check.facts.database_facts import (
    databases_before,
    moved_rows,
    tables_after,
)
from sqlite_consolidate.report.bundle_check.facts.fact import Fact
from sqlite_consolidate.report.bundle_check.facts.file_facts import rewritten_files
from sqlite_consolidate.report.bundle_check.facts.key_facts import table_map_of
from sqlite_consolidate.report.signing.plan_approval import APPROVED
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.report.bundle_check.facts.file_facts import Statements
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record

_NOTHING = "nothing demanded"
_NO_OBJECT = "neither the plan nor the target has a trigger or a view"


@dataclass(frozen=True)
class _Reason:
    """Hold a reason why nothing was demanded.

    Attributes:
        holds: Whether the reason applies to the run.
        criteria: Ids of the criteria that may give it.
        subject: Subject of their entries.
        reason: What their entries observe.
    """

    holds: bool
    criteria: tuple[str, ...]
    subject: str
    reason: str


def not_required_facts(plan: Plan, record: Record, contents: BundleContents, statements: Statements) -> list[Fact]:
    """Return each entry that may state that nothing was demanded of it."""
    listed = [
        *_of_databases(plan, record),
        *_of_deleted_archives(record),
        *_of_plan(plan, record),
        *_of_schema(record, statements),
        *_of_code(plan, record, contents),
    ]
    known = [
        Fact(criterion, excuse.subject, _NOTHING, excuse.reason)
        for excuse in listed
        if excuse.holds
        for criterion in excuse.criteria
    ]
    return [*known, *_of_rehearsal(plan, record), *_of_approval(record)]


def _of_databases(plan: Plan, record: Record) -> Iterator[_Reason]:
    copies = ("integrity-before", "backup-digest", "dump-reloads")
    yield _Reason(not databases_before(record), copies, "databases", "no database of the plan exists")
    yield _Reason(not plan.dump, ("dump-reloads",), "SQL dumps", "the plan asks for none (dump = false)")
    yield _Reason(not record.sources, ("nothing-left-behind",), "sources", "no source of the plan exists")
    reason = "there was no source to archive"
    yield _Reason(not record.sources, ("archived", "no-late-writes"), "sources", reason)
    yield _Reason(not record.sources, ("archive-restorable",), "archives", reason)
    new = record.target is None or record.target.size is None
    yield _Reason(new, ("neighbours-unchanged",), "target", "there was no target before this run")
    nothing = not tables_after(record)
    yield _Reason(nothing, ("no-side-effects",), "databases", "the workspace has no table and no database")


def _of_deleted_archives(record: Record) -> Iterator[_Reason]:
    """Yield the reason of each archive that was deleted together with its backup set."""
    is_deleted = any(finding.id == "backup-set-deleted" for finding in record.findings)
    for subject in {entry.subject for entry in record.criteria if entry.criterion == "archives-unchanged"}:
        yield _Reason(is_deleted, ("archives-unchanged",), subject, "it was deleted, as the backup set was")


def _of_plan(plan: Plan, record: Record) -> Iterator[_Reason]:
    preflight = ("values-fit", "keys-free", "parents-follow", "derived-declared")
    yield _Reason(not record.moves, preflight, "plan", "the plan moves no table")
    for entry in plan.stale:
        yield _Reason(bool(record.moves), ("neighbours-unchanged",), entry.name, STALE_INDEX)
    for rebuild in plan.rebuilds:
        yield _Reason(holds=True, criteria=("neighbours-unchanged",), subject=rebuild.table, reason=REBUILT_INDEX)
    yield _Reason(not (plan.rebuilds or plan.refreshes), ("derived-right",), "plan", NOTHING_DERIVED)
    stated_keys = any(
        table.keys_ == "renumber" or table.renumber or table.match for source in plan.sources for table in source.tables
    )
    is_kept = not (record.key_maps or (stated_keys and record.moves))
    yield _Reason(is_kept, ("keys-mapped",), "plan", NO_NEW_KEY)
    yield _Reason(record.mode is Mode.ORIGINALS, ("keys-mapped",), "plan", UNSTATED_KEYS)
    maps = (table_map_of(plan, move) for move in record.moves)
    moves_all = not any(table_map and table_map.moves_some_rows for table_map in maps)
    yield _Reason(moves_all, ("rows-chosen",), "plan", ALL_ROWS_MOVE)
    none = "the sources bring no table"
    yield _Reason(not record.moves, ("rows-counted", "rows-exact", "references-kept", "no-duplicates"), "target", none)
    known = {source.name for source in record.sources}
    stated = stated_rows(plan)
    unstated = "the plan states no number of rows"
    yield _Reason(not stated, ("rows-as-stated",), "plan", unstated)
    yield _Reason(not moved_rows(plan, record), ("rows-expected",), "plan", unstated)
    absent = "the source is absent, and optional in the plan"
    for each in stated:
        is_absent = all(printable(file.name) not in known for file in each.files)
        yield _Reason(each.source.optional and is_absent, ("rows-as-stated",), each.subject, absent)
    yield _Reason(not plan.logs.files, ("logs-clean",), "logs", "the plan names no log files")
    yield _Reason(bool(plan.logs.files), ("logs-clean",), ", ".join(plan.logs.files), "no log file exists")


def _of_schema(record: Record, statements: Statements) -> Iterator[_Reason]:
    yield _Reason(not statements.number, ("names-free",), "plan", "the plan creates nothing in the target")
    none = "no table is to be created or to receive rows"
    yield _Reason(not record.moves and "table" not in statements.creating, ("tables-created",), "plan", none)
    no_index = "index" not in statements.creating
    yield _Reason(no_index, ("indexes-created",), "target", "the plan creates no index")
    no_object = not {"trigger", "view"} & statements.creating.keys()
    yield _Reason(no_object, ("triggers-in-place", "final-digest"), "target", _NO_OBJECT)


def _of_code(plan: Plan, record: Record, contents: BundleContents) -> Iterator[_Reason]:
    named = "the plan names no reference"
    yield _Reason(not plan.references, ("references-updated", "final-references"), "code", named)
    yield _Reason(not (plan.references or plan.inserts), ("references-found",), "plan", named)
    files = rewritten_files(contents)
    python = files is None or any(map(is_python, files))
    yield _Reason(files is None or not python, ("code-compiles",), "code", "no Python file was rewritten")
    scanned = "there is no text file to scan; 0 files read, none does"
    too_large = sum(finding.count for finding in record.findings if finding.id == "not-scanned")
    scanned += f"; {too_large} files not read: too large" if too_large else ""
    yield _Reason(not _scans_code(plan), ("references-complete",), SCANNED, NOTHING_SCANNED)
    yield _Reason(not _scans_code(plan), ("no-stale-references", "final-references"), "scanned files", scanned)


def _scans_code(plan: Plan) -> bool:
    """Return whether a scanned folder has a file that the plan names.

    Then there was a file to scan.
    """
    paths = [posixpath.normpath(path) for path in plan.scan.paths]
    named = [*(reference.file for reference in plan.references), *(insert.file for insert in plan.inserts)]
    files = list(map(posixpath.normpath, named))
    return any(path in (".", file) or file.startswith(f"{path}/") for path in paths for file in files)


def _of_approval(record: Record) -> Iterator[Fact]:
    reason = "a rehearsal needs no approval" if record.mode is Mode.REHEARSAL else NO_APPROVAL
    yield Fact(APPROVED, record.plan["path"], _NOTHING, reason)


def _of_rehearsal(plan: Plan, record: Record) -> Iterator[Fact]:
    subject = record.plan["path"]
    if record.mode is Mode.REHEARSAL:
        yield Fact("rehearsed", subject, _NOTHING, "this run is the rehearsal")
    elif plan.require_rehearsal is None:
        known = "|".join(re.escape(attempt.run) for attempt in record.attempts if attempt.mode is Mode.REHEARSAL)
        reasons = rf"(; ({known}) passed at .*|, and (no report of one can be used: .*|there is no report of one))"
        yield Fact("rehearsed", subject, _NOTHING, f"the plan demands no rehearsal{reasons}", is_pattern=True)
