"""Find the tables of a database that refer to each other, and keep them together."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.references.key_names import NamedTables, names_key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap, ProposedTable

Names = dict[str, str]
"""Table of a source, folded, to its folded name in the target."""


def related_tables(database: Database) -> dict[str, frozenset[str]]:
    """Return the tables that each table refers to, or that refer to it.

    Foreign keys, triggers and views count, and columns that are named like ``<table>_id``, or like ``<table>_<key>``.
    All names are folded.
    """
    related: dict[str, set[str]] = defaultdict(set)
    for names in database.joined:
        for name in names:
            related[name] |= names - {name}
    for reference in database.unstated:
        for to in (reference.to, *reference.among):
            child, parent = folded(reference.table), folded(to[0]) if to else folded(reference.table)
            related[child] |= {parent} - {child}
            related[parent] |= {child} - {parent}
    named = NamedTables(table.table for table in database.tables)
    for table in database.tables:
        by_name = {
            folded(other.name)
            for column in table.table.columns
            for other, keys in named.possible_parents(column.name)
            if names_key_of(column.name, other.name, keys)
        }
        for name in (table.needs | by_name) - {folded(table.name)}:
            related[folded(table.name)].add(name)
            related[name].add(folded(table.name))
    return {name: frozenset(names) for name, names in related.items()}


def keep_separate(table_map: ProposedMap, source: str, reason: str, files: Collection[str] = ()) -> ProposedMap:
    """Return the mapping with a separate table in the target.

    Args:
        table_map: The mapping.
        source: Name of its source.
        reason: Why the tables cannot be one.
        files: The files of a pattern, which share the separate table.
    """
    into = f"{source}_{table_map.name}"
    keys = table_map.keys if table_map.key_of else ""
    shared = tuple(file for file in table_map.shared if file in files)
    match = (table_map.setting,) if table_map.setting and shared else ()
    merged = replace(table_map, shared=shared, on_conflict="", collision="", match=match, keys=keys, rowids="")
    fact = f" The keys of {table_map.name} are those of {table_map.key_of}, so they get no new values."
    return replace(merged, into=into, apart=f"{reason}{fact if table_map.key_of else ''}")


def keep_related_together(proposal: Proposal) -> Proposal:
    """Keep apart what refers to a table that is kept apart, or is referred to by it.

    Otherwise children would get the parents of another database. A table that no other database has keeps its name.
    """
    sources: list[ProposedSource] = []
    earlier: dict[str, Names] = {}
    for source in proposal.sources:
        maps = tuple(_with_earlier(table_map, earlier, {proposal.target, *source.files}) for table_map in source.maps)
        while (separated := _separated_once(maps, source, earlier)) != maps:
            maps = separated
        sources.append(replace(source, maps=maps))
        earlier[source.file] = _names(maps)
    return replace(proposal, sources=tuple(sources), tables=_shared_tables(proposal.tables, sources))


def _shared_tables(tables: Sequence[ProposedTable], sources: Sequence[ProposedSource]) -> tuple[ProposedTable, ...]:
    """Return the declarations for several files without those that only one file needs."""
    files = Counter(folded(table_map.into) for source in sources for table_map in source.maps for _ in source.all_files)
    return tuple(table for table in tables if files[folded(table.name)] > 1)


def _names(maps: tuple[ProposedMap, ...]) -> Names:
    return {folded(table_map.name): folded(table_map.into) for table_map in maps}


def _with_earlier(table_map: ProposedMap, earlier: Mapping[str, Names], known: set[str]) -> ProposedMap:
    """Return the mapping with only those files whose table is still merged with it."""
    name = folded(table_map.name)
    shared = tuple(file for file in table_map.shared if file in known or earlier.get(file, {}).get(name) == name)
    if table_map.shared and not shared:
        return replace(table_map, shared=(), on_conflict="", collision="", match=())
    return replace(table_map, shared=shared)


def _separated_once(
    maps: tuple[ProposedMap, ...], source: ProposedSource, earlier: Mapping[str, Names]
) -> tuple[ProposedMap, ...]:
    """Return the mappings of a source, with the tables related to separate ones separate too."""
    apart = _connected({folded(table_map.name) for table_map in maps if table_map.into != table_map.name}, maps)
    names = _names(maps)
    return tuple(
        replace(
            keep_separate(table_map, source.name, reason, source.files), follows=apart.get(folded(table_map.name), "")
        )
        if table_map.into == table_map.name
        and table_map.shared
        and (reason := _reason(table_map, apart, names, earlier))
        else table_map
        for table_map in maps
    )


def _reason(table_map: ProposedMap, apart: Mapping[str, str], names: Names, earlier: Mapping[str, Names]) -> str:
    """Return why a table that is merged has to be kept apart, or an empty text."""
    if root := apart.get(folded(table_map.name)):
        return f"{table_map.name} stays with {root}, because one of them leads to the other."
    for file in table_map.shared:
        for name in sorted((table_map.related | table_map.texts_of) & names.keys() & earlier.get(file, {}).keys()):
            if earlier[file][name] != names[name]:
                return f"{table_map.name} in {file} belongs to {earlier[file][name]}."
    return ""


def _connected(roots: set[str], maps: tuple[ProposedMap, ...]) -> dict[str, str]:
    """Return each table that is connected with a root, and the root.

    A table with texts of another one follows that one. The other one does not follow it, because its texts stay.
    """
    related = {folded(table_map.name): {*table_map.related} for table_map in maps}
    for table_map in maps:
        for parent in table_map.texts_of & related.keys():
            related[parent].add(folded(table_map.name))
    spelled = {folded(table_map.name): table_map.name for table_map in maps}
    connected: dict[str, str] = {}
    for root in (name for name in spelled if name in roots):
        pending = [root]
        while pending:
            name = pending.pop()
            if name in spelled and name not in connected:
                connected[name] = spelled[root]
                pending += sorted(related[name])
    return connected
