"""Hold a relation that code states, and find its tables in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.text import name_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlite_consolidate.engine.sqlite.schema.objects import Table


class ModelName(NamedTuple):
    """Hold the name of a table, or of a class whose table a framework names after it.

    Attributes:
        name: The name. That of a class can have parts, as ``Blog::Post`` has.
        is_class: True for the name of a class.
    """

    name: str
    is_class: bool = False

    def table_in(self, tables: Mapping[str, Table]) -> Table | None:
        """Return the table of a database that has the name, or None if it is not certain.

        Args:
            tables: The tables of the database by folded name.
        """
        if not self.is_class:
            return tables.get(folded(self.name))
        parts = [name_words(part) for part in self.name.split("::") if part]
        forms = (parts[-1], [word for part in parts for word in part]) if parts else ()
        named = [table for table in tables.values() if name_words(table.name) in forms]
        return named[0] if len(named) == 1 else None


class ModelRelation(NamedTuple):
    """Hold a column that has keys of another table, as a model or a query states.

    Attributes:
        child: The table of the column.
        column: The column.
        parent: The table of the key.
        key: The key. Empty for the primary key.
        line: Line of the code, from 1.
    """

    child: ModelName
    column: str
    parent: ModelName
    key: str
    line: int


def both_ways(left: tuple[ModelName, str], right: tuple[ModelName, str], line: int) -> Iterator[ModelRelation]:
    """Yield an equality of two columns as a relation in both directions.

    The database tells which column is a key.
    """
    yield ModelRelation(*left, *right, line)
    yield ModelRelation(*right, *left, line)
