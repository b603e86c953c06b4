"""Find the tables of a database that are related, and keep them together."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS
from sqlite_consolidate.engine.sqlite.schema.index_queries import trigger_parts
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.references.key_names import NamedTables, names_key_of
from sqlite_consolidate.text import join_first_names, join_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.schema.index_queries import Token
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.inspection import CountedTable, Database
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap, ProposedTable

_NO_NUMBERS = frozenset({"TEXT", "REAL"})

Names = dict[str, str]
"""Table of a source, folded, to its folded name in the target."""


def related_tables(database: Database) -> dict[str, dict[str, str]]:
    """Return the tables to which each table is related, each with the first fact.

    Foreign keys, triggers and views count, and columns that are named like ``<table>_id``, or like ``<table>_<key>``.
    The names of tables are folded, but not those in the facts.
    """
    related: dict[str, dict[str, str]] = defaultdict(dict)
    for table, other, fact in (*_references(database), *_uses(database), *_names_of_keys(database)):
        if folded(table) != folded(other):
            related[folded(table)].setdefault(folded(other), fact)
            related[folded(other)].setdefault(folded(table), fact)
    return dict(related)


def _references(database: Database) -> Iterator[tuple[str, str, str]]:
    """Yield each table and another one that refer to each other, with the fact."""
    for table in database.tables:
        for key in table.table.foreign_keys:
            columns = join_names([f"{table.name}.{name}" for name in key.columns])
            verb = "refers" if len(key.columns) == 1 else "refer"
            yield table.name, key.parent, f"{columns} {verb} to {key.parent}"
    for reference in database.unstated:
        column = f"{reference.table}.{reference.column}"
        if reference.to:
            yield reference.table, reference.to[0], f"{column} refers to {reference.to[0]}"
        for parent, _ in reference.among:
            yield reference.table, parent, f"{column} may refer to {parent}"


def _uses(database: Database) -> Iterator[tuple[str, str, str]]:
    """Yield each two tables that a view or a trigger uses, with the fact."""
    for view, names in zip(database.schema.views, database.joined, strict=True):
        for table_name, other in combinations(sorted(names), 2):
            yield table_name, other, f"the view {view.name} uses both"
    for table in database.tables:
        for needed in sorted(table.needs):
            yield table.name, needed, f"a trigger of {table.name} uses {needed}"


def _names_of_keys(database: Database) -> Iterator[tuple[str, str, str]]:
    """Yield each table that has a name of another one's key, with that one and the fact."""
    named = NamedTables(table.table for table in database.tables)
    for table in database.tables:
        for column in table.table.columns:
            for parent, keys in named.possible_parents(column.name):
                if names_key_of(column.name, parent.name, keys):
                    fact = f"{table.name}.{column.name} is named like a key of {parent.name}"
                    yield table.name, parent.name, fact


def find_obstacle(database: Database) -> str:
    """Return why the keys of a database cannot change unseen, or an empty text.

    That is so where a view or a statement of a trigger uses two tables together, and no reference is known that
    connects them. A table such as a log, into which triggers only write, counts if they write a key into it that no
    decision asks about.
    """
    tables = {folded(table.name): table for table in database.tables_with_rows if table.table.kind == "table"}
    groups = _groups(database)
    together = [*database.joined, *(names for table in tables.values() for names in _used_together(database, table))]
    for names in together:
        apart = sorted({groups.get(name, name): name for name in sorted(names & tables.keys())}.values())
        if len(apart) > 1:
            both = join_first_names([tables[name].name for name in apart])
            return f"A view or a trigger uses {both} together, and no FOREIGN KEY says how they are connected."
    return ""


