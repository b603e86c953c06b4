"""Make a source of each file of a pattern, where the files cannot share a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.selection.source_names import name_sources

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap


def separate_files(source: ProposedSource, taken: Collection[str]) -> tuple[ProposedSource, ...]:
    """Return a source for each file, without policies and new keys.

    It names only what the file has. The notes of the pattern are about all of its files.

    Args:
        source: The source of a pattern.
        taken: Names of sources, of which this one frees its own.
    """
    names = name_sources(source.files, {*taken} - {source.name})
    return tuple(_source_of(source, file, name) for file, name in zip(source.files, names, strict=True))


def _source_of(source: ProposedSource, file: str, name: str) -> ProposedSource:
    return replace(
        source,
        name=name,
        file=file,
        files=(),
        notes=(),
        changed=(),
        keys="",
        maps=tuple(_map_of(each, source, file, name) for each in source.maps if _has(source, file, each.name)),
        leaves=tuple(each for each in source.leaves if each.kind != "files" and _has(source, file, each.table)),
        loose=tuple(column for column in source.loose if _has(source, file, column)),
        unnamed=tuple(table for table in source.unnamed if _has(source, file, table)),
    )


def _map_of(table_map: ProposedMap, source: ProposedSource, file: str, name: str) -> ProposedMap:
    """Return the mapping of one file of a pattern, without policies and new keys."""
    refers = tuple(
        each
        for each in table_map.refers
        if _has(source, file, f"{table_map.name}.{each.column}") and _has(source, file, each.to)
    )
    fresh = replace(
        table_map, rows="?", on_conflict="", collision="", keys="", rowids="", match=(), refers=refers, shared=()
    )
    if table_map.into != table_map.name:
        return replace(fresh, into=f"{name}_{table_map.name}")
    others = (other for other in table_map.shared if other not in source.files)
    earlier = source.files[: source.files.index(file)]
    holders = (other for other in earlier if _has(source, other, table_map.name))
    shared = (*others, *holders) if table_map.shared else ()
    return replace(fresh, shared=shared, match=(table_map.setting,) if table_map.setting and shared else ())


def _has(source: ProposedSource, file: str, name: str) -> bool:
    return folded(name) not in source.lacks.get(file, ())
