"""Check the entries of the evidence for contradictions and for missing ones."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import Observation, Outcome, Relation, not_required
from sqlite_consolidate.report.bundle_check.agreement import agreement, not_of_known_schema
from sqlite_consolidate.report.bundle_check.applications import contradictions_of_applications
from sqlite_consolidate.report.bundle_check.attempts import contradictions_of_attempts
from sqlite_consolidate.report.bundle_check.facts.demanded import absent_moves, absent_sources, demanded_entries
from sqlite_consolidate.report.bundle_check.facts.fact import content_text
from sqlite_consolidate.report.bundle_check.facts.findings import contradictions_of_levels
from sqlite_consolidate.report.bundle_check.facts.recomputed import NOT_COMPARED, Recomputed
from sqlite_consolidate.report.evidence_json import SCHEMA
from sqlite_consolidate.report.file_names import PLAN
from sqlite_consolidate.report.formatting import known_criterion
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record, TableContent


def check_entries(contents: BundleContents) -> list[Observation]:
    """Observe that no passed entry contradicts itself, and that none is missing."""
    record = contents.record
    if record is None:
        return [not_of_known_schema()]
    passed = [entry for entry in record.criteria if entry.outcome is Outcome.PASSED]
    related = [(entry, _relation(entry, contents, record)) for entry in passed]
    recomputed = (
        Recomputed.of(contents.plan, contents, record) if contents.plan and _is_complete(contents, record) else None
    )
    wrong = [*_contradictions(related, record), *_other_digests(passed, contents, record)]
    pairs = [*_list_contradictions(contents, record), *(recomputed.contradictions() if recomputed else ())]
    wrong += [agreement(subject, expected, observed) for subject, expected, observed in dict.fromkeys(pairs)]
    return [
        *(wrong or [_count_compared(related)]),
        *_compare_change(contents, record),
        *_missing_entries(contents, record, recomputed),
    ]


def _is_complete(contents: BundleContents, record: Record) -> bool:
    """Return whether it is known which entries the evidence must have.

    It is not known for other releases, nor for a run that failed.
    """
    accepted = record.mode.is_consolidation and record.verdict == "accepted" and not record.already
    return accepted and contents.of_this_release


def _list_contradictions(contents: BundleContents, record: Record) -> Iterator[tuple[str, str, str]]:
    """Yield the contradictions in the lists of applications, earlier runs and findings.

    Only the lists of this release are known.
    """
    if contents.of_this_release:
        yield from contradictions_of_attempts(record)
        yield from contradictions_of_levels(record)
        if contents.plan is not None:
            yield from contradictions_of_applications(contents.plan, record)


_Related = list[tuple["Evidence", Relation]]


def _contradictions(related: _Related, record: Record) -> Iterator[Observation]:
    for entry, relation in related:
        subject = f"{entry.criterion}: {entry.subject}"
        allowed = _relations(entry, record)
        if allowed and entry.relation is not None and entry.relation not in allowed:
            yield agreement(f"{subject}: relation", " or ".join(allowed), entry.relation)
        elif not relation.holds(entry.expected, entry.observed, entry.limit, entry.number):
            yield _contradiction(subject, entry, relation)


def _contradiction(subject: str, entry: Evidence, relation: Relation) -> Observation:
    if relation is Relation.EQUAL:
        return agreement(subject, entry.expected, entry.observed)
    numbers = f"{entry.observed} (number {entry.number}, limit {entry.limit})"
    return agreement(subject, f"{entry.expected} ({relation} the limit)", numbers)


def _relations(entry: Evidence, record: Record) -> tuple[Relation, ...]:
    """Return the relations that the criterion may have.

    A check by originals compares in its own way, so it may have any.
    """
    criterion = known_criterion(entry.criterion)
    return criterion.relations if criterion and record.mode is not Mode.ORIGINALS else ()


def _relation(entry: Evidence, contents: BundleContents, record: Record) -> Relation:
    """Return the relation that expected and observed must have.

    Where evidence has no relations, the criterion gives it. Schema 1 called a criterion passed if there was nothing to
    examine. There, an entry compares two values if it expects a digest that the record has as well.
    """
    if entry.relation is not None:
        return entry.relation
    equal = _relations(entry, record) == (Relation.EQUAL,)
    if contents.schema != SCHEMA:
        equal = entry.expected in _digests(record)
    return Relation.EQUAL if equal else Relation.STATED


def _digests(record: Record) -> set[str]:
    """Return the digests of databases and tables in a record, as schema 1 writes them."""
    databases = [database for database in (record.target, *record.sources) if database]
    tables = (content for database in databases for place in database.contents.values() for content in place.values())
    return {database.digest for database in databases if database.digest} | set(map(_as_text_of_schema_1, tables))


def _as_text_of_schema_1(content: TableContent) -> str:
    return f"{content.rows} rows, {content.digest}"


def _count_compared(related: _Related) -> Observation:
    """Return how many entries could be decided again, and how many could not."""
    stated = sum(relation is Relation.STATED for _, relation in related)
    number = counted(len(related) - stated, "passed entry", "passed entries")
    observed = f"no contradiction in {number}; {stated} more are words, which only their own check could decide"
    if stated == len(related):
        return not_required("entries", "no passed entry compares two values")
    return Observation("entries", "no contradiction", observed, holds=True, examined=len(related) - stated)


def _other_digests(passed: list[Evidence], contents: BundleContents, record: Record) -> Iterator[Observation]:
    """Yield each entry whose digest differs from the record's list of databases."""
    known = {
        criterion: {database.file: database.digest for database in (record.target, *record.sources) if database}
        for criterion in ("backup-digest", "no-late-writes", "restored-exact")
    }
    after = record.target.contents.get("after", {}) if record.target else {}
    text_in = content_text if contents.schema == SCHEMA else _as_text_of_schema_1
    known["final-digest"] = {f"target: {table}": text_in(content) for table, content in after.items()}
    for entry in passed:
        expected = known.get(entry.criterion, {}).get(entry.subject)
        if expected and entry.observed != expected:
            yield agreement(
                f"{entry.criterion}: {entry.subject}: as in the list of databases", expected, entry.observed
            )


