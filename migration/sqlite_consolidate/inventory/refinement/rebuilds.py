"""Propose to rebuild search indexes, or to leave them behind where that is not possible."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.derived.declared_rebuilds import SUBJECT
from sqlite_consolidate.engine.sqlite.schema.derivations import SEARCH_MODULES, DerivationReader
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind, unseen_option
from sqlite_consolidate.engine.sqlite.schema.index_queries import query_by_triggers
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.proposed_parts import ProposedLeave, ProposedMap, ProposedRebuild

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.inventory.inspection import CountedTable, Database
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.problem import Problem

_ABOUT_REBUILDS = ("derived-undeclared", "bad-rebuild", "rebuild-loses")


def find_rebuilds(databases: Sequence[Database]) -> tuple[ProposedRebuild, ...]:
    """Return how each search index can be rebuilt.

    The first database that has its name decides.
    """
    rebuilds: dict[str, ProposedRebuild] = {}
    for database in databases:
        indexes = [table for table in database.schema.tables.values() if content_kind(table)]
        if not indexes:
            continue
        with closing(DerivationReader(database.schema)) as reader:
            for table in indexes:
                if rebuild := _rebuild(reader, database.schema, table):
                    rebuilds.setdefault(folded(table.name), rebuild)
    return tuple(rebuilds.values())


def _rebuild(reader: DerivationReader, schema: Schema, table: Table) -> ProposedRebuild | None:
    if unseen_option(table):
        return None
    if content_kind(table) == "external":
        is_readable = table.module in SEARCH_MODULES and bool(reader.content_of(table))
        return ProposedRebuild(table.name) if is_readable else None
    query = query_by_triggers(schema, table)
    return ProposedRebuild(table.name, query) if query else None


def moved_index(table: CountedTable, named: ProposedMap | ProposedLeave) -> ProposedMap | None:
    """Return the mapping that moves the declaration of an index, if it keeps its name."""
    if not isinstance(named, ProposedMap) or named.into != named.name:
        return None
    return ProposedMap(table.name, table.name, table.rows_text, is_index=True)


def rebuild_over_shared(
    source: ProposedSource, rebuilds: Sequence[ProposedRebuild], target: Database
) -> ProposedSource:
    """Rebuild the indexes of a source that would lack rows of the target.

    They store their rows. The target has rows of a table that such an index indexes, and has no such index.
    """
    queries = {folded(each.table): each for each in rebuilds if each.query}
    filled = {folded(table.name) for table in target.tables_with_rows}
    maps = tuple(
        replace(index, is_index=True, stores_rows=True)
        if folded(index.name) in queries and target.table(index.name) is None and index.related.keys() & filled
        else index
        for index in source.maps
    )
    return replace(source, maps=maps)


def left_index(name: str, reason: str) -> ProposedLeave:
    """Return the entry that leaves a search index behind, with its decision."""
    return ProposedLeave(name, reason, (f"{reason} It is left out. Rebuild it in the target, or confirm the reason.",))


def rebuild_stale_indexes(proposal: Proposal, problems: Sequence[Problem]) -> tuple[Proposal, list[Problem]]:
    """Return the proposal with a rebuild for each stale index, and the other problems.

    A rebuild that is refused is not proposed again.
    """
    possible, rebuilds, solved = [], [], set()
    for rebuild in proposal.possible_rebuilds:
        subjects = _subjects(proposal, rebuild)
        about = {problem.id for problem in problems if folded(problem.subject) in subjects}
        is_planned = rebuild in proposal.rebuilds or "derived-undeclared" in about
        if not about & {"bad-rebuild", "rebuild-loses"}:
            possible.append(rebuild)
            rebuilds += [rebuild] if is_planned else []
        if is_planned:
            solved |= subjects
    unsolved = [each for each in problems if each.id not in _ABOUT_REBUILDS or folded(each.subject) not in solved]
    return replace(proposal, possible_rebuilds=tuple(possible), rebuilds=tuple(rebuilds)), unsolved


def forget_rebuilds(proposal: Proposal, corrected: Proposal) -> Proposal:
    """Return the corrected proposal without the rebuilds that it no longer needs.

    The rows of an index may be among those that it keeps apart now. The next check requires each rebuild that is still
    needed.
    """
    if _apart(corrected) <= _apart(proposal):
        return corrected
    moved = {folded(each.name) for source in corrected.sources for each in source.maps if each.is_index}
    return replace(corrected, rebuilds=tuple(each for each in corrected.rebuilds if folded(each.table) in moved))


def _apart(proposal: Proposal) -> set[tuple[str, str]]:
    return {(source.file, each.name) for source in proposal.sources for each in source.maps if each.into != each.name}


def _subjects(proposal: Proposal, rebuild: ProposedRebuild) -> set[str]:
    """Return the folded subjects of problems that are about an index or its rebuild."""
    files = (proposal.target, *(file for source in proposal.sources for file in source.all_files))
    return {folded(f"{SUBJECT}{rebuild.table}"), *(folded(f"{file}:{rebuild.table}") for file in files)}


def leave_unmovable_indexes(proposal: Proposal, problems: Sequence[Problem]) -> Proposal:
    """Leave each index behind that has a problem, another name or no rebuild."""
    refused = {problem.subject: problem.what for problem in problems}
    rebuilt = {folded(each.table) for each in proposal.rebuilds}
    sources = []
    for source in proposal.sources:
        facts = {index.name: _reason(source, index, refused, rebuilt) for index in source.maps if index.is_index}
        copied = {index.name for index in source.maps if index.stores_rows}
        leaves = [left_index(name, f"{name}: {fact}") for name, fact in facts.items() if fact and name not in copied]
        kept = tuple(
            replace(each, is_index=False, stores_rows=False) if facts.get(each.name) else each
            for each in source.maps
            if not facts.get(each.name) or each.name in copied
        )
        sources.append(replace(source, maps=kept, leaves=(*source.leaves, *leaves)))
    moved = {folded(each.name) for source in sources for each in source.maps if each.is_index}
    before = {folded(each.name) for source in proposal.sources for each in source.maps if each.is_index}
    only_left = before - moved - {folded(name) for name in proposal.target_tables}
    rebuilds = tuple(each for each in proposal.rebuilds if folded(each.table) not in only_left)
    return replace(proposal, sources=tuple(sources), rebuilds=rebuilds)


def _reason(source: ProposedSource, index: ProposedMap, refused: dict[str, str], rebuilt: set[str]) -> str:
    """Return why an index cannot be moved, or an empty text."""
    if subject := next((each for each in sorted(source.subjects(index.name)) if each in refused), ""):
        return refused[subject]
    if index.into != index.name or folded(index.name) not in rebuilt:
        return "the rows of this search index are not in the target under the same names."
    return ""
