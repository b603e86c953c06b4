"""Number the kinds of files, of which each has the versions of one schema."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.statements import schema_statements, words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.sources.table_versions import unite_all

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.inspection import Database


def schema_of(database: Database) -> object:
    """Return what two files of one schema have in common."""
    return frozenset((each.kind, folded(each.name), _words(each.sql)) for each in schema_statements(database.schema))


class Kinds:
    """Number the schemas, so that the versions of one schema have one number.

    They have the same tables, views and triggers. One table can have the columns of all of its versions.
    """

    def __init__(self) -> None:
        """Begin without a schema."""
        self._kinds: list[tuple[object, dict[str, Table]]] = []
        self._numbers: dict[object, int] = {}

    def kind_of(self, database: Database) -> int:
        """Return the number of the kind of a database, a new one for the first of its kind."""
        schema = schema_of(database)
        if schema not in self._numbers:
            self._numbers[schema] = self._add(database)
        return self._numbers[schema]

    def _add(self, database: Database) -> int:
        statements = schema_statements(database.schema)
        others = frozenset(
            (each.kind, folded(each.name), _words(each.sql)) for each in statements if each.kind in ("trigger", "view")
        )
        tables = {folded(table.name): table.table for table in database.tables}
        for number, (others_of_kind, known) in enumerate(self._kinds):
            if others == others_of_kind and tables.keys() == known.keys():
                united = {name: unite_all([known[name], table]) for name, table in tables.items()}
                complete = {name: table for name, table in united.items() if table}
                if complete.keys() == tables.keys():
                    self._kinds[number] = others, complete
                    return number
        self._kinds.append((others, tables))
        return len(self._kinds) - 1


@lru_cache(maxsize=10_000)
def _words(sql: str) -> tuple[str, ...]:
    return tuple(words_of(sql))
