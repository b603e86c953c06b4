"""Find columns that are unique but for NULL, and rows with a NULL in each unique key.

A key may be an index on expressions, which has a NULL wherever an expression yields one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN, words_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Index, Table

_ORDER = ("asc", "desc")
_NOT_NULL = (["is", "not", "null"], ["not", "null"], ["notnull"])


def rows_without_key(table: Table) -> str:
    """Return the SQL condition of the rows that have a NULL in each unique key.

    It is empty where there can be no such row.
    """
    keys = [key_terms(index) for index in table.indexes if index.unique and not index.partial]
    if not keys or table.alias or table.without_rowid or not table.rowid:
        return ""
    return " AND ".join(f"({' OR '.join(f'({term}) IS NULL' for term in terms)})" for terms in keys)


def omits_only_nulls(index: Index) -> bool:
    """Return whether a partial index has each row whose only column is not NULL.

    A unique one then tells the same rows apart as an index over all rows, because SQLite takes NULLs for different.
    """
    column = folded(index.terms[0][0] or "") if len(index.terms) == 1 else ""
    words = words_of(index.sql) if column and index.partial else []
    return any(words[-len(end) :] == end for end in (["where", column, *not_null] for not_null in _NOT_NULL))


def unique_columns(table: Table) -> list[list[str]]:
    """Return the folded columns of each key, and those that are unique but for NULL."""
    keys = [[folded(name) for name, _ in key] for key in keys_of(table)]
    indexes = (index for index in table.indexes if index.unique and omits_only_nulls(index))
    return keys + [[folded(name or "") for name, *_ in index.terms] for index in indexes]


def key_terms(index: Index) -> list[str]:
    """Return the SQL of each column or expression of an index."""
    written = _written_terms(index.sql) if any(column is None for column, *_ in index.terms) else []
    return [quoted(column) if column is not None else written[place] for place, (column, *_) in enumerate(index.terms)]


def _written_terms(sql: str) -> list[str]:
    """Return the terms of a CREATE INDEX statement without their directions."""
    terms: list[list[str]] = []
    depth = 0
    for token in TOKEN.finditer(sql):
        depth -= token[0] == ")"
        if depth == 0 and terms:
            break
        if (depth == 0 and token[0] == "(") or (depth == 1 and token[0] == ","):
            terms.append([])
        elif depth and not token["gap"]:
            terms[-1].append(token[0])
        elif depth:
            terms[-1].append(" ")
        depth += token[0] == "("
    return [_without_direction("".join(term)) for term in terms]


def _without_direction(term: str) -> str:
    """Return a term without ASC or DESC behind it."""
    words = term.rsplit(maxsplit=1)
    return words[0] if len(words) > 1 and folded(words[1]) in _ORDER else term
