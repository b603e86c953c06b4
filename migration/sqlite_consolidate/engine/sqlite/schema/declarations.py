"""Return what tables, indexes, triggers and views declare, in a form that can be compared.

Two statements that declare the same in different spelling have equal forms.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN, without_quotes
from sqlite_consolidate.engine.sqlite.sql import folded, rename_in_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sqlite_consolidate.engine.sqlite.schema.objects import Column, ForeignKey, Index, Schema, Table, TriggerOrView


class _Group(list["str | _Group"]):
    """Hold the tokens in one pair of parentheses, which are words and nested groups.

    Attributes:
        span: Position of these tokens in the statement.
    """

    span: slice = slice(0, 0)


class _Clause(NamedTuple):
    """Hold one clause of a table that no pragma returns.

    Attributes:
        kind: Such as ``CHECK``.
        column: The column that it belongs to. Empty where it belongs to the table.
        comparable: The clause in a form that can be compared.
        text: The clause as it is declared.
    """

    kind: str
    column: str
    comparable: str
    text: str


_CONSTRAINTS = ("constraint", "primary", "unique", "check", "foreign")
_CLAUSE_KINDS = ("CHECK", "COLLATE", "generated", "ON CONFLICT", "DEFERRED")
_CLAUSES = ("as", "collate", "not", "conflict", "deferred", "key")
_DEFAULT_CONFLICT = "abort"
_DEFAULT_COLLATION = "binary"
_ORDER = ("asc", "desc")
_CONSTANTS = ("null", "true", "false", "current_time", "current_date", "current_timestamp")
_NULL_TESTS = {"notnull": ("is", "not", "null"), "isnull": ("is", "null")}


def column_texts(table: Table) -> list[str]:
    """Return each column as it is declared, in the order of the table."""
    return [
        " ".join(
            word
            for word in (
                column.name,
                column.type,
                "NOT NULL" if column.notnull else "",
                f"key {column.key}" if column.key else "",
                f"default {column.default}" if column.default is not None else "",
                "generated" if column.generated else "",
            )
            if word
        )
        for column in table.columns
    ]


def column_properties(column: Column, table: Table) -> dict[str, str]:
    """Return the properties of a column, in a form that can be compared.

    Its clauses are not among them.
    """
    return {
        "name": column.name,
        "type": f"type {declared_type(column)}" if column.type else "no type",
        "NOT NULL": "NOT NULL" if column.notnull else "NULL allowed",
        "key": f"key {column.key}" if column.key else "no key",
        "rowid": "is the rowid" if column.name == table.alias else "is not the rowid",
        "default": f"default {_comparable_default(column.default)}" if column.default is not None else "no default",
    }


def declared_type(column: Column) -> str:
    """Return the declared type of a column without white space that has no meaning."""
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join(column.type.split()))


def _comparable_default(text: str) -> str:
    """Return a DEFAULT in a form that can be compared.

    A DEFAULT cannot name a column, so SQLite reads a name in it as a text.
    """
    words = [
        _as_text(token["name"]) if token["name"] else token["text"] or folded(token["word"])
        for token in TOKEN.finditer(text)
        if not token["gap"]
    ]
    if len(words) == 1 and words[0].isidentifier() and words[0] not in _CONSTANTS:
        return f"'{text.strip()}'"
    return _text(_group_tokens(" ".join(words), ()))


def _as_text(name: str) -> str:
    return "'" + without_quotes(name).replace("'", "''") + "'"


def table_declarations(table: Table, schema: Schema) -> dict[str, dict[str, str]]:
    """Return everything that a table declares besides its columns and indexes.

    Returns:
        Each kind to its declarations, in a form that can be compared, each with its declared text. The spelling and the
        order of declarations do not count.
    """
    names = _column_names(table)
    plain = {
        "AUTOINCREMENT": ["yes" if table.autoincrement else "no"],
        "STRICT": ["yes" if table.strict else "no"],
        "WITHOUT ROWID": ["yes" if table.without_rowid else "no"],
        "FOREIGN KEY": [_comparable_reference(key, schema) for key in table.foreign_keys],
        "module": [_text(_group_tokens(table.sql, names))] if table.kind == "virtual" else [],
    }
    declarations = {kind: dict(zip(texts, texts, strict=True)) for kind, texts in plain.items()}
    declarations |= {kind: {} for kind in _CLAUSE_KINDS}
    for clause in _table_clauses(table):
        declarations[clause.kind][clause.comparable] = clause.text
    return declarations


def column_clauses(table: Table, column: str) -> set[str]:
    """Return the clauses that a table declares for one column.

    They have the form of :func:`table_declarations`.
    """
    return {clause.comparable for clause in _table_clauses(table) if clause.column == folded(column)}


def column_collation(table: Table, column: str) -> str:
    """Return the collation that a table declares for a column, in lower case."""
    for clause in _table_clauses(table):
        if clause.kind == "COLLATE" and clause.column == folded(column):
            return clause.comparable.removeprefix(f"{clause.column} ")
    return _DEFAULT_COLLATION


def check_expressions(table: Table) -> list[str]:
    """Return the expression of each CHECK of a table, as it is declared."""
    return [clause.text for clause in _table_clauses(table) if clause.kind == "CHECK"]


def _column_names(table: Table) -> set[str]:
    return {folded(column.name) for column in table.columns}


def comparable_index(index: Index, table: Table) -> tuple[object, ...]:
    """Return what an index does, in a form that can be compared.

    Neither its name counts, nor whether a statement or a constraint created it.
    """
    terms = tuple((folded(column or ""), down, folded(collation)) for column, down, collation in index.terms)
    statement = _group_tokens(index.sql, _column_names(table))
    key = next((index for index, part in enumerate(statement) if isinstance(part, _Group)), len(statement))
    written = _split_definitions(statement[key]) if key < len(statement) else []  # type: ignore[arg-type]
    expressions = [
        _text(_without_order(term))
        for term, (column, _, _) in zip(written, index.terms, strict=False)
        if column is None
    ]
    return index.unique, terms, tuple(expressions), _text(statement[key + 2 :])  # behind WHERE


def _without_order(term: _Group) -> list[str | _Group]:
    """Return the expression of a term of an index without direction and collation.

    A pragma returns those.
    """
    bare = term[:-1] if term[-1] in _ORDER else term[:]
    return bare[:-2] if "collate" in bare[1:-1][-1:] else bare


def comparable_statement(named: TriggerOrView, schema: Schema) -> str:
    """Return the statement of a trigger or a view in a form that can be compared.

    The name of a trigger, white space, comments and quotes do not count.
    """
    names = {folded(column.name) for table in schema.tables.values() for column in table.columns}
    names |= {folded(name) for name in schema.tables} | {folded(view.name) for view in schema.views}
    is_view = any(view is named for view in schema.views)
    return _text(_group_tokens(named.sql if is_view else rename_in_statement(named.sql, "_"), names))


def _comparable_reference(key: ForeignKey, schema: Schema) -> str:
    parent = schema.table(key.parent)
    to = key.to or (parent.primary_key if parent else ())
    parent_key = f"{folded(key.parent)}({', '.join(folded(name) for name in to)})"
    child_key = ", ".join(folded(name) for name in key.columns)
    return f"({child_key}) references {parent_key} on update {key.on_update} on delete {key.on_delete}"


def _table_clauses(table: Table) -> tuple[_Clause, ...]:
    """Return the clauses of a table that no pragma returns.

    They are CHECK, COLLATE, generated columns, ON CONFLICT and deferred foreign keys.
    """
    return _clauses(table.sql, table.columns) if table.kind == "table" else ()


@lru_cache(maxsize=1_000)  # thousands of files have the same tables, and a gathered copy has another name
def _clauses(sql: str, columns: tuple[Column, ...]) -> tuple[_Clause, ...]:
    return tuple(_read_clauses(sql, {folded(column.name): column for column in columns}))


def _read_clauses(sql: str, columns: Mapping[str, Column]) -> Iterator[_Clause]:
    body = next((part for part in _group_tokens(sql, set(columns)) if isinstance(part, _Group)), _Group())
    for definition in _split_definitions(body):
        for kind, column, comparable, text in _definition_clauses(definition, lambda group: sql[group.span].strip()):
            if kind == "generated":
                of_column = columns.get(folded(column))
                storage = " stored" if of_column and of_column.is_stored else " virtual"
                yield _Clause(kind, column, comparable + storage, text + storage)
            else:
                yield _Clause(kind, column, comparable, text)


def _definition_clauses(definition: _Group, written: Callable[[_Group], str]) -> Iterator[_Clause]:
    """Yield each clause of a column or of a constraint of the table.

    Args:
        definition: Definition of the column or the constraint.
        written: Returns a group as it is declared.
    """
    first = definition[0]
    of = "" if first in _CONSTRAINTS else _text([first])
    subject, constraint = of, ""
    for index, part in enumerate(definition):
        after = definition[index + 1] if index + 1 < len(definition) else ""
        before = definition[index - 1] if index else ""
        if part == "check" and isinstance(after, _Group):
            yield _Clause("CHECK", of, _text(after), written(after))
        elif part == "as" and isinstance(after, _Group):
            yield _Clause("generated", of, f"{of} as {_text(after)}", f"{of} as ({written(after)})")
        elif part == "collate" and of and folded(str(after)) != _DEFAULT_COLLATION:
            yield _plain_clause("COLLATE", of, f"{of} {folded(str(after))}")
        elif part in ("primary", "unique", "not"):
            constraint = str(part)
        elif part == "conflict" and after != _DEFAULT_CONFLICT:
            yield _plain_clause("ON CONFLICT", of, f"{subject} {constraint} {after}")
        elif isinstance(part, _Group) and not of and before in ("key", "unique"):
            subject = _text(part)
        elif part == "deferred" and "not" not in definition[:index][-3:]:
            yield _plain_clause("DEFERRED", of, subject)


def _plain_clause(kind: str, column: str, words: str) -> _Clause:
    return _Clause(kind, column, words, words)


def _split_definitions(body: _Group) -> list[_Group]:
    """Split the body of CREATE TABLE at its commas.

    SQLite allows constraints without a comma before them.
    """
    definitions = [_Group()]
    for part in body:
        if part == ",":
            definitions.append(_Group())
        else:
            definitions[-1].append(part)
    return [definition for definition in definitions if definition]


def _group_tokens(sql: str, names: Collection[str]) -> _Group:
    """Return the words of a statement, grouped by its parentheses.

    Words are in lower case. So are quoted words that are among ``names``. Any other quoted word may be a text.
    """
    open_groups = [_Group()]
    for token in TOKEN.finditer(sql):
        word = folded(token["word"] or "")
        if word == "(":
            open_groups.append(_Group())
            open_groups[-1].span = slice(token.end(), token.end())
        elif word == ")" and len(open_groups) > 1:
            group = open_groups.pop()
            group.span = slice(group.span.start, token.start())
            open_groups[-1].append(group)
        elif not token["gap"]:
            open_groups[-1].append(word or token["text"] or _unquoted(without_quotes(token["name"]), names))
    return open_groups[0]


def _unquoted(name: str, names: Collection[str]) -> str:
    if folded(name) in (*_CONSTRAINTS, *_CLAUSES):
        return f'"{name}"'
    return folded(name) if folded(name) in names else name


def _text(group: list[str | _Group]) -> str:
    """Return a group as a text.

    Redundant parentheses around a single group are left out.
    """
    while len(group) == 1 and isinstance(group[0], _Group):
        group = group[0]
    return " ".join(part if isinstance(part, str) else f"({_text(part)})" for part in _normalize_null_tests(group))


def _normalize_null_tests(group: list[str | _Group]) -> Iterator[str | _Group]:
    """Yield a group with one form for the equivalent tests for NULL."""
    for index, part in enumerate(group):
        before = group[index - 1] if index else ""
        after = group[index + 1] if index + 1 < len(group) else ""
        if part == "not" and after == "null" and before != "is":
            yield "is"
        if isinstance(part, str) and part in _NULL_TESTS:
            yield from _NULL_TESTS[part]
        else:
            yield part
