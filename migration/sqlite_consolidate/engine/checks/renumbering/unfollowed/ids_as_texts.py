"""Find texts that may be ids of renumbered rows, and values whose row says what they are."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.setting_names import name_of_settings
from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import (
    ENDS_LIKE_AN_ID,
    is_amount,
    is_certain_amount,
    is_person_of_setting,
    names_a_value,
    table_of_setting,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    MOSTLY,
    TEXT,
    count_rows,
    loose_columns,
    most_of_numbers_are_keys,
    some_is_key,
    texts_of,
    ways_to_keep_meaning,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import names_table, words_of_name
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import changing_keys, forms_of
from sqlite_consolidate.engine.checks.renumbering.unfollowed.typed_ids import rows_of_other_types
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import ChangingKeys, NamedKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_MOST_SETTINGS = 10_000  # a table with more rows has other things in them
_MOST_TEXTS = 10_000  # of one column, by which it is judged
_PART = 300  # columns that one statement counts
_IS_TEXT = "typeof({0}) = 'text' AND {0} <> ''"
_IS_PATH = "typeof({0}) = 'text' AND {0} GLOB '[1-9]*' AND {0} NOT GLOB '*[^0-9/.-]*'"
_SIGNS = " OR ".join(f"{{0}} GLOB '*{sign}*'" for sign in ":#/")
_HAS_SIGN = f"typeof({{0}}) = 'text' AND ({_SIGNS})"  # much faster than the pattern of a name
_HAS_NAME = f"{_HAS_SIGN} AND {{0}} GLOB '*[a-zA-Z_][:#/][1-9]*'"
_PATH = re.compile(r"([1-9]\d{0,17})(?:([/.-])[1-9]\d{0,17}(?:\2[1-9]\d{0,17})*)?/?", re.ASCII)
_NAME = re.compile(
    r"gid://[^/\s]+/([\w:]+)/([1-9]\d{0,17})(?![\w.])|(?<!\w)([A-Za-z_]\w*)[:#]([1-9]\d{0,17})(?!\w|[.:,-]\d)"
)
_ROUTE = re.compile(r"/?[\w+#*-]+(?:/[\w+#*-]+)+/?")
_NAME_IN_ROUTE = re.compile(r"(?<![\w+#*-])([A-Za-z_]\w*)/([1-9]\d{0,17})(?=/|$)", re.ASCII)
_PATH_WORDS = frozenset({"ancestor", "ancestry", "breadcrumb", "hierarchy", "lineage", "mpath", "path", "trail"})


def texts_of_ids(
    databases: InspectedDatabases, mapping: TableMapping, renumbered: Sequence[TableMapping], followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of ids that has texts of renumbered keys.

    Its name is that of an id. Such a column often has ids of several tables, and another column says of which. A row
    that names a table whose keys stay does not count. No reference follows a text.
    """
    tables = [parent.table_map.name for parent in renumbered]
    for column in loose_columns(mapping, followed) if renumbered else ():
        if not ENDS_LIKE_AN_ID.fullmatch(column) or not count_rows(databases, mapping, column, TEXT):
            continue
        of_others = rows_of_other_types(databases, mapping, column, tables)
        if not (rows := count_rows(databases, mapping, column, f"{TEXT} AND NOT {of_others}")):
            continue
        owners = {}
        for parent in renumbered:
            texts = f"{TEXT} AND NOT {rows_of_other_types(databases, mapping, column, [parent.table_map.name])}"
            if any(some_is_key(databases, mapping, column, (parent, key), texts) for key in changing_keys(parent)):
                owners[parent.table_map.name] = parent
        others = [name for name in owners if name != mapping.table_map.name]
        if parents := [owners[name] for name in others or owners]:
            text = (
                f"will keep a text in column {column} that is a number, while the keys of"
                f" {join_first_names([*(others or owners)])} change. No reference follows a text. If it is an id,"
                f" {ways_to_keep_meaning(followed, parents)}."
            )
            yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)


