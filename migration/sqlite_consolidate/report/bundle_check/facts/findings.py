"""Check that the findings of a record follow from its other facts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.chosen.row_filters import findings_of_left_rows
from sqlite_consolidate.engine.checks.preflight import find_unmapped_tables
from sqlite_consolidate.engine.checks.table_matching import find_absent_tables
from sqlite_consolidate.engine.merge.conflict_log import ConflictCounts, conflict_text
from sqlite_consolidate.engine.merge.declaration_differences import (
    DeclarationDifference,
    findings_of_declaration_differences,
)
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.engine.merge.rows.row_filter import LeftRows
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import LEVELS, Finding, merge_findings
from sqlite_consolidate.plan.patterns import by_table
from sqlite_consolidate.report.bundle_check.facts.key_facts import table_map_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.plan.model import Plan, Source, TableMap
    from sqlite_consolidate.report.evidence import MoveRecord, Record

_OF_COLUMNS = ("not-null-lost", "default-lost", "key-lost", "column-differs")
_CONFLICT_FINDINGS = ("rows-skipped", "rows-not-moved", "rows-replaced", "rows-newer")

_UPDATED = re.compile(r"(\d+) (?:is|are) newer and")

_Pair = tuple[str, str, str]


def contradictions_of_levels(record: Record) -> Iterator[_Pair]:
    """Yield each finding that has another level than its kind."""
    for finding in record.findings:
        subject = f"findings: {finding.id}"
        level = LEVELS.get(finding.id)
        if level is None:
            yield subject, "a kind that this release knows", "none"
        elif finding.level != level:
            yield f"{subject}: level", level, finding.level


def contradictions_of_findings(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each finding that follows from plan and record and is missing or different."""
    forgotten, left = _unmapped_tables(plan, record)
    for subject in forgotten:
        yield f"nothing-left-behind: {subject}", "moved, left with a reason, or without a row", "none of these"
    names = {source.name for source in record.sources}
    absent = [
        Finding.of("source-absent", source.file, "absent, and optional in the plan; nothing is moved from it.")
        for source in plan.in_order
        if source.name not in names
    ]
    tables = {source.name: set(map(folded, source.rows)) for source in record.sources}
    lacking = find_absent_tables(plan, tables)[1]
    known = merge_findings([*left, *absent, *lacking, *_left_out(plan, record), *_differences(record)])
    ids = ("rows-left", "rows-left-out", "source-absent", "table-absent", *_OF_COLUMNS)
    yield from _compared(known, record, ids)
    yield from _resolved_conflicts(plan, record)
    used = {finding.subject for finding in record.findings if finding.id == "setup-used"}
    stated = {plan.connection.setup.rpartition(":")[0]} - {""}
    if used != stated:
        yield "findings: setup-used", ", ".join(stated) or "none", ", ".join(used) or "none"


def _unmapped_tables(plan: Plan, record: Record) -> tuple[list[str], list[Finding]]:
    """Return the tables that the plan forgets, and a finding for each that it leaves."""
    rows = {source.name: source.rows for source in record.sources}
    results = [find_unmapped_tables(source, rows[source.name]) for source in plan.sources if source.name in rows]
    forgotten = [problem.subject for problems, _ in results for problem in problems]
    return forgotten, [finding for _, findings in results for finding in findings]


def _left_out(plan: Plan, record: Record) -> Iterator[Finding]:
    """Yield the finding for each table of which the plan leaves rows behind."""
    yield from findings_of_left_rows(
        (source, move.table, (table_map, LeftRows(move.left - move.unfollowed, move.unfollowed)))
        for source, table_map, move in _planned_moves(plan, record)
        if move.left
    )


def _planned_moves(plan: Plan, record: Record) -> Iterator[tuple[Source, TableMap, MoveRecord]]:
    """Yield each move with its source and its table in the plan."""
    for move in record.moves:
        source, table_map = plan.source_named(move.source), table_map_of(plan, move)
        if source and table_map:
            yield source, table_map, move


def _differences(record: Record) -> list[Finding]:
    by_subject: dict[str, list[DeclarationDifference]] = {}
    for entry in record.differences:
        difference = DeclarationDifference(entry.subject, entry.column, entry.aspect, entry.source, entry.target)
        by_subject.setdefault(entry.subject, []).append(difference)
    into = {move.subject: move.into for move in record.flow}
    return [
        finding
        for subject, differing in by_subject.items()
        for finding in findings_of_declaration_differences(subject, into.get(subject, ""), differing)
    ]


def _compared(known: Iterable[Finding], record: Record, ids: tuple[str, ...]) -> Iterator[_Pair]:
    texts = {_text(finding) for finding in known}
    listed = {_text(finding) for finding in record.findings if finding.id in ids}
    for text in sorted(texts - listed):
        yield "findings", text, "missing"
    for text in sorted(listed - texts):
        yield "findings", "only findings that follow from the record", text


def _text(finding: Finding) -> str:
    return f"{finding.id} ({finding.count}): {finding.sentence}"


def _resolved_conflicts(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield a contradiction if conflicts were resolved without a finding, or the reverse."""
    number = sum(move.skipped + move.replaced for move in record.moves)
    listed = sum(finding.count for finding in record.findings if finding.id in _CONFLICT_FINDINGS)
    if bool(number) != bool(listed):
        yield f"findings: {', '.join(_CONFLICT_FINDINGS)}", f"of {number} rows", f"of {listed} rows"
    texts = {finding.subject: finding.text for finding in record.findings if finding.id in _CONFLICT_FINDINGS}
    items = (
        (source, move.table, (table_map, _counts(move)))
        for source, table_map, move in _planned_moves(plan, record)
        if move.identical is not None and move.skipped + move.replaced and policy_of(table_map) != "refuse"
    )
    for subject, files in by_table(items):
        counts = sum((counts for _, counts in files), ConflictCounts())
        yield from _counted_apart(subject, files[0][0], counts, texts.get(subject, ""))


def _counts(move: MoveRecord) -> ConflictCounts:
    identical = move.identical or 0
    return ConflictCounts(identical, move.skipped + move.replaced - identical, move.replaced)


def _counted_apart(subject: str, table_map: TableMap, counts: ConflictCounts, text: str) -> Iterator[_Pair]:
    """Yield a finding that does not state the identical and the different rows of a table.

    Evidence of older releases does not count them apart.
    """
    if table_map.match and (newer := _UPDATED.search(text)):  # the record does not count these rows
        counts = replace(counts, replaced=min(int(newer[1]), counts.different))
    expected = conflict_text(policy_of(table_map), counts, table_map.match)
    if counts.different < 0 or counts.identical < 0 or not text.startswith(f"{expected};"):
        yield f"findings: {subject}", expected, text or "missing"
