"""Read from the text of triggers which rows they insert, and by which query."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS, reads_rows, trigger_event, unquoted
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind, index_columns
from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, TriggerOrView

_ROWID_NAMES = {*ROWIDS, "docid"}
_PLAIN = r"abcdefghijklmnopqrstuvwxyz_0123456789"


class Token(NamedTuple):
    """Hold a token of a statement, folded, with its place."""

    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """Return the token without quotes around it."""
        return self.text[1:-1] if self.text[:1] in {'"', "`", "[", "'"} else self.text


def query_by_triggers(schema: Schema, table: Table) -> str:
    """Return the query of the rows that INSERT triggers write into an index, or an empty text.

    The query names its table ``new``, so that it has the expressions of the trigger as they stand. It is empty if a
    trigger writes in another way than by one INSERT with VALUES, or if the index reads its content itself.
    """
    if content_kind(table) not in ("own", "none"):
        return ""
    queries = []
    for trigger in schema.triggers:
        owner = schema.table(trigger.table)
        if owner is None or trigger_event(trigger) != "INSERT":
            continue
        statements = [each for each in trigger_statements(trigger.sql) if _inserts_into(each, table)]
        if not statements:
            continue
        query = _query(trigger, statements[0], table, owner) if len(statements) == 1 else ""
        if not query:
            return ""
        queries.append(query)
    return " UNION ALL ".join(queries)


def key_of_index(schema: Schema, table: Table, name: str = "") -> tuple[str, str] | None:
    """Return the table and the key under which a trigger writes the rows of an index, or None.

    Such a trigger has one statement. It inserts a row under the key of the row that fires it, and reads no other row.

    Args:
        schema: The schema.
        table: The search index, which stores its rows.
        name: The trigger; any INSERT trigger if it is empty.
    """
    if content_kind(table) != "own":
        return None
    for trigger in schema.triggers:
        owner, statements = schema.table(trigger.table), list(trigger_statements(trigger.sql))
        if owner is None or trigger_event(trigger) != "INSERT" or (name and name != trigger.name):
            continue
        is_single = len(statements) == 1 and _inserts_into(statements[0], table) and not reads_rows(trigger.sql)
        values = _values(trigger, statements[0], table) if is_single else []
        if owner.alias and values and unquoted(values[0]) == f"new.{folded(owner.alias)}":
            return owner.name, owner.alias
    return None


def conditional_triggers(schema: Schema, table: Table) -> list[str]:
    """Return the INSERT triggers that write only some rows into a search index (WHEN)."""
    return [
        trigger.name
        for trigger in schema.triggers
        if trigger_event(trigger) == "INSERT" and _condition(trigger)
        if any(_inserts_into(statement, table) for statement in trigger_statements(trigger.sql))
    ]


def _tokens(sql: str) -> list[Token]:
    return [Token(folded(match[0]), *match.span()) for match in TOKEN.finditer(sql) if not match["gap"]]


def trigger_statements(sql: str) -> Iterator[list[Token]]:
    """Yield the tokens of each statement in the body of a trigger."""
    tokens = _tokens(sql)
    begin = next((at for at, token in enumerate(tokens) if token.text == "begin"), len(tokens))
    statement: list[Token] = []
    for token in tokens[begin + 1 :]:
        if token.text == ";":
            yield statement
            statement = []
        else:
            statement.append(token)


def trigger_parts(sql: str) -> Iterator[list[Token]]:
    """Yield the tokens of each part of a trigger that can read rows.

    These are its condition, if it has one, and each statement in its body.
    """
    tokens = _tokens(sql)
    texts = [token.text for token in tokens]
    head = texts[: texts.index("begin")] if "begin" in texts else []
    if "when" in head:
        yield tokens[head.index("when") + 1 : len(head)]
    yield from trigger_statements(sql)


def inserted_columns(sql: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the table of each INSERT of a trigger with the columns that it lists, folded.

    An INSERT without a list fills every column.
    """
    for statement in trigger_statements(sql):
        names = [token.name for token in statement]
        if "into" in names[:4]:
            table, *rest = names[names.index("into") + 1 :]
            columns = rest[2:] if rest[:1] == ["as"] else rest
            if columns[:1] == ["("]:
                yield table, frozenset(columns[1 : columns.index(")")]) - {","}


def writes_rows(sql: str) -> bool:
    """Return whether a trigger writes rows.

    One that has queries only may refuse a row.
    """
    return any(statement[0].text != "select" for statement in trigger_statements(sql))


def _inserts_into(statement: Sequence[Token], table: Table) -> bool:
    texts = [token.name for token in statement]
    return "into" in texts[:4] and folded(table.name) in texts[texts.index("into") + 1 :][:3]


def _query(trigger: TriggerOrView, statement: Sequence[Token], table: Table, owner: Table) -> str:
    """Return the query of the rows that one statement of a trigger writes, or an empty text."""
    columns, where = _values(trigger, statement, table), _condition(trigger)
    if not columns:
        return ""
    return f"SELECT {', '.join(columns)} FROM {_spelled(owner.name)} AS new{f' WHERE {where}' if where else ''}"


def _values(trigger: TriggerOrView, statement: Sequence[Token], table: Table) -> list[str]:
    """Return the expressions that a statement writes into an index, the rowid first."""
    texts = [token.name for token in statement]
    named = texts.index(folded(table.name), texts.index("into")) + 1
    names = [column.name for column in table.stored]
    if texts[named : named + 1] == ["("]:
        lists, end = _list(statement, named)
        names = [Token(trigger.sql[start:stop].strip(), start, stop).name for start, stop in lists]
        named = end
    if texts[named : named + 1] != ["values"]:
        return []
    values, end = _list(statement, named + 1)
    if end != len(statement) or len(values) != len(names):
        return []
    written = {
        _column(name): trigger.sql[start:stop].strip() for name, (start, stop) in zip(names, values, strict=True)
    }
    columns = [written.get(_column(name), "NULL") for name in index_columns(table)]
    is_foreign = written.keys() - {_column(name) for name in index_columns(table)}
    return [] if is_foreign or columns[0] == "NULL" else columns


def _column(name: str) -> str:
    return "rowid" if folded(name) in _ROWID_NAMES else folded(name)


def _list(statement: Sequence[Token], at: int) -> tuple[list[tuple[int, int]], int]:
    """Return the places of the items in a parenthesis, and the number of the next token."""
    depth, start, places = 0, statement[at].end if at < len(statement) else 0, []
    for number, token in enumerate(statement[at:], at):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 or (depth == 1 and token.text == ","):
            places.append((start, token.start))
            start = token.end
        if depth == 0:
            return places, number + 1
    return [], -1


def _condition(trigger: TriggerOrView) -> str:
    """Return the condition of a trigger, or an empty text."""
    tokens = _tokens(trigger.sql)
    texts = [token.text for token in tokens]
    head = texts[: texts.index("begin")] if "begin" in texts else []
    return trigger.sql[tokens[head.index("when")].end : tokens[len(head)].start].strip() if "when" in head else ""


def _spelled(name: str) -> str:
    """Return a name without quotes where it needs none, as a person would write it."""
    return name if folded(name).strip(_PLAIN) == "" and not name[:1].isdigit() else quoted(name)