def texts_with_keys(
    databases: InspectedDatabases, mapping: TableMapping, renumbered: Sequence[TableMapping], followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of texts that are paths or names of keys.

    ``3/7`` is a path, as the gem ancestry of Rails writes it. ``gid://shop/Order/12``, ``order:12`` and
    ``shops/3/orders/12`` name a key.
    """
    parents = [(parent, key) for parent in renumbered for key in changing_keys(parent)[:1]]
    columns = loose_columns(mapping, followed) if parents else []
    reader, table = databases.database_of(mapping).write_lock.reader, quoted(mapping.table_map.name)
    for at in range(0, len(columns), _PART):
        part = columns[at : at + _PART]
        forms = [form.format(quoted(name)) for name in part for form in (_IS_TEXT, _IS_PATH, _HAS_NAME)]
        cases = ", ".join(f"count(CASE WHEN {form} THEN 1 END)" for form in forms)  # only a CASE ends at the first no
        counts = reader.execute(f"SELECT {cases} FROM {table}").fetchone()
        for place, name in enumerate(part):
            texts, paths, names = counts[3 * place : 3 * place + 3]
            if paths and paths >= MOSTLY * texts:
                yield from _paths_of_keys(databases, mapping, name, parents, paths, followed)
            if names:
                yield from _names_of_keys(databases, mapping, name, parents, followed)


def _texts_with(databases: InspectedDatabases, mapping: TableMapping, column: str, form: str) -> list[str]:
    name = quoted(column)
    query = f"SELECT DISTINCT {name} FROM {quoted(mapping.table_map.name)} WHERE {form.format(name)}"
    return texts_of(databases, mapping, f"{query} LIMIT {_MOST_TEXTS}")


def _paths_of_keys(
    databases: InspectedDatabases,
    mapping: TableMapping,
    column: str,
    parents: Sequence[NamedKey],
    rows: int,
    followed: FollowedKeys,
) -> Iterator[Finding]:
    """Yield the finding about a column of paths, if most of their numbers are keys of a table."""
    texts = _texts_with(databases, mapping, column, _IS_PATH)
    paths = [re.findall(r"\d+", text) for text in texts if _PATH.fullmatch(text)]
    paths = [path for path in paths if len({*path}) == len(path)]  # no row is above itself
    is_path = not _PATH_WORDS.isdisjoint(words_of_name(column)) or (not is_amount(column) and _is_tree(texts))
    if not is_path or len(paths) < MOSTLY * len(texts):
        return
    numbers = {int(number) for path in paths for number in path}
    ordered = sorted(parents, key=lambda end: end[0] is not mapping)  # a path most often leads to rows of its table
    if end := next((end for end in ordered if most_of_numbers_are_keys(databases, numbers, *end)), None):
        text = (
            f"will keep a path of numbers in column {column}, which may be keys of {end[0].table_map.name}, while these"
            f" keys change. No reference follows a text. If they are keys,"
            f" {ways_to_keep_meaning(followed, [end[0]])}."
        )
        yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)


def _is_tree(texts: Iterable[str]) -> bool:
    """Return whether most paths of several numbers begin with another path.

    Fractions and dates have no such beginnings.
    """
    paths = {text.rstrip("/") for text in texts}
    starts = [path.rpartition("/")[0] for path in paths if "/" in path]
    others = [path for path in paths if not path.isdecimal() and "/" not in path]
    return bool(starts) and not others and sum(start in paths for start in starts) >= MOSTLY * len(starts)


def _names_of_keys(
    databases: InspectedDatabases,
    mapping: TableMapping,
    column: str,
    parents: Sequence[NamedKey],
    followed: FollowedKeys,
) -> Iterator[Finding]:
    """Yield the finding about a column of texts that name a table beside keys of it."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for text in _texts_with(databases, mapping, column, _HAS_NAME):
        for model, id_of_model, word, number in _NAME.findall(text):
            numbers[model or word].add(int(id_of_model or number))
        for word, number in _NAME_IN_ROUTE.findall(text) if _ROUTE.fullmatch(text) else ():
            numbers[word].add(int(number))
    tables = databases.database_of(mapping).schema.tables
    named: dict[str, TableMapping] = {}
    for word, keys in numbers.items():
        exact = [table for table in tables if folded(word) in forms_of(table)]
        ends = [end for end in parents if end[0].table_map.name in exact or (not exact and _names(word, end[0]))]
        if ends and most_of_numbers_are_keys(databases, keys, *ends[0]):
            named[word] = ends[0][0]
    if named:
        owners = {parent.table_map.name: parent for parent in named.values()}
        form = " OR ".join(f"{{0}} GLOB '*{word}[:#/][1-9]*'" for word in named)
        text = (
            f"will keep a text in column {column} that names {join_first_names([*owners])} and a key of it, while these"
            f" keys change. No reference follows a text. If it means the row,"
            f" {ways_to_keep_meaning(followed, [*owners.values()])}."
        )
        rows = count_rows(databases, mapping, column, f"{_HAS_NAME} AND ({form})")
        yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)


def _names(word: str, parent: TableMapping) -> bool:
    return names_table(word, parent.table_map.name)


