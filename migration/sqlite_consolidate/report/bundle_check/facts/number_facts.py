"""Compute what an entry must state from its own numbers.

Only the run itself could know the subject of such an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.references_kept import NO_STRAY
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import Relation, at_least, at_most
from sqlite_consolidate.report.bundle_check.facts.database_facts import databases_before, tables_after
from sqlite_consolidate.report.bundle_check.facts.fact import Fact
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.evidence import Record

_ORPHANS = "target: foreign_key_check"
_OBJECT_SIZE = 65_536

_Pair = tuple[str, str, str]


def number_fact(entry: Evidence, record: Record) -> Fact | None:
    """Return what an entry must state by its own numbers, or None if unknown."""
    if entry.criterion == "no-duplicates":
        return _no_duplicates(entry, record)
    if entry.criterion == "references-kept":
        return Fact(entry.criterion, entry.subject, NO_STRAY)
    if entry.criterion == "keys-mapped":
        return Fact(entry.criterion, entry.subject, r"\d+ rows?(, [0-9a-f]{64})?", is_pattern=True)
    if entry.criterion == "foreign-keys":
        return _foreign_keys(entry)
    if entry.criterion == "rows-exact" and entry.relation is Relation.AT_LEAST:
        return _of(entry, at_least(entry.subject, entry.limit or 0, entry.number or 0))
    if entry.criterion == "size-reasonable":
        before, brought = _sizes(record)
        note = f" ({before} before, {brought} in the sources)"
        return _of(entry, at_most("target", entry.limit or 0, entry.number or 0, "byte", note=note))
    return None


def contradictions_of_size(record: Record) -> Iterator[_Pair]:
    """Yield each size of the target, or limit of it, that cannot be right."""
    if record.target is None:
        return
    before, brought = _sizes(record)
    least = before + 2 * brought + (64 + len(tables_after(record))) * _OBJECT_SIZE
    page = int(record.target.versions.get("page_size", "1"))
    for entry in record.criteria:
        if entry.criterion != "size-reasonable" or entry.limit is None or entry.number is None:
            continue
        if entry.limit < least or (entry.limit - least) % _OBJECT_SIZE:
            yield "size-reasonable: limit", f"{least}, and {_OBJECT_SIZE} for each index", str(entry.limit)
        if entry.number < page or entry.number % page:
            yield "size-reasonable: number", f"a number of pages of {page} bytes", str(entry.number)
        if not any(move.replaced for move in record.moves) and entry.number > (record.target.size_after or 0):
            yield "size-reasonable: number", f"at most {record.target.size_after}, as after the run", str(entry.number)


def _of(entry: Evidence, observation: Observation) -> Fact:
    return Fact(entry.criterion, observation.subject, observation.expected, observation.observed)


def _no_duplicates(entry: Evidence, record: Record) -> Fact:
    after = tables_after(record)
    without_key = {f"{move.into} (no key declared)": after.get(folded(move.into)) for move in record.moves}
    if content := without_key.get(entry.subject):
        words = f"{counted(content.rows, 'row')}, equal ones as often as before"
        return Fact(entry.criterion, entry.subject, words)
    return Fact(entry.criterion, entry.subject, "0 repeated keys")


def _foreign_keys(entry: Evidence) -> Fact:
    if entry.relation is Relation.AT_MOST:
        limit, number = entry.limit or 0, entry.number or 0
        return _of(entry, at_most(entry.subject, limit, number, "row", " without a parent", ", as before"))
    return Fact(entry.criterion, _ORPHANS, "0 rows without a parent")


def _sizes(record: Record) -> tuple[int, int]:
    """Return the size of the target before the run, and of all sources together."""
    sizes = {database.name: database.size or 0 for database in databases_before(record)}
    return sizes.pop("target", 0), sum(sizes.values())
