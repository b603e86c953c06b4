"""Write the INSERT statements of triggers for a table with further columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.derivations import trigger_event
from sqlite_consolidate.engine.sqlite.schema.index_queries import trigger_statements
from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.schema.index_queries import Token
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView

_AFTER_COLUMNS = frozenset(
    {"from", "where", "group", "having", "window", "order", "limit", "union", "except", "intersect", "on"}
)
"""Words after the columns of a SELECT."""
_BEFORE_ALL = frozenset({",", ".", "select", "all", "distinct"})
"""Words before ``*`` that stands for columns, and not for a product."""

_Edit = tuple[int, str]
"""A place in a statement, and the text that comes there."""


def state_columns(trigger: TriggerOrView, columns: Mapping[str, list[str]]) -> TriggerOrView:
    """Return a trigger whose INSERTs list the columns that they fill.

    An INSERT without a list fails as soon as its table has a further column.

    Args:
        trigger: The trigger.
        columns: Folded name of each table to the columns that an INSERT without a list fills.
    """
    edits = []
    for statement in trigger_statements(trigger.sql):
        table, at = _place_of_columns(statement)
        if table in columns and at < len(statement) and statement[at].text in ("values", "select", "with"):
            edits.append((statement[at - 1].end, f"({identifier_list(columns[table])})"))
    return _edited(trigger, edits)


def fill_column(trigger: TriggerOrView, tables: Collection[str], column: str) -> TriggerOrView:
    """Return a trigger whose INSERTs fill a further column.

    The row that fires the trigger has the value. An INSERT without a list of columns stays as it is, and so does one of
    a query with ``*``.

    Args:
        trigger: A trigger of a table that has the column.
        tables: Folded names of the tables that have the column.
        column: Its name.
    """
    value = f", {'old' if trigger_event(trigger) == 'DELETE' else 'new'}.{quoted(column)}"
    edits: list[_Edit] = []
    for statement in trigger_statements(trigger.sql):
        table, at = _place_of_columns(statement)
        texts = [token.text for token in statement]
        if table in tables and texts[at : at + 1] == ["("]:
            end = texts.index(")", at)
            is_listed = texts[end + 1 : end + 2] == ["values"]
            places = [*_ends_of_rows(statement[end + 2 :])] if is_listed else _ends_of_columns(statement[end + 1 :])
            if places:
                edits.append((statement[end].start, f", {quoted(column)}"))
                edits += [(place, value) for place in places]
    return _edited(trigger, edits)


def _place_of_columns(statement: Sequence[Token]) -> tuple[str, int]:
    """Return the folded name of the table of an INSERT, and the number of the token after it.

    The name is empty for any other statement.
    """
    names = [token.name for token in statement]
    if "into" not in names[:4]:
        return "", 0
    at = names.index("into") + 2
    return names[at - 1], at + 2 * (names[at : at + 1] == ["as"])


def _ends_of_rows(tokens: Sequence[Token]) -> Iterator[int]:
    """Yield the place of the last parenthesis of each row after VALUES."""
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.text == ")":
            yield token.start
        elif depth == 0 and token.text != ",":
            return


def _ends_of_columns(tokens: Sequence[Token]) -> list[int]:
    """Return the place after the columns of each SELECT of a query.

    There is none if the number of columns is not known, because one of them is ``*``.
    """
    places, depth, is_column = [], 0, False
    for number, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        before = [each.text for each in tokens[max(0, number - 2) : number]]
        if depth:
            continue
        if token.text == "values" or (token.text == "*" and is_column and before[-1] in _BEFORE_ALL):
            return []
        is_operator = token.text == "from" and before in (["is", "distinct"], ["not", "distinct"])
        if is_column and token.text in _AFTER_COLUMNS and not is_operator:
            places.append(tokens[number - 1].end)
            is_column = False
        is_column = is_column or token.text == "select"
    return [*places, tokens[-1].end] if is_column else places


def _edited(trigger: TriggerOrView, edits: Sequence[_Edit]) -> TriggerOrView:
    sql = trigger.sql
    for place, text in sorted(edits, reverse=True):
        sql = f"{sql[:place]}{text}{sql[place:]}"
    return replace(trigger, sql=sql)
