"""Ask about rows of several files that become one row.

Their keys and their values are equal. They can be different things all the same, as the bins A-01 of two warehouses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import MIGRATION_STAMPS, is_of_framework
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.union_advice import keep_keys_of
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap

_LOOKUPS = re.compile(
    r"categor(y|ie)|class|colou?r|continent|countr(y|ie)|currenc(y|ie)|format|gender|genre|kind|language|level|locale"
    r"|lookup|method|mode|month|permission|phase|priorit(y|ie)|privilege|rating|reason|role|salutation|season|severit"
    r"(y|ie)|size|stage|state|status(e)?|tax(e)?|time_?zone|type|unit|vat|weekday"
)
"""Words of tables whose rows are kinds of things, which a program ships, and not single things."""

_FURTHER_WORDS = frozenset({"code", "def", "definition", "list", "master", "name", "table", "value"})
_QUESTION = (
    "{tables} {has} rows with equal keys and equal values in {files} and in {file}, which become one row. What refers "
    "to them in each file then refers to this row. If they are the same things, such as the products of one price "
    "list, there is nothing to do. If they are other things, such as the shelves of another shop, {advice}."
)
_NEW_KEYS = 'write `keys = "renumber"` in this [[source]]{kept} and remove `on_conflict` from {tables}'
_KEEP_NO_KEYS = 'remove `keys = "keep"` and `on_conflict` from {tables}'
_OTHER_NAMES = "give them and the tables that refer to them other names (`into`)"


def united_tables(source: ProposedSource, database: Database, skipped: Mapping[str, int]) -> list[str]:
    """Return the tables of a source whose rows are there already.

    Labels and bookkeeping do not count.

    Args:
        source: The source.
        database: Its tables.
        skipped: Subject of each table to the number of its rows that are there already.
    """
    return [
        each.name
        for each in source.maps
        if any(f"{file}:{each.name}" in skipped for file in source.all_files)
        and folded(each.name) not in MIGRATION_STAMPS
        and not _is_label(database, each.name)
    ]


def ask_about_united_rows(source: ProposedSource, database: Database, skipped: Mapping[str, int]) -> tuple[str, ...]:
    """Return the decision about rows that become one with those of other files, or none.

    Args:
        source: A source of one file. A conflicted copy has another decision.
        database: Its tables.
        skipped: Subject of each table to the number of its rows that are there already.
    """
    names = {*united_tables(source, database, skipped)} if not source.version else {}
    asked = [each for each in source.maps if each.name in names and _may_be_other_things(each, source, skipped)]
    if not asked:
        return ()
    tables = join_first_names([each.name for each in asked])
    files = join_first_names([*dict.fromkeys(file for each in asked for file in each.shared)])
    has = "has" if len(asked) == 1 else "have"
    kept = keep_keys_of([each for each in source.maps if each not in asked])
    advice = _advice(source, asked).format(tables=tables, kept=kept)
    return (_QUESTION.format(tables=tables, has=has, files=files, file=source.file, advice=advice),)


def _may_be_other_things(table_map: ProposedMap, source: ProposedSource, skipped: Mapping[str, int]) -> bool:
    """Return whether equal rows of two files may be different things.

    No key but a number says what they are, and they are no lookup that a program ships in whole.
    """
    if not table_map.on_conflict or not table_map.has_integer_key or table_map.unique or table_map.key_of:
        return False
    words = [word for word in words_of_name(table_map.name) if word not in _FURTHER_WORDS]
    is_whole = str(skipped.get(f"{source.file}:{table_map.name}")) == table_map.rows
    is_lookup = bool(words and _LOOKUPS.fullmatch(words[-1])) and is_whole and not table_map.parents
    return not is_lookup and not is_of_framework(table_map.name)


def _advice(source: ProposedSource, asked: Sequence[ProposedMap]) -> str:
    """Return the lines with which the rows of both files stay apart."""
    if source.obstacle:
        return _OTHER_NAMES
    if not source.keys:
        return _NEW_KEYS
    return _KEEP_NO_KEYS if all(each.keys for each in asked) else _OTHER_NAMES


def _is_label(database: Database, name: str) -> bool:
    """Return whether rows of a table say nothing but their name, such as those of tags.

    They have no further column, and only link tables refer to them.
    """
    table = database.table(name)
    if table is None:
        return False
    keys = {folded(column) for key in keys_of(table.table) for column, _ in key}
    children = {
        each.name for each in database.tables for key in each.table.foreign_keys if folded(key.parent) == folded(name)
    }
    links = {each.name for each in database.tables if _is_link(each.table)}
    return {folded(column.name) for column in table.table.stored} == keys and bool(children) and children <= links


def _is_link(table: Table) -> bool:
    """Return whether the primary key of a table has only references, of more than one column."""
    references = {folded(column) for key in table.foreign_keys for column in key.columns}
    return len(table.primary_key) > 1 and {folded(column) for column in table.primary_key} <= references
