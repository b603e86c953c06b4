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

    The row that fires the trigger has the value. An INSERT of a query, or without a list of columns, stays as it is.

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
            if texts[end + 1 : end + 2] == ["values"]:
                edits.append((statement[end].start, f", {quoted(column)}"))
                edits += [(place, value) for place in _ends_of_rows(statement[end + 2 :])]
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


def _edited(trigger: TriggerOrView, edits: Sequence[_Edit]) -> TriggerOrView:
    sql = trigger.sql
    for place, text in sorted(edits, reverse=True):
        sql = f"{sql[:place]}{text}{sql[place:]}"
    return replace(trigger, sql=sql)
