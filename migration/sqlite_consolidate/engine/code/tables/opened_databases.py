"""Tell which databases a program opens, by the names in it and beside it."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import has_only_literals, is_database
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table

_MOST_READ = 20  # databases of one program
_NAME = re.compile(r"(?<![\w%*$}.-])[\w-]+\.\w+(?![\w.-])")
_LITERAL_NAME = re.compile(rf"{_NAME.pattern}(?=[\"'`?])")
"""A name of a file at the end of a text, so that an attribute is none."""


class OpenedDatabases:
    """Know the databases that each file of code names.

    A file that names no database opens those that the files of the nearest folder name.
    """

    def __init__(
        self,
        scope: ScanScope,
        named: Mapping[str, Collection[str]],
        schema_of: Callable[[str], Schema | None] = lambda _: None,
    ) -> None:
        """Take each file of code with the databases that it names.

        Args:
            scope: What was scanned for the names.
            named: The databases, sources and target, that each file names.
            schema_of: Returns the schema of a database, or None if it cannot be read.
        """
        self._schema_of = cache(schema_of)
        self._known = {posixpath.basename(file) for file in (*scope.databases, scope.target)}
        self._named = named
        self._by_folder: dict[str, set[str]] = defaultdict(set)
        for file, databases in named.items():
            self._by_folder[posixpath.dirname(file)].update(databases)

    def of(self, file: str) -> frozenset[str]:
        """Return the databases that a file opens.

        There are none if neither it nor a file of a folder above it names one.
        """
        return frozenset(self._named.get(file) or self._nearest(file))

    def is_of_another(self, file: str, text: str) -> bool:
        """Return whether a file names only databases that were not looked for.

        Such a name has the ending of a database. A name with a part that is computed can be any.
        """
        if file in self._named:
            return False
        names = (_LITERAL_NAME if has_only_literals(file) else _NAME).findall(text)
        return any(is_database(name) and name not in self._known for name in names)

    def can_mean(self, file: str, tables: Collection[Table]) -> bool:
        """Return whether a file can mean some tables of a database that it does not open.

        It can if a database that it opens has tables with the same columns, as a database of the same program has.
        Of two versions, one may have further columns. It can as well if it opens none with such tables.
        """
        pairs = [[(table, schema.table(table.name)) for table in tables] for schema in self._with_tables(file, tables)]
        are_alike = (all(other and are_versions(table, other) for table, other in of_one) for of_one in pairs)
        return not pairs or any(are_alike)

    def is_of_program(self, file: str, schema: Schema, tables: Collection[Table]) -> bool:
        """Return whether a database may be one of the program that opens the databases of a file.

        It has the tables of each of them that has the tables which are asked about, by their names, or further ones or
        fewer.
        """
        opened = self._with_tables(file, tables)
        return all(_have_same_names(schema, other) for other in opened)

    def _with_tables(self, file: str, tables: Collection[Table]) -> list[Schema]:
        """Return the schemas of the databases that a file opens, if they have some tables."""
        schemas = filter(None, map(self._schema_of, sorted(self.of(file))[:_MOST_READ]))
        return [schema for schema in schemas if all(schema.table(table.name) for table in tables)]

    def _nearest(self, file: str) -> Collection[str]:
        folder = posixpath.dirname(file)
        while folder and folder not in self._by_folder:
            folder = posixpath.dirname(folder)
        return self._by_folder.get(folder, ())


def are_versions(table: Table, other: Table) -> bool:
    """Return whether one of two tables has all columns of the other one."""
    names, others = ({folded(column.name) for column in each.columns} for each in (table, other))
    return names <= others or others <= names


def _have_same_names(schema: Schema, other: Schema) -> bool:
    names, others = ({folded(table.name) for table in each.tables.values()} for each in (schema, other))
    return names <= others or others <= names


def databases_by_code(mentions: Iterable[tuple[str, Iterable[Mention]]]) -> dict[str, set[str]]:
    """Return each file of code with the databases that it names.

    Args:
        mentions: Each database with the places that name it.
    """
    named: dict[str, set[str]] = defaultdict(set)
    for database, places in mentions:
        for place in places:
            named[place.file].add(database)
    return dict(named)