def values_named_by_their_rows(
    databases: InspectedDatabases, mapping: TableMapping, changing: ChangingKeys, followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of a table of settings that has ids of renumbered rows.

    The key or the name of such a row is a text, which is named like a reference (``vip_customer_id``). Or it names a
    table (``editor_person``), a person (``owner``) or a row of any table (``rootTagID``), and the number is a key
    there. A person, or a row of any table, is one of the same database. A column such as ``version`` has amounts.
    """
    if not changing.references or mapping.table.kind != "table":
        return
    reader = databases.database_of(mapping).write_lock.reader
    key = name_of_settings(reader, mapping.source_table) or next(iter(mapping.table.primary_key), "")
    if not key or (len(mapping.table.primary_key) > 1 and key in mapping.table.primary_key):
        return
    own_ends = {
        end[0].table_map.name: end
        for ends in changing.plain.values()
        for end in ends
        if end[0].source.name == mapping.source.name
    }
    others = (name for name, _ in mapping.columns if name != key and name not in mapping.shifted)
    for column in (name for name in others if not is_certain_amount(name) or names_a_value(name)):
        name, value = quoted(key), quoted(column)
        is_number = f"typeof({name}) = 'text' AND (({INTEGER.format(value)}) OR ({TEXT.format(value)}))"
        rows = f"FROM {quoted(mapping.table_map.name)} WHERE {is_number} AND {name}"
        first = f"ORDER BY {name} NOT LIKE '%id' LIMIT {_MOST_SETTINGS}"
        settings = f"SELECT CAST({value} AS INTEGER) || ' ' || {name} {rows} <> '' {first}"
        named: list[list[TableMapping]] = []
        for text in texts_of(databases, mapping, settings):
            number, _, setting = text.partition(" ")
            is_id = setting.lower().endswith("id")
            if is_id and (end := changing.named(setting)):
                named.append([end[0]])
                continue
            ends = changing.plain.get(table_of_setting(setting, changing.plain), []) if not is_id else []
            known = [parent for parent, end in ends if _is_key(databases, parent, end, number)][:1]
            is_other = number != "1" and ENDS_LIKE_AN_ID.fullmatch(setting)
            if not ends and (is_other if is_id else is_person_of_setting(setting, number)):
                known = [parent for parent, end in own_ends.values() if _is_key(databases, parent, end, number)]
            named += [known] if known else []
        if named:
            parents = [parent for each in named for parent in each]
            tables = dict.fromkeys(f"{parent.table_map.name}{_source_name(parent, mapping)}" for parent in parents)
            text = (
                f"will keep the number in column {column} while the keys of {join_first_names([*tables])} change. The"
                f" {key} of the row is named like a reference to it. If the number is such a key,"
                f" {ways_to_keep_meaning(followed, parents)}."
            )
            yield Finding.of("id-unfollowed", mapping.subject, text, count=len(named), noun="row", column=column)


def _source_name(parent: TableMapping, mapping: TableMapping) -> str:
    """Return the source of a table in parentheses, or nothing for the same file of a pattern.

    Findings about several files have one text then, and are one.
    """
    is_same = parent.source.is_of_pattern and parent.source.name == mapping.source.name
    return "" if is_same else f" ({parent.source.name})"


def values_of_named_columns(
    databases: InspectedDatabases, mapping: TableMapping, referring: Mapping[str, NamedKey], followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of numbers whose row names a referring column.

    A log of changes has such rows, as ``assignee`` with the number before and after a change.

    Args:
        databases: All databases.
        mapping: The table.
        referring: The columns of its source that may refer to renumbered rows, each with the key.
        followed: The references that follow.
    """
    values = [name for name in loose_columns(mapping, followed) if not is_amount(name) and referring]
    values = [name for name in values if (name,) != mapping.table.primary_key]
    table, names = quoted(mapping.table_map.name), ", ".join(map(literal, referring))
    for field, _ in mapping.columns if values else ():
        of_field = quoted(field)
        rows = f"SELECT {of_field} AS v FROM {table} LIMIT {_MOST_SETTINGS}"
        query = f"SELECT DISTINCT v FROM ({rows}) WHERE typeof(v) = 'text' AND v COLLATE NOCASE IN ({names})"
        named = texts_of(databases, mapping, query)
        for column in (name for name in values if name != field and named):
            value, is_number = quoted(column), f"(({INTEGER} AND {{0}} > 0) OR ({TEXT}))".format(quoted(column))
            parents: dict[str, TableMapping] = {}
            for text in named:
                parent, key = referring[folded(text)]
                numbers = f"SELECT DISTINCT CAST({value} AS TEXT) FROM {table} WHERE {of_field} = {literal(text)}"
                keys = {int(number) for number in texts_of(databases, mapping, f"{numbers} AND {is_number}")}
                if most_of_numbers_are_keys(databases, keys, parent, key):
                    parents[text] = parent
            if parents:
                texts = ", ".join(map(literal, parents))
                rows = f"{of_field} IN ({texts}) AND {is_number}".replace("{", "{{").replace("}", "}}")
                text = (
                    f"will keep the number in column {column} while the keys of"
                    f" {join_first_names([*dict.fromkeys(each.table_map.name for each in parents.values())])} change."
                    f" Column {field} of the row names a column with such keys. If the number is one,"
                    f" {ways_to_keep_meaning(followed, [*parents.values()])}."
                )
                count = count_rows(databases, mapping, column, rows)
                yield Finding.of("id-unfollowed", mapping.subject, text, count=count, noun="row", column=column)


def _is_key(databases: InspectedDatabases, parent: TableMapping, key: str, number: str) -> bool:
    query = f"SELECT 1 FROM {quoted(parent.table_map.name)} WHERE {quoted(key)} = {number}"
    return databases.database_of(parent).write_lock.reader.execute(query).fetchone() is not None
