"""Find the columns to which triggers give the meaning of a key.

They write the key of the row that fires them into a column, or compare it with one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import is_any_row
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import names_table
from sqlite_consolidate.engine.code.tables.compared_columns import NamedTable, QueryScope, comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS
from sqlite_consolidate.engine.sqlite.schema.index_queries import trigger_parts, trigger_statements
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.joined_columns import find_joined_columns
from sqlite_consolidate.inventory.references.link_tables import measured_key, open_columns
from sqlite_consolidate.inventory.references.rowid_keys import find_rowid_keys
from sqlite_consolidate.inventory.references.type_columns import movable_by_name, type_columns_of
from sqlite_consolidate.inventory.references.typed_references import find_typed_references, sql_name
from sqlite_consolidate.inventory.references.unstated_references import (
    UnstatedReference,
    find_unstated_references,
    fits,
    has_rows,
    undeclared,
    with_sentinels,
)
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.code.tables.joined_keys import JoinedKey
    from sqlite_consolidate.engine.sqlite.schema.index_queries import Token
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, TriggerOrView


_AFTER_TERMS = frozenset(("from", "where", "group", "order", "limit", "union", "except", "intersect", "on"))


class _Write(NamedTuple):
    """Hold one row that a trigger inserts with the key of the row that fires it.

    Attributes:
        trigger: Name of the trigger.
        parent: The table of the trigger.
        key: Its key.
        texts: Each column that gets a text, to this text as SQL.
    """

    trigger: str
    parent: str
    key: str
    texts: Mapping[str, str]


def find_all_references(
    con: sqlite3.Connection, schema: Schema, tables: Sequence[Table], joined: Sequence[JoinedKey] = ()
) -> tuple[UnstatedReference, ...]:
    """Return each column that looks like a reference and is no declared one.

    Its name, a column beside it that names tables, a trigger or code says to what it refers.

    Args:
        con: Reads the database.
        schema: Its schema.
        tables: The tables that can be moved.
        joined: The columns that code compares with keys.
    """
    joined = _each_once((*joined, *_keys_compared_by_triggers(schema)))
    columns = _by_column(find_unstated_references(con, tables, joined))
    by_name = movable_by_name(tables)
    for (name, column), written in _by_column(find_written_keys(con, schema, tables)).items():
        if (name, column) not in columns or not columns[name, column][0].to:
            is_typed = not written[0].when and type_columns_of(con, by_name, by_name[folded(name)], column)
            columns[name, column] = [UnstatedReference(name, column)] if is_typed else written
    columns |= _by_column(find_joined_columns(con, tables, joined, columns))
    columns |= _by_column(_find_open_columns(con, by_name, columns))
    loosely = [each for each, *_ in columns.values() if not each.is_empty and (each.when or not each.to)]
    loose = ((table.name, column.name) for table, column in undeclared([*by_name.values()]))
    loosely += [UnstatedReference(*place) for place in loose if place not in columns and is_any_row(place[1])]
    columns |= _by_column(find_typed_references(con, tables, loosely, _conditions_beside(joined)))
    columns |= _by_column(find_rowid_keys(con, schema, tables))
    every = (each for references in columns.values() for each in references)
    return tuple(each if each.by else with_sentinels(con, each) for each in every)


def _conditions_beside(joined: Iterable[JoinedKey]) -> dict[tuple[str, str], frozenset[str]]:
    """Return each column that code compares with keys, to the columns beside it.

    These are in every such statement.
    """
    conditions: dict[tuple[str, str], frozenset[str]] = {}
    for each in joined:
        place = each.table, each.column
        conditions[place] = conditions.get(place, each.conditions) & each.conditions
    return conditions


def _keys_compared_by_triggers(schema: Schema) -> tuple[JoinedKey, ...]:
    """Return the columns that triggers compare with keys, such as ``t_id = OLD.id``."""
    comparisons = []
    for trigger in schema.triggers:
        fired = QueryScope(tables=[NamedTable(alias, folded(trigger.table)) for alias in ("old", "new")])
        for part in filter(None, trigger_parts(trigger.sql)):
            sql = trigger.sql[part[0].start : part[-1].end]
            comparisons += [(place_of_trigger(trigger), each) for each in comparisons_in(sql, fired)]
    return CodeJoins(comparisons).keys_in(schema)


def place_of_trigger(trigger: TriggerOrView) -> str:
    """Return what a plan names as the place of a comparison in a trigger."""
    return f"the trigger {trigger.name}"


def _each_once(joined: Iterable[JoinedKey]) -> tuple[JoinedKey, ...]:
    """Return what code and triggers say of a column and a key as one comparison.

    It is certain if one of them is.
    """
    known: dict[tuple[str, str, tuple[str, str]], JoinedKey] = {}
    for each in sorted(joined, key=lambda comparison: comparison.is_certain):
        conditions = each.conditions & known.get(each[:3], each).conditions
        known[each[:3]] = each._replace(conditions=conditions)
    return tuple(known.values())


def _find_open_columns(
    con: sqlite3.Connection, tables: Mapping[str, Table], columns: Mapping[tuple[str, str], list[UnstatedReference]]
) -> Iterator[UnstatedReference]:
    """Yield the integers of link tables of which nothing says to what they refer.

    A column to which a FOREIGN KEY refers is a key of its own table.
    """
    known: dict[str, dict[str, bool]] = defaultdict(dict)
    for (name, column), [each, *_] in columns.items():
        known[name][column] = bool(each.to) or each.is_empty
    numbers: dict[str, list[str]] = defaultdict(list)
    for table, each_column in undeclared([*tables.values()]):
        if each_column.name not in known[table.name]:
            numbers[table.name].append(each_column.name)
    keys = [(table.name, *table.primary_key) for table in tables.values() if len(table.primary_key) == 1]
    declared = [key for table in tables.values() for key in table.foreign_keys if folded(key.parent) in tables]
    referred = {
        (folded(key.parent), folded(name)) for key in declared for name in key.referred(tables[folded(key.parent)])
    }
    for table in tables.values():
        measured = measured_key(table)
        if measured and all(any(fits(con, table, name, *key) for key in keys) for name in measured):
            yield from (UnstatedReference(table.name, name) for name in measured)
        for name in open_columns(table, numbers[table.name], known[table.name]):
            has_numbers = has_rows(con, table, f"typeof({quoted(name)}) = 'integer' AND {quoted(name)} > 0")
            if has_numbers and (folded(table.name), folded(name)) not in referred:
                yield UnstatedReference(table.name, name)


def _by_column(references: Iterable[UnstatedReference]) -> dict[tuple[str, str], list[UnstatedReference]]:
    by_column: dict[tuple[str, str], list[UnstatedReference]] = {}
    for each in references:
        by_column.setdefault((each.table, each.column), []).append(each)
    return by_column


def find_written_keys(con: sqlite3.Connection, schema: Schema, tables: Sequence[Table]) -> list[UnstatedReference]:
    """Return the columns without FOREIGN KEY into which triggers write keys.

    A column that gets the keys of several tables refers to one of them by a text that the trigger writes beside it. If
    no text tells the tables apart, it is not known to which it refers.

    Args:
        con: Reads the database.
        schema: Its schema.
        tables: The tables that can be moved.
    """
    moved = movable_by_name(tables)
    writes: dict[tuple[str, str], list[_Write]] = defaultdict(list)
    for trigger in schema.triggers:
        parent = moved.get(folded(trigger.table))
        if parent and parent.alias:
            for statement in trigger_statements(trigger.sql):
                for name, column, texts in _keys_of_insert(trigger.sql, statement, parent, moved):
                    writes[name, column].append(_Write(trigger.name, parent.name, parent.alias, texts))
    return [each for (name, column), known in writes.items() for each in _references(con, moved, name, column, known)]


def _keys_of_insert(
    sql: str, statement: Sequence[Token], parent: Table, moved: Mapping[str, Table]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the table and the column of each key that an INSERT writes.

    The texts that it writes beside the key follow.
    """
    names = [token.name for token in statement]
    end = next((at for at, token in enumerate(statement) if token.text in ("values", "select")), 0)
    if "into" not in names[:4] or not end:
        return
    start = names.index("into") + 2
    table = moved.get(names[start - 1])
    if table is None or table is parent:
        return
    listed = [name for name in names[start:end] if name not in "(,)"] or [column.name for column in table.stored]
    columns = [column.name for name in listed if (column := table.column(name))]
    declared = {*map(folded, table.primary_key)}.union(*(map(folded, key.columns) for key in table.foreign_keys))
    is_query = names[end] == "select"
    for row in [_terms(statement[end + 1 :])] if is_query else _rows(statement[end + 1 :]):
        if len(columns) == len(listed) == len(row):
            values = list(zip(columns, row, strict=True))
            texts = {name: sql[value[0].start : value[0].end] for name, value in values if _is_text(value)}
            for name, value in values:
                if folded(name) not in declared and _is_key(value, parent):
                    yield folded(table.name), name, texts


