"""Find tables for which the declarations rule out that rows are matched by other columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.renumbering.followed_keys import column_id
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW
from sqlite_consolidate.engine.merge.rows.policies import policy_of, updates_matched_rows
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_names, list_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference
    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.plan.model import TableMap

_MAX_COLUMNS = 1900  # of a table whose rows are compared within SQL


def pass_over_lacking_files(databases: InspectedDatabases) -> None:
    """Let each row of a file be new that lacks a column of ``match``.

    Another file of its pattern has the column. NULL, or the DEFAULT of the column, would match rows about other things.
    """
    files: dict[str, list[TableMapping]] = {}
    for mapping in databases.mappings:
        if mapping.table_map.match and mapping.source.is_of_pattern:
            files.setdefault(mapping.entry_subject, []).append(mapping)
    passed_over: dict[int, TableMapping] = {}
    for subject, same in files.items():
        lacking = [mapping for mapping in same if _lacking_columns(mapping)]
        if lacking and len(lacking) < len(same):
            # Very many files have one table mapping, and share what follows from it.
            maps = {id(mapping.table_map): _without_match(mapping) for mapping in lacking}
            passed_over |= {id(each): replace(each, table_map=maps[id(each.table_map)]) for each in lacking}
            columns = dict.fromkeys(name for mapping in lacking for name in _lacking_columns(mapping))
            text = (
                f"{len(lacking)} of {counted(len(same), 'file')} {'lacks' if len(lacking) == 1 else 'lack'}"
                f" {join_names(list(columns))}, which match names: {list_names([m.source.file for m in lacking])}."
                " No row of them matches, and each arrives as a new row."
            )
            databases.findings.append(Finding.of("rows-unmatched", subject, text, count=len(lacking)))
    databases.mappings = [passed_over.get(id(mapping), mapping) for mapping in databases.mappings]


def _lacking_columns(mapping: TableMapping) -> list[str]:
    """Return the columns of ``match`` that neither the source nor a constant fills."""
    fed = {folded(name) for name in (*mapping.renamed.values(), *mapping.stated_constants)}
    is_whole = mapping.table_map.match == WHOLE_ROW
    return [] if is_whole else [name for name in mapping.match_columns if folded(name) not in fed]


def _without_match(mapping: TableMapping) -> TableMap:
    """Return a table of the plan without ``match`` and its policy."""
    return mapping.table_map.model_copy(update={"match": [], "on_conflict": "refuse", "newer": ""})


def find_unmatchable(databases: InspectedDatabases, followed: FollowedKeys) -> Iterator[Problem]:
    """Yield a problem for each table that ``match`` cannot be applied to.

    Only declarations count, never rows.
    """
    matching = [mapping for mapping in databases.mappings if mapping.table_map.match]
    references = list(find_references(databases)) if matching else []
    for mapping in matching:
        yield from _missing_columns(mapping)
        of_key = (*_of_key(mapping, followed), *_of_divided_key(mapping, references), *_of_policy(mapping))
        sharing = databases.mappings_into(mapping.into.name)
        for fact, hint in (*_of_table(mapping), *_of_lacking_columns(mapping), *of_key, *_of_others(mapping, sharing)):
            yield Problem("match-impossible", mapping.subject, fact, hint, criterion="keys-free")


def _missing_columns(mapping: TableMapping) -> Iterator[Problem]:
    for name in mapping.table_map.match if mapping.table_map.match != WHOLE_ROW else ():
        column = mapping.into.column(name)
        if column is None or column.generated or column.hidden:
            reason = "has no column" if column is None else "computes column"
            fact = f"{mapping.into.name} in the target {reason} {name}, which match names."
            hint = "Name stored columns of the target in match."
            yield Problem("no-such-column", mapping.subject, fact, hint, criterion="keys-free")


def _of_lacking_columns(mapping: TableMapping) -> Iterator[tuple[str, str]]:
    if names := _lacking_columns(mapping):
        yield (
            f"lacks {join_names(names)}, which match names.",
            "Name in match columns that the source has, or state the value of the column (constants).",
        )


def _of_table(mapping: TableMapping) -> Iterator[tuple[str, str]]:
    hint = "Remove match, or leave this table behind with a reason."
    if mapping.table.kind != "table" or mapping.into.kind != "table":
        yield "is a virtual table, and match takes ordinary tables.", hint
    elif len(mapping.into.columns) > _MAX_COLUMNS or not staged_rowid(mapping):
        yield f"has more than {_MAX_COLUMNS} columns, or columns with all names of a rowid.", hint


def _of_key(mapping: TableMapping, followed: FollowedKeys) -> Iterator[tuple[str, str]]:
    key = mapping.table.primary_key
    names = {folded(name) for name in mapping.match_columns}
    matched = [name for name in key if folded(mapping.renamed.get(name, "")) in names]
    numbers = [old for old in _matched(mapping) if followed.is_own_key(mapping, old) and old != mapping.matched_key]
    numbers = [old for old in numbers if not followed.is_kept(column_id(mapping, old))]
    if numbers:
        fact = f"match compares {join_names(numbers)}, whose new values are above all that the target has."
        yield fact, f"Name in match the columns that identify a row without {join_names(numbers)}."
    elif len(key) == 1 and matched and followed.is_own_key(mapping, key[0]):
        fact = f"match compares its key {key[0]}, which gets new values."
        yield fact, f"Name in match the columns that identify a row without {key[0]}."
    elif mapping.matched_key and not _is_unique(mapping, mapping.renamed[mapping.matched_key]):
        fact = f"{mapping.into.name} in the target has no unique key of {mapping.renamed[mapping.matched_key]} alone."
        yield fact, "Declare that key in the target."
    elif mapping.matched_key and not followed.is_own_key(mapping, mapping.matched_key):
        fact = f"its key {key[0]} is a reference to another table, and match does not name it."
        yield fact, f'Write match = ["{mapping.renamed[key[0]]}"].'


def _of_divided_key(mapping: TableMapping, references: Sequence[Reference]) -> Iterator[tuple[str, str]]:
    """Yield why rows cannot follow a key of which ``match`` names some columns.

    Each column of a reference is mapped apart, and no single column identifies the row of the target.
    """
    key, names = mapping.table.primary_key, {folded(name) for name in mapping.match_columns}
    free = [name for name in key if folded(mapping.renamed.get(name, "")) not in names]
    if not (free and len(key) > 1):
        return
    children = [each.child.table_map.name for each in references if _refers_to(each, mapping, free)]
    if children:
        fact = (
            f"rows of {join_names(list(dict.fromkeys(children)))} refer to its primary key {join_names(key)}, of which"
            f" match does not name {join_names(free)}. Each column of a reference is mapped apart, and no single"
            " column identifies the row of the target."
        )
        yield fact, f"Name {join_names(free)} in match, or refer to one column that is unique."


def _refers_to(reference: Reference, mapping: TableMapping, columns: Sequence[str]) -> bool:
    parent, wanted = reference.parent_mapping, {folded(mapping.renamed.get(name, name)) for name in columns}
    return parent is mapping and bool(wanted & set(map(folded, reference.into.columns)))


def _of_policy(mapping: TableMapping) -> Iterator[tuple[str, str]]:
    if policy_of(mapping.table_map) != "skip-identical" and mapping.table_map.match == WHOLE_ROW:
        fact = (
            f'match compares the whole row, so on_conflict = "{mapping.table_map.on_conflict}" has nothing to decide.'
        )
        yield fact, "Remove on_conflict."
    elif updates_matched_rows(mapping.table_map) and not mapping.into.primary_key:
        fact = (
            f'on_conflict = "{mapping.table_map.on_conflict}" updates a row under its own key, and {mapping.into.name}'
            " of the target has no primary key."
        )
        yield fact, 'Choose "skip-identical" or "prefer-target", or declare a primary key in the target.'


def _of_others(mapping: TableMapping, sharing: Sequence[TableMapping]) -> Iterator[tuple[str, str]]:
    """Yield why the mappings into the same table rule out ``match``."""
    if names := [
        name for name in mapping.match_columns if folded(name) in refreshed_columns(mapping.plan, mapping.into.name)
    ]:
        fact = f"a [[refresh]] sets {join_names(names)} again, by which rows match."
        yield fact, "Match by other columns, or leave these out of the refresh."
    for other in sharing:
        if other is mapping:
            continue
        if other.source.name == mapping.source.name:
            fact = f"{other.table_map.name} of the same source is moved to {mapping.into.name} as well."
            yield fact, "Move one of the two tables under another name (into)."
        elif not other.table_map.match and other.table_map.on_conflict != "refuse":
            fact = f'{other.subject} is moved to {mapping.into.name} by on_conflict = "{other.table_map.on_conflict}".'
            yield fact, "Write match for both, or remove that on_conflict."


def _is_unique(mapping: TableMapping, column: str) -> bool:
    return any(len(key) == 1 and folded(key[0][0]) == folded(column) for key in keys_of(mapping.into))


def _matched(mapping: TableMapping) -> list[str]:
    names = {folded(name) for name in mapping.match_columns}
    return [old for old, new in mapping.columns if folded(new) in names]


def existing_key(mapping: TableMapping) -> str:
    """Return the column of the target that identifies an existing row, or an empty text."""
    if mapping.matched_key:
        return mapping.renamed[mapping.matched_key]
    key = mapping.into.primary_key
    return key[0] if len(key) == 1 else ""


def staged_rowid(mapping: TableMapping) -> str:
    """Return a name of the rowid of a staged row.

    It is empty if columns have all names of a rowid.
    """
    taken = {folded(column.name) for column in mapping.table.columns}
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), "")
