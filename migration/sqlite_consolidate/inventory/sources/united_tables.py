"""Find tables that several sources share, and of whose rows no column names the file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.references.named_files import find_unnamed_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Inventory
    from sqlite_consolidate.inventory.proposal import ProposedMap, ProposedSource
    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal


def note_unnamed_tables(inventory: Inventory, refined: RefinedProposal) -> RefinedProposal:
    """Return the proposal with the unnamed tables of each source of one file.

    Those of a pattern are known already.

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
        source
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
    return replace(refined, proposal=replace(refined.proposal, sources=sources))


def _files_of_tables(refined: RefinedProposal, databases: Mapping[str, Database]) -> dict[str, tuple[str, ...]]:
    """Return each table of the target, folded, to the files of its rows.

    A table is left out if a source fills a column of it, if a pattern has the finding already, or if rows of two files
    are the same.
    """
    target = databases.get(refined.proposal.target)
    files = {folded(table.name): (target.file,) for table in target.tables if table.rows} if target else {}
    told: set[str] = set()
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
