"""Find columns that code compares with a renumbered key, and that follow nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    count_equal_texts,
    count_rows,
    loose_columns,
    most_are_keys,
    some_number_is_key,
    ways_to_keep_meaning,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import changing_keys
from sqlite_consolidate.engine.checks.renumbering.unfollowed.target_rows import mappings_of_target
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NamedKey
    from sqlite_consolidate.engine.code.tables.joined_keys import AttachedKey, CodeJoins
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def columns_compared_by_code(databases: InspectedDatabases, joins: CodeJoins, followed: FollowedKeys) -> list[Finding]:
    """Return a finding for each column that code compares with a renumbered key.

    The key may be one of another file.

    Args:
        databases: All databases.
        joins: The columns that code compares.
        followed: The references that follow.
    """
    joined = list(joined_column_findings(databases, joins, followed))
    reported = {(each.subject, each.column) for each in (*databases.findings, *joined) if each.id == "id-unfollowed"}
    return [*joined, *attached_column_findings(databases, joins, followed, reported)]


def joined_column_findings(
    databases: InspectedDatabases, joins: CodeJoins, followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column that code compares with a renumbered key.

    A column that has such a finding already gets no further one.

    Args:
        databases: All databases.
        joins: The columns that code compares.
        followed: The references that follow.
    """
    reported = {(each.subject, each.column) for each in databases.findings if each.id == "id-unfollowed"}
    for mappings in followed.by_source.values():
        by_name = {folded(mapping.table_map.name): mapping for mapping in mappings}
        database = databases.database_of(mappings[0])
        for table, column, (other, key), place, *_ in joins.keys_in(database.schema, database.file):
            mapping, parent = by_name.get(folded(table)), by_name.get(folded(other))
            if not mapping or not parent or key not in changing_keys(parent):
                continue
            if (mapping.subject, column) in reported:
                continue
            child, end = (mapping, column), (parent, key)
            if not _gets_another_number(child, end, followed):
                finding = _finding_about_column(databases, child, end, place, followed)
            elif (parent.subject, key) not in reported:
                finding = _finding_about_key(databases, child, end, place)
            else:
                continue
            if finding:
                reported.add((mapping.subject, column))
                yield finding


def _finding_about_key(databases: InspectedDatabases, child: NamedKey, parent: NamedKey, place: str) -> Finding | None:
    """Return the finding about a key that may be the key of another table, or None."""
    mapping, column = child
    if not most_are_keys(databases, mapping, column, *parent):
        return None
    verb = "get another" if mapping.key_shifts[column].offset else "keep the"
    return _finding_about_numbers(databases, child, parent, f"will {verb} number in column {column}, which {place}")


def _finding_about_column(
    databases: InspectedDatabases, child: NamedKey, parent: NamedKey, place: str, followed: FollowedKeys
) -> Finding | None:
    """Return the finding about a column that follows nothing and may have keys, or None.

    Args:
        databases: All databases.
        child: The column.
        parent: The key.
        place: File and line of the code that compares them.
        followed: The references that follow.
    """
    (mapping, column), (other, key) = child, parent
    if column not in loose_columns(mapping, followed):
        return None
    if some_number_is_key(databases, (mapping, column, "1"), parent):
        return _finding_about_numbers(
            databases, child, parent, f"will keep the number in column {column}, which {place}"
        )
    if rows := count_equal_texts(databases, child, parent):
        text = (
            f"will keep the number that column {column} has as a text or as a REAL value, which {place} relates to"
            f" {other.table_map.name}.{key}, while these keys change. No reference follows such a value. If it means"
            f" that row, {ways_to_keep_meaning(followed, [other])}."
        )
        return Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)
    return None


def _finding_about_numbers(databases: InspectedDatabases, child: NamedKey, parent: NamedKey, fact: str) -> Finding:
    """Return the finding about numbers that may be keys, with the lines that let them follow.

    Args:
        databases: All databases.
        child: The column.
        parent: The key.
        fact: What happens to the numbers, and where the code is that compares the column.
    """
    (mapping, column), (other, key) = child, parent
    to = f"{other.table_map.name}.{key}"
    text = (
        f"{fact} relates to {to}, while these keys change, because no FOREIGN KEY declares the column as a reference."
        f' If it is one, add [[source.table.refers]] with column = "{column}" and to = "{to}".'
    )
    rows = count_rows(databases, mapping, column, INTEGER)
    return Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column, keys=(to,))


def attached_column_findings(
    databases: InspectedDatabases, joins: CodeJoins, followed: FollowedKeys, reported: Collection[tuple[str, str]]
) -> Iterator[Finding]:
    """Yield a finding for each column that code compares with a key of another file.

    The code attaches the file, and its keys get new numbers. A reference cannot follow the keys of another file.

    Args:
        databases: All databases.
        joins: The columns that code compares.
        followed: The references that follow.
        reported: Subject and column of each finding so far.
    """
    known = set(reported)
    for mapping, attached in _attached_columns(databases, joins, followed):
        column = attached.column
        for parent, key in _attached_keys(databases, joins, attached, mapping):
            is_new = (mapping.subject, column) not in known
            if is_new and some_number_is_key(databases, (mapping, column, "1"), (parent, key)):
                known.add((mapping.subject, column))
                text = (
                    f"will keep the number in column {column}, which {attached.place} relates to"
                    f" {parent.table_map.name}.{key} of another database ({parent.source.name}), while these keys"
                    f" change. If the column means rows of that database, {ways_to_keep_meaning(followed, [parent])}."
                )
                rows = count_rows(databases, mapping, column, INTEGER)
                yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)


def _attached_columns(
    databases: InspectedDatabases, joins: CodeJoins, followed: FollowedKeys
) -> Iterator[tuple[TableMapping, AttachedKey]]:
    """Yield each column that follows nothing and that code compares with one of another file."""
    for mappings in (*followed.by_source.values(), mappings_of_target(databases, followed)):
        by_name = {mapping.table_map.name: mapping for mapping in mappings}
        for attached in joins.attached_in(databases.database_of(mappings[0]).schema) if mappings else ():
            mapping = by_name.get(attached.table)
            if mapping and attached.column in loose_columns(mapping, followed):
                yield mapping, attached


def _attached_keys(
    databases: InspectedDatabases, joins: CodeJoins, attached: AttachedKey, child: TableMapping
) -> Iterator[NamedKey]:
    """Yield the renumbered key of another file that code compares with a column.

    Its name in the connection means the file, or only one other database of the plan has the table.
    """
    file, (name, table, key) = child.source.file, attached.to
    all_of_plan = [*databases.sources.values(), *([databases.target] if databases.target else ())]
    others = {each.file for each in all_of_plan if each.file != file and each.schema.table(table)}
    homes = {each.file for each in all_of_plan if each.schema.table(attached.table)}
    if homes != {file} and not joins.can_mean(attached.place, attached.database, file):
        return
    meant = {each for each in others if joins.can_mean(attached.place, name, each)} or others
    if len(meant) == 1:
        for mapping in databases.mappings:
            if mapping.source.file in meant and folded(mapping.table_map.name) == table:
                yield from ((mapping, column) for column in changing_keys(mapping) if folded(column) == key)


def _gets_another_number(child: NamedKey, parent: NamedKey, followed: FollowedKeys) -> bool:
    """Return whether two keys that code compares get new numbers that differ."""
    offsets = [
        mapping.key_shifts[key].offset
        for mapping, key in (child, parent)
        if key in mapping.key_shifts and followed.is_own_key(mapping, key)
    ]
    return len(offsets) == len((child, parent)) and offsets[0] != offsets[1]