def _rows(tokens: Iterable[Token]) -> Iterator[list[list[Token]]]:
    """Yield the terms of each row after VALUES."""
    depth = 0
    row: list[list[Token]] = []
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.text == ")":
            yield row
        elif depth == 1 and token.text == "(":
            row = [[]]
        elif depth == 1 and token.text == ",":
            row.append([])
        elif depth:
            row[-1].append(token)
        elif token.text != ",":
            return


def _terms(tokens: Iterable[Token]) -> list[list[Token]]:
    """Return the terms after SELECT."""
    depth = 0
    row: list[list[Token]] = [[]]
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.text in _AFTER_TERMS:
            break
        if depth == 0 and token.text == ",":
            row.append([])
        else:
            row[-1].append(token)
    return row


def _is_text(value: Sequence[Token]) -> bool:
    return len(value) == 1 and value[0].text[:1] == "'"


def _is_key(value: Sequence[Token], parent: Table) -> bool:
    """Return whether a term is the key of the row that fires the trigger."""
    *row, name = [token.name for token in value] or [""]
    return row in (["new", "."], ["old", "."]) and name in {folded(parent.alias), *ROWIDS}


def _references(
    con: sqlite3.Connection, moved: Mapping[str, Table], name: str, column: str, known: Sequence[_Write]
) -> Iterator[UnstatedReference]:
    """Yield what a column refers to.

    Without a text that tells it, each number has to be a key of the only table.
    """
    table, parents = moved[name], {write.parent: write.key for write in known}
    if not has_rows(con, table, f"{quoted(column)} > 0"):
        return
    place = _telling_column(known)
    conditions = {}
    for parent in parents if place else ():
        texts = sorted({write.texts[place] for write in known if write.parent == parent})
        are = f"= {texts[0]}" if len(texts) == 1 else f"IN ({', '.join(texts)})"
        conditions[parent] = f"{sql_name(con, table, place)} {are}"
    if conditions:
        is_right = not has_rows(con, table, f"typeof({quoted(column)}) NOT IN ('integer', 'null')")
    else:
        [(parent, key), *others] = parents.items()
        conditions, is_right = {parent: ""}, not others and fits(con, table, column, parent, key)
    if is_right and all(has_rows(con, moved[folded(parent)], "1") for parent in parents):
        for parent, when in conditions.items():
            triggers = dict.fromkeys(write.trigger for write in known if write.parent == parent)
            by = join_names([*triggers])
            yield UnstatedReference(table.name, column, (parent, parents[parent]), when=when, by=by)
    else:
        yield UnstatedReference(table.name, column)


def _telling_column(known: Sequence[_Write]) -> str:
    """Return the column whose texts tell the tables apart.

    If there is one table, they name it. It is an empty text if no column does that.
    """
    for place in known[0].texts:
        texts: dict[str, set[str]] = defaultdict(set)
        for write in known:
            texts[write.parent].add(write.texts.get(place, ""))
        values = [text for each in texts.values() for text in each]
        is_apart = len(set(values)) == len(values) and "" not in values
        if is_apart and (len(texts) > 1 or all(names_table(text, known[0].parent) for text in values)):
            return place
    return ""
