"""Find what holds ids of renumbered rows and does not follow them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.mapped_names import source_column
from sqlite_consolidate.engine.checks.renumbering.followed_keys import column_id
from sqlite_consolidate.engine.checks.renumbering.unfollowed.compared_literals import find_literals
from sqlite_consolidate.engine.checks.renumbering.unfollowed.ids_as_texts import (
    texts_of_ids,
    texts_with_keys,
    values_named_by_their_rows,
    values_of_named_columns,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    count_rows,
    loose_columns,
    most_are_keys,
    rowids_are_keys,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_values import columns_of_keys, keys_of_relations
from sqlite_consolidate.engine.checks.renumbering.unfollowed.other_sources import columns_of_other_sources
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    ChangingKeys,
    KnownKeys,
    changing_keys,
    column_ends,
    names_of_references,
    word_ends,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.target_rows import ids_of_target
from sqlite_consolidate.engine.checks.renumbering.unfollowed.typed_ids import typed_ids
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import ColumnOfSource, FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.source_keys import ColumnOfTarget
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NamedKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_ColumnsThatRefer = dict[str, dict[tuple[str, "ColumnOfTarget"], set[str]]]
"""Name of a target table to its referring columns, each with the column referred to, to names of sources."""

_ENOUGH = 2
_LIST = "{0} GLOB '[0-9]*[,;|]*[0-9]*' AND {0} NOT GLOB '*[^0-9,;| ]*'"
_PATH = "{0} GLOB '/[0-9]*' AND {0} NOT GLOB '*[^0-9/]*' AND {0} NOT GLOB '*//*'"
_JSON = "{0} GLOB '[[{{]*[1-9]*' AND json_valid({0})"
_FIRST = "typeof({0}) = 'text' AND {0} GLOB '[0-9/[{{]*'"  # each of the forms begins so, and most texts do not
_HAS_FORM = f"count(CASE WHEN {_FIRST} AND (({_LIST}) OR ({_PATH}) OR ({_JSON})) THEN 1 END)"


def find_unfollowed(databases: InspectedDatabases, followed: FollowedKeys) -> tuple[list[Problem], list[Finding]]:
    """Return the search indexes and the columns that would refer to other rows."""
    problems: list[Problem] = []
    findings: list[Finding] = []
    elsewhere, known = _columns_that_refer(databases, followed), KnownKeys(databases)
    changing, relations = ChangingKeys(databases.mappings, known), keys_of_relations(databases)
    for mappings in databases.mappings_by_source.values():
        named_keys = changing.of_source(mappings, known)
        first = len(findings)
        renumbered = [m for m in mappings if m.matched_key or any(shift.offset for shift in m.key_shifts.values())]
        for mapping in mappings:
            for parent in renumbered:
                problems += _rowids_of_keys(databases, mapping, parent)
            undeclared = list(_undeclared(databases, mapping, renumbered, followed, (elsewhere, known)))
            reported = {finding.column for finding in undeclared}
            typed = list(typed_ids(databases, mapping, renumbered, followed, reported))
            reported |= {finding.column for finding in typed}
            findings += [
                *undeclared,
                *typed,
                *columns_of_keys(databases, mapping, renumbered, followed, reported, known),
            ]
            findings += _keys_of_others(databases, mapping, followed, known)
            findings += _texts(databases, mapping)
            findings += texts_of_ids(databases, mapping, renumbered, followed)
            findings += texts_with_keys(databases, mapping, renumbered, followed)
            findings += values_named_by_their_rows(databases, mapping, named_keys, followed)
        referring = _referring_columns(mappings, followed, findings[first:])
        for mapping in mappings if renumbered else ():
            findings += values_of_named_columns(databases, mapping, referring, followed)
        findings += columns_of_other_sources(databases, mappings, followed, changing, relations, known)
    findings += ids_of_target(databases, followed, relations, known)
    findings = _with_matches(databases, findings)
    findings += find_literals(databases)
    if any(mapping.shifted for mapping in databases.mappings):
        text = "Numbers in code, in settings and outside of the workspace that mean renumbered rows are not examined."
        findings.append(Finding.of("ids-elsewhere", databases.plan.target, text))
    return problems, findings


def _referring_columns(
    mappings: list[TableMapping], followed: FollowedKeys, findings: list[Finding]
) -> dict[str, NamedKey]:
    """Return the columns of a source that may refer to renumbered rows, folded, with the key.

    Args:
        mappings: Those of the source.
        followed: The references that follow.
        findings: The findings about its columns.
    """
    referring: dict[str, NamedKey] = {}
    for mapping in mappings:
        for column in followed.columns(mapping):
            for parent, key in followed.parents_of(mapping, column):
                if key in map(folded, changing_keys(parent)):
                    referring.setdefault(folded(column), (parent, key))
    keys = {f"{mapping.table_map.name}.{key}": (mapping, key) for mapping in mappings for key in changing_keys(mapping)}
    for finding in findings:
        if likeliest := next((keys[key] for key in finding.keys if key in keys), None):
            referring.setdefault(folded(finding.column), likeliest)
    return referring


def _with_matches(databases: InspectedDatabases, findings: list[Finding]) -> list[Finding]:
    """Return the findings, which state whether rows are matched by their columns."""
    matched = {
        (mapping.subject, column)
        for mapping in databases.mappings
        for column, into in mapping.columns
        if not {into, "*"}.isdisjoint(mapping.table_map.match)
    }
    fact = " The plan matches the rows by this column (match), so rows that mean different things may become one."
    return [
        replace(each, text=each.text + fact) if (each.subject, each.column) in matched else each for each in findings
    ]


def _rowids_of_keys(databases: InspectedDatabases, mapping: TableMapping, parent: TableMapping) -> Iterator[Problem]:
    """Yield a problem if the rowids of a virtual table are all keys of a renumbered one."""
    if mapping.table.kind != "virtual" or mapping.refers or not databases.rows(mapping):
        return
    if any(rowids_are_keys(databases, mapping, parent, key) for key in parent.key_shifts):
        fact = f"each of its rowids is a key of {parent.table_map.name}, which gets new ones, and nothing follows them."
        hint = 'Say so with refers and column = "rowid", or leave it behind with a reason.'
        yield Problem("rowids-unfollowed", mapping.subject, fact, hint, criterion="keys-free")


def _undeclared(
    databases: InspectedDatabases,
    mapping: TableMapping,
    renumbered: list[TableMapping],
    followed: FollowedKeys,
    names_of: tuple[_ColumnsThatRefer, KnownKeys],
) -> Iterator[Finding]:
    """Yield a finding for each column that has the name of a reference and follows nothing.

    Its text has the lines of the plan that would state the reference.
    """
    elsewhere, known = names_of
    named: dict[ColumnOfSource | str, tuple[TableMapping, str]] = {
        name: (parent, key) for parent in renumbered for name, key in names_of_references(parent, known).items()
    }
    named |= _references_of_others(elsewhere, mapping, renumbered, followed)
    plain = ChangingKeys(renumbered, known).plain
    for column in loose_columns(mapping, followed):
        names = [column_id(mapping, column), *column_ends(column)]
        parent, key = next((named[name] for name in names if name in named), (mapping, ""))
        if not key:
            ends = (end for end in word_ends(column) if end in plain or known.is_of_source(mapping, f"{end}_id"))
            keys = plain.get(next(ends, ""), [])
            parent, key = next((end for end in keys if most_are_keys(databases, mapping, column, *end)), (mapping, ""))
        if not key or (parent is mapping and folded(key) == folded(column)):
            continue
        if rows := count_rows(databases, mapping, column, INTEGER):
            to = f"{parent.table_map.name}.{key}"
            text = (
                f"will keep the number in column {column} while the keys of {parent.table_map.name} change, because no"
                f" FOREIGN KEY declares the column as a reference. If it is one, add [[source.table.refers]] with"
                f' column = "{column}" and to = "{to}".'
            )
            yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column, keys=(to,))


def _keys_of_others(
    databases: InspectedDatabases, mapping: TableMapping, followed: FollowedKeys, known: KnownKeys
) -> Iterator[Finding]:
    """Yield a finding for each key with new numbers and the name of a reference."""
    for key, shift in mapping.key_shifts.items():
        if shift.offset and followed.is_own_key(mapping, key) and (other := known.other(mapping, key)):
            name, is_of_source = mapping.table_map.name, known.is_of_source(mapping, key)
            way = (
                f'[[source.table.refers]] with column = "{key}" and to = "{other}"' if is_of_source else 'keys = "keep"'
            )
            text = (
                f"will get a new number in {key}, the key of {name}, which is named like a reference to {other}. If it"
                f" is one, add {way} to the table {name}."
            )
            yield Finding.of(
                "id-unfollowed", mapping.subject, text, count=databases.rows(mapping), noun="row", column=key
            )


def _references_of_others(
    elsewhere: _ColumnsThatRefer, mapping: TableMapping, renumbered: list[TableMapping], followed: FollowedKeys
) -> dict[ColumnOfSource | str, tuple[TableMapping, str]]:
    """Return the columns of a table that refer to renumbered rows in another database."""
    keys = {followed.place(parent, key): (parent, key) for parent in renumbered for key in parent.key_shifts}
    columns: dict[ColumnOfSource | str, tuple[TableMapping, str]] = {}
    for (into, place), sources in elsewhere.get(mapping.into.name, {}).items():
        if place in keys and sources != {mapping.source.name}:
            columns[column_id(mapping, source_column(mapping, into))] = keys[place]
    return columns


def _columns_that_refer(databases: InspectedDatabases, followed: FollowedKeys) -> _ColumnsThatRefer:
    """Return the columns of each table that refer to a key in some source.

    Two sources are enough for all, because one of them is not the source of a table.
    """
    tables: _ColumnsThatRefer = {}
    for mapping in databases.mappings:
        columns = tables.setdefault(mapping.into.name, {})
        for column, into in mapping.columns:
            owners = followed.owners(mapping, column) if column not in mapping.key_shifts else ()
            for table, key in owners:
                sources = columns.setdefault((into, followed.place(followed.mapping(table), key)), set())
                if len(sources) < _ENOUGH:
                    sources.add(mapping.source.name)
    return tables


def _texts(databases: InspectedDatabases, mapping: TableMapping) -> Iterator[Finding]:
    """Yield a finding for each column of texts in which numbers may be ids.

    Only tables are read that refer to renumbered rows, or that are renumbered themselves.
    """
    columns = [name for name, _ in mapping.columns if name not in mapping.shifted]
    if not mapping.shifted or mapping.table.kind != "table" or not columns:
        return
    reader = databases.sources[mapping.source.name].write_lock.reader
    for at in range(0, len(columns), 500):
        part = columns[at : at + 500]
        counts = ", ".join(_HAS_FORM.format(quoted(name)) for name in part)
        rows = reader.execute(f"SELECT {counts} FROM {quoted(mapping.table_map.name)}").fetchone()
        for name, count in zip(part, rows, strict=True):
            if count:
                text = (
                    f"of a table with new numbers will keep JSON or a list of numbers in column {name}. Ids in these"
                    f' texts stay. If they mean rows with new keys, keep the keys of these rows: keys = "keep", and'
                    f" other names (into) for their tables and for those that refer to them."
                )
                yield Finding.of("id-unfollowed", mapping.subject, text, count=count, noun="row", column=name)
