"""Propose new integer keys for a source whose rows have the keys of other rows.

Declared references follow new keys by themselves, and stated ones by ``refers``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.match_columns import unique_beside_key
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.schema.index_queries import key_of_index
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.proposed_parts import ProposedRefers
from sqlite_consolidate.inventory.references.link_tables import open_key
from sqlite_consolidate.inventory.references.rowid_keys import ROWID
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap
    from sqlite_consolidate.inventory.references.shared_keys import PlacedColumns
    from sqlite_consolidate.problem import Problem

_AGAINST_NEW_KEYS = frozenset(
    {
        "key-not-integer",
        "keys-exhausted",
        "match-circle",
        "no-number-key",
        "reference-computed",
        "references-below-zero",
        "refers-no-key",
        "refers-overlap",
        "renumber-and-policy",
        "renumbered-key-lost",
        "rowids-unfollowed",
        "two-maps",
    }
)


def with_keys(table_map: ProposedMap, table: Table, database: Database, key_of: str = "") -> ProposedMap:
    """Return the mapping with what is known of its keys and references.

    Args:
        table_map: The mapping.
        table: Its table.
        database: The database of the table.
        key_of: Table of another database whose keys its keys are, or empty.
    """
    key = table.primary_key
    stated = [(each, each.to) for each in database.unstated_of(table.name) if each.to]
    parents = {folded(parent) for _, (parent, _) in stated}
    loose = [each.column for each in database.unstated_of(table.name) if not each.to and not each.is_empty]
    rowids = [each for each in database.unstated_of(table.name) if table.kind == "virtual"]
    indexed = key_of_index(database.schema, table) or next((each.to for each in rowids), None)
    return replace(
        table_map,
        key=key or next((tuple(name for name, _ in terms) for terms in keys_of(table)), ()),
        has_integer_key=len(key) == 1 and not key_of and column_affinity(table, key[0]) == "INTEGER",
        key_of=key_of,
        is_keyless=table.kind == "table" and not keys_of(table),
        unique=(table_map.setting,) if table_map.setting else _matching_columns(table, loose),
        match=(table_map.setting,) if table_map.setting and table_map.shared else table_map.match,
        open_key=tuple(open_key(table, loose)),
        parents=frozenset(parents | {folded(each.parent) for each in table.foreign_keys}),
        values=tuple((each.column, each.text) for each in database.statistics_of(table.name)),
        strays=tuple(
            (each.column, ".".join(each.strays.to), each.strays.text)
            for each in database.unstated_of(table.name)
            if each.strays
        ),
        refers=tuple(
            ProposedRefers(each.column, ".".join(to), each.when, each.by, each.joined, each.sentinels)
            for each, to in stated
            if table.kind == "table"
        ),
        rowid_of=".".join(indexed) if indexed else "",
        has_open_rowids=any(not each.to for each in rowids),
    )


def _matching_columns(table: Table, loose: Collection[str]) -> tuple[str, ...]:
    """Return the columns of a unique key beside the primary key, or none.

    Rows are not the same by a column of which it is not known to what it refers, if nothing else is compared.
    """
    unique = unique_beside_key(table)
    others = {column.name for column in table.stored}.difference(table.primary_key, unique)
    return () if not others and open_key(table, loose) else unique


def loose_columns(database: Database, file: str, shared_keys: Mapping[PlacedColumns, str]) -> tuple[str, ...]:
    """Return the columns named like references to which no table fits, as ``table.column``.

    Args:
        database: The database of the columns.
        file: The first file of its source.
        shared_keys: Columns with the keys of a table in another database, each to that table.
    """
    loose = (
        each
        for each in database.unstated
        if not each.to and not each.is_empty and (file, each.table, (each.column,)) not in shared_keys
    )
    return tuple(f"{each.table}.{each.column}" for each in loose)


def give_new_keys(source: ProposedSource, refused: Mapping[str, Problem]) -> ProposedSource | None:
    """Return the source with new keys, if these avoid a collision that no policy avoids.

    Args:
        source: A source.
        refused: Name of each of its tables whose keys collide, to the problem.
    """
    merged = [each for each in source.maps if each.name in refused and each.shared and each.collision]
    colliding = [each for each in merged if not is_state(each)]
    if source.keys or source.obstacle or not any(each.has_integer_key for each in colliding):
        return None
    if _are_versions(colliding):
        return replace(source, obstacle=_versions_text(colliding))
    identical = {
        folded(each.name) for each in source.maps if each.on_conflict and each.name not in refused and not each.open_key
    }
    parents = {folded(each.name): each.parents for each in source.maps}
    while changing := {name for name in identical if parents[name] - identical - {name}}:
        identical -= changing
    maps = tuple(
        replace(each, keys="keep")
        if each.key_of or is_state(each)
        else _with_new_keys(each, is_kept=folded(each.name) in identical)
        for each in source.maps
    )
    return replace(source, keys="renumber", maps=maps)


def is_state(table_map: ProposedMap) -> bool:
    """Return whether the only row of a table is the state of a program.

    The program reads it under the key that it states, and no other row refers to it.
    """
    return table_map.is_single and not table_map.related and not table_map.open_key


def _are_versions(maps: Iterable[ProposedMap]) -> bool:
    """Return whether at least half of the rows with equal keys are identical."""
    maps = list(maps)
    return 0 < sum(each.common for each in maps) <= 2 * sum(each.identical for each in maps)


def _versions_text(maps: Iterable[ProposedMap]) -> str:
    parts = [f"{each.name}: {each.identical} of {each.common}" for each in maps if each.identical]
    return f"Only some rows with equal keys are identical ({join_first_names(parts)}), as in two versions of one file."


def _with_new_keys(table_map: ProposedMap, *, is_kept: bool) -> ProposedMap:
    """Return the mapping of a table in a source with new keys.

    A table keeps its keys if its rows with equal keys are all identical, and so are those to which they refer.
    """
    if is_kept:
        return replace(table_map, keys="keep" if table_map.has_integer_key else "")
    if not table_map.has_integer_key:
        return replace(table_map, on_conflict="", collision="")
    return replace(table_map, on_conflict="", collision="", match=table_map.unique if table_map.shared else ())


def renew_unfollowed(proposal: Proposal, findings: Iterable[Finding]) -> Proposal:
    """Return the proposal that gives rows with unfollowed ids new keys.

    Equal ids of two files mean different rows, so such rows are neither matched by them nor identical.
    """
    unfollowed: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        if finding.id == "id-unfollowed" and finding.column:
            unfollowed[finding.subject].add(finding.column)
    sources = []
    for source in proposal.sources:
        maps = tuple(
            replace(each, keys="", match=(), on_conflict="", collision="")
            if source.keys and each.has_integer_key and _is_same_by(each, _columns_of(source, each, unfollowed))
            else each
            for each in source.maps
        )
        sources.append(replace(source, maps=maps))
    return replace(proposal, sources=tuple(sources))


def _columns_of(source: ProposedSource, table_map: ProposedMap, columns: Mapping[str, set[str]]) -> set[str]:
    return {name for subject in source.subjects(table_map.name) for name in columns.get(subject, ())}


def _is_same_by(table_map: ProposedMap, columns: set[str]) -> bool:
    """Return whether some columns decide which rows of a table are those of another file."""
    return not columns.isdisjoint(table_map.match) or bool(columns and table_map.on_conflict)


def following_rowids(table_map: ProposedMap) -> ProposedMap:
    """Return the mapping of a search index whose rowids follow the keys that they are."""
    return replace(table_map, refers=(ProposedRefers(ROWID, table_map.rowid_of),))


def follow_rowids(proposal: Proposal, problems: Iterable[Problem]) -> Proposal:
    """Return the proposal in which search indexes follow the new keys that their rowids are."""
    unfollowed = {problem.subject for problem in problems if problem.id == "rowids-unfollowed"}
    sources = []
    for source in proposal.sources:
        maps = tuple(
            following_rowids(each) if each.rowid_of and not unfollowed.isdisjoint(source.subjects(each.name)) else each
            for each in source.maps
        )
        sources.append(replace(source, maps=maps))
    return replace(proposal, sources=tuple(sources))


def withdraw_new_keys(proposal: Proposal, problems: Iterable[Problem]) -> Proposal:
    """Return the proposal in which sources keep their keys, if new ones cause a problem."""
    against: dict[str, str] = defaultdict(str)
    for problem in problems:
        if problem.id in _AGAINST_NEW_KEYS:
            for subject in (problem.subject, *problem.others):
                against[subject] = problem.what
    if not against:
        return proposal
    sources = []
    shared = {
        folded(each.into) for source in proposal.sources for each in source.maps if _subject(source, each, against)
    }
    for source in proposal.sources:
        facts = [against[key] for each in source.maps if (key := _subject(source, each, against))]
        meeting = [each.name for each in source.maps if each.new_keys(source.keys) and folded(each.into) in shared]
        facts += [f"Another source of {join_first_names(meeting)} keeps its keys."] if meeting else []
        sources.append(_keeping_keys(source, facts[0]) if source.keys and facts else source)
    return replace(proposal, sources=tuple(sources))


def _subject(source: ProposedSource, table_map: ProposedMap, subjects: Mapping[str, str]) -> str:
    return next((key for key in source.subjects(table_map.name) if key in subjects), "")


def _keeping_keys(source: ProposedSource, obstacle: str) -> ProposedSource:
    maps = tuple(replace(each, keys="", match=() if each.has_integer_key else each.match) for each in source.maps)
    return replace(source, keys="", obstacle=obstacle, maps=maps)
