"""Find tables that several sources share, and of whose rows no column names the file."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.selection.source_names import name_sources
from sqlite_consolidate.inventory.sources.named_files import find_unnamed_tables
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Inventory
    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap
    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal

_OF_TIMES = re.compile(
    r"jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(t|tember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?|all|archived?|backups?|copy|current|data|db|early|earlier|first|last|late|later|latest|live|main|new"
    r"|newer|old|older|original|part|previous|recent|second|shard|source|third|version"
)
"""Words of file names that say which rows are meant, or since when, and not whose rows they are."""

_QUESTION = (
    "the rows of {files} come into {tables}, and no column tells from which file a row comes. If that matters, as for "
    "devices, sites or tenants, {advice}, or give the tables of each file other names (`into`). If the rows belong "
    "together, remove this comment."
)
_COLUMN = (
    "add a column to the tables of the target (ALTER TABLE ... ADD COLUMN, or a [[table]] if the table is new) and "
    'fill it in each source (`constants = { file = "{name}" }`) and in the rows that the target has (UPDATE)'
)
_COLUMN_OF_PATTERN = (
    'add a column to them in a [[table]] of a new target and fill it (`constants = { file = "{stem}" }`)'
)


def note_unnamed_tables(inventory: Inventory, refined: RefinedProposal) -> RefinedProposal:
    """Return the proposal with the unnamed tables of each source, or a decision.

    Those of a pattern are known already. There is a decision if sources are named after things, such as devices. A
    table about which the rehearsal asks already is left out.

    Args:
        inventory: The databases of the workspace.
        refined: The proposal after its rehearsal.
    """
    databases = {entry.file: entry.database for entry in inventory.entries}
    shared = {name: files for name, files in _files_of_tables(refined, databases).items() if len(files) > 1}
    unnamed: set[str] = set()
    for group in set(shared.values()):
        names = find_unnamed_tables(inventory.root, [databases[file] for file in group])
        unnamed |= {folded(name) for name in names if shared.get(folded(name)) == group}
    sources = tuple(
        _without(source, refined.asked_to_tell_apart)
        if source.files
        else replace(
            source,
            unnamed=tuple(
                each.name
                for each in source.maps
                if folded(each.into) in unnamed and source.file in shared[folded(each.into)]
            ),
        )
        for source in refined.proposal.sources
    )
    of_sources = {
        name: tuple(file for file in files if file != refined.proposal.target) for name, files in shared.items()
    }
    return replace(refined, proposal=replace(refined.proposal, sources=_asked(sources, of_sources)))


def _without(source: ProposedSource, asked: frozenset[str]) -> ProposedSource:
    """Return a source without some of its unnamed tables.

    Args:
        source: The source.
        asked: Folded names of tables in the target.
    """
    unnamed = tuple(name for name in source.unnamed if folded(_into(source, name)) not in asked)
    return replace(source, unnamed=unnamed)


def _asked(sources: Sequence[ProposedSource], shared: Mapping[str, tuple[str, ...]]) -> tuple[ProposedSource, ...]:
    """Return the sources in which the first with an unnamed table has the decision about that.

    Args:
        sources: The sources with their unnamed tables.
        shared: Each table of several files, folded, to those of them that are no target.
    """
    asked: set[str] = set()
    result = []
    for source in sources:
        files = {name: source.files or shared[folded(_into(source, name))] for name in source.unnamed}
        names = [] if source.constants else [name for name in files if _are_of_things(files[name])]
        new = [name for name in names if source.files or folded(_into(source, name)) not in asked]
        asked |= {folded(_into(source, name)) for name in names}
        question = _question(source, new, dict.fromkeys(chain.from_iterable(files[name] for name in new)))
        left = tuple(name for name in source.unnamed if name not in names)
        result.append(replace(source, unnamed=left, questions=(*source.questions, *question)))
    return tuple(result)


def _into(source: ProposedSource, name: str) -> str:
    """Return the name of a table in the target."""
    return next((each.into for each in source.maps if each.name == name), name)


def _question(source: ProposedSource, tables: Sequence[str], files: Iterable[str]) -> tuple[str, ...]:
    """Return the decision about tables whose rows do not name their file, or none."""
    if not tables:
        return ()
    names = source.file if source.files else join_first_names([*files])
    advice = _COLUMN_OF_PATTERN if source.files else _COLUMN
    return (_QUESTION.format(files=names, tables=join_first_names(tables), advice=advice),)


def _are_of_things(files: Sequence[str]) -> bool:
    """Return whether the names of files tell whose rows they have, as those of two devices do."""
    names = {
        tuple(word for word in re.findall(r"[a-z]+", folded(name)) if not _OF_TIMES.fullmatch(word))
        for name in name_sources(files)
    }
    return len(names - {()}) > 1


def _files_of_tables(refined: RefinedProposal, databases: Mapping[str, Database]) -> dict[str, tuple[str, ...]]:
    """Return each table of the target, folded, to the files of its rows.

    A table is left out if a source fills a column of it, if a pattern has the finding already, if the rehearsal asks
    about it, or if rows of two files are the same.
    """
    target = databases.get(refined.proposal.target)
    files = {folded(table.name): (target.file,) for table in target.tables if table.rows} if target else {}
    told = set(refined.asked_to_tell_apart)
    for source in refined.proposal.sources:
        for each in source.maps:
            name = folded(each.into)
            if _is_told(source, each, refined):
                told.add(name)
            filled = [file for file in source.all_files if _has_rows(databases[file], each.name)]
            files[name] = (*files.get(name, ()), *filled)
    return {name: group for name, group in files.items() if name not in told}


def _is_told(source: ProposedSource, table_map: ProposedMap, refined: RefinedProposal) -> bool:
    """Return whether the file of a row needs no finding, or has one."""
    return (
        bool(source.constants or source.version or table_map.on_conflict)
        or folded(table_map.name) != folded(table_map.into)
        or table_map.name in source.unnamed
        or any(f"{file}:{table_map.name}" in refined.skipped for file in source.all_files)
    )


def _has_rows(database: Database, name: str) -> bool:
    table = database.table(name)
    return table is not None and bool(table.rows)