def _used_together(database: Database, table: CountedTable) -> Iterator[frozenset[str]]:
    """Yield the tables that each part of the triggers of a table uses.

    The table itself is one of them if the part names it, or a value of its row that may be a key. Texts are none.
    """
    name = folded(table.name)
    views = {folded(each.name): names for each, names in zip(database.schema.views, database.joined, strict=True)}
    asked = {folded(each.table) for each in database.unstated if not each.to and not each.is_empty}
    for trigger in database.schema.triggers_on(table.name):
        for part in trigger_parts(trigger.sql):
            names = {token.name for token in part}
            values = _values_of_row(part)
            key = {folded(table.table.alias), *ROWIDS} & values
            logs = table.appended & asked if key else table.appended
            known = (table.needs & names) - logs
            used = known.union(*(views[view] for view in names & views.keys()))
            is_named = name in {token.name for token in part if token.text[:1] != "'"}
            is_used = is_named or any(_may_be_number(table.table, value) for value in values)
            yield used | {name} if is_used else used


def _values_of_row(part: Sequence[Token]) -> set[str]:
    """Return each column of its row that a part of a trigger names.

    ``id`` of ``OLD.id`` is one.
    """
    names = [token.name for token in part]
    marks = zip(names, names[1:], names[2:], strict=False)
    return {column for row, dot, column in marks if row in ("new", "old") and dot == "."}


def _may_be_number(table: Table, name: str) -> bool:
    return table.column(name) is None or column_affinity(table, name) not in _NO_NUMBERS


def _groups(database: Database) -> dict[str, str]:
    """Return each table to the first of the tables that references connect with it."""
    pairs = [
        (table.name, key.parent) for table in database.tables for key in table.table.foreign_keys if key.parent
    ] + [(reference.table, reference.to[0]) for reference in database.unstated if reference.to]
    connected: dict[str, list[str]] = {}
    for left, right in pairs:
        connected.setdefault(folded(left), []).append(folded(right))
        connected.setdefault(folded(right), []).append(folded(left))
    group: dict[str, str] = {}
    for first in connected:
        pending = [first]
        while pending:
            name = pending.pop()
            if name not in group:
                group[name] = first
                pending += connected[name]
    return group


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
    apart = _connected(maps)
    names = _names(maps)
    return tuple(
        replace(
            keep_separate(table_map, source.name, reason, source.files),
            follows=apart[folded(table_map.name)][0] if folded(table_map.name) in apart else "",
        )
        if table_map.into == table_map.name
        and table_map.shared
        and (reason := _reason(table_map, apart, names, earlier))
        else table_map
        for table_map in maps
    )


def _reason(
    table_map: ProposedMap, apart: Mapping[str, tuple[str, str]], names: Names, earlier: Mapping[str, Names]
) -> str:
    """Return why a table that is merged has to be kept apart, or an empty text."""
    if folded(table_map.name) in apart:
        other, fact = apart[folded(table_map.name)]
        return f"{table_map.name} is kept with {other}: {fact}."
    facts = {**{parent: _text_fact(table_map.name, parent) for parent in table_map.texts_of}, **table_map.related}
    for file in table_map.shared:
        for name in sorted(facts.keys() & names.keys() & earlier.get(file, {}).keys()):
            if earlier[file][name] != names[name]:
                return f"{table_map.name} of {file} is kept with {earlier[file][name]}: {facts[name]}."
    return ""


def _connected(maps: tuple[ProposedMap, ...]) -> dict[str, tuple[str, str]]:
    """Return each table that is related to one that is kept apart, with that one.

    The second text is the fact that relates the two. A table with texts of another one follows that one. The other one
    does not follow it, because its texts stay.
    """
    spelled = {folded(table_map.name): table_map.name for table_map in maps}
    related = {folded(table_map.name): {**table_map.related} for table_map in maps}
    for table_map in maps:
        for parent in table_map.texts_of & related.keys():
            related[parent].setdefault(folded(table_map.name), _text_fact(table_map.name, spelled[parent]))
    pending = [folded(table_map.name) for table_map in maps if table_map.into != table_map.name]
    reached = {*pending}
    connected: dict[str, tuple[str, str]] = {}
    while pending:
        name = pending.pop(0)
        for other in sorted(related[name].keys() & spelled.keys() - reached):
            reached.add(other)
            connected[other] = spelled[name], related[name][other]
            pending.append(other)
    return connected


def _text_fact(child: str, parent: str) -> str:
    return f"{child} has texts of {parent}"
