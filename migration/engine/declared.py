"""Declared: what a table, an index, a trigger or a view declares, in whatever words its statement says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.sql import folded, with_name
from migration.engine.statements import TOKEN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from migration.engine.schema import ForeignKey, Index, Named, Schema, Table

_Group = list["str | _Group"]
"""What stands in one pair of parentheses: words, and the groups in it."""

_CONSTRAINTS = ("constraint", "primary", "unique", "check", "foreign")
_CLAUSES = ("as", "collate", "not", "conflict", "deferred", "key")
_DEFAULT_CONFLICT = "abort"
_DEFAULT_COLLATION = "binary"


def columns(table: Table) -> list[str]:
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


def declared(table: Table, schema: Schema) -> dict[str, str]:
    """Return all that a table declares beside its indexes, by kind; how it is written, and in which order, is no part.

    Args:
        table: The table.
        schema: What it belongs to.
    """
    names = {folded(column.name) for column in table.columns}
    found = {
        "columns": sorted(columns(table), key=folded),
        "AUTOINCREMENT": ["yes" if table.autoincrement else "no"],
        "STRICT": ["yes" if table.strict else "no"],
        "WITHOUT ROWID": ["yes" if table.without_rowid else "no"],
        "FOREIGN KEY": sorted(_reference(key, schema) for key in table.foreign_keys),
        "module": [_text(_grouped(table.sql, names))] if table.kind == "virtual" else [],
    }
    clauses = _clauses(table, names)
    return {kind: ", ".join(texts) or "none" for kind, texts in (found | clauses).items()}


def likeness(index: Index, table: Table) -> tuple[object, ...]:
    """Return what an index does, whatever its name, and be it made by a statement or by a constraint."""
    terms = tuple((folded(column or ""), down, folded(collation)) for column, down, collation in index.terms)
    statement = _grouped(index.sql, {folded(column.name) for column in table.columns})
    key = next((at for at, part in enumerate(statement) if isinstance(part, list)), len(statement))
    has_expression = any(column is None for column, _, _ in index.terms)
    return index.unique, terms, _text(statement[key if has_expression else key + 1 :])


def words(named: Named, schema: Schema) -> str:
    """Return the statement of a trigger or a view without the trigger's name, white space, comments and quotes."""
    names = {folded(column.name) for table in schema.tables.values() for column in table.columns}
    names |= {folded(name) for name in schema.tables} | {folded(view.name) for view in schema.views}
    is_view = any(view is named for view in schema.views)
    return _text(_grouped(named.sql if is_view else with_name(named.sql, "_"), names))


def _reference(key: ForeignKey, schema: Schema) -> str:
    parent = schema.table(key.parent)
    to = key.to or (parent.primary_key if parent else ())
    there = f"{folded(key.parent)}({', '.join(folded(name) for name in to)})"
    here = ", ".join(folded(name) for name in key.columns)
    return f"({here}) references {there} on update {key.on_update} on delete {key.on_delete}"


def _clauses(table: Table, names: Collection[str]) -> dict[str, list[str]]:
    """Return what no pragma tells: CHECK, COLLATE, generated columns, ON CONFLICT and deferred foreign keys."""
    found: dict[str, list[str]] = {kind: [] for kind in ("CHECK", "COLLATE", "generated", "ON CONFLICT", "DEFERRED")}
    body = next((part for part in _grouped(table.sql, names) if isinstance(part, list)), [])
    for definition in _definitions(body) if table.kind == "table" else ():
        for kind, text in _clauses_of(definition):
            found[kind].append(text)
    return {kind: sorted(texts) for kind, texts in found.items()}


def _clauses_of(definition: _Group) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each clause of a column or of a constraint of the table."""
    first = definition[0]
    of = "" if first in _CONSTRAINTS else _text([first])
    subject, constraint = of, ""
    for at, part in enumerate(definition):
        after = definition[at + 1] if at + 1 < len(definition) else ""
        before = definition[at - 1] if at else ""
        if part == "check" and isinstance(after, list):
            yield "CHECK", _text(after)
        elif part == "as" and isinstance(after, list):
            yield "generated", f"{of} as {_text(after)}"
        elif part == "collate" and of and folded(str(after)) != _DEFAULT_COLLATION:
            yield "COLLATE", f"{of} {folded(str(after))}"
        elif part in ("primary", "unique", "not"):
            constraint = str(part)
        elif part == "conflict" and after != _DEFAULT_CONFLICT:
            yield "ON CONFLICT", f"{subject} {constraint} {after}"
        elif isinstance(part, list) and not of and before in ("key", "unique"):
            subject = _text(part)
        elif part == "deferred" and "not" not in definition[:at][-3:]:
            yield "DEFERRED", subject


def _definitions(body: _Group) -> list[_Group]:
    """Divide what stands in the parentheses of CREATE TABLE at its commas; SQLite lets one before a constraint out."""
    found: list[_Group] = [[]]
    for part in body:
        if part == ",":
            found.append([])
        else:
            found[-1].append(part)
    return [definition for definition in found if definition]


def _grouped(sql: str, names: Collection[str]) -> _Group:
    """Return the words of a statement, grouped as its parentheses are.

    A word stands in lower case, and so does a quoted one that is among ``names``; another may be text.
    """
    open_groups: list[_Group] = [[]]
    for token in TOKEN.finditer(sql):
        word = folded(token["word"] or "")
        if word == "(":
            open_groups.append([])
        elif word == ")" and len(open_groups) > 1:
            group = open_groups.pop()
            open_groups[-1].append(group)
        elif not token["gap"]:
            open_groups[-1].append(word or token["text"] or _unquoted(token["name"][1:-1], names))
    return open_groups[0]


def _unquoted(name: str, names: Collection[str]) -> str:
    if folded(name) in (*_CONSTRAINTS, *_CLAUSES):
        return f'"{name}"'
    return folded(name) if folded(name) in names else name


def _text(group: _Group) -> str:
    """Return a group as a text; what stands in parentheses of its own twice stands there once."""
    while len(group) == 1 and isinstance(group[0], list):
        group = group[0]
    return " ".join(part if isinstance(part, str) else f"({_text(part)})" for part in group)