def _compare_change(contents: BundleContents, record: Record) -> list[Observation]:
    was_loaded = record.plan["sha256"] or record.verdict == "accepted"
    if (
        contents.plan is None or not was_loaded or record.mode is Mode.INVENTORY
    ):  # which leaves the plan that it proposes
        return []
    stated = contents.plan.change.model_dump()
    return [
        agreement(f"change: {name}: as in {PLAN}", stated[name], record.change.get(name, "missing")) for name in stated
    ]


def _missing_entries(contents: BundleContents, record: Record, recomputed: Recomputed | None) -> list[Observation]:
    """Return an observation of each entry that must be there.

    It is not known what other releases demanded, nor how far a failed run came.
    """
    if contents.plan is None or recomputed is None:
        lacks_plan = contents.plan is None and _is_complete(contents, record)
        return [agreement(PLAN, "a plan of format 1", "none, or one with a mistake")] if lacks_plan else []
    subjects: defaultdict[str, list[str]] = defaultdict(list)
    for entry in record.criteria:
        if entry.outcome is Outcome.PASSED:
            subjects[entry.criterion].append(entry.subject)
    demanded = list(demanded_entries(contents.plan, record))
    by_plan = set(demanded)
    demanded += [demand for demand in dict.fromkeys(recomputed.demands()) if demand not in by_plan]
    known = {(criterion, folded(subject)) for criterion, named in subjects.items() for subject in named}
    absent = [
        agreement(f"{demand.criterion}: {demand.subject}", "a passed entry", "missing")
        for demand in demanded
        if not demand.is_met_at_once(known) and not demand.is_met_by(subjects[demand.criterion])
    ]
    absent += [agreement(f"sources: {file}", "listed", "missing") for file in absent_sources(contents.plan, record)]
    absent += [agreement(f"moves: {table}", "listed", "missing") for table in absent_moves(contents.plan, record)]
    present = counted(len(demanded), "entry", "entries")
    unrepeated = f"not compared, because nothing in the evidence repeats it: {'; '.join(NOT_COMPARED)}"
    return [
        Observation(f"{PLAN}: facts that only it has", "named", unrepeated, holds=True),
        *(absent or [Observation(PLAN, "each entry that it demands", f"{present}, none missing", holds=True)]),
    ]
